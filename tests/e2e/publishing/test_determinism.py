"""The same posts give the same public/, byte for byte: in another process, zone, language, order and year,
with other hash seeds and clocks.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from blogs import Blog
from paths import ROOT

EXAMPLE = ROOT / "examples/site"

HERE = {"PYTHONHASHSEED": "0", "TZ": "UTC", "LC_ALL": "C.UTF-8"}
THERE = {"PYTHONHASHSEED": "4242", "TZ": "Pacific/Kiritimati", "LC_ALL": "C", "PYTHONUTF8": "1"}


def made(site: Any, at: str, **environ: str) -> dict[str, bytes]:
    site.publish(at, "--no-mail", **environ)
    return site.documents()  # type: ignore[no-any-return]  # the fixture has no type


@pytest.fixture
def twice(tmp_path: Path, same_site: Any) -> tuple[Any, Any]:
    """The example site, and a copy whose files came onto the disk in the other order."""
    shutil.copytree(EXAMPLE, tmp_path / "one")
    files = sorted((file for file in (tmp_path / "one").rglob("*") if file.is_file()), reverse=True)
    for file in files:
        target = tmp_path / "two" / file.relative_to(tmp_path / "one")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)
    return same_site(tmp_path / "one"), same_site(tmp_path / "two")


def test_a_site_is_the_same_whoever_publishes_it_and_when(twice: tuple[Any, Any]) -> None:
    one, two = twice
    first = made(one, "2099-05-01T00:00:00Z", **HERE)
    second = made(two, "2100-11-11T11:11:11.111111Z", **THERE)
    assert len(first) > 10
    assert first.keys() == second.keys()
    assert [path for path in first if first[path] != second[path]] == []


def test_publishing_in_steps_ends_in_the_same_feeds(twice: tuple[Any, Any]) -> None:
    one, two = twice
    whole = made(one, "2099-05-01T00:00:00Z", **HERE)
    for at in ("2099-05-01T00:00:00Z", "2099-05-02T00:00:00Z"):
        stepped = made(two, at, **THERE)
    assert stepped == whole
    assert two.publish("2099-05-03T00:00:00Z", "--no-mail", **HERE).startswith("nothing new\n")


SETTINGS = """
[[feeds]]
limit = 3
[[feeds]]
slug = "tags"
split_by = "tag"
limit = 2
[[feeds]]
slug = "some"
where = {tag = ["sea", "land"], language = "en"}
"""


def build(folder: Path, at: str, **environment: str) -> dict[str, bytes]:
    blog = Blog(folder, SETTINGS)
    blog.posts(1, 9, tags=["sea", "日本", "C++"])
    blog.posts(10, 14, tags=["land", "sea"], lang="ar")
    command = [sys.executable, "-m", "publisher", "publish", "--site", str(folder), "--at", at]
    subprocess.run(command, env={**os.environ, **environment}, check=True, capture_output=True)
    files = (path for path in blog.public.rglob("*") if path.is_file())
    return {str(path.relative_to(blog.public)): path.read_bytes() for path in files}


def test_archives_parts_pages_and_lists_do_not_depend_on_seed_zone_or_clock(tmp_path: Path) -> None:
    one = build(tmp_path / "one", "2026-10-05T09:00:00Z", PYTHONHASHSEED="1", TZ="Asia/Phnom_Penh")
    two = build(tmp_path / "two", "2026-11-06T23:59:59Z", PYTHONHASHSEED="2", TZ="America/Caracas")
    assert "archive/tags/sea/1.atom" in one
    assert {"feeds.opml", "tags/日本.html", "tags/index.html", "some.json"} < one.keys()
    assert one.keys() == two.keys()
    assert [path for path in one if one[path] != two[path]] == []
