"""Reconciliation: whether a store is behind the files beside it, and what it missed.

A store that was restored from a backup, or made anew, knows nothing of what came later. The journal has every
departure, withdrawal and start of a mailing, public/manifest.json the last numbers; both are always right.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from publisher.core.subscribers.subscription import ALL_LISTS, Departure

MAILING_NUMBERS_SKIPPED = 200
"""Numbers of mailings left out when a store is reconciled: the journal names only every hundredth of the
transactional ones, and no number may be used twice.
"""

TRANSACTIONAL_PER_LINE = 100
"""Of transactional mailings so many share a line of the journal."""

SUBSCRIPTION_NUMBERS_SKIPPED = 1_000_000
"""Numbers of subscriptions left out when a store is reconciled: the links of readers who signed up after the
backup name theirs, and must not open somebody else's.
"""


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
class JournaledWithdrawal:
    """A post that was withdrawn `at`, in row `seq` of the log. `page` is the path that its page had under
    public/.
    """

    post: str
    seq: int
    at: datetime
    page: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalSummary:
    """What the journal says: departures and mailings in order. `last_mailing` is the highest number of a
    mailing of any kind. `turn` counts how often a batch was begun or ended: a store with a lower count does
    not know what was sent since; `turns` has the last turn of each transport, "" in entries of older
    versions. `in_outbox` are mailings whose messages in the outbox an operator sent. `never` maps mailboxes
    whose owners want no confirmation mail to the time they said so; `allowed` lifts what came before it.
    `withdrawn` are the posts that were withdrawn and have not come back.
    """

    departures: tuple[Departure, ...] = ()
    never: Mapping[str, datetime] = field(default_factory=dict[str, datetime])
    allowed: tuple[AllowedAddress, ...] = ()
    started: tuple[StartedMailing, ...] = ()
    last_mailing: int = 0
    turn: int = 0
    turns: Mapping[str, int] = field(default_factory=dict[str, int])
    in_outbox: frozenset[int] = frozenset()
    withdrawn: tuple[JournaledWithdrawal, ...] = ()


KINDS: Mapping[str, str] = {"unsubscribed": "left", "erased": "erased"}
"""The suppression that an event of the journal means, where the event does not name it."""


def summarize_journal(entries: Iterable[tuple[str, Mapping[str, Any]]]) -> JournalSummary:
    """What the entries of the journal say. Entries of other kinds, and damaged ones, say nothing."""
    departures: list[Departure] = []
    never: dict[str, datetime] = {}
    allowed: list[AllowedAddress] = []
    started: list[StartedMailing] = []
    withdrawn: dict[str, JournaledWithdrawal] = {}
    last = turn = 0
    turns: dict[str, int] = {}
    in_outbox: set[int] = set()
    for event, fields in entries:
        try:
            match event:
                case "unsubscribed" | "erased" | "suppressed":
                    departure = _departure(event, fields)
                    if departure.to is not None:
                        # A change of address moves a subscription to the new address, even if that had left
                        # the list before: those departures are over.
                        over = (departure.to_key, departure.list, departure.subscription)
                        departures = [d for d in departures if (d.key, d.list, d.subscription) != over]
                    departures.append(departure)
                case "never-asked":
                    never.setdefault(_hex(fields["key"]), _instant(fields["at"]))
                case "allowed":
                    departures = _without_allowed(departures, fields)
                    lifted = AllowedAddress(
                        key=_hex(fields["key"]), mailbox=_hex(fields["mailbox"]), at=_instant(fields["at"])
                    )
                    allowed.append(lifted)
                    never.pop(lifted.mailbox, None)
                case "mailing":
                    start = StartedMailing(
                        mailing=int(fields["mailing"]), list=str(fields["list"]), at=_instant(fields["at"])
                    )
                    started.append(start)
                    last = max(last, start.mailing)
                case "withdrawn":
                    gone = JournaledWithdrawal(
                        post=str(fields["post"]),
                        seq=int(fields["seq"]),
                        at=_instant(fields["at"]),
                        page=str(fields.get("page", "")),
                    )
                    withdrawn[gone.post] = gone
                case "restored":
                    withdrawn.pop(str(fields["post"]), None)
                case "transactional":
                    last = max(last, _int_or_none(fields.get("mailing")) or 0)
                case "batch":
                    number, transport = _int_or_none(fields.get("turn")) or 0, fields.get("transport", "")
                    turns[transport] = max(turns.get(transport, 0), number)
                    turn = max(turn, number)
                case "outbox":
                    in_outbox.add(int(fields["mailing"]))
                case _:
                    pass
        except (KeyError, TypeError, ValueError):
            continue
    return JournalSummary(
        departures=tuple(departures),
        never=never,
        allowed=tuple(allowed),
        started=tuple(started),
        last_mailing=last,
        turn=turn,
        turns=turns,
        in_outbox=frozenset(in_outbox),
        withdrawn=tuple(withdrawn.values()),
    )


def _departure(event: str, fields: Mapping[str, Any]) -> Departure:
    return Departure(
        key=_hex(fields["key"]),
        list=str(fields.get("list", ALL_LISTS)),
        kind=KINDS.get(event) or str(fields["kind"]),
        at=_instant(fields["at"]),
        subscription=_int_or_none(fields.get("subscription")),
        generation=_int_or_none(fields.get("generation")),
        to=_int_or_none(fields.get("to")),
        to_key=str(fields.get("to_key", "")),
    )


def _without_allowed(before: list[Departure], fields: Mapping[str, Any]) -> list[Departure]:
    """An operator allowed an address again: earlier suppressions of the named kinds are lifted."""
    key, spec, kinds = fields.get("key"), fields.get("list", ALL_LISTS), fields.get("kinds")
    if not isinstance(kinds, list):
        return before
    return [
        one for one in before if one.key != key or spec not in (ALL_LISTS, one.list) or one.kind not in kinds
    ]


def _hex(text: str) -> str:
    return bytes.fromhex(text).hex()


def _instant(text: object) -> datetime:
    at = datetime.fromisoformat(str(text))
    if at.tzinfo is None:
        raise ValueError("naive")
    return at


def _int_or_none(value: object) -> int | None:
    return value if isinstance(value, int) else None


def journal_fields(departure: Departure) -> dict[str, object]:
    """The fields of a departure's entry in the journal."""
    fields: dict[str, object] = {"at": departure.at.isoformat(), "key": departure.key, "list": departure.list}
    if departure.kind not in KINDS.values():
        fields["kind"] = departure.kind
    for name in ("subscription", "generation", "to"):
        if (number := getattr(departure, name)) is not None:
            fields[name] = number
    return fields | ({"to_key": departure.to_key} if departure.to_key else {})


def journal_event(departure: Departure) -> str:
    """The event under which the journal records a departure."""
    return next((event for event, kind in KINDS.items() if kind == departure.kind), "suppressed")


def missed_mailings(
    summary: JournalSummary, last_mailing: int, planning: Sequence[int]
) -> list[StartedMailing]:
    """The mailings that a store with the last number `last_mailing` does not know, or had only begun to
    plan.
    """
    return [start for start in summary.started if start.mailing > last_mailing or start.mailing in planning]
