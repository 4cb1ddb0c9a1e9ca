"""Reading mailings: what they are, what they carry, how far they went."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any, cast

from sqlalchemy import ColumnElement, Connection, Row, func, or_, select, union_all

from publisher.core.delivery.mailing import DeliveryState, InDoubt, Mailing, MailingState
from publisher.core.errors import StoreError
from publisher.core.mail.message import Placeholder, Segment
from publisher.ports import CohortPosts
from publisher.stores.sql.delivery.counts import SHOWN, Replies, counts, receipts, replies_of, said, totals
from publisher.stores.sql.engine.database import Database, slices
from publisher.stores.sql.schema.base import is_
from publisher.stores.sql.schema.subscriber_tables import subscribers, subscriptions
from publisher.stores.sql.schema.tables import (
    batches,
    cohorts,
    deliveries,
    mailing_posts,
    mailings,
    posts,
    segments,
)

SEGMENT, PLACE = "s:", "p:"
"""How a recipe marks a stored segment and a reader's place (`messages`)."""


_UNKNOWN = is_(deliveries.c.state, DeliveryState.UNKNOWN)
_COLUMNS = [mailings.c[field.name] for field in fields(Mailing) if field.name != "counts"]


class Mailings:
    """The half of `ports.LedgerStore` that only reads."""

    _db: Database

    def mailings(self, *, counted: bool = True) -> Sequence[Mailing]:
        """All of them, newest first."""
        with self._db.read() as connection:
            return read_mailings(connection, counted=counted)

    def mailing(self, id: int, *, counted: bool = True) -> Mailing | None:
        """One of them; None: there is none of that id."""
        with self._db.read() as connection:
            found = read_mailings(connection, mailings.c.id == id, counted=counted)
        return found[0] if found else None

    def under_way(self) -> Sequence[Mailing]:
        """Those that are neither done nor cancelled, newest first."""
        active = (MailingState.PLANNING, MailingState.READY, MailingState.PAUSED)
        with self._db.read() as connection:
            return read_mailings(connection, or_(*[is_(mailings.c.state, state) for state in active]))

    def totals(self) -> tuple[int, Mapping[DeliveryState, int]]:
        """How many mailings there are, and of all of them together how many deliveries in each state."""
        with self._db.read() as connection:
            number: int = connection.execute(select(func.count()).select_from(mailings)).scalar_one()
            return number, totals(connection)

    def cohorts(self, id: int) -> Sequence[CohortPosts]:
        """Each cohort's number, its (post id, revision) pairs as they are shown, and its language."""
        spoken = select(cohorts.c.n, cohorts.c.language).where(cohorts.c.mailing == id).order_by(cohorts.c.n)
        shown = select(mailing_posts).where(mailing_posts.c.mailing == id).order_by(mailing_posts.c.position)
        with self._db.read() as connection:
            languages = {row.n: row.language for row in connection.execute(spoken)}
            found: dict[int, list[tuple[str, str]]] = {n: [] for n in languages}
            for row in connection.execute(shown):
                found[row.cohort].append((row.post_id, row.revision))
        return [(n, posts, languages[n]) for n, posts in found.items()]

    def taken_back(self) -> Mapping[int, Sequence[str]]:
        """By mailing, the posts of its page (of the first cohort) that were withdrawn since."""
        shown = select(mailing_posts.c.mailing, mailing_posts.c.post_id).distinct()
        shown = shown.join_from(posts, mailing_posts, mailing_posts.c.post_id == posts.c.id)
        shown = shown.where(~posts.c.live, mailing_posts.c.cohort == 1)
        found: dict[int, list[str]] = {}
        with self._db.read() as connection:
            for row in connection.execute(shown.order_by(mailing_posts.c.mailing, mailing_posts.c.post_id)):
                found.setdefault(row.mailing, []).append(row.post_id)
        return found

    def shown_to(self, mailing: int, subscription: int) -> tuple[Sequence[tuple[str, str]], str] | None:
        """What one reader was mailed: (post id, revision) pairs, and the language; None: nothing."""
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
        """What a cohort's message is made of, in order. Raises StoreError: no such cohort, or bytes gone."""
        this = (cohorts.c.mailing == mailing) & (cohorts.c.n == cohort)
        with self._db.read() as connection:
            recipe = cast(
                "list[str] | None", connection.execute(select(cohorts.c.recipe).where(this)).scalar()
            )
            if recipe is None:
                raise StoreError("store", f"mailing {mailing} has no cohort {cohort}", "restore a backup")
            data = _stored(connection, [step[len(SEGMENT) :] for step in recipe if step.startswith(SEGMENT)])
        try:
            return [_segment(step, data) for step in recipe]
        except KeyError as error:
            what = f"segment {error.args[0]} of mailing {mailing} is gone"
            raise StoreError("store", what, "restore a backup") from None

    def in_doubt(self, mailing: int, *, after: int = 0, limit: int | None = None) -> Sequence[InDoubt]:
        """Its deliveries in state unknown, those after number `after`; in order."""
        query = (
            select(deliveries, subscribers.c.address)
            .join(subscriptions, subscriptions.c.id == deliveries.c.subscription)
            .join(subscribers, subscribers.c.id == subscriptions.c.subscriber)
            .where(_UNKNOWN, deliveries.c.mailing == mailing, deliveries.c.n > after)
            .order_by(deliveries.c.mailing, deliveries.c.n)
            .limit(limit)
        )
        with self._db.read() as connection:  # from the index of just those
            return [_in_doubt(row) for row in connection.execute(query)]

    def doubtful(self) -> int:
        """How many deliveries of all mailings are in state unknown."""
        with self._db.read() as connection:
            return connection.execute(select(func.count()).where(_UNKNOWN)).scalar_one()

    def next_doubtful(self, after: int) -> int | None:
        """The first mailing after that one with a delivery in state unknown."""
        first = select(func.min(deliveries.c.mailing)).where(_UNKNOWN, deliveries.c.mailing > after)
        with self._db.read() as connection:
            return connection.execute(first).scalar()

    def state_of(self, mailing: int, n: int) -> DeliveryState | None:
        """The state of one delivery."""
        this = select(deliveries.c.state).where(deliveries.c.mailing == mailing, deliveries.c.n == n)
        with self._db.read() as connection:
            return connection.execute(this).scalar()

    def replies(self, id: int) -> Sequence[tuple[str, int]]:
        """The servers' words and how often, most frequent first; at most 20. Acceptances, each with a
        number of its own, are one: what they have in common.
        """
        with self._db.read() as connection:
            kept = connection.execute(select(said.c.value).where(said.c.mailing == id)).scalar()
            rows = select(deliveries).where(deliveries.c.mailing == id)
            live = replies_of(connection, rows, most=SHOWN).get(id, Replies())
        return (Replies(*kept) + live if kept else live).shown()


def read_mailings(connection: Connection, *where: ColumnElement[bool], counted: bool = True) -> list[Mailing]:
    """Mailings, newest first; with their counts, or without."""
    found = connection.execute(select(*_COLUMNS).where(*where).order_by(mailings.c.id.desc()))
    rows = found.mappings().all()
    if not counted:
        return [Mailing(**row) for row in rows]
    which = [batches.c.mailing.in_(select(mailings.c.id).where(*where))] if where else []
    numbers = counts(connection, *which)
    return [Mailing(**row, counts=numbers.get(row["id"], {})) for row in rows]


def _stored(connection: Connection, names: Sequence[str]) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for part in slices(list(dict.fromkeys(names))):
        rows = connection.execute(select(segments).where(segments.c.hash.in_(part)))
        found.update({row.hash: row.data for row in rows})
    return found


def _segment(step: str, data: dict[str, bytes]) -> Segment:
    return Placeholder(step[len(PLACE) :]) if step.startswith(PLACE) else data[step[len(SEGMENT) :]]


def _in_doubt(row: Row[Any]) -> InDoubt:
    return InDoubt(
        mailing=row.mailing,
        n=row.n,
        address=row.address,
        at=row.changed_at,
        reply=row.reply,
        attempts=row.attempts,
    )
