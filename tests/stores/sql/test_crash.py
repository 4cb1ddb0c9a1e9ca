"""kill -9 at any instant: what was committed is there, whole, and what was not is not."""

import re
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from paths import ROOT
from stores import new_store

from publisher.stores import open_store

_PLANNER = """
import sys
from datetime import UTC, datetime
from publisher.stores import open_store
now = datetime(2024, 10, 25, 8, tzinfo=UTC)
store = open_store(sys.argv[1], create=False)
[mailing] = store.mailings_in_planning()
print("planning", flush=True)
while store.plan_chunk(mailing.id, limit=7, batch=3, now=now):
    print("chunk", flush=True)
"""

_FILL = """
import sys
from datetime import UTC, datetime
from publisher.core.digests.digest import CohortKey, DueQuery
from publisher.core.subscribers.subscription import Consent, ContentPreference, NewReader, Preferences
from publisher.core.subscribers.subscription import SchedulePreference
from publisher.core.delivery.mailing import Cohort, MailingKind, NewMailing
from publisher.stores import open_store
now = datetime(2024, 10, 25, 8, tzinfo=UTC)
store = open_store(sys.argv[1], create=True)
chosen = [
    Preferences(
        schedule=SchedulePreference(at=now.time() if n % 2 else None),
        content=ContentPreference(topics=("news",) if n % 3 else ()),
    )
    for n in range(700)
]
readers = [
    NewReader(address=f"r{n}@example.org", key=f"{n:064}", active=True, own_wish=False, next_due_at=now,
              choices=choices)
    for n, choices in enumerate(chosen)
]
store.subscribe("weekly", readers, Consent(at=now, origin="x", form="import", wording="y"))
groups = store.due_groups(DueQuery(list="weekly", now=now, head=1))
stands = sorted({group.cohort_key for group in groups})
assert [len(groups), len(stands)] == [4, 2]
made = [Cohort(n=n, posts=(), recipe=(), cohort_keys=(stand,)) for n, stand in enumerate(stands, 1)]
store.start_mailing(
    NewMailing(list="weekly", kind=MailingKind.DIGEST, head=1, due_before=now, sender="a@b.example",
               subject="S", cohorts=tuple(made), segments={}), now)
"""


@pytest.mark.parametrize("chunks", [1, 4, 11])
def test_a_planner_killed_again_and_again_plans_each_reader_once(tmp_path: Path, chunks: int) -> None:
    path = tmp_path / "publisher.db"
    url = f"sqlite:///{path}"
    subprocess.run([sys.executable, "-c", _FILL, url], check=True)
    for _ in range(3):
        with subprocess.Popen([sys.executable, "-c", _PLANNER, url], stdout=subprocess.PIPE) as planner:
            assert planner.stdout is not None
            for _line in range(chunks):
                planner.stdout.readline()
            planner.send_signal(signal.SIGKILL)
        _consistent(path)
    subprocess.run([sys.executable, "-c", _PLANNER, url], check=True, stdout=subprocess.DEVNULL)
    assert _consistent(path) == 700
    store = open_store(url, create=False)
    assert store.mailings()[0].state == "ready"
    store.close()


def _consistent(path: Path) -> int:
    """How many are planned: n dense from 1, batches without a gap, offsets moved for exactly those."""
    with closing(sqlite3.connect(path)) as connection:
        numbers = [n for (n,) in connection.execute("SELECT n FROM deliveries ORDER BY n")]
        spans = connection.execute("SELECT lo, hi FROM batches ORDER BY lo").fetchall()
        moved = {id for (id,) in connection.execute('SELECT id FROM subscriptions WHERE "offset" = 1')}
        planned = {id for (id,) in connection.execute("SELECT subscription FROM deliveries")}
        [counted] = connection.execute("SELECT planned FROM mailings").fetchone()
    assert numbers == list(range(1, len(numbers) + 1))
    assert [n for lo, hi in spans for n in range(lo, hi + 1)] == numbers
    assert moved == planned
    assert counted == len(numbers)
    return len(numbers)


def test_every_commit_waits_for_the_disk(tmp_path: Path) -> None:
    """What `LedgerStore.record_transitions` returned is on disk: an intent before the end of its message."""
    store = new_store(tmp_path / "publisher.db")
    with store._db.write() as connection:  # type: ignore[attr-defined]  # what no port shows
        pragmas = ("journal_mode", "synchronous")
        found = [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in pragmas]
    store.close()
    assert found == ["wal", 2], "2 is FULL"


def test_deliveries_have_one_writer() -> None:
    """Each change of a delivery's state is a transition that core allows: `update_for` builds its UPDATE."""
    folder = ROOT / "publisher/stores/sql"
    writers = [
        file.relative_to(folder).as_posix()
        for file in sorted(folder.rglob("*.py"))
        if re.search(r"update\(\s*deliveries\b|UPDATE deliveries", file.read_text(encoding="utf-8"))
    ]
    assert [name for name in writers if not name.startswith("migrations/")] == ["delivery/transitions.py"]
