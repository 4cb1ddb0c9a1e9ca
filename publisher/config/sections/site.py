"""[site] and [posts]: the publication and its folder of posts."""

import re
from collections.abc import Mapping
from dataclasses import fields, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

from publisher.config.declaration import Section, SectionValues, fill, setting
from publisher.config.types import (
    BOOL,
    DURATION,
    FILLED,
    LANGUAGE,
    LINE,
    PATH,
    TEXT,
    URL,
    WORDS,
    ZONE,
    InvalidValue,
    SettingType,
    either,
    matching,
    one_of,
    parse_with,
    quoted_choices,
    read_fields,
    read_filled,
    read_table,
    read_url,
    table_schema,
    text_schema,
    whole,
)
from publisher.core.addresses import parse_address
from publisher.core.posts.post import MarkdownExtension
from publisher.core.publishing.adoption import host_of
from publisher.core.site import (
    DEFAULT_LANGUAGE,
    DEFAULT_TIMEZONE,
    FONT_FIELDS,
    Logo,
    Palette,
    Person,
    Site,
    lighten_for_dark,
)

AUTHORITY_DATE = "2026"
"""The date in a default id_authority (RFC 4151 2.1). Never by a clock: a lost store mints the same ids."""

PERMALINK_WORDS = ("year", "month", "day", "slug", "title", "categories", "sections", "filename")
JEKYLL_PERMALINKS = ("pretty", "date", "ordinal", "weekdate", "none")
WIDEST_LOGO = 536
"""Pixels: the column of a mail."""

COLOR_PATTERN = "#([0-9A-Fa-f]{3}|[0-9A-Fa-f]{6})"
FONTS_PATTERN = r"[\w -]+(, ?[\w -]+)*"

PROFILES = (
    "auto", "jekyll", "hugo", "eleventy", "astro", "pelican", "hexo", "docusaurus", "zola", "none",
)  # fmt: skip


def default_authority(site_url: str) -> str:
    """The id_authority of a site that names none: from its URL alone, never from the clock."""
    host = host_of(site_url) or "localhost"
    return f"{'ip6-' + host.replace(':', '-') if ':' in host else host},{AUTHORITY_DATE}"


def read_person(value: object) -> Person:
    """A name, and perhaps an email address."""
    person = read_fields(value, PERSON_FIELDS, required=["name"])
    if "email" in person:
        parse_with(parse_address, person["email"])
    return Person(**person)


def read_palette(value: object) -> Palette:
    """Colors as "#rrggbb" and fonts as in CSS, by the names of `Palette`; others stay as they are."""
    colors: dict[str, str] = {}
    for key, item in read_table(value).items():
        _check_known(key, [field.name for field in fields(Palette)])
        if not isinstance(item, str):
            raise InvalidValue(f"{key} must be a text")
        if key in FONT_FIELDS:
            if not re.fullmatch(FONTS_PATTERN, item):
                raise InvalidValue(f"{key} must be names of fonts with commas between, without quotes")
            colors[key] = item
            continue
        if not re.fullmatch(COLOR_PATTERN, item):
            raise InvalidValue(f'{key} must be a colour such as "#0b5a70"')
        digits = item.lower().removeprefix("#")
        colors[key] = "#" + (digits if len(digits) == 6 else "".join(c * 2 for c in digits))
    palette = Palette(**colors)
    if "accent" in colors and "dark_accent" not in colors:
        return replace(palette, dark_accent=lighten_for_dark(palette.accent, palette.dark_paper))
    return palette


def read_logo(value: object) -> dict[str, Any]:
    """A picture: its URL, alternative text, width and height; or its URL alone."""
    logo = read_table({"url": value} if isinstance(value, str) else value)
    for key in logo:
        _check_known(key, ["url", "alt", "width", "height"])
    url, alt = logo.get("url"), logo.get("alt", "")
    if not isinstance(url, str) or not isinstance(alt, str):
        raise InvalidValue
    for side in ("width", "height"):
        size = logo.get(side, 1)
        if not isinstance(size, int) or isinstance(size, bool) or not 1 <= size <= WIDEST_LOGO:
            raise InvalidValue(f"{side} must be pixels, from 1 to {WIDEST_LOGO}")
    return logo | {"url": read_picture(url)}


