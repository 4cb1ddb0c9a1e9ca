"""[[feeds]].

[websub].
"""

from publisher.config import feed_types, types
from publisher.config.declaration import Section, Setting

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
            kind=feed_types.WHERE,
            shown='{category = "News", language = ["en", "fr"]}',
            help="Only posts like this: of every kind given, one of the values; of category, tag, author, "
            "language.",
        ),
        Setting(
            key="split_by",
            kind=feed_types.SPLIT,
            shown='"tag"',
            help="A feed for each category, tag, author or language: SLUG/VALUE.atom and so on.",
        ),
        Setting(
            key="paths",
            kind=feed_types.PATHS,
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
            kind=types.HUBS,
            default=[],
            help='Named in every feed, and told when one has changed; such as "https://hub.example/".',
        ),
    ),
)
