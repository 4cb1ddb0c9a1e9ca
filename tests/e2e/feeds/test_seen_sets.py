"""No client sees an old post again: readers that remember ids, over what authors do to their blogs.

Each client is one that has followed one document from the start; whatever is not in its memory is news to
its reader. Atom, RSS and JSON Feed each have one.
"""

import shutil
from collections.abc import Callable
from typing import Any

import pytest
from readers import Readers

AT, LATER, LAST = "2024-10-20T03:00:00Z", "2024-10-21T03:00:00Z", "2024-10-22T03:00:00Z"
DAYS = {f"post-{n}": f"2024-09-{n:02}" for n in range(1, 9)}


def text(name: str, day: str, title: str = "", body: str = "") -> str:
    return f"---\ntitle: {title or name}\ndate: {day} 08:00:00\n---\n{body or f'Words of {name}.'}\n"


@pytest.fixture
def blog(site: Any) -> Any:
    """A blog of eight posts, one of which was edited after it was published."""
    for name, day in DAYS.items():
        site.post(f"{name}.md", text(name, day))
    site.publish(AT)
    site.post("post-3.md", text("post-3", DAYS["post-3"], body="Words that were mended."))
    site.publish("2024-10-20T04:00:00Z")
    return site


def change(site: Any, old: str, new: str) -> None:
    settings = (site.folder / "publisher.toml").read_text()
    assert old in settings
    site.settings(settings.replace(old, new))


def lose_the_store(site: Any) -> None:
    shutil.rmtree(site.folder / ".publisher")


def rename(site: Any) -> None:
    (site.posts / "post-2.md").rename(site.posts / "second.md")
    (site.posts / "2024").mkdir()
    (site.posts / "post-5.md").rename(site.posts / "2024/post-5.md")


def redate(site: Any) -> None:
    site.post("post-2.md", text("post-2", "2024-10-10"))


def retitle(site: Any) -> None:
    site.post("post-2.md", text("post-2", DAYS["post-2"], title="A better title"))


def retitle_and_rename(site: Any) -> None:
    retitle(site)
    (site.posts / "post-2.md").rename(site.posts / "better.md")


def new_slug(site: Any) -> None:
    site.post("post-2.md", text("post-2", DAYS["post-2"]).replace("date:", "slug: other\ndate:"))


def edit(site: Any) -> None:
    site.post("post-2.md", text("post-2", DAYS["post-2"], body="Other words."))


def withdraw_and_restore(site: Any) -> None:
    (site.posts / "post-8.md").rename(site.folder / "away.md")
    site.publish("2024-10-20T05:00:00Z")
    site.publish("2024-10-20T06:00:00Z")
    (site.folder / "away.md").rename(site.posts / "post-8.md")


def pages(site: Any) -> None:
    site.settings((site.folder / "publisher.toml").read_text() + "\n[posts]\npages = true\n")


def permalinks(site: Any) -> None:
    site.settings((site.folder / "publisher.toml").read_text() + '\n[posts]\npermalink = "/blog/:slug/"\n')


def profile(site: Any) -> None:
    site.settings((site.folder / "publisher.toml").read_text() + '\n[posts]\nprofile = "jekyll"\n')


def ids(site: Any) -> None:
    site.settings((site.folder / "publisher.toml").read_text() + '\n[posts]\nids = "permalink"\n')


def domain(site: Any) -> None:
    change(site, 'url = "https://harbour.example/"', 'url = "https://quay.example/blog/"')


def authority(site: Any) -> None:
    change(site, "harbour.example,2024", "quay.example,2026")


def store(site: Any) -> None:
    lose_the_store(site)


def store_and_permalinks(site: Any) -> None:
    lose_the_store(site)
    permalinks(site)


def store_and_names(site: Any) -> None:
    lose_the_store(site)
    rename(site)
    site.post("post-7.md", text("post-7", DAYS["post-7"], title="A better title"))


def store_and_authority(site: Any) -> None:
    lose_the_store(site)
    authority(site)


def store_and_feeds(site: Any) -> None:
    lose_the_store(site)
    shutil.rmtree(site.public)


DEEDS = [
    rename, redate, retitle, retitle_and_rename, new_slug, edit, withdraw_and_restore, pages, permalinks,
    profile, ids, domain, authority, store, store_and_permalinks, store_and_names, store_and_authority,
    store_and_feeds,
]  # fmt: skip


@pytest.mark.parametrize("deed", DEEDS, ids=lambda deed: deed.__name__)
def test_no_client_sees_an_old_post_again_after(deed: Callable[[Any], None], blog: Any) -> None:
    readers = Readers(blog.public)
    deed(blog)
    blog.publish(LATER, "--accept-new")
    assert readers.news() == {}
    assert blog.publish(LATER) == "nothing new\n"
    blog.post("post-9.md", text("post-9", "2024-10-21"))
    blog.publish(LAST)
    assert readers.news() == {name: ["post-9"] for name in ("feed.atom", "feed.xml", "feed.json")}
    assert blog.feed()["items"][0]["title"] == "post-9"
    assert blog.mails() == []


def test_a_lost_store_gives_the_same_bytes_with_the_same_validators(blog: Any) -> None:
    feeds = ("feed.atom", "feed.xml", "feed.json")
    before = {name: (blog.read(name), (blog.public / name).stat().st_mtime) for name in feeds}
    lose_the_store(blog)
    assert "recognized 8 posts from the feeds under public/" in blog.publish(LATER)
    after = {name: (blog.read(name), (blog.public / name).stat().st_mtime) for name in feeds}
    assert after == before


def test_a_post_that_came_late_keeps_its_place_when_the_store_is_lost(blog: Any) -> None:
    blog.post("late.md", text("late", "2024-09-02"))
    blog.publish(LATER)
    order = [item["id"] for item in blog.feed()["items"]]
    assert blog.feed()["items"][0]["title"] == "late"
    lose_the_store(blog)
    blog.publish(LAST)
    assert [item["id"] for item in blog.feed()["items"]] == order


def test_a_store_lost_with_readers_mails_nobody_again(blog: Any) -> None:
    blog.reader("ann@example.org", "2024-10-20T05:00:00Z")
    blog.post("new.md", text("new", "2024-10-20"))
    blog.publish("2024-10-20T10:00:00Z")
    assert len(blog.mails_to("ann@example.org")) == 1
    lose_the_store(blog)
    assert "run `publisher reconcile` first" in blog.publish(LATER, code=1)
    blog.run("reconcile", "--at", "2024-10-20T11:00:00Z")
    blog.run("keys", "secret", "--new", "--yes")  # it was lost with the store
    blog.reader("ann@example.org", "2024-10-20T11:00:00Z")
    blog.publish(LATER)
    assert len(blog.mails_to("ann@example.org")) == 1


def test_feeds_of_another_site_under_public_are_said_and_not_taken(blog: Any) -> None:
    lose_the_store(blog)
    for file in blog.posts.iterdir():
        file.unlink()
    for n in range(3):
        blog.post(f"other-{n}.md", text(f"other-{n}", "2024-10-01", title=f"Other {n}"))
    said = blog.publish(LATER, code=1)
    assert (
        "the store is new, and the feeds under public/ name 8 posts of which 8 do not match any post here"
        in said
    )
    assert "`publisher publish --accept-new` if that is meant" in said
    blog.publish(LATER, "--accept-new")
    assert len(blog.feed()["items"]) == 3
