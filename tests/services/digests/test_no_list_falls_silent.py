"""No list falls silent: whatever starts a publish, and however seldom, posts reach readers; who waits is
named.

Histories over the real store, folder and planning, by the clocks of zones that change theirs.
"""

import sqlite3
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from publisher.app import SCHEDULE, App
from publisher.cli import publisher
from publisher.config import load
from publisher.core.digests.digest import Digest, DigestContent, DigestLinks
from publisher.services.digests.due_readers import UPGRADED, Waiting, backlog
from publisher.services.digests.planner import plan_mail
from publisher.services.publishing.folder_snapshot import SnapshotCache
from publisher.services.publishing.publish import update_log
from publisher.services.subscribers import subscribe

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
ZONES = ("Europe/Berlin", "Australia/Lord_Howe", "Pacific/Apia", "Asia/Kathmandu", "America/Santiago")
STARTS = tuple(  # a little before a clock of ours changed
    datetime.fromisoformat(day).replace(tzinfo=UTC)
    for day in (
        "2011-12-28",
        "2024-03-29",
        "2024-04-05",
        "2024-09-06",
        "2024-10-04",
        "2024-10-25",
        "2023-02-26",
    )
)
TOML = """
[site]
title = "T"
url = "https://x.example/"
timezone = "{zone}"
[[lists]]
slug = "daily"
from = "T <t@x.example>"
at = "{at}"
[[lists]]
slug = "weekly"
from = "T <t@x.example>"
cadence = "weekly"
on = "{day}"
at = "{at}"
[[lists]]
slug = "monthly"
from = "T <t@x.example>"
cadence = "monthly"
on = 28
[[lists]]
slug = "pairs"
from = "T <t@x.example>"
min_posts = 2
[[lists]]
slug = "later"
from = "T <t@x.example>"
cadence = "immediate"
delay = "3h"
"""


class Plain:
    """The least a renderer can be."""

    def digest(self, digest: Digest, links: DigestLinks) -> DigestContent:
        return DigestContent(subject="S", text=f"{links.unsubscribe}\n", html=_HTML.format(links.unsubscribe))


_HTML = (
    '<!DOCTYPE html><html lang="en" dir="ltr"><head><title>S</title></head>'
    '<body><div role="article" lang="en"><h1>S</h1>'
    '<p><a href="{}">Unsubscribe</a></p></div></body></html>'
)


@dataclass
class World:
    """A site with a reader on each list; `skips` and mailings are written down as they come."""

    folder: Path
    now: datetime
    running: bool = False
    came: dict[str, list[tuple[str, datetime]]] = field(
        default_factory=lambda: defaultdict[str, list[tuple[str, datetime]]](list)
    )

    def __post_init__(self) -> None:
        self.app = App(load(self.folder), clock=lambda: self.now, environ={})
        self.look = SnapshotCache()
        self.publish()
        for spec in self.app.deps.rules.lists:
            subscribe.add(self.app.deps, spec, f"{spec.slug}@example.org", self.now, confirmed=True)

    def post(self, number: int, at: datetime) -> None:
        text = f"---\ntitle: Post {number}\nslug: p{number}\ndate: {at.isoformat()}\n---\nWords.\n"
        (self.folder / "posts" / f"{number}.md").write_text(text, encoding="utf-8")

    def publish(self) -> None:
        """As the command does, without documents: they have no part in this."""
        deps = replace(
            self.app.deps,
            adapters=replace(self.app.deps.adapters, renderer=Plain()),
            process=replace(self.app.deps.process, run_is_active=lambda: self.running),
        )
        update_log(deps, self.now, self.look, None)
        made = plan_mail(deps, self.now)
        assert made.unsent == ()
        for one in made.skipped:
            assert (one.readers, one.due < self.now < one.next_at) == (1, True)
            self.came[one.list].append(("skipped", self.now))
        for id in made.ready:
            mailing = self.app.store.mailing(id)
            assert mailing is not None
            self.came[mailing.list].append(("mailed", self.now))

    def mailed(self) -> dict[str, dict[str, datetime]]:
        """By list: when each post was mailed, by its id."""
        found: dict[str, dict[str, datetime]] = defaultdict(dict)
        for spec, post, at in self._rows(_MAILED):
            assert post not in found[spec]
            found[spec][post] = datetime.fromtimestamp(at / 1000, UTC)
        return found

    def waiting(self) -> list[Waiting]:
        """What `status` shows."""
        return backlog(self.app.deps, self.now, paused=True)

    def check_who_waits(self) -> None:
        """Each reader who has something to come is named, once, with when; and nobody else."""
        logged = {id for (id,) in self._rows("SELECT id FROM posts WHERE live AND NOT backfill")}
        mailed, waiting = self.mailed(), self.waiting()
        owed = {spec.slug: len(logged - mailed[spec.slug].keys()) for spec in self.app.deps.rules.lists}
        told = {one.list: one.posts for one in waiting}
        assert told == {spec: number for spec, number in owed.items() if number}
        assert len(told) == len(waiting)
        for one in waiting:
            assert one.readers == 1
            assert (one.reason == "min_posts") is (one.list == "pairs" and one.posts < 2)
            assert (one.reason == "delay") is (one.list == "later")
            assert one.reason == "min_posts" or (one.until is not None and one.until > self.now)
            last = self.came[one.list][-1][0] if self.came[one.list] else ""
            assert (one.reason == "skipped") is (last == "skipped")

    def check_skips(self) -> None:
        for events in self.came.values():
            words = [word for word, _ in events]
            assert ("skipped", "skipped") not in set(pairwise(words))

    def _rows(self, query: str) -> list[Any]:
        with closing(sqlite3.connect(self.folder / ".publisher" / "publisher.db")) as store:
            return store.execute(query).fetchall()


