"""Blogs that the version before published are published by this one: an upgrade is no news.

No post is new, none is updated, no date and no `updated` moves, nothing stops and nothing is mailed. What
this version hides is withdrawn, and named once. The version before comes from the repository's history.
"""

import json
import os
import sqlite3
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from shutil import copytree, which
from typing import Any

import pytest
import warm
from paths import ROOT
from unpacking import unpack

SHARED = ROOT.parent / "shared"
BEFORE = "dda1eb777f9d5c31e4f1f7a7143757263ef553f0"
"""The last commit of the version before."""
SCHEMA_BEFORE = "0009"

LEFT, UPGRADED, NEXT_DAY = "2026-11-20T09:00:00Z", "2026-11-20T10:00:00Z", "2026-11-21T12:00:00Z"

COMMANDS = """
import contextlib, json, sys
from publisher.cli import publisher
for line in sys.stdin:
    with open(sys.argv[1], "a") as said, contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        try:
            code = publisher.main(json.loads(line), standalone_mode=False) or 0
        except SystemExit as end:
            code = end.code
        except Exception as error:
            print(type(error).__name__, error)
            code = 1
    print(code, flush=True)
"""
"""The command line of a version, as often as it is asked: a process for each command would cost minutes."""

SETTINGS = """
[site]
title = "{name}"
url = "https://blog.example/"
timezone = "{zone}"
id_authority = "blog.example,2024"
[posts]
dir = "{posts}"
[[feeds]]
slug = "feed"
limit = 10000
[[lists]]
slug = "daily"
from = "News <news@blog.example>"
at = "08:00"
"""
CORPORA = {
    "18f-jekyll": ("_posts", "UTC"),
    "18f-eleventy": ("content/posts", "UTC"),
    "digitalgov": ("content", "UTC"),
    "jekyll-docs": ("docs/_posts", "America/Los_Angeles"),
    "jekyll-tests": ("test/source", "UTC"),
    "rust-blog": ("content", "UTC"),
}
FEW = 30
"""Posts of each corpus, where not all are tried."""


@dataclass
class Blog:
    """A site in a folder, and what its store and its feed have."""

    folder: Path

    @property
    def name(self) -> str:
        return self.folder.name

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.folder / ".publisher/publisher.db")) as store:
            return store.execute(query).fetchall()

    def posts(self) -> dict[str, tuple[Any, ...]]:
        """Of each live post: its date and when it was updated last, by id."""
        found = self.rows("SELECT id, value, updated_at FROM posts WHERE live")
        return {id: (json.loads(value)["instant"], updated) for id, value, updated in found}

    def entries(self) -> dict[str, tuple[Any, ...]]:
        """The same of the entries of feeds, as readers have them."""
        files = [file for file in (self.folder / "public").glob("*.json") if file.name != "manifest.json"]
        items = [(file.name, it) for file in files for it in json.loads(file.read_bytes()).get("items", [])]
        names = ("date_published", "date_modified")
        return {f"{file} {it['id']}": tuple(it.get(name) for name in names) for file, it in items}

    def run(self, *args: str) -> subprocess.CompletedProcess[str]:
        env = {name: value for name, value in os.environ.items() if not name.startswith("PUBLISHER_")}
        done = warm.run([*args, "--site", str(self.folder)], env)
        assert "Traceback" not in done.stderr, (self.name, done.stderr)
        return done


