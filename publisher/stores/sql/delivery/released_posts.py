"""Mailings that readers have nothing of, because an operator cancelled them or servers refused them: their
posts are released to the readers' next digest, or their messages sent after all.

A released post stays here until its reader is planned for a mailing that shows it or passes it over.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Integer,
    Table,
    Text,
    and_,
    delete,
    exists,
    func,
    or_,
    select,
    tuple_,
    update,
)

from publisher.core.delivery.mailing import NOT_RECEIVED, DeliveryState, MailingState, TransitionCause
from publisher.core.digests.digest import Correction
from publisher.core.subscribers.subscription import SubscriptionState
from publisher.stores.sql.database import Database, upsert
from publisher.stores.sql.delivery.batches import deliveries_of, reschedule_batch
from publisher.stores.sql.delivery.retention import receipts
from publisher.stores.sql.delivery.transitions import is_suppressed, update_for
from publisher.stores.sql.schema.columns import BatchState, is_, metadata
from publisher.stores.sql.schema.subscriber_tables import subscriptions
from publisher.stores.sql.schema.tables import batches, deliveries, mailing_posts, mailings, posts

released_posts = Table(
    "released_posts",
    metadata,
    Column("subscription", BigInteger, primary_key=True, autoincrement=False),
    Column("post_id", Text, primary_key=True),
    Column("generation", Integer, nullable=False),
    Column("mailing", BigInteger, nullable=False, index=True),  # that did not bring it
    sqlite_with_rowid=False,
)

SENT_AGAIN = "to be sent again by the operator"
"""The reply of a delivery that an operator queued again (arrow n)."""

_CURRENT = and_(
    is_(subscriptions.c.state, SubscriptionState.ACTIVE),
    subscriptions.c.id == deliveries.c.subscription,
    subscriptions.c.generation == deliveries.c.generation,
)
_OF_COHORT = and_(
    mailing_posts.c.mailing == deliveries.c.mailing, mailing_posts.c.cohort == deliveries.c.cohort
)


def is_any_released() -> ColumnElement[bool]:
    """Whether posts were released for anybody."""
    return select(released_posts.alias().c.mailing).exists()


def has_released(mailing: int | None, post_id: str | None = None) -> ColumnElement[bool]:
    """Whether posts were released for a row of `subscriptions`: of that mailing (None: of any), and that post
    (None: any).
    """
    mine = (
        released_posts.c.subscription == subscriptions.c.id,
        released_posts.c.generation == subscriptions.c.generation,
    )
    found = exists().where(*mine)
    if mailing is not None:
        found = found.where(released_posts.c.mailing == mailing)
    if post_id is not None:
        found = found.where(released_posts.c.post_id == post_id)
    return found.correlate(subscriptions)


def has_shown(post_id: str | ColumnElement[str], without: Collection[DeliveryState]) -> ColumnElement[bool]:
    """Whether a mail to this generation of a row of `subscriptions` showed a post, except deliveries in the
    states `without`.
    """
    sent, shown = deliveries.alias("sent"), mailing_posts.alias("shown")
    delivered = exists().where(
        sent.c.subscription == subscriptions.c.id,
        sent.c.generation == subscriptions.c.generation,
        sent.c.state.not_in(without),
        shown.c.mailing == sent.c.mailing,
        shown.c.cohort == sent.c.cohort,
        shown.c.post_id == post_id,
    )
    archived = exists().where(
        receipts.c.subscription == subscriptions.c.id,
        receipts.c.generation == subscriptions.c.generation,
        shown.c.mailing == receipts.c.mailing,
        shown.c.cohort == receipts.c.cohort,
        shown.c.post_id == post_id,
    )
    return or_(delivered.correlate_except(sent, shown), archived.correlate_except(receipts, shown))


_HAS_IT = has_shown(mailing_posts.c.post_id, NOT_RECEIVED)


class ReleasedPosts:
    """`ports.LedgerStore`: what readers have nothing of."""

    _db: Database

    def count_unsent(self, mailing: int) -> Mapping[DeliveryState, int]:
        lacking = exists().where(_OF_COHORT, mailing_posts.c.post_id == posts.c.id, posts.c.live, ~_HAS_IT)
        query = select(deliveries.c.state, func.count()).join_from(deliveries, subscriptions, _CURRENT)
        query = query.where(
            deliveries.c.mailing == mailing, deliveries.c.state.in_(NOT_RECEIVED), ~is_suppressed()
        )
        query = query.where(lacking.correlate(deliveries, subscriptions))
        with self._db.read() as connection:
            return {row[0]: row[1] for row in connection.execute(query.group_by(deliveries.c.state))}

    def release_posts(self, mailing: int, first: int, last: int) -> None:
        rows = select(
            deliveries.c.subscription, mailing_posts.c.post_id, deliveries.c.generation, deliveries.c.mailing
        )
        rows = rows.distinct().join_from(deliveries, subscriptions, _CURRENT).join(mailing_posts, _OF_COHORT)
        rows = rows.where(
            deliveries.c.mailing == mailing,
            deliveries.c.n.between(first, last),
            deliveries.c.state.in_(NOT_RECEIVED),
            ~is_suppressed(),
            ~_HAS_IT,
        )
        with self._db.write() as connection:
            found = [dict(row) for row in connection.execute(rows).mappings()]
            if found:
                connection.execute(upsert(released_posts), found)

    def released_posts(self, slug: str, *, limit: int, mailing: int | None = None) -> Sequence[Correction]:
        waiting = select(released_posts.c.mailing).distinct()
        query = select(posts.c.first_seq, posts.c.first_seq, posts.c.id).distinct()
        query = query.join_from(mailings, mailing_posts).join(posts, posts.c.id == mailing_posts.c.post_id)
        query = query.where(
            mailings.c.id.in_(waiting) if mailing is None else mailings.c.id == mailing,
            mailings.c.list == slug,
            exists()
            .where(
                released_posts.c.mailing == mailings.c.id,
                released_posts.c.post_id == mailing_posts.c.post_id,
            )
            .correlate(mailings, mailing_posts),
        )
        with self._db.read() as connection:
            rows = connection.execute(query.order_by(posts.c.first_seq).limit(limit)).all()
        return [Correction(seq, seq, id, released=True) for seq, _, id in rows]

    def forget_released(self, mailing: int) -> None:
        with self._db.write() as connection:
            connection.execute(delete(released_posts).where(released_posts.c.mailing == mailing))

    def resend(self, mailing: int, states: Collection[DeliveryState], now: datetime) -> int | None:
        lacks_all = ~exists().where(_OF_COHORT, _HAS_IT).correlate(deliveries, subscriptions)
        theirs = exists().where(_CURRENT, ~is_suppressed(), lacks_all).correlate(deliveries)
        these = (deliveries.c.mailing == mailing, deliveries.c.state.in_(states), theirs)
        again = update_for(TransitionCause.SEND_AGAIN, *these, reply=SENT_AGAIN, changed_at=now)
        with self._db.write() as connection:
            held = exists().where(batches.c.mailing == mailing, is_(batches.c.state, BatchState.LEASED))
            if connection.execute(select(held)).scalar():
                return None
            queued = connection.execute(again).rowcount
            if queued:
                _reopen(connection, mailing, now)
            return queued


def _reopen(connection: Connection, mailing: int, now: datetime) -> None:
    """Opens the batches of a mailing that hold queued deliveries again, and takes back what was released for
    their readers.
    """
    of = (deliveries.c.mailing == mailing, deliveries.c.state == DeliveryState.QUEUED)
    waiting = exists().where(deliveries_of(batches.c), *of)
    over = (batches.c.mailing == mailing, is_(batches.c.state, BatchState.DONE))
    for batch in connection.execute(select(batches).where(*over, waiting)).all():
        reschedule_batch(connection, batch, now)
    shown = select(deliveries.c.subscription, mailing_posts.c.post_id).join_from(
        deliveries, mailing_posts, _OF_COHORT
    )
    key = tuple_(released_posts.c.subscription, released_posts.c.post_id)
    connection.execute(delete(released_posts).where(key.in_(shown.where(*of))))
    over = (mailings.c.id == mailing, mailings.c.state.in_((MailingState.DONE, MailingState.CANCELLED)))
    connection.execute(update(mailings).where(*over).values(state=MailingState.READY, canary=False))


def delete_released(connection: Connection, ids: list[int]) -> None:
    """Forgets which posts wait for these subscriptions."""
    connection.execute(delete(released_posts).where(released_posts.c.subscription.in_(ids)))
