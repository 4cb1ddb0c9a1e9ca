"""[posts]."""

from publisher.config import kinds
from publisher.config.setting import Section, Setting

PROFILES = (
    "auto", "jekyll", "hugo", "eleventy", "astro", "pelican", "hexo", "docusaurus", "zola", "none",
)  # fmt: skip

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
            key="ids",
            kind=kinds.one_of("tag", "permalink"),
            default="tag",
            help='What ids of new posts are made of: "tag" outlives the domain; "permalink" is for a site '
            "whose readers know its posts by their address. Posts that have an id keep it.",
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
