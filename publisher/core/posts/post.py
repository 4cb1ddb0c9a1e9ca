"""A post: what an author's file means, the one gate it must pass before anybody sees it, and its assets: the
files beside it that are published with it, named by their bytes.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import chain
from types import MappingProxyType
from typing import NamedTuple
from urllib.parse import unquote

from publisher.core.caching import lazy
from publisher.core.site import Person

ASSETS_FOLDER = "assets/"
"""The folder of assets under public/."""

LARGE_WIDTH, LARGE_BYTES = 2_000, 1_500_000
"""A picture that is wider, or a photo of more bytes, is made smaller for pages and mails."""

SMALL_WIDTH = 1_600
"""How wide it is then at most, in pixels: twice the column of a page, for fine screens."""

MAX_RESIZED_PIXELS = 80_000_000
"""A picture with more is shown as it is: unpacked it would take hundreds of megabytes."""

RESIZABLE = frozenset({"jpeg", "jpg", "png", "webp"})
"""The suffixes of pictures that can be made smaller."""

_SCHEME = lazy(r"[A-Za-z][A-Za-z0-9+.-]*:")
_CONTROL = lazy("[\x00-\x1f\x7f\ud800-\udfff]")
_NOT_PLAIN = lazy(r"[^A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """A file a post refers to. `name` is the reference as `referenced_name` reads it; `path` is relative to
    posts.dir, with "/"; `size` counts bytes; `width` and `height` are pixels, of pictures where known.
    """

    name: str
    path: str
    sha256: str
    size: int
    width: int | None = None
    height: int | None = None

    @property
    def document(self) -> str:
        """Its path under public/: equal bytes under one name are one document, changed bytes another."""
        return self._document("")

    @property
    def small_document(self) -> str:
        """The path of the picture that pages and mails show instead, because this one is large; "" if they
        show this one.
        """
        suffix = self.path.rpartition(".")[2].lower()
        if suffix not in RESIZABLE or not self.width or not self.height:
            return ""
        if self.width * self.height > MAX_RESIZED_PIXELS:
            return ""
        heavy = self.size > LARGE_BYTES and suffix != "png"
        return self._document(f"-{SMALL_WIDTH}") if self.width > LARGE_WIDTH or heavy else ""

    def _document(self, mark: str) -> str:
        stem, _, suffix = self.path.rpartition("/")[2].rpartition(".")
        plain = _NOT_PLAIN.sub("-", stem).strip("-")[:60] or "file"
        return f"{ASSETS_FOLDER}{self.sha256[:16]}-{plain}{mark}.{suffix.lower()}"

    def location(self, base: str) -> "AssetLocation":
        """Where readers find it below the URL `base`."""
        if not self.small_document:
            return AssetLocation(url=base + self.document, width=self.width, height=self.height)
        width, height = self.width or 1, self.height or 1
        shown = min(width, SMALL_WIDTH)
        return AssetLocation(
            url=base + self.small_document,
            width=shown,
            height=max(1, round(height * shown / width)),
            original=base + self.document,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetLocation:
    """Where readers find an asset: an absolute URL, and its size in pixels if known. `original` is the URL of
    the picture that it was made smaller from, "" if it is the file itself.
    """

    url: str
    width: int | None = None
    height: int | None = None
    original: str = ""


NO_ASSETS: Mapping[str, AssetLocation] = MappingProxyType({})
"""Of a post that refers to no file beside it."""


def referenced_name(reference: str) -> str | None:
    """The file a relative URL reference names: decoded, without query, fragment and a leading "./". None
    where it names none: with a scheme or a host, from the site's root, a pure fragment.
    """
    text = reference.strip().partition("#")[0].partition("?")[0]
    if not text or text[0] in "/\\" or _SCHEME.match(text):
        return None
    try:
        name = unquote(text, errors="strict")
    except UnicodeDecodeError:
        return None
    while name.startswith("./"):
        name = name[2:]
    return None if not name or _CONTROL.search(name) else name


def locate_asset(reference: str, files: Mapping[str, AssetLocation]) -> AssetLocation | None:
    """The location of the file that `reference` names, with its fragment; None if it is not among `files`."""
    found = files.get(referenced_name(reference) or "") if files else None
    _, mark, fragment = reference.strip().partition("#")
    if found is None or not mark:
        return found
    original = f"{found.original}#{fragment}" if found.original else ""
    return AssetLocation(
        url=f"{found.url}#{fragment}", width=found.width, height=found.height, original=original
    )


def merge_assets(before: tuple[Asset, ...], now: tuple[Asset, ...]) -> tuple[Asset, ...]:
    """The assets of a post as it is `now`, then those it had `before`, which mails already sent still show.
    If two have one name, the first counts.
    """
    return (*now, *(asset for asset in before if asset not in now))


class MarkdownExtension(StrEnum):
    """What generators read in a body beyond CommonMark and GitHub's extensions. Not all of them do, so each
    post says which of these its author could count on. The values are stored.
    """

    DEFINITIONS = "definitions"  # a term on a line, and ": what it means" below it
    ABBREVIATIONS = "abbreviations"  # *[HTML]: what the letters stand for
    TABLES = "tables"  # | a | b |, without a rule below the first row
    AFTER_HTML = "after-html"  # </div>Text *is Markdown*
    BREAKS = "breaks"  # a line ends where it is written to end
    EMOJI = "emoji"  # :smile:
    HIGHLIGHT = "highlight"  # ==marked==
    INSERTED = "inserted"  # ++inserted++
    SUBSCRIPT = "subscript"  # H~2~O
    SUPERSCRIPT = "superscript"  # x^2^
    MATH = "math"  # $$TeX$$
    DOLLARS = "dollars"  # $TeX$
    CAPTIONS = "captions"  # ![what it shows](pic.jpg "its caption")
    BRACKETS = "brackets"  # \(TeX\) and \[TeX\]
    TEMPLATES = "templates"  # every {{ expression }} is run
    EJS = "ejs"  # and so is <%= expression %>
    MDX = "mdx"  # {expression}


class MarkupLanguage(StrEnum):
    """What language a body is written in."""

    MARKDOWN = "markdown"
    HTML = "html"


class PostMailOptions(StrEnum):
    """What an author says about mailing a post (front matter `mail`)."""

    USUAL = ""
    NEVER = "never"  # in feeds and on pages only
    CORRECTION = "correction"  # an edit that those who had the post are to get once more


@dataclass(frozen=True, slots=True, kw_only=True)
class PostOptions:
    """How an author wants one post shown. `subject` and `preheader` are those of a mail that shows it alone,
    "" for the usual ones. `mail_only`: it is in mails, and in no feed and on no page; `mail_excerpt`: mails
    show its beginning and a link. `pinned`: it comes before others on the start page and in a digest. It may
    be the part `series_part` (from 1; 0: not said) of `series`. `toc`: its page lists its headings.
    `reading_time` is in minutes; 0: it is counted, None: it is not shown.
    """

    subject: str = ""
    preheader: str = ""
    mail_only: bool = False
    mail_excerpt: bool = False
    pinned: bool = False
    series: str = ""
    series_part: int = 0
    toc: bool = False
    reading_time: int | None = None


NO_OPTIONS = PostOptions()


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """A post's picture. `url` is absolute; `width` and `height` are pixels where known. `file` is the name
    it has beside the post, "" where its author gave an address: if it is there it is one of the assets.
    """

    url: str
    alt: str = ""
    width: int | None = None
    height: int | None = None
    file: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """One post as its author meant it, without its body (that is stored by `body_hash`).

    `path` is relative to posts.dir, with "/". `instant` is aware and UTC; None only where `hidden`
    says why. `opens` is an embargo: until then a post is not public, whatever its instant. `permalink`
    starts with "/" and is relative to site.url; `url` is absolute: where readers are sent. `base_url` is
    what relative links in the body are resolved against; `extensions` are what its generator reads in it
    beyond `markup`, and `values` the (name, text) of front matter that it shows. `hidden` is the reason this
    file is never public ("draft: true"); `page_only` is why it has a page at most, and is in no feed and no
    mail ("rss: false"; "" where nothing says so); `expires` is when it stops being public.
    `summary` is plain text and may be empty; then the first `lead` characters of the body are its summary
    where the author marked its end, else its first paragraph. Titles are plain text and may be empty.
    `written_hash` is of the body as its author wrote it, before links to other posts became their addresses,
    and with one line break at its end; "" where that is `body_hash`.
    `assets` are files beside it that go out with it; of one name the first counts. A warning may begin
    with "line 3: ", by the lines of the file (see `split_warning`). `dated` is the instant that this version
    reads in the file, if the post keeps another one that it was published with (see
    `publishing.incremental.FileReadings.keeps_date`); else None.
    """

    path: str
    title: str
    instant: datetime | None
    permalink: str
    url: str
    base_url: str
    slug: str
    language: str
    body_hash: str
    markup: MarkupLanguage = MarkupLanguage.MARKDOWN
    extensions: tuple[MarkdownExtension, ...] = ()
    values: tuple[tuple[str, str], ...] = ()
    modified: datetime | None = None
    explicit_id: str | None = None
    aliases: tuple[str, ...] = ()
    authors: tuple[Person, ...] = ()
    tags: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    summary: str = ""
    image: Image | None = None
    assets: tuple[Asset, ...] = ()
    hidden: str | None = None
    page_only: str = ""
    opens: datetime | None = None
    expires: datetime | None = None
    lead: int = 0
    mail: PostMailOptions = PostMailOptions.USUAL
    warnings: tuple[str, ...] = ()
    written_hash: str = ""
    dated: datetime | None = None
    options: PostOptions = NO_OPTIONS

    @property
    def due(self) -> datetime | None:
        """When it becomes public: its instant, or the end of its embargo where that is later."""
        if self.instant is None or self.opens is None:
            return self.instant
        return max(self.instant, self.opens)

    @property
    def revision(self) -> str:
        """What an update is measured by: title, body and what it shows, link, summary, image. 32 hex digits.

        What its author did not do to it is no update: the site has another domain, a post that it links to
        another address. The bytes of a picture are not either: its file may be made smaller without news
        for anybody.
        """
        body = self.written_hash or self.body_hash
        image = self._on_site(self.image.url) if self.image else ""
        parts = (self.title, body, self._on_site(self.url), self.summary, image, *chain(*self.values))
        return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:32]

    def _on_site(self, url: str) -> str:
        """`url` without the address of the site that the post stands on; whole where it leads elsewhere."""
        site = self.base_url.removesuffix(self.permalink)
        if url.startswith(f"{site}/"):
            return url[len(site) :]
        end = site.find("/", site.find("://") + 3)  # a picture may stand above the site's folder
        host = site[:end] if end > 0 else site
        return url[len(host) :] if url.startswith(f"{host}/") else url


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedPost:
    """A post with its body: what a source hands over for each good file.

    `line` is the line of the file that the body begins on, from 1; `container` is how its front matter is
    written: "yaml", "toml", "json", "pelican", "hexo" or "none". `title` is what its front matter says,
    with the marks and entities that `post.title` is freed of; "" where it says none. `shifts` tell lines of
    the file where those of the body are others, since it includes other files: from a line of the body on,
    which line of the file's part below the front matter it is on (both from 1), and how many more each next
    line is (1, or 0 within what is included).
    """

    post: Post
    body: str
    line: int = 1
    container: str = "none"
    title: str = ""
    shifts: tuple[tuple[int, int, int], ...] = ()

    def in_file(self, line: int) -> int:
        """The line of the file that the body's `line` (from 1) is on."""
        return self.line + original_line(line, self.shifts) - 1


