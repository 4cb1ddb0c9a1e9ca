"""What a server's answer does: the delivery is settled, and who must wait because of it is let go.

What was not tried goes back to the queue with its attempt uncounted (arrow g), until its time where there is
one: a reader pays for answers about the reader, not for a server that fails.

Bounces: what mailboxes refused is counted once a mailing has been tried, and who reached a limit is
suppressed.

    refused, not decided -> journal -> suppressed [bounces:suppressed] -> counted [bounces:counted]

A refusal is not decided until its mailing was tried at every reader, and was not stopped because too many
refused it. What is not decided is looked at again after each run, and before the next: a kill between two of
these steps counts nothing twice.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from itertools import islice

from publisher.core.delivery.bounces import (
    RefusedMailing,
    bounce_severity,
    is_mass_refusal,
    limit_reached,
    refusal_ruling,
)
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
from publisher.services.delivery.circuit_breakers import CircuitBreakers
from publisher.services.delivery.circuit_breakers import judge as judge_sample
from publisher.services.delivery.group_commit import GroupCommit
from publisher.services.delivery.send_queue import Job, OpenBatch, SendQueue
from publisher.services.deps import Deps
from publisher.services.subscribers.admin import suppress_keys

LATELY = timedelta(hours=24)
"""How far back mails to one reader each are taken together: are very many of them refused?"""

CHUNK = 500
"""Addresses decided in one transaction."""

WHY = "{refused:,} of {tried:,} mailboxes refused it, so the relay may be wrong: look at the replies"


def stop_if_too_many(parts: Deps, mailing: int) -> str:
    """Holds a mailing when so many refuse it that the relay must be wrong. Returns why; empty: it goes on."""
    seen = parts.store.refused_mailing(mailing)
    if seen.canary or seen.ruling is not None or not is_mass_refusal(seen.share):
        return ""
    why = WHY.format(refused=seen.share.refused, tried=seen.share.tried)
    return why if parts.store.pause(mailing, MailingHold.REFUSALS, why, None) else ""


def judge(parts: Deps, now: datetime) -> int:
    """Decides what can be decided; returns how many addresses were suppressed."""
    return sum(
        _judge(parts, refused, now) for refused in parts.store.mailings_with_undecided_refusals(now - LATELY)
    )


def _judge(parts: Deps, refused: RefusedMailing, now: datetime) -> int:
    if refused.state is MailingState.READY and stop_if_too_many(parts, refused.mailing):
        return 0
    ruling = refusal_ruling(refused)
    if ruling is RefusalRuling.IGNORE:
        parts.store.decide_refusals(refused.mailing, count=False)
    return _count(parts, refused.mailing, now) if ruling is RefusalRuling.COUNT else 0


def _count(parts: Deps, mailing: int, now: datetime) -> int:
    """Suppresses who reaches a limit, then counts the refusals: in this order a kill loses none."""
    suppressed, by_key = 0, iter(parts.store.undecided_refusals(mailing))
    while chunk := list(islice(by_key, CHUNK)):
        gone = [(key, ALL_LISTS) for key, refusals in chunk if limit_reached(refusals, parts.limits)]
        gone = [one for one in gone if not _is_suppressed(parts, one[0])]
        suppress_keys(parts, gone, BOUNCE, now)
        parts.reach("bounces:suppressed")
        suppressed += len(gone)
        parts.store.decide_refusals(mailing, count=True, keys=[key for key, _ in chunk])
        parts.reach("bounces:counted")
    return suppressed


def _is_suppressed(parts: Deps, key: str) -> bool:
    return any(kind == BOUNCE for _, kind, _ in parts.store.suppressions_of(key))


LOSSES = 3
"""So many messages lost in a row, with no answer to any: the server fails."""


@dataclass(slots=True)
class DeliveryStats:
    """How the deliveries of a run ended, by verdict; `skipped` were no longer eligible. `held` is what
    stopped a mailing, or the run, last; `failed`: that was the mail server, and mail waits because of it.
    `refused` is what it said last to a message that it refused because of us. `troubles` are servers that
    failed, by name, and why, where others stood in for them.
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


Braked = tuple[CircuitBreaker, list[Job]]
"""A gauge that changed, and the waiting jobs it lets go of."""


