"""[[feeds]]."""

from publisher.config import kinds
from publisher.config.setting import Section, Setting

FORMATS = ("atom", "rss", "json")

FEEDS = Section(
    name="feeds",
    help="A feed. Without any, there is one with the slug feed. Files: SLUG.atom, SLUG.xml, SLUG.json.",
    repeated=True,
    settings=(
        Setting(key="slug", kind=kinds.SLUG, default="feed", help="Its name in file names and links."),
        Setting(key="title", kind=kinds.LINE, shown='"My site"', help="Default: the site's title."),
        Setting(
            key="formats",
            kind=kinds.some_of(*FORMATS),
            default=list(FORMATS),
            help="The formats it is written in.",
        ),
        Setting(key="limit", kind=kinds.whole(1, 10_000), default=20, help="How many posts it holds."),
        Setting(
            key="content",
            kind=kinds.one_of("full", "summary"),
            default="full",
            help="Whole posts, or only their summaries.",
        ),
    ),
)
