"""Planning mail on SQLite: a million deliveries of one digest, and 100,000 readers who chose for themselves.

Limits: a million in 10 s; 100,000 random preferences, without rendering, in 5 s; no transaction longer than
200 ms. The peer is the least any planner must do: a bare executemany of the same rows into the same tables.
"""

import random
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from datetime import time as hour
from pathlib import Path
from typing import Any

from benchmarks.table import table
from publisher.app import App, fixed
from publisher.config import load
from publisher.core.digests.digest import Digest, DigestContent, DigestLinks
from publisher.core.subscribers.subscription import (
    NO_CHOICES,
    Consent,
    ContentPreference,
    ListChoice,
    NewReader,
    Preferences,
    SchedulePreference,
    normalize_topics,
)
from publisher.services.deps import Deps
from publisher.services.digests.planner import plan_mail
from publisher.services.subscribers.subscribe import next_due_after
from publisher.stores.sql.database import Database

MANY, CHOOSY = 1_000_000, 100_000
TOPICS = ("art", "boats", "fish", "tide", "weather")
LANGUAGES = ("", "de", "en", "fr")
ZONES = ("Asia/Kathmandu", "Australia/Lord_Howe", "Europe/Berlin", "Pacific/Apia", "America/St_Johns")
JOINED = datetime(2026, 10, 20, 9, tzinfo=UTC)
DUE = datetime(2026, 10, 26, 23, tzinfo=UTC)

_TOML = f"""
[site]
title = "The Quay"
url = "https://quay.example/"
[[lists]]
slug = "l"
from = "l@quay.example"
max_late = "400d"
readers_choose = {[choice.value for choice in ListChoice]}
"""


class Blank:
    """A renderer that costs nothing, and counts."""

    renderings = 0

    def digest(self, digest: Digest, links: DigestLinks) -> DigestContent:
        self.renderings += 1
        html = _HTML.format(digest.language, links.unsubscribe)
        return DigestContent(subject="S", text=f"{digest.language} {links.unsubscribe}\n", html=html)

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"planning asks the renderer for {name}")


_HTML = (
    '<!DOCTYPE html><html lang="{}" dir="ltr"><head><title>S</title></head>'
    '<body><div role="article" lang="en"><h1>S</h1>'
    '<p><a href="{}">Unsubscribe</a></p></div></body></html>'
)


class Writer:
    """How long each write transaction was held."""

    def __init__(self) -> None:
        self.held: list[float] = []

    @contextmanager
    def timed(self) -> Generator[None, None, None]:
        was = Database.write

        @contextmanager
        def write(database: Database) -> Generator[Any, None, None]:
            with was(database) as connection:
                begin = time.perf_counter()
                yield connection
            self.held.append(time.perf_counter() - begin)

        Database.write = write  # type: ignore[method-assign,assignment]  # only here, and taken back
        try:
            yield
        finally:
            Database.write = was  # type: ignore[method-assign]


def choices(number: int) -> Iterator[Preferences]:
    """Random preferences, the same every time."""
    dice = random.Random(11)  # noqa: S311  # chance, not secrets
    for _ in range(number):
        topics = normalize_topics(dice.sample(TOPICS, dice.randint(0, 3)))
        cadence = dice.choice(("", "daily", "weekly", "immediate"))
        pace = SchedulePreference(cadence=cadence, at=hour(dice.randrange(24)), timezone=dice.choice(ZONES))
        yield Preferences(
            schedule=pace, content=ContentPreference(topics=topics, language=dice.choice(LANGUAGES))
        )


def make(folder: Path, number: int, chosen: Iterator[Preferences], settings: str = "") -> tuple[Deps, Blank]:
    """A site with readers who joined at three moments, and posts of every topic and language. `settings` are
    added to its own.
    """
    folder.mkdir()
    (folder / "publisher.toml").write_text(_TOML + settings, encoding="utf-8")
    blank = Blank()
    days = [JOINED + timedelta(days=n) for n in range(3)]
    for n, at in enumerate(days):
        app = App(load(folder), clock=fixed(at))
        _post(folder, n, at)
        app.publish(mail=False)
        share = number // 3 + (number % 3 if n == 2 else 0)
        join(app.deps, [next(chosen) for _ in range(share)], n * number, at)
        app.close()
    for n in range(3, 12):
        _post(folder, n, DUE - timedelta(hours=n))
    app = App(load(folder), clock=fixed(DUE))
    app.publish(mail=False)
    return replace(app.deps, adapters=replace(app.deps.adapters, renderer=blank)), blank


