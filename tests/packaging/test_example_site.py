"""The example site is what the demo and the documentation say it is."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from paths import ROOT

from publisher.app import App, fixed
from publisher.config import load
from publisher.core.posts.post import BadPost, ParsedPost, WaitReason, wait_reason

SITE = ROOT / "examples/site"
NOW = datetime(2026, 10, 23, 8, tzinfo=UTC)


@pytest.fixture(scope="module")
def posts(tmp_path_factory: pytest.TempPathFactory) -> list[ParsedPost]:
    state = tmp_path_factory.mktemp("state")  # the example's own folder stays as it is
    environ = {"PUBLISHER_STORE__URL": f"sqlite:///{state}/publisher.db"}
    app = App(load(SITE, environ), clock=fixed(NOW), environ={})
    found = list(app.deps.adapters.source().scan())
    app.close()
    assert not [str(item) for item in found if isinstance(item, BadPost)]
    return [item for item in found if isinstance(item, ParsedPost)]


def test_it_has_a_dozen_posts_a_draft_and_one_for_the_future(posts: list[ParsedPost]) -> None:
    why = [wait_reason(item.post, NOW) for item in posts]
    assert (why.count(None), why.count(WaitReason.HIDDEN), why.count(WaitReason.FUTURE)) == (12, 1, 1)
    assert not [item.post.warnings for item in posts if item.post.warnings]


def test_its_four_newest_posts_are_of_one_week_and_in_three_languages(posts: list[ParsedPost]) -> None:
    public = sorted(
        (item.post.instant, item.post.language)
        for item in posts
        if item.post.instant and wait_reason(item.post, NOW) is None
    )
    older, newest = public[:-4], public[-4:]
    assert newest[-1][0] - newest[0][0] < timedelta(days=5)
    assert newest[0][0] - older[-1][0] > timedelta(days=20)
    assert [language for _, language in newest] == ["en", "ar", "de", "en"]
    assert {language for _, language in public} == {"en", "ar", "de", "fr", "ja"}


def test_every_post_says_who_wrote_it_and_where_it_belongs(posts: list[ParsedPost]) -> None:
    for item in posts:
        if wait_reason(item.post, NOW) is not WaitReason.HIDDEN:
            assert item.post.authors, item.post.path
            assert item.post.tags, item.post.path


def test_its_pictures_are_there_and_small(posts: list[ParsedPost]) -> None:
    pictures = {
        (SITE / "posts" / item.post.path).parent / name
        for item in posts
        for name in re.findall(r"!\[[^\]]+\]\((\S+)\)", item.body)
    }
    assert pictures == set(SITE.rglob("*.png"))
    assert len(pictures) == 4
    assert all(picture.stat().st_size < 60_000 for picture in pictures)
