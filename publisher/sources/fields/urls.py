"""A post's URLs: slug, permalink, canonical URL, aliases, and its image."""

from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import quote, unquote, urljoin, urlsplit

from publisher.core.caching import lazy
from publisher.core.posts.page_paths import public_permalink, reserved_because
from publisher.core.posts.post import Image, referenced_name
from publisher.core.site import DEFAULT_LANGUAGE
from publisher.sources.fields.permalinks import (
    PermalinkFacts,
    content_folders,
    expand,
    locale_of,
    section,
    undated_name,
)
from publisher.sources.fields.titles_and_summaries import plain_line
from publisher.sources.frontmatter.values import COMPUTED, FrontMatter, Value, legal, scalars
from publisher.sources.generators.profiles import GENERIC
from publisher.sources.ignored_files import posts_root
from publisher.sources.source_rules import SourceRules

ELSEWHERE_FIELDS = ("external_url", "source_url")
IMAGE_FIELDS = (
    "image", "cover", "coverimage", "heroimage", "featureimage", "featuredimage", "bannerimage", "thumbnail",
)  # fmt: skip
IMAGE_KEYS = ("url", "src", "path", "image", "file", "href", "feature", "relative")
_ESCAPE = lazy(r"%(?![0-9A-Fa-f]{2})")
_PLAIN_PATH = lazy(r"(?:/[A-Za-z0-9_~-][A-Za-z0-9_.~-]*)+/?|/")
_SCHEME = lazy(r"[A-Za-z][A-Za-z0-9+.-]*:")
_PLAIN_URL = lazy(r"https?://[A-Za-z0-9.-]+(?:/[A-Za-z0-9_.~=&?,/-]*)?")
_SAFE = "/!$'()*+,:;=@~&"