_MAILED = """
SELECT m.list, p.post_id, m.due_before FROM mailing_posts p JOIN mailings m ON m.id = p.mailing
WHERE m.kind = 'digest' AND m.planned > 0
"""


@st.composite
def sites(draw: Any) -> tuple[str, datetime]:
    zone = draw(st.sampled_from(ZONES))
    at = draw(st.sampled_from(("08:00", "02:30", "00:10", "23:55")))
    day = draw(st.sampled_from(("mon", "thu", "sun")))
    return TOML.format(zone=zone, at=at, day=day), draw(st.sampled_from(STARTS))


MINUTES = st.integers(0, 24 * 60 - 1).map(lambda n: timedelta(minutes=n))
_USUAL = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


def _world(folder: Path, toml: str, start: datetime) -> World:
    (folder / "posts").mkdir()
    (folder / "publisher.toml").write_text(toml, encoding="utf-8")
    return World(folder, start)


def _daily_timer(site: tuple[str, datetime], hour: timedelta, posts: list[timedelta]) -> None:
    with TemporaryDirectory() as folder:
        world = _world(Path(folder), *site)
        try:
            start = world.now
            for number, at in enumerate(posts):
                world.post(number, start + at)
            for day in range(8):
                world.now = start + hour + day * DAY
                if world.now > start:
                    world.publish()
                    world.check_who_waits()
            mailed = world.mailed()["daily"]
            for number, at in enumerate(posts):
                [came] = [when for id, when in mailed.items() if id.endswith(f"/p{number}/")]
                assert came - (start + at) < timedelta(hours=48)
            assert not any(word == "skipped" for events in world.came.values() for word, _ in events)
        finally:
            world.app.close()


POSTS = st.lists(st.integers(1, 5 * 24 * 60).map(lambda n: timedelta(minutes=n)), min_size=1, max_size=4)


@settings(_USUAL, max_examples=8)
@given(sites(), MINUTES, POSTS)
def test_with_one_publish_a_day_at_any_hour_a_post_reaches_a_daily_reader_within_48_hours(
    site: tuple[str, datetime], hour: timedelta, posts: list[timedelta]
) -> None:
    _daily_timer(site, hour, posts)


@pytest.mark.soak
@settings(_USUAL, max_examples=600)
@given(sites(), MINUTES, POSTS)
def test_with_one_publish_a_day_a_post_reaches_a_daily_reader_in_hundreds_of_histories(
    site: tuple[str, datetime], hour: timedelta, posts: list[timedelta]
) -> None:
    _daily_timer(site, hour, posts)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("wait"), st.integers(1, 7 * 24 * 6).map(lambda n: n * timedelta(minutes=10))),
        st.tuples(st.just("timer"), st.integers(1, 72).map(lambda n: n * HOUR)),
        st.tuples(st.just("run"), st.booleans()),
        st.tuples(st.just("post"), st.none()),
    ),
    min_size=6,
    max_size=10,
)


def _any_history(site: tuple[str, datetime], steps: list[tuple[str, Any]]) -> None:
    with TemporaryDirectory() as folder:
        world, number = _world(Path(folder), *site), 0
        try:
            for verb, value in steps:
                if verb == "post":
                    number += 1
                    world.post(number, world.now)
                elif verb == "run":
                    world.running = value
                for _ in range(3 if verb == "timer" else verb == "wait"):
                    world.now += value
                    world.publish()
                    world.check_who_waits()
            world.check_skips()
            for _ in range(3):  # a timer, however late: everything but what waits for more posts has come
                world.running, world.now = False, world.now + 31 * DAY
                world.publish()
            owed = {one.list for one in world.waiting()}
            assert owed <= {"pairs"}
        finally:
            world.app.close()


@settings(_USUAL, max_examples=8)
@given(sites(), STEPS)
def test_whatever_stops_and_starts_who_waits_is_named_and_no_two_digests_are_skipped_in_a_row(
    site: tuple[str, datetime], steps: list[tuple[str, Any]]
) -> None:
    _any_history(site, steps)


@pytest.mark.soak
@settings(_USUAL, max_examples=600)
@given(sites(), STEPS)
def test_no_two_digests_are_skipped_in_a_row_in_hundreds_of_histories(
    site: tuple[str, datetime], steps: list[tuple[str, Any]]
) -> None:
    _any_history(site, steps)


# --- what is said


