"""The watcher: what is told, and what is left alone."""

import queue
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from publisher.file_watcher import OnChange, Watcher

QUIET = timedelta(milliseconds=20)
PATIENCE = 20  # seconds a test waits for what another thread does in its own time


class Told:
    """What watchers told, in order; `begun` is left out."""

    def __init__(self, started: list[Watcher]) -> None:
        self.calls: queue.SimpleQueue[str] = queue.SimpleQueue()
        self.named: list[frozenset[str] | None] = []
        self._started = started

    def watch(self, *paths: Path, skip: tuple[Path, ...] = ()) -> None:
        """Watches, and returns when it has begun."""
        told: dict[Path, OnChange] = {path: self._told(path.name) for path in paths}
        watcher = Watcher(told, quiet=QUIET, skip=skip, problem=lambda text: self.calls.put(text or "begun"))
        self._started.append(watcher)
        watcher.start()
        self.until("begun")

    def _told(self, name: str) -> OnChange:
        def told(paths: frozenset[str] | None) -> None:
            self.named.append(paths)
            self.calls.put(name)

        return told

    def next(self) -> str:
        return self.calls.get(timeout=PATIENCE)

    def until(self, wanted: str) -> None:
        """Returns when that was told."""
        while self.next() != wanted:
            pass

    def drain(self) -> list[str]:
        """What was told by now."""
        return [self.calls.get() for _ in range(self.calls.qsize())]


@pytest.fixture
def told() -> Iterator[Told]:
    started: list[Watcher] = []
    yield Told(started)
    for watcher in started:
        watcher.stop()


@pytest.fixture
def posts(tmp_path: Path) -> Path:
    folder = tmp_path / "posts"
    folder.mkdir()
    return folder


def inotify_watches() -> set[str]:
    """The folders this process watches, as the inode numbers that /proc shows."""
    infos = [info for info in Path("/proc/self/fdinfo").iterdir() if info.exists()]
    lines = [
        line for info in infos for line in info.read_text().splitlines() if line.startswith("inotify wd")
    ]
    return {line.split("ino:")[1].split()[0] for line in lines}


def inode(folder: Path) -> str:
    return f"{folder.stat().st_ino:x}"


def test_a_change_anywhere_in_the_folder_is_told(told: Told, posts: Path) -> None:
    (posts / "deep/er").mkdir(parents=True)
    told.watch(posts)
    (posts / "deep/er/a.md").write_text("a")
    assert told.next() == "posts"


def test_it_names_the_files_that_changed_and_none_when_any_may_have(told: Told, posts: Path) -> None:
    (posts / "deep").mkdir()
    told.watch(posts)
    assert told.named == [None], "what happened before it began"
    (posts / "deep/a.md").write_text("a")
    told.next()
    (posts / "deep").rename(posts / "moved")
    while not {str(posts / "deep"), str(posts / "moved")} <= frozenset().union(*filter(None, told.named)):
        told.next()
    assert str(posts / "deep/a.md") in (told.named[1] or ())


def test_a_file_in_a_new_folder_is_told(told: Told, posts: Path) -> None:
    told.watch(posts)
    (posts / "new").mkdir()
    assert told.next() == "posts"
    (posts / "new/a.md").write_text("a")
    assert told.next() == "posts"


@pytest.mark.parametrize("name", [".git/refs/x", "public/1/x", "public/x", ".a.md.swp"])
def test_what_is_no_post_is_not_told(told: Told, posts: Path, name: str) -> None:
    for folder in (".git/refs", "public/1"):
        (posts / folder).mkdir(parents=True)
    marker = posts.parent / "told"
    told.watch(posts, marker, skip=(posts / "public",))
    told.drain()
    (posts / name).write_text("x")
    marker.write_text("a file is looked at when the changes before it were told")
    assert told.next() == "told"


def test_a_single_file_is_told(told: Told, posts: Path) -> None:
    file = posts.parent / "publisher.toml"
    told.watch(posts, file)
    for text in ("made", "written"):
        file.write_text(text)
        told.until("publisher.toml")
    other = posts.parent / "other"
    other.write_text("replaced")
    other.replace(file)
    told.until("publisher.toml")


def test_a_folder_that_comes_later_is_told_and_watched(told: Told, posts: Path) -> None:
    templates = posts.parent / "templates"
    told.watch(posts, templates)
    assert "templates" not in told.drain()
    templates.mkdir()
    assert told.next() == "templates"
    told.until("begun")
    told.drain()
    (templates / "a.html").write_text("a")
    assert told.next() == "templates"


@pytest.mark.skipif(not Path("/proc/self/fdinfo").is_dir(), reason="needs Linux's /proc to look into")
def test_links_to_folders_and_folders_to_be_skipped_are_not_watched(told: Told, posts: Path) -> None:
    outside = posts.parent / "outside"
    for folder in (outside, posts / "in", posts / ".git", posts / "public"):
        folder.mkdir()
    (posts / "link").symlink_to(outside)
    (posts / "loop").symlink_to(".")
    told.watch(posts, skip=(posts / "public",))
    found = inotify_watches()
    assert {inode(posts), inode(posts / "in")} <= found
    assert not {inode(outside), inode(posts / ".git"), inode(posts / "public")} & found
    told.drain()
    (posts / "later").mkdir()
    assert told.next() == "posts"
    told.until("begun")
    assert inode(posts / "later") in inotify_watches()


def test_it_ends_at_once_also_where_there_is_nothing_to_watch(tmp_path: Path) -> None:
    watcher = Watcher({tmp_path / "none": lambda _: None}, quiet=QUIET, problem=lambda _: None)
    watcher.start()
    watcher.stop()
