"""Reads what blogs export: WordPress's file (Tools > Export), Ghost's (Settings > Import/Export > Export) and
Substack's archive (Settings > Export).

WordPress writes WXR, RSS 2.0 with elements of its own, as wp-admin/includes/export.php does; their namespace
holds a version, so they are recognized by their local names. Ghost writes JSON in its own import format
(docs.ghost.org/migration/custom), which Ghost 1 to 6 wrap in {"db": [...]}; its RSS feed has the post's id
as its guid. Substack's archive is a zip of posts.csv and posts/<post_id>.html, as Ghost's own migration tool
reads it (TryGhost/migrate, mg-substack); it names neither the blog's address nor ids of its feed.
"""

import csv
import io
import json
import re
import zipfile
import zlib
from collections import Counter, defaultdict
from collections.abc import Mapping
from datetime import UTC, datetime
from html import escape
from typing import Any, cast
from urllib.parse import urlsplit

from lxml import etree

from publisher.core.publishing.adoption import BlogExport, ExportedPicture, ExportedPost, ExportState

Element = etree._Element  # pyright: ignore[reportPrivateUsage]  # lxml has no other name for its type

_WORDPRESS = re.compile(r"https?://wordpress\.org/export/[\d.]+/$")
_CONTENT = "{http://purl.org/rss/1.0/modules/content/}encoded"
_CREATOR = "{http://purl.org/dc/elements/1.1/}creator"
_EXCERPT = re.compile(r"\{https?://wordpress\.org/export/[\d.]+/excerpt/\}encoded")
_CONTROLS = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_NEVER = "0000-00-00"
_INTERNAL = frozenset(
    [
        "attachment",
        "nav_menu_item",
        "revision",
        "wp_global_styles",
        "wp_navigation",
        "wp_template",
        "wp_template_part",
        "wp_block",
        "custom_css",
        "customize_changeset",
        "oembed_cache",
        "wp_font_family",
        "wp_font_face",
    ]
)
"""Kinds of items that are no writing of an author's."""

LARGEST_MEMBER = 64_000_000
"""Bytes of one file in an archive."""

_SUBSTACK_COLUMNS = frozenset({"post_id", "post_date", "is_published", "type", "audience", "title"})
_SUBSTACK_AUDIENCES = {"": "", "everyone": "", "only_free": "members", "only_paid": "paid"}

Json = dict[str, Any]

URL_PLACEHOLDER = "__GHOST_URL__"
"""What exports have instead of the blog's address."""


def xml_parser(*, recover: bool, huge: bool = False) -> etree.XMLParser:
    """A parser that opens no file and no connection and expands no entity; `huge` lifts libxml2's limits of
    size and depth, for files of the operator's own.
    """
    return etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=huge,
        remove_comments=True,
        remove_pis=True,
        recover=recover,
    )


def read_wordpress_export(data: bytes) -> BlogExport | None:
    """The export in `data`; None if it is not one of WordPress's."""
    try:
        root = etree.fromstring(_CONTROLS.sub(b"", data), xml_parser(recover=True, huge=True))
    except etree.XMLSyntaxError:
        return None
    return None if root is None else wordpress_export(root)


def wordpress_export(root: Element) -> BlogExport | None:
    """The export in an XML document; None if it is not one of WordPress's."""
    channel = root.find("channel")
    if channel is None or not any(
        _WORDPRESS.match(etree.QName(el).namespace or "") for el in channel if _is_tag(el)
    ):
        return None
    items = channel.findall("item")
    attachments = {
        _wp(item, "post_id"): _wp(item, "attachment_url")
        for item in items
        if _wp(item, "post_type") == "attachment"
    }
    names = {
        _wp(el, "author_login"): _wp(el, "author_display_name") for el in channel if _local(el) == "author"
    }
    posts = [
        _wordpress_post(item, names, attachments) for item in items if _wp(item, "post_type") in ("post", "")
    ]
    posts.sort(key=lambda post: (post.published or datetime.max.replace(tzinfo=UTC), post.slug))
    kinds = (_wp(item, "post_type") for item in items)
    return BlogExport(
        posts=tuple(post for post in posts if post.slug or post.html or post.title),
        title=_child_text(channel, "title"),
        url=_child_text(channel, "link"),
        others=Counter(kind for kind in kinds if kind and kind != "post" and kind not in _INTERNAL),
        attachments=attachments,
    )


