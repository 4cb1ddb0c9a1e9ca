"""Reads the export of WordPress: Tools > Export, a WXR file (RSS 2.0 with elements of WordPress).

The elements are those that wp-admin/includes/export.php writes; their namespace holds a version, so they are
recognized by their local names.
"""

import re
from collections import Counter
from datetime import UTC, datetime
from typing import cast
from urllib.parse import urlsplit

from lxml import etree

from publisher.core.publishing.blog_export import BlogExport, ExportedPicture, ExportedPost, ExportState

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


def read_wordpress_export(data: bytes) -> BlogExport | None:
    """The export in `data`; None if it is not one of WordPress's."""
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=True,
        recover=True,
        remove_comments=True,
    )
    try:
        root = etree.fromstring(_CONTROLS.sub(b"", data), parser)
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
    posts = [_post(item, names, attachments) for item in items if _wp(item, "post_type") in ("post", "")]
    posts.sort(key=lambda post: (post.published or datetime.max.replace(tzinfo=UTC), post.slug))
    kinds = (_wp(item, "post_type") for item in items)
    return BlogExport(
        posts=tuple(post for post in posts if post.slug or post.html or post.title),
        title=_child_text(channel, "title"),
        url=_child_text(channel, "link"),
        others=Counter(kind for kind in kinds if kind and kind != "post" and kind not in _INTERNAL),
        attachments=attachments,
    )


def _post(item: Element, names: dict[str, str], attachments: dict[str, str]) -> ExportedPost:
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
        published=_time(item, "post_date_gmt") or _time(item, "post_date"),
        updated=_time(item, "post_modified_gmt"),
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


def _time(item: Element, name: str) -> datetime | None:
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