def original_line(line: int, shifts: tuple[tuple[int, int, int], ...]) -> int:
    """The line that a body's `line` was on before `shifts` (see `ParsedPost`)."""
    start, was, step = next((it for it in reversed(shifts) if it[0] <= line), (1, 1, 1))
    return was + (line - start) * step


@dataclass(frozen=True, slots=True, kw_only=True)
class BadPost:
    """A file that looks like a post and cannot be one. `line` counts from 1; 0 where no line is to blame.
    `unsettled`: it is only being written, so what is known of it stands and nobody is told. `empty`: there is
    nothing in it, as in a file that is only begun, or of which a tool lost what was in it.
    """

    path: str
    reason: str
    line: int = 0
    unsettled: bool = False
    empty: bool = False

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.reason}" if self.line else f"{self.path}: {self.reason}"


class FileStat(NamedTuple):
    """A file as the folder lists it: relative path with "/", bytes, and when it was last written (in
    nanoseconds since 1970; 0 where that says nothing yet, for it was written just now)."""

    path: str
    size: int
    mtime_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FileReading:
    """What reading a file gave: its stat, the hash of its bytes at that moment (64 hex digits), and the post.

    `hash` is "" where the file could not be read. `alone`: the post depends on no other file, so it need not
    be read again while its bytes stay. `result` is None where the hash is the one that was known.
    """

    stat: FileStat
    hash: str
    result: ParsedPost | BadPost | None
    alone: bool = True


