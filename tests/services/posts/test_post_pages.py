"""Pages of posts and the files beside them: there while the post is, made again only when they must be."""

import json
import re
import shutil
import struct
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from publisher.app import App, fixed
from publisher.config import load
from publisher.services.subscribers import subscribe

NOW = datetime(2026, 10, 5, 9, tzinfo=UTC)
TOML = """
[site]
title = "The Harbour"
url = "https://harbour.example/"
id_authority = "harbour.example,2026"
[posts]
pages = true
[[lists]]
slug = "daily"
from = "The Harbour <news@harbour.example>"
"""


def png(width: int, height: int) -> bytes:
    return b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + struct.pack(">II", width, height) + bytes(9)


class Site:
    """A site in a folder, published at any time."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.public = folder, folder / "public"
        (folder / "posts").mkdir(parents=True)
        (folder / "publisher.toml").write_text(TOML, encoding="utf-8")

    def post(self, name: str, body: str, **front: Any) -> None:
        lines = [f"{key}: {json.dumps(value)}" for key, value in {"date": "2026-10-01", **front}.items()]
        self.file(name, ("---\n" + "\n".join(lines) + f"\n---\n{body}\n").encode())

    def file(self, name: str, data: bytes) -> None:
        path = self.folder / "posts" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    def app(self, now: datetime = NOW) -> App:
        return App(load(self.folder), clock=fixed(now), environ={})

    def publish(self, now: datetime = NOW) -> tuple[str, ...]:
        app = self.app(now)
        try:
            return app.publish().published.written
        finally:
            app.close()

    def at(self, folder: str) -> list[str]:
        files = (file for file in (self.public / folder).rglob("*") if file.is_file())
        found = (file for file in files if file.suffix not in {".gz", ".br"})
        return sorted(file.relative_to(self.public).as_posix() for file in found)

    def read(self, path: str) -> str:
        return (self.public / path).read_text(encoding="utf-8")

    def feed(self) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = json.loads(self.read("feed.json"))["items"]
        return items

    def problems(self) -> list[str]:
        app = self.app()
        try:
            return [text for area, _, text in app.store.problems() if area == "pages"]
        finally:
            app.close()


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path / "site")


def test_a_post_has_a_page_where_its_link_leads(site: Site) -> None:
    site.post("tides.md", "# Tides\n\nThe *sea*.\n\n## More\n\n[^1]: x", title="Tides", tags=["sea"])
    site.publish()
    assert site.at("posts") == ["posts/2026/10/01/tides/index.html"]
    page = site.read("posts/2026/10/01/tides/index.html")
    assert site.feed()[0]["url"] == "https://harbour.example/posts/2026/10/01/tides/"
    assert '<link rel="canonical" href="https://harbour.example/posts/2026/10/01/tides/">' in page
    assert page.count("<h1>") == 1
    assert "<p>The <em>sea</em>.</p>" in page
    assert re.search(r"<h2[^>]*>More</h2>", page)
    assert 'href="/posts/2026/10/01/tides/"' in site.read("index.html")


def test_a_site_with_pages_of_its_own_gets_none(site: Site) -> None:
    (site.folder / "publisher.toml").write_text(TOML.replace("pages = true", ""), encoding="utf-8")
    site.post("a/index.md", "![p](p.png)", title="A")
    site.file("a/p.png", png(2, 1))
    site.publish()
    assert site.at("posts") == site.at("assets") == []
    (item,) = site.feed()
    assert item["url"] == "https://harbour.example/2026/10/01/a/"
    assert 'src="https://harbour.example/2026/10/01/a/p.png"' in item["content_html"]


@pytest.mark.parametrize("permalink", ["/feed.atom", "/index.html", "/../../escape", "/digests/daily/"])
def test_no_permalink_leads_out_of_the_pages(site: Site, permalink: str) -> None:
    site.post("a.md", "Text.", title="A", permalink=permalink)
    site.publish()
    (page,) = site.at("posts")
    assert page.startswith("posts/")
    assert site.read("feed.atom").startswith("<?xml")
    assert "Follow by email" in site.read("index.html")
    assert not (site.folder / "escape").exists()


ROOT = '[posts]\npermalink = "/:slug/"'


def test_pages_stand_at_the_root_where_posts_permalink_says_so(site: Site) -> None:
    """A page that was under /posts/ moves there with its redirect, and goes with its post."""
    for slug in ("tides", "ebb", "posts"):
        site.post(f"{slug}.md", "The sea.", title=slug, aliases=["/old.html"] if slug == "ebb" else [])
    site.publish()
    before = {item["id"]: item["date_modified"] for item in site.feed()}
    (site.folder / "publisher.toml").write_text(TOML.replace("[posts]", ROOT), encoding="utf-8")
    later = NOW + timedelta(hours=1)
    site.publish(later)
    items = site.feed()
    assert {item["url"].removeprefix("https://harbour.example") for item in items} == {
        "/tides/",
        "/ebb/",
        "/posts/",
    }
    assert before.keys() == {item["id"] for item in items}
    assert "The sea." in site.read("tides/index.html")
    assert 'href="/tides/"' in site.read("index.html")
    app = site.app(later)
    leads = {move.path: move.target for move in app.store.all_redirects()}
    app.close()
    assert leads["posts/2026/10/01/tides/index.html"] == "tides/"
    assert leads["old.html"] == "ebb/"
    assert site.publish(later) == ()
    site.post("tides.md", "The sea.", title="tides", draft=True)
    site.post("ebb.md", "The sea.", title="ebb", slug="low tide", aliases=["/old.html"])
    site.publish(later)
    assert not (site.public / "tides").exists()
    assert "low%20tide/" in site.read("ebb/index.html")
    assert "The sea." in site.read("low tide/index.html")
    app = site.app(later)
    leads = {move.path: move.target for move in app.store.all_redirects()}
    app.close()
    assert leads["ebb/index.html"] == leads["old.html"] == "low%20tide/"
    assert leads["tides/index.html"] == leads["posts/2026/10/01/tides/index.html"] == ""
    shutil.rmtree(site.folder / ".publisher")
    site.publish(later)
    app = site.app(later)
    leads = {move.path: move.target for move in app.store.all_redirects()}
    app.close()
    assert leads["ebb/index.html"] == leads["posts/2026/10/01/ebb/index.html"] == "low%20tide/"


def test_addresses_of_publisher_itself_are_refused_by_name(site: Site) -> None:
    feeds = '[[feeds]]\nslug = "feed"\npaths = { rss = "rss/index.xml", atom = "notes/all.atom" }\n'
    feeds += '[[feeds]]\nslug = "tags"\nsplit_by = "tag"\n[web]\nlegacy_unsubscribe = ["/subscription/*"]\n'
    toml = TOML.replace("[posts]", ROOT).replace("[[lists]]", f"{feeds}[[lists]]")
    (site.folder / "publisher.toml").write_text(toml, encoding="utf-8")
    names = {
        *("subscribe", "confirm", "unsubscribe", "preferences", "account", "view", "never-ask", "healthz"),
        *("readyz", "digests", "archive", "assets", "api", "hooks", "Digests", "subscription"),
    }
    taken = {"rss", "index.html", "feed.html", "feed.json", "feed.json.gz", "feeds.opml", "manifest.json"}
    free = {"notes", "tides", "feed", "rss2", "hooks2", "подписка"}
    for n, slug in enumerate(sorted(names | taken | free)):
        site.post(f"{n}.md", "The sea.", title=slug, permalink=f"/{slug}/" if "." not in slug else f"/{slug}")
    site.post("tags.md", "The sea.", title="tags", permalink="/tags/")
    site.post("sea.md", "The sea.", title="sea", permalink="/tags/sea.html", tags=["sea"])
    site.post("home.md", "The sea.", title="home", permalink="/")
    app = site.app()
    bad = {post.path: post.reason for post in app.publish().published.plan.bad}
    app.close()
    assert len(bad) == len(names) + len(taken) + 3
    assert {item["title"] for item in site.feed()} == free
    for n, slug in enumerate(sorted(names | taken | free)):
        if slug in names:
            assert bad[f"{n}.md"] == (
                f"its address /{slug}/ is reserved: Publisher needs /{slug.casefold()}/; "
                "give the post another slug"
            )
        elif slug in taken:
            assert "is that of a feed or another document; give the post another slug" in bad[f"{n}.md"]
    assert all(f">{slug}</a>" in site.read("feed.html") for slug in free)
    assert site.read("rss/index.xml").startswith("<?xml")


def test_links_from_before_there_were_pages_lead_to_the_page(site: Site) -> None:
    """But for addresses that are Publisher's own."""
    (site.folder / "publisher.toml").write_text(TOML.replace("pages = true", ""), encoding="utf-8")
    site.post("tides.md", "The sea.", title="Tides")
    site.post("own.md", "The sea.", title="Own", permalink="/subscribe/")
    site.post("gone.md", "The sea.", title="Gone", permalink="/digests/")
    site.publish()
    (site.folder / "publisher.toml").write_text(TOML, encoding="utf-8")
    site.post("gone.md", "The sea.", title="Gone", permalink="/digests/", draft=True)
    site.publish(NOW + timedelta(hours=1))
    app = site.app()
    leads = {move.path: move.target for move in app.store.all_redirects()}
    app.close()
    assert leads == {"2026/10/01/tides/index.html": "posts/2026/10/01/tides/", "posts/digests/index.html": ""}


