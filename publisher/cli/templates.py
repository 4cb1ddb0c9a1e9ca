"""templates: list, show, copy and compare the templates of mails and pages."""

import click

from publisher.cli.common import (
    SiteOptions,
    echo,
    say,
    show_json,
    show_table,
    site_options,
)
from publisher.cli.help import group


@group()
def templates() -> None:
    """Look at the templates of mails and pages, and make them your own."""


@templates.command("list", examples=(("See every template", "publisher templates list"),))
@site_options(as_json=True)
def templates_list(site: SiteOptions, as_json: bool) -> None:
    """List every template, and say which are your own."""
    files = site.open(reads=True).site_templates.files()
    if as_json:
        show_json([{"name": one.name, "own": one.own, "outdated": one.outdated} for one in files])
        return
    outdated = "the packaged one has changed since you copied it"
    show_table(
        ("template", "whose", "note"),
        [(one.name, "own" if one.own else "packaged", outdated * one.outdated) for one in files],
        cut=("template", "note"),
    )


@templates.command(
    "show", examples=(("Read a packaged template", "publisher templates show email/digest/body.html"),)
)
@site_options()
@click.argument("name")
def templates_show(site: SiteOptions, name: str) -> None:
    """Print the packaged template NAME, such as email/digest/body.html."""
    echo(site.open(reads=True).site_templates.show(name), nl=False)


@templates.command(
    "copy", examples=(("Change a template", "publisher templates copy email/digest/body.html"),)
)
@site_options()
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
def templates_copy(site: SiteOptions, names: tuple[str, ...]) -> None:
    """Copy packaged templates into your templates folder, to change them there."""
    app = site.open(reads=True)
    for name in names:
        say(f"copied to {app.site_templates.copy(name.removeprefix('templates/'))}")


@templates.command(
    "diff", examples=(("See what you changed, and what an upgrade changed", "publisher templates diff"),)
)
@site_options()
@click.argument("names", nargs=-1, metavar="[NAME]...")
def templates_diff(site: SiteOptions, names: tuple[str, ...]) -> None:
    """Show how your templates differ, and what their originals have gained since you copied them."""
    own = site.open(reads=True).site_templates
    chosen = [name.removeprefix("templates/") for name in names]
    for one in own.files():
        if not one.own or (chosen and one.name not in chosen):
            continue
        if difference := own.difference(one.name):
            echo(f"templates/{one.name}: your changes")
            echo(difference)
        if changes := own.changes(one.name):
            echo(f"templates/{one.name}: changes of the packaged template since you copied it")
            echo(changes)
