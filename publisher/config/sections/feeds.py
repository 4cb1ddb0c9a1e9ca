"""[[feeds]], [websub] and [[lists]]: what readers can follow."""

import re
from collections.abc import Mapping
from datetime import time, timedelta
from typing import cast

from publisher.config.declaration import Section, SectionValues, fill, setting
from publisher.config.types import (
    BOOL,
    CLOCK,
    DURATION,
    FILLED,
    LINE,
    MAILBOX,
    SLUG,
    ZONE,
    InvalidValue,
    JsonSchema,
    SettingType,
    array_schema,
    either,
    one_of,
    read_table,
    read_url,
    read_words,
    some_of,
    text_schema,
    whole,
)
from publisher.core.digests.digest import Layout
from publisher.core.feeds.feed import PART_PLACEHOLDER, FeedFormat, FeedSpec
from publisher.core.posts.filters import EVERYTHING, PostFilter, TermKind, fold_term
from publisher.core.site import Site
from publisher.core.subscribers.cadences import CADENCES
from publisher.core.subscribers.subscription import WEEKDAYS, ListChoice, MailingList

FORMAT_NAMES = [format.value for format in FeedFormat]
LATEST = ", ".join(
    f"{f'{late.days}d' if late.days else f'{late.seconds // 3600}h'} for {name}"
    for name, late in ((name, cadence.max_late) for name, cadence in CADENCES.items())
    if late is not None
)
"""How late a digest of each cadence may be, in words."""
DEFAULT_FORMATS = ["atom", "rss", "json"]
LAST_DAY = 28
"""Of a month: the last that every month has."""


def read_filter(value: object) -> PostFilter:
    """Which posts: of each kind of term that is named, one value or a list of which one must match."""
    found: dict[str, tuple[str, ...]] = {}
    for kind, item in read_table(value).items():
        if kind not in list(TermKind):
            raise InvalidValue
        items = cast("list[object]", item) if isinstance(item, list) else [item]
        found[kind] = tuple(term.strip() for term in items if isinstance(term, str) and term.strip())
        if not found[kind] or len(found[kind]) < len(items):
            raise InvalidValue
    return PostFilter(**found)


def read_feed_filter(value: object) -> PostFilter:
    """Which posts a feed has; a term of it needs a character that counts when terms are compared."""
    if unknown := [key for key in read_table(value) if key not in list(TermKind)]:
        raise InvalidValue(f'"{unknown[0]}" is none of {", ".join(TermKind)}')
    filter = read_filter(value)
    if not all(fold_term(term) for kind in TermKind for term in filter.of(kind)):
        raise InvalidValue
    return filter


def read_feed_paths(value: object) -> Mapping[str, str]:
    """The path of a feed's document by format, relative to public/ and outside of what Publisher keeps
    there.
    """
    paths: dict[str, str] = {}
    for key, item in read_table(value).items():
        path = item.strip() if isinstance(item, str) else ""
        parts = path.split("/")
        plain = all(
            re.fullmatch(r"[A-Za-z0-9_~-][A-Za-z0-9._~-]*", p.replace(PART_PLACEHOLDER, "v")) for p in parts
        )
        taken = parts[0] in {"archive", "assets", "digests", "posts"}
        if not plain or "." not in parts[-1] or taken or path.endswith((".part", ".html", ".gz", ".br")):
            raise InvalidValue
        paths[key] = path
    return paths


def read_hubs(value: object) -> tuple[str, ...]:
    """Absolute http(s) URLs, as they are given: a hub is asked at exactly that address."""
    hubs = read_words(value)
    for hub in hubs:
        read_url(hub.partition("?")[0])
        if not re.fullmatch(r"[!-~]+", hub) or "#" in hub:
            raise InvalidValue
    return tuple(dict.fromkeys(hubs))


def read_day(value: object) -> str:
    """A day of the week ("mon"), or of the month ("1" to "28")."""
    if isinstance(value, str) and value.strip().isdecimal():  # from the environment
        value = int(value.strip())
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= LAST_DAY:
        return str(value)
    if isinstance(value, str) and value.strip().lower() in WEEKDAYS:
        return value.strip().lower()
    raise InvalidValue


