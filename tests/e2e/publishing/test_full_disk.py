"""A disk that fills up: nothing is lost or half there, it is said, and with room the next publish goes on."""

import gzip
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import brotli
import pytest

SIZE = 6 * 2**20
PAGES = "\n[posts]\npages = true\n"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of SIZE bytes."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only root may mount a small file system, and not everywhere")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def fill(disk: Path, left: int) -> Path:
    """Leaves so many bytes free, as the file system counts them."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        while (free := os.statvfs(disk).f_bavail * os.statvfs(disk).f_bsize) > left:
            file.write(b"x" * min(free - left, 65536))
    return filler


@pytest.mark.parametrize("left", [0, 40, 400])
def test_a_publish_on_a_full_disk_loses_nothing_and_says_so(left: int, disk: Path, new_site: Any) -> None:
    site = new_site(disk / "site")
    site.settings((site.folder / "publisher.toml").read_text() + PAGES + "max_new = 100\n")
    site.post("old.md", "---\ntitle: Old\ndate: 2024-10-01\n---\nOld words.\n")
    site.publish("2024-10-20T03:00:00Z")
    before = site.documents()
    for n in range(30):
        words = os.urandom(3000).hex()  # nothing that compresses well
        site.post(f"{n}.md", f"---\ntitle: Post {n}\ndate: 2024-10-21\n---\n{words}\n")
    filler = fill(disk, left * 1024)
    told = site.publish("2024-10-21T09:00:00Z", "--no-mail", code=1)
    assert "does not fit on the disk; free some space and run again" in told
    assert len(told.strip().splitlines()) == 1, told
    check(before, site.documents())
    filler.unlink()
    site.publish("2024-10-21T09:00:00Z", "--no-mail")
    assert len(site.feed()["items"]) == 20
    assert len(list((site.public / "posts").rglob("index.html"))) == 31
    assert site.json("status")["problems"] == []
    check({}, site.documents())


def check(before: dict[str, bytes], after: dict[str, bytes]) -> None:
    """What readers can fetch is as it was, or new and whole; nothing unfinished takes up room."""
    assert before.keys() <= after.keys()
    assert not [path for path in after if path.endswith(".part")]
    for path, data in after.items():
        for suffix, unpack in ((".gz", gzip.decompress), (".br", brotli.decompress)):
            if path + suffix in after:
                assert unpack(after[path + suffix]) == data
