"""What becomes of a delivery once a server has answered: the outcome goes into the ledger, and mail that must
wait because of it goes back to the queue.

A delivery that was not tried goes back with its attempt uncounted (transition g), to be claimed at once or at
a given time: answers about the reader cost the reader an attempt, a server that fails does not.

Intents and outcomes of all connections share transactions, so that one flush of the disk makes many of them
durable. A transaction begins when every connection that is ready has added to it. A connection waits for its
own intent. It does not wait for an acceptance: that is in the transaction of its next intent at the latest,
and before it, so a connection never has two unknown outcomes, and its next message is on its way meanwhile.
The event loop itself writes, and waits for the disk and for other writers: docs/decisions/0023.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from publisher.core.delivery.bounces import bounce_severity
from publisher.core.delivery.holds import describe_hold
from publisher.core.delivery.mailing import (
    Delivery,
    DeliveryState,
    MailingHold,
    Route,
    Transition,
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
from publisher.core.times import local_time
from publisher.ports import Clock, Store
from publisher.services.delivery.safeguards import (
    CircuitBreakers,
    count_bounces,
    hold_if_too_many_refused,
    judge_canary,
)
from publisher.services.delivery.send_queue import Job, OpenBatch, SendQueue
from publisher.services.deps import Deps

MAX_WAIT = 0.005
"""Seconds that an acceptance waits for an intent: a transaction of its own would cost as much as both."""

MAX_LOSSES = 3
"""After so many messages lost in a row, with no answer to any, the server counts as failed."""

_CAUSES = {
    SendVerdict.ACCEPTED: TransitionCause.ACCEPT,
    SendVerdict.REJECTED: TransitionCause.REJECT,
    SendVerdict.DEFERRED: TransitionCause.DEFER,
    SendVerdict.UNKNOWN: TransitionCause.LOSE,
}

StoppedJobs = tuple[CircuitBreaker, list[Job]]
"""A circuit breaker that changed, and the waiting jobs it takes out of the queue."""


class LedgerWriter:
    """Collects the transitions of one run and reports when each is durable. Every method raises what the
    store raised, now or earlier.
    """

    def __init__(self, store: Store, run_id: str, clock: Clock) -> None:
        self._store, self._run_id, self._clock = store, run_id, clock
        self._pending: list[tuple[Transition, asyncio.Future[bool] | Callable[[], None]]] = []
        self._collecting = False
        self._timer: asyncio.TimerHandle | None = None
        self._failure: Exception | None = None

    def record(self, transition: Transition) -> asyncio.Future[bool]:
        """Done once it is durable: whether the delivery made the transition."""
        self.raise_failure()
        durable: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._pending.append((transition, durable))
        self._start()
        return durable

    def record_later(self, transition: Transition, durable: Callable[[], None]) -> None:
        """Records it with what comes next; `durable` is called then."""
        self._pending.append((transition, durable))
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(MAX_WAIT, self._waited)

    def flush(self) -> None:
        """Writes pending outcomes to the store."""
        self.raise_failure()
        self._write()
        self.raise_failure()

    def raise_failure(self) -> None:
        """Raises what the store raised, if it did."""
        if self._failure is not None:
            raise self._failure

    def _waited(self) -> None:
        self._timer = None
        if self._pending:
            self._start()

    def _start(self) -> None:
        if not self._collecting:
            self._collecting = True
            asyncio.get_running_loop().call_soon(self._collect, 0)

    def _collect(self, before: int) -> None:
        """Lets every connection that is ready now join this transaction, for as long as more of them come."""
        if len(self._pending) > before:
            asyncio.get_running_loop().call_soon(self._collect, len(self._pending))
        else:
            self._collecting = False
            self._write()

    def _write(self) -> None:
        if self._failure is not None or not self._pending:
            return
        pending, self._pending = self._pending, []
        try:
            transitions = [transition for transition, _ in pending]
            made = self._store.record_transitions(transitions, self._clock(), run=self._run_id)
        except Exception as error:  # whatever it is: the connections wait to hear of it
            self._failure = error
            for _, durable in pending:
                if not callable(durable) and not durable.done():
                    durable.set_exception(error)
            return
        for (_, durable), was_made in zip(pending, made, strict=True):
            if callable(durable):
                durable()
            elif not durable.done():  # else whoever asked is gone
                durable.set_result(was_made)


@dataclass(slots=True)
class DeliveryStats:
    """How the deliveries of a run ended, by verdict; `skipped` were no longer eligible. `held` says what last
    stopped a mailing or the run; `failed`, that it was the mail server, for which mail now waits. `refused`
    is the server's last reply to a message it refused because of us. `troubles` has the servers that failed
    while others took their place, by name, and why.
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

    def count(self, cause: TransitionCause) -> None:
        """Counts one delivery that ended by this transition."""
        match cause:
            case TransitionCause.ACCEPT:
                self.accepted += 1
            case TransitionCause.REJECT:
                self.rejected += 1
            case TransitionCause.DEFER:
                self.deferred += 1
            case _:
                self.unknown += 1