def _post(folder: Path, n: int, at: datetime) -> None:
    topics = f"[{TOPICS[n % 5]}, {TOPICS[n % 3]}]"
    head = (
        f"---\ntitle: Post {n}\ndate: {at.isoformat()}\ncategories: {topics}\nlang: {LANGUAGES[1 + n % 3]}\n"
    )
    (folder / "posts").mkdir(exist_ok=True)
    (folder / "posts" / f"p{n}.md").write_text(f"{head}---\nWords of post {n}.\n", encoding="utf-8")


def join(deps: Deps, wishes: Sequence[Preferences], start: int, at: datetime) -> None:
    consent = Consent(at=at, origin="", form="import", wording="w")
    due: dict[SchedulePreference, datetime] = {}
    readers = []
    for n, wish in enumerate(wishes, start):
        if wish.schedule not in due:
            due[wish.schedule] = next_due_after(deps.rules.lists[0], wish.schedule, at)
        readers.append(
            NewReader(
                address=f"r{n}@example.org",
                key=f"{n:064x}",
                active=True,
                own_wish=False,
                next_due_at=due[wish.schedule],
                choices=wish,
            )
        )
    for begin in range(0, len(readers), 10_000):
        deps.adapters.store.subscribe("l", readers[begin : begin + 10_000], consent)


def planned(deps: Deps) -> tuple[float, Writer]:
    """How long planning took, and how long it held the writer."""
    writer = Writer()
    with writer.timed():
        begin = time.perf_counter()
        plan_mail(deps, DUE)
        taken = time.perf_counter() - begin
    return taken, writer


def bare(store: Path) -> float:
    """The same rows by executemany into the same tables, as another mailing; offsets and times too."""
    with closing(sqlite3.connect(store, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = FULL")
        columns = [row[1] for row in connection.execute("PRAGMA table_info(deliveries)")]
        rows: list[tuple[Any, ...]] = connection.execute("SELECT * FROM deliveries ORDER BY n").fetchall()
        again = [(999, *row[1:]) for row in rows]
        moves = [(row[3],) for row in rows]
        marks = ", ".join("?" * len(columns))
        insert = f"INSERT INTO deliveries VALUES ({marks})"  # noqa: S608  # question marks
        begin = time.perf_counter()
        for at in range(0, len(again), 10_000):
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(insert, again[at : at + 10_000])
            connection.executemany(
                'UPDATE subscriptions SET "offset" = 999, next_due_at = next_due_at + 1 WHERE id = ?',
                moves[at : at + 10_000],
            )
            connection.execute("COMMIT")
        return time.perf_counter() - begin


def main() -> str:
    """Runs the comparison; returns its table."""
    folder = Path(tempfile.mkdtemp())
    rows = [
        ["planning", "seconds", "limit", "of the limit", "longest transaction", "cohorts rendered", "of bare"]
    ]
    try:
        cases: Mapping[str, tuple[int, float, Iterator[Preferences]]] = {
            f"{MANY:,} readers, one digest": (MANY, 10.0, iter(lambda: NO_CHOICES, None)),
            f"{CHOOSY:,} readers, random preferences": (CHOOSY, 5.0, choices(CHOOSY)),
        }
        for n, (name, (number, limit, chosen)) in enumerate(cases.items()):
            deps, blank = make(folder / str(n), number, chosen)
            taken, writer = planned(deps)
            done = sum(mailing.planned for mailing in deps.adapters.store.mailings(counted=False))
            deps.adapters.store.close()
            least = bare(folder / str(n) / ".publisher/publisher.db")
            figures = [f"{taken:.2f}", f"{limit:.0f}", f"{taken / limit:.2f}"]
            figures += [f"{max(writer.held) * 1e3:.0f} ms", f"{blank.renderings}", f"{taken / least:.2f}"]
            rows.append([f"{name}: {done:,} deliveries", *figures])
    finally:
        shutil.rmtree(folder)
    return table("Planning", rows)


if __name__ == "__main__":
    print(main())
