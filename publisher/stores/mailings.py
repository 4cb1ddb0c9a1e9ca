"""Reading mailings: what they are, what they carry, how far they went."""

from collections.abc import Sequence
from dataclasses import fields
from typing import Any, cast

from sqlalchemy import ColumnElement, Connection, Row, func, select

from publisher.core.errors import StoreError
from publisher.core.mailings import InDoubt, Mailing, State
from publisher.core.messages import Place, Segment
from publisher.ports import CohortPosts
from publisher.stores.columns import is_
from publisher.stores.engine import Database, slices
from publisher.stores.schema import (
    cohorts,
    deliveries,
    mailing_posts,
    mailings,
    segments,
    subscribers,
    subscriptions,
)

REPLIES = 20
"""How many different replies of a mailing are shown."""

SEGMENT, PLACE = "s:", "p:"
"""How a recipe marks a stored segment and a reader's place (`messages`)."""


_COLUMNS = [mailings.c[field.name] for field in fields(Mailing) if field.name != "counts"]


class Mailings:
    """The half of `ports.LedgerStore` that only reads."""

    _db: Database

    def mailings(self, *, counted: bool = True) -> Sequence[Mailing]:
        """All of them, newest first; without counts it does not touch the ledger."""
        with self._db.read() as connection:
            return read_mailings(connection, counted=counted)

    def mailing(self, id: int, *, counted: bool = True) -> Mailing | None:
        """One of them; without counts it does not touch the ledger."""
        with self._db.read() as connection:
            found = read_mailings(connection, mailings.c.id == id, counted=counted)
        return found[0] if found else None

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

    def shown_to(self, mailing: int, subscription: int) -> tuple[Sequence[tuple[str, str]], str] | None:
        """What one reader was mailed: (post id, revision) pairs, and the language; None: nothing."""
        theirs = (deliveries.c.subscription == subscription) & (deliveries.c.mailing == mailing)
        with self._db.read() as connection:
            cohort = connection.execute(select(deliveries.c.cohort).where(theirs)).scalar()
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

    def in_doubt(self, mailing: int | None) -> Sequence[InDoubt]:
        """Deliveries in state unknown, of one mailing or of all."""
        query = (
            select(deliveries, subscribers.c.address)
            .join(subscriptions, subscriptions.c.id == deliveries.c.subscription)
            .join(subscribers, subscribers.c.id == subscriptions.c.subscriber)
            .where(is_(deliveries.c.state, State.UNKNOWN))
            .order_by(deliveries.c.mailing, deliveries.c.n)
        )
        with self._db.read() as connection:  # few at any time: all are read from the index of just those
            found = [_in_doubt(row) for row in connection.execute(query)]
        return [doubt for doubt in found if mailing in (None, doubt.mailing)]

    def state_of(self, mailing: int, n: int) -> State | None:
        """The state of one delivery."""
        this = select(deliveries.c.state).where(deliveries.c.mailing == mailing, deliveries.c.n == n)
        with self._db.read() as connection:
            return connection.execute(this).scalar()

    def replies(self, id: int) -> Sequence[tuple[str, int]]:
        """The servers' words and how often, most frequent first; at most 20. Acceptances, each with a
        number of its own, are one: what they have in common.
        """
        number, words = func.count(), deliveries.c.reply
        said = (deliveries.c.mailing == id) & (words != "")
        taken = deliveries.c.state == State.ACCEPTED
        refusals = select(words, number).where(said, ~taken).group_by(words)
        both = select(number, func.min(words), func.max(words)).where(said, taken)
        with self._db.read() as connection:
            rows = connection.execute(refusals.order_by(number.desc(), words).limit(REPLIES)).all()
            accepted, least, most = connection.execute(both).one()
        found = [(reply, count) for reply, count in rows]
        if accepted:
            found.append((_in_common(least, most), accepted))
        return sorted(found, key=lambda pair: (-pair[1], pair[0]))[:REPLIES]


def read_mailings(connection: Connection, *where: ColumnElement[bool], counted: bool = True) -> list[Mailing]:
    """Mailings, newest first; with counts, which reads all of their deliveries."""
    found = connection.execute(select(*_COLUMNS).where(*where).order_by(mailings.c.id.desc()))
    rows = found.mappings().all()
    if not counted:
        return [Mailing(**row) for row in rows]
    key = (deliveries.c.mailing, deliveries.c.state)
    counting = select(*key, func.count()).group_by(*key)
    if where:
        counting = counting.where(deliveries.c.mailing.in_(select(mailings.c.id).where(*where)))
    counts: dict[int, dict[State, int]] = {}
    for mailing, state, number in connection.execute(counting):
        counts.setdefault(mailing, {})[state] = number
    return [Mailing(**row, counts=counts.get(row["id"], {})) for row in rows]


def _in_common(least: str, most: str) -> str:
    """What replies share, of which these are the first and the last in order."""
    differ = (n for n, (one, other) in enumerate(zip(least, most, strict=False)) if one != other)
    shared = least[: next(differ, min(len(least), len(most)))]
    return least if least == most else f"{shared.rpartition(' ')[0]} ..."


def _stored(connection: Connection, names: Sequence[str]) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for part in slices(list(dict.fromkeys(names))):
        rows = connection.execute(select(segments).where(segments.c.hash.in_(part)))
        found.update({row.hash: row.data for row in rows})
    return found


def _segment(step: str, data: dict[str, bytes]) -> Segment:
    return Place(step[len(PLACE) :]) if step.startswith(PLACE) else data[step[len(SEGMENT) :]]


def _in_doubt(row: Row[Any]) -> InDoubt:
    return InDoubt(
        mailing=row.mailing,
        n=row.n,
        address=row.address,
        at=row.changed_at,
        reply=row.reply,
        attempts=row.attempts,
    )
