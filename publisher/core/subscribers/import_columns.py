"""How the rows of one file are classified: whose export it is, and which columns tell who still gets mail.

    header -> FileScan, fed every row once -> classifier() -> RowClassifier, row by row

In a file that is no known export, a column whose name suggests a status counts only if Publisher knows every
value in it. Otherwise the whole file is refused: guessing would mail people who unsubscribed.
"""

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial

from publisher.core.caching import lazy
from publisher.core.errors import Refused, UsageError
from publisher.core.subscribers.csv_cells import (
    NO_WORDS,
    STATUS_WORDS,
    SUBSCRIBED,
    YES_WORDS,
    RowStatus,
    SourceStatus,
    more_severe,
    normalized,
    parse_date,
)
from publisher.core.subscribers.import_providers import (
    LISTMONK,
    LISTMONK_PAGES,
    PROVIDERS,
    UNDECIDED,
    FileFacts,
    Provider,
    StatusColumn,
)

EMAIL_COLUMNS = (
    "email",
    "email address",
    "e mail",
    "e mail address",
    "emailaddress",
    "mail",
    "user email address",
    "subscriber email",
    "subscriber",
    "address",
)
"""Names of the address column, the most specific first."""

STATUS_COLUMNS = frozenset({"status", "state", "type"})

_GONE = lazy(
    r"(?:date |is |has )?(?:unsub|unsubscribed?|unsubscription|opted out|opt ?out|bounced|cleaned|clean"
    r"|email disabled|blocklisted|blacklisted|suppressed|complained|deleted)(?: (?:at|on|date|time))?"
)
_STAYS = lazy(r"(?:is )?(?:subscribed|active|enabled)|subscribed to emails")
_STATE = lazy(
    r"(?:email|mail|subscriber|subscription|contact|member|marketing|email marketing|opt in) (?:status|state)"
)

ANY_DATE, MAX_VALUES = "\0date", 100
"""The key for any date in `FileScan.values`, and how many distinct values of a column are kept."""

COMMON_WORDS = ("active", "unsubscribed", "bounced", "unconfirmed")

VALUES_SHOWN, WORDS_SHOWN = 3, 20
"""Values shown by an error about a file, and words by one about a row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownStatus:
    """Why a row cannot be classified."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanOptions:
    """What the operator says about a file: `states` are columns that tell the status, `ignored` are columns
    that do not, and `left` means that everybody in it unsubscribed. `confirmed` means that they agreed to
    get mail. `filtered` is the subscription status that a listmonk export was filtered by. `unconfirmed`,
    "active" or "pending", is what becomes of readers of a listmonk list that asks for no confirmation. Names
    are `normalized`.
    """

    states: frozenset[str] = frozenset()
    ignored: frozenset[str] = frozenset()
    left: bool = False
    confirmed: bool = False
    filtered: str = ""
    unconfirmed: str = ""


class FileScan:
    """The distinct values of columns that may tell a status. It sees every row before any is classified."""

    def __init__(self, name: str, head: Sequence[str], options: ScanOptions) -> None:
        self.name, self.head, self.options = name, tuple(head), options
        self.columns = tuple(normalized(column) for column in head)
        self.rows = 0
        self.values: dict[str, dict[str, str]] = {}  # column -> normalized value -> as written
        self._seen: list[tuple[int, set[str], dict[str, str]]] = []
        known = {column.name for provider in PROVIDERS for column in provider.columns}
        wanted = STATUS_COLUMNS | known | options.states | {"optin time", "confirm time"}
        for index, column in enumerate(self.columns):
            if column in wanted or _may_tell_status(column):
                self._seen.append((index, set(), self.values.setdefault(column, {})))

    def row(self, cells: Sequence[str]) -> None:
        """Records a row's values."""
        self.rows += 1
        if has_extra_cells(cells, len(self.head)):
            return
        for index, seen, values in self._seen:
            cell = cells[index] if index < len(cells) else ""
            if cell in seen or len(values) >= MAX_VALUES:
                continue
            if len(seen) < 10 * MAX_VALUES:
                seen.add(cell)
            values.setdefault(ANY_DATE if parse_date(cell) else normalized(cell), cell.strip())

    def facts(self) -> FileFacts:
        """What the rows so far say about the file."""
        filled = frozenset(name for name, values in self.values.items() if any(values))
        return FileFacts(
            name=self.name,
            columns=frozenset(self.columns),
            filled=filled,
            filtered=self.options.filtered,
        )