class VersionBefore:
    """The command line of the version before, in a process of its own."""

    def __init__(self, folder: Path) -> None:
        self.said = folder / "said.txt"
        env = {name: value for name, value in os.environ.items() if not name.startswith("PUBLISHER_")}
        self._process = subprocess.Popen(
            [sys.executable, "-c", COMMANDS, str(self.said)],
            cwd="/",
            env=env | {"PYTHONPATH": str(folder)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, *args: str) -> int:
        """The exit code."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(args) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def end(self) -> None:
        self._process.communicate(timeout=60)


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VersionBefore]:
    git = which("git")
    if git is None or not (ROOT / ".git").exists():
        pytest.skip("the version before is in the history of the repository, and this is no checkout of it")
    folder = tmp_path_factory.mktemp("before")
    archive = folder / "tree.tar"
    command = [
        git,
        "-C",
        str(ROOT),
        "archive",
        "-o",
        str(archive),
        BEFORE,
        "publisher",
        "templates",
        "config",
    ]
    if subprocess.run(command, capture_output=True).returncode:
        pytest.skip(f"the history of this checkout does not reach back to {BEFORE[:7]}, the version before")
    unpack(archive, folder)
    version = VersionBefore(folder)
    yield version
    version.end()


def lived_in(blog: Blog, before: VersionBefore) -> bool:
    """Publishes `blog` by the version before, for a reader of its first list; whether anything came of it."""
    site = ("--site", str(blog.folder))
    assert before.run("publish", "--at", LEFT, *site) in (0, 1), before.said.read_text()[-2000:]
    settings = tomllib.loads((blog.folder / "publisher.toml").read_text())
    for one in settings.get("lists", [])[:1]:
        added = before.run(
            "subscribers", "add", "ann@example.net", "--list", one["slug"], "--confirmed", "--at", LEFT, *site
        )
        assert added == 0, before.said.read_text()[-2000:]
    assert blog.rows("SELECT version_num FROM alembic_version") == [(SCHEMA_BEFORE,)], blog.name
    return bool(blog.posts())


def upgrade(blog: Blog) -> int:
    """Publishes `blog` by this version, twice, and says how many posts it hid."""
    posts, entries = blog.posts(), blog.entries()
    [[head]] = blog.rows("SELECT max(seq) FROM log")
    assert blog.run("migrate").returncode == 0, blog.name
    first = blog.run("publish", "--at", UPGRADED)
    assert first.returncode in (0, 1), (blog.name, first.stderr)
    assert "nothing was changed" not in first.stderr, (blog.name, first.stderr)
    hidden: dict[str, str] = {}
    log = "SELECT seq, kind, log.backfill, id, path FROM log JOIN posts ON id = post_id"
    for kind, backfill, id, path in (row for seq, *row in blog.rows(log) if seq > head):
        assert kind == "withdrawn" or (kind == "published" and backfill), (blog.name, kind, path)
        if kind == "withdrawn":
            hidden[id] = path
    named = [line for line in first.stderr.splitlines() if line.startswith("withdrawn: ")]
    for path in hidden.values():
        assert sum(line.startswith(f"withdrawn: {path}: ") for line in named) == 1, (blog.name, path, named)
    stay = {id: of for id, of in posts.items() if id not in hidden}
    later = blog.run("publish", "--at", NEXT_DAY)
    assert "withdrawn" not in later.stderr, (blog.name, later.stderr)
    assert "refreshed" not in later.stderr, (blog.name, later.stderr)
    assert {id: of for id, of in blog.posts().items() if id in stay} == stay, blog.name
    now = blog.entries()
    gone = {key for key in entries if key.partition(" ")[2] in hidden}
    assert {key: now.get(key) for key in entries.keys() - gone} == {
        key: entries[key] for key in entries.keys() - gone
    }, blog.name
    assert not now.keys() & gone, blog.name
    mailed = blog.rows("SELECT posts.value FROM mailing_posts JOIN posts ON posts.id = mailing_posts.post_id")
    for (value,) in mailed:  # what came out after the upgrade may be mailed
        assert datetime.fromisoformat(json.loads(value)["instant"]) > datetime.fromisoformat(UPGRADED), value
    assert mailed or not [*(blog.folder / "outbox").glob("*.eml")], blog.name
    return len(hidden)


def upgraded(blogs: Sequence[Blog], before: VersionBefore) -> int:
    """How many posts this version hid of all `blogs`, of which any has some."""
    with_posts = [blog for blog in blogs if lived_in(blog, before)]
    assert with_posts, before.said.read_text()[-2000:]
    return sum(upgrade(blog) for blog in with_posts)


def test_a_date_that_is_read_differently_now_is_taken_when_its_file_is_edited(
    tmp_path: Path, before: VersionBefore
) -> None:
    blog = Blog(tmp_path / "blog")
    (blog.folder / "_posts").mkdir(parents=True)
    (blog.folder / "_config.yml").write_text("title: J\n")
    (blog.folder / "publisher.toml").write_text(SETTINGS.format(name="J", zone="UTC", posts="_posts"))
    file, text = blog.folder / "_posts/2026-11-12-a.md", "---\ntitle: a\ndate: 2026-11-20 18h30\n---\nBody.\n"
    file.write_text(text)
    assert lived_in(blog, before)
    assert blog.run("migrate").returncode == 0
    for args in (("plan", "--at", UPGRADED), ("publish", "--at", UPGRADED)):
        done = blog.run(*args)
        both = "stays 2026-11-20 00:00 UTC, as it was published; its file is now read as 2026-11-20 18:30 UTC"
        assert f"2026-11-12-a.md: {both}: edit the file to take that\n" in done.stdout + done.stderr
    [before_it] = blog.entries().values()
    assert json.loads(blog.run("plan", "--at", NEXT_DAY, "--json").stdout)["kept_dates"] == []
    file.write_text(text.replace("Body", "Words"))
    blog.run("publish", "--at", NEXT_DAY)
    [after] = blog.entries().values()
    assert (before_it, after) == (
        ("2026-11-20T00:00:00Z", "2026-11-20T00:00:00Z"),
        ("2026-11-20T18:30:00Z", NEXT_DAY),
    )


def test_pages_move_to_the_root_without_news_where_their_permalink_is_set(
    tmp_path: Path, before: VersionBefore
) -> None:
    """The version before had all pages under /posts/: ids and times stay, and the old addresses lead on."""
    blog = Blog(tmp_path / "blog")
    (blog.folder / "posts").mkdir(parents=True)
    settings = SETTINGS.format(name="R", zone="UTC", posts="posts")
    pages = '[posts]\npages = true\npermalink = "/:slug/"\n'
    (blog.folder / "publisher.toml").write_text(settings.replace("[posts]\n", pages))
    for name in ("tides", "ebb", "subscribe", "d", "e", "f", "g"):
        text = f"---\ntitle: {name}\ndate: 2026-11-12\n---\nBody of {name}.\n"
        (blog.folder / f"posts/{name}.md").write_text(text)
    assert lived_in(blog, before)
    public = blog.folder / "public"
    assert (public / "posts/tides/index.html").is_file()
    assert upgrade(blog) == 0, "no post is hidden"
    assert "Body of tides." in (public / "tides/index.html").read_text()
    assert 'url=https://blog.example/tides/"' in (public / "posts/tides/index.html").read_text()
    assert "Body of subscribe." in (public / "posts/subscribe/index.html").read_text()
    assert not (public / "subscribe").exists()


def test_an_upgrade_of_small_sites_from_the_field_is_no_news(tmp_path: Path, before: VersionBefore) -> None:
    sites = sorted((SHARED / "field").glob("[0-9]*/site/publisher.toml"))
    if not sites:
        pytest.skip("the sites from the field are not beside the repository")
    blogs: list[Blog] = []
    for file in sites:
        others = [it for it in file.parent.rglob("*.*") if it.suffix in {".md", ".mdx", ".markdown", ".html"}]
        if others:
            blogs.append(Blog(tmp_path / file.parts[-3]))
            copytree(file.parent, blogs[-1].folder, symlinks=True)
    assert upgraded(blogs, before)


def corpora(folder: Path, few: int | None) -> list[Blog]:
    """The corpora as blogs below `folder`, each with its first `few` posts."""
    if not (SHARED / "corpora/posts.tar.gz").exists():
        pytest.skip("the real blogs are not beside the repository")
    unpack(SHARED / "corpora/posts.tar.gz", folder)
    blogs: list[Blog] = []
    for name, (posts, zone) in CORPORA.items():
        blog = Blog(folder / name)
        settings = SETTINGS.format(name=name, zone=zone, posts=posts)
        (blog.folder / "publisher.toml").write_text(settings, encoding="utf-8")
        files = sorted(it for it in (blog.folder / posts).rglob("*") if it.suffix in {".md", ".markdown"})
        for file in files[few:] if few else ():
            file.unlink()
        blogs.append(blog)
    return blogs


def test_an_upgrade_of_some_posts_of_real_blogs_is_no_news(tmp_path: Path, before: VersionBefore) -> None:
    upgraded(corpora(tmp_path, FEW), before)


@pytest.mark.soak
def test_an_upgrade_of_whole_real_blogs_is_no_news(tmp_path: Path, before: VersionBefore) -> None:
    upgraded(corpora(tmp_path, None), before)
