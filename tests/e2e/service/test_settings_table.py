"""Every setting that `publisher run` takes up: a good value, a bad one, and another good one, each with a
command that writes right beside it, while a client asks for feeds and pages and three readers wait for mail.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from trial import Bench, Trial, command, edit, fine, mail_has, news, post, problem, shows, taken_up

WRITING: Sequence[Sequence[str]] = (
    ("publish",),
    ("publish", "--send", "daily"),
    ("deliver",),
    ("feeds", "rebuild"),
    ("reconcile",),
    ("subscribers", "add", "new{n}@example.org", "--list", "daily"),
    ("subscribers", "import", "{folder}/readers.csv", "--list", "daily", "--confirmed"),
)
"""Commands that write and go by the settings, so they must go by those of the service."""


@dataclass(frozen=True)
class Row:
    """A setting; `feed`, `page` or `mail` says where its value shows, {} being the value."""

    name: str
    good: Any
    bad: Any
    again: Any
    feed: str = ""
    page: str = ""
    mail: str = ""


ROWS = (
    #   setting                     good, bad, good again, where the good ones show
    Row("site.title",               "The Quay", 7, "The Pier", feed=">{}<"),
    Row("site.description",         "One", ["no"], "Two", feed=">{}<"),
    Row("site.language",            "de", "klingon!", "fr", feed='"{}"'),
    Row("site.timezone",            "Europe/Berlin", "Mars/Olympus", "Asia/Tokyo"),
    Row("site.author",              {"name": "Jo Doe"}, {"nam": "x"}, {"name": "Kim Ly"}, feed=">{name}<"),
    Row("site.copyright",           "© Jo", 7, "© Kim", feed=">{}<"),
    Row("site.postal_address",      "2 Quay Street", 7, "3 Quay Street", mail="{}"),
    Row("site.palette",             {"ink": "#c00010"}, {"ink": "r"}, {"ink": "#0c1010"}, mail="{ink}"),
    Row("site.logo",                {"url": "/a.png", "width": 8, "height": 8}, {"width": 8},
                                    {"url": "/b.png", "width": 8, "height": 8}, mail="{url}"),
    Row("site.icon",                "https://x.example/a.png", "a.png", "https://x.example/b.png", feed="{}"),
    Row("posts.include",            ["**/*.md", "**/*.html"], "md", ["**/*.md"]),
    Row("posts.exclude",            ["drafts/**"], 7, ["notes/**"]),
    Row("posts.defaults",           {"author": "Jo"}, 7, {"author": "Kim"}),
    Row("posts.link_fields",        ["origin"], "origin", ["other"]),
    Row("posts.id_fields",          ["uid"], 7, ["uid", "id"]),
    Row("posts.max_age",            "20d", "soon", "40d"),
    Row("posts.max_new",            30, -1, 40),
    Row("posts.markdown.mark",      True, "yes", False),
    Row("feeds.title",              "All of it", 7, "Everything", feed=">{}<"),
    Row("feeds.limit",              30, 0, 40),
    Row("feeds.content",            "summary", "half", "full"),
    Row("feeds.archive",            False, "no", True),
    Row("websub.hubs",              ["http://127.0.0.1:9/a"], ["hub"], [], feed="{0}"),
    Row("lists.title",              "At once", 7, "Right away", page="{}"),
    Row("lists.description",        "One", 7, "Two", page="{}"),
    Row("lists.from",               "q@x.example", "nobody", "p@x.example", mail="From: {}"),
    Row("lists.reply_to",           "a@harbour.example", "nobody", "b@harbour.example", mail="{}"),
    Row("lists.subject",            "One", "{{{{", "Two", mail="Subject: {}"),
    Row("lists.content",            "titles", "all", "summary"),
    Row("lists.max_posts",          10, 0, 30),
    Row("lists.cadence",            "daily", "hourly", "immediate"),
    Row("lists.at",                 "09:00", "25:00", "10:00"),
    Row("lists.timezone",           "Europe/Berlin", "Nowhere", "Asia/Tokyo"),
    Row("lists.max_late",           "1h", "late", "2h"),
    Row("lists.welcome",            "latest", "hello", "none"),
    Row("lists.readers_choose",     ["cadence"], ["colour"], ["hour"]),
    Row("mail.quiet_hours",         "00:00-00:01", "night", "00:00-00:02"),
    Row("mail.canary",              "off", "some", {"share": "1%", "limit": "5%", "over": 9}),
    Row("mail.retention",           "500d", "long", "600d"),
    Row("mail.relays.host",         "localhost", "", "127.0.0.1"),
    Row("mail.relays.weight",       2, 0, 3),
    Row("mail.relays.connections",  2, 0, 3),
    Row("mail.relays.rate",         100, -1, 200),
    Row("mail.relays.per_hour",     1000, "many", 2000),
    Row("mail.relays.timeout",      "1m", "long", "2m"),
    Row("mail.bounces.address",     "a@harbour.example", "nobody", "b@harbour.example"),
    Row("mail.bounces.hard_limit",  3, 0, 4),
    Row("queue.batch",              100, 0, 200),
    Row("web.public_url",           "https://a.example/", "news", "https://b.example/", feed="{}"),
    Row("web.blocked",              ["evil.example"], 7, ["bad.example"]),
    Row("web.allowed_origins",      ["https://a.example"], ["https://a.example/b"], ["http://b.example:8080"]),
    Row("web.trusted_proxies",      ["10.0.0.1"], ["proxy"], ["10.0.0.2"]),
    Row("web.delta",                True, "on", False),
    Row("schedule.publish_every",   "2s", "often", "3s"),
    Row("schedule.watch",           False, "no", True),
)  # fmt: skip

QUICK = {"site.title"}


def shown(template: str, value: Any) -> str:
    """What a row says of where its value shows, with the value in it."""
    named = value if isinstance(value, dict) else {}
    listed = value if isinstance(value, list) else [value]
    return template.format(*listed, **named) if template and listed else ""


def expected(row: Row, value: Any, title: str) -> list[Callable[[Bench], None]]:
    found = []
    if row.feed:
        found.append(shows("/feed.atom", shown(row.feed, value)))
    if row.page:
        found.append(shows("/subscribe/daily", shown(row.page, value)))
    if row.mail:
        found += [news(title), mail_has(shown(row.mail, value), title)]
    return found


def trial(row: Row, beside: Sequence[Sequence[str]]) -> Trial:
    section, _, key = row.name.rpartition(".")
    name = f"{section}[0].{key}" if section in {"feeds", "lists", "mail.relays"} else row.name
    return Trial(
        name=row.name,
        outcome="",
        steps=[
            edit({row.name: row.good}),
            *(command(*words) for words in beside),  # at once: the service is asked to look
            taken_up(name),
            *expected(row, row.good, "news one"),
            edit({row.name: row.bad}),
            *(command(*words, code=1, says=key) for words in beside),
            problem(key),
            *expected(row, row.good, "news two"),  # what was good stays in force
            post("between"),
            shows("/feed.json", "between"),
            edit({row.name: row.again}),
            *(command(*words) for words in beside),
            fine(),
            *expected(row, row.again, "news three"),
        ],
    )


def trials() -> list[Any]:
    """A command for each row, in turn, so that each section meets several; all of them for the first row of a
    section.
    """
    made, met = [], set()
    for number, row in enumerate(ROWS):
        section = row.name.rpartition(".")[0]
        beside = [WRITING[number % len(WRITING)]]
        if section not in met:
            beside = list(WRITING)
            met.add(section)
        marks = [] if row.name in QUICK else [pytest.mark.soak]
        made.append(pytest.param(trial(row, beside[-1:] if not marks else beside), id=row.name, marks=marks))
    return made


@pytest.mark.parametrize("trial", trials())
def test_a_setting_is_taken_up_refused_and_taken_up_again(trial: Trial, bench: Any) -> None:
    at_work = bench(trial)
    trial.carry_out(at_work)
    at_work.end()