def test_a_feed_that_comes_later_takes_its_place_from_a_page_at_the_root(site: Site) -> None:
    toml = TOML.replace("[posts]", ROOT)
    (site.folder / "publisher.toml").write_text(toml, encoding="utf-8")
    site.post("sea.md", "The sea.", title="Sea", permalink="/sea.html")
    site.publish()
    assert "The sea." in site.read("sea.html")
    feeds = '[[feeds]]\nslug = "feed"\n[[feeds]]\nslug = "sea"\n[[lists]]'
    (site.folder / "publisher.toml").write_text(toml.replace("[[lists]]", feeds), encoding="utf-8")
    site.publish(NOW + timedelta(hours=1))
    assert "Low" not in site.read("sea.html")
    assert site.problems() == [
        "sea.md: no page at sea.html: sea.html is there; give one of them another permalink"
    ]


def test_a_name_too_long_for_the_disk_still_has_a_page_where_the_link_leads(site: Site) -> None:
    site.post("a.md", "Text.", title="A", slug="潮" * 300)
    site.publish()
    (page,) = site.at("posts")
    assert unquote(site.feed()[0]["url"]) == f"https://harbour.example/{page.removesuffix('index.html')}"


def test_of_two_posts_at_one_place_the_first_has_the_page_and_the_other_is_reported(site: Site) -> None:
    site.post("a.md", "One.", title="One", permalink="/Tides/", date="2026-09-01")
    site.post("b.md", "Two.", title="Two", permalink="/tides/", date="2026-09-02")
    site.post("c.md", "Three.", title="Three", permalink="/tides/index.html/more/", date="2026-09-03")
    site.publish()
    assert site.at("posts") == ["posts/Tides/index.html"]
    assert site.problems() == [
        "b.md: no page at posts/tides/index.html: a.md is there; give one of them another permalink",
        "c.md: no page at posts/tides/index.html/more/index.html: a.md is there;"
        " give one of them another permalink",
    ]
    site.post("b.md", "Two.", title="Two", permalink="/ebb/", date="2026-09-02")
    site.publish()
    assert site.at("posts") == ["posts/Tides/index.html", "posts/ebb/index.html"]
    assert len(site.problems()) == 1


