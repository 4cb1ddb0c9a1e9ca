"""Front matter keys of Publisher's own: how a post is mailed and shown. And the reference of every key, these
and each generator's.

Themes of other generators use some of these words for things of their own (`toc: {sidebar: left}`), so an
unknown value is an error only where no generator is known. `mail` is Publisher's everywhere.
"""

from typing import NamedTuple

from publisher.core.posts.post import NO_OPTIONS, PostMailOptions, PostOptions
from publisher.sources.fields.titles_and_summaries import literal_line
from publisher.sources.frontmatter.values import FrontMatter, FrontMatterError, fold, scalars

MAIL_WORDS = ("never", "only", "excerpt", "correction")
"""What `mail` may say, in a list too."""

MAX_READING_TIME = 600
"""Minutes."""

MAX_PART = 10_000

_KEYS = frozenset(
    map(
        fold,
        ("subject", "preheader", "pinned", "series", "series_part", "series_order", "toc", "reading_time"),
    )
)


class MailChoice(NamedTuple):
    """What `mail` says: whether a post is mailed, and as in `PostOptions`."""

    kind: PostMailOptions = PostMailOptions.USUAL
    only: bool = False
    excerpt: bool = False


def find_mail_options(front: FrontMatter, warnings: list[str]) -> MailChoice:
    """The post's `mail`: one of MAIL_WORDS or a list of them; `false` is never. Raises FrontMatterError for
    anything else, because a mail cannot be taken back; an address is ignored with a warning.
    """
    if front.get("mail") is None:
        return MailChoice()
    if front.flag("mail") is not None:
        return MailChoice(PostMailOptions.USUAL if front.flag("mail") else PostMailOptions.NEVER)
    line, words = front.line_of("mail"), [word.casefold() for word in scalars(front.get("mail"))]
    for word in words:
        if "@" in word:
            warnings.append(
                f"line {line}: mail: {word} is an address, which says nothing; it is mailed as usual"
            )
        elif word not in MAIL_WORDS:
            known = f"{', '.join(MAIL_WORDS[:-1])} or {MAIL_WORDS[-1]}"
            raise FrontMatterError(f"mail: {word[:40]} is not {known}; correct it", line)
    if "never" in words and len(set(words)) > 1:
        raise FrontMatterError(f"mail: never contradicts {', '.join(words)}; write one of them", line)
    if {"only", "excerpt"} <= set(words):  # an excerpt would link to a page that is not there
        raise FrontMatterError("mail: only contradicts excerpt; write one of them", line)
    kind = next((PostMailOptions(word) for word in ("never", "correction") if word in words), None)
    return MailChoice(kind or PostMailOptions.USUAL, only="only" in words, excerpt="excerpt" in words)


def find_options(front: FrontMatter, mail: MailChoice, *, strict: bool) -> PostOptions:
    """The post's options. Raises FrontMatterError for a value that none of them can have, if `strict`; else
    such a value is not for Publisher.
    """
    if _KEYS.isdisjoint(front.values) and not mail.only and not mail.excerpt:
        return NO_OPTIONS
    read = _OptionReader(front, strict=strict)
    return PostOptions(
        subject=read.words("subject"),
        preheader=read.words("preheader"),
        mail_only=mail.only,
        mail_excerpt=mail.excerpt,
        pinned=read.flag("pinned"),
        series=read.words("series", may_be_listed=True),
        series_part=read.number("series_part", MAX_PART) or read.number("series_order", MAX_PART),
        toc=read.flag("toc"),
        reading_time=read.reading_time(),
    )