def _wordpress_post(item: Element, names: dict[str, str], attachments: dict[str, str]) -> ExportedPost:
    login, status = _child_text(item, _CREATOR), _wp(item, "status")
    meta = {_wp(el, "meta_key"): _wp(el, "meta_value") for el in item if _local(el) == "postmeta"}
    link = _child_text(item, "link")
    slug = _wp(item, "post_name") or urlsplit(link).path.strip("/").rpartition("/")[2]
    states = {
        "publish": ExportState.PUBLISHED,
        "private": ExportState.PUBLISHED,
        "future": ExportState.SCHEDULED,
    }
    return ExportedPost(
        id=_child_text(item, "guid") or link,
        slug=slug,
        title=_child_text(item, "title"),
        html=next((el.text or "" for el in item if el.tag == _CONTENT), ""),
        url=link,
        state=states.get(status, ExportState.DRAFT),
        restricted="private" if status == "private" else "password" if _wp(item, "post_password") else "",
        published=_wordpress_time(item, "post_date_gmt") or _wordpress_time(item, "post_date"),
        updated=_wordpress_time(item, "post_modified_gmt"),
        excerpt=next(
            (el.text or "" for el in item if _is_tag(el) and _EXCERPT.fullmatch(str(el.tag))), ""
        ).strip(),
        tags=_terms(item),
        authors=tuple(filter(None, [names.get(login) or login])),
        picture=ExportedPicture(url=attachments.get(meta.get("_thumbnail_id", ""), "")),
    )


def _terms(item: Element) -> tuple[str, ...]:
    """Categories and tags, each once; WordPress's own category for posts without one says nothing."""
    found = [
        (el.text or "").strip()
        for el in item.findall("category")
        if el.get("domain") in ("category", "post_tag") and el.get("nicename") != "uncategorized"
    ]
    return tuple(dict.fromkeys(filter(None, found)))


def _is_tag(element: Element) -> bool:
    return isinstance(cast("object", element.tag), str)  # a function, for a processing instruction


def _local(element: Element) -> str:
    """The local name of an element of WordPress's own, "" for others."""
    if not _is_tag(element):
        return ""
    name = etree.QName(element)
    return name.localname if _WORDPRESS.match(name.namespace or "") else ""


def _wp(element: Element, name: str) -> str:
    return next(((child.text or "").strip() for child in element if _local(child) == name), "")


def _child_text(element: Element, tag: str) -> str:
    return (element.findtext(tag) or "").strip()


def _wordpress_time(item: Element, name: str) -> datetime | None:
    """ "2024-01-31 09:30:00"; zeros where the post has no such time. UTC where the name ends in _gmt; the
    other is a local time of an unknown zone, used only where nothing else is given.
    """
    text = _wp(item, name)
    try:
        return (
            None if text.startswith(_NEVER) or not text else datetime.fromisoformat(text).replace(tzinfo=UTC)
        )
    except ValueError:
        return None


def is_ghost_export(value: object) -> bool:
    """Whether a JSON document is an export of Ghost."""
    return _tables(value) is not None


def read_ghost_export(data: bytes) -> BlogExport | None:
    """The export in `data`; None if it is not one of Ghost's."""
    try:
        value: object = json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return None
    return ghost_export(value)


def ghost_export(value: object) -> BlogExport | None:
    """The export in a JSON document; None if it is not one of Ghost's."""
    tables = _tables(value)
    if tables is None:
        return None
    tags = _names_by_post(tables, "posts_tags", "tag_id", _visible_names(tables, "tags"))
    authors = _names_by_post(tables, "posts_authors", "author_id", _visible_names(tables, "users"))
    meta = {_text(row, "post_id"): row for row in _rows(tables, "posts_meta")}
    rows = _rows(tables, "posts")
    posts = [
        _ghost_post(row, meta.get(_text(row, "id"), {}), tags[_text(row, "id")], authors[_text(row, "id")])
        for row in rows
        if _kind(row) == "post"
    ]
    settings = {_text(row, "key"): _text(row, "value") for row in _rows(tables, "settings")}
    posts.sort(key=lambda post: (post.published or datetime.max.replace(tzinfo=UTC), post.slug))
    others = Counter(_kind(row) for row in rows if _kind(row) != "post")
    return BlogExport(posts=tuple(posts), title=settings.get("title", ""), others=others)


def _tables(value: object) -> Json | None:
    """The tables of an export, with or without the wrapper {"db": [...]}."""
    document = cast("Json", value) if isinstance(value, dict) else {}
    database = document.get("db")
    if isinstance(database, list) and database and isinstance(database[0], dict):
        document = cast("Json", database[0])
    tables = document.get("data")
    if not isinstance(tables, dict):
        return None
    found = cast("Json", tables)
    return found if isinstance(found.get("posts"), list) else None


def _rows(tables: Json, name: str) -> list[Json]:
    value = tables.get(name)
    return (
        [cast("Json", row) for row in cast("list[object]", value) if isinstance(row, dict)]
        if isinstance(value, list)
        else []
    )


def _text(row: Json, key: str) -> str:
    value = row.get(key)
    return str(value).strip() if isinstance(value, (str, int)) and not isinstance(value, bool) else ""


