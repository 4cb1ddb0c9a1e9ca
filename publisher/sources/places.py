"""Where a post lives: slug, permalink, the URL readers are sent to, its picture."""

import re
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote, unquote, urljoin, urlsplit

from publisher.core.assets import name_of
from publisher.core.permalinks import under_posts
from publisher.core.posts import Image
from publisher.sources.instants import dated_name, own_name
from publisher.sources.rules import SourceRules
from publisher.sources.values import FrontMatter, Value, legal, scalars
from publisher.sources.words import plain

ELSEWHERE_FIELDS = ("external_url", "source_url")
IMAGE_FIELDS = (
    "image", "cover", "coverimage", "heroimage", "featureimage", "featuredimage", "bannerimage", "thumbnail",
)  # fmt: skip
IMAGE_KEYS = ("url", "src", "path", "image", "file", "href", "feature", "relative")
PATTERNS = {  # Jekyll's names
    "pretty": ":categories/:year/:month/:day/:title/",
    "date": ":categories/:year/:month/:day/:title.html",
    "none": ":categories/:title.html",
}

_WORD = re.compile(r":(year|month|day|title|slug|categories)\b")
_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_SEPARATORS = re.compile(r"^[-_. ]+")
_NOT_SLUG = re.compile(r"[^\w]+")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_SAFE = "/!$'()*+,:;=@~&"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """As in core.posts.Post."""

    slug: str
    permalink: str
    url: str
    base_url: str
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a place is made of. `local` is the instant in the site's zone; None: no date."""

    path: str
    front: FrontMatter
    title: str
    local: datetime | None
    categories: tuple[str, ...]
    blank: bool


def find_place(facts: Facts, rules: SourceRules) -> Place:
    """A post's slug, permalink, URL and base URL by the site's rules."""
    slug = find_slug(facts.front, facts.path)
    permalink = _permalink(facts, slug, rules)
    permalink = under_posts(permalink) if rules.pages else permalink
    base = rules.site_url.rstrip("/") + permalink
    url, warnings = _canonical(facts, base, rules)
    return Place(slug=slug, permalink=permalink, url=url, base_url=base, warnings=tuple(warnings))


def find_slug(front: FrontMatter, path: str) -> str:
    """The slug in front matter, else the file's or bundle's name without its date."""
    if slug := front.text("slug").strip("/"):
        return slug
    return _undated(path)


def local_path(text: str) -> str:
    """A URL path, percent-encoded once: what is already encoded stays, "." and ".." are resolved away."""
    escaped = quote(_ESCAPE.sub("%25", legal(text)), safe=_SAFE + "%")
    kept: list[str] = []
    parts = escaped.split("/")
    for part in parts:
        name = unquote(part)
        if name == "..":
            kept[-1:] = []
        elif name not in ("", "."):
            kept.append(part)
    slash = "/" if kept and unquote(parts[-1]) in ("", ".", "..") else ""
    return "/" + "/".join(kept) + slash


def absolute(text: str, base: str) -> str | None:
    """`text` as an absolute http(s) URL, resolved against `base` and percent-encoded; None if it is none."""
    text = "".join(legal(text).split("\n")).strip().replace("\\", "/")
    if not text or (_SCHEME.match(text) and not text.lower().startswith(("http://", "https://"))):
        return None
    try:
        joined = urljoin(base, text)
        good = urlsplit(joined).scheme in ("http", "https") and urlsplit(joined).hostname
    except ValueError:
        return None
    return quote(_ESCAPE.sub("%25", joined), safe=_SAFE + "%?#[]") if good else None


def find_image(front: FrontMatter, base: str, rules: SourceRules) -> Image | None:
    """The post's picture: a string or a map, made absolute. `file`: the name it may have beside it."""
    for name in IMAGE_FIELDS:
        value = front.get(name)
        if isinstance(value, list):
            value = value[0] if value else None
        text = _image_text(value)
        url = absolute(text, base)
        if url:
            alt = _inner(value, "alt", "caption", "title") or front.text(f"{name}alt", "imagealt", "coveralt")
            return Image(
                url=url,
                alt=plain(alt),
                width=_pixels(value, "width"),
                height=_pixels(value, "height"),
                file=(name_of(text) or "") if rules.pages else "",
            )
    return None


