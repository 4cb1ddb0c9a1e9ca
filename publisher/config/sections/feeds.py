"""[[feeds]], [websub] and [[lists]]: what readers can follow."""

from publisher.config import site_types, types
from publisher.config.types import Section, Setting
from publisher.core.digests.digest import Layout
from publisher.core.subscribers.cadences import CADENCES
from publisher.core.subscribers.subscription import ListChoice

FORMATS = ("atom", "rss", "json")

FEEDS = Section(
    name="feeds",
    help="A feed. Without any, there is one with the slug feed. Files: SLUG.atom, SLUG.xml, SLUG.json.",
    repeated=True,
    settings=(
        Setting(key="slug", kind=types.SLUG, default="feed", help="Its name in file names and links."),
        Setting(key="title", kind=types.LINE, shown='"My site"', help="Default: the site's title."),
        Setting(
            key="formats",
            kind=types.some_of(*FORMATS),
            default=list(FORMATS),
            help="The formats it is written in.",
        ),
        Setting(key="limit", kind=types.whole(1, 10_000), default=20, help="How many posts it holds."),
        Setting(
            key="content",
            kind=types.one_of("full", "summary"),
            default="full",
            help="Whole posts, or only their summaries.",
        ),
        Setting(
            key="archive",
            kind=types.BOOL,
            default=True,
            help="Older posts stay in archive documents (RFC 5005), for readers who want all of it.",
        ),
        Setting(
            key="where",
            kind=site_types.FEED_FILTER,
            shown='{category = "News", language = ["en", "fr"]}',
            help="Only posts like this: of every kind given, one of the values; of category, tag, author, "
            "language.",
        ),
        Setting(
            key="split_by",
            kind=site_types.SPLIT_BY,
            shown='"tag"',
            help="A feed for each category, tag, author or language: SLUG/VALUE.atom and so on.",
        ),
        Setting(
            key="paths",
            kind=site_types.FEED_PATHS,
            shown='{rss = "tags/:value/index.xml"}',
            help="Other files than SLUG.atom and so on, by format; of a feed that is split with :value in "
            "them.",
        ),
    ),
)

WEBSUB = Section(
    name="websub",
    help="Hubs that bring a changed feed to its readers at once.",
    settings=(
        Setting(
            key="hubs",
            kind=site_types.HUBS,
            default=[],
            help='Named in every feed, and told when one has changed; such as "https://hub.example/".',
        ),
    ),
)

LISTS = Section(
    name="lists",
    help="A list that readers subscribe to by email.",
    repeated=True,
    settings=(
        Setting(key="slug", kind=types.SLUG, required=True, shown='"daily"', help="Its name in links."),
        Setting(key="title", kind=types.LINE, shown='"My site, daily"', help="Default: the site's title."),
        Setting(key="description", kind=types.LINE, default="", help="What readers get, in a sentence."),
        Setting(
            key="from",
            kind=types.MAILBOX,
            required=True,
            shown='"Jo Doe <jo@example.org>"',
            help="Who its mail is from.",
        ),
        Setting(
            key="reply_to",
            kind=types.MAILBOX,
            shown='"letters@example.org"',
            help="Where answers go. Default: to whom it is from.",
        ),
        Setting(
            key="cadence", kind=types.one_of(*CADENCES), default="daily", help="How often a digest goes out."
        ),
        Setting(
            key="on",
            kind=site_types.DAY,
            shown='"mon"',
            help="The day of a weekly digest, or of the month of a monthly one, 1 to 28. "
            'Default: "mon", or 1.',
        ),
        Setting(key="at", kind=types.CLOCK, default="08:00", help="The time of day, by the list's clock."),
        Setting(
            key="timezone",
            kind=types.ZONE,
            shown='"Europe/Berlin"',
            help="The list's clock. Default: the site's time zone.",
        ),
        Setting(
            key="where",
            kind=site_types.LIST_FILTER,
            shown='{category = "news"}',
            help="Which posts it has: those that meet each condition. Default: every post.",
        ),
        Setting(
            key="content",
            kind=types.one_of(*Layout),
            default="full",
            help="Whole posts, or their summaries, or only their titles.",
        ),
        Setting(
            key="template",
            kind=types.SLUG,
            default="digest",
            help="The folder under templates/email/ that makes its digests.",
        ),
        Setting(
            key="min_posts",
            kind=types.whole(1, 1000),
            default=1,
            help="With fewer new posts than this, they wait for the next digest.",
        ),
        Setting(
            key="max_posts",
            kind=types.whole(1, 1000),
            default=20,
            help="How many posts a digest shows; it links to the rest.",
        ),
        Setting(
            key="max_late",
            kind=types.DURATION,
            shown='"12h"',
            help="While `publisher run` works, a digest that would be later than this waits for the next "
            "one; never two in a row. Default: 12h for daily, 3d for weekly, 10d for monthly.",
        ),
        Setting(
            key="delay",
            kind=types.DURATION,
            default="0m",
            help="How long a post is out before it is mailed: time for second thoughts.",
        ),
        Setting(
            key="approve",
            kind=types.BOOL,
            default=False,
            help="Whether a mailing waits for `publisher mailings approve`.",
        ),
        Setting(
            key="welcome",
            kind=types.one_of("none", "latest"),
            default="none",
            help="What a reader gets who has confirmed: nothing, or a mail with the latest posts.",
        ),
        Setting(
            key="readers_choose",
            kind=types.some_of(*ListChoice),
            shown='["cadence", "hour"]',
            help="What readers may choose on their page of preferences, besides a pause. Default: nothing.",
        ),
        Setting(
            key="subject",
            kind=types.LINE,
            shown='"{{ list.title }}: {{ posts[0].title }}"',
            help="The subject line, as a Jinja template. Default: the template's own.",
        ),
    ),
)
