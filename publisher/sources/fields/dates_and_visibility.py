"""When a post is public, and why a file never is.

A post's date is from its front matter, else its file name, else its path; never the file's mtime. Each rule
of visibility checks one thing and returns its reason, or None.
"""

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

from publisher.core.caching import lazy
from publisher.sources.fields.authors_and_terms import language_suffix
from publisher.sources.frontmatter.dates import DateOrder, parse_date, read_date
from publisher.sources.frontmatter.values import (
    COMPUTED,
    FrontMatter,
    FrontMatterError,
    Quoted,
    Value,
    fold,
    folded_map,
    is_false,
    is_true,
    scalars,
)

DATE_FIELDS = (
    "date", "publishdate", "pubdate", "pubdatetime", "published", "created", "publishedat", "publisheddate",
    "datepublished", "publicationdate", "postdate", "createdat", "datecreated",
)  # fmt: skip
MODIFIED_FIELDS = (
    "lastmodifiedat", "lastmod", "updated", "updateddate", "modified", "moddatetime", "updatedat",
    "dateupdated", "datemodified", "modifieddate", "lastupdated",
)  # fmt: skip
EMBARGO_FIELDS = ("publishdate", "pubdate", "published")
EXPIRY_FIELDS = ("expirydate", "unpublishdate", "expires")
PATH_FIELDS = ("permalink", "url", "path", "slug")
_IN_NAME = lazy(r"(\d{4})-(\d{1,2})-(\d{1,2})(?!\d)(T\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d))?")
_IN_PATH = lazy(r"(?:^|/)(\d{4})[/-](\d{1,2})[/-](\d{1,2})(?=[/-]|$)")
HIDDEN_STATES = frozenset(
    {"draft", "auto-draft", "hidden", "skip", "private", "pending", "trash", "trashed", "unlisted"}
)

HIDING_KEYS = ("encrypted", "encrypt", "hidden", "private", "isDraft")
"""Keys with which a generator, a theme or a plugin keeps a post private or behind a password."""

PUBLIC_WORDS = frozenset({"public", "published", "listed"})
"""Values with which such a key hides nothing."""

DRAFT_FOLDERS = frozenset({"_drafts", "drafts", "draft"})


@dataclass(frozen=True, slots=True)
class DateZones:
    """The time zone of dates that name none. `utc` matches those that the generator reads as UTC: with
    `quoted` True only those in quotes, with False only unquoted ones. `order` and `bare` are for `read_date`.
    """

    site: tzinfo
    utc: re.Pattern[str] | None = None
    quoted: bool | None = None
    order: DateOrder = DateOrder.NONE
    bare: bool = True

    def of(self, text: str) -> tzinfo:
        """The zone of the date in `text`, a scalar of front matter."""
        if self.utc is None or self.quoted not in (None, isinstance(text, Quoted)):
            return self.site
        return UTC if self.utc.fullmatch(text.strip()) else self.site


def find_instant(
    front: FrontMatter | None, path: str, zones: DateZones, warnings: list[str], last: tuple[str, ...] = ()
) -> tuple[datetime | None, str]:
    """A post's instant (UTC; None: there is no date) and where it is from. `last` are fields to use if
    nothing else has a date. What cannot be read on the way is added to `warnings`.
    """
    if front is not None:
        found, name = first_date(front, DATE_FIELDS, zones, warnings)
        if found is not None:
            return found, name
    named = date_in_name(path)
    candidates: list[tuple[str, str]] = []
    if named:
        candidates.append(("-".join(named.groups()[:3]) + (named[4] or ""), "file name"))
    if (match := _IN_PATH.search(path)) and not (named and match.groups() == named.groups()[:3]):
        candidates.append(("-".join(match.groups()), "folders"))
    if front:
        found_in = ((name, _IN_PATH.search(front.text(name))) for name in PATH_FIELDS)
        candidates += [("-".join(match.groups()), name) for name, match in found_in if match]
    for text, where in candidates:
        found = parse_date(text, zones.of(text))
        if found is not None:
            return found, where
        warnings.append(f"{where}: {text!r} is not a date; no calendar has that day")
    return first_date(front, last, zones, warnings) if front and last else (None, "")


def find_ordered_date(
    front: FrontMatter, order: Sequence[str], path: str, zones: DateZones, warnings: list[str]
) -> tuple[datetime | None, str]:
    """The date from the first of `order` that has one (see hugo.DateSources), and which that is. Warns of
    skipped ones that only the generator's machine knows.
    """
    from publisher.sources.generators import hugo  # no other generator lets a site order its dates

    for name in order:
        if name in hugo.UNKNOWN_SOURCES:
            source = hugo.UNKNOWN_SOURCES[name]
            warnings.append(
                f"Hugo takes its date from {source} (frontmatter: {name}), which is not looked"
                " at; write the date in its front matter"
            )
        elif name == hugo.FILENAME:
            named = date_in_name(path)
            found = parse_date("-".join(named.groups()[:3]), zones.site) if named else None
            if found is not None:
                return found, hugo.FILENAME
        else:
            found, _ = first_date(front, (name,), zones, warnings)
            if found is not None:
                return found, name
    return None, ""


