"""subscribers import: files of subscribers from any service."""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import click

from publisher.app import App
from publisher.app.backup import on_a_copy
from publisher.cli.common import (
    SiteOptions,
    count,
    list_option,
    say,
    show_json,
    site_options,
    the_list,
)
from publisher.cli.help import NearestChoice, command
from publisher.cli.progress import bar
from publisher.core.errors import UsageError
from publisher.core.subscribers.cadences import CADENCES
from publisher.core.subscribers.csv_cells import normalized
from publisher.core.subscribers.import_columns import FileScan, ScanOptions, require_columns
from publisher.core.subscribers.import_providers import LISTMONK
from publisher.core.subscribers.import_rows import ImportRow, RowParser, address_cell
from publisher.core.subscribers.subscription import MailingList
from publisher.imports.subscriber_files import (
    AnySubscriberFile,
    ListmonkPages,
    choose_list,
    missing_pages,
    opened,
)
from publisher.services.deps import Deps
from publisher.services.subscribers.import_csv import (
    GROUPS,
    Imported,
    Suppressed,
    import_readers,
    offered_topics,
    suppress_rows,
)

NO_TOPICS: Mapping[str, str] = {}

DRY_RUN_GROUPS = frozenset({"active", "pending", "left", "suppressed", "refused"})
"""What a dry run counts even if it is none."""

EVERYBODY_LEFT = "\0"
"""The value of `--left` without a file: everybody in FILE has left."""


@command(
    "import",
    examples=(
        (
            "See what would become of each row",
            "publisher subscribers import members.csv --list daily --dry-run",
        ),
        ("Import an export of another service", "publisher subscribers import members.csv --list daily"),
        (
            "Import readers who have agreed, and those who left",
            "publisher subscribers import members.csv --left left.csv --list daily --confirmed",
        ),
    ),
)
@site_options(at=True, as_json=True)
@click.argument("files", nargs=-1, type=click.Path(dir_okay=False, allow_dash=True), metavar="[FILE]...")
@list_option(required=True)
@click.option("--confirmed", is_flag=True, help="You state that these readers have agreed: active at once.")
@click.option(
    "--left",
    "left",
    multiple=True,
    is_flag=False,
    flag_value=EVERYBODY_LEFT,
    metavar="FILE",
    help="A file of people who unsubscribed, whatever its columns say. Repeatable.",
)
@click.option(
    "--topics", "topics", default="", metavar="COLUMN", help="Turn the tags in this column into topics."
)
@click.option(
    "--state-column",
    "states",
    multiple=True,
    metavar="NAME",
    help="This column tells who is subscribed and who is not. Repeatable.",
)
@click.option(
    "--ignore-column",
    "ignored",
    multiple=True,
    metavar="NAME",
    help="This column does not tell who is subscribed. Repeatable.",
)
@click.option(
    "--filtered",
    type=NearestChoice(["confirmed"]),
    help="How listmonk's CSV was filtered: it has only confirmed subscriptions, which become active.",
)
@click.option(
    "--unconfirmed",
    type=NearestChoice(["active", "pending"]),
    help="How to import the readers of a single opt-in list of listmonk's.",
)
@click.option(
    "--from-list",
    default="",
    metavar="ID",
    help="listmonk's list, by id or name, if its JSON has several.",
)
@click.option("--dry-run", is_flag=True, help="Show what would happen to the rows; store nothing.")
def import_(
    site: SiteOptions,
    as_json: bool,
    files: tuple[str, ...],
    list_slug: str,
    confirmed: bool,
    left: tuple[str, ...],
    topics: str,
    states: tuple[str, ...],
    ignored: tuple[str, ...],
    filtered: str | None,
    unconfirmed: str | None,
    from_list: str,
    dry_run: bool,
) -> None:
    """Import each FILE: CSV with an `email` column, or one address per line; `-` reads stdin. Exports of
    Mailchimp, Substack, Ghost, listmonk, Buttondown, Kit, beehiiv, MailerLite and Keila are recognized, and
    whoever unsubscribed or bounced there is not mailed. Pages of listmonk's API, saved as JSON, are read too.
    A file from `subscribers export` restores the readers of LIST with their preferences.
    """
    app = site.open()
    spec = the_list(app, list_slug)
    given = input_files(files, left)
    named = {"--state-column": states, "--ignore-column": ignored, "--topics": (topics,) if topics else ()}
    with ExitStack() as stack:
        found = [(stack.enter_context(opened(name, sys.stdin.buffer)), gone) for name, gone in given]
        read_listmonk_pages([file for file, _ in found], from_list, unconfirmed)
        scans: list[tuple[AnySubscriberFile, FileScan]] = []
        for file, gone in found:
            columns = ScanOptions(
                states=frozenset(map(normalized, states)),
                ignored=frozenset(map(normalized, ignored)),
                left=gone,
                confirmed=confirmed,
                filtered=filtered or "",
                unconfirmed=unconfirmed or "",
            )
            scans.append(scan_file(file, columns))
        for option, names in named.items():
            require_columns([scan for _, scan in scans], option, names)
        sources = make_sources(app, spec, scans, topics)
        if filtered and all(source.reader.provider != LISTMONK.name for source in sources):
            what = "none of the files is a CSV export of listmonk"
            raise UsageError("--filtered", what, "leave it out")
        if dry_run:
            with on_a_copy(app) as deps:
                done = import_all(deps, spec, sources, app.clock(), confirmed=confirmed)
        else:
            done = import_all(app.deps, spec, sources, app.time_to_write(), confirmed=confirmed)
    say_ignored(spec, sources)
    print_report(done, sources, as_json=as_json, dry_run=dry_run)
    if done.asked and not dry_run:
        app.deliver()
    if done.refused:
        raise SystemExit(1)


