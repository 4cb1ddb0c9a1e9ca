"""publisher adopt: a blog moves here, and no reader sees an old post again."""

import json
import re
import shutil
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from paths import SHARED
from readers import Readers, SeenSet
from servers import Answer, Asked, Server
from unpacking import unpack

AT, LATER = "2024-10-20T03:00:00Z", "2024-10-21T03:00:00Z"
OLD = "https://old.example"

ENTRY = """<entry><title type="html">{title}</title>
<link href="{OLD}{link}" rel="alternate" type="text/html"/><published>{date}T10:00:00+07:00</published>
<updated>{date}T10:00:00+07:00</updated><id>{id}</id><author><name>Sok Dara</name></author>
<content type="html">&lt;p&gt;Words.&lt;/p&gt;</content></entry>"""

POSTS = {f"Post {n}": f"2024-09-{n:02}" for n in range(1, 16)}


def jekyll(titles: list[str], *, more: str = "") -> bytes:
    """What jekyll-feed writes: ids are addresses without the slash."""
    entries = [
        ENTRY.format(
            OLD=OLD,
            title=title,
            date=POSTS[title],
            link=f"/{POSTS[title].replace('-', '/')}/{slug(title)}/",
            id=f"{OLD}/{POSTS[title].replace('-', '/')}/{slug(title)}",
        )
        for title in titles
    ]
    head = '<?xml version="1.0" encoding="utf-8"?><feed xmlns="http://www.w3.org/2005/Atom" >'
    about = f"<title>Old</title><id>{OLD}/feed.xml</id><updated>2024-10-01T00:00:00Z</updated>{more}"
    return f"{head}{about}{''.join(entries)}</feed>".encode()


def slug(title: str) -> str:
    return title.lower().replace(" ", "-")


def newest(number: int, end: int = 15) -> list[str]:
    return [f"Post {n}" for n in range(end, end - number, -1)]


@pytest.fixture
def blog(site: Any) -> Any:
    """The folder of a Jekyll blog of fifteen posts, set up here."""
    for title, date in POSTS.items():
        text = f"---\ntitle: {title}\ndate: {date} 10:00:00 +0700\n---\nWords.\n"
        site.post(f"_posts/{date}-{slug(title)}.md", text)
    (site.folder / "posts/_config.yml").write_text("permalink: pretty\n")
    return site


def clients(feed: bytes, *names: str) -> list[SeenSet]:
    """Readers who followed the old blog from its first day, each moved to another of our formats."""
    found = [SeenSet(name) for name in names or ("feed.atom", "feed.xml", "feed.json")]
    for client in found:
        client.news(jekyll(list(POSTS)))
        assert client.news(feed) == []
    return found


def news(site: Any, readers: list[SeenSet]) -> dict[str, list[str]]:
    return {r.name: found for r in readers if (found := r.news(site.read(r.name)))}


def test_a_move_from_jekyll_makes_no_old_post_new(blog: Any, tmp_path: Path) -> None:
    feed = jekyll(newest(10))
    (tmp_path / "feed.xml").write_bytes(feed)
    readers = clients(feed)
    said = blog.run("adopt", str(tmp_path / "feed.xml"))
    assert "15 posts keep the ids that readers know" in said.stderr
    assert (
        "path of the link: _posts/2024-09-15-post-15.md is https://old.example/2024/09/15/post-15\n"
        in said.stdout
    )
    assert "rule of the others: _posts/2024-09-01-post-1.md is https://old.example/2024/09/01/post-1\n" in (
        said.stdout
    )
    blog.publish(AT)
    assert news(blog, readers) == {}
    blog.post("_posts/2024-10-21-new.md", "---\ntitle: New\ndate: 2024-10-21 08:00:00 +0700\n---\nNew.\n")
    blog.publish(LATER)
    assert news(blog, readers) == {name: ["New"] for name in ("feed.atom", "feed.xml", "feed.json")}
    assert blog.feed()["items"][0]["id"] == "tag:harbour.example,2024:/2024/10/21/new/"


