"""Whatever happens to posts, readers, settings and clocks: each reader gets each matching post exactly once.

Random histories over the real SQLite store and the real planning, with a fixed clock; the oracle is a model
of inboxes (tests/support/mail/inbox.py).
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from inbox import Inboxes
from properties import examples
from sqlalchemy import create_engine, text

from publisher.app import App, fixed
from publisher.config import load
from publisher.core.delivery.holds import FINISHED, MailingCommand
from publisher.core.delivery.mailing import Mailing, MailingState, Transition, TransitionCause
from publisher.core.digests.digest import Digest, DigestContent, DigestLinks
from publisher.core.errors import Refused
from publisher.core.posts.filters import PostFilter
from publisher.core.posts.post import Post, PostMailOptions, body_hash
from publisher.core.publishing.log import LogKind
from publisher.core.publishing.plan import Change, Plan
from publisher.core.subscribers.cadences import TIME_STEP
from publisher.core.subscribers.subscription import (
    WEEKDAYS,
    Consent,
    ContentPreference,
    ListChoice,
    MailingList,
    NewReader,
    Preferences,
    SchedulePreference,
    SubscriptionState,
)
from publisher.services.deps import Deps
from publisher.services.digests import due_readers
from publisher.services.digests import planner as planning
from publisher.services.digests.planner import plan_mail
from publisher.services.operations import mailings
from publisher.services.operations.mailings import Unsent
from publisher.services.subscribers.subscribe import next_due_after

ZONES = (
    "Europe/Berlin",
    "Australia/Lord_Howe",  # changes by half an hour
    "Pacific/Apia",  # had no 30 December 2011
    "Asia/Kathmandu",  # +05:45
    "America/Santiago",  # skips midnight
)
STARTS = tuple(  # a little before a clock of ours changed; a history spans several of them
    datetime.fromisoformat(day).replace(tzinfo=UTC)
    for day in ("2011-12-26", "2024-03-28", "2024-04-04", "2024-09-05", "2024-10-03", "2024-10-25")
)
NAMES = ("ann", "bob", "cy")
TOPICS = ("art", "fish")
TOML = '[site]\ntitle = "T"\nurl = "https://example.org/"\n[[lists]]\nslug = "l"\nfrom = "l@example.org"\n'
CONSENT = Consent(at=STARTS[0], origin="", form="import", wording="w")


class Plain:
    """The least a renderer can be."""

    def digest(self, digest: Digest, links: DigestLinks) -> DigestContent:
        return DigestContent(subject="S", text=f"{links.unsubscribe}\n", html=_HTML.format(links.unsubscribe))


_HTML = (
    '<!DOCTYPE html><html lang="en" dir="ltr"><head><title>S</title></head>'
    '<body><div role="article" lang="en"><h1>S</h1>'
    '<p><a href="{}">Unsubscribe</a></p></div></body></html>'
)


class Killed(Exception):
    """The process died."""


@dataclass
class World:
    """The real thing beside the model, and what may happen to both."""

    app: App
    spec: MailingList
    model: Inboxes
    now: datetime
    number: int = 0
    dies_at: str = ""

    @property
    def deps(self) -> Deps:
        deps = self.app.deps
        return replace(
            deps,
            rules=replace(deps.rules, lists=(self.spec,), batch_size=2),
            adapters=replace(deps.adapters, renderer=Plain()),
            process=replace(deps.process, failpoint=self.reach, run_is_active=lambda: self.model.running),
        )

    def reach(self, step: str) -> None:
        if step == self.dies_at:
            self.dies_at = ""
            raise Killed

    def post(
        self, n: int, body: str, categories: tuple[str, ...], language: str, mail: PostMailOptions
    ) -> Post:
        return Post(
            path=f"{n}.md",
            title=f"Post {n}",
            instant=self.now,
            permalink=f"/{n}/",
            url=f"https://example.org/{n}/",
            base_url=f"https://example.org/{n}/",
            slug=str(n),
            language=language,
            body_hash=body_hash(body),
            categories=categories,
            mail=mail,
        )

    def log(self, kind: LogKind, id: str, post: Post, body: str = "", *, backfill: bool = False) -> None:
        head = self.app.store.head().seq
        change = Change(kind=kind, id=id, post=post, backfill=backfill)
        plan = Plan(head=head, baseline=head == 0, changes=(change,))
        self.app.store.apply(plan, {body_hash(body): body}, self.now)

    def logged_at(self) -> datetime:
        at = self.app.store.head().at
        assert at is not None
        return at

    # What may happen. Each takes a dice of small numbers, so that a history is a list of (verb, numbers).

    def publish(self, dice: Callable[[int], int]) -> None:
        self.number += 1
        topics = ((), ("art",), ("fish",), ("art", "fish"))[dice(4)]
        mail = (PostMailOptions.USUAL, PostMailOptions.USUAL, PostMailOptions.USUAL, PostMailOptions.NEVER)[
            dice(4)
        ]
        backfill = dice(6) == 5
        post = self.post(self.number, "First.", topics, ("en", "de-AT")[dice(2)], mail)
        id = f"tag:{self.number}"
        self.log(LogKind.PUBLISHED, id, post, "First.", backfill=backfill)
        self.model.publish(id, post, self.logged_at(), backfill=backfill)

    def edit(self, dice: Callable[[int], int]) -> None:
        self._changed(dice, LogKind.UPDATED)

    def correct(self, dice: Callable[[int], int]) -> None:
        self._changed(dice, LogKind.CORRECTED)

    def _changed(self, dice: Callable[[int], int], kind: LogKind) -> None:
        live = [id for id, alive in self.model.live.items() if alive]
        if not live:
            return
        id = live[dice(len(live))]
        self.number += 1
        mail = (
            PostMailOptions.CORRECTION
            if kind is LogKind.CORRECTED
            else (PostMailOptions.USUAL, PostMailOptions.NEVER)[dice(4) == 3]
        )
        body = f"Edit {self.number}."
        post = replace(self.model.posts[id], body_hash=body_hash(body), mail=mail)
        self.log(kind, id, post, body)
        if kind is LogKind.CORRECTED:
            self.model.correct(id, post, self.logged_at())
        else:
            self.model.posts[id] = post

    def withdraw(self, dice: Callable[[int], int]) -> None:
        if ids := list(self.model.posts):
            id = ids[dice(len(ids))]
            alive = self.model.live[id]
            self.log(LogKind.WITHDRAWN if alive else LogKind.RESTORED, id, self.model.posts[id])
            self.model.live[id] = not alive

    def come(self, dice: Callable[[int], int]) -> None:
        name = NAMES[dice(len(NAMES))]
        reader = self.model.readers.get(name)
        if reader and reader.active:
            return
        choices = self._choices(dice)
        due = next_due_after(self.spec, choices.schedule, self.now)
        wish = NewReader(
            address=f"{name}@example.org",
            key=name.encode().hex().ljust(64, "0"),
            active=reader is None,
            own_wish=reader is not None,
            next_due_at=due,
            choices=choices,
        )
        [(_, found)] = self.app.store.subscribe("l", [wish], CONSENT)
        assert found is not None
        if found.state is SubscriptionState.PENDING:
            assert self.app.store.confirm(found.id, found.generation, due, self.now)
        self.model.join(name, choices, self.now)

    def go(self, dice: Callable[[int], int]) -> None:
        if found := self._somebody(dice):
            self.app.store.unsubscribe(found.id, found.generation, self.now)
            self.model.readers[self._name(found)].active = False

    def choose(self, dice: Callable[[int], int]) -> None:
        if found := self._somebody(dice):
            self._wish(found, replace(self._choices(dice), paused=found.choices.paused))

    def pause(self, dice: Callable[[int], int]) -> None:
        if found := self._somebody(dice):
            self._wish(found, replace(found.choices, paused=not found.choices.paused))

    def _wish(self, found: Any, choices: Preferences) -> None:
        due = next_due_after(self.spec, choices.schedule, self.now)
        assert self.app.store.set_preferences(found.id, found.generation, choices, due)
        self.model.choose(self._name(found), choices, self.now)

    def _somebody(self, dice: Callable[[int], int]) -> Any:
        found = list(self.app.store.subscriptions("l", SubscriptionState.ACTIVE))
        return found[dice(len(found))] if found else None

    def _name(self, found: Any) -> str:
        return str(found.address).partition("@")[0]

    def _choices(self, dice: Callable[[int], int]) -> Preferences:
        cadence = ("", "immediate", "daily", "weekly", "monthly")[dice(5)]
        on = {"weekly": ("", *WEEKDAYS)[dice(8)], "monthly": ("", "1", "28")[dice(3)]}.get(cadence, "")
        at = (None, time(2, 30), time(0, 15), time(18, 0))[dice(4)]
        pace = SchedulePreference(cadence=cadence, on=on, at=at, timezone=("", *ZONES)[dice(len(ZONES) + 1)])
        topics = ((), ("art",), TOPICS)[dice(3)]
        return Preferences(
            schedule=pace, content=ContentPreference(topics=topics, language=("", "de")[dice(2)])
        )

    def resettle(self, dice: Callable[[int], int]) -> None:
        """The author changes the list: its rhythm, or what readers may choose."""
        may = (tuple(ListChoice), (ListChoice.CADENCE, ListChoice.TOPICS), ())[dice(3)]
        changed: dict[str, Any] = {
            "cadence": ("daily", "weekly", "immediate")[dice(3)],
            "readers_choose": may,
        }
        changed |= {"timezone": ZONES[dice(len(ZONES))], "at": (time(8, 0), time(2, 15))[dice(2)], "on": ""}
        self.spec = self.model.spec = replace(self.spec, **changed)

    def start_or_stop(self, dice: Callable[[int], int]) -> None:
        """A `publisher run` starts, or ends and leaves the work to a timer."""
        self.model.running = not self.model.running

    def wait(self, dice: Callable[[int], int]) -> None:
        """Some time goes by, or a clock that was ahead is set back."""
        steps = (timedelta(minutes=10), timedelta(hours=1), timedelta(hours=7), timedelta(hours=23))
        self.now = self.now.replace(microsecond=0)  # so that a look may still be at the very time of a digest
        self.now += (*steps, timedelta(days=2), timedelta(days=9), -timedelta(minutes=25))[dice(7)]

    def tick(self, dice: Callable[[int], int]) -> None:
        plan_mail(self.deps, self.now)
        self.model.tick(self.now)

    def twice(self, dice: Callable[[int], int]) -> None:
        self.tick(dice)
        self.tick(dice)

    def die(self, dice: Callable[[int], int]) -> None:
        """The process is killed while it plans, and started again."""
        self.dies_at = ("plan:started", "plan:chunk", "plan:ready")[dice(3)]
        try:
            plan_mail(self.deps, self.now)
        except Killed:
            plan_mail(self.deps, self.now)
        self.dies_at = ""
        self.model.tick(self.now)

    def send(self, dice: Callable[[int], int]) -> None:
        plan_mail(self.deps, self.now, send=["l"])
        self.model.tick(self.now, send=True)

    # What an operator does with mailings: all digests of a history are queued, and none has gone out.

    def cancel(self, dice: Callable[[int], int]) -> None:
        if mailing := self._mailing(dice):
            self._cancel(mailing)

    def reject(self, dice: Callable[[int], int]) -> None:
        """A server refuses the first messages that are due."""
        store = self.app.store
        batch = store.claim_batch("run", self.now, self.now + timedelta(minutes=5))
        if batch is None:
            return
        refused = [
            Transition(mailing=row.mailing, n=row.n, cause=TransitionCause.REJECT, reply="550 no")
            for row in store.claimed_deliveries(batch)
        ]
        store.record_transitions(refused, self.now, run="run")
        store.finish_batch(batch, self.now)
        self._stopped(batch.mailing)

    def release(self, dice: Callable[[int], int]) -> None:
        self._stop_and(dice, mailings.release, "again:journaled", "again:released")

    def remake(self, dice: Callable[[int], int]) -> None:
        steps = ("again:cancelled", "again:released", "plan:started", "plan:chunk", "plan:ready")
        if mailing := self._stop_and(dice, mailings.remake, *steps):
            self.model.remake(mailing.id)

    def resend(self, dice: Callable[[int], int]) -> None:
        if mailing := self._mailing(dice, *FINISHED):
            which, stopped = (
                (Unsent.UNSENT, "cancelled"),
                (Unsent.REJECTED, "rejected"),
            )[dice(2)]
            with suppress(Refused):  # all its posts are withdrawn
                mailings.resend(self.deps, mailing, which, self.now)
                self.model.resend(self._places(mailing.id), stopped)

    def _stop_and(
        self, dice: Callable[[int], int], verb: Callable[[Deps, Mailing, datetime], object], *steps: str
    ) -> Mailing | None:
        """Gives an order about a mailing that is over or waits; the process may be killed meanwhile, and
        the order is given again.
        """
        mailing = self._mailing(dice)
        if mailing is None:
            return None
        if mailing.state is MailingState.READY:
            self.app.store.apply_command(mailing.id, MailingCommand.PAUSE, self.now)
        self.dies_at = (*steps, "", "", "")[dice(len(steps) + 3)]
        again = self.dies_at.startswith("plan")
        for _ in range(2):
            found = self.app.store.mailing(mailing.id)
            assert found is not None
            try:
                verb(self.deps, found, self.now)
                break
            except Killed:
                if again:  # what was begun goes on with the next look
                    for begun in self.app.store.mailings_in_planning():
                        args = (begun.id, begun.list, begun.head, begun.due_before, begun.remakes)
                        planning._plan_deliveries(self.deps, *args)
        self.dies_at = ""
        if mailing.state not in FINISHED:
            self._stopped(mailing.id)
        self.model.release(mailing.id, self._places(mailing.id))
        return mailing

    def _cancel(self, mailing: Mailing) -> None:
        self.app.store.apply_command(mailing.id, MailingCommand.CANCEL, self.now)
        self._stopped(mailing.id)

    def _mailing(self, dice: Callable[[int], int], *states: MailingState) -> Mailing | None:
        found = [one for one in self.app.store.mailings() if not states or one.state in states]
        return found[dice(len(found))] if found else None

    def _stopped(self, mailing: int) -> None:
        """What became of the deliveries of a mailing."""
        for name, place in self._places(mailing).items():
            state = self._rows(_STATE, mailing=mailing, address=f"{name}@example.org")[0][0]
            self.model.readers[name].got[place].stopped = state if state in ("cancelled", "rejected") else ""

    def _places(self, mailing: int) -> dict[str, int]:
        """Who a mailing was for, and the place of its digest among theirs."""
        found: dict[str, list[int]] = {}
        for address, id in self._rows(_MAILINGS):
            found.setdefault(address.partition("@")[0], []).append(id)
        return {name: ids.index(mailing) for name, ids in found.items() if mailing in ids}

    def _rows(self, query: str, **values: object) -> Sequence[Any]:
        with self.app.store._db.read() as connection:
            return connection.execute(text(query), values).all()

    def check(self) -> None:
        wanted = {
            name: [digest.posts for digest in reader.got if not digest.stopped]
            for name, reader in self.model.readers.items()
        }
        assert self.got() == {name: digests for name, digests in wanted.items() if digests}

    def got(self) -> dict[str, list[list[tuple[str, str]]]]:
        """What the ledger says: by reader, digest after digest, (post id, revision)."""
        engine = create_engine(self.app.settings.store.url)
        with engine.connect() as connection:
            rows = connection.execute(text(_GOT)).all()
        engine.dispose()
        found: dict[str, dict[int, list[tuple[str, str]]]] = {}
        for address, mailing, id, revision in rows:
            name = address.partition("@")[0]
            found.setdefault(name, {}).setdefault(mailing, []).append((id, revision))
        return {name: list(digests.values()) for name, digests in found.items()}


_GOT = """
SELECT r.address, d.mailing, p.post_id, p.revision FROM deliveries d
JOIN mailings m ON m.id = d.mailing AND m.kind = 'digest'
JOIN subscriptions s ON s.id = d.subscription JOIN subscribers r ON r.id = s.subscriber
JOIN mailing_posts p ON p.mailing = d.mailing AND p.cohort = d.cohort
WHERE d.state NOT IN ('cancelled', 'rejected')
ORDER BY d.mailing, r.address, p.position
"""
_MAILINGS = """
SELECT r.address, d.mailing FROM deliveries d JOIN subscriptions s ON s.id = d.subscription
JOIN subscribers r ON r.id = s.subscriber ORDER BY d.mailing
"""
_STATE = """
SELECT d.state FROM deliveries d JOIN subscriptions s ON s.id = d.subscription
JOIN subscribers r ON r.id = s.subscriber WHERE d.mailing = :mailing AND r.address = :address
"""
VERBS = (
    *("publish", "publish", "publish", "edit", "correct", "withdraw"),
    *("come", "come", "go", "choose", "pause", "resettle"),
)
LOOKS = ("tick", "tick", "tick", "twice", "die", "send")
CLOCK = ("wait", "wait", "wait", "start_or_stop", *LOOKS)
AGAIN = ("cancel", "reject", "release", "remake", "resend")
HISTORIES = st.lists(
    st.tuples(
        st.sampled_from((*VERBS, *CLOCK, *AGAIN)), st.lists(st.integers(0, 119), min_size=8, max_size=8)
    ),
    min_size=8,
    max_size=60,
)
LISTS = st.fixed_dictionaries(
    {
        "cadence": st.sampled_from(("daily", "weekly", "immediate")),
        "timezone": st.sampled_from(ZONES),
        "at": st.sampled_from((time(8, 0), time(2, 30), time(0, 10))),
        "min_posts": st.sampled_from((1, 1, 2, 3)),
        "delay": st.sampled_from((timedelta(0), timedelta(0), timedelta(minutes=30))),
        "min_gap": st.just(timedelta(0)),  # see test_min_gap
        "max_late": st.sampled_from((None, timedelta(hours=12), timedelta(minutes=30), timedelta(days=400))),
        "where": st.sampled_from((PostFilter(), PostFilter(), PostFilter(category=("art",)))),
        "readers_choose": st.sampled_from((tuple(ListChoice), (ListChoice.CADENCE, ListChoice.HOUR))),
    }
)


def _dice(numbers: list[int]) -> Callable[[int], int]:
    left = iter(numbers)
    return lambda sides: next(left, 0) % sides


def _world(folder: Path, start: datetime, given_list: dict[str, Any]) -> World:
    (folder / "publisher.toml").write_text(TOML, encoding="utf-8")
    app = App(load(folder), clock=fixed(start))
    assert app.store.head().seq == 0
    spec = replace(app.settings.lists[0], **given_list)
    return World(app=app, spec=spec, model=Inboxes(spec=spec), now=start)


def _live(start: datetime, given_list: dict[str, Any], history: list[tuple[str, list[int]]]) -> None:
    with TemporaryDirectory() as folder:
        world = _world(Path(folder), start, given_list)
        try:
            for verb, numbers in history:
                getattr(world, verb)(_dice(numbers))
                if verb in (*CLOCK, *AGAIN):
                    world.check()
                # Nothing happens in the very moment of a look but that look. Who is mailed at once and had
                # nothing then stays due, for planning does not touch them; the model has them due from the
                # next moment. A post of the same moment would be mailed now by one and then by the other.
                if verb in LOOKS:
                    world.now += TIME_STEP
            _let_all_come(world)
        finally:
            world.app.close()


def _let_all_come(world: World) -> None:
    """Every reader is awake, and the clock runs on: what was owed has come, once."""
    for found in list(world.app.store.subscriptions("l", SubscriptionState.ACTIVE)):
        if found.choices.paused:
            world._wish(found, replace(found.choices, paused=False))
    world.now += timedelta(days=1)
    world.send(_dice([]))
    world.check()
    for reader in world.model.readers.values():
        assert not (reader.active and [item for item in reader.inbox if item.source is None])


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(planning, "CHUNK", 2)
    monkeypatch.setattr(mailings, "CHUNK", 1)
    monkeypatch.setattr(due_readers, "CHUNK", 2)
    return


@settings(
    max_examples=examples(40),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(st.sampled_from(STARTS), LISTS, HISTORIES)
@example(  # a post for a reader who is mailed at once, in the very moment of a look that had nothing for them
    STARTS[0], {"cadence": "immediate"}, [("come", []), ("send", []), ("publish", []), ("tick", [])]
)
def test_every_reader_gets_every_matching_post_once_and_what_the_model_says(
    start: datetime, given_list: dict[str, Any], history: list[tuple[str, list[int]]]
) -> None:
    _live(start, given_list, history)


def test_a_post_is_never_in_two_digests_of_a_life_but_as_a_correction(tmp_path: Path) -> None:
    """A life of a year by hand: daily, weekly, paused, a new zone, both changes of the clock."""
    world = _world(tmp_path, datetime(2024, 1, 1, tzinfo=UTC), {"readers_choose": tuple(ListChoice)})
    world.publish(_dice([0, 0, 0]))
    world.come(_dice([0, 2, 0, 0, 0]))
    for day in range(366):
        world.publish(_dice([0, 0, 0]))
        if day % 40 == 17:
            world.choose(_dice([0, day // 40 + 1, 1, day, day]))
        if day % 50 in (30, 44):
            world.pause(_dice([0]))
        world.now += timedelta(hours=23, minutes=59 - day % 3)
        world.tick(_dice([]))
    world.check()
    _let_all_come(world)
    [digests] = world.got().values()
    counts = Counter(id for posts in digests for id, _ in posts)
    assert set(counts.values()) == {1}
    assert len(counts) > 300
    world.app.close()
