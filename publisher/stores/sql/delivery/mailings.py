"""Reading mailings: what they are, what they show, and how far they got."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any, cast

from sqlalchemy import ColumnElement, Connection, Row, func, or_, select, union_all

from publisher.core.delivery.mailing import DeliveryState, Mailing, MailingState, Route, UnknownDelivery
from publisher.core.errors import StoreError
from publisher.core.mail.message import MailTransport, Placeholder, Segment
from publisher.ports import CohortPosts
from publisher.stores.sql.delivery.batches import counts_by_mailing, total_counts
from publisher.stores.sql.delivery.retention import SHOWN, Replies, receipts, replies_of, reply_archive
from publisher.stores.sql.engine.database import Database, slices
from publisher.stores.sql.schema.base import is_
from publisher.stores.sql.schema.subscriber_tables import subscribers, subscriptions
from publisher.stores.sql.schema.tables import (
    OUTBOX_ROUTE,
    batches,
    cohorts,
    deliveries,
    mailing_posts,
    mailings,
    posts,
    routes,
    segments,
)

SEGMENT, PLACE = "s:", "p:"
"""How a recipe marks a stored segment and a placeholder (core.mail.mime)."""

_UNKNOWN = is_(deliveries.c.state, DeliveryState.UNKNOWN)
_COLUMNS = [mailings.c[field.name] for field in fields(Mailing) if field.name != "counts"]


def _route(row: Row[Any]) -> Route | None:
    """The route of a row of `deliveries`, joined with `routes`."""
    if row.route == OUTBOX_ROUTE:
        return Route(MailTransport.OUTBOX)
    return None if row.transport is None else Route(row.transport, row.relay)


class Mailings:
    """`ports.LedgerStore`: reading."""

    _db: Database

    def mailings(self, *, counted: bool = True) -> Sequence[Mailing]:
        with self._db.read() as connection:
            return read_mailings(connection, counted=counted)

    def mailing(self, id: int, *, counted: bool = True) -> Mailing | None:
        with self._db.read() as connection:
            found = read_mailings(connection, mailings.c.id == id, counted=counted)
        return found[0] if found else None

    def unfinished_mailings(self) -> Sequence[Mailing]:
        active = (MailingState.PLANNING, MailingState.READY, MailingState.PAUSED)
        with self._db.read() as connection:
            return read_mailings(connection, or_(*[is_(mailings.c.state, state) for state in active]))

    def delivery_totals(self) -> tuple[int, Mapping[DeliveryState, int]]:
        with self._db.read() as connection:
            number: int = connection.execute(select(func.count()).select_from(mailings)).scalar_one()
            return number, total_counts(connection)

    def cohorts(self, id: int) -> Sequence[CohortPosts]:
        spoken = select(cohorts.c.n, cohorts.c.language).where(cohorts.c.mailing == id).order_by(cohorts.c.n)
        shown = select(mailing_posts).where(mailing_posts.c.mailing == id).order_by(mailing_posts.c.position)
        with self._db.read() as connection:
            languages = {row.n: row.language for row in connection.execute(spoken)}
            found: dict[int, list[tuple[str, str]]] = {n: [] for n in languages}
            for row in connection.execute(shown):
                found[row.cohort].append((row.post_id, row.revision))
        return [(n, posts, languages[n]) for n, posts in found.items()]

    def withdrawn_posts_by_mailing(self) -> Mapping[int, Sequence[str]]:
        shown = select(mailing_posts.c.mailing, mailing_posts.c.post_id).distinct()
        shown = shown.join_from(posts, mailing_posts, mailing_posts.c.post_id == posts.c.id)
        shown = shown.where(~posts.c.live, mailing_posts.c.cohort == 1)
        found: dict[int, list[str]] = {}
        with self._db.read() as connection:
            for row in connection.execute(shown.order_by(mailing_posts.c.mailing, mailing_posts.c.post_id)):
                found.setdefault(row.mailing, []).append(row.post_id)
        return found

    def posts_mailed_to(
        self, mailing: int, subscription: int
    ) -> tuple[Sequence[tuple[str, str]], str] | None:
        theirs = [
            select(table.c.cohort).where(table.c.subscription == subscription, table.c.mailing == mailing)
            for table in (deliveries, receipts)
        ]
        with self._db.read() as connection:
            cohort = connection.execute(union_all(*theirs)).scalar()
            if cohort is None:
                return None
            this = (cohorts.c.mailing == mailing) & (cohorts.c.n == cohort)
            language = connection.execute(select(cohorts.c.language).where(this)).scalar() or ""
            posts = (mailing_posts.c.mailing == mailing) & (mailing_posts.c.cohort == cohort)
            shown = select(mailing_posts).where(posts).order_by(mailing_posts.c.position)
            return [(row.post_id, row.revision) for row in connection.execute(shown)], language

    def segments(self, mailing: int, cohort: int) -> Sequence[Segment]:
        this = (cohorts.c.mailing == mailing) & (cohorts.c.n == cohort)
        with self._db.read() as connection:
            recipe = cast(
                "list[str] | None", connection.execute(select(cohorts.c.recipe).where(this)).scalar()
            )
            if recipe is None:
                raise StoreError("store", f"mailing {mailing} has no cohort {cohort}", "restore a backup")
            names = dict.fromkeys(step[len(SEGMENT) :] for step in recipe if step.startswith(SEGMENT))
            data: dict[str, bytes] = {}
            for part in slices(list(names)):
                rows = connection.execute(select(segments).where(segments.c.hash.in_(part)))
                data.update({row.hash: row.data for row in rows})
        try:
            return [
                Placeholder(step[len(PLACE) :]) if step.startswith(PLACE) else data[step[len(SEGMENT) :]]
                for step in recipe
            ]
        except KeyError as error:
            what = f"segment {error.args[0]} of mailing {mailing} is gone"
            raise StoreError("store", what, "restore a backup") from None

    def unknown_deliveries(
        self, mailing: int, *, after: int = 0, limit: int | None = None
    ) -> Sequence[UnknownDelivery]:
        query = (
            select(deliveries, subscribers.c.address, routes.c.transport, routes.c.relay)
            .join(subscriptions, subscriptions.c.id == deliveries.c.subscription)
            .join(subscribers, subscribers.c.id == subscriptions.c.subscriber)
            .join(routes, routes.c.id == deliveries.c.route, isouter=True)
            .where(_UNKNOWN, deliveries.c.mailing == mailing, deliveries.c.n > after)
            .order_by(deliveries.c.mailing, deliveries.c.n)
            .limit(limit)
        )
        with self._db.read() as connection:
            return [
                UnknownDelivery(
                    mailing=row.mailing,
                    n=row.n,
                    address=row.address,
                    at=row.changed_at,
                    reply=row.reply,
                    attempts=row.attempts,
                    route=_route(row),
                )
                for row in connection.execute(query)
            ]

    def count_unknown(self) -> int:
        with self._db.read() as connection:
            return connection.execute(select(func.count()).where(_UNKNOWN)).scalar_one()

    def next_mailing_with_unknown(self, after: int) -> int | None:
        first = select(func.min(deliveries.c.mailing)).where(_UNKNOWN, deliveries.c.mailing > after)
        with self._db.read() as connection:
            return connection.execute(first).scalar()

    def delivery_state(self, mailing: int, n: int) -> DeliveryState | None:
        this = select(deliveries.c.state).where(deliveries.c.mailing == mailing, deliveries.c.n == n)
        with self._db.read() as connection:
            return connection.execute(this).scalar()

    def replies(self, id: int) -> Sequence[tuple[str, int]]:
        with self._db.read() as connection:
            kept = connection.execute(
                select(reply_archive.c.value).where(reply_archive.c.mailing == id)
            ).scalar()
            rows = select(deliveries).where(deliveries.c.mailing == id)
            live = replies_of(connection, rows, most=SHOWN).get(id, Replies())
        return (Replies(*kept) + live if kept else live).shown()


def read_mailings(connection: Connection, *where: ColumnElement[bool], counted: bool = True) -> list[Mailing]:
    """Mailings, the newest first; with `counted`, how many deliveries are in each state."""
    found = connection.execute(select(*_COLUMNS).where(*where).order_by(mailings.c.id.desc()))
    rows = found.mappings().all()
    if not counted:
        return [Mailing(**row) for row in rows]
    which = [batches.c.mailing.in_(select(mailings.c.id).where(*where))] if where else []
    numbers = counts_by_mailing(connection, *which)
    return [Mailing(**row, counts=numbers.get(row["id"], {})) for row in rows]
