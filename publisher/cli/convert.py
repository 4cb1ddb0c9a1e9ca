"""`convert` turns another platform's export into a folder of Markdown posts."""

import time
from pathlib import Path

import click

from publisher.cli.common import count, echo, say, show_json
from publisher.cli.help import NearestChoice, command
from publisher.cli.progress import progress_line
from publisher.convert.blog import PLATFORMS, Conversion, convert_blog, read_export, write_folder


@command(
    examples=(
        (
            "See what would be written, and what cannot be carried over",
            "publisher convert ghost export.json posts --dry-run",
        ),
        ("Convert, with pictures", "publisher convert ghost export.json posts --pictures content/images"),
        ("Convert the archive of a Substack", "publisher convert substack export.zip posts"),
    )
)
@click.argument("platform", type=NearestChoice(list(PLATFORMS)))
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--pictures",
    metavar="DIR",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="The old blog's uploads folder (Ghost: content/images; WordPress: wp-content/uploads). "
    "Pictures that posts show are copied.",
)
@click.option("--dry-run", is_flag=True, help="Show what would be written; write nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def convert(
    platform: str, file: Path, folder: Path, pictures: Path | None, dry_run: bool, as_json: bool
) -> None:
    """Write the posts of a blog's export into DIR as Markdown with front matter.

    Posts that only members, paying readers or holders of a password could read are marked hidden. Existing
    files are never overwritten. To keep the ids that feed readers know, adopt the same export before the
    first publish: `publisher adopt FILE`. Of a Substack, adopt the feed, because the archive has no ids.
    """
    export = read_export(platform, file)
    with progress_line(time.monotonic) as progress:
        made = convert_blog(platform, export, pictures, progress)
        new = 0 if dry_run else write_folder(made, folder, progress)
    if as_json:
        show_json(
            {
                "posts": len(made.files),
                "written": new,
                "pictures": len(made.pictures),
                "drafts": made.drafts,
                "hidden": dict(made.hidden),
                "missing_pictures": sorted(made.missing_pictures),
                "lost": [{"what": w, "count": n, "first": made.first.get(w)} for w, n in made.lost.items()],
            }
        )
    else:
        print_conversion(made, folder, dry_run=dry_run)


def print_conversion(made: Conversion, folder: Path, *, dry_run: bool) -> None:
    """Prints what was written, and what could not be carried over."""
    for what, number in sorted(made.lost.items()):
        first = made.first.get(what)
        echo(f"not carried over: {what}, {number}" + (f" (first in {first})" if first else ""))
    for path in sorted(made.missing_pictures)[:3]:
        echo(f"picture not found: {path}")
    if len(made.missing_pictures) > 3:
        echo(f"pictures not found: {len(made.missing_pictures) - 3} more")
    kept = [f"{number} {why}" for why, number in sorted(made.hidden.items())]
    details = [count(made.drafts, "draft")] if made.drafts else []
    details += [f"{made.hidden.total()} hidden: {', '.join(kept)}"] if kept else []
    would = "would write" if dry_run else "wrote"
    pictures = f" and {count(len(made.pictures), 'picture')}" if made.pictures else ""
    say(
        f"{would} {count(len(made.files), 'post')}{pictures} to {folder}"
        + (f" ({'; '.join(details)})" if details else "")
    )
    if made.missing_pictures and not made.pictures:
        say("to copy pictures, name the folder of uploads with --pictures")
