"""A store of every kind, and short ways to fill it.

A new store joins here: one more parameter of `store_url`; every test_store_*.py then runs over it.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import postgres
import pytest
from sqlalchemy import Engine, create_engine, text
from stores import new_store

from publisher.core.delivery.mailing import (
    Batch,
    Cohort,
    MailingKind,
    NewMailing,
    Transition,
    TransitionCause,
)
from publisher.core.digests.digest import CohortKey, DueQuery
from publisher.core.posts.post import Post, body_hash
from publisher.core.publishing.log import LogHead, LogKind
from publisher.core.publishing.plan import Change, Plan
from publisher.core.subscribers.subscription import Consent, Departure, NewReader, SignupResult, Subscription
from publisher.ports import Store
from publisher.stores import open_store

NOW = datetime(2024, 10, 25, 8, tzinfo=UTC)
DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty store."""
    if request.param == "sqlite":
        new_store(tmp_path / "publisher.db").close()
        yield f"sqlite:///{tmp_path}/publisher.db"
        return
    with postgres.database(postgres.template()) as url:
        yield url


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    opened = open_store(store_url, create=False)
    yield opened
    opened.close()


class World:
    """A store and the verbs that tests share."""

    now = NOW
    spec = "weekly"

    def __init__(self, store: Store, url: str) -> None:
        self.store, self.url = store, url
        self.engine: Engine | None = None

    def sql(self, statement: str, **values: Any) -> list[tuple[Any, ...]]:
        """What an operator or a later command would have written; reads what no method shows."""
        if self.engine is None:
            self.engine = create_engine(self.url.replace("postgresql:", "postgresql+psycopg:"))
        with self.engine.begin() as connection:
            result = connection.execute(text(statement), values)
            return [tuple(row) for row in result] if result.returns_rows else []

    def post(self, name: str, body: str = "Text.", **more: Any) -> Post:
        values: dict[str, Any] = {
            "path": f"{name}.md",
            "title": name.title(),
            "instant": NOW - DAY,
            "permalink": f"/{name}/",
            "url": f"https://example.org/{name}/",
            "base_url": f"https://example.org/{name}/",
            "slug": name,
            "language": "en",
            "body_hash": body_hash(body),
        }
        return Post(**(values | more))

    def change(self, kind: LogKind, name: str, backfill: bool = False, **more: Any) -> Change:
        post = self.post(name, **more)
        return Change(kind=kind, id=self.id(name), post=post, backfill=backfill)

    def id(self, name: str) -> str:
        return f"tag:example.org,2024:/{name}/"

    def apply(self, *changes: Change, now: datetime = NOW, body: str = "Text.", **more: Any) -> LogHead:
        plan = Plan(**({"head": self.store.head().seq, "baseline": False, "changes": changes} | more))
        return self.store.apply(plan, {body_hash(body): body}, now)

    def publish(self, *names: str, **more: Any) -> LogHead:
        return self.apply(*(self.change(LogKind.PUBLISHED, name, **more) for name in names))

    def reader(
        self, name: str, *, active: bool = False, own_wish: bool = True, due: datetime | None = None
    ) -> NewReader:
        key = name.encode().hex().ljust(64, "0")
        address = f"{name}@example.org"
        return NewReader(address=address, key=key, active=active, own_wish=own_wish, next_due_at=due)

    def join(
        self, *readers: NewReader, list: str = "weekly", now: datetime = NOW
    ) -> Sequence[tuple[SignupResult, Subscription | None]]:
        return self.store.subscribe(list, readers, self.consent(now))

    def erase(self, name: str, now: datetime = NOW) -> int:
        """A reader is forgotten, as `departures.erase` does it; returns how many subscriptions there were."""
        last = self.store.last_subscription_id()
        gone = Departure(key=self.reader(name).key, list="", kind="erased", at=now, subscription=last)
        return self.store.apply_departures([gone])

    def consent(self, now: datetime = NOW) -> Consent:
        return Consent(at=now, origin="192.0.2.1", form="form", wording="Yes, send me the digest.")

    def active(self, *names: str, list: str = "weekly", due: datetime = NOW) -> list[Subscription]:
        """Active readers who are due at `due`, standing at the log's head."""
        wishes = [self.reader(name, active=True, own_wish=False, due=due) for name in names]
        return [subscription for _, subscription in self.join(*wishes, list=list) if subscription]

    def suppress(self, name: str, kind: str, list: str = "") -> None:
        values = {"key": bytes.fromhex(self.reader(name).key), "list": list, "kind": kind}
        self.sql("INSERT INTO suppressions VALUES (:key, :list, :kind, 0)", **values)

    def new_mailing(self, **more: Any) -> NewMailing:
        """A digest of what is in the log, for readers at offset 0."""
        values: dict[str, Any] = {
            "list": self.spec,
            "kind": MailingKind.DIGEST,
            "head": self.store.head().seq,
            "due_before": NOW,
            "sender": "news@example.org",
            "subject": "News",
            "cohorts": (self.cohort(1, 0),),
            "segments": {"aa": b"Subject: News\r\n", "bb": b"\r\nHello.\r\n"},
        }
        return NewMailing(**(values | more))

    def cohort(self, n: int, offset: int, *posts: tuple[str, str]) -> Cohort:
        """Of readers at `offset` who want everything."""
        recipe = ("s:aa", "p:to", "s:bb")
        return Cohort(n=n, posts=posts, recipe=recipe, language="en", cohort_keys=(CohortKey(offset),))

    def beat(self, due: datetime | None = NOW + DAY) -> None:
        """Every rhythm is due next at `due`."""
        for spec in ("weekly", "daily"):
            if times := {beat.id: due for beat in self.store.next_runs(spec)}:
                self.store.set_next_runs(times)

    def plan_all(self, mailing: int, *, limit: int = 100, batch: int = 100, due: datetime = NOW + DAY) -> int:
        self.beat(due)
        planned = 0
        while count := self.store.plan_chunk(mailing, limit=limit, batch=batch, now=NOW):
            planned += count
        return planned

    def due(self, spec: str = "weekly", **more: Any) -> DueQuery:
        """The question who of a list is due."""
        return DueQuery(**({"list": spec, "now": NOW, "head": self.store.head().seq} | more))

    def ready(self, *names: str, batch: int = 100) -> int:
        """A ready digest for these readers."""
        self.active(*names)
        self.publish("first")
        mailing = self.store.start_mailing(self.new_mailing(), NOW)
        assert self.plan_all(mailing, batch=batch) == len(names)
        return mailing

    def claim(self, run: str = "run1", now: datetime = NOW) -> Batch:
        batch = self.store.claim_batch(run, now, now + 5 * MINUTE)
        assert batch is not None
        return batch

    def settle(self, mailing: int, n: int, cause: TransitionCause, run: str = "run1", **more: Any) -> None:
        self.store.record_transitions([Transition(mailing=mailing, n=n, cause=cause, **more)], NOW, run=run)

    def states(self, mailing: int) -> list[str]:
        """The state of each delivery, in order of n."""
        rows = self.sql("SELECT state FROM deliveries WHERE mailing = :m ORDER BY n", m=mailing)
        return [row[0] for row in rows]

    def attempts(self, mailing: int) -> list[int]:
        rows = self.sql("SELECT attempts FROM deliveries WHERE mailing = :m ORDER BY n", m=mailing)
        return [row[0] for row in rows]

    def mailing_state(self, mailing: int) -> str:
        found = self.store.mailing(mailing)
        assert found is not None
        return found.state.value

    def set_mailing(self, mailing: int, state: str) -> None:
        hold = "operator" if state == "paused" else None
        query = "UPDATE mailings SET state = :state, hold = :hold WHERE id = :id"
        self.sql(query, state=state, hold=hold, id=mailing)


@pytest.fixture
def world(store: Store, store_url: str) -> Iterator[World]:
    made = World(store, store_url)
    yield made
    if made.engine is not None:
        made.engine.dispose()
