"""Sample content: what each packaged mail and page is given, so that a site's own templates can be judged by
what they make of it, and the reference can name their variables.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

from publisher.core.digests.digest import Digest, DigestLinks, DigestPost, Layout
from publisher.core.feeds.feed import FeedEntry
from publisher.core.posts.filters import EVERYTHING
from publisher.core.posts.post import Image
from publisher.core.site import Person, Site
from publisher.core.subscribers.subscription import (
    ContentPreference,
    MailingList,
    Schedule,
    SchedulePreference,
)

Values = Mapping[str, object]

WHEN = datetime(2024, 10, 25, 18, 30, tzinfo=UTC)

LINKS = DigestLinks(
    unsubscribe="https://sample.example/unsubscribe/token",
    preferences="https://sample.example/preferences/token",
    web="https://sample.example/digests/sample/7/",
    archive="https://sample.example/digests/sample/",
    subscribe="https://sample.example/subscribe/sample",
)

LETTER_LINKS: Mapping[str, DigestLinks] = {
    "confirm": DigestLinks(
        confirm="https://sample.example/confirm/token",
        never_ask="https://sample.example/never-ask/token",
    ),
    "welcome": replace(LINKS, web="", subscribe=""),
    "account": DigestLinks(export="https://sample.example/export/token"),
}
"""By the letter: its links. The first that is not empty must be in the mail."""

FIRST = DigestPost(
    id="tag:sample.example,2024:/first/",
    revision="0" * 32,
    title="Firsttitle",
    url="https://sample.example/first/",
    instant=WHEN,
    language="en",
    html="<p>Firstbody <em>and</em> more.</p><h2>Head</h2><p>End.</p>",
    text="Firstbody and more.\n\nHead\n\nEnd.",
    summary="Firstsummary and more.",
    authors=(Person(name="Ana Lim", url="https://sample.example/ana/"), Person(name="Bo")),
    categories=("water", "salt"),
    image=Image(url="https://sample.example/i.png", alt="A picture", width=800, height=400),
)

SECOND = DigestPost(
    id="tag:sample.example,2024:/second/",
    revision="1" * 32,
    title="Secondtitle",
    url="https://sample.example/second/",
    instant=WHEN + timedelta(days=1),
    language="en",
    html="<p>Secondbody.</p>",
    text="Secondbody.",
    summary="Secondsummary.",
)
"""A post with no more than it must have."""


def sample_digest(site: Site, spec: MailingList, language: str, *posts: DigestPost) -> Digest:
    """A digest of sample posts for readers of a list."""
    return Digest(
        site=site, list=spec, language=language, due_at=WHEN, posts=posts, layout=Layout(spec.content)
    )


_FEED = {
    "slug": "feed",
    "title": "All posts",
    "page": "https://sample.example/feed.html",
    "links": [
        {"name": "Atom", "url": "https://sample.example/feed.atom", "media_type": "application/atom+xml"},
        {"name": "RSS", "url": "https://sample.example/feed.xml", "media_type": "application/rss+xml"},
    ],
}

_ENTRY = FeedEntry(
    id=FIRST.id,
    url=FIRST.url,
    title=FIRST.title,
    published=WHEN,
    updated=WHEN,
    language="en",
    summary=FIRST.summary,
    authors=FIRST.authors,
)


def page_samples(spec: MailingList) -> Mapping[str, Values]:
    """By the name of each page that is a document of its own: the variables it is given besides `site`,
    `language`, `direction` and `words`.
    """
    listed = {
        "slug": spec.slug,
        "title": spec.title,
        "description": spec.description,
        "url": f"https://sample.example/subscribe/{spec.slug}",
        "archive": f"https://sample.example/digests/{spec.slug}/",
    }
    letter = {"spec": spec, "address": "s…@example.org", "action": "/sample/action"}
    recent = {
        "title": FIRST.title,
        "url": FIRST.url,
        "date": WHEN,
        "summary": FIRST.summary,
        "language": "en",
    }
    return {
        "index": {
            "feeds": [_FEED],
            "parted": [{"title": "Tags", "url": "https://sample.example/tags/"}],
            "outline": "https://sample.example/feeds.opml",
            "lists": [listed],
            "posts": [recent],
        },
        "feed": {
            "feed": _FEED,
            "entries": [_ENTRY],
            "snippet": ['<link rel="alternate" href="https://sample.example/feed.atom">'],
            "more": True,
            "lists": [listed],
        },
        "feeds": {"title": "Tags", "kind": "tag", "feeds": [_FEED]},
        "post": {
            "post": FIRST,
            "tags": ("water", "tide"),
            "updated": WHEN + timedelta(days=2),
            "previous": {"title": "Before", "url": "https://sample.example/before/", "language": "en"},
            "next": {"title": "After", "url": "https://sample.example/after/", "language": "en"},
            "feeds": [_FEED],
        },
        "archive": {
            "spec": spec,
            "mailings": [{"title": "One", "date": WHEN, "url": "https://sample.example/1/"}],
            "subscribe": f"https://sample.example/subscribe/{spec.slug}",
        },
        "moved": {"post": {"title": FIRST.title, "url": FIRST.url, "language": "en"}},
        "subscribe": {
            "lists": [listed],
            "chosen": [spec.slug],
            "address": "",
            "token": "t0ken",
            "action": "/sample/action",
            "problem": "Choose at least one of the lists.",
            "detail": "",
        },
        "answer": {},
        "wait": {
            "chosen": [spec.slug],
            "address": "someone@example.org",
            "token": "t0ken",
            "action": "/sample/action",
            "left": 20,
            "problem": "",
        },
        "leave": {"sent": False, "address": "", "token": "t0ken", "problem": "", "detail": ""},
        "confirm": letter,
        "confirmed": {"spec": spec},
        "never-ask": {"done": False, "action": "/sample/action"},
        "unsubscribe": letter,
        "unsubscribed": {"spec": spec, "account": "/account/token"},
        "account": {**letter, "link": None, "active": True},
        "once": {**letter, "link": "address", "typed": "", "problem": "", "detail": ""},
        "moving": {"spec": spec},
        "erased": {},
        "preferences": {**letter, **_choices(spec)},
        "error": {"status": 404, "title": "Not found", "message": "There is nothing at this address."},
    }


def _choices(spec: MailingList) -> Values:
    return {
        "choices": {
            "pace": SchedulePreference(cadence="weekly", on="fri", at=time(18)),
            "taste": ContentPreference(topics=("water",)),
            "paused": False,
        },
        "offer": {
            "cadences": ("daily", "weekly"),
            "topics": ("water", "salt"),
            "languages": ("en", "de"),
            "hour": True,
        },
        "often": {"daily": "Once a day", "weekly": "Once a week"},
        "usual": "Once a day",
        "rhythm": Schedule(cadence="weekly", on="fri", at=time(18), timezone=spec.timezone),
        "days": ("mon", "tue", "wed", "thu", "fri", "sat", "sun"),
        "hours": ["17:00", "18:00"],
        "hour": "18:00",
        "zones": {"Asia": [("Asia/Kathmandu", "Kathmandu")]},
        "next": WHEN,
        "saved": True,
        "leave": "/unsubscribe/token",
        "account": "/account/token",
    }


SAMPLE_LIST = MailingList(
    slug="sample",
    title="Sample list",
    sender="Sample <news@sample.example>",
    timezone="UTC",
    description="What this list is about.",
    reply_to="",
    cadence="daily",
    on="",
    at=time(9),
    where=EVERYTHING,
    content="full",
    min_posts=1,
    max_posts=20,
    max_late=None,
    delay=timedelta(0),
    min_gap=timedelta(0),
    approve=False,
    template="digest",
    welcome="none",
    readers_choose=(),
    subject="",
)
"""For the pages of a site that has no list."""