class OutcomeRecorder:
    """Every intent and outcome of one run goes through it, into the ledger. It keeps the run's stats, its
    circuit breakers and its queue.
    """

    def __init__(self, deps: Deps) -> None:
        self.deps = deps
        self.store = deps.adapters.store
        self.clock = deps.process.clock
        self.timezone = deps.rules.site.timezone
        self.stats = DeliveryStats()
        self.ledger = LedgerWriter(self.store, deps.process.run_id, self.clock)
        self.breakers = CircuitBreakers(self.store)
        self.queue = SendQueue(
            deps.rules.throttling, deps.process.monotonic, self.breakers.half_open, deps.rules.batch_size
        )
        self.losses = 0
        self.down = False
        self._routes: dict[str, int] = {}  # by relay: a run has one transport
        self._finishing: list[asyncio.Task[None]] = []
        self._refused = False

    async def intend(self, delivery: Delivery, relay: str) -> bool:
        """Whether a message may be ended; if so, this intent, with the relay that has it, is durable."""
        if (route := self._routes.get(relay)) is None:
            way = Route(self.deps.adapters.transport.name, relay)
            route = self._routes[relay] = await asyncio.to_thread(self.store.route_number, way)
        return await self.ledger.record(
            Transition(mailing=delivery.mailing, n=delivery.n, cause=TransitionCause.INTEND, route=route)
        )

    async def record(self, job: Job, outcome: Outcome) -> bool:
        """Records an answer; False where the connection is lost."""
        if outcome.phase is Phase.CONNECT and outcome.verdict is SendVerdict.DEFERRED:
            await self._put_back(job, outcome)
            return False
        if outcome.phase is Phase.SENDER and outcome.verdict is not SendVerdict.ACCEPTED:
            await self._put_back(job, outcome)
            return True
        scopes = (job.domain, mailing_scope(job.delivery.mailing))
        rejected = outcome.verdict is SendVerdict.REJECTED
        final = self.breakers.fair(outcome, *scopes) if rejected else outcome
        if final is not outcome:
            self.stats.refused = outcome.reply
        stopped = self._learn(outcome, *scopes)
        transition = self._transition(job.delivery, final)
        self.stats.count(transition.cause)
        if transition.cause is TransitionCause.ACCEPT and not stopped:
            # The connection goes on with its next message meanwhile.
            self.queue.outcome_pending()
            self.ledger.record_later(transition, lambda: self._acceptance_durable(job.open))
            return True
        await self.ledger.record(transition)
        if transition.cause is TransitionCause.REJECT and transition.key:
            self._refused = True
            mailing = transition.mailing
            if why := await asyncio.to_thread(hold_if_too_many_refused, self.store, mailing):
                await self.hold(mailing, MailingHold.REFUSALS, why, None)
        await self.delivery_settled(job.open)
        await self._react(*stopped)
        if self.losses >= MAX_LOSSES:
            await self.server_fails(outcome.reply)
        self.deps.process.failpoint("deliver:settled")
        return outcome.verdict is not SendVerdict.UNKNOWN

    def _transition(self, delivery: Delivery, outcome: Outcome) -> Transition:
        """What the ledger records of an outcome."""
        cause, reply, not_before = _CAUSES[outcome.verdict], outcome.reply, None
        if cause is TransitionCause.DEFER:
            delay = deferral_delay(delivery.attempts)
            if delay is None:
                cause, reply = TransitionCause.REJECT, given_up_reply(delivery.attempts, reply)
            else:
                not_before = self.clock() + delay
        counts = (cause is TransitionCause.ACCEPT and delivery.soft) or (
            cause is TransitionCause.REJECT and bounce_severity(reply) is not None
        )
        key = delivery.key if counts else ""
        return Transition(
            mailing=delivery.mailing, n=delivery.n, cause=cause, reply=reply, not_before=not_before, key=key
        )

    def _acceptance_durable(self, opened: OpenBatch) -> None:
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

    async def skip(self, job: Job) -> None:
        """Records that a message may no longer be sent: its reader left, or its mailing was stopped or taken
        over by another run, and then all of the mailing goes back.
        """
        mailing, n = job.delivery.mailing, job.delivery.n
        await self.ledger.record(Transition(mailing=mailing, n=n, cause=TransitionCause.SKIP))
        await self.delivery_settled(job.open)
        if await asyncio.to_thread(self.store.delivery_state, mailing, n) is DeliveryState.SKIPPED:
            self.stats.skipped += 1
        else:
            await self.release(self.queue.remove_mailing(mailing))

    async def release(self, jobs: Sequence[Job], until: datetime | None = None) -> None:
        """Puts claimed deliveries back that are not tried after all, until then; it was no attempt."""
        releases = [
            Transition(mailing=it.mailing, n=it.n, cause=TransitionCause.RELEASE, not_before=until)
            for it in (job.delivery for job in jobs)
        ]
        await asyncio.gather(*map(self.ledger.record, releases))
        for job in jobs:
            await self.delivery_settled(job.open)

    async def _put_back(self, job: Job, outcome: Outcome) -> None:
        """Puts a message back into the queue: the server did not get as far as the recipient."""
        self.queue.put([job], first=True)
        if outcome.verdict is SendVerdict.REJECTED:
            scope = mailing_scope(job.delivery.mailing)
            breaker = self.breakers.open(scope, outcome.reply, self.clock())
            await self._react((breaker, self._take_stopped(breaker)))
        else:
            await self._react(*self._learn(outcome, SERVER_SCOPE))

    def _learn(self, outcome: Outcome, *scopes: str) -> list[StoppedJobs]:
        """The breakers that an answer opens or closes, and the waiting jobs that they stop. Those leave the
        queue at once, before another connection starts one.
        """
        self.losses = self.losses + 1 if outcome.verdict is SendVerdict.UNKNOWN else 0
        if outcome.verdict is SendVerdict.ACCEPTED:
            scopes = (*scopes, SERVER_SCOPE)
        changed = self.breakers.answered(outcome, self.clock(), *scopes)
        return [(breaker, self._take_stopped(breaker)) for breaker in changed]

    def _take_stopped(self, breaker: CircuitBreaker) -> list[Job]:
        if breaker.until is None or breaker.scope == SERVER_SCOPE:
            return []
        mailing = scope_mailing(breaker.scope)
        if mailing is None:
            return self.queue.remove_domain(breaker.scope)
        return self.queue.remove_mailing(mailing)

    async def _react(self, *stopped: StoppedJobs) -> None:
        """Saves breakers that changed, pauses what they stop, and releases the jobs that they took out."""
        await self.breakers.save([breaker for breaker, _ in stopped])
        for breaker, jobs in stopped:
            mailing = scope_mailing(breaker.scope)
            if breaker.until is not None and breaker.scope == SERVER_SCOPE:
                await self.server_fails(breaker.reply)
            elif breaker.until is not None and mailing is not None:
                await self.hold(mailing, MailingHold.SERVER, breaker.reply, breaker.until)
            await self.release(jobs, None if mailing else breaker.until)

    async def server_fails(self, reply: str) -> None:
        """Pauses every mailing; none loses an attempt. When the pause ends, one message probes the server."""
        if self.down:
            return
        self.down = True
        jobs = self.queue.remove(lambda _: True)
        breaker = self.breakers.open(SERVER_SCOPE, reply, self.clock())
        await self.breakers.save([breaker])
        await asyncio.to_thread(self.store.pause_all, MailingHold.SERVER, reply, breaker.until)
        self.stats.failed, self.stats.held = True, describe_stop(breaker, self.timezone)
        await self.release(jobs)

    async def quota_used_up(self, outcome: Outcome) -> None:
        """Pauses every mailing until a relay takes more; none loses an attempt, and nothing failed."""
        if self.down:
            return
        self.down = True
        jobs = self.queue.remove(lambda _: True)
        await asyncio.to_thread(self.store.pause_all, MailingHold.QUOTA, outcome.reply, outcome.until)
        again = f"; it goes on at {local_time(outcome.until, self.timezone)}" if outcome.until else ""
        self.stats.held = f"{outcome.reply}{again}"
        await self.release(jobs)

    async def hold(self, mailing: int, hold: MailingHold, why: str, until: datetime | None) -> None:
        """Pauses a mailing, which loses no attempt."""
        jobs = self.queue.remove_mailing(mailing)
        await asyncio.to_thread(self.store.pause, mailing, hold, why, until)
        self._say_held(mailing, hold, why, until)
        self.stats.failed |= hold is MailingHold.SERVER
        await self.release([*jobs, *self.queue.remove_mailing(mailing)])

    async def journal(self, turn: int) -> None:
        """Writes down that a batch was begun or ended, so that an older copy of the store knows it is old."""
        fields = {"turn": turn, "transport": self.deps.adapters.transport.name}
        await asyncio.to_thread(self.deps.adapters.journal.append, "batch", fields)

    async def delivery_settled(self, opened: OpenBatch) -> None:
        """Counts one delivery of a batch less; with the last one the batch ends."""
        opened.left -= 1
        if opened.left == 0:
            await self.finish(opened)

    async def finish(self, opened: OpenBatch) -> None:
        """Ends a batch, and judges its mailing's canary if it was part of that."""
        turn = await asyncio.to_thread(self.store.finish_batch, opened.batch, self.clock())
        await self.journal(turn)
        if opened.batch.canary:
            mailing, rule = opened.batch.mailing, self.deps.rules.throttling.canary
            if why := await asyncio.to_thread(judge_canary, self.store, rule, mailing):
                self._say_held(mailing, MailingHold.CANARY, why, None)
        self.deps.process.failpoint("deliver:finished")

    def _say_held(self, mailing: int, hold: MailingHold, why: str, until: datetime | None) -> None:
        words = describe_hold(hold, mailing, why, until, zone=self.timezone)
        self.stats.held = f"mailing {mailing}: {words}"

    async def finish_run(self) -> None:
        """Returns when all outcomes are durable and their batches ended. Raises what failed."""
        self.ledger.flush()
        await asyncio.gather(*self._finishing)
        if self._refused:
            await asyncio.to_thread(count_bounces, self.deps, self.clock())
        self.stats.troubles = {} if self.stats.failed else self.deps.adapters.transport.troubles
        if self.stats.refused and not self.stats.accepted and not self.stats.failed:
            self.stats.failed = True
            self.stats.held = f"the server took no message: {self.stats.refused}; they are tried again later"