def body_hash(body: str) -> str:
    """The name a body is stored under: SHA-256 of its UTF-8 bytes, 64 hex digits."""
    return hashlib.sha256(body.encode("utf-8", "surrogatepass")).hexdigest()


class WaitReason(StrEnum):
    """Why a good file is not public now."""

    HIDDEN = "hidden"
    FUTURE = "future"
    EXPIRED = "expired"
    PAGE_ONLY = "page only"  # its page may be seen; the log, and so feeds and mails, know nothing of it


def wait_reason(post: Post, now: datetime) -> WaitReason | None:
    """The reason `post` is not public at `now`; None when it is."""
    if post.hidden is not None or post.instant is None:
        return WaitReason.HIDDEN
    if post.instant > now or (post.opens is not None and post.opens > now):
        return WaitReason.FUTURE
    if post.expires is not None and post.expires <= now:
        return WaitReason.EXPIRED
    return WaitReason.PAGE_ONLY if post.page_only else None


def describe_wait(post: Post, now: datetime) -> str:
    """`wait_reason` in words, with what the author wrote: "draft: true", "page only (rss: false)"; "" where
    it is public.
    """
    match wait_reason(post, now):
        case None:
            return ""
        case WaitReason.HIDDEN:
            return post.hidden or "no date"
        case WaitReason.PAGE_ONLY:
            return f"{WaitReason.PAGE_ONLY} ({post.page_only})"
        case wait:
            return wait.value


def public_posts(posts: Iterable[Post], now: datetime) -> list[Post]:
    """The one gate (invariant 2): the posts that may be seen at `now`, oldest first by (instant, path)."""
    seen = [(p.instant, p.path, p) for p in posts if p.instant is not None and wait_reason(p, now) is None]
    return [post for _, _, post in sorted(seen, key=lambda it: it[:2])]


def next_publication(posts: Iterable[Post], now: datetime) -> datetime | None:
    """When the next waiting post's time comes; None when nothing waits."""
    ahead = [p.due for p in posts if p.due is not None and wait_reason(p, now) is WaitReason.FUTURE]
    return min(ahead, default=None)


def split_warning(warning: str) -> tuple[int, str]:
    """The line that a warning of a post names, and what it says; 0 where it names none."""
    found = re.match(r"line (\d+): ", warning)
    return (int(found[1]), warning[found.end() :]) if found else (0, warning)
