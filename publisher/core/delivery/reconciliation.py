"""Reconciliation: whether a store is behind the files beside it, and what it missed.

A store that was restored from a backup, or made anew, knows nothing of what came later. The journal has every
departure, withdrawal and start of a mailing, public/manifest.json the last numbers; both are always right.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from publisher.core.subscribers.subscription import ALL_LISTS, Departure, ListChange

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
class ConfirmedReader:
    """Somebody confirmed a subscription to `list`. `key` is the keyed hash of the address."""

    key: str
    list: str
    subscription: int
    generation: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StartedMailing:
    """A mailing that was started; `at` is the instant it was planned for. `remakes`: it was made for readers
    of that stopped mailing, whatever their schedule.
    """

    mailing: int
    list: str
    at: datetime
    remakes: int | None = None


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
    `withdrawn` are the posts that were withdrawn and have not come back. `mailed_again` are stopped mailings
    whose posts or messages an operator released, remade or sent again. `lists` were renamed or closed, in
    order; departures and mailings name a list as it is called after that. `confirmed` are the subscriptions
    that were confirmed and have not ended since.
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
    mailed_again: frozenset[int] = frozenset()
    lists: tuple[ListChange, ...] = ()
    confirmed: tuple[ConfirmedReader, ...] = ()


KINDS: Mapping[str, str] = {"unsubscribed": "left", "erased": "erased"}
"""The suppression that an event of the journal means, where the event does not name it."""


def summarize_journal(entries: Iterable[tuple[str, Mapping[str, Any]]]) -> JournalSummary:
    """What the entries of the journal say. Entries of other kinds, and damaged ones, say nothing."""
    reader = _JournalReader()
    for event, fields in entries:
        with suppress(KeyError, TypeError, ValueError):
            reader.read(event, fields)
    return JournalSummary(
        departures=tuple(reader.departures),
        never=reader.never,
        allowed=tuple(reader.allowed),
        started=tuple(reader.started),
        last_mailing=reader.last_mailing,
        turn=max(reader.turns.values(), default=0),
        turns=reader.turns,
        in_outbox=frozenset(reader.in_outbox),
        withdrawn=tuple(reader.withdrawn.values()),
        mailed_again=frozenset(reader.mailed_again),
        lists=tuple(reader.lists),
        confirmed=tuple(reader.confirmed.values()),
    )


class _JournalReader:
    """Collects what the entries of a journal say, in their order."""

    def __init__(self) -> None:
        self.departures: list[Departure] = []
        self.never: dict[str, datetime] = {}
        self.allowed: list[AllowedAddress] = []
        self.started: list[StartedMailing] = []
        self.last_mailing = 0
        self.turns: dict[str, int] = {}
        self.in_outbox: set[int] = set()
        self.withdrawn: dict[str, JournaledWithdrawal] = {}
        self.mailed_again: set[int] = set()
        self.lists: list[ListChange] = []
        self.confirmed: dict[int, ConfirmedReader] = {}

    def read(self, event: str, fields: Mapping[str, Any]) -> None:
        """Adds one entry. Raises KeyError, TypeError or ValueError if it is damaged."""
        match event:
            case "unsubscribed" | "erased" | "suppressed":
                self._depart(event, fields)
            case "never-asked":
                self.never.setdefault(_hex(fields["key"]), _instant(fields["at"]))
            case "allowed":
                self._allow(fields)
            case "mailing":
                number, slug = int(fields["mailing"]), str(fields["list"])
                started = StartedMailing(
                    mailing=number,
                    list=slug,
                    at=_instant(fields["at"]),
                    remakes=_int_or_none(fields.get("remakes")),
                )
                self.started.append(started)
                self.last_mailing = max(self.last_mailing, number)
            case "transactional":
                self.last_mailing = max(self.last_mailing, _int_or_none(fields.get("mailing")) or 0)
            case "batch":
                turn, transport = _int_or_none(fields.get("turn")) or 0, fields.get("transport", "")
                self.turns[transport] = max(self.turns.get(transport, 0), turn)
            case "outbox":
                self.in_outbox.add(int(fields["mailing"]))
            case "mailed-again":
                self.mailed_again.add(int(fields["mailing"]))
            case "withdrawn":
                post, page = str(fields["post"]), str(fields.get("page", ""))
                seq, at = int(fields["seq"]), _instant(fields["at"])
                self.withdrawn[post] = JournaledWithdrawal(post=post, seq=seq, at=at, page=page)
            case "restored":
                self.withdrawn.pop(str(fields["post"]), None)
            case "confirmed":
                one = ConfirmedReader(
                    key=_hex(fields["key"]),
                    list=str(fields["list"]),
                    subscription=int(fields["subscription"]),
                    generation=int(fields["generation"]),
                )
                self.confirmed[one.subscription] = one
            case "list-renamed" | "list-closed":
                self._change_list(list_change(event, fields))
            case _:
                pass

    def _depart(self, event: str, fields: Mapping[str, Any]) -> None:
        departure = Departure(
            key=_hex(fields["key"]),
            list=str(fields.get("list", ALL_LISTS)),
            kind=KINDS.get(event) or str(fields["kind"]),
            at=_instant(fields["at"]),
            subscription=_int_or_none(fields.get("subscription")),
            generation=_int_or_none(fields.get("generation")),
            to=_int_or_none(fields.get("to")),
            to_key=str(fields.get("to_key", "")),
        )
        for number, one in list(self.confirmed.items()):
            if one.key == departure.key and departure.list in (ALL_LISTS, one.list):
                del self.confirmed[number]
        if departure.to is not None:
            # A change of address moves a subscription to the new address, even if that had left the list
            # before: those departures are over.
            over = (departure.to_key, departure.list, departure.subscription)
            self.departures = [d for d in self.departures if (d.key, d.list, d.subscription) != over]
        self.departures.append(departure)

    def _change_list(self, change: ListChange) -> None:
        self.lists.append(change)
        theirs = {n: one for n, one in self.confirmed.items() if one.list == change.list}
        for number, one in theirs.items():
            if change.to:
                self.confirmed[number] = replace(one, list=change.to)
            elif number <= change.subscription:
                del self.confirmed[number]
        if change.to:
            self.departures = [
                replace(one, list=change.to) if one.list == change.list else one for one in self.departures
            ]
            self.started = [
                replace(one, list=change.to) if one.list == change.list else one for one in self.started
            ]

    def _allow(self, fields: Mapping[str, Any]) -> None:
        """An operator allowed an address again, which lifts its earlier suppressions of the named kinds."""
        key, slug, kinds = fields.get("key"), fields.get("list", ALL_LISTS), fields.get("kinds")
        if isinstance(kinds, list):
            self.departures = [
                d
                for d in self.departures
                if d.key != key or slug not in (ALL_LISTS, d.list) or d.kind not in kinds
            ]
        lifted = AllowedAddress(
            key=_hex(fields["key"]), mailbox=_hex(fields["mailbox"]), at=_instant(fields["at"])
        )
        self.allowed.append(lifted)
        self.never.pop(lifted.mailbox, None)


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


def list_change(event: str, fields: Mapping[str, Any]) -> ListChange:
    """The change of a list in an entry of the journal. Raises KeyError, TypeError or ValueError if it is
    damaged.
    """
    return ListChange(
        list=str(fields["list"]),
        to=str(fields["to"]) if event == "list-renamed" else "",
        at=_instant(fields["at"]),
        subscription=int(fields["subscription"]),
        title=str(fields.get("title", "")),
    )


def list_change_entry(change: ListChange) -> tuple[str, dict[str, object]]:
    """The event and the fields of a list's change in the journal."""
    fields: dict[str, object] = {"at": change.at.isoformat(), "list": change.list}
    fields |= {"to": change.to} if change.to else {}
    fields |= {"subscription": change.subscription, "title": change.title}
    return "list-renamed" if change.to else "list-closed", fields


def missed_mailings(
    summary: JournalSummary, last_mailing: int, planning: Sequence[int]
) -> list[StartedMailing]:
    """The mailings that a store with the last number `last_mailing` does not know, or had only begun to
    plan.
    """
    return [start for start in summary.started if start.mailing > last_mailing or start.mailing in planning]
