"""Pausing, resuming and cancelling mailings, canaries, and replacing messages that show a withdrawn post.

All of it takes effect at once, also on a mailing that a run is sending: the UPDATE before each message asks
whether the mailing still runs.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, delete, exists, func, or_, select, update

from publisher.core.delivery.bounces import REFUSAL_HOLDS
from publisher.core.delivery.holds import DeclinedCommand, MailingCommand, MailingStatus, apply_command
from publisher.core.delivery.mailing import (
    CanarySample,
    DeliveryState,
    MailingHold,
    MailingKind,
    MailingState,
    RecomposeResult,
    RefusalRuling,
    TransitionCause,
)
from publisher.core.delivery.relays import is_failure_of
from publisher.core.delivery.throttling import SERVER_SCOPE, mailing_scope
from publisher.core.mail.message import Recipe
from publisher.core.publishing.log import LogKind
from publisher.stores.sql.database import Database
from publisher.stores.sql.delivery.batches import deliveries_of, end_mailing_if_done, recount_batches
from publisher.stores.sql.delivery.mailings import save_segments
from publisher.stores.sql.delivery.throttle_state import breakers
from publisher.stores.sql.delivery.transitions import update_for
from publisher.stores.sql.schema.columns import BatchState, Suppression, is_, without_local_parts
from publisher.stores.sql.schema.subscriber_tables import subscribers, subscriptions, suppressions
from publisher.stores.sql.schema.tables import (
    batches,
    cohorts,
    deliveries,
    log,
    mailing_posts,
    mailings,
    posts,
)

_UNFINISHED = (MailingState.PLANNING, MailingState.READY, MailingState.PAUSED)


class MailingHolds:
    """`ports.LedgerStore`: pausing and resuming."""

    _db: Database

    def apply_command(
        self, mailing: int, command: MailingCommand, now: datetime, *, count_refusals: bool = False
    ) -> MailingStatus | DeclinedCommand | None:
        with self._db.write() as connection:
            query = select(mailings.c.state, mailings.c.hold).where(mailings.c.id == mailing)
            row = connection.execute(query).one_or_none()
            if row is None:
                return None
            before = MailingStatus(state=row.state, hold=row.hold)
            after = apply_command(command, before)
            if isinstance(after, MailingStatus) and after != before:
                _set_status(connection, mailing, after)
                if command is MailingCommand.RESUME:
                    _clear_cause(connection, mailing, before.hold)
                if command in (MailingCommand.RESUME, MailingCommand.CANCEL) and before.hold in REFUSAL_HOLDS:
                    ruling = RefusalRuling.COUNT if count_refusals else RefusalRuling.IGNORE
                    this = update(mailings).where(mailings.c.id == mailing)
                    connection.execute(this.values(refusals=ruling))
                if after.state is MailingState.CANCELLED:
                    _cancel(connection, mailing, now)
            return after

    def pause(self, mailing: int, hold: MailingHold, why: str, until: datetime | None) -> bool:
        with self._db.write() as connection:
            this = update(mailings).where(mailings.c.id == mailing, mailings.c.state == MailingState.READY)
            return connection.execute(this.values(_paused(hold, why, until))).rowcount == 1

    def pause_all(self, hold: MailingHold, why: str, until: datetime | None) -> int:
        ready = update(mailings).where(mailings.c.state == MailingState.READY)
        with self._db.write() as connection:
            return connection.execute(ready.values(_paused(hold, why, until))).rowcount

    def end_relay_pauses(self, relays: Collection[str], what: str = "") -> Sequence[int]:
        theirs = select(mailings.c.id, mailings.c.state, mailings.c.hold_why).where(
            is_(mailings.c.state, MailingState.READY)
            | (is_(mailings.c.state, MailingState.PAUSED) & is_(mailings.c.hold, MailingHold.SERVER))
        )
        server = breakers.c.scope == SERVER_SCOPE
        with self._db.write() as connection:
            reply = connection.scalar(select(breakers.c.reply).where(server)) or ""
            was_stopped = is_failure_of(reply, relays, what)
            if was_stopped:
                connection.execute(delete(breakers).where(server))
            rows = connection.execute(theirs.order_by(mailings.c.id)).all()
            paused = [row.id for row in rows if is_failure_of(row.hold_why, relays, what)]
            for id in paused:
                _set_status(connection, id, MailingStatus(state=MailingState.READY))
            waited = [row.id for row in rows if was_stopped and row.state == MailingState.READY]
            return sorted((*paused, *waited))

    def canary_sample(self, mailing: int) -> CanarySample:
        # A 5xx taken for a temporary failure counts as refused, and so does who bounced or complained since.
        state, tried = deliveries.c.state, deliveries.c.attempts > 0
        put_off = and_(state == DeliveryState.QUEUED, tried, deliveries.c.reply.startswith("5"))
        done = or_(state.in_((DeliveryState.ACCEPTED, DeliveryState.REJECTED)), put_off)
        untried = or_(
            state.in_((DeliveryState.CLAIMED, DeliveryState.SENDING)),
            and_(state == DeliveryState.QUEUED, ~tried),
        )
        refused = and_(done, or_(state == DeliveryState.REJECTED, put_off, _bounced_later()))
        counts = [func.count().filter(which) for which in (untried, done, refused)]
        theirs = select(*counts).join_from(batches, deliveries, deliveries_of(batches.c))
        theirs = theirs.where(batches.c.mailing == mailing, batches.c.canary)
        with self._db.read() as connection:
            row = connection.execute(theirs).one()
        return CanarySample(untried=row[0], settled=row[1], refused=row[2])

    def running_canaries(self) -> Sequence[int]:
        out = select(mailings.c.id).where(is_(mailings.c.state, MailingState.READY), mailings.c.canary)
        with self._db.read() as connection:
            return connection.scalars(out).all()

    def pass_canary(self, mailing: int) -> None:
        with self._db.write() as connection:
            connection.execute(update(mailings).where(mailings.c.id == mailing).values(canary=False))

    def resume_expired_pauses(self, now: datetime) -> int:
        over = select(mailings.c.id).where(is_(mailings.c.state, MailingState.PAUSED))
        over = over.where(mailings.c.hold_until <= now)
        with self._db.write() as connection:
            ids = connection.scalars(over).all()
            for id in ids:
                _set_status(connection, id, MailingStatus(state=MailingState.READY))
            return len(ids)


def _paused(hold: MailingHold, why: str, until: datetime | None) -> dict[str, Any]:
    return {
        "state": MailingState.PAUSED,
        "hold": hold,
        "hold_why": without_local_parts(why),
        "hold_until": until,
    }


def _set_status(connection: Connection, mailing: int, status: MailingStatus) -> None:
    values = {"state": status.state, "hold": status.hold, "hold_why": "", "hold_until": None}
    connection.execute(update(mailings).where(mailings.c.id == mailing).values(values))
    end_mailing_if_done(connection, mailing)  # its batches may have ended while it was paused


def _clear_cause(connection: Connection, mailing: int, hold: MailingHold | None) -> None:
    """Ends what the mailing was paused for: an operator has seen it."""
    if hold is MailingHold.CANARY:
        connection.execute(update(mailings).where(mailings.c.id == mailing).values(canary=False))
    if hold is MailingHold.SERVER:
        scopes = (SERVER_SCOPE, mailing_scope(mailing))
        connection.execute(delete(breakers).where(breakers.c.scope.in_(scopes)))


def _bounced_later() -> ColumnElement[bool]:
    """Whether a delivery's reader was suppressed by a bounce or a complaint after it was sent."""
    return (
        exists()
        .where(
            subscriptions.c.id == deliveries.c.subscription,
            subscribers.c.id == subscriptions.c.subscriber,
            suppressions.c.address_key == subscribers.c.address_key,
            suppressions.c.kind.in_((Suppression.BOUNCE, Suppression.COMPLAINT)),
            suppressions.c.at >= deliveries.c.changed_at,
        )
        .correlate(deliveries)
    )