def suppress_files(
    app: App, files: Sequence[str], spec: MailingList | None, what: str, *, dry_run: bool
) -> None:
    """Suppresses every address in `files`, whatever their other columns say. Exits 1 if a row has none."""
    done = Suppressed()
    with ExitStack() as stack:
        for name in files:
            file = stack.enter_context(opened(name, sys.stdin.buffer))
            find = address_cell(file.head)
            rows = ((line, find(cells)) for line, cells in file.rows())
            suppress_rows(app.deps, rows, spec, app.clock(), done, where=file.name, dry_run=dry_run)
    for line in done.bad:
        say(line)
    if done.refused > len(done.bad):
        say(f"... and {count(done.refused - len(done.bad), 'more row')} refused")
    gets = "would get" if dry_run else "gets" if len(done.keys) == 1 else "get"
    say(f"{count(len(done.keys), 'address', 'addresses')} {gets} no mail {what}")
    if done.known:
        say(f"{count(done.known, 'address', 'addresses')} had been suppressed before")
    if done.refused:
        raise SystemExit(1)


@dataclass(frozen=True, slots=True)
class ImportSource:
    """A file, the scan of its columns, and the parser of its rows."""

    file: AnySubscriberFile
    scan: FileScan
    reader: RowParser

    def departures(self) -> Iterator[ImportRow]:
        """Rows of people who left, whose mail bounced, and so on."""
        if self.reader.tells_departures:
            return self._rows(self.reader.without_counts().departure)
        return iter(())

    def others(self) -> Iterator[ImportRow]:
        """All other rows."""
        return (row for row in self._rows(self.reader) if not row.departs)

    def _rows(self, parse: Callable[[int, Sequence[str]], ImportRow | None]) -> Iterator[ImportRow]:
        parsed = (parse(line, cells) for line, cells in self.file.rows())
        return (row for row in parsed if row is not None)


def input_files(files: Sequence[str], left: Sequence[str]) -> list[tuple[str, bool]]:
    """Each file, and whether everybody in it unsubscribed."""
    given = [(file, EVERYBODY_LEFT in left) for file in files] + [
        (file, True) for file in left if file != EVERYBODY_LEFT
    ]
    if not given:
        raise UsageError("subscribers import", "no file given", "name a CSV file, or - for stdin")
    if [file for file, _ in given].count("-") > 1:
        raise UsageError("subscribers import", "stdin can be read only once", "give - once")
    return given


def read_listmonk_pages(files: Sequence[AnySubscriberFile], from_list: str, unconfirmed: str | None) -> None:
    """Settles which of listmonk's lists its pages are about; says which pages are missing."""
    pages = [file for file in files if isinstance(file, ListmonkPages)]
    for option, value in (("--from-list", from_list), ("--unconfirmed", unconfirmed)):
        if value and not pages:
            raise UsageError(option, "none of the files is JSON of listmonk's API", "leave it out")
    if pages:
        choose_list(pages, from_list)
        if lacking := missing_pages(pages):
            say(f"{pages[0].name}: {lacking}")


def scan_file(file: AnySubscriberFile, options: ScanOptions) -> tuple[AnySubscriberFile, FileScan]:
    """Scans every row before any is stored, so that an unreadable file is refused as a whole."""
    scan = FileScan(file.name, file.head, options)
    for _, cells in file.rows():
        scan.row(cells)
    return file, scan


