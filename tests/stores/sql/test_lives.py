"""The two lives, as state machines over a real store: whatever happens in whatever order, the rules hold."""

import tempfile
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from properties import examples
from stores import mark_sending, new_store

from publisher.core.delivery.holds import MailingCommand
from publisher.core.delivery.mailing import (
    TERMINAL,
    TRANSITIONS,
    Batch,
    Cohort,
    MailingKind,
    NewMailing,
    Transition,
    TransitionCause,
)
from publisher.core.delivery.mailing import DeliveryState as Delivery
from publisher.core.digests.digest import CohortKey
from publisher.core.subscribers.subscription import (
    Consent,
    NewReader,
    SignupResult,
    SubscriptionEvent,
    SubscriptionState,
    next_subscription_state,
)

NOW = datetime(2024, 10, 25, 8, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
READERS = 3
NAMES = st.sampled_from([f"r{n}" for n in range(READERS)])
RUNS = st.sampled_from(["run1", "run2"])


class Machine(RuleBasedStateMachine):
    """A store of its own for each run."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.store = new_store(Path(self.folder.name) / "p.db")

    def teardown(self) -> None:
        self.store.close()
        self.folder.cleanup()

    def wish(self, name: str, *, active: bool, own_wish: bool) -> SignupResult:
        reader = NewReader(
            address=f"{name}@example.org",
            key=name.encode().hex(),
            active=active,
            own_wish=own_wish,
            next_due_at=NOW,
        )
        consent = Consent(at=NOW, origin="x", form="form", wording="y")
        [(joined, _)] = self.store.subscribe("weekly", [reader], consent)
        return joined


class SubscriberLife(Machine):
    """A model of each reader (state, generation) beside the store."""

    def __init__(self) -> None:
        super().__init__()
        self.model: dict[str, tuple[SubscriptionState, int]] = {}
        self.ids: dict[str, int] = {}

    @rule(name=NAMES, active=st.booleans(), own_wish=st.booleans())
    def join(self, name: str, active: bool, own_wish: bool) -> None:
        joined = self.wish(name, active=active, own_wish=own_wish)
        state, generation = self.model.get(name, (None, 0))
        if state is None:
            expected = SignupResult.ADDED
            self.model[name] = (SubscriptionState.ACTIVE if active else SubscriptionState.PENDING, 1)
        elif state is SubscriptionState.UNSUBSCRIBED and own_wish:
            expected = SignupResult.RETURNED
            self.model[name] = (SubscriptionState.PENDING, generation + 1)
        elif state is SubscriptionState.UNSUBSCRIBED or (
            generation > 1 and state is SubscriptionState.PENDING and not own_wish
        ):
            expected = SignupResult.LEFT
        elif state is SubscriptionState.PENDING and active and generation == 1:
            expected = SignupResult.ACTIVATED
            self.model[name] = (SubscriptionState.ACTIVE, generation)
        else:
            expected = SignupResult.ALREADY
        assert joined is expected
        self.ids |= {s.address.split("@")[0]: s.id for s in self.store.subscriptions(None, None)}

    @rule(name=NAMES, back=st.integers(0, 1))
    def confirm(self, name: str, back: int) -> None:
        self.tell(name, back, SubscriptionEvent.CONFIRM)

    @rule(name=NAMES, back=st.integers(0, 1))
    def unsubscribe(self, name: str, back: int) -> None:
        self.tell(name, back, SubscriptionEvent.UNSUBSCRIBE)

    def tell(self, name: str, back: int, event: SubscriptionEvent) -> None:
        """A link of this life (back 0) or of the one before (back 1)."""
        if name not in self.model:
            return
        state, generation = self.model[name]
        if event is SubscriptionEvent.CONFIRM:
            found = self.store.confirm(self.ids[name], generation - back, NOW, NOW)
        else:
            found = self.store.unsubscribe(self.ids[name], generation - back, NOW)
        if back or (event is SubscriptionEvent.CONFIRM and state is SubscriptionState.UNSUBSCRIBED):
            assert found is None
            return
        assert found is not None
        self.model[name] = (next_subscription_state(state, event), generation)

    @invariant()
    def the_store_says_the_same(self) -> None:
        found = {
            s.address.split("@")[0]: (s.state, s.generation) for s in self.store.subscriptions(None, None)
        }
        assert found == self.model


class DeliveryLife(Machine):
    """Two workers, an operator, crashes and a folder over one mailing of three readers in two batches."""

    def __init__(self) -> None:
        super().__init__()
        self.before: dict[int, Delivery] = {}
        self.batches: dict[str, Batch] = {}
        self.sent: dict[int, int] = {}
        self.resends: dict[int, int] = {}
        self.now = NOW
        self.folded: dict[int, Delivery] = {}

    @initialize()
    def plan(self) -> None:
        for n in range(READERS):
            self.wish(f"r{n}", active=True, own_wish=False)
        cohort = Cohort(n=1, posts=(), recipe=(), cohort_keys=(CohortKey(0),))
        self.mailing = self.store.start_mailing(
            NewMailing(
                list="weekly",
                kind=MailingKind.DIGEST,
                head=1,
                due_before=NOW,
                sender="a@b.example",
                subject="S",
                cohorts=(cohort,),
                segments={},
            ),
            NOW,
        )
        while self.store.plan_chunk(self.mailing, limit=9, batch=2, now=NOW):
            pass

    @rule(run=RUNS)
    def claim(self, run: str) -> None:
        if batch := self.store.claim_batch(run, self.now, self.now + 5 * MINUTE):
            self.batches[run] = batch

    @rule(run=RUNS, n=st.integers(1, READERS))
    def intend(self, run: str, n: int) -> None:
        for _, row in mark_sending(self.store, run, [(self.mailing, n)], self.now):
            self.sent[row] = self.sent.get(row, 0) + 1

    @rule(
        run=RUNS,
        n=st.integers(1, READERS),
        cause=st.sampled_from(
            [
                TransitionCause.ACCEPT,
                TransitionCause.DEFER,
                TransitionCause.REJECT,
                TransitionCause.LOSE,
                TransitionCause.RELEASE,
                TransitionCause.SKIP,
            ]
        ),
    )
    def settle(self, run: str, n: int, cause: TransitionCause) -> None:
        wait = self.now + MINUTE if cause is TransitionCause.DEFER else None
        before = self.states().get(n)
        result = Transition(mailing=self.mailing, n=n, cause=cause, not_before=wait)
        self.store.record_transitions([result], self.now, run=run)
        if (
            cause is TransitionCause.DEFER
            and before is Delivery.SENDING
            and self.states()[n] is Delivery.QUEUED
        ):
            self.resends[n] = self.resends.get(n, 0) + 1

    @rule(run=RUNS)
    def finish(self, run: str) -> None:
        if batch := self.batches.pop(run, None):
            self.store.finish_batch(batch, self.now)

    @rule(run=RUNS, alone=st.booleans())
    def recover(self, run: str, alone: bool) -> None:
        self.store.release_dead_runs(run, self.now, alone=alone)

    @rule(
        n=st.integers(1, READERS),
        cause=st.sampled_from(
            [TransitionCause.RESEND, TransitionCause.ASSUME, TransitionCause.FOUND_REJECTED]
        ),
    )
    def resolve(self, n: int, cause: TransitionCause) -> None:
        result = Transition(mailing=self.mailing, n=n, cause=cause)
        if any(self.store.record_transitions([result], self.now)) and cause is TransitionCause.RESEND:
            self.resends[n] = self.resends.get(n, 0) + 1

    @rule(order=st.sampled_from([MailingCommand.PAUSE, MailingCommand.RESUME, MailingCommand.RESUME]))
    def order(self, order: MailingCommand) -> None:
        self.store.apply_command(self.mailing, order, self.now)

    @rule(really=st.integers(1, 5))
    def cancel(self, really: int) -> None:
        if really == 1:
            self.store.apply_command(self.mailing, MailingCommand.CANCEL, self.now)

    @rule(limit=st.sampled_from([1, 100]))
    def fold(self, limit: int) -> None:
        before = self.states()
        self.store.archive_deliveries(self.now + MINUTE, limit=limit)
        gone = {n: state for n, state in before.items() if n not in self.states()}
        assert set(gone.values()) <= TERMINAL
        self.folded |= gone

    @rule(minutes=st.integers(1, 6))
    def wait(self, minutes: int) -> None:
        self.now += minutes * MINUTE

    def states(self) -> dict[int, Delivery]:
        with self.store._db.read() as connection:
            rows = connection.exec_driver_sql("SELECT n, state FROM deliveries ORDER BY n").all()
        return {n: Delivery(state) for n, state in rows}

    @invariant()
    def only_arrows_of_the_drawing_are_taken(self) -> None:
        now = self.states()
        for n, state in now.items():
            was = self.before.get(n, state)
            if was in TERMINAL:
                assert state is was
            next_ = {to for (origin, _), to in TRANSITIONS.items() if origin is was}
            assert state is was or state in next_
        self.before = now

    @invariant()
    def nothing_is_sent_again_unless_it_was_deferred_or_an_operator_said_so(self) -> None:
        for n, times in self.sent.items():
            assert times <= 1 + self.resends.get(n, 0)

    @invariant()
    def counts_are_what_counting_every_row_would_say(self) -> None:
        counted = Counter([*self.states().values(), *self.folded.values()])
        assert self.store.mailings()[0].counts == counted
        assert self.store.delivery_totals() == (1, counted)

    @invariant()
    def nothing_is_lost_silently(self) -> None:
        """A mailing that is done has nothing left to do; one that is not has a batch for what is left."""
        found = self.store.mailings()[0]
        waiting = {Delivery.QUEUED, Delivery.CLAIMED, Delivery.SENDING} & set(found.counts)
        if found.state == "done":
            assert not waiting
        if waiting == {Delivery.QUEUED} and not self.batches and found.state == "ready":
            assert self.store.next_batch_at() is not None


_settings = settings(max_examples=examples(25, long=500), stateful_step_count=25)
TestSubscriberLife = SubscriberLife.TestCase
TestSubscriberLife.settings = _settings
TestDeliveryLife = DeliveryLife.TestCase
TestDeliveryLife.settings = _settings
