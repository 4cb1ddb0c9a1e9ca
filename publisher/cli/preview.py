"""preview, test-send."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import click

from publisher.cli.common import SiteOptions, echo, say, site_options, the_list
from publisher.core.mail.lint.problem import LintProblem
from publisher.core.mail.message import SendVerdict
from publisher.services.digests.preview import send_test


@click.command()
@site_options(at=True)
@click.argument("list_slug", metavar="LIST")
@click.option("--as", "reader", default="", metavar="ADDRESS", help="Exactly what this reader would get now.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder to write to (default: preview/LIST).")
@click.option(
    "--serve", "served", is_flag=True, help="Show it in a browser instead, anew whenever a template changes."
)
@click.option("--port", type=click.IntRange(0, 65535), default=8025, show_default=True, help="For --serve.")
def preview(
    site: SiteOptions, list_slug: str, reader: str, out: Path | None, served: bool, port: int
) -> None:
    """The next digest of LIST as subject.txt, body.html, body.txt and message.eml."""
    if served:
        serve_preview(site, list_slug, reader, port)
        return
    app = site.open(reads=True)
    spec = the_list(app, list_slug)
    drawn = app.preview(spec, reader)
    if drawn.note:
        say(drawn.note)
    folder = out or site.folder / "preview" / spec.slug
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in drawn.files().items():
        (folder / name).write_bytes(data)
        echo(folder / name)
    say_problems(drawn.problems)


@click.command("test-send")
@site_options(at=True)
@click.argument("list_slug", metavar="LIST")
@click.argument("address", metavar="ADDRESS")
@click.option("--dry-run", is_flag=True, help="Say what would be sent; send nothing.")
def test_send(site: SiteOptions, list_slug: str, address: str, dry_run: bool) -> None:
    """Sends the next digest of LIST to ADDRESS, its subject marked [Test]. No reader's mail depends on it."""
    app = site.open(reads=True)
    spec = the_list(app, list_slug)
    drawn, outcome = send_test(app.deps, spec, address, app.clock(), dry_run=dry_run)
    say_problems(drawn.problems)
    if outcome is None:
        say(f"would send to {address}: {drawn.letter.subject}")
        return
    say(f"{outcome.verdict.value}: {drawn.letter.subject}" + (f" ({outcome.reply})" if outcome.reply else ""))
    if outcome.verdict is not SendVerdict.ACCEPTED:
        raise SystemExit(1)


def say_problems(problems: Iterable[LintProblem]) -> None:
    """Prints a line for each problem the lint found."""
    for problem in problems:
        say(("" if problem.error else "warning: ") + str(problem))


def serve_preview(site: SiteOptions, list_slug: str, reader: str, port: int) -> None:
    """Carries out `preview --serve`: renders again whenever a template, a setting or a document changes."""
    from publisher.web.preview import PreviewFiles, PreviewServer

    opened = site.open(reads=True)
    spec = the_list(opened, list_slug)
    watched = [*opened.template_folders, site.folder / "publisher.toml", opened.public / "manifest.json"]
    opened.close()

    def draw() -> PreviewFiles:
        app = site.load()  # anew: settings may have changed
        try:
            drawn = app.preview(the_list(app, list_slug), reader)
        finally:
            app.close()
        files: Mapping[str, bytes] = drawn.files()
        notes = [("warning", drawn.note)] if drawn.note else []
        notes += [("error" if p.error else "warning", str(p)) for p in drawn.problems]
        return PreviewFiles(
            title=f"{spec.title} – preview",
            files=files,
            notes=tuple(notes),
            public=(app.settings.site.public_url, app.public),
        )

    server = PreviewServer(draw, watched, port)
    say(f"preview on {server.url} (Ctrl-C ends it)")
    server.serve()