def test_a_new_post_makes_its_own_page_and_its_neighbours_and_no_other(site: Site) -> None:
    for day in range(1, 9):
        site.post(f"{day}.md", "Text.", title=f"Day {day}", date=f"2026-09-0{day}")
    site.publish()
    assert site.publish() == ()
    site.post("new.md", "Text.", title="New", date="2026-10-02")
    written = site.publish()
    assert [path for path in written if path.startswith("posts/")] == [
        "posts/2026/09/08/8/index.html",
        "posts/2026/10/02/new/index.html",
    ]


def test_the_page_of_a_withdrawn_post_is_gone_and_so_are_its_files(site: Site) -> None:
    site.post("a/index.md", "![p](p.png)", title="A")
    site.file("a/p.png", png(2, 1))
    site.post("b.md", "Text.", title="B")
    site.publish()
    assert len(site.at("posts")) == 2
    assert len(site.at("assets")) == 1
    site.post("a/index.md", "![p](p.png)", title="A", draft=True)
    site.publish(NOW + timedelta(hours=1))
    assert site.at("posts") == ["posts/2026/10/01/b/index.html"]
    assert site.at("assets") == []
    assert not (site.public / "assets").exists()


def test_a_page_that_somebody_deleted_comes_back(site: Site) -> None:
    site.post("a.md", "Text.", title="A")
    site.publish()
    (site.public / "posts/2026/10/01/a/index.html").unlink()
    assert site.publish() == ("posts/2026/10/01/a/index.html",)


