"""What a file of readers says of each, decided once for all of it: whose export it is, which columns count.

    the head -> Look: every row once, for the words that stand in columns that matter -> Judging: row by row

In a file that is nobody's export, a column whose name says where a reader stands counts only if every word
in it is known; otherwise the whole file is refused, because a guess would mail people who left.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from publisher.core.errors import Refused, UsageError
from publisher.core.providers import PROVIDERS, Column, FileFacts, Provider
from publisher.core.standings import (
    NO,
    SUBSCRIBED,
    WORDS,
    YES,
    Standing,
    Statement,
    instant,
    plain,
    worse,
)

EMAIL = (
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
"""What the column of addresses is called, the likeliest first."""

STATES = frozenset({"status", "state", "type"})

_GONE = re.compile(
    r"(?:date |is |has )?(?:unsub|unsubscribed?|unsubscription|opted out|opt ?out|bounced|cleaned|clean"
    r"|email disabled|blocklisted|blacklisted|suppressed|complained|deleted)(?: (?:at|on|date|time))?"
)
_STAYS = re.compile(r"(?:is )?(?:subscribed|active|enabled)|subscribed to emails")
_STATE = re.compile(
    r"(?:email|mail|subscriber|subscription|contact|member|marketing|email marketing|opt in) (?:status|state)"
)

DATE, MANY = "\0date", 100
"""How all dates are noted in `Look.values`, and how many different values of a column are."""

PREVIEW, SHOWN = 3, 20
"""Values that an error about a file shows, and words that one about a row does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unclear:
    """Why a row cannot be judged."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What the operator says of a file: which columns say where a reader stands, which say nothing, whether
    all who are named have left.
    """

    states: frozenset[str] = frozenset()
    ignored: frozenset[str] = frozenset()
    left: bool = False


class Look:
    """What stands in the columns of a file that may matter: told every row once, before any is judged."""

    def __init__(self, name: str, head: Sequence[str], wishes: Wishes) -> None:
        self.name, self.head, self.wishes = name, tuple(head), wishes
        self.columns = tuple(plain(column) for column in head)
        self.rows = 0
        self.values: dict[str, dict[str, str]] = {}  # by column: the words in it, and how they are written
        self._seen: list[tuple[int, set[str], dict[str, str]]] = []
        wanted = _watched(wishes)
        for index, column in enumerate(self.columns):
            if column in wanted or _telltale(column):
                self._seen.append((index, set(), self.values.setdefault(column, {})))

    def row(self, cells: Sequence[str]) -> None:
        """Notes a row."""
        self.rows += 1
        if moved(cells, len(self.head)):
            return
        for index, seen, values in self._seen:
            cell = cells[index] if index < len(cells) else ""
            if cell in seen or len(values) >= MANY:
                continue
            if len(seen) < 10 * MANY:
                seen.add(cell)
            values.setdefault(DATE if instant(cell) else plain(cell), cell.strip())

    def facts(self) -> FileFacts:
        """Of the whole file."""
        filled = frozenset(name for name, values in self.values.items() if any(values))
        return FileFacts(name=self.name, columns=frozenset(self.columns), filled=filled)


class Judging:
    """How the rows of a file are judged. `provider` is whose export it is, "" for nobody's we know; `used`
    are the places of columns that say something; `warning` is what the file cannot tell.
    """

    def __init__(
        self, look: Look, provider: Provider | None, columns: Sequence[Column], base: Statement
    ) -> None:
        facts = look.facts()
        self.provider = provider.name if provider else ""
        self.warning = provider.warning(facts) if provider else ""
        self.base, self._left = base, look.wishes.left
        places = {name: place for place, name in reversed([*enumerate(look.columns)])}
        self._columns = [
            (places[column.name], look.head[places[column.name]].strip(), column, places.get(column.at))
            for column in columns
            if column.name in places
        ]
        self.used = {place for place, *_ in self._columns} | {
            at for *_, at in self._columns if at is not None
        }
        self._known: dict[tuple[int, str], Statement | Unclear] = {}

    def __call__(self, cells: Sequence[str]) -> Statement | Unclear:
        """What a row says of its reader."""
        found = self.base
        for place, head, column, at in self._columns:
            cell = cells[place] if place < len(cells) else ""
            said = self._known.get((place, cell))
            if said is None:
                said = _said(head, column, cell)
                if column.words is not None and len(self._known) < 10 * MANY:
                    self._known[place, cell] = said
            if isinstance(said, Unclear):
                if self._left:
                    continue
                return said
            if at is not None and said.standing is not Standing.SUBSCRIBED and at < len(cells):
                said = Statement(standing=said.standing, reason=said.reason, at=instant(cells[at]))
            found = worse(found, said)
        return found


def judging(look: Look) -> Judging:
    """How a file is to be judged. Raises Refused: a column may say who left, and cannot be understood;
    UsageError: a column that was named is none, or stands twice.
    """
    wishes = look.wishes
    stated = [_stated(name) for name in look.columns if name in wishes.states]
    provider = recognized(look)
    if provider is not None:
        columns = [column for column in provider.columns if column.name not in wishes.ignored]
        base = provider.whole(look.facts())
    else:
        columns = [_stated(name) for name in _plain_states(look)]
        base = SUBSCRIBED
    if wishes.left:
        base = worse(Statement(standing=Standing.LEFT, reason="in a file of people who left"), base)
    columns += [column for column in stated if column.name not in {known.name for known in columns}]
    _must_be_one(look, [column.name for column in columns])
    return Judging(look, provider, columns, base)


