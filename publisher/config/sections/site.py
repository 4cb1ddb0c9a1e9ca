"""[site] and [posts]."""

from publisher.config import site_types, types
from publisher.config.types import Section, Setting

SITE = Section(
    name="site",
    help="The publication.",
    settings=(
        Setting(
            key="title",
            kind=types.FILLED,
            required=True,
            shown='"My site"',
            help="Its name, as readers see it.",
        ),
        Setting(
            key="url",
            kind=types.URL,
            required=True,
            shown='"https://example.org/"',
            help="Where readers reach the site; links of posts start with it.",
        ),
        Setting(key="description", kind=types.LINE, default="", help="What it is about, in a sentence."),
        Setting(
            key="language",
            kind=types.LANGUAGE,
            shown='"en"',
            help="The language of the site, and of posts that name none. Default: for posts, the generator's "
            "own; else en.",
        ),
        Setting(
            key="timezone",
            kind=types.ZONE,
            shown='"UTC"',
            help="The time zone of dates in posts that name none, and of lists. Default: for posts, the "
            "generator's own; else UTC.",
        ),
        Setting(
            key="author",
            kind=site_types.PERSON,
            shown='{name = "Jo Doe", email = "jo@example.org"}',
            help="Who writes, where a post does not say; a name, and an address if you like.",
        ),
        Setting(
            key="copyright",
            kind=types.LINE,
            shown='"© Jo Doe, CC BY 4.0"',
            help="The rights line of feeds.",
        ),
        Setting(
            key="postal_address",
            kind=types.TEXT,
            shown='"1 Example Street, Exampletown"',
            help="A postal address for the foot of mails, where the law asks for one.",
        ),
        Setting(
            key="id_authority",
            kind=site_types.AUTHORITY,
            shown='"example.org,2026"',
            help="What ids of posts begin with. Never change it, not even with the domain. Default: the host "
            "of url, and 2026.",
        ),
        Setting(
            key="secret_file",
            kind=types.FILLED,
            default=".publisher/secret",
            help="The file of secret keys that sign links in mails; made when missing.",
        ),
        Setting(
            key="palette",
            kind=site_types.PALETTE,
            shown='{accent = "#0b5a70", text_font = "Georgia, serif"}',
            help="Colours (#rrggbb) and fonts of mails: paper, ink, quiet, accent, line, tint; each also as "
            "dark_paper and so on; text_font, label_font. What is not given stays as it is.",
        ),
        Setting(
            key="logo",
            kind=site_types.LOGO,
            shown='{url = "https://example.org/logo.png", width = 120, height = 40}',
            help="A picture in place of the name at the head of mails; alt says what it shows "
            "(default: the title).",
        ),
    ),
)

PROFILES = (
    "auto", "jekyll", "hugo", "eleventy", "astro", "pelican", "hexo", "docusaurus", "zola", "none",
)  # fmt: skip

POSTS = Section(
    name="posts",
    help="The folder of posts.",
    settings=(
        Setting(key="dir", kind=types.FILLED, default="posts", help="The folder."),
        Setting(
            key="include",
            kind=types.WORDS,
            default=["**/*.md", "**/*.markdown", "**/*.mdx", "**/*.html"],
            help="Which files in it are posts (patterns).",
        ),
        Setting(key="exclude", kind=types.WORDS, default=[], help="Which of these are not (patterns)."),
        Setting(
            key="profile",
            kind=types.one_of(*PROFILES),
            default="auto",
            help="The generator that the posts are made for: how it reads dates, and where it puts posts. "
            '"auto" asks the configuration beside the posts.',
        ),
        Setting(
            key="permalink",
            kind=site_types.PERMALINK,
            shown='":year/:month/:day/:slug/"',
            help="Where a post is found under site.url, unless it says so itself. Default: as the generator "
            "has it, else :year/:month/:day/:slug/.",
        ),
        Setting(
            key="defaults",
            kind=site_types.FRONT_MATTER,
            shown='{author = "Jo Doe", lang = "de"}',
            help="Front matter of posts that do not say it themselves.",
        ),
        Setting(
            key="link_fields",
            kind=types.WORDS,
            default=["canonical_url", "origin_url"],
            help="Front matter that names the address readers are sent to instead.",
        ),
        Setting(
            key="id_fields",
            kind=types.WORDS,
            default=["id", "guid", "uuid", "code"],
            help="Front matter that holds a post's permanent id.",
        ),
        Setting(
            key="ids",
            kind=types.one_of("tag", "permalink"),
            default="tag",
            help='What ids of new posts are made of: "tag" outlives the domain; "permalink" is for a site '
            "whose readers know its posts by their address. Posts that have an id keep it.",
        ),
        Setting(
            key="max_age",
            kind=types.DURATION,
            default="30d",
            help="A post first seen with a date older than this is in the feeds and mailed to nobody.",
        ),
        Setting(
            key="pages",
            kind=types.BOOL,
            default=False,
            help="Whether Publisher makes a page of each post, for a site that has none of its own.",
        ),
    ),
)
