"""ETag and Last-Modified are of the bytes: what is lost and made again makes nobody fetch a feed twice."""

import shutil
from typing import Any

import pytest


@pytest.fixture
def published(site: Any) -> Any:
    site.settings((site.folder / "publisher.toml").read_text() + "\n[posts]\npages = true\n")
    site.post("a.md", "---\ntitle: A\ndate: 2024-10-01\n---\nWords of the sea.\n")
    site.publish("2024-10-20T03:00:00Z")
    return site


def seen(site: Any) -> dict[str, tuple[bytes, int]]:
    """What validators are made of: bytes and times."""
    files = sorted(file for file in site.public.rglob("*") if file.is_file())
    return {str(file): (file.read_bytes(), int(file.stat().st_mtime)) for file in files}


@pytest.mark.parametrize("lost", ["public", ".publisher", "one encoding", "times"])
def test_what_is_made_again_has_the_same_validators(lost: str, published: Any) -> None:
    before = seen(published)
    if lost == "one encoding":
        (published.public / "feed.atom.gz").unlink()
    elif lost == "times":
        (published.public / "feed.atom").touch()
    else:
        shutil.rmtree(published.folder / lost)
    published.publish("2024-11-20T03:00:00Z")
    after = seen(published)
    feeds = {name for name in before if "/feed." in name or "/posts/" in name}
    assert {name: after[name] for name in feeds} == {name: before[name] for name in feeds}
    assert len(feeds) >= 12


def test_bytes_that_differ_are_at_least_a_second_younger(published: Any) -> None:
    before = seen(published)
    published.post("b.md", "---\ntitle: B\ndate: 2024-10-02\n---\nWords.\n")
    published.publish("2024-10-20T03:00:00Z")
    after = seen(published)
    for name in ("feed.atom", "feed.atom.gz", "feed.atom.br"):
        file = str(published.public / name)
        assert after[file][0] != before[file][0]
        assert after[file][1] == before[file][1] + 1