def test_a_site_that_keeps_its_addresses_needs_to_adopt_nothing(site: Any) -> None:
    """Hugo's ids are permalinks, and its feed stands at index.xml: both are kept by settings alone."""
    items = "".join(
        f"<item><title>{title}</title><link>{OLD}/posts/{slug(title)}/</link>"
        f"<guid>{OLD}/posts/{slug(title)}/</guid></item>"
        for title in newest(15)
    )
    old = f"<rss version='2.0'><channel><title>Old</title>{items}</channel></rss>".encode()
    reader = SeenSet("index.xml")
    assert len(reader.news(old)) == 15
    for title, date in POSTS.items():
        site.post(f"{slug(title)}.md", f"---\ntitle: {title}\ndate: {date}\n---\nWords.\n")
    text = (site.folder / "publisher.toml").read_text().replace("https://harbour.example/", f"{OLD}/")
    feeds = '[[feeds]]\nformats = ["rss"]\npaths = {rss = "index.xml"}\n'
    site.settings(f'{text}\n[posts]\nids = "permalink"\npermalink = "/posts/:slug/"\n{feeds}')
    site.publish(AT)
    assert reader.news(site.read("index.xml")) == []
    assert b'<guid isPermaLink="true">' in site.read("index.xml") or b"<guid>" in site.read("index.xml")
    site.post("new.md", "---\ntitle: New\ndate: 2024-10-20\n---\nNew.\n")
    site.publish(LATER)
    assert reader.news(site.read("index.xml")) == ["New"]


def test_ids_of_ghost_are_as_they_were_where_they_may_be(site: Any, tmp_path: Path) -> None:
    site.post("salt.md", "---\ntitle: Salt\ndate: 2024-10-01\n---\nSalt.\n")
    item = '<item><title>Salt</title><guid isPermaLink="false">671b2a0f9c1e</guid>'
    link = "<link>https://old.example/2024/10/01/salt/</link></item>"
    old = f"<rss version='2.0'><channel><title>Old</title>{item}{link}</channel></rss>".encode()
    (tmp_path / "rss.xml").write_bytes(old)
    reader = SeenSet("feed.xml")
    assert reader.news(old) == ["Salt"]
    site.run("adopt", str(tmp_path / "rss.xml"))
    site.publish(AT)
    assert reader.news(site.read("feed.xml")) == []
    assert site.feed()["items"][0]["id"] == "671b2a0f9c1e"
    assert b"<id>tag:harbour.example,2024:671b2a0f9c1e</id>" in site.read("feed.atom")


def test_rss_writes_an_adopted_id_as_the_old_feed_did(site: Any, tmp_path: Path) -> None:
    """isPermaLink too, whatever the address of the post is now; a code that is no address never is one."""
    guids = {
        "One": (f"{OLD}/?p=5&amp;x=1", ' isPermaLink="false"', "false"),
        "Two": (f"{OLD}/two/", "", "true"),
        "Three": (f"{OLD}/three/", ' isPermaLink="true"', "true"),
        "Four": ("https://harbour.example/2024/10/01/four/", ' isPermaLink="false"', "false"),
        "Five": ("671b2a0f9c1e4d0001a2b3c4", "", "false"),
    }
    items = ""
    for title, (guid, attribute, _) in guids.items():
        site.post(f"{slug(title)}.md", f"---\ntitle: {title}\ndate: 2024-10-01\n---\nSalt.\n")
        link = f"<link>{OLD}/2024/10/01/{slug(title)}/</link>"
        items += f"<item><title>{title}</title>{link}<guid{attribute}>{guid}</guid></item>"
    (tmp_path / "rss.xml").write_text(
        f"<rss version='2.0'><channel><title>Old</title>{items}</channel></rss>"
    )
    site.run("adopt", str(tmp_path / "rss.xml"))
    site.publish(AT)
    written = site.read("feed.xml").decode()
    for guid, _, is_permalink in guids.values():
        assert f'<guid isPermaLink="{is_permalink}">{guid}</guid>' in written
    shutil.rmtree(site.folder / ".publisher")
    shutil.rmtree(site.public)
    site.publish(AT)
    assert site.read("feed.xml").decode() == written


