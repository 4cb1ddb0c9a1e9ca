"""Looking again at some paths finds what a look at the whole folder finds."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from publisher.core.posts import BadPost, FileStat
from publisher.core.settling import Memory
from publisher.services.looking import Look
from publisher.sources import FolderSource, SourceRules
from publisher.sources.walking import Walk

RULES = SourceRules(site_url="https://x.example/", exclude=("out/**", "a/no.md"))

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

    def remembered(self) -> int:
        return 0

    def seen(self, rules: str) -> dict[str, FileStat]:
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


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps)
def test_looking_again_where_something_happened_finds_the_same_as_looking_at_everything(
    tmp_path_factory: pytest.TempPathFactory, history: Sequence[tuple[Any, ...]]
) -> None:
    folder = tmp_path_factory.mktemp("posts")
    source, store = FolderSource(folder, RULES), Rows()
    look = Look(source, store)  # type: ignore[arg-type]  # so much of a store is asked
    named: list[str] = []
    for kind, *where in (*history, ("look",)):
        if kind == "look":
            assert look.again(source, store, named)  # type: ignore[arg-type]  # as above
            full = Look(FolderSource(folder, RULES), store)  # type: ignore[arg-type]  # as above
            assert (look.here, look.wrong, look.odd) == (full.here, full.wrong, full.odd)
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


def test_what_was_remembered_is_odd_no_longer(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("a")
    look = Look(FolderSource(tmp_path, RULES), Rows())  # type: ignore[arg-type]  # so much of a store is asked
    assert (look.odd, look.same("a.md")) == ({"a.md"}, False)
    look.remembered(Memory(rules=look.rules, touched=[look.here["a.md"]]), 1)
    assert (look.odd, look.same("a.md")) == (set(), True)