class _OptionReader:
    """Reads values of front matter as an option takes them."""

    def __init__(self, front: FrontMatter, *, strict: bool) -> None:
        self._front, self._strict = front, strict

    def words(self, name: str, *, may_be_listed: bool = False) -> str:
        """A line of text, or that of a list of one."""
        value = self._front.get(name)
        if may_be_listed and isinstance(value, list) and len(value) == 1:
            value = value[0]
        if value is None or isinstance(value, str):
            return literal_line(value or "")
        self._wrong(name, "is not one text", "write it in quotes")
        return ""

    def flag(self, name: str) -> bool:
        """True or false."""
        found = self._front.flag(name)
        if found is None and self._front.get(name) not in (None, ""):
            self._wrong(name, "is neither true nor false", "correct it")
        return found or False

    def number(self, name: str, most: int) -> int:
        """A whole number from 1; 0 if it is not set."""
        value = self._front.get(name)
        if value in (None, ""):
            return 0
        text = value.strip() if isinstance(value, str) else ""
        if text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= most:
            return int(text)
        self._wrong(name, f"is not a number from 1 to {most:,}", "correct it")
        return 0

    def reading_time(self) -> int | None:
        """Minutes; 0 for `true`, None for `false` or nothing."""
        name = "reading_time"
        if self._front.text(name) != "1" and (found := self._front.flag(name)) is not None:
            return 0 if found else None
        text = self._front.text(name)
        if text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= MAX_READING_TIME:
            return int(text)
        if self._front.get(name) not in (None, ""):
            self._wrong(name, f"is neither true nor minutes from 1 to {MAX_READING_TIME}", "correct it")
        return None

    def _wrong(self, name: str, what: str, do: str) -> None:
        if self._strict:
            shown = self._front.text(name)[:40]
            line = self._front.line_of(name)
            raise FrontMatterError(f"{name}: {f'{shown} ' if shown else ''}{what}; {do}", line)


class KeyDoc(NamedTuple):
    """Keys of front matter that mean the same, the generator they are read for ("": any), and what they
    do.
    """

    names: str
    read_in: str
    meaning: str

    @property
    def keys(self) -> list[str]:
        """`names` one by one."""
        return self.names.split()


OWN_KEYS = (
    KeyDoc("mail", "",
           "`never` (or `false`): not mailed. `only`: mailed, and in no feed and on no page. `excerpt`: "
           "mails show what precedes `<!-- more -->`, or else the summary, and a link to the rest. "
           "`correction`: this edit is mailed once more to everybody who had the post. A list takes "
           "several: `[only, correction]`."),
    KeyDoc("subject", "",
           "The subject of a mail that holds this post alone, instead of its title or the list's "
           "`subject`."),
    KeyDoc("preheader", "", "What mailboxes show beside that subject, instead of how the post begins."),
    KeyDoc("pinned", "", "`true`: first on the start page and in each digest that has it, marked as pinned."),
    KeyDoc("series", "",
           "The name of a series. The pages of its posts list its parts, in order of their dates."),
    KeyDoc("series_part series_order", "", "Which part of the series it is, from 1."),
    KeyDoc("toc", "", "`true`: its page begins with a list of its headings."),
    KeyDoc("reading_time", "",
           "`true`: page and mail say how many minutes it takes to read. A number says it for you."),
)  # fmt: skip
"""Publisher's own keys."""

COMMON_KEYS = (
    KeyDoc("title", "",
           "The title. Without one, a heading that opens the body, or what the generator makes of the "
           "file's name."),
    KeyDoc("date publishDate pubDate pubDatetime published created publishedAt publishedDate "
           "datePublished publicationDate postDate createdAt dateCreated", "",
           "When it is published: the first of these that holds a date, else the date in the file's "
           "name. `publishDate`, `pubDate` or `published` after `date` is an embargo."),
    KeyDoc("last_modified_at lastmod updated updatedDate modified modDatetime updatedAt dateUpdated "
           "dateModified modifiedDate lastUpdated", "", "When its author last changed it."),
    KeyDoc("expiryDate unpublishDate expires", "", "When it is withdrawn."),
    KeyDoc("draft published publish status unlisted visibility encrypted encrypt hidden private "
           "isDraft password", "",
           "Keep it back, by their values: see [what an author hides](bodies.md#what-an-author-hides)."),
    KeyDoc("rss feed", "",
           "`false`, or `exclude: true` in it: it has a page, and is in no feed and no mail."),
    KeyDoc("rss.exclude feed.exclude disable_feed hiddenInRss", "", "`true`: the same."),
    KeyDoc("slug", "", "The word for it in its address, instead of the file's name."),
    KeyDoc("permalink url path save_as", "", "Its whole address. On another site, readers are sent there."),
    KeyDoc("aliases alias redirect_from redirects", "", "Former addresses, which lead to it."),
    KeyDoc("canonical_url origin_url", "",
           "Where readers are sent instead of its page (`posts.link_fields`)."),
    KeyDoc("external_url source_url", "", "The same, for a post without a body."),
    KeyDoc("id guid uuid code", "", "Its permanent id (`posts.id_fields`)."),
    KeyDoc("tags tag", "", "Its tags, as a list or as one text with commas or semicolons."),
    KeyDoc("categories category topics topic", "", "Its categories. Jekyll and Hexo have no topics."),
    KeyDoc("authors author", "",
           "Names, `Name <address>`, maps with `name`, `email` and `url`, or keys of the blog's data "
           "file."),
    KeyDoc("lang language locale", "", "Its language, as a tag or as a name."),
    KeyDoc("excerpt summary description deck subtitle", "",
           "Its summary: the first of these that says more than the title."),
    KeyDoc("excerpt_separator", "",
           "The text in the body that ends the summary, where `<!-- more -->` does not."),
    KeyDoc("image cover coverImage heroImage featureImage featuredImage bannerImage thumbnail", "",
           "Its picture: an address, a file beside the post, or a map with `url`, `alt`, `width` and "
           "`height`."),
    KeyDoc("image_alt cover_alt hero_image_alt", "", "What the picture shows; so after any of its keys."),
)  # fmt: skip
"""Keys that are read whichever generator a post was made for."""

