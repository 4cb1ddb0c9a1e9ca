"""The pages: whole documents without script that load nothing, in any direction."""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Any

import pytest

from publisher.core.digests.digest import DigestPost
from publisher.core.errors import TemplateError
from publisher.core.feeds.feed import FeedEntry
from publisher.core.site import Person, Site
from publisher.core.subscribers.subscription import (
    ContentPreference,
    MailingList,
    Schedule,
    SchedulePreference,
)
from publisher.rendering import JinjaRenderer
from publisher.services.subscribers.account import Offer

WHEN = datetime(2024, 10, 25, 18, 30, tzinfo=UTC)
DAILY = {
    "slug": "daily",
    "title": "River Daily",
    "description": "Each new post.",
    "url": "https://river.example/subscribe/daily",
    "archive": "https://river.example/digests/daily/",
}
WEEKLY = {**DAILY, "slug": "weekly", "title": "River <Weekly>", "archive": ""}
PAGE = "https://river.example/feed.html"
FEED = {"slug": "feed", "title": "All posts", "page": PAGE, "links": [
    {"name": "Atom", "url": "https://river.example/feed.atom", "media_type": "application/atom+xml"},
    {"name": "RSS", "url": "https://river.example/feed.xml", "media_type": "application/rss+xml"},
]}  # fmt: skip
POST = {
    "title": "The delta",
    "url": "https://river.example/delta/",
    "date": WHEN,
    "summary": "Water.",
    "pinned": True,
    "language": "en",
}
POST_PAGE = {
    "post": DigestPost(
        id="tag:river.example,2024:/delta/",
        revision="0" * 32,
        title="The delta",
        url="https://river.example/posts/delta/",
        instant=WHEN,
        language="ar",
        html="<h1>One</h1><h3>Two</h3><table><tr><td>x</td></tr></table><p>Water.</p>",
        text="",
        summary="Water & salt.",
        authors=(Person(name="Ana Lim"),),
        categories=("water",),
    ),
    "tags": ("water", "salt"),
    "toc": True,
    "series": {
        "name": "Rivers",
        "number": 2,
        "parts": [
            {"title": "A source", "url": "https://e.example/1", "language": "en", "number": 1, "here": False},
            {"title": "A mouth", "url": "https://e.example/2", "language": "en", "number": 2, "here": True},
        ],
    },
    "updated": WHEN,
    "previous": None,
    "next": {"title": "The <mouth>", "url": "https://river.example/posts/mouth/", "language": "en"},
    "feeds": [FEED],
}
MORE = {
    "parted": [{"title": "By <tag>", "url": "https://river.example/tags/"}],
    "outline": "https://river.example/feeds.opml",
}
ENTRY = FeedEntry(
    id="tag:river.example,2024:/delta/",
    url="https://river.example/delta/",
    title="The <delta>",
    published=WHEN,
    updated=WHEN,
    summary="Water.",
    language="ar",
)
UNTITLED = replace(ENTRY, title="", summary="", language="")
CHOOSING = {
    "choices": {
        "pace": SchedulePreference(cadence="weekly", on="fri", at=time(18, 0)),
        "taste": ContentPreference(topics=("<b>",)),
        "paused": False,
    },
    "offer": Offer(cadences=("daily", "weekly"), topics=("<b>", "art"), languages=("ar", "en"), hour=True),
    "often": {"daily": "Once a day", "weekly": "Once a week"},
    "usual": "Once a day",
    "rhythm": Schedule(cadence="weekly", on="fri", at=time(18, 0), timezone="Asia/Kathmandu"),
    "days": ("mon", "tue", "wed", "thu", "fri"),
    "hours": ["17:00", "18:00"],
    "hour": "18:00",
    "zones": {"Asia": [("Asia/Kathmandu", "Kathmandu")]},
    "next": WHEN,
    "saved": True,
    "leave": "/unsubscribe/abc",
    "account": "/account/abc",
}
LOST = {
    "status": 404,
    "title": "Not found",
    "message": "We could not find this page. The link may be incomplete.",
}


@pytest.fixture
def pages(site: Site, spec: MailingList) -> Mapping[str, Mapping[str, Any]]:
    """Every page with values it may be given."""
    letter = {"spec": spec, "address": "s…@example.org", "action": "/confirm/abc"}
    return {
        "index": {"feeds": [FEED], "lists": [DAILY, WEEKLY], "posts": [POST, {**POST, "language": "ar"}],
                  **MORE},
        "feed": {"feed": FEED, "entries": [ENTRY, UNTITLED], "more": True, "lists": [DAILY],
                 "snippet": ['<link rel="alternate" href="https://river.example/feed.atom">']},
        "feeds": {"title": "Tags", "kind": "tag", "feeds": [FEED]},
        "archive": {"spec": spec, "mailings": [{"title": "One", "date": WHEN, "url": "https://e.example/1"}]},
        "subscribe": {"lists": [DAILY, WEEKLY], "chosen": ["weekly"], "token": "T0ken",
                      "action": "/subscribe", "problem": "Please choose at least one list.", "detail": ""},
        "answer": {},
        "leave": {"sent": False, "address": "", "token": "t", "problem": "", "detail": ""},
        "confirm": letter,
        "confirmed": {"spec": spec},
        "unsubscribe": letter,
        "unsubscribed": {"spec": spec, "account": "/account/abc"},
        "account": letter | {"link": None, "active": True},
        "once": letter | {"link": "address", "typed": "a", "detail": "", "problem":
                          "Please enter a valid email address, such as name@example.com."},
        "erased": {},
        "never-ask": {"done": False, "action": "/never-ask/abc"},
        "wait": {"chosen": ["daily"], "address": "a", "token": "t", "action": "/subscribe", "left": 20,
                 "problem": "That was too soon. Please wait the full 20 seconds."},
        "moving": {"spec": spec},
        "preferences": letter | CHOOSING,
        "error": LOST,
        "post": POST_PAGE,
    }  # fmt: skip


