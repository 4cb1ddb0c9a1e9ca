"""Real feed readers over the life of a blog that moves here: rss2email and newsboat, where installed."""

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from servers import Answer, Asked, Server

AT, LATER, LAST = "2024-10-20T03:00:00Z", "2024-10-21T03:00:00Z", "2024-10-22T03:00:00Z"
OLD = "https://old.example"
DAYS = {f"post-{n}": f"2024-09-{n:02}" for n in range(1, 8)}
FORMATS = ("feed.atom", "feed.xml", "feed.json")


def old_feed() -> bytes:
    """What jekyll-feed made of the blog."""
    entries = "".join(
        f'<entry><title type="html">{name}</title><link href="{OLD}/{day.replace("-", "/")}/{name}/"/>'
        f"<published>{day}T08:00:00+00:00</published><updated>{day}T08:00:00+00:00</updated>"
        f'<id>{OLD}/{day.replace("-", "/")}/{name}</id><content type="html">Words.</content></entry>'
        for name, day in reversed(DAYS.items())
    )
    head = f"<title>Old</title><id>{OLD}/feed.xml</id><updated>2024-10-01T00:00:00Z</updated>"
    return f'<feed xmlns="http://www.w3.org/2005/Atom">{head}{entries}</feed>'.encode()


class Blog:
    """A blog whose feed stands at three addresses: at first the old one, then ours in each format."""

    def __init__(self, site: Any) -> None:
        self.site, self.moved = site, False

    def answer(self, asked: Asked) -> Answer:
        body = self.site.read(asked.path.removeprefix("/")) if self.moved else old_feed()
        kind = "application/feed+json" if body.startswith(b"{") else "application/xml"
        return Answer(200, body, {"Content-Type": kind})


@pytest.fixture
def server(site: Any) -> Iterator[tuple[Blog, Server]]:
    for name, day in DAYS.items():
        site.post(f"_posts/{day}-{name}.md", f"---\ntitle: {name}\ndate: {day} 08:00:00 +0000\n---\nWords.\n")
    (site.posts / "_config.yml").write_text("permalink: pretty\n")
    blog = Blog(site)
    with Server(blog.answer) as running:
        yield blog, running


def live(blog: Blog, tmp_path: Path, news: Any) -> None:
    """The blog moves, loses its store, is renamed and retitled; nothing is new. Then a post is."""
    site = blog.site
    assert news() == len(DAYS)
    (tmp_path / "old.xml").write_bytes(old_feed())
    site.run("adopt", str(tmp_path / "old.xml"))
    site.publish(AT)
    blog.moved = True
    assert news() == 0
    shutil.rmtree(site.folder / ".publisher")
    first = site.posts / "_posts/2024-09-07-post-7.md"
    first.rename(first.with_name("2024-09-07-renamed.md"))
    second = site.posts / "_posts/2024-09-06-post-6.md"
    second.write_text(second.read_text().replace("title: post-6", "title: A better title"))
    site.publish(LATER)
    assert news() == 0
    site.post("_posts/2024-10-22-new.md", "---\ntitle: New\ndate: 2024-10-22 01:00:00 +0000\n---\nNew.\n")
    site.publish(LAST)
    assert news() == 1
    assert news() == 0


@pytest.mark.parametrize("name", FORMATS[:2])
def test_rss2email_mails_no_old_post_again(name: str, server: tuple[Blog, Server], tmp_path: Path) -> None:
    if not shutil.which("r2e"):
        pytest.skip("rss2email is not installed (apt-get install rss2email)")
    blog, running = server
    mails = tmp_path / "mails"
    mails.mkdir()
    script = tmp_path / "sendmail"
    script.write_text(f'#!/bin/sh\ncat > "$(mktemp {mails}/XXXXXX)"\n')
    script.chmod(0o755)
    settings = tmp_path / "rss2email.cfg"
    settings.write_text(
        "[DEFAULT]\nfrom = a@old.example\nto = b@old.example\nemail-protocol = sendmail\n"
        f"sendmail = {script}\n"
    )
    environ = os.environ | {"HOME": str(tmp_path), "NO_PROXY": "*", "no_proxy": "*"}

    def r2e(*args: str) -> None:
        command = ["r2e", "-c", str(settings), "-d", str(tmp_path / "seen.json"), *args]
        subprocess.run(command, env=environ, check=True, capture_output=True, timeout=60)

    r2e("add", "blog", f"{running.url}{name}")

    def news() -> int:
        before = len(list(mails.iterdir()))
        r2e("run")
        return len(list(mails.iterdir())) - before

    live(blog, tmp_path, news)


@pytest.mark.parametrize("name", FORMATS[:2])
def test_newsboat_shows_no_old_post_again(name: str, server: tuple[Blog, Server], tmp_path: Path) -> None:
    if not shutil.which("newsboat"):
        pytest.skip("newsboat is not installed (apt-get install newsboat)")
    blog, running = server
    (tmp_path / "urls").write_text(f"{running.url}{name}\n")
    (tmp_path / "config").write_text("")
    cache = tmp_path / "cache.db"
    files = ["-u", str(tmp_path / "urls"), "-c", str(cache), "-C", str(tmp_path / "config")]
    environ = os.environ | {"HOME": str(tmp_path), "NO_PROXY": "*", "no_proxy": "*"}

    def items() -> int:
        with closing(sqlite3.connect(cache)) as connection:
            (number,) = connection.execute("SELECT count(*) FROM rss_item").fetchone()
        return int(number)

    def news() -> int:
        before = items() if cache.exists() else 0
        subprocess.run(
            ["newsboat", *files, "-x", "reload"], env=environ, check=True, capture_output=True, timeout=60
        )
        return items() - before

    live(blog, tmp_path, news)