def test_a_picture_beside_a_post_is_where_feed_page_and_mail_say(site: Site) -> None:
    site.publish(NOW - timedelta(days=1))
    app = site.app(NOW - timedelta(days=1))
    subscribe.add(app.deps, app.settings.lists[0], "ann@example.org", app.clock(), confirmed=True)
    app.close()
    site.post("a/index.md", "![p](my%20p.png)", title="A", image="my p.png", date="2026-10-05T08:30:00Z")
    site.file("a/my p.png", png(40, 20))
    later = NOW + timedelta(days=1)
    site.publish(later)
    (asset,) = site.at("assets")
    assert (site.public / asset).read_bytes() == png(40, 20)
    tag = f'<img src="https://harbour.example/{asset}" alt="p" width="40" height="20">'
    assert tag in site.feed()[0]["content_html"]
    assert site.feed()[0]["image"] == f"https://harbour.example/{asset}"
    assert tag in site.read("posts/2026/10/05/a/index.html")
    assert f'src="https://harbour.example/{asset}"' in site.read("digests/daily/1/index.html")


def test_a_changed_picture_is_no_update_and_the_old_one_stays_for_mails(site: Site) -> None:
    site.post("a/index.md", "![p](p.png)", title="A", image="p.png")
    site.file("a/p.png", png(40, 20))
    site.publish()
    (old,) = site.at("assets")
    before = site.feed()[0]["date_modified"]
    site.file("a/p.png", png(80, 40))
    site.publish(NOW + timedelta(hours=1))
    (new,) = set(site.at("assets")) - {old}
    assert site.at("assets") == sorted([old, new])
    (item,) = site.feed()
    assert item["date_modified"] == before
    assert item["image"] == f"https://harbour.example/{new}"
    assert new in site.read("posts/2026/10/01/a/index.html")
    assert site.publish(NOW + timedelta(hours=2)) == ()


def test_a_picture_that_comes_after_its_post_is_in_the_next_digest(site: Site) -> None:
    site.publish(NOW - timedelta(minutes=40))
    app = site.app(NOW - timedelta(minutes=40))
    subscribe.add(app.deps, app.settings.lists[0], "ann@example.org", app.clock(), confirmed=True)
    app.close()
    site.post("a/index.md", "![p](p.png)", title="A", date="2026-10-05T08:30:00Z")
    site.publish(NOW)
    site.file("a/p.png", png(40, 20))
    site.publish(NOW + timedelta(hours=1))
    site.publish(NOW + timedelta(days=1))
    (asset,) = site.at("assets")
    assert asset in site.read("digests/daily/1/index.html")


@pytest.mark.parametrize("step", ["documents:removed"])
def test_a_crash_while_pages_are_removed_leaves_nothing_behind(
    site: Site, step: str, stopped_at: Callable[[App, str], None]
) -> None:
    site.post("a.md", "Text.", title="A")
    site.post("b.md", "Text.", title="B")
    site.publish()
    site.post("a.md", "Text.", title="A", draft=True)
    app = site.app(NOW + timedelta(hours=1))
    stopped_at(app, step)
    app.close()
    site.publish(NOW + timedelta(hours=2))
    assert site.at("posts") == ["posts/2026/10/01/b/index.html"]


