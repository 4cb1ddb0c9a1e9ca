"""Real feed readers follow `publisher run` while posts come, change, are renamed and go: rss2email, newsboat,
sfeed and reader. Nobody is shown a post twice, nobody misses one, nobody stops.
"""

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from reader import make_reader

FORMATS = ("feed.atom", "feed.xml")
TOML = '\n[posts]\npermalink = "/:slug/"\n'
UNREAD = "dark water"

Client = tuple[Callable[[], list[str]], Callable[[], dict[str, str]]]
"""Asks for the feed, and names the titles that are news; what it shows of each post now, by title."""


def need(program: str) -> str:
    found = shutil.which(program)
    if found is None:
        pytest.skip(f"{program} is not installed (scripts/clients)")
    return found


def run(folder: Path, *command: str) -> None:
    environ = os.environ | {"HOME": str(folder), "NO_PROXY": "*", "no_proxy": "*", "LC_ALL": "C.UTF-8"}
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, (command, done.stdout, done.stderr)
    assert "error" not in (done.stdout + done.stderr).lower(), (command, done.stdout, done.stderr)


def rss2email(url: str, folder: Path) -> Client:
    need("r2e")
    mails, sendmail, settings = folder / "mails", folder / "sendmail", folder / "rss2email.cfg"
    mails.mkdir()
    sendmail.write_text(f'#!/bin/sh\ncat > "$(mktemp {mails}/XXXXXX)"\n')
    sendmail.chmod(0o755)
    settings.write_text(
        "[DEFAULT]\nfrom = a@old.example\nto = b@old.example\nemail-protocol = sendmail\n"
        f"sendmail = {sendmail}\n"
    )
    base = ("r2e", "-c", str(settings), "-d", str(folder / "seen.json"))
    run(folder, *base, "add", "blog", url)

    def news() -> list[str]:
        before = set(mails.iterdir())
        run(folder, *base, "run")
        new = set(mails.iterdir()) - before
        heads = [
            line for mail in new for line in mail.read_text().splitlines() if line.startswith("Subject: ")
        ]
        return sorted(head.removeprefix("Subject: ") for head in heads)

    return news, dict  # a mail that was sent stays as it was


def newsboat(url: str, folder: Path) -> Client:
    need("newsboat")
    (folder / "urls").write_text(f"{url}\n")
    (folder / "config").write_text("")
    cache = folder / "cache.db"
    files = ("-u", str(folder / "urls"), "-c", str(cache), "-C", str(folder / "config"))

    def items() -> dict[str, tuple[str, str]]:
        if not cache.exists():
            return {}
        with closing(sqlite3.connect(cache)) as connection:
            found = connection.execute("SELECT guid, title, content FROM rss_item").fetchall()
        return {guid: (title, content) for guid, title, content in found}

    def news() -> list[str]:
        before = items()
        run(folder, "newsboat", *files, "-x", "reload")
        return sorted(title for guid, (title, _) in items().items() if guid not in before)

    return news, lambda: dict(items().values())


def sfeed(url: str, folder: Path) -> Client:
    need("sfeed_update")
    need("curl")
    script = folder / "sfeedrc"
    script.write_text(f'sfeedpath="{folder}/feeds"\nfeeds() {{\n\tfeed "blog" "{url}"\n}}\n')
    file = folder / "feeds/blog"

    def rows() -> list[list[str]]:
        return [line.split("\t") for line in file.read_text().splitlines()] if file.exists() else []

    def news() -> list[str]:
        before = {row[5] for row in rows()}
        run(folder, "sfeed_update", str(script))
        return sorted(row[1] for row in rows() if row[5] not in before)

    return news, lambda: {row[1]: row[3] for row in rows()}


def lemon_reader(url: str, folder: Path) -> Client:
    """The PyPI package `reader`."""
    store = str(folder / "reader.sqlite")
    with closing(make_reader(store)) as reader:
        reader.add_feed(url)

    def shown() -> dict[str, tuple[str, str]]:
        with closing(make_reader(store)) as reader:
            entries = list(reader.get_entries())
        return {e.id: (e.title or "", e.content[0].value if e.content else e.summary or "") for e in entries}

    def news() -> list[str]:
        before = shown()
        with closing(make_reader(store)) as reader:
            assert reader.update_feed(url) is not None or before
            assert reader.get_feed(url).last_exception is None
        return sorted(title for id, (title, _) in shown().items() if id not in before)

    return news, lambda: dict(shown().values())


@pytest.mark.parametrize(
    "client", [rss2email, newsboat, sfeed, lemon_reader], ids=lambda client: client.__name__
)
def test_a_reader_follows_a_feed_through_what_becomes_of_its_posts(
    client: Callable[[str, Path], Client], site: Any, running: Any, wait_for: Any, tmp_path: Path
) -> None:
    def post(slug: str, title: str, body: str = "Words.", *more: str) -> Path:
        front = [f"title: {title}", f"slug: {slug}", f"date: 2024-10-0{len(slug) % 9 + 1}", *more]
        return site.post(f"{slug}.md", "\n".join(["---", *front, "---", body, ""]))

    site.settings((site.folder / "publisher.toml").read_text() + TOML)
    for slug in ("harbour", "tide", "ferry"):
        post(slug, slug.title())
    process = running()

    def published(word: str, *, there: bool = True) -> None:
        wait_for(lambda: all((word in process.http.get(f"/{name}").text) is there for name in FORMATS))

    for title in ("Harbour", "Tide", "Ferry"):  # the first feed may be empty: the files were just written
        published(title)
    followed: list[tuple[str, Client]] = []
    for name in FORMATS:
        folder = tmp_path / name
        folder.mkdir()
        followed.append((name, client(f"{process.url}/{name}", folder)))

    def expect(*titles: str) -> None:
        for name, (news, _) in followed:
            assert news() == sorted(titles), name
            assert news() == [], name

    expect("Ferry", "Harbour", "Tide")
    post("lighthouse", "Lighthouse")
    published("Lighthouse")
    expect("Lighthouse")
    post("tide", "The tide", f"It is {UNREAD}.")
    published(UNREAD)
    expect()
    for name, (_, shown) in followed:
        posts = shown()
        assert not posts or UNREAD in posts["The tide"], name
    (site.posts / "ferry.md").unlink()
    post("crossing", "Ferry", "Words.", "aliases: [/ferry/]")
    published("/crossing/")
    expect()
    post("harbour", "Harbour", "Words.", "draft: true")
    published("<title>Harbour</title>", there=False)
    expect()
    post("empty", "Only a title", "")
    published("Only a title")
    expect("Only a title")
    post("harbour", "Harbour")
    published(">Harbour</title>")
    expect()
    assert process.stop() == 0
