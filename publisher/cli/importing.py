"""subscribers import: files of readers, whoever wrote them."""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import click

from publisher.app import App
from publisher.app.copying import on_a_copy
from publisher.cli.bars import bar
from publisher.cli.common import Site, count, say, show_json, site_options, the_list
from publisher.core.errors import UsageError
from publisher.core.importing import Row, RowReader
from publisher.core.judging import Look, Wishes, must_have
from publisher.core.lists import MailingList
from publisher.core.standings import plain
from publisher.foreign.readerfiles import ReaderFile, opened
from publisher.services.importing import GROUPS, Imported, import_readers, offered_topics
from publisher.services.parts import Parts

NO_TOPICS: Mapping[str, str] = {}

ALL = "\0"
"""What `--left` is without a file: everybody in FILE has left."""


@click.command("import")
@site_options(at=True, as_json=True)
@click.argument("files", nargs=-1, type=click.Path(dir_okay=False, allow_dash=True), metavar="[FILE]...")
@click.option("--list", "list_slug", required=True, metavar="LIST", help="The list's slug.")
@click.option("--confirmed", is_flag=True, help="You state that these readers have agreed: active at once.")
@click.option(
    "--left",
    "left",
    multiple=True,
    is_flag=False,
    flag_value=ALL,
    metavar="FILE",
    help="A file of people who left: all of them, whatever its columns say. Repeatable.",
)
@click.option("--topics", "topics", default="", metavar="COLUMN", help="Tags in this column choose topics.")
@click.option(
    "--state-column",
    "states",
    multiple=True,
    metavar="NAME",
    help="This column says who is subscribed, and who left. Repeatable.",
)
@click.option(
    "--ignore-column",
    "ignored",
    multiple=True,
    metavar="NAME",
    help="This column says nothing about that. Repeatable.",
)
@click.option("--dry-run", is_flag=True, help="Say what would become of each row; store nothing.")
def import_(
    site: Site,
    as_json: bool,
    files: tuple[str, ...],
    list_slug: str,
    confirmed: bool,
    left: tuple[str, ...],
    topics: str,
    states: tuple[str, ...],
    ignored: tuple[str, ...],
    dry_run: bool,
) -> None:
    """Imports each FILE: CSV with an `email` column, or one address a line. `-` reads stdin. Exports of
    Mailchimp, Substack, Ghost, listmonk, Buttondown, Kit, beehiiv, MailerLite and Keila are recognized: who
    left or bounced there gets no mail here. A file that `export` wrote brings the readers of LIST back with
    what they chose.
    """
    app = site.open()
    spec = the_list(app, list_slug)
    given = _given(files, left)
    named = {"--state-column": states, "--ignore-column": ignored, "--topics": (topics,) if topics else ()}
    with ExitStack() as stack:
        looks = [
            _look(stack.enter_context(opened(file, sys.stdin.buffer)), _wishes(states, ignored, left=gone))
            for file, gone in given
        ]
        for option, names in named.items():
            must_have([look for _, look in looks], option, names)
        sources = _sources(app, spec, looks, topics)
        if dry_run:
            with on_a_copy(app) as parts:
                done = _run(parts, spec, sources, app.clock(), confirmed=confirmed)
        else:
            done = _run(app.parts, spec, sources, app.time_to_write(), confirmed=confirmed)
    _tell_columns(spec, sources)
    _report(done, sources, as_json=as_json, dry_run=dry_run)
    if done.asked and not dry_run:
        app.deliver()
    if done.refused:
        raise SystemExit(1)


@dataclass(frozen=True, slots=True)
class _Source:
    """A file, what stands in its columns, and what makes rows of it."""

    file: ReaderFile
    look: Look
    reader: RowReader

    def rows(self) -> Iterator[Row]:
        for line, cells in self.file.rows():
            row = self.reader(line, cells)
            if row is not None:
                yield row


def _given(files: Sequence[str], left: Sequence[str]) -> list[tuple[str, bool]]:
    """Each file, and whether everybody in it has left."""
    given = [(file, ALL in left) for file in files] + [(file, True) for file in left if file != ALL]
    if not given:
        raise UsageError("subscribers import", "no file is named", "name a CSV file, or - for stdin")
    if [file for file, _ in given].count("-") > 1:
        raise UsageError("subscribers import", "stdin can be read once", "name - once")
    return given


def _wishes(states: Iterable[str], ignored: Iterable[str], *, left: bool) -> Wishes:
    return Wishes(states=frozenset(map(plain, states)), ignored=frozenset(map(plain, ignored)), left=left)


