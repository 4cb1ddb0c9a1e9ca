"""A large ledger: what it takes to ask it, and to fold what is old while others write.

`python -m benchmarks.ledger 10000000` for as many deliveries; the peer is counting all rows by their states.
"""

import shutil
import sqlite3
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks.table import table
from publisher.ports import Store
from publisher.services.delivery.deliver import ARCHIVE_CHUNK, PAUSE_FACTOR
from publisher.stores import open_store

READERS, BATCH, FOLDED = 200_000, 500, 200_000
DAY_MS, FIRST_MS = 86_400_000, 1_600_000_000_000
LATER = datetime.now(UTC) + timedelta(days=1)

_COUNT = "WITH RECURSIVE k (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM k WHERE n < :number) "
_SUBSCRIBERS = _COUNT + (  # noqa: S608  # our own words, here and below
    "INSERT INTO subscribers SELECT n, 'r' || n || '@example.org', randomblob(32) FROM k"
)
_SUBSCRIPTIONS = (
    'INSERT INTO subscriptions (id, subscriber, list, state, generation, "offset", created_at, consent,'
    " rhythm, taste, paused) SELECT id, id, 'daily', 'active', 1, 0, 0, '{}', 1, 1, 0 FROM subscribers"
)
_MAILING = (
    "INSERT INTO mailings (id, list, kind, state, head, due_before, created_at, planned, sender, subject,"
    " hold_why, canary, frozen, corrections)"
    " VALUES (:id, 'daily', 'digest', 'done', 1, :at, :at, :number, 'a@example.org', 'S', '', 0, 1, '[]')"
)
_DELIVERIES = _COUNT + (  # noqa: S608  # the same
    "INSERT INTO deliveries SELECT :id, n, 1, n, 1, 'accepted', 1, NULL, '0123456789abcdef',"
    " '250 2.0.0 Ok: queued as ' || hex(randomblob(6)), :at FROM k"
)
_BATCH = (
    'INSERT INTO batches (mailing, lo, hi, "group", priority, state, next_at, canary, settled_at, queued,'
    " accepted, rejected, unknown, skipped, cancelled)"
    " VALUES (:id, :lo, :hi, '', 10, 'done', :at, 0, :at, 0, :hi - :lo + 1, 0, 0, 0, 0)"
)


def make(path: Path, mailings: int) -> Store:
    """A store with so many mailings to READERS, all accepted, a day apart."""
    open_store(f"sqlite:///{path}", create=True).close()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.executescript("PRAGMA synchronous = OFF; PRAGMA cache_size = -200000;")
        connection.execute("INSERT INTO rhythms VALUES (1, 'daily', '', '', '', '', NULL)")
        connection.execute(_SUBSCRIBERS, {"number": READERS})
        connection.execute(_SUBSCRIPTIONS)
        for id in range(1, mailings + 1):
            values = {"id": id, "at": FIRST_MS + id * DAY_MS, "number": READERS}
            connection.execute("BEGIN")
            connection.execute(_MAILING, values)
            connection.execute(_DELIVERIES, values)
            ranges = [{"lo": lo, "hi": lo + BATCH - 1, **values} for lo in range(1, READERS + 1, BATCH)]
            connection.executemany(_BATCH, ranges)
            connection.execute("COMMIT")
        connection.execute("UPDATE counters SET last = ? WHERE name = 'mailing'", (mailings,))
    return open_store(f"sqlite:///{path}", create=False)


def milliseconds(ask: Callable[[], object]) -> float:
    """Of the second time: the first finds the cache empty."""
    ask()
    begin = time.perf_counter()
    ask()
    return (time.perf_counter() - begin) * 1e3


def fold(store: Store) -> tuple[float, float]:
    """(seconds, the longest wait of somebody else who wants to write, in milliseconds) to fold FOLDED."""
    waits: list[float] = []
    over = threading.Event()

    def write() -> None:
        while not over.wait(0.002):
            begin = time.perf_counter()
            store.set_meta("seen", str(begin))
            waits.append(time.perf_counter() - begin)

    thread = threading.Thread(target=write)
    thread.start()
    begin, folded = time.perf_counter(), 0
    while folded < FOLDED:
        part = time.perf_counter()
        folded += store.archive_deliveries(LATER, limit=ARCHIVE_CHUNK)
        time.sleep((time.perf_counter() - part) * PAUSE_FACTOR)
    taken = time.perf_counter() - begin
    over.set()
    thread.join()
    return taken, max(waits) * 1e3


def main(deliveries: int = 2_000_000) -> str:
    """Runs the comparison; returns its table."""
    folder = Path(tempfile.mkdtemp())
    try:
        store = make(folder / "p.db", deliveries // READERS)
        with closing(sqlite3.connect(folder / "p.db")) as connection:
            count = "SELECT mailing, state, count(*) FROM deliveries GROUP BY 1, 2"
            peer = milliseconds(lambda: connection.execute(count).fetchall())
        rows = [["what", "milliseconds"], ["every row counted", f"{peer:,.0f}"]]
        rows.append(["what `status` asks of it", f"{milliseconds(store.delivery_totals):.1f}"])
        rows.append(["all mailings with their counts", f"{milliseconds(store.mailings):.1f}"])
        rows.append(["replies to one mailing to 200,000", f"{milliseconds(lambda: store.replies(3)):.0f}"])
        taken, wait = fold(store)
        rows.append([f"{FOLDED:,} deliveries folded, with pauses", f"{taken * 1e3:,.0f}"])
        rows.append(["meanwhile, the longest wait to write", f"{wait:.0f}"])
        store.close()
    finally:
        shutil.rmtree(folder)
    return table(f"A ledger of {deliveries:,} deliveries", rows)


if __name__ == "__main__":
    print(main(*map(int, sys.argv[1:])))
