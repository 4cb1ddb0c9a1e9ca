"""Permalinks of posts that have pages: below /posts/ or at the root, and fit for any disk."""

import pytest

from publisher.core.posts.page_paths import page_path, public_permalink


@pytest.mark.parametrize(
    ("permalink", "page"),
    [
        ("/2026/10/19/tides/", "posts/2026/10/19/tides/index.html"),
        ("/posts/tides/", "posts/tides/index.html"),
        ("/posts/posts/", "posts/posts/index.html"),
        ("/postscript", "posts/postscript/index.html"),
        ("/2026/tides.html", "posts/2026/tides.html"),
        ("/caf%C3%A9/", "posts/café/index.html"),
        ("/feed.atom", "posts/feed.atom/index.html"),
        ("/index.html", "posts/index.html"),
        ("/", "posts/index.html"),
        ("/posts", "posts/index.html"),
        ("/a%2Fb/", "posts/a-b/index.html"),
        ("/a%5Cb%00c/", "posts/a-b-c/index.html"),
        ("/%2E%2E/%2e%2e/etc/passwd", "posts/-./-./etc/passwd/index.html"),
        ("/.git/config", "posts/-git/config/index.html"),
        ("/x.part/", "posts/x.part-/index.html"),
    ],
)
def test_a_page_stands_below_posts_under_a_name_that_is_fit(permalink: str, page: str) -> None:
    assert page_path(public_permalink(permalink)) == page
    assert public_permalink(public_permalink(permalink)) == public_permalink(permalink)


def test_names_too_long_for_a_disk_are_shortened_and_stay_apart() -> None:
    long = "潮" * 200
    one, other = public_permalink(f"/{long}a/"), public_permalink(f"/{long}b.html")
    assert one.removesuffix("/") != other.removesuffix(".html")
    assert other.endswith(".html")
    for permalink in (one, other):
        assert all(len(name.encode()) <= 120 for name in page_path(permalink).split("/"))


def test_a_path_too_long_for_a_disk_is_named_by_its_hash() -> None:
    path = page_path(public_permalink("/" + "deep/" * 400))
    assert len(path) < 100
    assert path.startswith("posts/")


def test_at_the_root_a_page_stands_where_its_permalink_says() -> None:
    for permalink, page in {
        "/tides/": "tides/index.html",
        "/2026/tides.html": "2026/tides.html",
        "/posts/tides/": "posts/tides/index.html",
        "/posts": "posts/index.html",
        "/": "index.html",
        "/a%2Fb/": "a-b/index.html",
        "/%2E%2E/%2e%2e/etc/passwd": "-./-./etc/passwd/index.html",
        "/.well-known/x": "-well-known/x/index.html",
    }.items():
        made = public_permalink(permalink, at_root=True)
        assert page_path(made) == page, permalink
        assert public_permalink(made, at_root=True) == made, permalink
