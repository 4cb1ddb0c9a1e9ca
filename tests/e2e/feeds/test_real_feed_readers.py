"""Real feed readers over the life of a blog that moves here: rss2email and newsboat, where installed."""

import json
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import warm
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


def rss2email(url: str, tmp_path: Path) -> Callable[[], int]:
    """Counts the mails that rss2email sends about the feed at `url`, each time it is called."""
    if not shutil.which("r2e"):
        pytest.skip("rss2email is not installed (apt-get install rss2email)")
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

    r2e("add", "blog", url)

    def news() -> int:
        before = len(list(mails.iterdir()))
        r2e("run")
        return len(list(mails.iterdir())) - before

    return news


def newsboat(url: str, tmp_path: Path) -> Callable[[], int]:
    """Counts the items that newsboat has not had before, each time it is called."""
    if not shutil.which("newsboat"):
        pytest.skip("newsboat is not installed (apt-get install newsboat)")
    (tmp_path / "urls").write_text(f"{url}\n")
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

    return news


@pytest.mark.parametrize("name", FORMATS[:2])
def test_rss2email_mails_no_old_post_again(name: str, server: tuple[Blog, Server], tmp_path: Path) -> None:
    blog, running = server
    live(blog, tmp_path, rss2email(f"{running.url}{name}", tmp_path))


@pytest.mark.parametrize("name", FORMATS[:2])
def test_newsboat_shows_no_old_post_again(name: str, server: tuple[Blog, Server], tmp_path: Path) -> None:
    blog, running = server
    live(blog, tmp_path, newsboat(f"{running.url}{name}", tmp_path))


def ghost_export() -> tuple[str, dict[str, str]]:
    """Ghost's content JSON of thirty posts, and their old addresses by the ids that its feed gave them."""
    posts = [
        {
            "id": f"671b2a0f9c1e4d0001a2b3{n:02x}",
            "title": f"Post {n}",
            "slug": f"post-{n}",
            "html": f"<p>Text {n}</p>",
            "type": "post",
            "status": "published",
            "visibility": "public",
            "published_at": f"2024-09-{n:02}T10:00:00.000Z",
        }
        for n in range(1, 31)
    ]
    text = json.dumps({"db": [{"meta": {"version": "6.65.0"}, "data": {"posts": posts}}]})
    return text, {post["id"]: f"/{post['slug']}/" for post in posts}


def wordpress_export() -> tuple[str, dict[str, str]]:
    """The same of WordPress, whose permalinks were changed once: some have their day in them."""
    addresses = {
        f"{OLD}/?p={n}": f"/2024/09/{n:02}/post-{n}/" if n % 2 else f"/post-{n}/" for n in range(1, 31)
    }
    items = "".join(
        f"<item><title>Post {n}</title><link>{OLD}{address}</link><guid isPermaLink='false'>{id}</guid>"
        f"<content:encoded><![CDATA[<p>Text {n}</p>]]></content:encoded><wp:post_id>{n}</wp:post_id>"
        f"<wp:post_date_gmt>2024-09-{n:02} 10:00:00</wp:post_date_gmt><wp:post_name>post-{n}</wp:post_name>"
        "<wp:status>publish</wp:status><wp:post_type>post</wp:post_type></item>"
        for n, (id, address) in enumerate(addresses.items(), 1)
    )
    spaces = (
        "xmlns:wp='http://wordpress.org/export/1.2/' xmlns:content='http://purl.org/rss/1.0/modules/content/'"
    )
    about = "<title>Old</title><wp:wxr_version>1.2</wp:wxr_version>"
    return f"<rss version='2.0' {spaces}><channel>{about}{items}</channel></rss>", addresses


@pytest.mark.parametrize("platform", ["ghost", "wordpress"])
def test_a_whole_blog_moves_by_its_export_and_no_reader_notices(
    platform: str, site: Any, running: Any, tmp_path: Path
) -> None:
    """Thirty posts, of which the old feed shows eleven: ids, addresses, and what readers have seen."""
    export, addresses = ghost_export() if platform == "ghost" else wordpress_export()
    file = tmp_path / f"export.{'json' if platform == 'ghost' else 'xml'}"
    file.write_text(export, encoding="utf-8")
    newest = list(reversed(addresses.items()))[:11]
    items = "".join(
        f"<item><title>Post {30 - n}</title><link>{OLD}{address}</link><guid isPermaLink='false'>{id}</guid>"
        f"<pubDate>{30 - n} Sep 2024 10:00:00 GMT</pubDate></item>"
        for n, (id, address) in enumerate(newest)
    )
    old = f"<rss version='2.0'><channel><title>Old</title>{items}</channel></rss>".encode()
    moved = False

    def answer(asked: Asked) -> Answer:
        return Answer(200, site.read("feed.xml") if moved else old, {"Content-Type": "application/rss+xml"})

    shutil.rmtree(site.posts)
    warm.run(["convert", platform, str(file), str(site.posts)], {})
    settings = (site.folder / "publisher.toml").read_text("utf-8")
    pages = '[posts]\npages = true\npermalink = "/:slug/"\n[[feeds]]\nslug = "feed"\nlimit = 11\n'
    site.settings(f"{settings}\n{pages}")
    with Server(answer) as server:
        readers = [reader(f"{server.url}feed.xml", tmp_path) for reader in (rss2email, newsboat)]
        assert [news() for news in readers] == [11, 11]
        assert len(site.json("adopt", str(file))["found"]) == 30
        site.publish(AT)
        moved = True
        assert [news() for news in readers] == [0, 0]
        assert {row["id"] for row in site.json("posts", "list")} == addresses.keys()
        written = site.read("feed.xml").decode()
        for id, _ in newest:
            assert f'<guid isPermaLink="false">{id}</guid>' in written
        site.post("new.md", "---\ntitle: New\ndate: 2024-10-21\n---\nNew.\n")
        site.publish(LATER)
        assert [news() for news in readers] == [1, 1]
    http = running("--web-only").http
    answers = {address: http.get(address, follow_redirects=False) for address in addresses.values()}
    assert {found.status_code for found in answers.values()} <= {200, 301}
    for n, (address, found) in enumerate(answers.items(), 1):
        page = found if found.status_code == 200 else http.get(f"/post-{n}/")
        assert f"Text {n}" in page.text, address