class OutcomeRecorder:
    """The tally of a run, its group commit, and the brakes."""

    def __init__(self, parts: Deps) -> None:
        self.parts = parts
        self.tally = DeliveryStats()
        self.commit = GroupCommit(parts)
        self.brakes = CircuitBreakers(parts)
        self.lanes = SendQueue(parts.pacing, parts.ticks, self.brakes.probing, parts.batch)
        self.losses = 0
        self.down = False
        self._finishing: list[asyncio.Task[None]] = []
        self._refused = False

    async def decided(self, job: Job, outcome: Outcome) -> bool:
        """Settles an answer; False where the line is lost."""
        if outcome.phase is Phase.CONNECT and outcome.verdict is SendVerdict.DEFERRED:
            await self._not_tried(job, outcome)
            return False
        if outcome.phase is Phase.SENDER and outcome.verdict is not SendVerdict.ACCEPTED:
            await self._not_tried(job, outcome)
            return True
        scopes = (job.domain, mailing_scope(job.row.mailing))
        rejected = outcome.verdict is SendVerdict.REJECTED
        final = self.brakes.fair(outcome, *scopes) if rejected else outcome
        if final is not outcome:
            self.tally.refused = outcome.reply
        learnt = self._learn(outcome, *scopes)
        if final.verdict is SendVerdict.ACCEPTED and not learnt:
            self._accepted(job, final)
            return True
        await self._settle_as(job.row, final)
        await self.left(job.open)
        await self._react(*learnt)
        if self.losses >= LOSSES:
            await self.server_fails(outcome.reply)
        self.parts.reach("deliver:settled")
        return outcome.verdict is not SendVerdict.UNKNOWN

    def _accepted(self, job: Job, outcome: Outcome) -> None:
        """Settles in the background: the connection goes on with its next message meanwhile."""
        row = job.row
        self.tally.accepted += 1
        self.lanes.hold()
        key = row.key if row.soft else ""
        result = DeliveryResult(
            mailing=row.mailing, n=row.n, cause=TransitionCause.ACCEPT, reply=outcome.reply, key=key
        )
        self.commit.settle_later(result, partial(self._durable, job.open))

    def _durable(self, opened: OpenBatch) -> None:
        self.parts.reach("deliver:settled")
        opened.left -= 1
        if opened.left:
            self.lanes.release()
        else:
            self._finishing.append(asyncio.create_task(self._finish_then_release(opened)))

    async def _finish_then_release(self, opened: OpenBatch) -> None:
        try:
            await self.finish(opened)
        finally:
            self.lanes.release()

    async def caught_up(self) -> None:
        """Returns when all outcomes are durable and all batches of theirs ended. Raises what failed."""
        await self.commit.flush()
        await asyncio.gather(*self._finishing)
        if self._refused:
            await asyncio.to_thread(judge, self.parts, self.parts.clock())
        self.tally.troubles = {} if self.tally.failed else self.parts.transport.troubles
        if self.tally.refused and not self.tally.accepted and not self.tally.failed:
            self.tally.failed = True
            self.tally.held = f"the server took no message: {self.tally.refused}; they are tried again later"

    async def _not_tried(self, job: Job, outcome: Outcome) -> None:
        """The server did not come to look at the reader: the row goes back as if never claimed."""
        self.lanes.put([job], first=True)
        if outcome.verdict is SendVerdict.REJECTED:
            mailing = mailing_scope(job.row.mailing)
            gauge = self.brakes.brake(mailing, outcome.reply, self.parts.clock())
            await self._react((gauge, self._held_by(gauge)))
        else:
            await self._react(*self._learn(outcome, SERVER_SCOPE))

    def _learn(self, outcome: Outcome, *scopes: str) -> list[Braked]:
        """What an answer brakes, or releases, and the waiting jobs that it lets go of: at once, for others
        must not be started meanwhile.
        """
        self.losses = self.losses + 1 if outcome.verdict is SendVerdict.UNKNOWN else 0
        if outcome.verdict is SendVerdict.ACCEPTED:
            scopes = (*scopes, SERVER_SCOPE)
        gauges = self.brakes.answered(outcome, self.parts.clock(), *scopes)
        return [(gauge, self._held_by(gauge)) for gauge in gauges]

    def _held_by(self, gauge: CircuitBreaker) -> list[Job]:
        if gauge.until is None or gauge.scope == SERVER_SCOPE:
            return []
        mailing = scope_mailing(gauge.scope)
        if mailing is None:
            return self.lanes.of_domain(gauge.scope)
        return self.lanes.of_mailing(mailing)

    async def _react(self, *learnt: Braked) -> None:
        await self.brakes.keep([gauge for gauge, _ in learnt])
        for gauge, jobs in learnt:
            mailing = scope_mailing(gauge.scope)
            if gauge.until is not None and gauge.scope == SERVER_SCOPE:
                await self.server_fails(gauge.reply)
            elif gauge.until is not None and mailing is not None:
                await self.hold(mailing, MailingHold.SERVER, gauge.reply, gauge.until)
            await self.withdraw(jobs, None if mailing else gauge.until)

    async def server_fails(self, reply: str) -> None:
        """Every mailing waits, none loses an attempt; one message is the probe when the time has come."""
        if self.down:
            return
        self.down = True
        jobs = self.lanes.take_out(lambda _: True)
        gauge = self.brakes.brake(SERVER_SCOPE, reply, self.parts.clock())
        await self.brakes.keep([gauge])
        await asyncio.to_thread(self.parts.store.pause_all, MailingHold.SERVER, reply, gauge.until)
        self.tally.failed, self.tally.held = True, describe_stop(gauge, self.parts.site.timezone)
        await self.withdraw(jobs)

    async def used_up(self, outcome: Outcome) -> None:
        """The relays take no more for now: every mailing waits, none loses an attempt, and nothing failed."""
        if self.down:
            return
        self.down = True
        jobs = self.lanes.take_out(lambda _: True)
        await asyncio.to_thread(self.parts.store.pause_all, MailingHold.QUOTA, outcome.reply, outcome.until)
        zone = self.parts.site.timezone
        again = f"; it goes on at {local_time(outcome.until, zone)}" if outcome.until else ""
        self.tally.held = f"{outcome.reply}{again}"
        await self.withdraw(jobs)

    async def hold(self, mailing: int, hold: MailingHold, why: str, until: datetime | None) -> None:
        """A mailing waits, and loses no attempt."""
        jobs = self.lanes.of_mailing(mailing)
        await asyncio.to_thread(self.parts.store.pause, mailing, hold, why, until)
        zone = self.parts.site.timezone
        self.tally.held = f"mailing {mailing}: {describe_hold(hold, mailing, why, until, zone=zone)}"
        self.tally.failed |= hold is MailingHold.SERVER
        await self.withdraw([*jobs, *self.lanes.of_mailing(mailing)])

    async def _settle_as(self, row: Delivery, outcome: Outcome) -> None:
        match outcome.verdict:
            case SendVerdict.ACCEPTED:
                self.tally.accepted += 1
                await self.settle(row, TransitionCause.ACCEPT, outcome.reply)
            case SendVerdict.REJECTED:
                self.tally.rejected += 1
                await self.settle(row, TransitionCause.REJECT, outcome.reply)
            case SendVerdict.UNKNOWN:
                self.tally.unknown += 1
                await self.settle(row, TransitionCause.LOSE, outcome.reply)
            case SendVerdict.DEFERRED:
                await self._defer(row, outcome.reply)

    async def _defer(self, row: Delivery, reply: str) -> None:
        wait = deferral_delay(row.attempts)
        if wait is None:
            self.tally.rejected += 1
            await self.settle(row, TransitionCause.REJECT, given_up_reply(row.attempts, reply))
            return
        self.tally.deferred += 1
        await self.settle(row, TransitionCause.DEFER, reply, self.parts.clock() + wait)

    async def settle(
        self, row: Delivery, cause: TransitionCause, reply: str = "", not_before: datetime | None = None
    ) -> None:
        refused = cause is TransitionCause.REJECT and bounce_severity(reply) is not None
        key = row.key if refused or (cause is TransitionCause.ACCEPT and row.soft) else ""
        result = DeliveryResult(
            mailing=row.mailing, n=row.n, cause=cause, reply=reply, not_before=not_before, key=key
        )
        await self.commit.settle(result)
        self._refused |= refused
        if refused and (why := await asyncio.to_thread(stop_if_too_many, self.parts, row.mailing)):
            await self.hold(row.mailing, MailingHold.REFUSALS, why, None)

    async def withdraw(self, jobs: Sequence[Job], until: datetime | None = None) -> None:
        """Claimed rows that are not tried after all: they wait until then, and it was no attempt."""
        if not jobs:
            return
        results = [
            DeliveryResult(
                mailing=job.row.mailing, n=job.row.n, cause=TransitionCause.RELEASE, not_before=until
            )
            for job in jobs
        ]
        await asyncio.to_thread(self.parts.store.record_results, self.parts.run, results, self.parts.clock())
        for job in jobs:
            await self.left(job.open)

    async def journal(self, turn: int) -> None:
        """A batch was begun or ended: an older copy of the store does not know."""
        await asyncio.to_thread(self.parts.journal.append, "batch", {"turn": turn})

    async def left(self, opened: OpenBatch) -> None:
        """One row less to settle; with the last the batch ends."""
        opened.left -= 1
        if opened.left == 0:
            await self.finish(opened)

    async def finish(self, opened: OpenBatch) -> None:
        turn = await asyncio.to_thread(self.parts.store.finish_batch, opened.batch, self.parts.clock())
        await self.journal(turn)
        if opened.batch.canary:
            mailing = opened.batch.mailing
            if why := await asyncio.to_thread(judge_sample, self.parts, mailing):
                zone = self.parts.site.timezone
                self.tally.held = (
                    f"mailing {mailing}: {describe_hold(MailingHold.CANARY, mailing, why, zone=zone)}"
                )
        self.parts.reach("deliver:finished")
