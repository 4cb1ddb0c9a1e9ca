"""Addresses that pages of posts had before, and their aliases, lead to where the post is now."""

import json
from typing import Any

import httpx
import pytest

AT = "2024-10-20T0{}:00:00Z"


@pytest.fixture
def blog(site: Any) -> Any:
    site.settings((site.folder / "publisher.toml").read_text() + "\n[posts]\npages = true\n")
    return site


def write(site: Any, name: str, title: str, *more: str, date: str = "2024-10-01") -> Any:
    front = "\n".join((f"title: {title}", f"date: {date}", *more))
    return site.post(name, f"---\n{front}\n---\nWords of {name}.\n")


def moves(site: Any) -> dict[str, tuple[str, str]]:
    listed = site.json("feeds", "list")["moves"]
    return {move["path"]: (move["fate"], move["target"]) for move in listed}


def answers(running: Any, *paths: str) -> list[tuple[int, str]]:
    url = running("--web-only").url
    with httpx.Client(base_url=url, trust_env=False) as client:
        found = [client.get(path) for path in paths]
    return [(answer.status_code, answer.headers.get("location", "")) for answer in found]


def test_a_post_that_moves_twice_is_found_at_each_address_it_had(blog: Any, running: Any) -> None:
    file = write(blog, "a.md", "A", "slug: one")
    blog.publish(AT.format(1))
    write(blog, "a.md", "A", "slug: two")
    blog.publish(AT.format(2))
    file.unlink()
    write(blog, "b.md", "A", "slug: three é", date="2024-10-01")
    blog.publish(AT.format(3))
    now = "posts/2024/10/01/three%20%C3%A9/"
    assert moves(blog) == {
        "posts/2024/10/01/one/index.html": ("moved", now),
        "posts/2024/10/01/two/index.html": ("moved", now),
    }
    page = blog.read("posts/2024/10/01/one/index.html").decode()
    assert f'<link rel="canonical" href="https://harbour.example/{now}">' in page
    assert f'content="0; url=https://harbour.example/{now}"' in page
    assert f'<a href="https://harbour.example/{now}">A</a>' in page
    there = (301, f"https://harbour.example/{now}")
    assert answers(running, "/posts/2024/10/01/one/", "/posts/2024/10/01/one", f"/{now}") == [
        there,
        there,
        (200, ""),
    ]


def test_a_post_that_goes_back_has_its_page_there_and_no_loop(blog: Any) -> None:
    for hour, slug in ((1, "one"), (2, "two"), (3, "one")):
        write(blog, "a.md", "A", f"slug: {slug}")
        blog.publish(AT.format(hour))
    assert moves(blog) == {"posts/2024/10/01/two/index.html": ("moved", "posts/2024/10/01/one/")}
    assert b"Words of a.md" in blog.read("posts/2024/10/01/one/index.html")


def test_another_post_may_take_an_address_that_was_left(blog: Any) -> None:
    write(blog, "a.md", "A", "slug: one")
    blog.publish(AT.format(1))
    write(blog, "a.md", "A", "slug: two")
    write(blog, "b.md", "B", "slug: one")
    blog.publish(AT.format(2))
    assert moves(blog) == {}
    assert b"Words of b.md" in blog.read("posts/2024/10/01/one/index.html")


def test_every_address_of_a_withdrawn_post_says_that_it_is_gone(blog: Any, running: Any) -> None:
    write(blog, "a.md", "A", "slug: one", "aliases: [/old/]")
    blog.publish(AT.format(1))
    write(blog, "a.md", "A", "slug: two", "aliases: [/old/]")
    blog.publish(AT.format(2))
    write(blog, "a.md", "A", "slug: two", "aliases: [/old/]", "draft: true")
    blog.publish(AT.format(3))
    assert not (blog.public / "posts/2024/10/01/one/index.html").exists()
    assert not (blog.public / "old/index.html").exists()
    gone = answers(running, "/posts/2024/10/01/one/", "/posts/2024/10/01/two/", "/old/")
    assert [status for status, _ in gone] == [410, 410, 404]


@pytest.mark.parametrize("key", ["aliases", "redirect_from", "redirects", "alias"])
def test_aliases_lead_to_the_page_and_leave_with_it(blog: Any, running: Any, key: str) -> None:
    write(blog, "a.md", "A", f"{key}: [/2019/Old post/, /a.html, https://harbour.example/x]")
    blog.publish(AT.format(1))
    there = (301, "https://harbour.example/posts/2024/10/01/a/")
    paths = ("/2019/Old%20post/", "/a.html", "/x", "/x/", "/posts/2019/Old%20post/")
    assert answers(running, *paths) == [there] * 5
    assert b"refresh" in blog.read("2019/Old post/index.html")
    write(blog, "a.md", "A")
    blog.publish(AT.format(2))
    assert moves(blog) == {}
    assert not (blog.public / "2019/Old post/index.html").exists()
    assert not (blog.public / "a.html").exists()


