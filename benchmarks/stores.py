"""SQLite and PostgreSQL side by side: 100,000 readers join, a digest to a million is planned, and outcomes
are recorded in groups, as the sending loop records them.

PUBLISHER_TEST_POSTGRESQL names the server; otherwise one is started here, which flushes every commit, as
SQLite does. Limits: joining within twice of SQLite; a million planned in 15 s. `python -m benchmarks.stores
150000` for a smaller digest.
"""

import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.planning import DUE, JOINED, make, planned
from benchmarks.planning import join as join_readers
from benchmarks.table import table
from publisher.core.delivery.mailing import Transition, TransitionCause
from publisher.core.subscribers.subscription import NO_CHOICES
from publisher.ports import Store

sys.path.insert(0, str(Path(__file__).parent.parent / "tests/support"))
import postgres

JOINING, MANY, OUTCOMES, GROUP = 100_000, 1_000_000, 10_000, 10
DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on", "autovacuum": "on"}

_COUNT = "WITH RECURSIVE k (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM k WHERE n < {number}) "
_SUBSCRIBERS = _COUNT + (  # noqa: S608  # our own words, here and below
    "INSERT INTO subscribers (address, address_key) SELECT 'm' || n || '@example.org', {key} FROM k"
)
_KEYS = {"sqlite": "randomblob(32)", "postgresql": "sha256(n::text::bytea)"}
_COPIED = (
    'list, state, generation, "offset", next_due_at, created_at, confirmed_at, consent, rhythm, taste, paused'
)
_SUBSCRIPTIONS = (
    f"INSERT INTO subscriptions (subscriber, {_COPIED}) SELECT s.id, {_COPIED} FROM subscribers s,"  # noqa: S608
    " (SELECT * FROM subscriptions ORDER BY id LIMIT 1) t WHERE s.address LIKE 'm%'"
)


@contextmanager
def store_urls() -> Iterator[dict[str, str]]:
    """The setting of each store."""
    postgres.SETTINGS.update(DURABLE)
    postgres.begin_run()
    with postgres.database() as url:
        yield {"SQLite": "", "PostgreSQL": f'[store]\nurl = "{url}"\n'}


def add_readers(store: Any, number: int) -> None:
    """More readers like the first, by the database itself; all are waiting for the same posts."""
    with store._db.write() as connection:
        key = _KEYS[connection.dialect.name]
        connection.exec_driver_sql(_SUBSCRIBERS.format(number=number, key=key))
        connection.exec_driver_sql(_SUBSCRIPTIONS.replace("%", "%%") if "sha256" in key else _SUBSCRIPTIONS)
        same = 'UPDATE subscriptions SET "offset" = (SELECT min("offset") FROM subscriptions)'
        connection.exec_driver_sql(same)
        connection.exec_driver_sql("ANALYZE")


def record_outcomes(store: Store, number: int) -> float:
    """Seconds to claim, intend and accept so many deliveries, GROUP in each transaction."""
    for mailing in store.mailings(counted=False):
        store.pass_canary(mailing.id)
    begin, done = time.perf_counter(), 0
    while done < number:
        batch = store.claim_batch("run", DUE, DUE)
        assert batch is not None
        rows = [(one.mailing, one.n) for one in store.claimed_deliveries(batch)]
        for at in range(0, len(rows), GROUP):
            for cause, reply in ((TransitionCause.INTEND, ""), (TransitionCause.ACCEPT, "250 2.0.0 Ok")):
                group = [
                    Transition(mailing=mailing, n=n, cause=cause, reply=reply)
                    for mailing, n in rows[at : at + GROUP]
                ]
                assert all(store.record_transitions(group, DUE, run="run"))
        store.finish_batch(batch, DUE)
        done += len(rows)
    return time.perf_counter() - begin


def main(many: int = MANY) -> str:
    """Runs the comparison; returns its table."""
    rows = [["store", f"{JOINING:,} join", f"{many:,} planned", "longest transaction", "outcomes/s", "size"]]
    folder = Path(tempfile.mkdtemp())
    try:
        with store_urls() as urls:
            for name, settings in urls.items():
                deps, _ = make(folder / name, 3, iter(lambda: NO_CHOICES, None), settings)
                store = deps.adapters.store
                begin = time.perf_counter()
                join_readers(deps, [NO_CHOICES] * JOINING, 10, JOINED)
                joined = time.perf_counter() - begin
                add_readers(store, many - JOINING - 3)
                taken, writer = planned(deps)
                done = sum(mailing.planned for mailing in store.mailings(counted=False))
                assert done == many, f"{done:,} planned"
                speed = OUTCOMES / record_outcomes(store, OUTCOMES)
                figures = [f"{joined:.1f} s", f"{taken:.1f} s", f"{max(writer.held) * 1e3:.0f} ms"]
                rows.append([name, *figures, f"{speed:,.0f}", f"{store.size() / 1e6:,.0f} MB"])
                store.close()
    finally:
        shutil.rmtree(folder)
    return table("SQLite and PostgreSQL", rows)


if __name__ == "__main__":
    print(main(*map(int, sys.argv[1:])))