NOW = datetime(2024, 6, 10, 9, tzinfo=UTC)  # 11:00 in Berlin, after the daily digest of eight o'clock


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = _world(tmp_path, TOML.format(zone="Europe/Berlin", at="08:00", day="mon"), NOW)
    yield made
    made.app.close()


def _run(world: World, *words: str) -> Result:
    done = CliRunner().invoke(publisher, [*words, "--site", str(world.folder)])
    assert done.exit_code == 0, done.output
    return done


def test_a_publish_with_nothing_to_send_says_what_waits_and_until_when(world: World) -> None:
    world.post(1, NOW)
    said = _run(world, "publish", "--at", (NOW + HOUR).isoformat()).stderr.splitlines()
    assert said[0].startswith("published 1 post; wrote ")
    assert said[1:] == [
        *_waits("1 post for 1 reader of daily, until 2024-06-11 08:00 CEST", "daily"),
        *_waits("1 post for 1 reader of weekly, until 2024-06-17 08:00 CEST", "weekly"),
        *_waits("1 post for 1 reader of monthly, until 2024-06-28 08:00 CEST", "monthly"),
        *_waits("1 post for 1 reader of pairs, until there are more (min_posts)", "pairs"),
        *_waits("1 post for 1 reader of later, until 2024-06-10 15:00 CEST (delay)", "later"),
    ]


def _waits(what: str, spec: str) -> list[str]:
    return [f"waiting: {what}; to send now: publisher publish --send {spec}"]


def test_a_late_digest_goes_now_where_no_run_is_there_to_send_the_next(world: World) -> None:
    world.post(1, NOW)
    _run(world, "publish", "--at", (NOW + HOUR).isoformat())
    late = NOW + 44 * HOUR  # 07:00: due yesterday at 08:00
    said = _run(world, "publish", "--at", late.isoformat()).stderr
    assert "to 1 reader of daily: Post 1" in said
    assert "skipped" not in said


def test_a_digest_that_is_skipped_is_said_by_publish_and_status_with_the_way_out(world: World) -> None:
    world.post(1, NOW)
    _run(world, "publish", "--at", (NOW + HOUR).isoformat())
    late = (NOW + 40 * HOUR).isoformat()  # 03:00: due yesterday at 08:00, 19 hours ago
    with world.app.lock(SCHEDULE):  # a `publisher run` works
        assert "due too long ago" in _run(world, "plan", "--at", late).stdout
        said = _run(world, "publish", "--at", late).stderr
    send = "to send now: publisher publish --send daily"
    assert (
        "skipped: the digest of daily for 1 reader, due 2024-06-11 08:00 CEST, is too late (max_late): "
        f"its posts go 2024-06-12 08:00 CEST; {send}\n"
    ) in said
    status = _run(world, "status", "--at", late).stdout
    line = "1 post for 1 reader of daily, until 2024-06-12 08:00 CEST"
    assert f"waiting     {line}; the last digest was too late and was skipped; {send}\n" in status
    told = {one.list: one for one in world.app.backlog()}
    assert told["daily"].reason == "skipped"
    with world.app.lock(SCHEDULE):  # and late again: it goes now
        said = _run(world, "publish", "--at", (NOW + 64 * HOUR).isoformat()).stderr
    assert "to 1 reader of daily: Post 1" in said


def test_how_late_a_digest_may_be_is_by_its_cadence(world: World) -> None:
    world.running = True
    world.now = datetime(2024, 6, 27, 12, tzinfo=UTC)
    world.post(1, world.now)
    world.publish()
    world.now = datetime(2024, 7, 3, 12, tzinfo=UTC)  # the weekly was due two days ago, the monthly five
    world.publish()
    assert {"daily", "weekly", "monthly"} == {spec for spec, got in world.mailed().items() if got} - {"later"}
    world.post(2, world.now)
    world.publish()
    world.now = datetime(2024, 7, 12, 12, tzinfo=UTC)  # on Friday, of Monday's: more than three days
    world.publish()
    assert world.came["weekly"][-1] == ("skipped", world.now)
    world.now = datetime(2024, 8, 8, 12, tzinfo=UTC)  # of 28 July: more than ten
    world.publish()
    assert world.came["monthly"][-1] == ("skipped", world.now)


def test_what_an_older_version_left_waiting_goes_with_the_next_planned_digest_and_is_named(
    world: World,
) -> None:
    world.post(1, NOW)
    world.publish()
    world.app.store.set_meta(UPGRADED, "1")  # what the migration leaves
    world.now = NOW + 44 * HOUR  # 07:00 of the next day but one, by a timer
    world.publish()
    assert world.came["daily"] == [("skipped", world.now)]
    assert world.mailed()["daily"] == {}
    world.check_who_waits()
    world.now += DAY
    world.publish()
    assert world.came["daily"][-1] == ("mailed", world.now)


def test_paused_readers_are_named_too(world: World) -> None:
    [reader] = world.app.store.subscriptions("daily", None)
    assert world.app.store.set_preferences(
        reader.id, reader.generation, replace(reader.choices, paused=True), NOW
    )
    assert (
        "waiting     1 reader of daily paused, and posts wait until they resume"
        in _run(world, "status").stdout
    )
