"""Sample content: what each packaged mail and page is given, so that a site's own templates can be judged by
what they make of it, and the reference can name their variables; and what must be seen of it in the result.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import Any

from publisher.core.digests.digest import Digest, DigestContent, DigestLinks, DigestPost, Layout
from publisher.core.errors import TemplateError
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

_TAGS, _LINKS = re.compile(r"<[^>]*>"), re.compile(r"""href=["']([^"']*)["']""")
_BESIDE_THE_MAIL = re.compile(r"(?is)<title>.*?</title>|<div class=\"pre\".*?</div>")

_SHOWN_BY = {
    "title": "put {{ post|label }} into it",
    "body": "put {{ post|body }} into the HTML, {{ post.text|wrap }} into the text",
    "summary": "put {{ post.summary }} into it",
    "link": "put {{ post.url }} into it",
}

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
        "pinned": True,
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
            "toc": True,
            "series": {
                "name": "Samples",
                "number": 1,
                "parts": [
                    {
                        "title": "This part",
                        "url": FIRST.url,
                        "language": "en",
                        "number": 1,
                        "here": True,
                    }
                ],
            },
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
            "website": "",
            "success": "",
            "token": "t0ken",
            "action": "/sample/action",
            "problem": "Please choose at least one list.",
            "detail": "",
        },
        "signup-form": {
            "list": listed,
            "action": "https://sample.example/subscribe/sample",
            "success": "https://blog.example/thanks",
            "api": "https://sample.example/api/subscribe",
        },
        "answer": {},
        "wait": {
            "chosen": [spec.slug],
            "address": "someone@example.org",
            "website": "",
            "success": "",
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


def digest_fault(
    name: str, made: DigestContent, posts: Sequence[DigestPost], layout: Layout
) -> TemplateError | None:
    """What a digest lacks of its sample posts."""
    for part, text in (("body.html", made.html), ("body.txt", made.text)):
        where = f"templates/{name}/{part}"
        seen = _BESIDE_THE_MAIL.sub("", text).casefold()
        seen = f"{_TAGS.sub('', seen)} {' '.join(_LINKS.findall(seen))}" if part == "body.html" else seen
        missing = {post: [what for what, word in _words(post, layout) if word not in seen] for post in posts}
        if all(len(lost) == len(_words(post, layout)) for post, lost in missing.items()):
            return TemplateError(where, "makes a mail without any of its posts", "loop over posts in it")
        for post, lost in missing.items():
            if lost:
                which = "a post" if post is posts[0] else "its second post"
                return TemplateError(
                    where, f"makes a mail without the {lost[0]} of {which}", _SHOWN_BY[lost[0]]
                )
    return None


def _words(post: DigestPost, layout: Layout) -> list[tuple[str, str]]:
    """What a layout shows of a sample post: what it is, and the word by which it is found."""
    shown = [("title", post.title), ("link", post.url)]
    if layout is Layout.FULL:
        shown.append(("body", post.text))
    elif layout is Layout.SUMMARY:
        shown.append(("summary", post.summary))
    return [(what, text.split()[0].rstrip(".").casefold()) for what, text in shown]


def subject_fault(where: str, made: DigestContent) -> TemplateError | None:
    """What is wrong with a subject; `where` is the template or the setting that makes it."""
    if made.subject.strip():
        return None
    return TemplateError(where, "makes an empty subject", "write one line")


def page_fault(file: str, made: str, packaged: str) -> TemplateError | None:
    """What a page lacks of what the packaged one has."""
    from lxml import etree

    where = f"templates/{file}"
    page: Any = etree.HTML(made) if made.strip() else None
    usual: Any = etree.HTML(packaged)
    if page is None or not _text_of(page):
        return TemplateError(where, "makes an empty page", "fill it")
    if usual.find(".//main") is not None:
        main = page.find(".//main")
        if main is None:
            return TemplateError(where, "makes a page without <main>", "put what it is about into <main>")
        if not _text_of(main):
            return TemplateError(where, "makes a page whose <main> is empty", "fill the block main")
    for form in usual.findall(".//form"):
        action = form.get("action", "")
        own = [one for one in page.findall(".//form") if one.get("action", "") == action]
        if not own or own[0].get("method", "get").lower() != form.get("method", "get").lower():
            do = f'add <form method="{form.get("method")}" action="{{{{ action }}}}">'
            return TemplateError(where, "makes a page without its form", do)
        names = {i.get("name") for i in own[0].iter("input", "select", "button", "textarea")}
        for field in form.iter("input"):
            if field.get("type") == "hidden" and field.get("name") not in names:
                what = f"makes a form without its hidden field `{field.get('name')}`"
                return TemplateError(where, what, "copy it from the packaged template")
    if file == "web/post.html":
        shown = _text_of(page)
        for what, word, do in (
            ("title", "Firsttitle", "put {{ post|label }} into it"),
            ("body", "Firstbody", "put {{ post|page_body }} into it"),
        ):
            if word.casefold() not in shown.casefold():
                return TemplateError(where, f"makes a page without the {what} of its post", do)
    return None


def _text_of(element: Any) -> str:
    return "".join(map(str, element.xpath(".//text()[not(ancestor::style or ancestor::head)]"))).strip()