def make_sources(
    app: App, spec: MailingList, scans: Sequence[tuple[AnySubscriberFile, FileScan]], topics: str
) -> list[ImportSource]:
    """The files with their parsers; says which exports they are, and what they lack."""
    offered: Mapping[str, str] = offered_topics(app.store, spec) if topics else NO_TOPICS
    if topics and not offered:
        what = f"readers of {spec.slug} cannot choose topics"
        raise UsageError("--topics", what, 'add "topics" to readers_choose of the list, or leave it out')
    sources: list[ImportSource] = []
    for file, scan in scans:
        reader = RowParser(scan, spec.slug, CADENCES, topics=topics, offered=offered)
        kind = f"{reader.provider} export" if reader.provider else "plain file"
        rows = count(scan.rows, "row") if scan.rows else "a header but no rows" if file.head else "no rows"
        say(f"{file.name}: {kind}, {rows}")
        if file.guessed:
            say(f"{file.name}: neither UTF-8 nor UTF-16; read as Windows-1252")
        if reader.warning:
            say(f"{file.name}: {reader.warning}")
        sources.append(ImportSource(file, scan, reader))
    return sources


def import_all(
    deps: Deps, spec: MailingList, sources: Sequence[ImportSource], now: datetime, *, confirmed: bool
) -> Imported:
    """Imports the departures of all files first, so that a digest sent meanwhile does not reach people who
    left.
    """
    done = Imported()
    total = sum(source.scan.rows for source in sources)
    passes = [(source, source.departures) for source in sources]
    passes += [(source, source.others) for source in sources]
    with bar("importing", total, deps.process.monotonic) as update:
        for source, rows in passes:
            given: dict[str, Any] = {
                "confirmed": confirmed or source.reader.states_consent,
                "where": source.file.name,
                "done": done,
            }
            for _ in import_readers(deps, spec, rows(), now, **given):
                update(done.rows + sum(one.reader.others for one in sources))
    return done


def say_ignored(spec: MailingList, sources: Sequence[ImportSource]) -> None:
    """Says once for all files which columns and tags were ignored."""
    if ignored := dict.fromkeys(name for source in sources for name in source.reader.ignored):
        say(f"ignored columns: {', '.join(ignored)}")
    unoffered: dict[str, int] = {}
    for source in sources:
        for tag, number in source.reader.unoffered.items():
            unoffered[tag] = unoffered.get(tag, 0) + number
    if unoffered:
        tags = sorted(unoffered.items(), key=lambda item: -item[1])
        shown = ", ".join(f"{tag} ({number:,})" for tag, number in tags[:10])
        more = f" and {count(len(tags) - 10, 'more')}" if len(tags) > 10 else ""
        say(f"tags that are not topics of {spec.slug}: {shown}{more}")


def print_report(done: Imported, sources: Sequence[ImportSource], *, as_json: bool, dry_run: bool) -> None:
    """Counts by group and reason. With --dry-run they are the command's output, so they go to stdout."""
    for line in done.bad:
        say(line)
    if done.refused > len(done.bad):
        say(f"... and {count(done.refused - len(done.bad), 'more row')} refused")
    if done.inactive:
        hidden = done.inactive_rows - len(done.inactive)
        more = f" and {count(hidden, 'more')}" if hidden else ""
        say(f"not active there, so not stored here: {', '.join(done.inactive)}{more}")
    order = {group: place for place, group in enumerate(GROUPS)}
    rows = sorted(done.reasons.items(), key=lambda item: (order[item[0][0]], -item[1], item[0][1]))
    others = sum(source.reader.others for source in sources)
    if as_json:
        show_json(report_json(done, rows, others, dry_run=dry_run))
        return
    tell: Callable[[str], Any] = click.echo if dry_run else say
    for (group, reason), number in rows:
        tell(f"{group:<11} {number:>10,}  {reason}")
        for example in done.examples[group, reason] if dry_run else ():
            tell(f"{'':<24}{example}")
    totals = {group: sum(n for (one, _), n in rows if one == group) for group in GROUPS}
    shown = DRY_RUN_GROUPS if dry_run else ()
    said = [f"{number:,} {group}" for group, number in totals.items() if number or group in shown]
    said += [f"{others:,} of other lists skipped"] if others else []
    tell(("would be: " if dry_run else "") + (", ".join(said) or "no rows"))


def report_json(
    done: Imported, rows: Sequence[tuple[tuple[str, str], int]], others: int, *, dry_run: bool
) -> dict[str, object]:
    """The report as JSON."""
    return {
        "dry_run": dry_run,
        "outcomes": [
            {"outcome": group, "reason": reason, "rows": number, "examples": done.examples[group, reason]}
            for (group, reason), number in rows
        ],
        "totals": {
            group.replace(" ", "_"): sum(number for (one, _), number in rows if one == group)
            for group in GROUPS
        },
        "inactive": done.inactive,
        "other_lists": others,
        "asked": done.asked,
    }
