"""Archiving the ledger: of deliveries settled long ago their counts and replies stay, and receipts of those
that arrived.

    deliveries of a batch that is done, none of them unknown  ->  counts, receipts, replies

Nothing that decides whether somebody is mailed gets lost: offsets are kept with subscriptions, a finished
mailing stays finished, and receipts tell who had a post that is corrected. Unknown deliveries stay until an
operator decides. Adjacent batches are merged, so a mailing ends as a row or a few.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise, takewhile
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Integer,
    Row,
    Select,
    Table,
    delete,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    tuple_,
    update,
)

from publisher.core.delivery.mailing import (
    ASSUMED_REPLY,
    FROM_LOG_REPLY,
    DeliveryState,
    MailingKind,
    MailingState,
)
from publisher.stores.sql.database import Database, upsert
from publisher.stores.sql.delivery.batches import deliveries_of
from publisher.stores.sql.schema.columns import BatchState, index_where, is_, metadata, without_local_parts
from publisher.stores.sql.schema.subscriber_tables import subscriptions
from publisher.stores.sql.schema.tables import TALLIED, batches, cohort_keys, deliveries, mailings

receipts = Table(  # what is left of an archived delivery that was accepted
    "receipts",
    metadata,
    Column("subscription", BigInteger, primary_key=True, autoincrement=False),
    Column("mailing", BigInteger, primary_key=True, autoincrement=False),
    Column("cohort", Integer, nullable=False),
    Column("generation", Integer, nullable=False),
    Column("n", BigInteger),  # its number in the mailing; null: an older version archived it
    sqlite_with_rowid=False,
)
index_where("ix_receipts_delivery", receipts.c.n.is_not(None), receipts.c.mailing, receipts.c.n)

reply_archive = Table(  # what servers replied to archived deliveries
    "said",
    metadata,
    Column("mailing", BigInteger, primary_key=True, autoincrement=False),
    Column("value", JSON, nullable=False),  # `Replies.as_json`
)

_FINISHED = (MailingState.DONE, MailingState.CANCELLED)

_WITH_POSTS = (MailingKind.DIGEST, MailingKind.WELCOME)

_BATCH_COST = 10
"""What a batch costs beside its deliveries, in deliveries."""

SHOWN, KEPT = 20, 100
"""How many different replies of a mailing are shown, and kept of archived deliveries."""

OTHER_REPLIES = "(other words)"
"""Stands for all replies beyond those kept."""


class LedgerRetention:
    """`ports.LedgerStore`: archiving."""

    _db: Database

    def archive_deliveries(self, before: datetime, *, limit: int) -> int:
        columns = (batches.c.id, batches.c.mailing, batches.c.lo, batches.c.hi)
        certain = batches.c.unknown == literal(0, literal_execute=True)
        old: Any = select(*columns).join_from(batches, mailings).order_by(batches.c.settled_at)
        old = old.where(is_(batches.c.state, BatchState.DONE), certain, batches.c.settled_at < before)
        old = old.where(mailings.c.state.in_(_FINISHED))
        with self._db.read() as connection:
            if connection.execute(old.limit(1)).first() is None:
                return 0
        with self._db.write() as connection:
            chosen = _first_of(connection.execute(old.limit(limit)).all(), limit)
            if not chosen:
                return 0
            of = sorted({row.mailing for row in chosen})
            these = batches.c.id.in_([row.id for row in chosen])
            kept = [column.name for column in receipts.columns]
            arrived = _rows(*[deliveries.c[name] for name in kept]).join(mailings)
            arrived = arrived.where(these, deliveries.c.state == DeliveryState.ACCEPTED)
            arrived = arrived.where(mailings.c.kind.in_(_WITH_POSTS))
            connection.execute(insert(receipts).from_select(kept, arrived))
            _save_replies(connection, these)
            key = (deliveries.c.mailing, deliveries.c.n)
            connection.execute(delete(deliveries).where(tuple_(*key).in_(_rows(*key).where(these))))
            connection.execute(update(batches).where(these).values(state=BatchState.FOLDED))
            _merge_batches(connection, of)
            # Where its readers stood was needed only while the mailing was planned.
            some = select(*cohort_keys.primary_key).where(cohort_keys.c.mailing.in_(of)).limit(2 * limit)
            connection.execute(delete(cohort_keys).where(tuple_(*cohort_keys.primary_key).in_(some)))
            return sum(row.hi - row.lo + 1 for row in chosen)


def _first_of(found: Sequence[Row[Any]], limit: int) -> list[Row[Any]]:
    """At least one of them, and then as many as one transaction should have."""
    chosen: list[Row[Any]] = []
    for row in found:
        limit -= row.hi - row.lo + 1 + _BATCH_COST
        if chosen and limit < 0:
            break
        chosen.append(row)
    return chosen


def _rows(*columns: ColumnElement[Any]) -> Select[Any]:
    """Columns of the deliveries in batches."""
    return select(*columns).join_from(batches, deliveries, deliveries_of(batches.c))


def _save_replies(connection: Connection, these: Any) -> None:
    new = replies_of(connection, _rows(deliveries.c.mailing).where(these))
    before = select(reply_archive).where(reply_archive.c.mailing.in_(list(new)))
    kept = {row.mailing: Replies(*row.value) for row in connection.execute(before)}
    rows = [
        {"mailing": mailing, "value": (kept.get(mailing, Replies()) + replies).kept().as_json()}
        for mailing, replies in new.items()
    ]
    if rows:
        connection.execute(upsert(reply_archive), rows)


def _merge_batches(connection: Connection, of: Sequence[int]) -> None:
    """Merges adjacent archived batches of a mailing into the first of them."""
    archived = select(batches).where(batches.c.mailing.in_(of), batches.c.state == BatchState.FOLDED)
    rows = connection.execute(archived.order_by(batches.c.mailing, batches.c.lo)).all()
    runs: list[list[Row[Any]]] = [[row] for row in rows[:1]]
    for one, other in pairwise(rows):
        if (one.mailing, one.hi + 1) == (other.mailing, other.lo):
            runs[-1].append(other)
        else:
            runs.append([other])
    for first, *rest in (run for run in runs if len(run) > 1):
        sums = {state.value: sum(getattr(row, state.value) for row in (first, *rest)) for state in TALLIED}
        connection.execute(delete(batches).where(batches.c.id.in_([row.id for row in rest])))
        this = update(batches).where(batches.c.id == first.id)
        connection.execute(this.values(hi=rest[-1].hi, **sums))


def has_receipt(*more: ColumnElement[bool]) -> ColumnElement[bool]:
    """Whether a row of `subscriptions` has a receipt."""
    return exists().where(receipts.c.subscription == subscriptions.c.id, *more).correlate(subscriptions)


def delete_receipts(connection: Connection, ids: list[int]) -> None:
    """Forgets what these subscriptions were sent."""
    connection.execute(delete(receipts).where(receipts.c.subscription.in_(ids)))


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
            words[without_local_parts(reply)] += number
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
