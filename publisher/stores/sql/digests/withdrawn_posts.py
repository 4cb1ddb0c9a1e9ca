"""Mailings that still have something to send, made anew where a post in them was withdrawn."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, exists, select, update

from publisher.core.delivery.mailing import MailingHold, MailingKind, MailingState, Reworded
from publisher.core.mail.message import Recipe
from publisher.stores.sql.delivery.freeze import keep_segments
from publisher.stores.sql.engine.database import Database
from publisher.stores.sql.schema.base import BatchState, is_
from publisher.stores.sql.schema.tables import batches, cohorts, mailing_posts, mailings, posts

_GOING = (MailingState.PLANNING, MailingState.READY, MailingState.PAUSED)


class WithdrawnPosts:
    """The part of `ports.LedgerStore` that changes what a mailing says before it is sent."""

    _db: Database

    def with_withdrawn(self) -> Sequence[int]:
        """The digests with something left to send that show a post which was withdrawn since, by id."""
        open = is_(batches.c.state, BatchState.OPEN) | is_(batches.c.state, BatchState.LEASED)
        left = exists().where(batches.c.mailing == mailings.c.id, open)
        going = select(mailings.c.id).where(
            mailings.c.kind == MailingKind.DIGEST,
            mailings.c.state.in_(_GOING),
            mailings.c.frozen,
            left | is_(mailings.c.state, MailingState.PLANNING),
        )
        with self._db.read() as connection:
            ids = connection.scalars(going.order_by(mailings.c.id)).all()
            return [id for id in ids if connection.execute(_withdrawn(id).limit(1)).first()]

    def withdrawn_in(self, mailing: int) -> Sequence[str]:
        """The ids of the posts of a mailing that were withdrawn since, in order."""
        with self._db.read() as connection:
            return connection.scalars(_withdrawn(mailing)).all()

    def reword(
        self,
        mailing: int,
        recipes: Mapping[int, Recipe],
        segments: Mapping[str, bytes],
        subject: str,
        now: datetime,
    ) -> Reworded:
        """Gives these cohorts other messages, in one transaction with a look at whether a run is sending
        them; then it is stopped instead, until it has let go.
        """
        keep_segments(self._db, segments)
        with self._db.write() as connection:
            theirs = select(cohorts.c.n, cohorts.c.recipe).where(cohorts.c.mailing == mailing)
            before = {row.n: tuple(row.recipe) for row in connection.execute(theirs)}
            changed = {n: recipe for n, recipe in recipes.items() if before.get(n) != recipe}
            if not changed:
                return Reworded.SAME
            sent = exists().where(batches.c.mailing == mailing, is_(batches.c.state, BatchState.LEASED))
            if connection.execute(select(sent)).scalar():
                this = update(mailings).where(mailings.c.id == mailing, _is_ready())
                connection.execute(this.values(_held("a post in it was withdrawn", now)))
                return Reworded.STOPPED
            for n, recipe in changed.items():
                cohort = update(cohorts).where(cohorts.c.mailing == mailing, cohorts.c.n == n)
                connection.execute(cohort.values(recipe=list(recipe)))
            connection.execute(update(mailings).where(mailings.c.id == mailing).values(subject=subject))
            return Reworded.CHANGED

    def stop(self, mailing: int, why: str) -> None:
        """Pauses a mailing until an operator decides; one that is planned still will be when it is ready."""
        with self._db.write() as connection:
            this = update(mailings).where(mailings.c.id == mailing)
            connection.execute(this.where(_is_ready()).values(_held(why, None)))
            planning = this.where(is_(mailings.c.state, MailingState.PLANNING), mailings.c.hold.is_(None))
            connection.execute(planning.values(hold=MailingHold.OPERATOR, hold_why=why))


def _withdrawn(mailing: int) -> Any:
    shown = (
        select(posts.c.id).distinct().join_from(mailing_posts, posts, mailing_posts.c.post_id == posts.c.id)
    )
    return shown.where(mailing_posts.c.mailing == mailing, ~posts.c.live).order_by(posts.c.id)


def _is_ready() -> ColumnElement[bool]:
    return is_(mailings.c.state, MailingState.READY)


def _held(why: str, until: datetime | None) -> dict[str, Any]:
    return {"state": MailingState.PAUSED, "hold": MailingHold.OPERATOR, "hold_why": why, "hold_until": until}
