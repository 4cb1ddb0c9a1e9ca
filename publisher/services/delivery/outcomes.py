"""What becomes of a delivery once a server has answered: it is recorded, and mail that must wait because of
the answer goes back to the queue.

A delivery that was not tried goes back with its attempt uncounted (arrow g), to be claimed at once or at a
given time: a reader pays for answers about the reader, not for a server that fails.

Bounces: refusals by mailboxes are counted once their mailing has been tried, and an address that reaches a
limit is suppressed.

    refused, not decided -> journal -> suppressed [bounces:suppressed] -> counted [bounces:counted]

A refusal stays undecided until its mailing was tried at every reader, and was not stopped because too many
refused it. Undecided ones are looked at again after each run and before the next, so a kill between two of
these steps counts nothing twice.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from itertools import islice

from publisher.core.delivery.bounces import bounce_severity, is_mass_refusal, limit_reached, refusal_ruling
from publisher.core.delivery.holds import describe_hold
from publisher.core.delivery.mailing import (
    Delivery,
    DeliveryResult,
    MailingHold,
    MailingState,
    RefusalRuling,
    TransitionCause,
    deferral_delay,
    given_up_reply,
)
from publisher.core.delivery.throttling import (
    SERVER_SCOPE,
    CircuitBreaker,
    describe_stop,
    mailing_scope,
    scope_mailing,
)
from publisher.core.mail.message import Outcome, Phase, SendVerdict
from publisher.core.subscribers.departures import ALL_LISTS, BOUNCE
from publisher.core.times import local_time
from publisher.services.delivery.group_commit import GroupCommit
from publisher.services.delivery.send_queue import Job, OpenBatch, SendQueue
from publisher.services.delivery.throttling import CircuitBreakers, judge_canary
from publisher.services.deps import Deps
from publisher.services.subscribers.admin import suppress_keys

RECENT = timedelta(hours=24)
"""Transactional mails of this time are judged together: do very many mailboxes refuse them?"""

CHUNK = 500
"""Addresses decided in one transaction."""

MAX_LOSSES = 3
"""After so many messages lost in a row, with no answer to any, the server counts as failed."""


def hold_if_too_many_refused(deps: Deps, mailing: int) -> str:
    """Holds a mailing that so many mailboxes refuse that the relay must be wrong. Returns why, or ""."""
    seen = deps.adapters.store.refused_mailing(mailing)
    if seen.canary or seen.ruling is not None or not is_mass_refusal(seen.share):
        return ""
    why = (
        f"{seen.share.refused:,} of {seen.share.tried:,} mailboxes refused it, so the relay may be wrong: "
        "look at the replies"
    )
    return why if deps.adapters.store.pause(mailing, MailingHold.REFUSALS, why, None) else ""


def count_bounces(deps: Deps, now: datetime) -> int:
    """Decides the refusals that can be decided; returns how many addresses were suppressed."""
    suppressed = 0
    for refused in deps.adapters.store.mailings_with_undecided_refusals(now - RECENT):
        if refused.state is MailingState.READY and hold_if_too_many_refused(deps, refused.mailing):
            continue
        ruling = refusal_ruling(refused)
        if ruling is RefusalRuling.IGNORE:
            deps.adapters.store.decide_refusals(refused.mailing, count=False)
        elif ruling is RefusalRuling.COUNT:
            suppressed += _count_refusals(deps, refused.mailing, now)
    return suppressed


def _count_refusals(deps: Deps, mailing: int, now: datetime) -> int:
    suppressed, by_key = 0, iter(deps.adapters.store.undecided_refusals(mailing))
    while chunk := list(islice(by_key, CHUNK)):
        gone = [
            (key, ALL_LISTS)
            for key, refusals in chunk
            if limit_reached(refusals, deps.rules.bounce_limits)
            and not any(kind == BOUNCE for _, kind, _ in deps.adapters.store.suppressions_of(key))
        ]
        # First suppressed, then counted: in this order a kill loses no suppression.
        suppress_keys(deps, gone, BOUNCE, now)
        deps.process.failpoint("bounces:suppressed")
        suppressed += len(gone)
        deps.adapters.store.decide_refusals(mailing, count=True, keys=[key for key, _ in chunk])
        deps.process.failpoint("bounces:counted")
    return suppressed


@dataclass(slots=True)
class DeliveryStats:
    """How the deliveries of a run ended, by verdict; `skipped` were no longer eligible. `held` says what
    stopped a mailing, or the run, last; `failed` that this was the mail server, and mail waits because of it.
    `refused` is its last reply to a message it refused because of us. `troubles` are servers that failed, by
    name, and why, where others took their place.
    """

    accepted: int = 0
    rejected: int = 0
    deferred: int = 0
    unknown: int = 0
    skipped: int = 0
    held: str = ""
    failed: bool = False
    refused: str = ""
    troubles: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def total(self) -> int:
        return self.accepted + self.rejected + self.deferred + self.unknown + self.skipped


Learned = tuple[CircuitBreaker, list[Job]]
"""A circuit breaker that changed, and the waiting jobs it takes out of the queue."""


class OutcomeRecorder:
    """Records the outcomes of one run: its stats, its group commit, its circuit breakers and its queue."""

    def __init__(self, deps: Deps) -> None:
        self.deps = deps
        self.stats = DeliveryStats()
        self.commit = GroupCommit(deps)
        self.breakers = CircuitBreakers(deps)
        self.queue = SendQueue(
            deps.rules.throttling, deps.process.monotonic, self.breakers.half_open, deps.rules.batch_size
        )
        self.losses = 0
        self.down = False
        self._finishing: list[asyncio.Task[None]] = []
        self._refused = False

    async def record(self, job: Job, outcome: Outcome) -> bool:
        """Records an answer; False where the connection is lost."""
        if outcome.phase is Phase.CONNECT and outcome.verdict is SendVerdict.DEFERRED:
            await self._put_back(job, outcome)
            return False
        if outcome.phase is Phase.SENDER and outcome.verdict is not SendVerdict.ACCEPTED:
            await self._put_back(job, outcome)
            return True
        scopes = (job.domain, mailing_scope(job.row.mailing))
        rejected = outcome.verdict is SendVerdict.REJECTED
        final = self.breakers.fair(outcome, *scopes) if rejected else outcome
        if final is not outcome:
            self.stats.refused = outcome.reply
        learned = self._learn(outcome, *scopes)
        if final.verdict is SendVerdict.ACCEPTED and not learned:
            self._settle_in_background(job, final)
            return True
        await self._settle_as(job.row, final)
        await self.delivery_settled(job.open)
        await self._react(*learned)
        if self.losses >= MAX_LOSSES:
            await self.server_fails(outcome.reply)
        self.deps.process.failpoint("deliver:settled")
        return outcome.verdict is not SendVerdict.UNKNOWN

    def _settle_in_background(self, job: Job, outcome: Outcome) -> None:
        """The connection goes on with its next message meanwhile."""
        row = job.row
        self.stats.accepted += 1
        self.queue.outcome_pending()
        key = row.key if row.soft else ""
        result = DeliveryResult(
            mailing=row.mailing, n=row.n, cause=TransitionCause.ACCEPT, reply=outcome.reply, key=key
        )
        self.commit.settle_later(result, partial(self._durable, job.open))

    def _durable(self, opened: OpenBatch) -> None:
        self.deps.process.failpoint("deliver:settled")
        opened.left -= 1
        if opened.left:
            self.queue.outcome_durable()
        else:
            self._finishing.append(asyncio.create_task(self._finish_in_background(opened)))

    async def _finish_in_background(self, opened: OpenBatch) -> None:
        try:
            await self.finish(opened)
        finally:
            self.queue.outcome_durable()

    async def finish_run(self) -> None:
        """Returns when all outcomes are durable and their batches ended. Raises what failed."""
        await self.commit.flush()
        await asyncio.gather(*self._finishing)
        if self._refused:
            await asyncio.to_thread(count_bounces, self.deps, self.deps.process.clock())
        self.stats.troubles = {} if self.stats.failed else self.deps.adapters.transport.troubles
        if self.stats.refused and not self.stats.accepted and not self.stats.failed:
            self.stats.failed = True
            self.stats.held = f"the server took no message: {self.stats.refused}; they are tried again later"

    async def _put_back(self, job: Job, outcome: Outcome) -> None:
        """The server never came to judge the reader: the row goes back as if never claimed."""
        self.queue.put([job], first=True)
        if outcome.verdict is SendVerdict.REJECTED:
            breaker = self.breakers.open(
                mailing_scope(job.row.mailing), outcome.reply, self.deps.process.clock()
            )
            await self._react((breaker, self._take_stopped(breaker)))
        else:
            await self._react(*self._learn(outcome, SERVER_SCOPE))

    def _learn(self, outcome: Outcome, *scopes: str) -> list[Learned]:
        """The breakers that an answer opens or closes, and the waiting jobs that they stop. Those leave the
        queue at once, before another connection starts one.
        """
        self.losses = self.losses + 1 if outcome.verdict is SendVerdict.UNKNOWN else 0
        if outcome.verdict is SendVerdict.ACCEPTED:
            scopes = (*scopes, SERVER_SCOPE)
        changed = self.breakers.answered(outcome, self.deps.process.clock(), *scopes)
        return [(breaker, self._take_stopped(breaker)) for breaker in changed]

    def _take_stopped(self, breaker: CircuitBreaker) -> list[Job]:
        if breaker.until is None or breaker.scope == SERVER_SCOPE:
            return []
        mailing = scope_mailing(breaker.scope)
        if mailing is None:
            return self.queue.remove_domain(breaker.scope)
        return self.queue.remove_mailing(mailing)

    async def _react(self, *learned: Learned) -> None:
        await self.breakers.save([breaker for breaker, _ in learned])
        for breaker, jobs in learned:
            mailing = scope_mailing(breaker.scope)
            if breaker.until is not None and breaker.scope == SERVER_SCOPE:
                await self.server_fails(breaker.reply)
            elif breaker.until is not None and mailing is not None:
                await self.hold(mailing, MailingHold.SERVER, breaker.reply, breaker.until)
            await self.release(jobs, None if mailing else breaker.until)

    async def server_fails(self, reply: str) -> None:
        """Every mailing waits and none loses an attempt; when the time has come one message is the probe."""
        if self.down:
            return
        self.down = True
        jobs = self.queue.remove(lambda _: True)
        breaker = self.breakers.open(SERVER_SCOPE, reply, self.deps.process.clock())
        await self.breakers.save([breaker])
        await asyncio.to_thread(self.deps.adapters.store.pause_all, MailingHold.SERVER, reply, breaker.until)
        self.stats.failed, self.stats.held = True, describe_stop(breaker, self.deps.rules.site.timezone)
        await self.release(jobs)

    async def quota_used_up(self, outcome: Outcome) -> None:
        """The relays take no more for now: every mailing waits, none loses an attempt, and nothing failed."""
        if self.down:
            return
        self.down = True
        jobs = self.queue.remove(lambda _: True)
        await asyncio.to_thread(
            self.deps.adapters.store.pause_all, MailingHold.QUOTA, outcome.reply, outcome.until
        )
        zone = self.deps.rules.site.timezone
        again = f"; it goes on at {local_time(outcome.until, zone)}" if outcome.until else ""
        self.stats.held = f"{outcome.reply}{again}"
        await self.release(jobs)

    async def hold(self, mailing: int, hold: MailingHold, why: str, until: datetime | None) -> None:
        """A mailing waits, and loses no attempt."""
        jobs = self.queue.remove_mailing(mailing)
        await asyncio.to_thread(self.deps.adapters.store.pause, mailing, hold, why, until)
        zone = self.deps.rules.site.timezone
        self.stats.held = f"mailing {mailing}: {describe_hold(hold, mailing, why, until, zone=zone)}"
        self.stats.failed |= hold is MailingHold.SERVER
        await self.release([*jobs, *self.queue.remove_mailing(mailing)])

    async def _settle_as(self, row: Delivery, outcome: Outcome) -> None:
        match outcome.verdict:
            case SendVerdict.ACCEPTED:
                self.stats.accepted += 1
                await self.settle(row, TransitionCause.ACCEPT, outcome.reply)
            case SendVerdict.REJECTED:
                self.stats.rejected += 1
                await self.settle(row, TransitionCause.REJECT, outcome.reply)
            case SendVerdict.UNKNOWN:
                self.stats.unknown += 1
                await self.settle(row, TransitionCause.LOSE, outcome.reply)
            case SendVerdict.DEFERRED if (wait := deferral_delay(row.attempts)) is not None:
                self.stats.deferred += 1
                await self.settle(row, TransitionCause.DEFER, outcome.reply, self.deps.process.clock() + wait)
            case SendVerdict.DEFERRED:
                self.stats.rejected += 1
                await self.settle(row, TransitionCause.REJECT, given_up_reply(row.attempts, outcome.reply))

    async def settle(
        self, row: Delivery, cause: TransitionCause, reply: str = "", not_before: datetime | None = None
    ) -> None:
        """Returns once the outcome is durable; holds the mailing if too many have refused it by then."""
        refused = cause is TransitionCause.REJECT and bounce_severity(reply) is not None
        key = row.key if refused or (cause is TransitionCause.ACCEPT and row.soft) else ""
        result = DeliveryResult(
            mailing=row.mailing, n=row.n, cause=cause, reply=reply, not_before=not_before, key=key
        )
        await self.commit.settle(result)
        self._refused |= refused
        if refused and (why := await asyncio.to_thread(hold_if_too_many_refused, self.deps, row.mailing)):
            await self.hold(row.mailing, MailingHold.REFUSALS, why, None)

    async def release(self, jobs: Sequence[Job], until: datetime | None = None) -> None:
        """Claimed rows that are not tried after all: they wait until then, and it was no attempt."""
        if not jobs:
            return
        results = [
            DeliveryResult(
                mailing=job.row.mailing, n=job.row.n, cause=TransitionCause.RELEASE, not_before=until
            )
            for job in jobs
        ]
        await asyncio.to_thread(
            self.deps.adapters.store.record_results,
            self.deps.process.run_id,
            results,
            self.deps.process.clock(),
        )
        for job in jobs:
            await self.delivery_settled(job.open)

    async def journal(self, turn: int) -> None:
        """Writes down that a batch was begun or ended, so that an older copy of the store knows it is old."""
        await asyncio.to_thread(self.deps.adapters.journal.append, "batch", {"turn": turn})

    async def delivery_settled(self, opened: OpenBatch) -> None:
        """One delivery less to settle; with the last one the batch ends."""
        opened.left -= 1
        if opened.left == 0:
            await self.finish(opened)

    async def finish(self, opened: OpenBatch) -> None:
        """Ends a batch, and judges its mailing's canary if it was part of that."""
        turn = await asyncio.to_thread(
            self.deps.adapters.store.finish_batch, opened.batch, self.deps.process.clock()
        )
        await self.journal(turn)
        if opened.batch.canary:
            mailing = opened.batch.mailing
            if why := await asyncio.to_thread(judge_canary, self.deps, mailing):
                zone = self.deps.rules.site.timezone
                self.stats.held = (
                    f"mailing {mailing}: {describe_hold(MailingHold.CANARY, mailing, why, zone=zone)}"
                )
        self.deps.process.failpoint("deliver:finished")