_PERMALINK_FIELDS = ("permalink", "url", "path", "saveas")
_MADE_BY_FUNCTION = (
    "permalink is made by a function in a data file, which is never run; set posts.permalink to what it makes"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PostAddress:
    """A post's URLs as in core.posts.post.Post, with the rules that decided. `unknown` is why only the
    generator could know the permalink, or why no post can have it; "" if it is known and free.
    """

    permalink: str
    url: str
    base_url: str
    permalink_by: str
    url_by: str
    warnings: tuple[str, ...] = ()
    unknown: str = ""


def find_address(facts: PermalinkFacts, rules: SourceRules) -> PostAddress:
    """A post's slug, permalink, URL and base URL by the site's rules."""
    warnings: list[str] = []
    unknown: list[str] = []
    permalink, permalink_by = find_permalink(facts, rules, unknown)
    locale_at = rules.locale_addresses.get(locale_of(facts, rules), "") if rules.locale_addresses else ""
    if not locale_at.startswith("/") and locale_at and not facts.front.text(*rules.link_fields):
        field = rules.link_fields[0] if rules.link_fields else "canonical_url"
        unknown.append(f"its locale is at {locale_at}, which is not below {rules.site_url}; set {field}")
    if rules.pages:
        permalink = public_permalink(permalink, at_root=rules.pages_at_root)
    if rules.pages and rules.pages_at_root:
        taken = reserved_because(permalink, rules.reserved_names, rules.own_documents)
        unknown += [taken] if taken else []
    base = rules.site_url.rstrip("/") + permalink
    url, url_by = find_canonical(facts, base, rules, warnings)
    return PostAddress(
        permalink=permalink,
        url=url,
        base_url=base,
        permalink_by=permalink_by,
        url_by=url_by,
        warnings=tuple(warnings),
        unknown="".join(unknown[:1]),
    )


def find_slug(front: FrontMatter, path: str) -> tuple[str, str]:
    """The slug in front matter, else the file's or bundle's name without its date; and which of them."""
    if slug := front.text("slug").strip("/"):
        return slug, "slug"
    return undated_name(path), "file name"


def file_path_stem(path: str, rules: SourceRules) -> str:
    """Eleventy's page.filePathStem: the path from its input folder, without suffix and date."""
    if rules.profile != "eleventy":
        return ""
    folders, _, _ = rules.in_blog(path).rpartition("/")
    parts = folders.split("/") if folders else []
    if rules.content_folder is not None:
        parts = content_folders(parts, rules)
    elif parts and parts[0] in ("src", "content", "site"):
        del parts[0]
    index = path.rpartition("/")[2].rpartition(".")[0] == "index"
    return "/" + "/".join([*parts, "index" if index else undated_name(path)])


def folder_categories(path: str, rules: SourceRules) -> tuple[str, ...]:
    """The categories that Jekyll makes of the folders above _posts and gives to every post in it."""
    inside = rules.in_blog(path).removeprefix(posts_root(rules.site_config))
    parts = inside.split("/") if rules.conventions.slugify_names and rules.has_site_root else []
    folders = parts[: parts.index("_posts")] if "_posts" in parts else []
    return tuple(name for name in folders if name not in ("source", "src"))  # Octopress' own


def local_path(text: str) -> str:
    """A URL path, percent-encoded once: what is already encoded stays, "." and ".." are resolved."""
    for path in (text, "/" + text):
        if _PLAIN_PATH.fullmatch(path):
            return path
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


def absolute_url(text: str, base: str) -> str | None:
    """`text` as an absolute http(s) URL, resolved against `base` and percent-encoded; None if it is not
    one.
    """
    text = "".join(legal(text).split("\n")).strip().replace("\\", "/")
    if _PLAIN_URL.fullmatch(text):
        return text
    if text[:1] == "/" and _PLAIN_PATH.fullmatch(text):
        return base[: base.find("/", 8)] + text  # without urljoin, which takes as long as all the rest
    if not text or (_SCHEME.match(text) and not text.lower().startswith(("http://", "https://"))):
        return None
    try:
        joined = urljoin(base, text)
        good = urlsplit(joined).scheme in ("http", "https") and urlsplit(joined).hostname
    except ValueError:
        return None
    return quote(_ESCAPE.sub("%25", joined), safe=_SAFE + "%?#[]") if good else None


def find_image(front: FrontMatter, base: str, rules: SourceRules) -> tuple[Image | None, str]:
    """The post's picture, a string or a map in front matter, with an absolute URL; and its key. Its `file` is
    the name of the file it may be beside the post.
    """
    for name in IMAGE_FIELDS:
        value = front.values.get(name)
        if value is None:
            continue
        if isinstance(value, list):
            value = value[0] if value else None
        text = (value if isinstance(value, str) else first_inner_text(value, *IMAGE_KEYS)).strip()
        url = absolute_url(text, base) if text and "{" not in text else None
        if url:
            alt = first_inner_text(value, "alt", "caption", "title") or front.text(
                f"{name}alt", "imagealt", "coveralt"
            )
            image = Image(
                url=url,
                alt=plain_line(alt),
                width=read_pixels(value, "width"),
                height=read_pixels(value, "height"),
                file=(referenced_name(text) or "") if rules.pages else "",
            )
            return image, name
    return None, ""


def find_aliases(front: FrontMatter, permalink: str, rules: SourceRules) -> tuple[str, ...]:
    """Former permalinks: `aliases`, `redirect_from`, `redirects`. Of full URLs the path is kept; if posts
    have pages, also in the form of a page's path. In Hugo, one without a slash is relative to `permalink`.
    """
    above = permalink.rstrip("/").rpartition("/")[0] if rules.profile == "hugo" else ""
    found: dict[str, None] = {}
    for name in ("aliases", "alias", "redirectfrom", "redirects"):
        for text in scalars(front.values.get(name)):
            path = text
            with suppress(ValueError):
                if _SCHEME.match(text):
                    web = text.lower().startswith(("http:", "https:"))
                    path = urlsplit(text).path if web else ""
                elif text.startswith("//"):
                    path = urlsplit(text).path
            path = local_path(path if path.startswith("/") or not path else f"{above}/{path}")
            if path == "/":
                continue  # a post is never the home page
            found |= {path: None, public_permalink(path): None} if rules.pages else {path: None}
    return tuple(found)


def find_permalink(facts: PermalinkFacts, rules: SourceRules, unknown: list[str]) -> tuple[str, str]:
    """The permalink, and what decided it. If only the generator can know it, `unknown` gets the reason."""
    computed = rules.profile == "eleventy" and facts.front.get(COMPUTED) is not None
    for name in (COMPUTED, *_PERMALINK_FIELDS) if computed else _PERMALINK_FIELDS:
        text = facts.front.text(name)
        if rules.profile == "eleventy" and text:
            from publisher.sources.generators.eleventy import expand_permalink
            from publisher.sources.generators.js_literals import JsCode

            if isinstance(facts.front.get(name), JsCode):
                unknown += [_MADE_BY_FUNCTION] if rules.permalink is None else []
                continue
            made, why = expand_permalink(text, facts)
            if made is None and rules.permalink is None:
                unknown.append(f"{name}: {text[:80]!r} needs {why}; set posts.permalink to what it makes")
            text = (made or "").removesuffix("index.html")
        if not text or "{" in text or facts.front.flag(name) is not None:
            continue
        if not _SCHEME.match(text):
            if name == "saveas":
                text = text.removesuffix("index.html")
            slashed = name == "path" or (name == "url" and rules.profile == "hugo")
            ends = "/" if slashed and not text.lower().endswith((".html", ".htm", "/")) else ""
            filled = text if rules.profile == "hexo" else expand(text, facts, rules)
            return local_path(filled + ends), name
        if text.startswith(rules.site_url):
            return local_path(text[len(rules.site_url) :]), name
    if rules.section_permalinks and (pattern := rules.section_permalinks.get(section(facts, rules))):
        return local_path(expand(pattern, facts, rules)), rules.origins.get("sections", "settings")
    articles = rules.pelican_articles
    foreign = articles.foreign if articles and facts.front.text("lang") else ""
    if foreign and facts.language != (rules.language or DEFAULT_LANGUAGE):
        return local_path(expand(foreign, facts, rules)), "ARTICLE_LANG_URL"
    if rules.permalink is not None:
        return local_path(expand(rules.permalink, facts, rules)), rules.origins.get("permalink", "settings")
    where = "default" if rules.conventions is GENERIC else f"default of {rules.profile}"
    return local_path(expand(rules.conventions.permalink, facts, rules)), where


def find_canonical(
    facts: PermalinkFacts, base: str, rules: SourceRules, warnings: list[str]
) -> tuple[str, str]:
    """The canonical URL, and what decided it. A post without text may have that of another page."""
    fields = (*rules.link_fields, *(ELSEWHERE_FIELDS if facts.blank else ()))
    for name in fields:
        text = facts.front.text(name)
        if not text:
            continue
        if found := absolute_url(text, rules.site_url):
            return found, name
        line = facts.front.line_of(name)
        warnings.append(f"line {line}: {name}: {text[:80]!r} is not a web address; write https://...")
    text = facts.front.text("permalink", "url")
    if (
        text
        and _SCHEME.match(text)
        and not text.startswith(rules.site_url)
        and (found := absolute_url(text, base))
    ):
        return found, "permalink"
    return base, "permalink"


def first_inner_text(value: Value, *keys: str) -> str:
    """The first of `keys` of a map that is a text; "" for none."""
    if isinstance(value, dict):
        for key in keys:
            found = value.get(key)
            if isinstance(found, str) and found.strip():
                return found
    return ""


def read_pixels(value: Value, key: str) -> int | None:
    """A width or height such as 640 or 640px; None if it is not one."""
    text = first_inner_text(value, key).removesuffix("px")
    return int(text) if text.isascii() and text.isdigit() and 0 < len(text) < 6 else None
