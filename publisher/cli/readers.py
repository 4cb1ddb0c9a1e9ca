"""subscribers: add, list, import; and what persons.py has."""

import csv
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from publisher.cli.bars import bar
from publisher.cli.common import Site, count, say, show_json, site_options, the_list, utc
from publisher.cli.persons import erase, export, show, suppress, unsubscribe
from publisher.core.errors import PublisherError, Refused
from publisher.core.lists import Joined, State
from publisher.services import subscribe


@click.group()
def subscribers() -> None:
    """Readers by email: add, list and import them; let one leave, or see and forget what is kept."""


@subscribers.command("add")
@site_options(at=True)
@click.argument("address")
@click.option("--list", "list_slug", required=True, metavar="LIST", help="The list's slug.")
@click.option(
    "--confirmed", is_flag=True, help="The reader has agreed: active at once, no confirmation mail."
)
def add(site: Site, address: str, list_slug: str, confirmed: bool) -> None:
    """Adds ADDRESS to LIST; without --confirmed the reader is asked first."""
    app = site.open()
    joined = subscribe.add(app.parts, the_list(app, list_slug), address, app.clock(), confirmed=confirmed)
    say(f"{address}: {_JOINED[joined]}")
    if not confirmed and joined is Joined.ADDED:
        app.deliver()


_JOINED = {
    Joined.ADDED: "added",
    Joined.ALREADY: "was there already; nothing changed",
    Joined.ACTIVATED: "was waiting for confirmation and is now active",
    Joined.RETURNED: "is back, and asked to confirm",
    Joined.LEFT: "has left",
}


@subscribers.command("list")
@site_options(as_json=True)
@click.option("--list", "list_slug", metavar="LIST", help="Only this list.")
@click.option("--state", type=click.Choice([str(s) for s in State]), help="Only this state.")
def list_(site: Site, as_json: bool, list_slug: str | None, state: str | None) -> None:
    """Every subscription: address, list, state, when the next digest is due."""
    app = site.open()
    if list_slug is not None:
        the_list(app, list_slug)
    found = app.store.subscriptions(list_slug, State(state) if state else None)
    if as_json:
        rows = [
            {
                "address": s.address,
                "list": s.list,
                "state": s.state,
                "since": utc(s.created_at),
                "confirmed": utc(s.confirmed_at),
                "next_due": utc(s.next_due_at) if s.state is State.ACTIVE else None,
            }
            for s in found
        ]
        show_json(rows)
        return
    for s in found:
        due = f"  due {utc(s.next_due_at)}" if s.state is State.ACTIVE else ""
        click.echo(f"{s.address}  {s.list}  {s.state}{due}")


@subscribers.command("import")
@site_options(at=True)
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True))
@click.option("--list", "list_slug", required=True, metavar="LIST", help="The list's slug.")
@click.option("--confirmed", is_flag=True, help="You state that these readers have agreed: active at once.")
@click.option("--dry-run", is_flag=True, help="Check the file; store nothing.")
def import_(site: Site, file: str, list_slug: str, confirmed: bool, dry_run: bool) -> None:
    """Imports FILE: CSV with an `email` column, or one address a line. `-` reads stdin."""
    app = site.open()
    spec = the_list(app, list_slug)
    rows = _rows(file)
    if dry_run:
        bad = list(subscribe.unreadable(rows))
        _report_bad(bad)
        return
    done = subscribe.Imported(counts=dict.fromkeys(Joined, 0), bad=())
    with bar("importing", _size(file), app.parts.ticks) as update:
        for done in subscribe.import_readers(app.parts, spec, rows, app.clock(), confirmed=confirmed):
            update(sum(done.counts.values()) + len(done.bad))
    said = [f"{number:,} {_IMPORTED[joined]}" for joined, number in done.counts.items() if number]
    say(", ".join(said) or "no address in the file")
    if not confirmed:
        app.deliver()
    _report_bad(list(done.bad))


_IMPORTED = {
    Joined.ADDED: "added",
    Joined.ALREADY: "there already",
    Joined.ACTIVATED: "activated",
    Joined.RETURNED: "back",
    Joined.LEFT: "left out (they had left, or are suppressed)",
}


def _report_bad(bad: list[str]) -> None:
    for line in bad[:20]:
        say(line)
    if len(bad) > 20:
        say(f"... and {count(len(bad) - 20, 'more line')} that hold no address")
    if bad:
        raise SystemExit(1)


def _size(file: str) -> int | None:
    """Lines of a file, for the bar; unknown for stdin."""
    if file == "-":
        return None
    try:
        with Path(file).open("rb") as lines:
            return sum(chunk.count(b"\n") for chunk in iter(lambda: lines.read(1 << 20), b""))
    except OSError:
        return None


def _rows(file: str) -> Iterator[tuple[int, str]]:
    """(line, address) of a CSV with an `email` column, or of a plain file of addresses."""
    if file == "-":
        yield from _parse(file, sys.stdin)
        return
    try:
        with Path(file).open(encoding="utf-8-sig", newline="") as stream:
            yield from _parse(file, stream)
    except OSError as error:
        raise PublisherError(file, f"cannot be read ({error.strerror})", "name a CSV file") from None


def _parse(file: str, stream: Iterator[str]) -> Iterator[tuple[int, str]]:
    lines = csv.reader(stream)
    try:
        first: list[str] = next(lines, [""])
        names = [name.strip().casefold() for name in first]
        column = next((i for i, name in enumerate(names) if name in _COLUMNS), None)
        if column is None and not any("@" in name for name in names):
            raise Refused(file, "no column is called `email`", "name it so in the first line")
        if column is None:
            column = next(i for i, name in enumerate(names) if "@" in name)
            yield 1, first[column]
        for row in lines:
            if any(row):
                yield lines.line_num, row[column] if column < len(row) else ""
    except (UnicodeDecodeError, csv.Error) as error:
        raise PublisherError(
            f"{file}:{lines.line_num + 1}", f"no CSV in UTF-8 ({error})", "export it again"
        ) from None


_COLUMNS = frozenset({"email", "e-mail", "email address", "address"})

for command in (show, unsubscribe, suppress, erase, export):
    subscribers.add_command(command)