def test_a_folder_of_old_feeds_is_read_whole(blog: Any, tmp_path: Path) -> None:
    """Archives and pages of the old feed, beside what is no feed."""
    folder = tmp_path / "old"
    (folder / "archive").mkdir(parents=True)
    (folder / "feed.xml").write_bytes(jekyll(newest(4)))
    (folder / "archive/1.xml").write_bytes(jekyll(newest(6, 6)))
    (folder / "archive/2.atom").write_bytes(jekyll(newest(7, 12)))
    (folder / "sitemap.xml").write_text("<urlset xmlns='http://www.sitemaps.org/schemas/sitemap/0.9'/>")
    (folder / "package.json").write_text("{}")
    found = blog.json("adopt", str(folder))
    assert (len(found["found"]), found["derived"], found["ambiguous"]) == (15, [], [])
    assert [(read["documents"], read["title"]) for read in found["sources"]] == [(3, "Old")]
    said = blog.run("adopt", str(folder / "archive/.."), "--dry-run")
    assert f"read {folder / 'archive/..'}: 17 entries of Old" in said.stderr
    (tmp_path / "none").mkdir()
    said = blog.run("adopt", str(tmp_path / "none"), code=1)
    assert said.stderr.startswith(f"publisher: {tmp_path / 'none'}: there is no feed in it (")


def test_what_was_adopted_survives_a_lost_store_and_a_renamed_file(blog: Any, tmp_path: Path) -> None:
    (tmp_path / "feed.xml").write_bytes(jekyll(newest(10)))
    blog.run("adopt", str(tmp_path / "feed.xml"))
    blog.publish(AT)
    readers = Readers(blog.public)
    shutil.rmtree(blog.folder / ".publisher")
    shutil.rmtree(blog.public)
    file = blog.posts / "_posts/2024-09-15-post-15.md"
    file.rename(file.with_name("2024-09-15-fifteen.md"))
    blog.publish(LATER)
    assert readers.news() == {}
    assert "_posts/2024-09-15-fifteen.md" in blog.run("posts", "list").stdout


def test_adopting_after_the_first_publish_gives_published_posts_their_old_ids(
    blog: Any, tmp_path: Path
) -> None:
    blog.publish(AT)
    feed = jekyll(newest(10))
    (tmp_path / "feed.xml").write_bytes(feed)
    readers = clients(feed)
    said = blog.run("adopt", str(tmp_path / "feed.xml"))
    assert "15 published posts got another id" in said.stderr
    again = blog.json("adopt", str(tmp_path / "feed.xml"))
    assert (len(again["found"]), len(again["derived"]), again["renamed"]) == (10, 5, [])
    blog.publish(LATER)
    assert news(blog, readers) == {}
    assert blog.publish(LATER) == "nothing new\n"
    plan = blog.json("plan", "--at", LATER)
    assert (plan["published"], plan["withdrawn"], plan["held"]) == ([], [], [])


def test_a_dry_run_shows_all_and_changes_nothing(blog: Any, tmp_path: Path) -> None:
    blog.publish(AT)
    before = blog.documents()
    (tmp_path / "feed.xml").write_bytes(jekyll(newest(10)))
    shown = blog.json("adopt", str(tmp_path / "feed.xml"), "--dry-run")
    assert (len(shown["found"]), len(shown["derived"]), len(shown["renamed"])) == (10, 5, 15)
    assert shown["sources"] == [
        {"source": str(tmp_path / "feed.xml"), "title": "Old", "documents": 1, "entries": 10}
    ]
    assert not (blog.folder / "adopted.json").exists()
    blog.publish(LATER)
    assert blog.documents() == before


def test_an_archive_is_followed_page_by_page_and_a_page_that_fails_is_said(blog: Any) -> None:
    def answer(asked: Asked) -> Answer:
        path, query = urlsplit(asked.path).path, parse_qs(urlsplit(asked.path).query)
        if path == "/":
            page = '<!doctype html><link rel=alternate type="application/atom+xml" href="feed.xml">'
            return Answer(200, page.encode())
        page = int(query.get("page", ["1"])[0])
        if page == 4:
            return Answer(503, b"", {"Retry-After": "60"})
        older = f'<link rel="next" href="{server.url}feed.xml?page={page + 1}"/>'
        return Answer(200, jekyll(newest(4, 15 - 4 * (page - 1)), more=older))

    with Server(answer) as server:
        said = blog.run("adopt", server.url, code=1)
    assert len(re.findall("^path of the link: ", said.stdout, re.MULTILINE)) == 12
    assert f"incomplete: {server.url}feed.xml?page=4: the server answers 503" in said.stderr
    assert "15 posts keep" in said.stderr
    assert [urlsplit(asked.path).query for asked in server.asked] == ["", "", "page=2", "page=3", "page=4"]


