"""Every setting, declared once: reading, the packaged publisher.toml and the reference follow from it."""

from publisher.config import kinds
from publisher.config.setting import Section, Setting
from publisher.core.cadences import CADENCES

FORMATS = ("atom", "rss", "json")
PROFILES = (
    "auto", "jekyll", "hugo", "eleventy", "astro", "pelican", "hexo", "docusaurus", "zola", "none",
)  # fmt: skip

SITE = Section(
    name="site",
    help="The publication.",
    settings=(
        Setting(
            key="title",
            kind=kinds.FILLED,
            required=True,
            shown='"My site"',
            help="Its name, as readers see it.",
        ),
        Setting(
            key="url",
            kind=kinds.URL,
            required=True,
            shown='"https://example.org/"',
            help="Where readers reach the site; links of posts start with it.",
        ),
        Setting(key="description", kind=kinds.LINE, default="", help="What it is about, in a sentence."),
        Setting(
            key="language", kind=kinds.LANGUAGE, default="en", help="The language of posts that name none."
        ),
        Setting(
            key="timezone",
            kind=kinds.ZONE,
            shown='"UTC"',
            help="The time zone of dates in posts that name none, and of lists. Default: for posts, the "
            "generator's own; else UTC.",
        ),
        Setting(
            key="author",
            kind=kinds.PERSON,
            shown='{name = "Jo Doe", email = "jo@example.org"}',
            help="Who writes, where a post does not say; a name, and an address if you like.",
        ),
        Setting(
            key="copyright",
            kind=kinds.LINE,
            shown='"© Jo Doe, CC BY 4.0"',
            help="The rights line of feeds.",
        ),
        Setting(
            key="postal_address",
            kind=kinds.TEXT,
            shown='"1 Example Street, Exampletown"',
            help="A postal address for the foot of mails, where the law asks for one.",
        ),
        Setting(
            key="id_authority",
            kind=kinds.AUTHORITY,
            shown='"example.org,2026"',
            help="What ids of posts begin with. Never change it, not even with the domain. Default: the host "
            "of url, and 2026.",
        ),
        Setting(
            key="secret_file",
            kind=kinds.FILLED,
            default=".publisher/secret",
            help="The file of secret keys that sign links in mails; made when missing.",
        ),
    ),
)

POSTS = Section(
    name="posts",
    help="The folder of posts.",
    settings=(
        Setting(key="dir", kind=kinds.FILLED, default="posts", help="The folder."),
        Setting(
            key="include",
            kind=kinds.WORDS,
            default=["**/*.md", "**/*.markdown", "**/*.mdx", "**/*.html"],
            help="Which files in it are posts (patterns).",
        ),
        Setting(key="exclude", kind=kinds.WORDS, default=[], help="Which of these are not (patterns)."),
        Setting(
            key="profile",
            kind=kinds.one_of(*PROFILES),
            default="auto",
            help="The generator that the posts are made for: how it reads dates, and where it puts posts. "
            '"auto" asks the configuration beside the posts.',
        ),
        Setting(
            key="permalink",
            kind=kinds.PERMALINK,
            shown='":year/:month/:day/:slug/"',
            help="Where a post is found under site.url, unless it says so itself. Default: as the generator "
            "has it, else :year/:month/:day/:slug/.",
        ),
        Setting(
            key="defaults",
            kind=kinds.FRONT_MATTER,
            shown='{author = "Jo Doe", lang = "de"}',
            help="Front matter of posts that do not say it themselves.",
        ),
        Setting(
            key="link_fields",
            kind=kinds.WORDS,
            default=["canonical_url", "origin_url"],
            help="Front matter that names the address readers are sent to instead.",
        ),
        Setting(
            key="id_fields",
            kind=kinds.WORDS,
            default=["id", "guid", "uuid", "code"],
            help="Front matter that holds a post's permanent id.",
        ),
        Setting(
            key="max_age",
            kind=kinds.DURATION,
            default="30d",
            help="A post first seen with a date older than this is in the feeds and mailed to nobody.",
        ),
        Setting(
            key="pages",
            kind=kinds.BOOL,
            default=False,
            help="Whether Publisher makes a page of each post, for a site that has none of its own.",
        ),
    ),
)

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

