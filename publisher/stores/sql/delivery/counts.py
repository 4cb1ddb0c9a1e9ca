"""How many deliveries are in each state, without reading the ledger.

A batch that no run holds has the counts of its rows beside it; whatever changes such a row counts the batch
anew in the same transaction. Only the rows of batches that a run holds now are counted when somebody asks.

Receipts: what is left of a delivery that was folded, where its reader got the mail.

Enough for what is asked of the past: who had a post that is corrected, what a reader was sent, what the link
in their mail shows. When it was, and in whose words it was taken, is forgotten.

What servers said of a mailing's deliveries: counted from the ledger, and kept when rows are folded.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
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
    """Counts the rows of these batches anew: for changes to many at once (else
    `batches.reschedule_batch`).
    """
    numbers = [func.count(case((deliveries.c.state == state, 1))).label(state.value) for state in TALLIED]
    counting = select(batches.c.id, *numbers).join_from(batches, deliveries, deliveries_of(batches.c))
    found = counting.where(*which).group_by(batches.c.id).subquery("found")
    these = update(batches).where(batches.c.id == found.c.id)
    connection.execute(these.values({state.value: found.c[state.value] for state in TALLIED}))


def counts_by_mailing(
    connection: Connection, *which: ColumnElement[bool]
) -> Mapping[int, Mapping[DeliveryState, int]]:
    """Of each mailing the states that occur, in the order of their lives; `which` is asked of `batches`."""
    sums = [func.sum(batches.c[state.value]) for state in TALLIED]
    resting = select(batches.c.mailing, *sums).where(~_LEASED, *which).group_by(batches.c.mailing)
    found: dict[int, dict[DeliveryState, Any]] = {}
    for mailing, *numbers in connection.execute(resting):
        found[mailing] = dict(zip(TALLIED, numbers, strict=True))
    key = (batches.c.mailing, deliveries.c.state)
    held = select(*key, func.count()).join_from(batches, deliveries, deliveries_of(batches.c))
    for mailing, state, number in connection.execute(held.where(_LEASED, *which).group_by(*key)):
        of = found.setdefault(mailing, {})
        of[state] = of.get(state, 0) + number
    return {mailing: _occurring(of) for mailing, of in found.items()}


def total_counts(connection: Connection) -> Mapping[DeliveryState, int]:
    """The same of all mailings together."""
    sums = select(*[func.coalesce(func.sum(batches.c[state.value]), 0) for state in TALLIED])
    found: dict[DeliveryState, Any] = dict(
        zip(TALLIED, connection.execute(sums.where(~_LEASED)).one(), strict=True)
    )
    held = select(deliveries.c.state, func.count()).join_from(batches, deliveries, deliveries_of(batches.c))
    for state, number in connection.execute(held.where(_LEASED).group_by(deliveries.c.state)):
        found[state] = found.get(state, 0) + number
    return _occurring(found)


def _occurring(found: Mapping[DeliveryState, Any]) -> dict[DeliveryState, int]:
    """Whole numbers: some databases add up to decimals."""
    return {state: int(found[state]) for state in DeliveryState if found.get(state)}


receipts = Table(
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
    Column("value", JSON, nullable=False),  # of its folded deliveries, as `replies.Replies` writes it
)


def has_receipt(*more: ColumnElement[bool]) -> ColumnElement[bool]:
    """Whether a row of `subscriptions` has one, of any mailing."""
    return exists().where(receipts.c.subscription == subscriptions.c.id, *more).correlate(subscriptions)


def delete_receipts(connection: Connection, ids: list[int]) -> None:
    """Nobody knows any more what these subscriptions were sent."""
    connection.execute(delete(receipts).where(receipts.c.subscription.in_(ids)))


SHOWN, KEPT = 20, 100
"""How many different replies of a mailing are shown, and kept of what is folded."""

OTHER_REPLIES = "(other words)"
"""What is beyond those kept."""

_ADDRESS = re.compile(r"[^\s<>()\[\]\"',;:=]+@(?=[\w\[-])")


@dataclass(frozen=True, slots=True)
class Replies:
    """`refused` are the words of all but a server's acceptances, and how often. Acceptances, each with a
    number of its own, are one: how many, and the first and the last of them in order, which tell what they
    have in common.
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
        """Most frequent first."""
        found = dict(self.refused)
        if self.accepted:
            common = _in_common(self.least, self.most)
            found[common] = found.get(common, 0) + self.accepted
        return sorted(found.items(), key=lambda pair: (-pair[1], pair[0]))[:SHOWN]

    def kept(self) -> "Replies":
        """The same without the addresses of readers, and not too many."""
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
        """As a value that JSON has, and `Replies(*value)` reads."""
        return [dict(self.refused), self.accepted, self.least, self.most]


def replies_of(connection: Connection, rows: Select[Any], *, most: int | None = None) -> dict[int, Replies]:
    """By mailing, of the rows of the ledger that a `select()` names; of refusals the `most` frequent."""
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


def _in_common(least: str, most: str) -> str:
    """What replies share, of which these are the first and the last in order."""
    differ = (n for n, (one, other) in enumerate(zip(least, most, strict=False)) if one != other)
    shared = least[: next(differ, min(len(least), len(most)))]
    return least if least == most else f"{shared.rpartition(' ')[0]} ..."
