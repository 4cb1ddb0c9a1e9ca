"""[posts]."""

from publisher.config import types
from publisher.config.declaration import Section, Setting

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
            kind=types.PERMALINK,
            shown='":year/:month/:day/:slug/"',
            help="Where a post is found under site.url, unless it says so itself. Default: as the generator "
            "has it, else :year/:month/:day/:slug/.",
        ),
        Setting(
            key="defaults",
            kind=types.FRONT_MATTER,
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
