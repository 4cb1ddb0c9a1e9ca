"""One file's bytes -> Parsed | BadPost. Pure: no file is opened here."""

import re
from datetime import UTC, datetime, tzinfo

from publisher.core.posts import BadPost, Markup, Parsed, Post, body_hash
from publisher.sources import people, places
from publisher.sources.containers import open_container
from publisher.sources.dates import zone_named
from publisher.sources.instants import EXPIRY_FIELDS, MODIFIED_FIELDS, dated_name, find_instant, first_date
from publisher.sources.rules import SourceRules
from publisher.sources.values import FrontMatter, FrontMatterError
from publisher.sources.visibility import File, why_hidden
from publisher.sources.words import first_heading, plain

SUMMARY_FIELDS = ("excerpt", "summary", "description", "deck", "subtitle")
_NOTHING = FrontMatter(values={}, lines={}, line=1)
_BREAKS = re.compile(r"\r\n?")


def read_post(path: str, data: bytes, folders: tuple[str, ...], rules: SourceRules) -> Parsed | BadPost:
    """What the file at `path` (relative, with "/") means. `folders` are the names above it, the posts
    folder's own first. Never raises: what cannot be a post is a BadPost with line and reason.
    """
    text = _decode(path, data)
    if isinstance(text, BadPost):
        return text
    try:
        container = open_container(text)
        return _post(path, container.front, container.body, folders, rules)
    except FrontMatterError as error:
        return BadPost(path=path, line=error.line, reason=error.reason)


def _decode(path: str, data: bytes) -> str | BadPost:
    if (nul := data.find(b"\0")) >= 0:
        line = 1 + data.count(b"\n", 0, nul)
        return BadPost(path=path, line=line, reason=f"a NUL at byte {nul}; save the file as UTF-8 text")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = 1 + data.count(b"\n", 0, error.start)
        byte = data[error.start]
        reason = f"byte {error.start} (0x{byte:02x}) is not UTF-8; save the file as UTF-8"
        return BadPost(path=path, line=line, reason=reason)
    return _BREAKS.sub("\n", text) if "\r" in text else text


def _post(
    path: str, given: FrontMatter | None, body: str, folders: tuple[str, ...], rules: SourceRules
) -> Parsed:
    front = given or _NOTHING
    zone = zone_named(rules.timezone) or UTC
    markup = Markup.HTML if path.lower().endswith((".html", ".htm")) else Markup.MARKDOWN
    instant, warnings = find_instant(given, path, zone)
    title = _title(front, body, path, is_html=markup is Markup.HTML)
    categories = people.find_categories(front)
    facts = places.Facts(
        path=path,
        front=front,
        title=title,
        local=_local(instant, zone),
        categories=categories,
        blank=not body.strip(),
    )
    place = places.find_place(facts, rules)
    hidden = why_hidden(File(path=path, folders=folders, front=given))
    modified = first_date(front, MODIFIED_FIELDS, zone, warnings)
    expires = first_date(front, EXPIRY_FIELDS, zone, warnings)
    post = Post(
        path=path, title=title, instant=instant, permalink=place.permalink, url=place.url,
        base_url=place.base_url, slug=place.slug, language=people.find_language(front, rules),
        body_hash=body_hash(body), markup=markup, modified=modified, expires=expires,
        explicit_id=front.text(*rules.id_fields) or None, aliases=places.find_aliases(front, rules),
        authors=people.find_authors(front, rules), tags=people.find_tags(front), categories=categories,
        summary=_summary(front, title), image=places.find_image(front, place.base_url, rules),
        hidden=hidden or ("no date" if instant is None else None),
        warnings=(*front.warnings, *warnings, *place.warnings),
    )  # fmt: skip
    return Parsed(post=post, body=body)


def _title(front: FrontMatter, body: str, path: str, *, is_html: bool) -> str:
    value = front.get("title")
    if isinstance(value, (list, dict)):
        kind = "list" if isinstance(value, list) else "map"
        reason = f"title is a {kind}; write text, in quotes where it has brackets"
        raise FrontMatterError(reason, front.line_of("title"))
    return plain(value or "") or first_heading(body, is_html=is_html) or _named(front, path)


def _named(front: FrontMatter, path: str) -> str:
    """A title made of the name: in words where the file is dated, as Jekyll does, else the slug."""
    slug = plain(places.find_slug(front, path))
    if dated_name(path) is None:
        return slug
    return " ".join(word[:1].upper() + word[1:] for word in slug.split("-") if word) or slug


def _summary(front: FrontMatter, title: str) -> str:
    for name in SUMMARY_FIELDS:
        text = plain(front.text(name))
        if text and text.casefold() != title.casefold():
            return text
    return ""


def _local(instant: datetime | None, zone: tzinfo) -> datetime | None:
    try:
        return instant.astimezone(zone) if instant else None
    except (OverflowError, ValueError):
        return instant