def read_picture(value: object) -> str:
    """An absolute URL, or a path under web.public_url that begins with "/"."""
    text = read_filled(value)
    if text.startswith("/") and not text.startswith("//"):
        return read_url(f"https://example.org{text}").removeprefix("https://example.org").removesuffix("/")
    return read_url(text).removesuffix("/")


def _check_known(key: str, known: list[str]) -> None:
    if key not in known:
        from difflib import get_close_matches  # as rarely as somebody mistypes

        near = get_close_matches(key, known, n=1)
        raise InvalidValue(f"{key!r} is unknown; {f'did you mean {near[0]}?' if near else ', '.join(known)}")


def read_front_matter(value: object) -> Mapping[str, Any]:
    """Front matter for posts that do not say it themselves."""
    return {key: front_matter_value(item) for key, item in read_table(value).items()}


def front_matter_value(value: object) -> Any:
    """A TOML value as front matter holds it: every scalar is text."""
    if isinstance(value, list):
        return [front_matter_value(item) for item in cast("list[object]", value)]
    if isinstance(value, dict):
        return {key: front_matter_value(item) for key, item in cast("dict[str, object]", value).items()}
    return str(value).lower() if isinstance(value, bool) else str(value)


def read_permalink(value: object) -> str:
    """A pattern with a word that tells posts apart, or the name of one of Jekyll's."""
    text = read_filled(value)
    if text in JEKYLL_PERMALINKS:
        return text
    unknown = [word for word in re.findall(r":(\w+)", text) if word not in PERMALINK_WORDS]
    if unknown or not re.search(r":(?:slug|title|filename)\b", text) or re.search(r"[\s?#]|\.\.|//", text):
        raise InvalidValue
    return text


PERSON_FIELDS: Mapping[str, SettingType[str]] = {"name": FILLED, "email": FILLED}
PERSON = SettingType(
    'a name and perhaps an address, as in {name = "Jo Doe", email = "jo@example.org"}',
    read_person,
    table_schema(PERSON_FIELDS, required=["name"]),
    verbatim=False,
)
_LABEL = "[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?"
AUTHORITY = matching(
    'a host and a date (RFC 4151) such as "example.org,2026"',
    rf"([\w.-]+@)?{_LABEL}(\.{_LABEL})*,[0-9]{{4}}(-(0[1-9]|1[0-2])(-(0[1-9]|[12][0-9]|3[01]))?)?",
)
PALETTE = SettingType(
    'colors and fonts, as in {accent = "#0b5a70", text_font = "Georgia, serif"}',
    read_palette,
    {
        "type": "object",
        "properties": {
            field.name: text_schema(FONTS_PATTERN if field.name in FONT_FIELDS else COLOR_PATTERN)
            for field in fields(Palette)
        },
        "additionalProperties": False,
    },
    verbatim=False,
)
PICTURE = SettingType(
    'the URL of a picture, or its path under web.public_url such as "/icon.png"',
    read_picture,
    text_schema(r"[Hh][Tt][Tt][Pp][Ss]?://[^\s?#]+|/[^/\s?#][^\s?#]*"),
)
LOGO_SIZE = whole(1, WIDEST_LOGO)
LOGO = SettingType(
    'a picture, as in {url = "https://example.org/logo.png", width = 120, height = 40}',
    read_logo,
    either(
        PICTURE.schema,
        table_schema(
            {"url": PICTURE, "alt": TEXT, "width": LOGO_SIZE, "height": LOGO_SIZE}, required=["url"]
        ),
    ),
    verbatim=False,
)
FRONT_MATTER = SettingType(
    'front matter, as in {author = "Jo Doe", lang = "de"}',
    read_front_matter,
    {"type": "object"},
    verbatim=False,
)
PERMALINK = SettingType(
    f"a pattern of :{' :'.join(PERMALINK_WORDS)}, with :slug or :title, or Jekyll's "
    + quoted_choices(JEKYLL_PERMALINKS),
    read_permalink,
    text_schema(r"[^\s?#]*:(slug|title|filename)[^\s?#]*|" + "|".join(JEKYLL_PERMALINKS)),
)