def test_every_packaged_page_is_a_whole_document(
    pages: Mapping[str, Mapping[str, Any]], site: Site, renderer: JinjaRenderer, templates: Path
) -> None:
    parts = {"layout", "deeds", "moved", "signup-form"}  # a frame, pieces, and a page that only leads on
    assert {path.stem for path in (templates / "web").glob("*.html")} - parts == set(pages)
    for name, values in pages.items():
        page = renderer.page(name, {"site": site, **values})
        assert page.lstrip().startswith('<!DOCTYPE html>\n<html lang="en" dir="ltr">'), name
        assert page.count("<h1>") == page.count("<main") == page.count("<title>") == 1, name
        assert 'href="#main">Skip' in page, name
        assert not re.search(r"(?i)<(script|img|iframe)|\sstyle=|\son\w+=|@import|url\(", page), name


def test_a_post_page_says_what_it_is_and_where(site: Site, renderer: JinjaRenderer) -> None:
    page = renderer.page("post", {"site": site, **POST_PAGE})
    assert '<link rel="canonical" href="https://river.example/posts/delta/">' in page
    assert '<meta name="description" content="Water &amp; salt.">' in page
    assert '<article class="post" lang="ar" dir="rtl">' in page
    assert "<h2>One</h2><h3>Two</h3>" in page
    assert '<div class="wide" tabindex="0"><table>' in page
    assert page.count("<li><bdi>water</bdi></li>") == page.count("<li><bdi>salt</bdi></li>") == 1
    assert 'rel="next"><bdi lang="en">The &lt;mouth&gt;</bdi>' in page
    assert 'rel="prev"' not in page
    assert "updated" not in page
    assert 'rel="alternate" type="application/atom+xml"' in page


SPOKEN = ("ar", "de", "es", "fr", "he", "ja", "km", "zh", "zh-Hant")
WORD = re.compile(r"(?:>|aria-label=\"|<title>)\s*([A-Z][a-z]+(?: [a-z]+)+)")
"""Two English words or more, where a sentence may begin."""
WRITTEN = {"All posts", "The delta", "Each new post", "Essays from along the water"}  # by the site


@pytest.mark.parametrize("language", SPOKEN)
def test_a_page_speaks_one_language(
    language: str,
    pages: Mapping[str, Mapping[str, Any]],
    site: Site,
    renderer: JinjaRenderer,
) -> None:
    """Whatever English says to a person is said otherwise; what the site wrote stays as it is."""
    turned = "rtl" if language in {"ar", "he"} else "ltr"
    for name, values in pages.items():
        english = renderer.page(name, {"site": site, **values})
        page = renderer.page(name, {"site": site, **values, "language": language})
        assert f'<html lang="{language}" dir="{turned}">' in page, name
        written = {*WORD.findall(english)} & {*WORD.findall(page)}
        assert written <= WRITTEN, name
        shape = re.compile(r"<[a-z]+|(?:id|name|value|href|action|class)=\"[^\"]*\"")
        assert shape.findall(page) == shape.findall(english), name


@pytest.mark.parametrize("language", SPOKEN)
def test_a_link_that_works_once_says_what_it_is_for(
    language: str, pages: Mapping[str, Mapping[str, Any]], site: Site, renderer: JinjaRenderer
) -> None:
    given = {"site": site, **pages["once"], "problem": ""}
    said: list[str] = []
    for name, more in (("once", {"link": "export"}), ("once", {"link": "erase"}), ("account", {"link": "x"})):
        english, page = (renderer.page(name, given | more | {"language": tag}) for tag in ("en", language))
        assert {*WORD.findall(english)} & {*WORD.findall(page)} <= WRITTEN
        assert page.count("<form") == (name == "once")
        said.append(page)
    assert len(set(said)) == 3


def test_a_page_without_words_of_its_language_says_that_it_is_english(
    site: Site, renderer: JinjaRenderer
) -> None:
    page = renderer.page("answer", {"site": replace(site, language="tlh")})
    assert '<html lang="en" dir="ltr">' in page
    assert "<h1>Check your inbox</h1>" in page


