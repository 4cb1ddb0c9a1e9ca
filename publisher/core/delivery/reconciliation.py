"""Is a store behind what the files beside it tell, and what did it miss?

A store restored from a backup, or made anew, knows nothing of what came after. The journal has every
departure and every mailing's start, public/manifest.json the last numbers. What they say happened, happened.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from publisher.core.subscribers.departures import ALL_LISTS, Departure

MAILING_NUMBERS_SKIPPED = 200
"""Numbers of mailings left out when a store is reconciled: the journal names only every hundredth of the
transactional ones, and no number may be used twice."""

TRANSACTIONAL_PER_LINE = 100
"""Of transactional mailings so many share a line of the journal."""

SUBSCRIPTION_NUMBERS_SKIPPED = 1_000_000
"""Numbers of subscriptions left out when a store is reconciled: the links of readers who signed up after the
backup name theirs, and must not open somebody else's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AllowedAddress:
    """An operator let an address be mailed and asked again, in spite of what came before `at`. `key` is that
    of the address, `mailbox` that of its mailbox.
    """

    key: str
    mailbox: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StartedMailing:
    """A mailing that was started; `at` is the instant it was planned for."""

    mailing: int
    list: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalSummary:
    """What the journal tells: departures and mailings in the order they came. `last_mailing` is the highest
    number of a mailing, of any kind. `turn` counts how often a batch was begun or ended: a store at a lower
    one does not know what was sent since. `never` are mailboxes whose owners want no confirmation mail, with
    since when; `allowed` lifts what came before it.
    """

    departures: tuple[Departure, ...] = ()
    never: Mapping[str, datetime] = field(default_factory=dict[str, datetime])
    allowed: tuple[AllowedAddress, ...] = ()
    started: tuple[StartedMailing, ...] = ()
    last_mailing: int = 0
    turn: int = 0


KINDS: Mapping[str, str] = {"unsubscribed": "left", "erased": "erased"}
"""The suppression that an event of the journal means, where the event does not name it."""


def summarize_journal(entries: Iterable[tuple[str, Mapping[str, Any]]]) -> JournalSummary:
    """What entries of the journal tell; those of other kinds, and damaged ones, tell nothing."""
    departures: list[Departure] = []
    never: dict[str, datetime] = {}
    allowed: list[AllowedAddress] = []
    started: list[StartedMailing] = []
    last = turn = 0
    for event, fields in entries:
        match event:
            case "unsubscribed" | "erased" | "suppressed":
                if (departure := _departure(event, fields)) is not None:
                    departures = _without_returned(departures, departure)
                    departures.append(departure)
            case "never-asked":
                if (asked := _never_asked(fields)) is not None:
                    never.setdefault(*asked)
            case "allowed":
                departures = _without_allowed(departures, fields)
                if (lifted := _allowed(fields)) is not None:
                    allowed.append(lifted)
                    never.pop(lifted.mailbox, None)
            case "mailing":
                if (start := _started(fields)) is not None:
                    started.append(start)
                    last = max(last, start.mailing)
            case "transactional":
                last = max(last, _number(fields.get("mailing")))
            case "batch":
                turn = max(turn, _number(fields.get("turn")))
            case _:
                pass
    return JournalSummary(
        departures=tuple(departures),
        never=never,
        allowed=tuple(allowed),
        started=tuple(started),
        last_mailing=last,
        turn=turn,
    )


def journal_fields(departure: Departure) -> dict[str, object]:
    """A departure as fields of the journal."""
    fields: dict[str, object] = {"at": departure.at.isoformat(), "key": departure.key, "list": departure.list}
    if departure.kind not in KINDS.values():
        fields["kind"] = departure.kind
    for name in ("subscription", "generation", "to"):
        if (number := getattr(departure, name)) is not None:
            fields[name] = number
    return fields | ({"to_key": departure.to_key} if departure.to_key else {})


def journal_event(departure: Departure) -> str:
    """The event of the journal that a departure is."""
    return next((event for event, kind in KINDS.items() if kind == departure.kind), "suppressed")


def _without_returned(before: list[Departure], move: Departure) -> list[Departure]:
    """A change of address brings a subscription to the new address, also where it had left that one before:
    those departures are over."""
    if move.to is None:
        return before
    over = (move.to_key, move.list, move.subscription)
    return [one for one in before if (one.key, one.list, one.subscription) != over]


def _without_allowed(before: list[Departure], fields: Mapping[str, Any]) -> list[Departure]:
    """An operator allowed an address again: suppressions of those kinds, before that, are lifted."""
    key, spec, kinds = fields.get("key"), fields.get("list", ALL_LISTS), fields.get("kinds")
    if not isinstance(kinds, list):
        return before
    return [
        one for one in before if one.key != key or spec not in (ALL_LISTS, one.list) or one.kind not in kinds
    ]


def _departure(event: str, fields: Mapping[str, Any]) -> Departure | None:
    try:
        return Departure(
            key=bytes.fromhex(fields["key"]).hex(),
            list=str(fields.get("list", ALL_LISTS)),
            kind=KINDS.get(event) or str(fields["kind"]),
            at=_instant(fields["at"]),
            subscription=_optional(fields.get("subscription")),
            generation=_optional(fields.get("generation")),
            to=_optional(fields.get("to")),
            to_key=str(fields.get("to_key", "")),
        )
    except (KeyError, TypeError, ValueError):
        return None


def _never_asked(fields: Mapping[str, Any]) -> tuple[str, datetime] | None:
    try:
        return bytes.fromhex(fields["key"]).hex(), _instant(fields["at"])
    except (KeyError, TypeError, ValueError):
        return None


def _allowed(fields: Mapping[str, Any]) -> AllowedAddress | None:
    try:
        key, mailbox = (bytes.fromhex(fields[name]).hex() for name in ("key", "mailbox"))
        return AllowedAddress(key=key, mailbox=mailbox, at=_instant(fields["at"]))
    except (KeyError, TypeError, ValueError):
        return None


def _started(fields: Mapping[str, Any]) -> StartedMailing | None:
    try:
        return StartedMailing(
            mailing=int(fields["mailing"]), list=str(fields["list"]), at=_instant(fields["at"])
        )
    except (KeyError, TypeError, ValueError):
        return None


def _instant(text: object) -> datetime:
    at = datetime.fromisoformat(str(text))
    if at.tzinfo is None:
        raise ValueError("naive")
    return at


def _optional(value: object) -> int | None:
    return value if isinstance(value, int) else None


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0


def missed_mailings(told: JournalSummary, last_mailing: int, planning: Sequence[int]) -> list[StartedMailing]:
    """The mailings that a store whose last is `last_mailing` does not know of, or had only begun to plan."""
    return [start for start in told.started if start.mailing > last_mailing or start.mailing in planning]