class SiteSettings(SectionValues):
    """[site], as it is written; `site` is what it makes."""

    title: str = setting(FILLED, help="Its name, as readers see it.", required=True, shown='"My site"')
    url: str = setting(
        URL,
        help="Where readers reach the site. Links to posts start with it.",
        required=True,
        shown='"https://example.org/"',
    )
    description: str = setting(LINE, help="What it is about, in a sentence.", default="")
    language: str | None = setting(
        LANGUAGE,
        help="The language of the site, and of posts that name none. Default: for posts, their "
        f"generator's; otherwise {DEFAULT_LANGUAGE}.",
        shown='"en"',
    )
    timezone: str | None = setting(
        ZONE,
        help="The time zone of lists, and of dates in posts that name none. Default: for posts, their "
        f"generator's; otherwise {DEFAULT_TIMEZONE}.",
        shown='"UTC"',
    )
    author: Person | None = setting(
        PERSON,
        help="The author of posts that name none, with an email address if you like.",
        shown='{name = "Jo Doe", email = "jo@example.org"}',
    )
    copyright: str = setting(LINE, help="The rights line of feeds.", unset="", shown='"© Jo Doe, CC BY 4.0"')
    postal_address: str = setting(
        TEXT,
        help="A postal address for the footer of mails, where the law requires one.",
        unset="",
        shown='"1 Example Street, Exampletown"',
    )
    id_authority: str | None = setting(
        AUTHORITY,
        help="What post ids begin with. Never change it, even if your domain changes. Default: the host "
        f"of url, and {AUTHORITY_DATE}.",
        shown='"example.org,2026"',
    )
    secret_file: Path = setting(
        PATH,
        help="The file of secret keys that sign links in mails. Created if missing.",
        default=".publisher/secret",
    )
    static: Path | None = setting(
        PATH,
        help="A folder of files that are copied into public/ as they are: logos, favicon.ico, robots.txt, "
        "CNAME, ads.txt, .well-known. They never replace Publisher's own documents.",
        shown='"static/"',
    )
    palette: Palette = setting(
        PALETTE,
        help="Colors (#rrggbb) and fonts of mails: paper, ink, quiet, accent, line, tint; each also as "
        "dark_paper and so on; text_font, label_font. What you leave out keeps its default.",
        unset=Palette(),
        shown='{accent = "#0b5a70", text_font = "Georgia, serif"}',
    )
    logo: dict[str, Any] | None = setting(
        LOGO,
        help="A picture at the top of mails instead of the title: its URL, or its path in public/ such as "
        '"/logo.png". alt is its text alternative (default: the title).',
        shown='{url = "https://example.org/logo.png", width = 120, height = 40}',
    )
    icon: str = setting(
        PICTURE,
        help="A square picture that feed readers show beside the feed's name; PNG, 512 pixels wide or so.",
        unset="",
        shown='"https://example.org/icon.png"',
    )

    def site(self, public_url: str | None) -> Site:
        """The publication; `public_url` is that of [web]."""
        base = public_url or self.url

        def located(picture: str) -> str:
            return base + picture[1:] if picture.startswith("/") else picture

        logo: dict[str, Any] = {"alt": self.title, **(self.logo or {})}
        logo |= {"url": located(logo.get("url", ""))}
        return fill(
            Site,
            self,
            public_url=base,
            id_authority=self.id_authority or default_authority(self.url),
            language=self.language or DEFAULT_LANGUAGE,
            timezone=self.timezone or DEFAULT_TIMEZONE,
            logo=Logo(**logo) if self.logo else None,
            icon=located(self.icon),
        )


SITE = Section("site", "The publication.", SiteSettings)