def find_aliases(front: FrontMatter, rules: SourceRules) -> tuple[str, ...]:
    """Former permalinks: `aliases`, `redirect_from`. Full URLs are kept by their path; with pages also as
    a page would have it.
    """
    found: dict[str, None] = {}
    for name in ("aliases", "alias", "redirectfrom"):
        for text in scalars(front.get(name)):
            path = local_path(_path_of(text))
            found |= {path: None, under_posts(path): None} if rules.pages else {path: None}
    return tuple(found)


def _permalink(facts: Facts, slug: str, rules: SourceRules) -> str:
    for name in ("permalink", "url", "path"):
        text = facts.front.text(name)
        if not text or "{" in text or facts.front.flag(name) is not None:
            continue
        if not _SCHEME.match(text):
            ends = "/" if name == "path" and not text.lower().endswith((".html", ".htm")) else ""
            return local_path(_expand(PATTERNS.get(text, text), facts, slug) + ends)
        if text.startswith(rules.site_url):
            return local_path(text[len(rules.site_url) :])
    return local_path(_expand(PATTERNS.get(rules.permalink, rules.permalink), facts, slug))


def _expand(pattern: str, facts: Facts, slug: str) -> str:
    if ":" not in pattern:
        return pattern
    date = facts.local
    words = {
        "year": f"{date.year:04}" if date else "",
        "month": f"{date.month:02}" if date else "",
        "day": f"{date.day:02}" if date else "",
        "title": _undated(facts.path) if dated_name(facts.path) else _slugify(facts.title) or slug,
        "slug": slug,
        "categories": "/".join(_slugify(name) for name in facts.categories),
    }
    # Names of files are literal: a "%" or "#" in them is no escape and no fragment.
    return _WORD.sub(
        lambda match: quote(words[match[1]], safe="/" if match[1] == "categories" else ""), pattern
    )


def _canonical(facts: Facts, base: str, rules: SourceRules) -> tuple[str, list[str]]:
    warnings: list[str] = []
    fields = (*rules.link_fields, *(ELSEWHERE_FIELDS if facts.blank else ()))
    for name in fields:
        text = facts.front.text(name)
        if not text:
            continue
        if found := absolute(text, rules.site_url):
            return found, warnings
        line = facts.front.line_of(name)
        warnings.append(f"line {line}: {name}: {text[:80]!r} is no web address; write https://...")
    text = facts.front.text("permalink", "url")
    elsewhere = absolute(text, base) if _SCHEME.match(text) and not text.startswith(rules.site_url) else None
    return elsewhere or base, warnings


def _undated(path: str) -> str:
    name = own_name(path)
    match = dated_name(path)
    return (_SEPARATORS.sub("", name[match.end() :]) or name) if match else name


def _slugify(text: str) -> str:
    return _NOT_SLUG.sub("-", text.casefold()).strip("-")


def _path_of(text: str) -> str:
    try:
        return urlsplit(text).path if _SCHEME.match(text) or text.startswith("//") else text
    except ValueError:
        return text


def _image_text(value: Value) -> str:
    text = value if isinstance(value, str) else _inner(value, *IMAGE_KEYS)
    return "" if "{" in text else text.strip()


def _inner(value: Value, *keys: str) -> str:
    if isinstance(value, dict):
        for key in keys:
            found = value.get(key)
            if isinstance(found, str) and found.strip():
                return found
    return ""


def _pixels(value: Value, key: str) -> int | None:
    text = _inner(value, key).removesuffix("px")
    return int(text) if text.isascii() and text.isdigit() and 0 < len(text) < 6 else None
