"""Mailings that still have something to send, made anew where a post in them was withdrawn."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Select, exists, select, update

from publisher.core.mailings import MailingKind, MailingState
from publisher.core.messages import Recipe
from publisher.stores.columns import is_
from publisher.stores.engine import Database
from publisher.stores.freezing import keep_segments
from publisher.stores.members import BatchState
from publisher.stores.schema import batches, cohorts, mailing_posts, mailings, posts

_OPEN = (MailingState.READY, MailingState.PAUSED)


class Rewording:
    """The part of `ports.LedgerStore` that changes what a mailing says before it is sent."""

    _db: Database

    def with_withdrawn(self) -> Sequence[int]:
        """The digests with something left to send that show a post which was withdrawn since, by id. Not
        those that a run is sending now.
        """
        shown = select(mailing_posts.c.mailing).distinct()
        shown = shown.join_from(posts, mailing_posts, mailing_posts.c.post_id == posts.c.id)
        shown = shown.join(mailings, mailings.c.id == mailing_posts.c.mailing)
        with self._db.read() as connection:
            found = connection.scalars(shown.where(~posts.c.live, mailings.c.state.in_(_OPEN))).all()
            return sorted(id for id in found if _may_change(connection, id))

    def reword(
        self, mailing: int, recipes: Mapping[int, Recipe], segments: Mapping[str, bytes], subject: str
    ) -> bool:
        """Gives these cohorts other messages, in one transaction with a look at whether a run has begun to
        send them; False: it has, or nothing differs.
        """
        keep_segments(self._db, segments)
        with self._db.write() as connection:
            if not _may_change(connection, mailing):
                return False
            theirs = select(cohorts.c.n, cohorts.c.recipe).where(cohorts.c.mailing == mailing)
            before = {row.n: tuple(row.recipe) for row in connection.execute(theirs)}
            changed = {n: recipe for n, recipe in recipes.items() if before.get(n) != recipe}
            for n, recipe in changed.items():
                this = update(cohorts).where(cohorts.c.mailing == mailing, cohorts.c.n == n)
                connection.execute(this.values(recipe=list(recipe)))
            if changed:
                connection.execute(update(mailings).where(mailings.c.id == mailing).values(subject=subject))
            return bool(changed)


def _may_change(connection: Connection, mailing: int) -> bool:
    this: Select[Any] = select(mailings.c.id).where(
        mailings.c.id == mailing,
        mailings.c.kind == MailingKind.DIGEST,
        mailings.c.state.in_(_OPEN),
        mailings.c.frozen,
        exists().where(batches.c.mailing == mailing, is_(batches.c.state, BatchState.OPEN)),
        ~exists().where(batches.c.mailing == mailing, is_(batches.c.state, BatchState.LEASED)),
    )
    return connection.execute(this).first() is not None