LISTS = Section(
    name="lists",
    help="A list that readers subscribe to by email.",
    repeated=True,
    settings=(
        Setting(key="slug", kind=kinds.SLUG, required=True, shown='"daily"', help="Its name in links."),
        Setting(key="title", kind=kinds.LINE, shown='"My site, daily"', help="Default: the site's title."),
        Setting(key="description", kind=kinds.LINE, default="", help="What readers get, in a sentence."),
        Setting(
            key="from",
            kind=kinds.MAILBOX,
            required=True,
            shown='"Jo Doe <jo@example.org>"',
            help="Who its mail is from.",
        ),
        Setting(
            key="reply_to",
            kind=kinds.MAILBOX,
            shown='"letters@example.org"',
            help="Where answers go. Default: to whom it is from.",
        ),
        Setting(
            key="cadence", kind=kinds.one_of(*CADENCES), default="daily", help="How often a digest goes out."
        ),
        Setting(key="at", kind=kinds.CLOCK, default="08:00", help="The time of day, by the list's clock."),
        Setting(
            key="timezone",
            kind=kinds.ZONE,
            shown='"Europe/Berlin"',
            help="The list's clock. Default: the site's time zone.",
        ),
        Setting(
            key="max_posts",
            kind=kinds.whole(1, 1000),
            default=20,
            help="How many posts a digest shows; it links to the rest.",
        ),
        Setting(
            key="max_late",
            kind=kinds.DURATION,
            default="12h",
            help="A digest that would go out later than this waits for the next one.",
        ),
        Setting(
            key="subject",
            kind=kinds.LINE,
            shown='"{{ list.title }}: {{ posts[0].title }}"',
            help="The subject line, as a Jinja template. Default: the template's own.",
        ),
    ),
)

MAIL = Section(
    name="mail",
    help="How mail leaves the house.",
    settings=(
        Setting(
            key="transport",
            kind=kinds.one_of("outbox"),
            default="outbox",
            help='"outbox" writes each message as a file into the folder outbox/.',
        ),
    ),
)

STORE = Section(
    name="store",
    help="The database.",
    settings=(
        Setting(
            key="url",
            kind=kinds.STORE,
            default="sqlite:///.publisher/publisher.db",
            help="An SQLite file; with three slashes relative to the site, with four absolute.",
        ),
    ),
)

QUEUE = Section(
    name="queue",
    help="How deliveries are cut into batches.",
    settings=(Setting(key="batch", kind=kinds.whole(1, 10_000), default=500, help="Deliveries in a batch."),),
)

WEB = Section(
    name="web",
    help="The web server of `publisher run`.",
    settings=(
        Setting(
            key="listen",
            kind=kinds.LISTEN,
            default="127.0.0.1:8000",
            help="The address and port it listens on; port 0 takes any free one.",
        ),
        Setting(
            key="public_url",
            kind=kinds.URL,
            shown='"https://news.example.org/"',
            help="Where readers reach this server: feeds, sign-up, links in mails. Default: site.url.",
        ),
    ),
)

SCHEDULE = Section(
    name="schedule",
    help="What `publisher run` does by itself.",
    settings=(
        Setting(
            key="publish_every",
            kind=kinds.PERIOD,
            default="60s",
            help="How often it looks for posts that are new or due.",
        ),
        Setting(
            key="watch",
            kind=kinds.BOOL,
            default=True,
            help="Also publish as soon as a post or a template changes.",
        ),
    ),
)

SECTIONS = (SITE, POSTS, FEEDS, LISTS, MAIL, STORE, QUEUE, WEB, SCHEDULE)