def test_days_of_a_page_are_those_of_its_language(
    pages: Mapping[str, Mapping[str, Any]], site: Site, renderer: JinjaRenderer
) -> None:
    chosen = renderer.page("preferences", {"site": site, **pages["preferences"], "language": "ar"})
    assert '<option value="fri" selected>الجمعة</option>' in chosen
    assert "26 أكتوبر 2024، 00:15</time>" in chosen
    home = renderer.page("index", {"site": site, **pages["index"], "language": "ja"})
    assert "2024年10月26日" in home


def test_styles_know_no_left_and_right(templates: Path) -> None:
    css = (templates / "web" / "styles.css").read_text()
    allowed = ".post :is(p, h1, h2, h3):dir(rtl) { text-align: right }"
    assert allowed in css
    assert not re.search(r"\b(left|right)\b", css.replace(allowed, ""))


def test_the_start_page_points_to_feeds_lists_and_posts(
    pages: Mapping[str, Mapping[str, Any]], site: Site, renderer: JinjaRenderer
) -> None:
    page = renderer.page("index", {"site": site, **pages["index"]})
    assert '<link rel="alternate" type="application/atom+xml" title="All posts (Atom)"' in page
    assert page.count('href="https://river.example/feed.atom"') == 2
    assert page.count('href="https://river.example/digests/daily/"') == 1
    assert "River &lt;Weekly&gt;" in page
    assert "26 October 2024" in page
    assert '<li lang="ar" dir="rtl">' in page


def test_the_start_page_of_an_empty_site_renders(site: Site, renderer: JinjaRenderer) -> None:
    page = renderer.page("index", {"site": site, "feeds": [], "lists": [], "posts": [], **MORE, "parted": []})
    assert "Follow" not in page


def test_the_sign_up_form_is_complete(
    pages: Mapping[str, Mapping[str, Any]], site: Site, renderer: JinjaRenderer
) -> None:
    page = renderer.page("subscribe", {"site": site, **pages["subscribe"]})
    assert '<form method="post" action="/subscribe">' in page
    assert '<input type="hidden" name="token" value="T0ken">' in page
    assert 'name="list" value="weekly" checked' in page
    assert 'name="list" value="daily">' in page
    assert '<label class="label" for="address">' in page
    assert 'autocomplete="email"' in page
    assert 'name="website" value="" tabindex="-1"' in page
    assert 'role="alert" id="problem">Please choose at least one list.' in page


def test_one_list_needs_no_choice(site: Site, renderer: JinjaRenderer) -> None:
    values = {
        "lists": [DAILY],
        "chosen": ["daily"],
        "token": "t",
        "action": "/subscribe/daily",
        "problem": "",
        "detail": "",
    }
    page = renderer.page("subscribe", {"site": site, **values})
    assert '<input type="hidden" name="list" value="daily">' in page
    assert "checkbox" not in page
    assert "alert" not in page


@pytest.mark.parametrize("name", ["confirm", "unsubscribe"])
def test_only_a_button_acts(
    name: str, pages: Mapping[str, Mapping[str, Any]], site: Site, renderer: JinjaRenderer
) -> None:
    page = renderer.page(name, {"site": site, **pages[name]})
    assert '<form method="post" action="/confirm/abc">\n<button class="button" type="submit">' in page
    assert "s…@example.org" in page


def test_an_archive_lists_mails_and_says_when_there_are_none(
    pages: Mapping[str, Mapping[str, Any]], site: Site, spec: MailingList, renderer: JinjaRenderer
) -> None:
    page = renderer.page("archive", {"site": site, **pages["archive"]})
    assert '<time datetime="2024-10-25T18:30:00Z">26 October 2024</time>' in page
    assert 'href="https://river.example/subscribe/daily"' in page
    assert "Nothing has been sent yet" in renderer.page(
        "archive", {"site": site, "spec": spec, "mailings": []}
    )


def test_a_value_that_is_missing_is_named(site: Site, renderer: JinjaRenderer) -> None:
    with pytest.raises(
        TemplateError, match=r"^templates/web/error\.html:\d+: 'title' is undefined; the comment"
    ):
        renderer.page("error", {"site": site})


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    r, g, b = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_colours_of_pages_are_readable_in_light_and_dark(templates: Path) -> None:
    """WCAG 2.2, 1.4.3 (4.5 for text) and 1.4.11 (3 for the edges of controls)."""
    css = (templates / "web" / "styles.css").read_text()
    schemes = [
        dict(re.findall(r"--(\w+): (#\w{6})", block)) for block in re.findall(r":root \{([^}]*)\}", css)
    ]
    assert len(schemes) == 2
    light, dark = schemes
    for colours in (light, {**light, **dark}):
        for back in (colours["paper"], colours["tint"]):
            for front in ("ink", "quiet", "accent", "warn"):
                assert contrast(colours[front], back) >= 4.5, (front, back)
            assert contrast(colours["edge"], back) >= 3, back
        assert contrast(colours["on"], colours["accent"]) >= 4.5