class MarkdownSettings(SectionValues):
    """[posts.markdown]. Each is what the author wants; None: what the posts' generator reads."""

    emoji: bool | None = setting(BOOL, help="`:tada:` is 🎉, by GitHub's names.", shown="true")
    mark: bool | None = setting(BOOL, help="`==marked==` is highlighted.", shown="true")
    insert: bool | None = setting(BOOL, help="`++inserted++` is underlined.", shown="true")
    subscript: bool | None = setting(BOOL, help="`H~2~O` has its 2 below the line.", shown="true")
    superscript: bool | None = setting(BOOL, help="`x^2^` has its 2 above the line.", shown="true")
    math: bool | None = setting(
        BOOL,
        help="TeX between `$$`, or in `\\(..\\)` and `\\[..\\]`, is a formula: MathML on pages and in feeds, "
        "TeX in mails.",
        shown="true",
    )
    dollars: bool | None = setting(
        BOOL, help="TeX may also stand between single dollars: `$a_1$`.", shown="true"
    )
    captions: bool | None = setting(
        BOOL,
        help='A picture alone in its paragraph has its title as caption: `![The pier](pic.jpg "Low tide")`.',
        shown="true",
    )
    breaks: bool | None = setting(BOOL, help="A line ends where you end it.", shown="true")
    definitions: bool | None = setting(
        BOOL, help="A term on a line, and below it `: what it means`.", shown="true"
    )
    abbreviations: bool | None = setting(
        BOOL, help="`*[LW]: Low water` on a line of its own explains each LW.", shown="true"
    )

    @property
    def choices(self) -> tuple[tuple[MarkdownExtension, bool], ...]:
        """What is turned on or off."""
        wanted = (
            (MarkdownExtension.EMOJI, self.emoji),
            (MarkdownExtension.HIGHLIGHT, self.mark),
            (MarkdownExtension.INSERTED, self.insert),
            (MarkdownExtension.SUBSCRIPT, self.subscript),
            (MarkdownExtension.SUPERSCRIPT, self.superscript),
            (MarkdownExtension.MATH, self.math),
            (MarkdownExtension.BRACKETS, self.math),
            (MarkdownExtension.DOLLARS, self.dollars),
            (MarkdownExtension.CAPTIONS, self.captions),
            (MarkdownExtension.BREAKS, self.breaks),
            (MarkdownExtension.DEFINITIONS, self.definitions),
            (MarkdownExtension.ABBREVIATIONS, self.abbreviations),
        )
        return tuple((extension, on) for extension, on in wanted if on is not None)


MARKDOWN = Section(
    "posts.markdown",
    "What the Markdown of posts may hold beyond CommonMark and GitHub's tables, footnotes, task lists and "
    "strikethrough. What is not set here is read if the posts' generator reads it.",
    MarkdownSettings,
)


class PostsSettings(SectionValues):
    """[posts]. `include` and `exclude` are patterns relative to `dir`. `defaults` is front matter, every
    scalar as text. `timezone` and `language` are the site's where they are set; None for them or `permalink`:
    as the posts' generator has it.
    """

    timezone: str | None
    language: str | None
    markdown: MarkdownSettings

    dir: Path = setting(PATH, help="The folder your posts are in.", default="posts")
    include: tuple[str, ...] = setting(
        WORDS,
        help="Patterns of the files in dir that are posts.",
        default=["**/*.md", "**/*.markdown", "**/*.mdx", "**/*.html"],
    )
    exclude: tuple[str, ...] = setting(
        WORDS, help="Patterns of files that are not posts although include matches them.", default=[]
    )
    profile: str = setting(
        one_of(*PROFILES),
        help="The generator that the posts are made for: how it reads dates, and where it puts posts. "
        '"auto" finds it by the configuration beside the posts.',
        default="auto",
    )
    permalink: str | None = setting(
        PERMALINK,
        help="Where a post is found under site.url, unless its front matter says otherwise. With "
        "posts.pages, its page is there too if you set this, else under /posts/. Default: as the generator "
        "has it, else :year/:month/:day/:slug/.",
        shown='":year/:month/:day/:slug/"',
    )
    defaults: Mapping[str, Any] = setting(
        FRONT_MATTER,
        help="Front matter for posts that do not set it themselves.",
        unset={},
        shown='{author = "Jo Doe", lang = "de"}',
    )
    link_fields: tuple[str, ...] = setting(
        WORDS,
        help="Front matter keys that may hold another address to send readers to.",
        default=["canonical_url", "origin_url"],
    )
    id_fields: tuple[str, ...] = setting(
        WORDS,
        help="Front matter keys that may hold a post's permanent id.",
        default=["id", "guid", "uuid", "code"],
    )
    ids: str = setting(
        one_of("tag", "permalink"),
        help='What ids of new posts are made of: "tag" outlives the domain; "permalink" is for a site '
        "whose readers know its posts by their address. Posts that have an id keep it.",
        default="tag",
    )
    max_age: timedelta = setting(
        DURATION,
        help="A post that is already older than this when Publisher first sees it appears in the "
        "feeds but is not mailed.",
        default="30d",
    )
    max_new: int | None = setting(
        whole(1, 1_000_000),
        help="More new posts at once, within ten minutes, are held until publish --accept-new, except "
        "for a first publish. Default: 20, or a tenth of the published posts if that is more.",
        shown="20",
    )
    pages: bool = setting(
        BOOL,
        help="Make a page for each post, for a site that has no pages of its own.",
        default=False,
    )


POSTS = Section("posts", "The folder of posts.", PostsSettings)