def test_an_alias_takes_the_place_of_no_document_and_its_author_is_told(blog: Any) -> None:
    (blog.public / "mine").mkdir(parents=True)
    (blog.public / "mine/index.html").write_text("<p>My own page.")
    write(blog, "a.md", "A")
    taken = ["/posts/2024/10/01/a/", "/feed.html", "/mine/", "/index.html", "/", "/subscribe/", "/assets/x/"]
    write(blog, "b.md", "B", f"aliases: [{', '.join(taken)}, /old/]")
    write(blog, "c.md", "C", "aliases: [/old/]", date="2024-10-02")
    blog.publish(AT.format(1))
    assert moves(blog)["old/index.html"] == ("moved", "posts/2024/10/01/b/")
    assert set(moves(blog)) == {
        "old/index.html",
        "posts/old/index.html",
        "posts/feed.html",
        "posts/mine/index.html",
        "posts/subscribe/index.html",
        "posts/assets/x/index.html",
    }
    assert b"Words of a.md" in blog.read("posts/2024/10/01/a/index.html")
    assert blog.read("mine/index.html") == b"<p>My own page."
    said = blog.run("status").stdout
    assert "b.md: its alias mine/index.html is taken" in said
    assert "c.md: its alias old/index.html is that of b.md" in said


def test_an_alias_is_no_way_round_in_a_circle_with_a_move_that_an_operator_made(
    blog: Any, running: Any
) -> None:
    write(blog, "a.md", "A", "aliases: [/old/, /older/]")
    blog.publish(AT.format(1))
    page = "posts/2024/10/01/a/"
    assert moves(blog)["old/index.html"] == ("moved", page)
    blog.run("feeds", "move", page, "old/")
    blog.publish(AT.format(2))
    assert moves(blog) == {
        f"{page}index.html": ("moved", "old/index.html"),
        "older/index.html": ("moved", page),
        **{f"posts/{name}/index.html": ("moved", page) for name in ("old", "older")},
    }
    assert "a.md: its alias old/index.html is where its page moved to" in blog.run("status").stdout
    found = answers(running, f"/{page}", "/old/", "/older/")
    assert [status for status, _ in found] == [301, 404, 301]


def test_a_hostile_alias_leads_nowhere_else(blog: Any, running: Any) -> None:
    bad = [
        "//evil.example/x",
        "javascript:alert(1)",
        "data:text/html,x",
        "../../../etc/passwd",
        "/a\\r\\nSet-Cookie: x=1/",
        "/%0d%0aLocation: evil/",
        "/.well-known/acme-challenge/",
        "/..%2f..%2fetc/",
        '/q"><script>/',
        "/" + "x" * 3000,
    ]
    write(blog, "a.md", "A", f"aliases: {json.dumps(bad)}".replace("\\\\", "\\"))
    blog.publish(AT.format(1))
    found = moves(blog)
    assert {target for _, target in found.values()} == {"posts/2024/10/01/a/"}
    for path in found:
        assert not any(part.startswith(".") or not part for part in path.split("/"))
        assert all(ord(letter) >= 32 for letter in path)
        assert (blog.public / path).resolve().is_relative_to(blog.public.resolve())
    assert not any("alert" in path for path in found)
    assert answers(running, "//evil.example/x")[0] != (301, "//evil.example/x")


def test_an_unchanged_site_writes_nothing_again(blog: Any) -> None:
    write(blog, "a.md", "A", "aliases: [/old/]")
    blog.publish(AT.format(1))
    assert "wrote" not in blog.publish(AT.format(2))


def test_old_addresses_outlive_a_store_that_was_lost(blog: Any, running: Any) -> None:
    write(blog, "a.md", "A", "slug: one")
    write(blog, "b.md", "B", "slug: other")
    blog.publish(AT.format(1))
    for n, slug in enumerate(("two", "three é"), 2):
        write(blog, "a.md", "A", f"slug: {slug}")
        blog.publish(AT.format(n))
    before, documents = moves(blog), blog.documents()
    assert len(before) == 2
    for file in (blog.folder / ".publisher").glob("publisher.db*"):
        file.unlink()
    blog.run("reconcile")
    blog.publish(AT.format(4))
    assert moves(blog) == before
    name = "posts/2024/10/01/one/index.html"
    assert blog.documents()[name] == documents[name]
    write(blog, "a.md", "A", "slug: four")
    blog.publish(AT.format(5))
    there = (301, "https://harbour.example/posts/2024/10/01/four/")
    old = [f"/posts/2024/10/01/{slug}/" for slug in ("one", "two", "three%20%C3%A9")]
    assert answers(running, *old) == [there] * 3
