"""Importing readers: addresses, and what they chose where the file is an export of ours."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from itertools import islice
from typing import NamedTuple

from publisher.core.addresses import parse
from publisher.core.errors import AddressError
from publisher.core.lists import Consent, Joined, MailingList, NewReader, State, Subscription
from publisher.core.rhythms import NO_CHOICES, Choices, Pace
from publisher.core.tokens import address_key
from publisher.services.compose import confirmation_message
from publisher.services.departures import leave_all
from publisher.services.parts import Parts
from publisher.services.subscribe import ask_to_confirm
from publisher.services.timing import due_after

CHUNK = 10_000
"""Readers stored in one transaction of an import."""


class Line(NamedTuple):
    """A line of a file. `state` is the reader's in the store it comes from, None where it does not tell;
    `wrong` says why the line cannot be used, "" where it can.
    """

    number: int
    address: str
    choices: Choices = NO_CHOICES
    state: State | None = None
    wrong: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What an import came to so far: how many of each outcome, how many of these are asked to confirm, how
    many were only noted as gone, and the lines that could not be used.
    """

    counts: dict[Joined, int]
    bad: tuple[str, ...] = ()
    asked: int = 0
    gone: int = 0


def import_readers(
    parts: Parts, spec: MailingList, rows: Iterable[Line | tuple[int, str]], now: datetime, *, confirmed: bool
) -> Iterator[Imported]:
    """Stores lines in chunks; yields the tally after each, for a progress bar.

    Unconfirmed readers are pending and are asked to confirm; so are those who were pending where they come
    from, whatever is stated. Who had left there has left here. Bad lines are counted and named, and stop
    nothing.
    """
    work = _Import(parts, spec, now, confirmed=confirmed)
    lines = (row if isinstance(row, Line) else Line(row[0], row[1]) for row in rows)
    while chunk := list(islice(lines, CHUNK)):
        yield work.take(chunk)


class _Import:
    def __init__(self, parts: Parts, spec: MailingList, now: datetime, *, confirmed: bool) -> None:
        self._parts, self._spec, self._now, self._confirmed = parts, spec, now, confirmed
        self._counts = dict.fromkeys(Joined, 0)
        self._bad: list[str] = []
        self._asked = self._gone = 0
        self._consent = Consent(at=now, origin="", form="import", wording="stated by the operator")
        self._due = lru_cache(maxsize=None)(self._due_of)
        self._ask = lru_cache(maxsize=1)(lambda: confirmation_message(parts, spec))

    def take(self, chunk: Sequence[Line]) -> Imported:
        """Stores a chunk; returns the tally so far."""
        readers = [*self._readers(chunk)]
        wishes = [reader for reader, _ in readers]
        answers = self._parts.store.join(self._spec.slug, wishes, self._consent)
        gone: list[Subscription] = []
        for (joined, found), (reader, left) in zip(answers, readers, strict=True):
            if left and joined is Joined.ADDED and found is not None:  # who had left there is new here
                gone.append(found)
                continue
            self._counts[joined] += 1
            if joined is Joined.ADDED and not reader.active and found is not None:
                ask_to_confirm(self._parts, self._spec, found, self._now, self._ask())
                self._asked += 1
        self._gone += leave_all(self._parts, gone, self._now)
        counts, bad = dict(self._counts), tuple(self._bad)
        return Imported(counts=counts, bad=bad, asked=self._asked, gone=self._gone)

    def _readers(self, chunk: Sequence[Line]) -> Iterator[tuple[NewReader, bool]]:
        """The wish of each line, and whether it is of a reader who had left."""
        for line in chunk:
            try:
                parsed = str(parse(line.address))
            except AddressError as error:
                self._bad.append(f"line {line.number}: {error}")
                continue
            if line.wrong:
                self._bad.append(f"line {line.number}: {parsed}: {line.wrong}")
                continue
            active = self._confirmed and line.state in (None, State.ACTIVE)
            key = address_key(parsed, self._parts.ring())
            due = self._due(line.choices.pace) if active else None
            reader = NewReader(
                address=parsed, key=key, active=active, own_wish=False, next_due_at=due, choices=line.choices
            )
            yield reader, line.state is State.UNSUBSCRIBED

    def _due_of(self, pace: Pace) -> datetime:
        return due_after(self._parts, self._spec, pace, self._now)


def unusable(rows: Iterable[Line]) -> Iterator[str]:
    """The lines of an import that cannot be used, without storing anything."""
    for line in rows:
        try:
            parse(line.address)
        except AddressError as error:
            yield f"line {line.number}: {error}"
            continue
        if line.wrong:
            yield f"line {line.number}: {line.address}: {line.wrong}"
