"""The history of a feed (RFC 5005, RFC 6721): complete, permanent, and honest about what was withdrawn."""

from pathlib import Path

import pytest
from blogs import REL, TOML, Blog

from publisher.core.feeds.feed import ArchivePage
from publisher.core.posts.filters import PostFilter
from publisher.services.feeds.documents import fingerprint
from publisher.services.feeds.feeds import rebuild_archives

SMALL = "[[feeds]]\nlimit = 3\n"


@pytest.fixture
def blog(tmp_path: Path) -> Blog:
    return Blog(tmp_path, SMALL)


def title(number: int) -> str:
    return f"P{number:03}"


def test_rfc_5005_2_a_feed_that_holds_all_there_is_is_complete(blog: Blog) -> None:
    blog.posts(1, 3)
    blog.publish()
    assert blog.xml("feed.atom").find("fh:complete", REL) is not None
    assert blog.xml("feed.xml").find("channel/fh:complete", REL) is not None
    assert blog.archives() == {}
    blog.posts(4, 4)
    blog.publish()
    assert blog.xml("feed.atom").find("fh:complete", REL) is None


def test_the_subscription_document_holds_the_newest_and_archives_the_rest(blog: Blog) -> None:
    blog.posts(1, 9)
    blog.publish()
    assert blog.titles("feed.atom") == [title(9), title(8), title(7)]
    assert [blog.titles(path) for path in blog.chain("feed.atom")] == [
        [title(6), title(5), title(4)],
        [title(3), title(2), title(1)],
    ]


@pytest.mark.parametrize("path", ["feed.atom", "feed.xml"])
def test_rfc_5005_4_following_prev_archive_gives_every_post(blog: Blog, path: str) -> None:
    for number in range(1, 12):
        blog.posts(number, number)
        blog.publish()
        found = set(blog.titles(path))
        for before in blog.chain(path):
            found |= set(blog.titles(before))
        assert found == {title(n) for n in range(1, number + 1)}


def test_json_feed_1_1_next_url_leads_through_the_whole_history(blog: Blog) -> None:
    blog.posts(1, 10)
    blog.publish()
    path, found, urls = "feed.json", [], []
    while True:
        page = blog.json(path)
        found += [item["title"] for item in page["items"]]
        assert page["feed_url"] == "https://harbour.example/feed.json"
        if "next_url" not in page:
            break
        urls.append(page["next_url"])
        path = page["next_url"].removeprefix("https://harbour.example/")
    assert len(urls) == len(set(urls)) == 3
    assert set(found) == {title(n) for n in range(1, 11)}


def test_rfc_5005_4_an_archive_says_so_and_links_to_the_current_feed_and_its_neighbours(blog: Blog) -> None:
    blog.posts(1, 10)
    blog.publish()
    for suffix, mark in (("atom", "fh:archive"), ("xml", "channel/fh:archive")):
        path = f"archive/feed/2.{suffix}"
        assert blog.xml(path).find(mark, REL) is not None
        links = [blog.link(path, rel) for rel in ("self", "current", "prev-archive", "next-archive")]
        expected = [path, f"feed.{suffix}", f"archive/feed/1.{suffix}", f"archive/feed/3.{suffix}"]
        assert links == expected
        assert blog.link(f"archive/feed/1.{suffix}", "prev-archive") is None
        assert blog.xml(f"feed.{suffix}").find(mark, REL) is None


def test_every_link_of_the_history_leads_to_a_document(blog: Blog) -> None:
    for number in range(1, 15):
        blog.posts(number, number)
        blog.publish()
        for path in [*(p for p in blog.archives() if not p.endswith(".json")), "feed.atom", "feed.xml"]:
            for rel in ("self", "current", "prev-archive", "next-archive"):
                target = blog.link(path, rel)
                assert target is None or (blog.public / target).is_file(), (path, rel)


def test_a_full_archive_never_changes_by_new_posts_edits_templates_or_settings(blog: Blog) -> None:
    blog.posts(1, 7)
    blog.publish()
    full = {path: data for path, data in blog.archives().items() if "/3." not in path}
    assert len(full) == 6
    blog.posts(8, 20)
    blog.post("p002", "Quite another text.", date="2026-09-01T00:02:00Z", title="P002")
    blog.settings(SMALL + 'title = "Another name"\ncontent = "summary"\n')
    (blog.folder / "templates/web").mkdir(parents=True)
    (blog.folder / "templates/web/feed.html").write_text("{{ feed.title }}", encoding="utf-8")
    blog.publish()
    later = blog.archives()
    assert {path: later[path] for path in full} == full
    assert blog.titles("archive/feed/3.atom") == [title(9), title(8), title(7)]


def test_a_full_archive_is_made_again_as_it_was_when_its_file_is_lost(blog: Blog) -> None:
    blog.posts(1, 7)
    blog.publish()
    before = blog.bytes("archive/feed/1.atom")
    blog.post("p002", "Quite another text.", date="2026-09-01T00:02:00Z", title="P002")
    (blog.public / "archive/feed/1.atom").unlink()
    blog.publish()
    assert blog.bytes("archive/feed/1.atom") == before