_FILTER_SCHEMA: JsonSchema = {
    "type": "object",
    "properties": {
        kind.value: either(FILLED.schema, {**array_schema(FILLED.schema), "minItems": 1}) for kind in TermKind
    },
    "additionalProperties": False,
}
FEED_FILTER = SettingType(
    'which posts, as in {category = "News", language = ["en", "fr"]}; of category, tag, author, language',
    read_feed_filter,
    _FILTER_SCHEMA,
    verbatim=False,
)
LIST_FILTER = SettingType(
    'a filter by category, tag, author or language, as in {category = "news", tag = ["a", "b"]}',
    read_filter,
    _FILTER_SCHEMA,
    verbatim=False,
)
FEED_PATHS = SettingType(
    'files by format, as in {atom = "feed.xml"}; outside archive, assets, digests and posts',
    read_feed_paths,
    {
        "type": "object",
        "properties": {format.value: text_schema("[A-Za-z0-9._~/:-]+") for format in FeedFormat},
        "additionalProperties": False,
    },
    verbatim=False,
)
SPLIT_BY = one_of(*TermKind)
HUBS = SettingType(
    'a list of absolute URLs such as ["https://hub.example/"]',
    read_hubs,
    array_schema(text_schema("[Hh][Tt][Tt][Pp][Ss]?://[^#\\s]+")),
    verbatim=False,
)
DAY = SettingType(
    f'a day of the week such as "mon", or of the month, 1 to {LAST_DAY}',
    read_day,
    either(
        {"enum": list(WEEKDAYS)},
        {"type": "integer", "minimum": 1, "maximum": LAST_DAY},
        text_schema("|".join("".join(f"[{c.upper()}{c}]" for c in day) for day in WEEKDAYS)),
        text_schema("0*([1-9]|1[0-9]|2[0-8])"),
    ),
)


class FeedSettings(SectionValues):
    """[[feeds]]. `paths` gives, by format, a path other than the usual one; with `split_by`, each contains
    ":value", and every value has a feed of its own.
    """

    slug: str = setting(SLUG, help="Its name in file names and links.", default="feed")
    title: str | None = setting(LINE, help="Default: the site's title.", shown='"My site"')
    formats: tuple[str, ...] = setting(
        some_of(*FORMAT_NAMES), help="The formats it is written in.", default=DEFAULT_FORMATS
    )
    limit: int = setting(
        whole(1, 10_000),
        help="How many of the newest posts it holds. If you raise it, the feed grows as posts come.",
        default=20,
    )
    content: str = setting(
        one_of("full", "summary"), help="Whole posts, or only their summaries.", default="full"
    )
    archive: bool = setting(
        BOOL,
        help="Keep older posts in archive documents (RFC 5005), for readers who want all of them.",
        default=True,
    )
    where: PostFilter = setting(
        FEED_FILTER,
        help="Which posts it has: those that meet each condition. Default: every post.",
        unset=EVERYTHING,
        shown='{category = "News", language = ["en", "fr"]}',
    )
    split_by: TermKind | None = setting(
        SPLIT_BY,
        help="Make a feed for each category, tag, author or language: SLUG/VALUE.atom and so on.",
        shown='"tag"',
    )
    paths: Mapping[str, str] = setting(
        FEED_PATHS,
        help="Other file names than SLUG.atom and so on, by format. Those of a split feed contain :value.",
        unset={},
        shown='{rss = "tags/:value/index.xml"}',
    )

    def feed(self, site: Site) -> FeedSpec:
        """The feed of that site."""
        return fill(FeedSpec, self, title=self.title or site.title)


FEEDS = Section(
    "feeds",
    "A feed, written to SLUG.atom, SLUG.xml and SLUG.json. A site that configures none has one: feed.",
    FeedSettings,
    repeated=True,
)