def _cancel(connection: Connection, mailing: int, now: datetime) -> None:
    """Cancels all deliveries not sent yet (h). A batch that a run holds ends when the run releases it."""
    connection.execute(update_for(TransitionCause.CANCEL, deliveries.c.mailing == mailing, changed_at=now))
    idle = (batches.c.mailing == mailing, batches.c.state == BatchState.OPEN)
    recount_batches(connection, *idle)
    connection.execute(update(batches).where(*idle).values(state=BatchState.DONE, settled_at=now))


_SHOWN = select(posts.c.id).distinct().join_from(mailing_posts, posts, mailing_posts.c.post_id == posts.c.id)

_GREETS_WITH_UNKNOWN_POSTS = is_(mailings.c.kind, MailingKind.WELCOME) & ~exists().where(
    mailing_posts.c.mailing == mailings.c.id
)
"""A welcome mail that an older version planned, which did not write down its posts."""

_MAY_BE_SHOWN = (
    select(posts.c.id.label("post"))
    .join_from(log, posts, log.c.post_id == posts.c.id)
    .where(is_(log.c.kind, LogKind.WITHDRAWN), ~posts.c.live, posts.c.first_seq <= mailings.c.head)
)
"""What it may show: posts of the log as it was, withdrawn after that."""


class WithdrawnPosts:
    """`ports.LedgerStore`: mailings that show a post which was withdrawn."""

    _db: Database

    def unsent_with_withdrawn_posts(self) -> Sequence[int]:
        open = is_(batches.c.state, BatchState.OPEN) | is_(batches.c.state, BatchState.LEASED)
        left = exists().where(batches.c.mailing == mailings.c.id, open)
        going = select(mailings.c.id).where(
            mailings.c.kind.in_((MailingKind.DIGEST, MailingKind.WELCOME)),
            mailings.c.state.in_(_UNFINISHED),
            mailings.c.frozen,
            left | is_(mailings.c.state, MailingState.PLANNING),
        )
        shows = _SHOWN.where(mailing_posts.c.mailing == mailings.c.id, ~posts.c.live)
        may_show = _MAY_BE_SHOWN.where(_GREETS_WITH_UNKNOWN_POSTS, log.c.seq > mailings.c.head)
        with self._db.read() as connection:
            withdrawn = going.where(or_(shows.exists(), may_show.exists()))
            return connection.scalars(withdrawn.order_by(mailings.c.id)).all()

    def withdrawn_posts_in(self, mailing: int) -> Sequence[str]:
        with self._db.read() as connection:
            found = connection.scalars(
                _SHOWN.where(mailing_posts.c.mailing == mailing, ~posts.c.live).order_by(posts.c.id)
            ).all()
            if found:
                return found
            this = mailings.c.id == mailing, _GREETS_WITH_UNKNOWN_POSTS, log.c.seq > mailings.c.head
            query = _MAY_BE_SHOWN.add_columns(mailings.c.id).where(*this).order_by(posts.c.id)
            return list(dict.fromkeys(row.post for row in connection.execute(query)))

    def replace_messages(
        self,
        mailing: int,
        recipes: Mapping[int, Recipe],
        segments: Mapping[str, bytes],
        subject: str,
        now: datetime,
    ) -> RecomposeResult:
        save_segments(self._db, segments)
        with self._db.write() as connection:
            theirs = select(cohorts.c.n, cohorts.c.recipe).where(cohorts.c.mailing == mailing)
            before = {row.n: tuple(row.recipe) for row in connection.execute(theirs)}
            changed = {n: recipe for n, recipe in recipes.items() if before.get(n) != recipe}
            if not changed:
                return RecomposeResult.SAME
            sent = exists().where(batches.c.mailing == mailing, is_(batches.c.state, BatchState.LEASED))
            if connection.execute(select(sent)).scalar():
                this = update(mailings).where(
                    mailings.c.id == mailing, is_(mailings.c.state, MailingState.READY)
                )
                why = "a post in it was withdrawn"
                connection.execute(this.values(_paused(MailingHold.OPERATOR, why, now)))
                return RecomposeResult.STOPPED
            for n, recipe in changed.items():
                cohort = update(cohorts).where(cohorts.c.mailing == mailing, cohorts.c.n == n)
                connection.execute(cohort.values(recipe=list(recipe)))
            connection.execute(update(mailings).where(mailings.c.id == mailing).values(subject=subject))
            return RecomposeResult.CHANGED

    def pause_for_operator(self, mailing: int, why: str) -> None:
        with self._db.write() as connection:
            this = update(mailings).where(mailings.c.id == mailing)
            connection.execute(
                this.where(is_(mailings.c.state, MailingState.READY)).values(
                    _paused(MailingHold.OPERATOR, why, None)
                )
            )
            planning = this.where(is_(mailings.c.state, MailingState.PLANNING), mailings.c.hold.is_(None))
            connection.execute(planning.values(hold=MailingHold.OPERATOR, hold_why=why))