def test_a_feed_does_not_lead_into_a_private_network(blog: Any) -> None:
    with Server(lambda asked: Answer(200, jekyll(newest(3)))) as inside:
        other = inside.url.replace("127.0.0.1", "localhost")
        older = f'<link rel="next" href="{other}"/>'
        with Server(lambda asked: Answer(200, jekyll(newest(3), more=older))) as server:
            said = blog.run("adopt", server.url, code=1)
        assert inside.asked == []
    assert "is an address of a private network" in said.stderr


def test_what_is_ambiguous_is_settled_by_the_author_in_the_file(site: Any, tmp_path: Path) -> None:
    for name in ("a", "b"):
        site.post(f"{name}.md", "---\ntitle: News\ndate: 2024-10-01\n---\nWords.\n")
    feed = tmp_path / "feed.json"
    item = {"id": "news-1", "title": "News", "date_published": "2024-10-01T00:00:00Z"}
    feed.write_text(json.dumps({"version": "https://jsonfeed.org/version/1.1", "items": [item]}))
    said = site.run("adopt", str(feed), code=1)
    assert said.stdout == "ambiguous: 'News' (news-1) may be a.md or b.md; write \"post\" into adopted.json\n"
    file = site.folder / "adopted.json"
    file.write_text(file.read_text().replace('{"id": "news-1"', '{"id": "news-1", "post": "b.md"'))
    site.publish(AT)
    ids = {row["file"]: row["id"] for row in site.json("posts", "list")}
    assert ids == {"a.md": "tag:harbour.example,2024:/2024/10/01/a/", "b.md": "news-1"}


def test_entries_that_are_no_post_here_are_named(site: Any, tmp_path: Path) -> None:
    site.post("a.md", "---\ntitle: Other\ndate: 2024-10-01\n---\nWords.\n")
    (tmp_path / "feed.xml").write_bytes(jekyll(["Post 1"]))
    said = site.run("adopt", str(tmp_path / "feed.xml"), code=1)
    assert said.stdout == "no such post: 'Post 1' (https://old.example/2024/09/01/post-1/)\n"
    site.post("back.md", "---\ntitle: Post 1\ndate: 2024-09-01T10:00:00+07:00\n---\nBack.\n")
    site.publish(AT)
    assert f"{OLD}/2024/09/01/post-1" in [item["id"] for item in site.feed()["items"]]


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("nothing.xml", "nothing.xml: cannot be read (No such file or directory)"),
        ("ftp://example.org/feed", "ftp://example.org/feed: not a web address"),
    ],
)
def test_a_source_that_is_none_is_one_line(site: Any, source: str, said: str) -> None:
    assert site.run("adopt", source, code=1).stderr.startswith(f"publisher: {said}; ")


def test_a_broken_file_of_adopted_ids_is_one_line(site: Any) -> None:
    (site.folder / "adopted.json").write_text("{")
    said = site.publish(AT, code=1)
    assert said.startswith(f"publisher: {site.folder}/adopted.json: cannot be read (")
    assert said.endswith("); fix it, or restore it from version control\n")


def test_the_real_feed_of_jekylls_own_blog_fits_its_posts(site: Any) -> None:
    corpora = SHARED / "corpora"
    if not (corpora / "jekyll.feed.xml").exists():
        pytest.skip("the corpora are not beside this checkout")
    unpack(corpora / "posts.tar.gz", site.folder / "all")
    shutil.rmtree(site.posts)
    (site.folder / "all/jekyll-docs/docs").rename(site.posts)
    text = (
        (site.folder / "publisher.toml")
        .read_text()
        .replace("https://harbour.example/", "https://jekyllrb.com/")
    )
    site.settings(text)
    old = (corpora / "jekyll.feed.xml").read_bytes()
    readers = [SeenSet(name) for name in ("feed.atom", "feed.xml", "feed.json")]
    for reader in readers:
        assert len(reader.news(old)) == 10
    found = site.json("adopt", str(corpora / "jekyll.feed.xml"))
    assert (len(found["found"]), found["unmatched"], found["ambiguous"]) == (10, [], [])
    site.settings(text + "\n[[feeds]]\nlimit = 10\n")
    site.publish("2026-05-01T00:00:00Z")
    assert news(site, readers) == {}
