"""subscribers import: a file of readers, whoever wrote it."""

import csv
import sys
from collections.abc import Collection, Iterator
from pathlib import Path

import click

from publisher.cli.bars import bar
from publisher.cli.common import Site, count, say, site_options, the_list
from publisher.core.errors import PublisherError, Refused
from publisher.core.exported import CHOICES, COLUMNS, NoChoice, from_cells, unguarded
from publisher.core.lists import Joined, State
from publisher.services.importing import Imported, Line, import_readers, unusable

ADDRESSES = frozenset({"email", "e-mail", "email address", "address"})
"""What the column of addresses is called."""

SAID = {
    Joined.ADDED: "added",
    Joined.ALREADY: "there already",
    Joined.ACTIVATED: "activated",
    Joined.RETURNED: "back",
    Joined.LEFT: "left out (they had left, or are suppressed)",
}


@click.command("import")
@site_options(at=True)
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True))
@click.option("--list", "list_slug", required=True, metavar="LIST", help="The list's slug.")
@click.option("--confirmed", is_flag=True, help="You state that these readers have agreed: active at once.")
@click.option("--dry-run", is_flag=True, help="Check the file; store nothing.")
def import_(site: Site, file: str, list_slug: str, confirmed: bool, dry_run: bool) -> None:
    """Imports FILE: CSV with an `email` column, or one address a line. `-` reads stdin. A file that `export`
    wrote brings the readers of LIST back with what they chose.
    """
    app = site.open()
    spec = the_list(app, list_slug)
    lines = _Lines(file, spec.slug, app.parts.cadences)
    if dry_run:
        _report_bad(list(unusable(lines)))
        return
    done = Imported(counts=dict.fromkeys(Joined, 0))
    with bar("importing", _size(file), app.parts.ticks) as update:
        for done in import_readers(app.parts, spec, lines, app.time_to_write(), confirmed=confirmed):
            update(sum(done.counts.values()) + done.gone + len(done.bad))
    said = [f"{number:,} {SAID[joined]}" for joined, number in done.counts.items() if number]
    said += [f"{done.gone:,} noted as gone"] if done.gone else []
    said += [f"{lines.others:,} of other lists passed over"] if lines.others else []
    say(", ".join(said) or "no address in the file")
    if done.asked:
        app.deliver()
    _report_bad(list(done.bad))


def _report_bad(bad: list[str]) -> None:
    for line in bad[:20]:
        say(line)
    if len(bad) > 20:
        say(f"... and {count(len(bad) - 20, 'more line')} that cannot be used")
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


class _Lines:
    """The lines of a CSV with a column of addresses, or of a plain file of addresses. Of an export, those of
    one list, with state and choices; `others` counts the rest.
    """

    def __init__(self, file: str, slug: str, cadences: Collection[str]) -> None:
        self._file, self._slug, self._cadences = file, slug, cadences
        self.others = 0

    def __iter__(self) -> Iterator[Line]:
        if self._file == "-":
            yield from self._parse(sys.stdin)
            return
        try:
            with Path(self._file).open(encoding="utf-8-sig", newline="") as stream:
                yield from self._parse(stream)
        except OSError as error:
            what = f"cannot be read ({error.strerror})"
            raise PublisherError(self._file, what, "name a CSV file") from None

    def _parse(self, stream: Iterator[str]) -> Iterator[Line]:
        lines = csv.reader(stream)
        try:
            first: list[str] = next(lines, [""])
            names = [name.strip().casefold() for name in first]
            column = next((i for i, name in enumerate(names) if name in ADDRESSES), None)
            if column is None and not any("@" in name for name in names):
                raise Refused(self._file, "no column is called `email`", "name it so in the first line")
            if column is None:
                column = next(i for i, name in enumerate(names) if "@" in name)
                yield Line(1, first[column])
            ours = set(COLUMNS) <= set(names)
            for row in lines:
                address = row[column] if column < len(row) else ""
                if ours:
                    yield from self._exported(lines.line_num, dict(zip(names, row, strict=False)))
                elif any(row):
                    yield Line(lines.line_num, unguarded(address))
        except (UnicodeDecodeError, csv.Error) as error:
            where = f"{self._file}:{lines.line_num + 1}"
            raise PublisherError(where, f"no CSV in UTF-8 ({error})", "export it again") from None

    def _exported(self, number: int, cells: dict[str, str]) -> Iterator[Line]:
        """The reader of a line that `export` wrote, if it is of this list."""
        if not any(cells.values()):
            return
        if cells.get("list") != self._slug:
            self.others += 1
            return
        cells = {name: unguarded(cell) for name, cell in cells.items()}
        address, word = cells.get("email", ""), cells.get("state", "")
        try:
            choices = from_cells({name: cells.get(name, "") for name in CHOICES}, self._cadences)
            yield Line(number, address, choices, State(word))
        except NoChoice as error:
            yield Line(number, address, wrong=str(error))
        except ValueError:
            states = ", ".join(State)
            yield Line(number, address, wrong=f"state is {word[:80]!r}; use one of {states}")