class RowClassifier:
    """Classifies the rows of one file. `provider` is the service it comes from, "" if unknown. `used` are the
    indexes of the columns it reads. `warning` is what the file cannot tell. `states_consent` means that
    whoever it calls subscribed has agreed, and `asks_unconfirmed` that whoever it calls unconfirmed is to be
    asked.
    """

    def __init__(
        self, scan: FileScan, provider: Provider | None, columns: Sequence[StatusColumn], base: RowStatus
    ) -> None:
        facts = scan.facts()
        self.provider = provider.name if provider else ""
        self.warning = provider.warning(facts) if provider else ""
        self.asks_unconfirmed = provider is not None and provider.asks_unconfirmed
        self.states_consent = provider is not None and (
            provider.confirms or (provider is LISTMONK and bool(scan.options.filtered))
        )
        self.base, self._left = base, scan.options.left
        places = {name: place for place, name in reversed([*enumerate(scan.columns)])}
        self._columns = [
            (places[column.name], _status_reader(scan, places[column.name], column), places.get(column.at))
            for column in columns
            if column.name in places
        ]
        self.used = {place for place, *_ in self._columns} | {
            at for *_, at in self._columns if at is not None
        }
        self.tells = bool(self._columns) or base.status is not SourceStatus.SUBSCRIBED

    def __call__(self, cells: Sequence[str]) -> RowStatus | UnknownStatus:
        """The status that a row states."""
        found = self.base
        for place, status_of, at in self._columns:
            status = status_of(cells[place] if place < len(cells) else "")
            if isinstance(status, UnknownStatus):
                if self._left:
                    continue
                return status
            if at is not None and status.status is not SourceStatus.SUBSCRIBED and at < len(cells):
                status = RowStatus(status=status.status, reason=status.reason, at=parse_date(cells[at]))
            found = more_severe(found, status)
        return found


def classifier(scan: FileScan) -> RowClassifier:
    """The classifier for a file. Raises Refused if a column that may tell who unsubscribed is not understood,
    or occurs twice; or if the file lacks something that only the operator can say.
    """
    options = scan.options
    stated = [_generic_column(name) for name in scan.columns if name in options.states]
    provider = recognize_provider(scan)
    if provider is not None:
        _require_statements(scan, provider)
        columns = [column for column in provider.columns if column.name not in options.ignored]
        if provider is LISTMONK_PAGES and options.unconfirmed == "active":
            columns = [
                replace(column, words={**column.words, UNDECIDED: SourceStatus.SUBSCRIBED})
                if column.words and UNDECIDED in column.words
                else column
                for column in columns
            ]
        base = provider.whole(scan.facts())
    else:
        columns = [_generic_column(name) for name in _status_columns(scan)]
        base = SUBSCRIBED
    if options.left:
        base = more_severe(RowStatus(status=SourceStatus.LEFT, reason="listed as unsubscribed"), base)
    columns += [column for column in stated if column.name not in {known.name for known in columns}]
    for column in columns:
        if scan.columns.count(column.name) > 1:
            what = f"two columns are named {scan.head[scan.columns.index(column.name)].strip()!r}"
            raise Refused(scan.name, what, "remove or rename one of them")
    return RowClassifier(scan, provider, columns, base)


def _require_statements(scan: FileScan, provider: Provider) -> None:
    """Raises Refused if nobody has said yet what a listmonk file leaves open."""
    options = scan.options
    if options.left:
        return
    stated = options.confirmed or options.filtered
    if provider is LISTMONK and "enabled" in scan.values.get("status", ()) and not stated:
        raise Refused(
            scan.name,
            "listmonk's CSV marks people as `enabled` even after they left the list",
            "import the JSON of /api/subscribers?list_id=N instead, or say --filtered confirmed if you "
            "exported confirmed subscriptions only",
        )
    if (
        provider is LISTMONK_PAGES
        and UNDECIDED in scan.values.get("subscription", ())
        and not options.unconfirmed
    ):
        raise Refused(
            scan.name,
            "the list is single opt-in, so its readers never confirmed",
            "add --unconfirmed active to keep mailing them, or --unconfirmed pending to ask them first",
        )


def recognize_provider(scan: FileScan) -> Provider | None:
    """The service whose export this is. Of the words in its status columns at least one must be known."""
    have = frozenset(scan.columns)
    for provider in PROVIDERS:
        if not any(mark <= have for mark in provider.marks):
            continue
        judged = [
            (column.words, scan.values[column.name])
            for column in provider.columns
            if column.words is not None and column.name in scan.values
        ]
        if not scan.rows or not judged or any(word in words for words, values in judged for word in values):
            return provider
    return None


def _status_columns(scan: FileScan) -> list[str]:
    """The status columns of a file that is no known export. Raises Refused."""
    found: list[str] = []
    for place, name in enumerate(scan.columns):
        values = [*scan.values.get(name, ())]
        if name in scan.options.ignored or name in scan.options.states or name in found:
            continue
        if name in STATUS_COLUMNS:
            unknown = [value for value in values if value not in STATUS_WORDS]
            counts = not scan.options.states
        else:
            column = _generic_column(name)
            unknown = [
                value
                for value in values
                if value and isinstance(_cell_status(name, column, value), UnknownStatus)
            ]
            counts = _may_tell_status(name) and any(values)
        if not counts or not scan.rows:
            continue
        if unknown and not scan.options.left:
            raise _not_understood(scan, scan.head[place].strip(), [*scan.values[name].values()])
        found.append(name)
    return found


