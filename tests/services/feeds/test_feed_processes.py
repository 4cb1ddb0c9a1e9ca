"""Two builds in two processes, with other hash seeds, zones and clocks: the same bytes, of everything."""

import os
import subprocess
import sys
from pathlib import Path

from blogs import Blog

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
