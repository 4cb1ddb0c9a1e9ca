"""The writer of the ledger: what it wrote is durable, and it waits for other writers."""

import threading
from datetime import UTC, datetime
from typing import Any

import pytest
from stores import mark_sending

from publisher.core.delivery.mailing import Transition, TransitionCause
from publisher.stores import open_store

NOW = datetime(2024, 10, 25, 8, tzinfo=UTC)


def claimed(world: Any, *names: str) -> int:
    mailing = world.ready(*names)
    world.claim()
    return int(mailing)


def result(mailing: int, n: int, cause: TransitionCause, **more: Any) -> Transition:
    return Transition(mailing=mailing, n=n, cause=cause, reply="what it said", **more)


def test_it_waits_for_another_writer(world: Any) -> None:
    mailing = claimed(world, "ann")
    other = open_store(world.url, create=False)
    writing = other._db.write()
    writing.__enter__()
    timer = threading.Timer(0.05, writing.__exit__, [None, None, None])
    timer.start()
    assert mark_sending(world.store, "run1", [(mailing, 1)], NOW) == {(mailing, 1)}
    timer.join()
    other.close()


def test_an_answer_that_comes_late_is_recorded_with_all_others(world: Any) -> None:
    mailing = claimed(world, "ann", "bob", "cy")
    mark_sending(world.store, "run1", [(mailing, 1), (mailing, 2)], NOW)
    world.sql("UPDATE deliveries SET state = 'unknown' WHERE n = 2")
    answers = [result(mailing, n, TransitionCause.ACCEPT) for n in (1, 2)]
    intent = result(mailing, 3, TransitionCause.INTEND)
    assert world.store.record_transitions([*answers, intent], NOW, run="run1") == [True] * 3
    assert world.states(mailing) == ["accepted", "accepted", "sending"]
    assert world.sql("SELECT accepted FROM pace") == [(2,)]


def test_what_fails_writes_nothing(world: Any) -> None:
    mailing = claimed(world, "ann", "bob")
    intent = result(mailing, 1, TransitionCause.INTEND)
    wrong = result(mailing, 2, TransitionCause.RESEND)
    with pytest.raises(ValueError, match="not a transition"):
        world.store.record_transitions([intent, wrong], NOW, run="run1")
    assert world.states(mailing) == ["claimed", "claimed"]