class WebSubSettings(SectionValues):
    """[websub]. `hubs` are absolute URLs."""

    hubs: tuple[str, ...] = setting(
        HUBS,
        help="The hubs to name in every feed and to notify when one changes.",
        default=[],
    )


WEBSUB = Section("websub", "Hubs that push a changed feed to its readers at once.", WebSubSettings)


class ListSettings(SectionValues):
    """[[lists]]. `on` is a weekday ("mon") or a day of the month ("1" to "28"), "" for the cadence's own.
    `max_late` None: as the cadence says. `subject` is Jinja source, "" for the template's own.
    """

    slug: str = setting(SLUG, help="Its name in links.", required=True, shown='"daily"')
    title: str | None = setting(LINE, help="Default: the site's title.", shown='"My site, daily"')
    description: str = setting(LINE, help="What readers get, in a sentence.", default="")
    sender: str = setting(
        MAILBOX, key="from", help="The sender of its mail.", required=True, shown='"Jo Doe <jo@example.org>"'
    )
    reply_to: str = setting(
        MAILBOX,
        help="Where replies go. Default: to the sender.",
        unset="",
        shown='"letters@example.org"',
    )
    cadence: str = setting(one_of(*CADENCES), help="How often a digest goes out.", default="daily")
    on: str = setting(
        DAY,
        help='The day of a weekly digest, or the day of the month of a monthly one. Default: "mon", or 1.',
        unset="",
        shown='"mon"',
    )
    at: time = setting(CLOCK, help="The time of day, in the list's time zone.", default="08:00")
    timezone: str | None = setting(
        ZONE, help="The list's time zone. Default: the site's.", shown='"Europe/Berlin"'
    )
    where: PostFilter = setting(
        LIST_FILTER,
        help="Which posts it has: those that meet each condition. Default: every post.",
        unset=EVERYTHING,
        shown='{category = "news"}',
    )
    content: str = setting(
        one_of(*[layout.value for layout in Layout]),
        help="Whole posts, their summaries, or only their titles.",
        default="full",
    )
    template: str = setting(
        SLUG, help="The folder under templates/email/ that its digests are made from.", default="digest"
    )
    min_posts: int = setting(
        whole(1, 1000),
        help="If there are fewer new posts than this, they wait for the next digest.",
        default=1,
    )
    max_posts: int = setting(
        whole(1, 1000), help="How many posts a digest shows; it links to the rest.", default=20
    )
    max_late: timedelta | None = setting(
        DURATION,
        help="While `publisher run` works, a digest that would be later than this waits for the next "
        f"one; never two in a row. Default: {LATEST}.",
        shown='"12h"',
    )
    delay: timedelta = setting(
        DURATION,
        help="How long to wait after a post is published before mailing it: time for second thoughts.",
        default="0m",
    )
    min_gap: timedelta = setting(
        DURATION,
        help="The shortest time between two mails to a reader of the immediate cadence. Posts published in "
        "between come in one mail.",
        default="10m",
    )
    approve: bool = setting(
        BOOL, help="Hold each mailing until you run `publisher mailings approve`.", default=False
    )
    welcome: str = setting(
        one_of("none", "latest"),
        help="What new subscribers get once they confirm: nothing, or a mail with the latest posts.",
        default="none",
    )
    readers_choose: tuple[ListChoice, ...] = setting(
        some_of(*ListChoice),
        help="What readers may choose on their preferences page, besides pausing. Default: nothing.",
        unset=(),
        shown='["cadence", "hour"]',
    )
    subject: str = setting(
        LINE,
        help="The subject line, as a Jinja template. Default: the template's own.",
        unset="",
        shown='"{{ list.title }}: {{ posts[0].title }}"',
    )

    def mailing_list(self, site: Site) -> MailingList:
        """The list of that site."""
        title, timezone = self.title or site.title, self.timezone or site.timezone
        return fill(MailingList, self, title=title, timezone=timezone)


LISTS = Section("lists", "A list that readers subscribe to by email.", ListSettings, repeated=True)
