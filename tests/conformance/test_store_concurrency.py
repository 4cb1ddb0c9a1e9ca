"""Writing the ledger on the spot: the same as `record`, durable after `flush`, or nothing and a None."""

import os
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from publisher.core.delivery.mailing import DeliveryResult, TransitionCause
from publisher.core.errors import OutputError

NOW = datetime(2024, 10, 25, 8, tzinfo=UTC)


def claimed(world: Any, *names: str) -> int:
    mailing = world.ready(*names)
    world.claim()
    return int(mailing)


def result(mailing: int, n: int, cause: TransitionCause, **more: Any) -> DeliveryResult:
    return DeliveryResult(mailing=mailing, n=n, cause=cause, reply="what it said", **more)


@pytest.mark.parametrize(
    ("cause", "more"),
    [
        (TransitionCause.ACCEPT, {}),
        (TransitionCause.REJECT, {}),
        (TransitionCause.DEFER, {"not_before": NOW + timedelta(minutes=5)}),
    ],
)
def test_it_writes_what_record_writes(world: Any, cause: TransitionCause, more: dict[str, Any]) -> None:
    mailing = claimed(world, *"abcdefgh")
    world.sql("UPDATE subscriptions SET generation = generation + 1 WHERE id IN (4, 8)")
    columns, pace = "state, run, reply, changed_at, not_before, attempts", "accepted, refused, deferred"
    found = []
    for way, at in ((world.store.record_progress, 0), (world.store.try_record_progress, 4)):
        world.store.record_progress("run1", (), [(mailing, at + 1), (mailing, at + 2)], NOW)
        results = [result(mailing, at + 1, cause, **more), result(mailing, at + 2, TransitionCause.ACCEPT)]
        passed = way("run1", results, [(mailing, at + 3), (mailing, at + 4)], NOW)
        assert passed == {(mailing, at + 3)}
        world.store.flush()
        where = f"n BETWEEN {at + 1} AND {at + 4} ORDER BY n"
        found.append(world.sql(f"SELECT {columns} FROM deliveries WHERE {where}"))  # noqa: S608  # ours
        found.append(world.sql(f"SELECT {pace} FROM pace"))  # noqa: S608  # ours
        world.sql("DELETE FROM pace")
    assert found[:2] == found[2:]


def test_it_does_not_wait_for_another_writer(world: Any) -> None:
    mailing = claimed(world, "ann")
    other = sqlite3.connect(world.url.removeprefix("sqlite:///"), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert world.store.try_record_progress("run1", (), [(mailing, 1)], NOW) is None
    other.execute("ROLLBACK")
    other.close()
    assert world.states(mailing) == ["claimed"]
    assert world.store.try_record_progress("run1", (), [(mailing, 1)], NOW) == {(mailing, 1)}


@pytest.mark.parametrize(
    "cause", [TransitionCause.SKIP, TransitionCause.RELEASE, TransitionCause.LOSE, TransitionCause.CANCEL]
)
def test_what_is_more_than_an_answer_is_left_to_record(world: Any, cause: TransitionCause) -> None:
    mailing = claimed(world, "ann", "bob")
    assert world.store.try_record_progress("run1", [result(mailing, 1, cause)], [(mailing, 2)], NOW) is None
    assert world.states(mailing) == ["claimed", "claimed"]


def test_an_answer_that_comes_late_is_left_to_record_and_nothing_is_half_written(world: Any) -> None:
    mailing = claimed(world, "ann", "bob", "cy")
    world.store.mark_sending("run1", [(mailing, 1), (mailing, 2)], NOW)
    world.sql("UPDATE deliveries SET state = 'unknown' WHERE n = 2")
    answers = [result(mailing, n, TransitionCause.ACCEPT) for n in (1, 2)]
    assert world.store.try_record_progress("run1", answers, [(mailing, 3)], NOW) is None
    assert world.states(mailing) == ["sending", "unknown", "claimed"]
    assert world.store.record_progress("run1", answers, [(mailing, 3)], NOW) == {(mailing, 3)}
    assert world.states(mailing) == ["accepted", "accepted", "sending"]


def test_flush_makes_the_log_of_the_database_durable(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    mailing = claimed(world, "ann")
    world.store.try_record_progress("run1", (), [(mailing, 1)], NOW)
    synced: list[str] = []
    sync = os.fdatasync

    def noted(file: int) -> None:
        synced.append(str(Path(f"/proc/self/fd/{file}").readlink()))
        sync(file)

    monkeypatch.setattr(os, "fdatasync", noted)
    world.store.flush()
    assert synced == [world.url.removeprefix("sqlite:///") + "-wal"]

    def broken(file: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fdatasync", broken)
    with pytest.raises(OutputError, match=r"cannot be written \(Input/output error\); check the disk"):
        world.store.flush()