def test_a_later_edit_is_published_again_in_the_subscription_document_under_its_id(blog: Blog) -> None:
    blog.posts(1, 9)
    blog.publish()
    old = blog.xml("archive/feed/1.atom").findtext("a:entry[2]/a:id", namespaces=REL)
    blog.post("p002", "Quite another text.", date="2026-09-01T00:02:00Z", title="P002")
    blog.publish()
    assert blog.titles("feed.atom") == [title(9), title(8), title(7), title(2)]
    entry = blog.xml("feed.atom").findall("a:entry", REL)[-1]
    assert entry.findtext("a:id", namespaces=REL) == old
    assert "Quite another" in entry.findtext("a:content", namespaces=REL)
    assert blog.titles("feed.xml") == [item["title"] for item in blog.json("feed.json")["items"]]
    blog.posts(10, 12)
    blog.publish()
    assert blog.titles("feed.atom") == [title(12), title(11), title(10)]


def test_rfc_6721_a_withdrawn_post_leaves_a_tombstone_and_its_archive(blog: Blog) -> None:
    blog.posts(1, 9)
    blog.publish()
    other = blog.bytes("archive/feed/2.atom")
    blog.hide("p002")
    blog.hide("p009")
    blog.publish()
    assert blog.titles("feed.atom") == [title(8), title(7), title(6)]
    graves = blog.xml("feed.atom").findall("at:deleted-entry", REL)
    assert [(g.get("ref")[-5:], g.get("when")) for g in graves] == [
        ("p009/", "2026-10-05T11:00:00Z"),
        ("p002/", "2026-10-05T11:00:00Z"),
    ] or [g.get("ref")[-5:] for g in graves] == ["p002/", "p009/"]
    archive = blog.xml("archive/feed/1.atom")
    assert blog.titles("archive/feed/1.atom") == [title(3), title(1)]
    assert [g.get("ref")[-5:] for g in archive.findall("at:deleted-entry", REL)] == ["p002/"]
    assert blog.bytes("archive/feed/2.atom") == other


def test_rfc_6721_there_is_never_a_tombstone_beside_a_live_entry(blog: Blog) -> None:
    blog.posts(1, 9)
    blog.publish()
    blog.hide("p002")
    blog.publish()
    blog.post("p002", "Body 2.", date="2026-09-01T00:02:00Z", title="P002")
    blog.publish()
    for path in ("feed.atom", "archive/feed/1.atom"):
        feed = blog.xml(path)
        ids = {found.text for found in feed.findall("a:entry/a:id", REL)}
        assert not ids & {grave.get("ref") for grave in feed.findall("at:deleted-entry", REL)}
        assert any(id.endswith("p002/") for id in ids)


def test_without_archive_there_are_only_the_newest(tmp_path: Path) -> None:
    blog = Blog(tmp_path, SMALL + "archive = false\n")
    blog.posts(1, 9)
    blog.publish()
    assert blog.titles("feed.atom") == [title(9), title(8), title(7)]
    assert (blog.link("feed.atom", "prev-archive"), blog.archives()) == (None, {})
    assert blog.xml("feed.atom").find("fh:complete", REL) is None


def test_another_address_of_the_site_makes_archives_anew(blog: Blog) -> None:
    blog.posts(1, 9)
    blog.publish()
    toml = TOML.replace("harbour.example/", "new.example/")
    blog.settings(SMALL, toml=toml)
    blog.publish(accept=True)
    archive = blog.bytes("archive/feed/1.atom")
    assert b'href="https://new.example/archive/feed/1.atom"' in archive
    assert b"https://harbour.example/" not in archive
    assert b"<id>tag:harbour.example,2026:/2026/09/01/p001/</id>" in archive


def test_rebuilt_archives_are_as_the_posts_are_now_and_the_superfluous_go(blog: Blog) -> None:
    blog.posts(1, 10)
    blog.publish()
    blog.post("p002", "Quite another text.", date="2026-09-01T00:02:00Z", title="P002")
    for number in (3, 4, 5, 6):
        blog.hide(f"p{number:03}")
    blog.publish()
    assert "archive/feed/4.atom" in blog.archives()
    app = blog.app()
    rebuild_archives(app.deps, ("feed",), blog.now)
    app.close()
    assert sorted(path for path in blog.archives() if path.endswith("atom")) == [
        "archive/feed/1.atom",
        "archive/feed/2.atom",
    ]
    assert b"Quite another" in blog.bytes("archive/feed/1.atom")
    assert blog.titles("archive/feed/1.atom") == [title(7), title(2), title(1)]


def test_a_smaller_limit_leaves_no_gap(blog: Blog) -> None:
    blog.settings("[[feeds]]\nlimit = 8\n")
    blog.posts(1, 15)
    blog.publish()
    blog.settings("[[feeds]]\nlimit = 2\n")
    blog.publish()
    found = set(blog.titles("feed.atom"))
    for path in blog.chain("feed.atom"):
        found |= set(blog.titles(path))
    assert found == {title(n) for n in range(1, 16)}


def test_fingerprints_in_older_stores_stay_valid() -> None:
    """The code may call its classes as it likes: no upgrade makes archives again."""
    page = ArchivePage(number=1, after=0, until=20, as_of=31, edition=0, members="ab" * 16)
    archive = fingerprint("archive", "news", page, ("https://example.org/",))
    filters = fingerprint((PostFilter(tag=("sea",)), PostFilter(language=("de",))))
    assert archive == "bc7a56e4b7cf638620af2982fcc8f454355f2bb4fef7755fcf7d34ea067f504c"
    assert filters == "6847fc28f7c3b599a394f3d6576be0caefdde399128da571c1f05dd6bdae0015"