def find_embargo(
    front: FrontMatter, instant: datetime | None, zones: DateZones, warnings: list[str]
) -> datetime | None:
    """An embargo: the publish date of a post that also has another date, if it is the later one."""
    if instant is None or front.get("date") is None:
        return None
    found, _ = first_date(front, EMBARGO_FIELDS, zones, warnings)
    return found if found is not None and found > instant else None


def first_date(
    front: FrontMatter, names: tuple[str, ...], zones: DateZones, warnings: list[str]
) -> tuple[datetime | None, str]:
    """The first of the fields `names` with a date we can read (UTC), and its name; warns of those we cannot.
    Raises FrontMatterError if one is a list or a map.
    """
    for name in names:
        value = front.values.get(name)
        if value is None:
            continue
        if isinstance(value, (list, dict)):
            kind = "list" if isinstance(value, list) else "map"
            raise FrontMatterError(f"{name} is a {kind}; write one date", front.line_of(name))
        text = value.strip()
        if not text or (name == "published" and front.flag(name) is not None):
            continue
        found = read_date(text, zones.of(value), zones.order, bare=zones.bare)
        line = front.line_of(name)
        if found.at is None:
            reason = "is not a date; write it as 2024-10-25 08:38"
            warnings.append(f"line {line}: {name}: {text[:60]!r} {reason}")
            continue
        if found.doubt:
            warnings.append(f"line {line}: {name}: {text[:60]!r}: {found.doubt}")
        return found.at, name
    return None, ""


def date_in_name(path: str) -> re.Match[str] | None:
    """The YYYY-MM-DD at the beginning of the file's or bundle's name, and Zola's time after it."""
    return _IN_NAME.match(post_name(path))


def date_in_path(path: str) -> re.Match[str] | None:
    """The YYYY/MM/DD of a path, with "/" or "-" between: 2024/05-01-a.md, 2024-05-01-a/text.md."""
    return _IN_PATH.search(path)


def post_name(path: str) -> str:
    """A post's own name: the file's without its suffix, or the folder's for an index file."""
    folders, _, name = path.rpartition("/")
    stem = name.rpartition(".")[0] or name
    if "." in stem:
        stem = stem.removesuffix(language_suffix(stem))
    return folders.rpartition("/")[2] if stem.casefold() == "index" and folders else stem


@dataclass(frozen=True, slots=True, kw_only=True)
class VisibilityInput:
    """What the rules check. `folders` are the names of the folders above the file, from the blog's root;
    `profile` is the generator's name; `whole`: the posts folder is the blog's root.
    """

    path: str
    folders: tuple[str, ...]
    front: FrontMatter | None
    profile: str = "auto"
    whole: bool = False


def why_hidden(file: VisibilityInput) -> str | None:
    """The first reason why this file is never public; None when there is none."""
    for rule in RULES:
        if reason := rule(file):
            return reason
    return None


def neither_front_matter_nor_date(file: VisibilityInput) -> str | None:
    if file.front is not None:
        return None
    if file.path.lower().endswith((".html", ".htm")) and not (
        file.profile == "eleventy" and date_in_name(file.path)  # which makes a page of each
    ):
        return "no front matter"  # a page or an example beside a post
    dated = date_in_name(file.path) or (file.profile == "docusaurus" and date_in_path(file.path))
    return None if dated else "neither front matter nor a dated name"


def section_page(file: VisibilityInput) -> str | None:
    return "_index" if file.path.rpartition("/")[2].startswith("_index.") else None


def not_a_jekyll_post(file: VisibilityInput) -> str | None:
    """In a folder called _posts, Jekyll takes only files with front matter and a dated name."""
    if "_posts" not in file.folders or file.profile not in ("jekyll", "none", "auto"):
        return None
    dated = date_in_name(file.path)
    if dated is None or not dated.string[dated.end() :].startswith("-"):
        return "file name lacks YYYY-MM-DD-"
    return "no front matter" if file.front is None else None


def in_drafts_folder(file: VisibilityInput) -> str | None:
    for folder in file.folders:
        if folder.casefold() in DRAFT_FOLDERS:
            return f"in {folder}"
    return None


def page_of_the_generator(file: VisibilityInput) -> str | None:
    """Pages, which generators keep apart from posts even if they have a date."""
    if file.profile in ("jekyll", "hexo") and file.whole and "_posts" not in file.folders:
        return "not in _posts"
    if file.profile == "pelican" and "pages" in file.folders:
        return "in pages"
    return None


