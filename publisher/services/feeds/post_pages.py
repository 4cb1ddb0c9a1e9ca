"""A page for each post, where the site has none of its own: public/posts/<permalink>/index.html."""

import hashlib
import unicodedata
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from pathlib import PurePosixPath
from textwrap import shorten

from publisher.core.digests.digest import DigestPost
from publisher.core.feeds.paging import MAX_SEQ
from publisher.core.posts.assets import FOLDER as ASSETS
from publisher.core.posts.assets import Asset
from publisher.core.posts.permalinks import FOLDER as POSTS
from publisher.core.posts.permalinks import address_of, document_path
from publisher.core.posts.post import Post
from publisher.core.publishing.ids import mint
from publisher.core.publishing.log import PublishedPost
from publisher.services.deps import Deps
from publisher.services.feeds.documents import DocumentSpec, fingerprint
from publisher.services.feeds.feed_pages import followed
from publisher.services.posts.assets import files_of, image_of
from publisher.services.posts.rendered import html_of, summary_of

OWNED = (POSTS, ASSETS)
"""Folders under public/ that hold nothing but what posts of now need."""

Values = dict[str, object]


def post_pages(parts: Deps, live: Sequence[PublishedPost], places: Mapping[str, str]) -> list[DocumentSpec]:
    """The page of each post in `live` that has a place (`places_of`), not yet made. Each is made again only
    when its post, a neighbour's title, the site or a template changes.
    """
    feeds = followed(parts)["feeds"]
    shared = fingerprint(parts.stamp, parts.site, feeds)
    row = sorted(live, key=_by_instant)
    wanted: list[DocumentSpec] = []
    for at, known in enumerate(row):
        if known.id not in places:
            continue
        around = {
            "previous": _named(parts, row[at - 1]) if at else None,
            "next": _named(parts, row[at + 1]) if at + 1 < len(row) else None,
        }
        stamp = fingerprint(shared, known.id, known.updated_at, known.post, around)
        make = _maker(parts, known, {"feeds": feeds, **around})
        wanted.append(DocumentSpec(path=places[known.id], fingerprint=stamp, make=make))
    return wanted


def only_pages(parts: Deps, posts: Sequence[Post]) -> list[PublishedPost]:
    """Posts that are page only as `post_pages` takes them, where posts have pages: the log has none of them,
    and of two posts at one place that of the log has it.
    """
    return [
        PublishedPost(
            id=mint(post, parts.naming),
            post=post,
            live=False,
            first_seq=MAX_SEQ,
            updated_at=max(post.modified or post.instant, post.instant),
        )
        for post in posts
        if parts.pages and post.instant is not None
    ]


def places_of(live: Sequence[PublishedPost]) -> tuple[dict[str, str], list[str]]:
    """Where the pages stand, by post id, and what stands in the way of some. Of two at one place the one
    published first has it; a disk that does not tell "A" from "a" is thought of, and a page where another
    needs a folder.
    """
    places: dict[str, str] = {}
    taken: dict[str, str] = {}
    folders: dict[str, str] = {}
    problems: list[str] = []
    for known in live:
        path = document_path(known.post.permalink)
        key = _key(path)
        above = [str(folder) for folder in PurePosixPath(key).parents]
        rival = taken.get(key) or folders.get(key) or next((taken[f] for f in above if f in taken), None)
        if rival:
            problems.append(
                f"{known.post.path}: no page at {path}: {rival} is there; give one of them another permalink"
            )
            continue
        places[known.id] = path
        taken[key] = known.post.path
        folders |= dict.fromkeys(above, known.post.path)
    return places, problems


