"""Counting deliveries and replies without reading the ledger, and what is left of deliveries once archived.

A batch that no run holds has the counts of its deliveries beside it; whatever changes such a delivery
recounts the batch in the same transaction. Only deliveries in leased batches are counted on demand.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Integer,
    Select,
    Table,
    case,
    delete,
    exists,
    func,
    or_,
    select,
    update,
)

from publisher.core.delivery.mailing import ASSUMED_REPLY, FROM_LOG_REPLY, DeliveryState
from publisher.stores.sql.delivery.batches import deliveries_of
from publisher.stores.sql.schema.base import BatchState, is_, metadata
from publisher.stores.sql.schema.subscriber_tables import subscriptions
from publisher.stores.sql.schema.tables import TALLIED, batches, deliveries

_LEASED = is_(batches.c.state, BatchState.LEASED)


def recount_batches(connection: Connection, *which: ColumnElement[bool]) -> None:
    """Recounts the deliveries of these batches, for changes to many at once (else see `reschedule_batch`)."""
    numbers = [func.count(case((deliveries.c.state == state, 1))).label(state.value) for state in TALLIED]
    counting = select(batches.c.id, *numbers).join_from(batches, deliveries, deliveries_of(batches.c))
    found = counting.where(*which).group_by(batches.c.id).subquery("found")
    these = update(batches).where(batches.c.id == found.c.id)
    connection.execute(these.values({state.value: found.c[state.value] for state in TALLIED}))


def counts_by_mailing(
    connection: Connection, *which: ColumnElement[bool]
) -> Mapping[int, Mapping[DeliveryState, int]]:
    """Mailing -> number of deliveries in each state that occurs; `which` is a condition on `batches`."""
    sums = [func.sum(batches.c[state.value]) for state in TALLIED]
    released = select(batches.c.mailing, *sums).where(~_LEASED, *which).group_by(batches.c.mailing)
    found: dict[int, dict[DeliveryState, Any]] = {}
    for mailing, *numbers in connection.execute(released):
        found[mailing] = dict(zip(TALLIED, numbers, strict=True))
    key = (batches.c.mailing, deliveries.c.state)
    held = select(*key, func.count()).join_from(batches, deliveries, deliveries_of(batches.c))
    for mailing, state, number in connection.execute(held.where(_LEASED, *which).group_by(*key)):
        of = found.setdefault(mailing, {})
        of[state] = of.get(state, 0) + number
    return {mailing: _whole_numbers(of) for mailing, of in found.items()}


def total_counts(connection: Connection) -> Mapping[DeliveryState, int]:
    """The same for all mailings together."""
    sums = select(*[func.coalesce(func.sum(batches.c[state.value]), 0) for state in TALLIED])
    found: dict[DeliveryState, Any] = dict(
        zip(TALLIED, connection.execute(sums.where(~_LEASED)).one(), strict=True)
    )
    held = select(deliveries.c.state, func.count()).join_from(batches, deliveries, deliveries_of(batches.c))
    for state, number in connection.execute(held.where(_LEASED).group_by(deliveries.c.state)):
        found[state] = found.get(state, 0) + number
    return _whole_numbers(found)


def _whole_numbers(found: Mapping[DeliveryState, Any]) -> dict[DeliveryState, int]:
    """As integers, since some databases add up to decimals, and without zeros."""
    return {state: int(found[state]) for state in DeliveryState if found.get(state)}


receipts = Table(  # what is left of an archived delivery that was accepted
    "receipts",
    metadata,
    Column("subscription", BigInteger, primary_key=True, autoincrement=False),
    Column("mailing", BigInteger, primary_key=True, autoincrement=False),
    Column("cohort", Integer, nullable=False),
    Column("generation", Integer, nullable=False),
    sqlite_with_rowid=False,
)


reply_archive = Table(
    "said",
    metadata,
    Column("mailing", BigInteger, primary_key=True, autoincrement=False),
    Column("value", JSON, nullable=False),  # of its archived deliveries: `Replies.as_json`
)


def has_receipt(*more: ColumnElement[bool]) -> ColumnElement[bool]:
    """Whether a row of `subscriptions` has a receipt."""
    return exists().where(receipts.c.subscription == subscriptions.c.id, *more).correlate(subscriptions)


def delete_receipts(connection: Connection, ids: list[int]) -> None:
    """Forgets what these subscriptions were sent."""
    connection.execute(delete(receipts).where(receipts.c.subscription.in_(ids)))


SHOWN, KEPT = 20, 100
"""How many different replies of a mailing are shown, and kept of archived deliveries."""

OTHER_REPLIES = "(other words)"
"""Stands for all replies beyond those kept."""

_ADDRESS = re.compile(r"[^\s<>()\[\]\"',;:=]+@(?=[\w\[-])")


@dataclass(frozen=True, slots=True)
class Replies:
    """What servers replied to a mailing. `refused` maps all replies but acceptances to how often they came.
    Acceptances usually end in a queue id of their own, so they are taken as one: how many, and the first
    and last of them in sort order, which tell the prefix they share.
    """

    refused: Mapping[str, int] = field(default_factory=dict[str, int])
    accepted: int = 0
    least: str = ""
    most: str = ""

    def __add__(self, other: "Replies") -> "Replies":
        some = [replies for replies in (self, other) if replies.accepted]
        return Replies(
            refused=Counter(self.refused) + Counter(other.refused),
            accepted=self.accepted + other.accepted,
            least=min((replies.least for replies in some), default=""),
            most=max((replies.most for replies in some), default=""),
        )

    def shown(self) -> Sequence[tuple[str, int]]:
        """(reply, how often), the most frequent first; at most SHOWN."""
        found = dict(self.refused)
        if self.accepted:
            common = self.least
            if self.least != self.most:
                pairs = zip(self.least, self.most, strict=False)
                prefix = "".join(a for a, _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
                common = f"{prefix.rpartition(' ')[0]} ..."
            found[common] = found.get(common, 0) + self.accepted
        return sorted(found.items(), key=lambda pair: (-pair[1], pair[0]))[:SHOWN]

    def kept(self) -> "Replies":
        """The same without the addresses of readers, and at most KEPT."""
        words = Counter[str]()
        for reply, number in self.refused.items():
            words[_ADDRESS.sub("...@", reply)] += number
        others = words.pop(OTHER_REPLIES, 0)
        most = dict(sorted(words.items(), key=lambda pair: (-pair[1], pair[0]))[:KEPT])
        others += words.total() - sum(most.values())
        return Replies(
            most | ({OTHER_REPLIES: others} if others else {}), self.accepted, self.least, self.most
        )

    def as_json(self) -> list[Any]:
        """As JSON that `Replies(*value)` reads."""
        return [dict(self.refused), self.accepted, self.least, self.most]


def replies_of(connection: Connection, rows: Select[Any], *, most: int | None = None) -> dict[int, Replies]:
    """Mailing -> replies, of the deliveries that `rows` selects; of refusals only the `most` frequent."""
    number, words = func.count(), deliveries.c.reply
    rows = rows.where(words != "").group_by(deliveries.c.mailing)
    rows = rows.with_only_columns(deliveries.c.mailing, maintain_column_froms=True)
    taken = (deliveries.c.state == DeliveryState.ACCEPTED) & ~or_(
        words.startswith(ASSUMED_REPLY), words == FROM_LOG_REPLY
    )
    found: dict[int, Replies] = {}
    for row in connection.execute(rows.where(taken).add_columns(number, func.min(words), func.max(words))):
        found[row[0]] = Replies({}, *row[1:])
    refused: dict[int, dict[str, int]] = {}
    refusals = rows.where(~taken).group_by(words).add_columns(words, number)
    refusals = refusals.order_by(number.desc(), words).limit(most)
    for mailing, reply, times in connection.execute(refusals):
        refused.setdefault(mailing, {})[reply] = times
    for mailing, counted in refused.items():
        found[mailing] = found.get(mailing, Replies()) + Replies(counted)
    return found