def _kind(row: Json) -> str:
    """ "post" or "page": `type` since Ghost 3, a flag before."""
    return _text(row, "type") or ("page" if row.get("page") in (True, 1) else "post")


def _visible_names(tables: Json, name: str) -> dict[str, str]:
    """Names by id. Internal tags of Ghost (`#name`) are for its themes only."""
    return {
        _text(row, "id"): _text(row, "name")
        for row in _rows(tables, name)
        if _text(row, "name") and not (name == "tags" and _text(row, "name").startswith("#"))
    }


def _names_by_post(tables: Json, links: str, key: str, names: dict[str, str]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = defaultdict(tuple)
    rows = _rows(tables, links)
    for row in sorted(rows, key=lambda row: cast("int", row.get("sort_order") or 0)):
        if name := names.get(_text(row, key)):
            found[_text(row, "post_id")] += (name,)
    return found


def _ghost_post(row: Json, meta: Json, tags: tuple[str, ...], authors: tuple[str, ...]) -> ExportedPost:
    slug, access = _text(row, "slug"), _text(row, "visibility") or "public"
    status = _text(row, "status")
    states = {
        "published": ExportState.PUBLISHED,
        "sent": ExportState.PUBLISHED,
        "scheduled": ExportState.SCHEDULED,
    }
    return ExportedPost(
        id=_text(row, "id"),
        slug=slug,
        title=_text(row, "title"),
        html=cast("str", row.get("html")) if isinstance(row.get("html"), str) else "",
        url=f"/{slug}/" if slug else "",
        state=states.get(status, ExportState.DRAFT),
        restricted="email only" if status == "sent" else "" if access == "public" else access,
        published=_ghost_time(row, "published_at"),
        updated=_ghost_time(row, "updated_at"),
        excerpt=_text(row, "custom_excerpt"),
        tags=tags,
        authors=authors,
        picture=ExportedPicture(
            url=_text(row, "feature_image") or _text(row, "image"),
            alt=_text(meta, "feature_image_alt"),
            caption=_text(meta, "feature_image_caption"),
        ),
    )


def _ghost_time(row: Json, key: str) -> datetime | None:
    """Times are UTC: ISO 8601 with or without "Z", or milliseconds since 1970 in exports of Ghost 1."""
    value = row.get(key)
    try:
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return datetime.fromtimestamp(value / 1000, UTC)
        found = datetime.fromisoformat(_text(row, key))
    except (ValueError, OverflowError, OSError):
        return None
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)


def read_substack_export(data: bytes) -> BlogExport | None:
    """The archive in `data`; None if it is not one of Substack's."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = frozenset(archive.namelist())
            table = next((name for name in sorted(names) if name.split("/")[-1] == "posts.csv"), "")
            rows = list(csv.DictReader(io.StringIO(_member(archive, table), newline=""))) if table else []
            if not rows or not rows[0].keys() >= _SUBSTACK_COLUMNS:
                return None
            texts = [{key: (row.get(key) or "").strip() for key in rows[0] if key} for row in rows]
            posts: list[ExportedPost] = []
            for row in texts:
                file = f"{table.removesuffix('posts.csv')}posts/{row['post_id']}.html"
                if row["type"] != "page":
                    posts.append(_substack_post(row, _member(archive, file) if file in names else ""))
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, OSError, EOFError, csv.Error):
        return None  # damaged, encrypted, or compressed by an unknown method
    posts.sort(key=lambda post: (post.published or datetime.max.replace(tzinfo=UTC), post.slug))
    pages = len(texts) - len(posts)
    return BlogExport(posts=tuple(posts), others={"page": pages} if pages else {})


def _substack_post(row: Mapping[str, str], html: str) -> ExportedPost:
    slug = row["post_id"].partition(".")[2]
    if recording := row.get("podcast_url", ""):
        html = f'<audio controls src="{escape(recording)}"></audio>{html}'
    try:
        published = datetime.fromisoformat(row["post_date"])
        published = published.astimezone(UTC) if published.tzinfo else published.replace(tzinfo=UTC)
    except ValueError:
        published = None
    is_public = row["is_published"].lower() == "true"
    return ExportedPost(
        id="",
        slug=slug,
        title=row["title"],
        html=html,
        url=f"/p/{slug}" if slug else "",
        state=ExportState.PUBLISHED if is_public else ExportState.DRAFT,
        restricted=_SUBSTACK_AUDIENCES.get(row["audience"], row["audience"]),
        published=published,
        excerpt=row.get("subtitle", ""),
    )


def _member(archive: zipfile.ZipFile, name: str) -> str:
    """The text of a file in an archive. Raises OSError: it is too large."""
    if archive.getinfo(name).file_size > LARGEST_MEMBER:
        raise OSError(f"{name} has more than {LARGEST_MEMBER:,} bytes")
    return archive.read(name).decode("utf-8-sig", "replace")