def moved_pages(
    parts: Deps,
    shown: Sequence[PublishedPost],
    places: Mapping[str, str],
    redirects: Mapping[str, str],
    taken: Collection[str],
) -> list[DocumentSpec]:
    """Small pages at addresses that moved, for hosts that cannot redirect; none where a disk that does not
    tell "A" from "a" has a document already, or a file stands where a folder must.
    """
    if not redirects:
        return []
    posts = {address_of(places[known.id]): known for known in shown if known.id in places}
    keys = {_key(path) for path in (*taken, *redirects)}
    folders = {str(folder) for key in keys for folder in PurePosixPath(key).parents}
    standing = {_key(path) for path in taken}
    wanted: list[DocumentSpec] = []
    for path, target in redirects.items():
        key = _key(path)
        if key in standing or key in folders or any(str(f) in keys for f in PurePosixPath(key).parents):
            continue
        standing.add(key)
        known = posts[target]
        url = parts.site.public_url + target
        wanted.append(_small_page(parts, path, known, url))
    return wanted


def _small_page(parts: Deps, path: str, known: PublishedPost, url: str) -> DocumentSpec:
    def make() -> bytes:
        values: dict[str, object] = {"site": parts.site, "post": {**_named(parts, known), "url": url}}
        return parts.renderer.page("moved", values).encode()

    post = known.post
    words = post.title or post.body_hash
    stamp = fingerprint(parts.stamp, "moved", parts.site, words, url, post.language)
    return DocumentSpec(path=path, fingerprint=stamp, make=make)


def _key(path: str) -> str:
    """The path as the least careful disk has it."""
    return unicodedata.normalize("NFC", path).casefold()


def _maker(parts: Deps, known: PublishedPost, values: Values) -> Callable[[], bytes]:
    def make() -> bytes:
        post = known.post
        given = {
            "site": parts.site,
            "post": _shown(parts, known),
            "tags": post.tags,
            "updated": _edited(known),
            **values,
        }
        return parts.renderer.page("post", given).encode()

    return make


def _edited(known: PublishedPost) -> datetime:
    """When its author changed it last: one that came out later than its date was not edited then."""
    post = known.post
    if not known.first:
        return known.updated_at
    said = max(filter(None, (post.instant, post.modified)), default=known.updated_at)
    return min(said, known.updated_at)


def _shown(parts: Deps, known: PublishedPost) -> DigestPost:
    """The post as pages and mails show it, whole."""
    post = known.post
    assert post.instant is not None  # noqa: S101  # what is in the log has passed the gate
    body = parts.store.bodies([post.body_hash])[post.body_hash]
    html = html_of(parts.markup, post, body, files_of(parts, post))
    return DigestPost(
        id=known.id,
        revision=post.revision,
        title=post.title,
        url=post.url,
        instant=post.instant,
        language=post.language,
        html=html,
        text="",
        summary=summary_of(parts.markup, post, body, html),
        authors=post.authors,
        categories=post.categories,
        image=image_of(parts, post),
    )


def _named(parts: Deps, known: PublishedPost) -> Values:
    """A neighbor: what a link to it says, which is the beginning of its text where it has no title."""
    post = known.post
    words = post.title or shorten(_shown(parts, known).summary, 60, placeholder="…") or post.slug
    return {"title": words, "url": post.url, "language": post.language}


def _by_instant(known: PublishedPost) -> tuple[float, int]:
    assert known.post.instant is not None  # noqa: S101  # what is in the log has passed the gate
    return (known.post.instant.timestamp(), known.first_seq)


def asset_documents(parts: Deps, live: Sequence[PublishedPost]) -> list[DocumentSpec]:
    """A document for each asset of the posts in `live`, byte for byte the file."""
    assets = {asset.document: asset for known in live for asset in known.post.assets}

    def make(asset: Asset) -> Callable[[], bytes | None]:
        return lambda: _bytes(parts, asset)

    return [
        DocumentSpec(path=path, fingerprint=asset.sha256, make=make(asset))
        for path, asset in sorted(assets.items())
    ]


def _bytes(parts: Deps, asset: Asset) -> bytes | None:
    """The file, if it still has the bytes that its name speaks of."""
    data = parts.source().file(asset.path)
    return data if data is not None and hashlib.sha256(data).hexdigest() == asset.sha256 else None
