"""Looking again at some paths finds what a look at the whole folder finds."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from declared import source_rules
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from publisher.core.posts.post import BadPost, FileStat
from publisher.core.publishing.incremental import IndexUpdate
from publisher.services.publishing.folder_snapshot import FolderSnapshot
from publisher.sources import FolderSource
from publisher.sources.file_reading import Walk

RULES = source_rules(site_url="https://x.example/", exclude=("out/**", "a/no.md"))

names = st.sampled_from(("a", "b", "out", "a.md", "b.md", "no.md", ".x", "c.txt", "caf\udce9.md"))
places = st.lists(names, min_size=1, max_size=3).map("/".join)
steps = st.lists(
    st.tuples(st.sampled_from(("file", "folder", "delete", "touch")), places)
    | st.tuples(st.sampled_from(("move", "link")), places, places)
    | st.tuples(st.just("look")),
    max_size=25,
)


class Rows:
    """The store's part: nothing is remembered."""

    def index_version(self) -> int:
        return 0

    def indexed_files(self) -> dict[str, dict[str, FileStat]]:
        return {}


def do(folder: Path, kind: str, *where: str) -> None:
    at = [folder / name for name in where]
    match kind:
        case "file":
            at[0].write_text("x")
        case "folder":
            at[0].mkdir()
        case "delete":
            at[0].rmdir() if at[0].is_dir() and not at[0].is_symlink() else at[0].unlink()
        case "touch":
            os.utime(at[0], ns=(1, 1))
        case "move":
            at[0].rename(at[1])
        case "link":
            at[1].symlink_to(at[0])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps)
def test_looking_again_where_something_happened_finds_the_same_as_looking_at_everything(
    tmp_path_factory: pytest.TempPathFactory, history: Sequence[tuple[Any, ...]]
) -> None:
    folder = tmp_path_factory.mktemp("posts")
    source, store = FolderSource(folder, RULES), Rows()
    look = FolderSnapshot(source, store)  # type: ignore[arg-type]  # so much of a store is asked
    named: list[str] = []
    for kind, *where in (*history, ("look",)):
        if kind == "look":
            assert look.refresh(source, store, named)  # type: ignore[arg-type]  # as above
            full = FolderSnapshot(FolderSource(folder, RULES), store)  # type: ignore[arg-type]  # as above
            assert (look.on_disk, look.unreadable, look.changed) == (
                full.on_disk,
                full.unreadable,
                full.changed,
            )
            named.clear()
            continue
        try:
            do(folder, kind, *where)
        except (OSError, ValueError):
            continue  # such a thing cannot be done here
        named += where
        for name in where:  # what is written through a link is told where it stands
            real = os.path.relpath(os.path.realpath(folder / name), os.path.realpath(folder))
            named += [] if real.startswith("..") else [real]


def found(walk: Walk, *paths: str) -> list[str]:
    return sorted(path for path, _, _ in walk.at(paths)[1])


def test_a_link_is_looked_at_each_time_for_its_file_changes_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("a")
    (tmp_path / "b.md").symlink_to("a.md")
    walk = Walk(tmp_path, ("**/*.md",), ())
    assert len(list(walk.all())) == 2
    assert found(walk) == ["b.md"]
    (tmp_path / "b.md").unlink()
    assert found(walk) == []
    assert walk.at(())[0] == set()


@pytest.fixture
def looked(tmp_path: Path) -> FolderSnapshot:
    """A look at a folder of three posts in folders, all of them odd."""
    for name in ("a/b/one.md", "a/two.md", "a0.md"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    return FolderSnapshot(FolderSource(tmp_path, RULES), Rows())  # type: ignore[arg-type]  # so much of a store is asked


def again(look: FolderSnapshot, folder: Path, *named: str) -> set[str]:
    """What is there when these were told."""
    assert look.refresh(FolderSource(folder, RULES), Rows(), named)  # type: ignore[arg-type]  # as above
    return set(look.on_disk)


def test_a_folder_that_goes_takes_all_that_was_in_it(looked: FolderSnapshot, tmp_path: Path) -> None:
    looked.changed.clear()
    (tmp_path / "a").rename(tmp_path / "c")
    assert again(looked, tmp_path, "a", "c") == {"c/b/one.md", "c/two.md", "a0.md"}


def test_what_was_unreadable_is_looked_at_again_unasked(looked: FolderSnapshot, tmp_path: Path) -> None:
    looked.changed = {"a0.md"}
    (tmp_path / "a0.md").unlink()
    (tmp_path / "a/two.md").unlink()
    assert again(looked, tmp_path) == {"a/b/one.md", "a/two.md"}


def test_what_was_wrong_and_is_no_more_is_forgotten(tmp_path: Path) -> None:
    outside = tmp_path / "outside.md"
    outside.write_text("x")
    folder = tmp_path / "posts"
    folder.mkdir()
    (folder / "a.md").symlink_to(outside)
    source = FolderSource(folder, RULES)
    look = FolderSnapshot(source, Rows())  # type: ignore[arg-type]  # so much of a store is asked
    assert set(look.unreadable) == {"a.md"}
    (folder / "a.md").unlink()
    assert look.refresh(source, Rows(), ())  # type: ignore[arg-type]  # as above
    assert look.unreadable == {}


def test_a_file_told_in_a_folder_that_is_left_alone_is_left_alone(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    folder = tmp_path / "posts"
    for place in (outside, folder / ".git", folder / "out"):
        place.mkdir(parents=True)
        (place / "x.md").write_text("x")
    (folder / "link").symlink_to(outside)
    (folder / "gone").write_text("a file where a folder was")
    look = FolderSnapshot(FolderSource(folder, RULES), Rows())  # type: ignore[arg-type]  # so much of a store is asked
    told = (".git/x.md", "out/x.md", "link/x.md", "gone/x.md", "none/x.md", "a//x.md")
    assert again(look, folder, *told) == set()
    assert set(look.unreadable) == {"link"}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_could_not_be_read_is_looked_at_until_it_can(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a/b.md").write_text("b")
    (tmp_path / "a").chmod(0)
    walk = Walk(tmp_path, ("**/*.md",), ())
    ((path, bad, _),) = walk.all()
    assert (path, isinstance(bad, BadPost)) == ("a", True)
    assert found(walk, "a/b.md") == ["a"]
    (tmp_path / "a").chmod(0o700)
    assert found(walk) == ["a/b.md"]


def test_what_was_indexed_is_changed_no_longer(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("a")
    look = FolderSnapshot(FolderSource(tmp_path, RULES), Rows())  # type: ignore[arg-type]  # so much of a store is asked
    assert (look.changed, look.is_unchanged("a.md")) == ({"a.md"}, False)
    look.mark_indexed(IndexUpdate(rules=look.rules, touched=[look.on_disk["a.md"]]), 1)
    assert (look.changed, look.is_unchanged("a.md")) == (set(), True)
