"""Whatever becomes of settings, posts and processes: each reader gets each post at most once, a list that
settings name is never silent, and one that they do not name is never mailed.

Random histories of real processes, which are killed at random steps; the oracle is the outbox.
"""

import signal
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from killing import STEPS, Runner
from properties import examples

from publisher.app import App
from publisher.config import load
from publisher.services.subscribers import subscribe

START = datetime(2024, 3, 4, 9, tzinfo=UTC)  # a Monday
HALF_DAY = timedelta(hours=12)
LISTS = ("first", "second")
READERS = {"ann@example.org": ("first",), "bob@example.org": ("second",), "cy@example.org": LISTS}
PUBLISH_STEPS = ("publish:planned", "publish:applied", "publish:remembered", "plan:chunk", "documents:staged")
HEAD = """
[site]
title = "{title}"
url = "https://harbour.example/"
id_authority = "harbour.example,2024"
[posts]
max_age = "3650d"
[queue]
batch = {batch}
"""
LIST = '[[lists]]\nslug = "{}"\nfrom = "News <news@harbour.example>"\ncadence = "{}"\nat = "{:02}:00"\n'


@dataclass(frozen=True)
class Chosen:
    """Settings: the lists that there are, with cadence and hour."""

    title: str = "One"
    batch: int = 500
    lists: tuple[tuple[str, str, int], ...] = tuple((slug, "immediate", 8) for slug in LISTS)

    @property
    def toml(self) -> str:
        return HEAD.format(title=self.title, batch=self.batch) + "".join(
            LIST.format(*it) for it in self.lists
        )

    @property
    def named(self) -> set[str]:
        return {slug for slug, _, _ in self.lists}


cadences = st.sampled_from(("immediate", "daily", "weekly"))
chosen = st.builds(
    lambda title, batch, which: Chosen(
        title, batch, tuple((slug, *way) for slug, way in sorted(which.items()))
    ),
    st.sampled_from(("One", "Two")),
    st.sampled_from((1, 2, 500)),
    st.dictionaries(st.sampled_from(LISTS), st.tuples(cadences, st.integers(0, 23)), max_size=2),
)
steps = st.one_of(
    st.tuples(st.just("settings"), chosen),
    st.tuples(st.just("post"), st.none()),
    st.tuples(st.just("publish"), st.sampled_from((*PUBLISH_STEPS, "", "", ""))),
    st.tuples(st.just("deliver"), st.sampled_from((*STEPS, "", "", ""))),
    st.tuples(st.just("wait"), st.integers(1, 60)),
)


@dataclass
class World:
    """The site, what should be in it, and what has been found in its outbox so far."""

    folder: Path
    runner: Runner
    now: datetime = START
    chosen: Chosen = field(default_factory=Chosen)
    posts: int = 0
    seen: set[str] = field(default_factory=set)
    copies: Counter[tuple[str, str, str]] = field(default_factory=Counter)

    def begin(self) -> None:
        (self.folder / "posts").mkdir(parents=True)
        self.settings(self.chosen)
        app = App(load(self.folder, {}), clock=lambda: self.now, environ={})
        app.publish()
        for address, slugs in READERS.items():
            for spec in app.settings.lists:
                if spec.slug in slugs:
                    subscribe.add(app.deps, spec, address, self.now, confirmed=True)
        app.close()

    def settings(self, new: Chosen) -> None:
        self.chosen = new
        (self.folder / "publisher.toml").write_text(new.toml, encoding="utf-8")

    def post(self) -> None:
        self.posts += 1
        text = f"---\ntitle: Post {self.posts}\ndate: {self.now.isoformat()}\n---\nWords of {self.posts}.\n"
        (self.folder / "posts" / f"{self.posts}.md").write_text(text, encoding="utf-8")

    def act(self, what: str, step: str = "") -> None:
        """A publish or a delivery by a process of its own, killed at a step if it gets there."""
        kill = {"step": step, "times": 1, "signal": int(signal.SIGKILL)} if step else {}
        ended = self.runner.deliver(self.folder, self.now, **{**kill, "do": what})
        assert ended["code"] in ({0, -signal.SIGKILL} if step else {0}), ended
        self.look()

    def look(self) -> None:
        """Nobody has anything twice, and what is new is of a list that settings name."""
        for file in self.folder.glob("outbox/*.eml"):
            if file.name in self.seen:
                continue
            self.seen.add(file.name)
            head, _, body = file.read_bytes().decode().partition("\r\n\r\n")
            to, id = (head.partition(f"\r\n{name}: ")[2].partition("\r\n")[0] for name in ("To", "List-Id"))
            [slug] = [slug for slug in LISTS if f"<{slug}." in id]
            assert slug in self.chosen.named, f"{slug} is mailed, and settings do not name it"
            for number in range(1, self.posts + 1):
                if f"Words of {number}." in body.partition("--=_")[2].partition("--=_")[0]:
                    self.copies[to, slug, str(number)] += 1
        assert not self.copies or max(self.copies.values()) == 1, self.copies

    def run(self, history: Sequence[tuple[str, object]]) -> None:
        for what, value in history:
            self.now += timedelta(minutes=1)
            match what, value:
                case "settings", Chosen():
                    self.settings(value)
                case "post", _:
                    self.post()
                case "wait", int():
                    self.now += timedelta(hours=value)
                case _, str():
                    self.act(what, value)

    def end(self) -> None:
        """Within nine days, by the settings that there are now, every list that they name has mailed all."""
        wanted = {
            (address, slug, str(number))
            for address, slugs in READERS.items()
            for slug in self.chosen.named.intersection(slugs)
            for number in range(1, self.posts + 1)
        }
        for _ in range(18):
            self.now += HALF_DAY
            self.act("publish")
            self.act("deliver")
            if wanted <= self.copies.keys():
                return
        raise AssertionError(f"silent: {wanted - self.copies.keys()}")


@pytest.fixture(scope="module")
def runner() -> Iterator[Runner]:
    with Runner() as made:
        yield made


@settings(max_examples=examples(2, 400), suppress_health_check=list(HealthCheck))
@given(st.lists(steps, min_size=4, max_size=14))
def test_no_list_that_exists_is_silent_none_that_does_not_is_mailed_and_nobody_is_mailed_twice(
    runner: Runner, history: Sequence[tuple[str, object]]
) -> None:
    with TemporaryDirectory() as folder:
        world = World(Path(folder) / "site", runner)
        world.begin()
        world.run(history)
        world.end()


def test_a_list_that_leaves_and_comes_back_catches_up(runner: Runner, tmp_path: Path) -> None:
    world = World(tmp_path / "site", runner)
    world.begin()
    both, one = Chosen(), Chosen(lists=(("first", "daily", 8),))
    world.run(
        [
            ("post", None),
            ("publish", ""),
            ("settings", one),
            ("deliver", ""),
            ("wait", 30),
            ("post", None),
            ("publish", "publish:applied"),
            ("publish", ""),
            ("deliver", "committed"),
            ("settings", both),
        ]
    )
    world.end()
