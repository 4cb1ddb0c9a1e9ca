"""The gate, the order of posts, and what an update is measured by."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from publisher.core.posts.post import (
    BadPost,
    Image,
    Post,
    WaitReason,
    body_hash,
    next_publication,
    public_posts,
    split_warning,
    wait_reason,
)

NOW = datetime(2024, 10, 25, 9, 0, tzinfo=UTC)
MOMENT = timedelta(microseconds=1)
POST = Post(
    path="a.md",
    title="A",
    instant=NOW,
    permalink="/a/",
    url="https://example.org/a/",
    base_url="https://example.org/a/",
    slug="a",
    language="en",
    body_hash=body_hash("a"),
)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({}, None),
        ({"instant": NOW - MOMENT}, None),
        ({"instant": NOW + MOMENT}, WaitReason.FUTURE),
        ({"hidden": "draft: true"}, WaitReason.HIDDEN),
        ({"hidden": "draft: true", "instant": NOW + MOMENT}, WaitReason.HIDDEN),
        ({"instant": None}, WaitReason.HIDDEN),
        ({"hidden": ""}, WaitReason.HIDDEN),
        ({"expires": NOW + MOMENT}, None),
        ({"expires": NOW}, WaitReason.EXPIRED),
        ({"expires": NOW - timedelta(days=9)}, WaitReason.EXPIRED),
        ({"instant": NOW + MOMENT, "expires": NOW}, WaitReason.FUTURE),
        ({"opens": NOW + MOMENT}, WaitReason.FUTURE),
        ({"opens": NOW}, None),
        ({"instant": NOW - MOMENT, "opens": NOW + MOMENT, "expires": NOW}, WaitReason.FUTURE),
    ],
)
def test_a_post_is_public_when_its_time_has_come_and_nothing_hides_it(
    changes: dict[str, Any], why: WaitReason | None
) -> None:
    post = replace(POST, **changes)
    assert wait_reason(post, NOW) is why
    assert public_posts([post], NOW) == ([post] if why is None else [])


def test_posts_of_one_instant_come_in_path_order() -> None:
    first = replace(POST, path="z.md", instant=NOW - MOMENT)
    second, third = replace(POST, path="B.md"), replace(POST, path="b.md")
    for order in permutations((first, second, third)):
        assert public_posts(order, NOW) == [first, second, third]


def test_an_embargo_is_what_is_waited_for() -> None:
    waiting = replace(POST, instant=NOW - MOMENT, opens=NOW + MOMENT)
    assert waiting.due == NOW + MOMENT
    assert replace(waiting, opens=NOW - timedelta(days=1)).due == NOW - MOMENT
    assert next_publication([waiting, replace(POST, instant=NOW + timedelta(days=1))], NOW) == NOW + MOMENT


def test_a_warning_may_name_its_line() -> None:
    assert split_warning("line 12: title: odd") == (12, "title: odd")
    assert split_warning("file name: odd") == (0, "file name: odd")


def test_a_microsecond_orders_posts_in_any_century() -> None:
    late = datetime(9000, 1, 1, tzinfo=UTC)
    first, second = replace(POST, path="b.md", instant=late), replace(POST, instant=late + MOMENT)
    assert public_posts([second, first], late + MOMENT) == [first, second]


def test_the_next_instant_is_the_earliest_of_those_that_wait() -> None:
    later, soon = NOW + timedelta(days=2), NOW + timedelta(hours=1)
    waiting = [replace(POST, instant=later), replace(POST, instant=soon), POST]
    assert next_publication(waiting, NOW) == soon
    assert (
        next_publication([POST, replace(POST, instant=None), replace(POST, hidden="x", instant=soon)], NOW)
        is None
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"title": "B"},
        {"body_hash": body_hash("b")},
        {"url": "https://example.org/b/"},
        {"summary": "b"},
        {"image": Image(url="https://example.org/b.png")},
    ],
)
def test_title_body_link_summary_and_image_make_a_revision(changes: dict[str, Any]) -> None:
    assert replace(POST, **changes).revision != POST.revision


@pytest.mark.parametrize(
    "changes",
    [
        {"path": "b.md"},
        {"tags": ("b",)},
        {"categories": ("b",)},
        {"modified": NOW},
        {"instant": NOW - MOMENT},
        {"explicit_id": "b"},
        {"warnings": ("b",)},
        {"expires": NOW},
    ],
)
def test_other_metadata_makes_no_revision(changes: dict[str, Any]) -> None:
    assert replace(POST, **changes).revision == POST.revision


def at(site: str, picture: str) -> Post:
    url = f"{site}{POST.permalink}"
    return replace(POST, url=url, base_url=url, image=Image(url=picture))


def test_another_domain_or_folder_of_the_site_is_no_revision() -> None:
    before = at("https://a.example", "https://a.example/p.png")
    assert at("http://www.b.example:8000", "http://www.b.example:8000/p.png").revision == before.revision
    deep = at("https://a.example/blog", "https://a.example/blog/p.png")
    assert deep.revision == at("https://b.example/notes", "https://b.example/notes/p.png").revision
    above = at("https://a.example/blog", "https://a.example/p.png")
    assert above.revision == at("https://b.example/blog", "https://b.example/p.png").revision


def test_an_address_elsewhere_is_a_revision() -> None:
    before = at("https://a.example", "https://a.example/p.png")
    for picture in ("https://a.example.org/p.png", "https://cdn.example/p.png", "https://a.example/q.png"):
        assert at("https://a.example", picture).revision != before.revision, picture
    for url in ("https://other.example/one/", f"https://a.example{POST.permalink}x"):
        assert replace(before, url=url).revision != before.revision, url


def test_the_text_that_its_author_wrote_is_measured_where_links_in_it_were_resolved() -> None:
    resolved = replace(POST, body_hash="b" * 64, written_hash=POST.body_hash)
    assert resolved.revision == POST.revision != replace(POST, body_hash="b" * 64).revision


def test_an_images_words_are_no_revision_but_its_place_is() -> None:
    image = Image(url="https://example.org/b.png")
    assert replace(POST, image=image).revision == replace(POST, image=replace(image, alt="b")).revision


@given(st.text(st.characters()), st.text(st.characters()))
def test_no_text_breaks_a_revision_and_fields_do_not_run_together(title: str, summary: str) -> None:
    post = replace(POST, title=title + "x", summary=summary)
    assert len(post.revision) == 32
    assert post.revision != replace(POST, title=title, summary="x" + summary).revision


def test_a_bad_post_reads_as_path_line_and_reason() -> None:
    assert str(BadPost(path="a.md", line=3, reason="no date")) == "a.md:3: no date"
    assert str(BadPost(path="a.md", reason="no date")) == "a.md: no date"