def _look(file: ReaderFile, wishes: Wishes) -> tuple[ReaderFile, Look]:
    """Every row is looked at before any is stored: a file that cannot be understood is refused whole."""
    look = Look(file.name, file.head, wishes)
    for _, cells in file.rows():
        look.row(cells)
    return file, look


def _sources(
    app: App, spec: MailingList, looks: Sequence[tuple[ReaderFile, Look]], topics: str
) -> list[_Source]:
    """The files with what makes rows of them; says whose they are, and what cannot be told by them."""
    offered: Mapping[str, str] = offered_topics(app.parts, spec) if topics else NO_TOPICS
    if topics and not offered:
        what = f"the readers of {spec.slug} cannot choose topics"
        raise UsageError("--topics", what, 'add "topics" to readers_choose of the list, or leave it out')
    sources: list[_Source] = []
    for file, look in looks:
        reader = RowReader(look, spec.slug, app.parts.cadences, topics=topics, offered=offered)
        whose = f"export of {reader.provider}" if reader.provider else "nobody's export that we know"
        say(f"{file.name}: {whose}, {count(look.rows, 'row')}")
        if file.guessed:
            say(f"{file.name}: neither UTF-8 nor UTF-16; read as Windows-1252")
        if reader.warning:
            say(f"{file.name}: {reader.warning}")
        sources.append(_Source(file, look, reader))
    return sources


def _run(
    parts: Parts, spec: MailingList, sources: Sequence[_Source], now: datetime, *, confirmed: bool
) -> Imported:
    done = Imported()
    total = sum(source.look.rows for source in sources)
    with bar("importing", total, parts.ticks) as update:
        for source in sources:
            where = source.file.name
            given: dict[str, Any] = {"confirmed": confirmed, "where": where, "done": done}
            for _ in import_readers(parts, spec, source.rows(), now, **given):
                update(done.rows + sum(one.reader.others for one in sources))
    return done


def _tell_columns(spec: MailingList, sources: Sequence[_Source]) -> None:
    """What was passed over, once."""
    if ignored := dict.fromkeys(name for source in sources for name in source.reader.ignored):
        say(f"columns ignored: {', '.join(ignored)}")
    unoffered: dict[str, int] = {}
    for source in sources:
        for tag, number in source.reader.unoffered.items():
            unoffered[tag] = unoffered.get(tag, 0) + number
    if unoffered:
        tags = sorted(unoffered.items(), key=lambda item: -item[1])
        shown = ", ".join(f"{tag} ({number:,})" for tag, number in tags[:10])
        more = f" and {count(len(tags) - 10, 'more')}" if len(tags) > 10 else ""
        say(f"tags that are no topic of {spec.slug}: {shown}{more}")


def _report(done: Imported, sources: Sequence[_Source], *, as_json: bool, dry_run: bool) -> None:
    """Counts by group and reason; with --dry-run they are what the command is for, so data."""
    for line in done.bad:
        say(line)
    if done.refused > len(done.bad):
        say(f"... and {count(done.refused - len(done.bad), 'more row')} that cannot be used")
    order = {group: place for place, group in enumerate(GROUPS)}
    rows = sorted(done.reasons.items(), key=lambda item: (order[item[0][0]], -item[1], item[0][1]))
    others = sum(source.reader.others for source in sources)
    if as_json:
        show_json(_as_json(done, rows, others, dry_run=dry_run))
        return
    tell: Callable[[str], Any] = click.echo if dry_run else say
    for (group, reason), number in rows:
        tell(f"{group:<11} {number:>10,}  {reason}")
        for example in done.examples[group, reason] if dry_run else ():
            tell(f"{'':<24}{example}")
    totals = {group: sum(n for (one, _), n in rows if one == group) for group in GROUPS}
    said = [f"{number:,} {group}" for group, number in totals.items() if number]
    said += [f"{others:,} of other lists passed over"] if others else []
    tell(("would be: " if dry_run else "") + (", ".join(said) or "no rows below the first line"))


def _as_json(
    done: Imported, rows: Sequence[tuple[tuple[str, str], int]], others: int, *, dry_run: bool
) -> dict[str, object]:
    return {
        "dry_run": dry_run,
        "outcomes": [
            {"outcome": group, "reason": reason, "rows": number, "examples": done.examples[group, reason]}
            for (group, reason), number in rows
        ],
        "other_lists": others,
        "asked": done.asked,
    }