def recognized(look: Look) -> Provider | None:
    """Whose export a file is, by its columns; where they say where readers stand in words, at least one of
    those must be the service's.
    """
    have = frozenset(look.columns)
    for provider in PROVIDERS:
        if any(mark <= have for mark in provider.marks) and _speaks(provider, look):
            return provider
    return None


def _speaks(provider: Provider, look: Look) -> bool:
    said = [
        (column.words, look.values[column.name])
        for column in provider.columns
        if column.words is not None and column.name in look.values
    ]
    return not look.rows or not said or any(word in words for words, values in said for word in values)


def _plain_states(look: Look) -> list[str]:
    """The columns of a file nobody knows that say where readers stand. Raises Refused."""
    found: list[str] = []
    for place, name in enumerate(look.columns):
        values = [*look.values.get(name, ())]
        if name in look.wishes.ignored or name in look.wishes.states or name in found:
            continue
        if name in STATES:
            strange = [value for value in values if value not in WORDS]
            counts = not look.wishes.states
        else:
            column = _stated(name)
            strange = [value for value in values if value and isinstance(_said(name, column, value), Unclear)]
            counts = _telltale(name) and any(values)
        if not counts or not look.rows:
            continue
        if strange and not look.wishes.left:
            raise _refused(look, look.head[place].strip(), [*look.values[name].values()])
        found.append(name)
    return found


def _refused(look: Look, head: str, values: Sequence[str]) -> Refused:
    shown = ", ".join(repr(value[:40]) for value in values[:PREVIEW])
    more = ", ..." if len(values) > PREVIEW else ""
    do = f"say --ignore-column {_quoted(head)} if it does not, or --state-column {_quoted(head)} if it does"
    return Refused(
        look.name,
        f"column {head!r} may say who unsubscribed, and holds words we do not know ({shown}{more})",
        do,
    )


def _quoted(name: str) -> str:
    return name if re.fullmatch(r"[\w.@%+=:,-]+", name) else "'" + name.replace("'", "'\\''") + "'"


def _must_be_one(look: Look, names: Collection[str]) -> None:
    for name in names:
        if look.columns.count(name) > 1:
            what = f"two columns are called {look.head[look.columns.index(name)].strip()!r}"
            raise Refused(look.name, what, "remove or rename one of them")


def must_have(looks: Sequence[Look], option: str, names: Collection[str]) -> None:
    """Raises UsageError where a column that the operator names stands in none of the files."""
    there = {column for look in looks for column in look.columns}
    for name in names:
        if plain(name) not in there:
            heads = ", ".join(dict.fromkeys(head.strip() for look in looks for head in look.head)) or "none"
            raise UsageError(option, f"no column is called {name!r}", f"the columns are: {heads}")


def _watched(wishes: Wishes) -> frozenset[str]:
    judged = {column.name for provider in PROVIDERS for column in provider.columns}
    return STATES | judged | wishes.states | {"optin time", "confirm time"}


def _telltale(name: str) -> bool:
    """Whether a column's name says that it tells who still gets mail."""
    return any(pattern.fullmatch(name) for pattern in (_GONE, _STAYS, _STATE))


def _stated(name: str) -> Column:
    """A column of words that everybody uses; of truths, where its name says of what; or of dates."""
    words: dict[str, Standing] = dict(WORDS)
    if _GONE.fullmatch(name):
        words |= dict.fromkeys(YES, Standing.LEFT) | dict.fromkeys(NO, Standing.SUBSCRIBED)
        words[DATE] = Standing.LEFT
    elif _STAYS.fullmatch(name):
        words |= dict.fromkeys(YES, Standing.SUBSCRIBED) | dict.fromkeys(NO - {""}, Standing.LEFT)
    return Column(name=name, words=words, at=name if _GONE.fullmatch(name) else "")


def _said(head: str, column: Column, cell: str) -> Statement | Unclear:
    """What a cell of a judged column says."""
    if column.words is None:
        if not cell.strip():
            return SUBSCRIBED
        return Statement(standing=column.filled, reason=f"{head} is set", at=instant(cell))
    word = plain(cell)
    standing = column.words.get(word)
    if standing is None and DATE in column.words and instant(cell):
        return Statement(standing=column.words[DATE], reason=f"{head} is set", at=instant(cell))
    if standing is None and WORDS.get(word, Standing.SUBSCRIBED) is not Standing.SUBSCRIBED:
        standing = WORDS[word]
    if standing is None:
        what = f"{head} is {cell.strip()[:40]!r}" if cell.strip() else f"{head} is empty"
        known = [*column.words] if len(column.words) < SHOWN else [*Standing]
        return Unclear(reason=f"{what}; use one of {', '.join(known)}")
    if standing is Standing.SUBSCRIBED:
        return SUBSCRIBED
    return Statement(standing=standing, reason=f"{head} is {word}")


def moved(cells: Sequence[str], width: int) -> bool:
    """Whether a row has more cells than there are columns: none can be trusted to stand in its own."""
    return 0 < width < len(cells) and any(cell.strip() for cell in cells[width:])


def email_column(columns: Sequence[str]) -> int | None:
    """Which of the columns, in the spelling of `plain`, holds addresses."""
    for name in EMAIL:
        if name in columns:
            return columns.index(name)
    return None