def marked_draft(file: VisibilityInput) -> str | None:
    return "draft: true" if file.front and file.front.flag("draft") else None


def marked_unpublished(file: VisibilityInput) -> str | None:
    if file.front is None or not file.front.has("published"):
        return None
    if file.front.get("published") is None:
        return "published: null"
    return "published: false" if file.front.flag("published") is False else None


def hidden_by_status(file: VisibilityInput) -> str | None:
    state = file.front.text("status").casefold() if file.front else ""
    return f"status: {state}" if state in HIDDEN_STATES else None


def marked_unlisted(file: VisibilityInput) -> str | None:
    return "unlisted: true" if file.front and file.front.flag("unlisted") else None


def kept_private(file: VisibilityInput) -> str | None:
    """What the author keeps private or behind a password. An unclear value hides the post: a hidden post can
    be published later, but a published one cannot be taken back.
    """
    front = file.front
    if front is None:
        return None
    if front.flag("publish") is False:
        return "publish: false"
    password = front.get("password")
    if isinstance(password, Quoted) and password.strip().casefold() not in ("", "false"):
        locked = password.strip().casefold() not in PUBLIC_WORDS  # in quotes, "no" or "0" is a password too
    else:
        locked = is_hiding(password)
    if locked:
        return "password is set"  # never show the password itself
    visibility = front.get("visibility")
    if is_hiding(visibility) and not (
        isinstance(visibility, str) and (is_true(visibility) or visibility.strip().casefold() == "visible")
    ):
        return describe_key("visibility", visibility)
    found = next((key for key in HIDING_KEYS if is_hiding(front.get(key))), None)
    return describe_key(found, front.get(found)) if found else None


def why_locked(front: FrontMatter, tags: Collection[str], locked: Collection[str]) -> str | None:
    """Why Hexo encrypts a post with these tags. An empty password in it says that it does not."""
    found = next((tag for tag in tags if tag.casefold() in locked), None)
    opened = front.has("password") and front.get("password") == ""
    return f"encrypt.tags: {found}" if found and not opened else None


def is_hiding(value: Value) -> bool:
    """Whether the value of a key that can hide a post does so: not if it is false, empty, `public`,
    `published` or `listed`. A list or a map hides the post if anything in it does.
    """
    return any(not is_false(text) and text.casefold() not in PUBLIC_WORDS for text in scalars(value))


def describe_key(key: str, value: Value) -> str:
    """The key, with its value if that is short."""
    short = isinstance(value, str) and len(value) <= 30 and value.isprintable()
    return f"{key}: {value}" if short else f"{key} is set"


def why_page_only(front: FrontMatter | None) -> str:
    """Why a post is in no feed and no mail although its page is public; "" if it is not kept out."""
    if front is None:
        return ""
    for key in ("disable_feed", "hiddenInRss"):
        if is_hiding(front.get(key)):
            return describe_key(key, front.get(key))
    for key in ("rss", "feed"):
        inner = folded_map(front.values.get(fold(key))).get("exclude")
        if is_hiding(inner) or is_hiding(front.get(f"{key}.exclude")):
            return f"{key}.exclude: true"
        if front.flag(key) is False:
            return f"{key}: false"
    return ""


def not_built(file: VisibilityInput) -> str | None:
    """The generator is told not to make a page of it, or not to list it."""
    front = file.front
    if front is None:
        return None
    if file.profile == "hugo":
        build = folded_map(front.get("build", "_build"))
        never = {key: str(build.get(key) or "").casefold() for key in ("render", "list")}
        reason = next(
            (f"build.{key}: {word}" for key, word in never.items() if word in ("never", "false")), None
        )
        return "headless: true" if front.flag("headless") else reason
    if file.profile == "eleventy" and front.flag(COMPUTED if front.has(COMPUTED) else "permalink") is False:
        return "permalink: false"
    if file.profile == "eleventy" and front.flag("eleventyexcludefromcollections"):
        return "eleventyExcludeFromCollections: true"
    return "render: false" if file.profile == "zola" and front.flag("render") is False else None


def underscored_name(file: VisibilityInput) -> str | None:
    """Astro's collections and Docusaurus leave these alone, and so does Hexo below its own folders."""
    parts = file.path.split("/")
    if file.profile == "hexo":
        parts = parts[parts.index("_posts") + 1 :] if "_posts" in parts else parts
        parts = [part for part in parts if part != "_drafts"]
    hidden = file.profile in ("astro", "docusaurus", "hexo") and any(part.startswith("_") for part in parts)
    return "a name that begins with _" if hidden else None


RULES: tuple[Callable[[VisibilityInput], str | None], ...] = (
    not_a_jekyll_post, section_page, neither_front_matter_nor_date, in_drafts_folder, page_of_the_generator,
    marked_draft, marked_unpublished, hidden_by_status, marked_unlisted, kept_private, not_built,
    underscored_name,
)  # fmt: skip
