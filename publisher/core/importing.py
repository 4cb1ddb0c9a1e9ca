"""Importing readers: a row of a file, and what it comes to for a reader we may know already.

A departure always wins over a row that says somebody is subscribed, so the order of files does not matter.
The one thing that outweighs a departure is the reader's own confirmation here, if it came later.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from publisher.core.departures import BOUNCE, ERASED, LEFT
from publisher.core.exported import CHOICES, COLUMNS, NoChoice, from_cells, unguarded
from publisher.core.filters import folded
from publisher.core.judging import Judging, Look, Unclear, email_column, judging, moved
from publisher.core.lists import State
from publisher.core.rhythms import NO_CHOICES, Choices, Taste, as_topics
from publisher.core.standings import SUBSCRIBED, Standing, Statement, plain
from publisher.core.tags import tags_of


class Row(NamedTuple):
    """A row of a file: where it begins (from 1), the address as it stands there, what is said of the reader.
    `pending` is one of ours who had not confirmed yet. `wrong` says why the row cannot be used ("": it can),
    and `kind` of fault that is.
    """

    line: int
    address: str
    said: Statement = SUBSCRIBED
    choices: Choices = NO_CHOICES
    pending: bool = False
    kind: str = ""
    wrong: str = ""


class Outcome(StrEnum):
    """What a row came to."""

    ADDED = "added"
    ASKED = "asked"  # added as pending, with a mail that asks to confirm
    ACTIVATED = "activated"  # was pending, and the operator states consent
    ALREADY = "already"  # pending or active before, and unchanged
    BARRED = "barred"  # has left or is suppressed here, so the row changes nothing
    ENDED = "ended"  # was active or pending here until this row
    RECORDED = "recorded"  # left, bounced ... there, and new here
    KNOWN = "known"  # the same, and known already
    KEPT = "kept"  # left there, and confirmed here later
    PASSED = "passed"  # counted, not stored
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A subscription that is there already. `form` is the door it came in by and `consent_at` when."""

    subscription: int
    list: str
    state: State
    generation: int
    confirmed_at: datetime | None
    form: str
    consent_at: datetime | None


OWN_DOORS = frozenset({"form", "address"})
"""Doors that only readers themselves come in by (`lists.Consent.form`)."""

KINDS: Mapping[Standing, str] = {
    Standing.LEFT: LEFT,
    Standing.BOUNCED: BOUNCE,
    Standing.COMPLAINED: "complaint",
    Standing.BLOCKED: "operator",
}
"""The suppression that each departure leaves. All but the first hold on every list."""


class Effect(NamedTuple):
    """What a departure changes: whether the subscription ends, which suppression is left ("": none), and
    whether an address that is new gets a subscription that has ended, so that it is listed and exported.
    """

    outcome: Outcome
    ends: bool = False
    kind: str = ""
    record: bool = False


def confirmed_since(held: Held, at: datetime | None) -> bool:
    """Whether a subscription was confirmed here after `at`; for None, by the reader at all. What an import
    stated is no confirmation: another file may say otherwise.
    """
    if held.confirmed_at is None:
        return False
    clicked = held.consent_at is not None and held.confirmed_at > held.consent_at
    if held.form in OWN_DOORS or clicked:
        return at is None or held.confirmed_at > at
    return held.form != "import" and at is not None and held.confirmed_at > at


def depart(said: Statement, spec: str, held: Sequence[Held], kinds: Collection[str]) -> Effect:
    """What a row comes to that says somebody left, bounced, complained or was blocked. `held` are the
    subscriptions of the reader on all lists, `kinds` the suppressions that hold on list `spec`.
    """
    kind = KINDS[said.standing]
    here = next((one for one in held if one.list == spec), None)
    others = [one for one in held if one.list != spec] if said.standing is not Standing.LEFT else []
    since = [one for one in ([here] if here else []) + others if confirmed_since(one, said.at)]
    if since:  # the file is older than what the reader said here, whatever came after that
        return Effect(Outcome.KEPT if State.ACTIVE in {one.state for one in since} else Outcome.KNOWN)
    known = kind in kinds or (kind == LEFT and ERASED in kinds)
    new = "" if known else kind
    if here is None:
        return Effect(Outcome.KNOWN if known else Outcome.RECORDED, kind=new, record=ERASED not in kinds)
    waits = here.state is State.PENDING and here.form in OWN_DOORS  # may still confirm, in person
    if here.state is State.UNSUBSCRIBED or waits:
        return Effect(Outcome.KNOWN if known else Outcome.RECORDED, kind=new)
    return Effect(Outcome.ENDED, ends=True, kind=new)