def _not_understood(scan: FileScan, head: str, values: Sequence[str]) -> Refused:
    shown = ", ".join(repr(value[:40]) for value in values[:VALUES_SHOWN])
    more = ", ..." if len(values) > VALUES_SHOWN else ""
    plain = re.fullmatch(r"[\w.@%+=:,-]+", head)
    quoted = head if plain else "'" + head.replace("'", "'\\''") + "'"  # for a POSIX shell
    do = f"use --ignore-column {quoted} if it does not, --state-column {quoted} if it does"
    what = f"column {head!r} may tell who unsubscribed, and has unknown values ({shown}{more})"
    return Refused(scan.name, what, do)


def require_columns(scans: Sequence[FileScan], option: str, names: Collection[str]) -> None:
    """Raises UsageError if none of the files has a column that the operator named."""
    there = {column for scan in scans for column in scan.columns}
    for name in names:
        if normalized(name) not in there:
            heads = ", ".join(dict.fromkeys(head.strip() for scan in scans for head in scan.head)) or "none"
            raise UsageError(option, f"there is no column {name!r}", f"the columns are: {heads}")


def _may_tell_status(name: str) -> bool:
    """Whether a column's name suggests that it tells who still gets mail."""
    return any(pattern.fullmatch(name) for pattern in (_GONE, _STAYS, _STATE))


def _generic_column(name: str) -> StatusColumn:
    """A status column of an unknown service: common words; yes and no, if the name tells what they mean; or
    dates.
    """
    words: dict[str, SourceStatus] = dict(STATUS_WORDS)
    if _GONE.fullmatch(name):
        words |= dict.fromkeys(YES_WORDS, SourceStatus.LEFT) | dict.fromkeys(
            NO_WORDS, SourceStatus.SUBSCRIBED
        )
        words[ANY_DATE] = SourceStatus.LEFT
    elif _STAYS.fullmatch(name):
        words |= dict.fromkeys(YES_WORDS, SourceStatus.SUBSCRIBED) | dict.fromkeys(
            NO_WORDS - {""}, SourceStatus.LEFT
        )
        words[ANY_DATE] = SourceStatus.SUBSCRIBED
    return StatusColumn(name=name, words=words, at=name if _GONE.fullmatch(name) else "")


def _status_reader(
    scan: FileScan, place: int, column: StatusColumn
) -> Callable[[str], RowStatus | UnknownStatus]:
    """Tells the status that a cell of a column states; a column of words repeats a few of them."""
    status_of = partial(_cell_status, scan.head[place].strip(), column)
    return status_of if column.words is None else lru_cache(maxsize=10 * MAX_VALUES)(status_of)


def _cell_status(head: str, column: StatusColumn, cell: str) -> RowStatus | UnknownStatus:
    """The status that one cell states."""
    if column.words is None:
        if not cell.strip():
            return SUBSCRIBED
        return RowStatus(status=column.filled, reason=f"{head} is set", at=parse_date(cell))
    word = normalized(cell)
    status = column.words.get(word)
    if status is None and column.words.get(ANY_DATE) is SourceStatus.LEFT and (at := parse_date(cell)):
        return RowStatus(status=SourceStatus.LEFT, reason=f"{head} is set", at=at)
    if status is None and parse_date(cell):
        status = column.words.get(ANY_DATE)
    if status is None and STATUS_WORDS.get(word, SourceStatus.SUBSCRIBED) is not SourceStatus.SUBSCRIBED:
        status = STATUS_WORDS[word]
    if status is None:
        what = f"{head} is {cell.strip()[:40]!r}" if cell.strip() else f"{head} is empty"
        known = [*column.words] if len(column.words) < WORDS_SHOWN else COMMON_WORDS
        return UnknownStatus(reason=f"{what}; use one of {', '.join(known)}")
    if status is SourceStatus.SUBSCRIBED:
        return SUBSCRIBED
    return RowStatus(status=status, reason=f"{head} is {word}")


def has_extra_cells(cells: Sequence[str], width: int) -> bool:
    """Whether a row has more cells than the header, so that its values may be in the wrong columns."""
    return 0 < width < len(cells) and any(cell.strip() for cell in cells[width:])


def email_column(columns: Sequence[str]) -> int | None:
    """The index of the address column; names are `normalized`."""
    for name in EMAIL_COLUMNS:
        if name in columns:
            return columns.index(name)
    return None