GENERATOR_KEYS = (
    KeyDoc("render_with_liquid", "Jekyll", "`false`: `{{ }}` and `{% %}` in the body are text."),
    KeyDoc("disableNunjucks", "Hexo", "`true`: the same."),
    KeyDoc("templateEngineOverride", "Eleventy", "`md` or `false`: the same."),
    KeyDoc("params taxonomies", "Hugo", "Keys in them are read like those outside."),
    KeyDoc("taxonomies extra", "Zola", "Keys in them are read like those outside."),
    KeyDoc("headless build _build", "Hugo", "What it never builds or lists is no post."),
    KeyDoc("render", "Zola", "`false`: it is no post."),
    KeyDoc("eleventyExcludeFromCollections", "Eleventy", "`true`: it is no post."),
    KeyDoc("eleventyComputed", "Eleventy", "Its `permalink` counts before the post's own."),
    KeyDoc("last_update", "Docusaurus", "`date` in it is when the post was last changed."),
)  # fmt: skip
"""Keys that are read for one generator."""


def front_matter_reference() -> str:
    """docs/reference/front-matter.md."""
    lines = [
        "# Front matter",
        "",
        "`make docs` makes this page from the code.",
        "",
        "These are all the keys that Publisher reads at the top of a post. Capitals, `-` and `_` make",
        "no difference: `publishDate`, `publish_date` and `Publish-Date` are one key. Publisher leaves",
        "all other keys to your generator, though a post may",
        "[show their values](bodies.md#template-code). To set keys for every post, use `posts.defaults`",
        "in `publisher.toml`. To see what Publisher made of one post, run",
        "`publisher posts list --explain FILE`.",
        "",
        "## Publisher's own keys",
        "",
        "An unknown value of `mail` is an error: a new post waits until you correct it, and a published",
        "one stays as it was. The same holds for the other keys in this table if your posts are made for",
        "no generator. If they are, its theme may use the key for something else, and Publisher ignores",
        "the value.",
        "",
        *_table(OWN_KEYS),
        "",
        "```yaml",
        "---",
        "title: Low tide at seven",
        "date: 2026-11-30",
        "subject: The sea leaves at seven",
        "preheader: Bring boots. We meet at the pier.",
        "mail: excerpt",
        "series: A year of tides",
        "reading_time: true",
        "---",
        "```",
        "",
        "## Keys of every post",
        "",
        *_table(COMMON_KEYS),
        "",
        "## Keys of one generator",
        "",
        *_table(GENERATOR_KEYS),
    ]
    return "\n".join(lines) + "\n"


def _table(rows: tuple[KeyDoc, ...]) -> list[str]:
    named = any(row.read_in for row in rows)
    head = (
        ["| Key | Generator | What it does |", "|---|---|---|"]
        if named
        else ["| Key | What it does |", "|---|---|"]
    )
    found = list(head)
    for row in rows:
        keys = ", ".join(f"`{key}`" for key in row.keys)
        found.append(f"| {keys} | {f'{row.read_in} | ' if named else ''}{row.meaning} |")
    return found