@pytest.fixture
def stopped_at() -> Callable[[App, str], None]:
    """Publishes until a step, as if the process had been stopped there."""

    class Stopped(Exception):
        pass

    def stop(app: App, step: str) -> None:
        def reach(name: str) -> None:
            if name == step:
                raise Stopped

        app.failpoint = reach  # the hook of crash tests, set here without a process to kill
        with pytest.raises(Stopped):
            app.publish()

    return stop


def test_turning_pages_off_takes_pages_and_files_away(site: Site) -> None:
    site.post("a/index.md", "![p](p.png)", title="A")
    site.file("a/p.png", png(2, 1))
    site.publish()
    (site.folder / "publisher.toml").write_text(TOML.replace("pages = true", ""), encoding="utf-8")
    site.publish(NOW + timedelta(hours=1))
    assert site.at("posts") == site.at("assets") == []
    (item,) = site.feed()
    assert item["id"] == "tag:harbour.example,2026:/posts/2026/10/01/a/"
    assert 'src="https://harbour.example/2026/10/01/a/p.png"' in item["content_html"]


def test_a_note_without_a_title_has_none_in_feeds_and_its_first_words_in_links(site: Site) -> None:
    words = "The ferry was late again and nobody on the quay could say why it was so."
    site.post("note.md", words, date="2026-10-01")
    site.post("next.md", "Text.", title="Next", date="2026-10-02")
    site.publish()
    assert [item["title"] for item in site.feed()] == ["Next", ""]
    assert "<title></title>" in site.read("feed.atom")
    (note,) = (path for path in site.at("posts") if "note" in path)
    assert "<title>The ferry was late again and nobody on the quay could say" in site.read(note)
    link = re.search(r'rel="prev"><bdi[^>]*>([^<]*)<', site.read(note.replace("10/01/note", "10/02/next")))
    assert link
    assert link[1].startswith("The ferry was late again")
    assert len(link[1]) <= 60


def test_the_home_page_shows_the_summaries_that_the_feed_page_shows(site: Site) -> None:
    def summaries(page: str) -> list[str]:
        return re.findall(r"<p>(The [^<]*)</p>", site.read(page))

    site.post("a.md", "The ebb took the *buoy*.\n\nMore.", title="A", date="2026-10-01")
    site.post("b.md", "First.", title="B", date="2026-10-02", summary="The flood, in short.")
    site.post("c.md", "The whole lead.\n\n<!--more-->\n\nMore.", title="C", date="2026-10-03")
    site.publish()
    shown = ["The whole lead.", "The flood, in short.", "The ebb took the buoy."]
    assert summaries("index.html") == summaries("feed.html") == shown
    site.post("a.md", "The ebb brought it *back*.", title="A", date="2026-10-01")
    assert "index.html" in site.publish(NOW + timedelta(hours=1))
    assert summaries("index.html") == summaries("feed.html") == [*shown[:2], "The ebb brought it back."]
    assert "index.html" not in site.publish(NOW + timedelta(hours=2))


def test_the_way_back_from_a_footnote_has_a_name_in_the_language_of_the_page(site: Site) -> None:
    settings = TOML.replace("[site]", '[site]\nlanguage = "de"')
    (site.folder / "publisher.toml").write_text(settings, encoding="utf-8")
    body = "A[^1] b[^why] c[^1].\n\n[^1]: One.\n\n[^why]: Two."
    site.post("a.md", body, title="A")
    site.post("b.md", body, title="B", language="en")
    site.publish()
    for name, language in (("a", ""), ("b", ' lang="de"')):
        page = site.read(f"posts/2026/10/01/{name}/index.html")
        assert re.findall(r'<a([^>]*) aria-label="([^"]*)" href="[^"]*#(fnref[^"]*)">↩', page) == [
            (language, "Zurück zum Verweis auf Anmerkung 1", "fnref-1"),
            (language, "Zurück zum Verweis auf Anmerkung 1-2", "fnref-1-2"),
            (language, "Zurück zum Verweis auf Anmerkung 2", "fnref-why"),
        ]