OURS = "Publisher"
"""Whose export a file is that `subscribers export` wrote."""


class RowReader:
    """Makes rows of the cells of a file with the columns `look.head`. `topics` names the column of tags, and
    `offered` the topics of the list by their folded names. `others` counts rows of other lists, `unoffered`
    tags that are no topic. Raises Refused and UsageError as `judging.judging` does.
    """

    def __init__(
        self,
        look: Look,
        spec: str,
        cadences: Collection[str],
        *,
        topics: str = "",
        offered: Mapping[str, str] | None = None,
    ) -> None:
        self._spec, self._cadences, self._offered = spec, cadences, offered or {}
        self.ours = set(COLUMNS) <= {name.strip().casefold() for name in look.head}
        self._names = [name.strip().casefold() for name in look.head]
        self._left = look.wishes.left
        self._judge = Judging(look, None, (), SUBSCRIBED) if self.ours else judging(look)
        self.provider = OURS if self.ours else self._judge.provider
        self.warning = self._judge.warning
        self._email = email_column(look.columns)
        self._topics = look.columns.index(plain(topics)) if topics and plain(topics) in look.columns else None
        used = self._judge.used | {self._email, self._topics}
        self.ignored = (
            ()
            if self.ours
            else tuple(
                head.strip() for place, head in enumerate(look.head) if place not in used and head.strip()
            )
        )
        self._width = len(look.head)
        self.others = 0
        self.unoffered: dict[str, int] = {}

    def __call__(self, line: int, cells: Sequence[str]) -> Row | None:
        """The row; None for one of another list of ours."""
        if self.ours:
            return self._own(line, cells)
        address = unguarded(self._address(cells))
        if moved(cells, self._width):
            wrong = f"has {len(cells)} cells where the first line has {self._width}"
            return Row(line, address, kind="number of cells", wrong=wrong)
        said = self._judge(cells)
        if isinstance(said, Unclear):
            return Row(line, address, kind="unknown word for where the reader stands", wrong=said.reason)
        return Row(line, address, said, self._choices(cells))

    def _address(self, cells: Sequence[str]) -> str:
        if self._email is not None:
            return cells[self._email] if self._email < len(cells) else ""
        return next((cell for cell in cells if "@" in cell), cells[0] if cells else "")

    def _choices(self, cells: Sequence[str]) -> Choices:
        if self._topics is None or self._topics >= len(cells) or not cells[self._topics]:
            return NO_CHOICES
        found: list[str] = []
        for tag in tags_of(unguarded(cells[self._topics])):
            topic = self._offered.get(folded(tag))
            if topic is not None:
                found.append(topic)
            elif tag in self.unoffered or len(self.unoffered) < 100:
                self.unoffered[tag] = self.unoffered.get(tag, 0) + 1
        return Choices(taste=Taste(topics=as_topics(found))) if found else NO_CHOICES

    def _own(self, line: int, cells: Sequence[str]) -> Row | None:
        """A row that `export` wrote, if it is of this list."""
        given = dict(zip(self._names, map(unguarded, cells), strict=False))
        if given.get("list") != self._spec:
            self.others += 1
            return None
        address, word = given.get("email", ""), given.get("state", "")
        try:
            choices = from_cells({name: given.get(name, "") for name in CHOICES}, self._cadences)
        except NoChoice as error:
            return Row(line, address, kind="choice that nobody can make", wrong=str(error))
        if word not in set(State):
            wrong = f"state is {word[:80]!r}; use one of {', '.join(State)}"
            return Row(line, address, kind="unknown word for where the reader stands", wrong=wrong)
        if self._left or word == State.UNSUBSCRIBED:
            reason = "in a file of people who left" if self._left else "state is unsubscribed"
            return Row(line, address, Statement(standing=Standing.LEFT, reason=reason), choices)
        return Row(line, address, SUBSCRIBED, choices, pending=word == State.PENDING)
