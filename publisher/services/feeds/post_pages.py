"""A page for each post, where the site has none of its own: public/posts/<permalink>/index.html; the files
beside posts, and small pages at addresses that moved.
"""

import hashlib
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from pathlib import PurePosixPath

from publisher.core.feeds.feed import MAX_SEQ
from publisher.core.posts.permalinks import POSTS_FOLDER as POSTS
from publisher.core.posts.permalinks import page_path, url_path
from publisher.core.posts.post import ASSETS_FOLDER as ASSETS
from publisher.core.posts.post import Asset, Post
from publisher.core.publishing.log import PublishedPost, mint
from publisher.services.deps import Deps, SiteRules
from publisher.services.feeds.documents import DocumentSpec, fingerprint
from publisher.services.feeds.feed_pages import Values, feed_links
from publisher.services.posts.content import stored_contents, whole_post

OWNED_FOLDERS = (POSTS, ASSETS)
"""Folders under public/ that hold only what today's posts need."""


def page_only_posts(rules: SiteRules, posts: Sequence[Post]) -> list[PublishedPost]:
    """Page-only posts in the form that `post_pages` takes, where posts have pages. They are not in the log,
    and sort after it: of two posts at one path the one in the log has it.
    """
    return [
        PublishedPost(
            id=mint(post, rules.id_rules),
            post=post,
            live=False,
            first_seq=MAX_SEQ,
            updated_at=max(post.modified or post.instant, post.instant),
        )
        for post in posts
        if rules.post_pages and post.instant is not None
    ]


def page_paths(posts: Sequence[PublishedPost]) -> tuple[dict[str, str], list[str]]:
    """Where the pages stand under public/, by post id, and why some posts have none. Of two posts at one path
    the first has it; so that the site works on every disk, paths that differ only in case are one, and a page
    cannot stand where another needs a folder.
    """
    paths: dict[str, str] = {}
    taken: dict[str, str] = {}
    folders: dict[str, str] = {}
    problems: list[str] = []
    for known in posts:
        path = page_path(known.post.permalink)
        key = _disk_key(path)
        above = [str(folder) for folder in PurePosixPath(key).parents]
        rival = taken.get(key) or folders.get(key) or next((taken[f] for f in above if f in taken), None)
        if rival:
            problems.append(
                f"{known.post.path}: no page at {path}: {rival} is there; give one of them another permalink"
            )
            continue
        paths[known.id] = path
        taken[key] = known.post.path
        folders |= dict.fromkeys(above, known.post.path)
    return paths, problems


def _disk_key(path: str) -> str:
    """Equal for paths that are one file on a disk that ignores case or Unicode normalization."""
    return unicodedata.normalize("NFC", path).casefold()


def post_pages(deps: Deps, posts: Sequence[PublishedPost], paths: Mapping[str, str]) -> list[DocumentSpec]:
    """The page of each of `posts` that has a path (`page_paths`), not yet made. Each is made again only when
    its post, a neighbor's title, the site or a template changes.
    """
    feeds = feed_links(deps)["feeds"]
    shared = fingerprint(deps.process.template_fingerprint, deps.rules.site, feeds)
    row = sorted(posts, key=lambda known: (known.instant.timestamp(), known.first_seq))
    specs: list[DocumentSpec] = []
    for at, known in enumerate(row):
        if known.id not in paths:
            continue
        around = {
            "previous": _link(deps, row[at - 1]) if at else None,
            "next": _link(deps, row[at + 1]) if at + 1 < len(row) else None,
        }
        stamp = fingerprint(shared, known.id, known.updated_at, known.post, around)
        make = partial(post_page, deps, known, {"feeds": feeds, **around})
        specs.append(DocumentSpec(path=paths[known.id], fingerprint=stamp, make=make))
    return specs


def post_page(deps: Deps, known: PublishedPost, values: Values) -> bytes:
    """The page of a post; `values` are the links that it shares with others."""
    (content,) = stored_contents(deps, [known])
    given = {
        "site": deps.rules.site,
        "post": whole_post(content),
        "tags": known.post.tags,
        # A post that came out after its date was not edited then.
        "updated": known.edited_at if known.first else known.updated_at,
        **values,
    }
    return deps.adapters.renderer.page("post", given).encode()


def _link(deps: Deps, known: PublishedPost) -> Values:
    """A link to a post."""
    post = known.post
    title = post.title or stored_contents(deps, [known])[0].stand_in_title
    return {"title": title, "url": post.url, "language": post.language}


def redirect_pages(
    deps: Deps,
    posts: Sequence[PublishedPost],
    paths: Mapping[str, str],
    redirects: Mapping[str, str],
    taken: Collection[str],
) -> list[DocumentSpec]:
    """Small pages at addresses that moved, for hosts that cannot redirect; none where a document stands
    already, or a file where a folder must, on a disk that ignores case.
    """
    if not redirects:
        return []
    post_at = {url_path(paths[known.id]): known for known in posts if known.id in paths}
    keys = {_disk_key(path) for path in (*taken, *redirects)}
    folders = {str(folder) for key in keys for folder in PurePosixPath(key).parents}
    standing = {_disk_key(path) for path in taken}
    specs: list[DocumentSpec] = []
    for path, target in redirects.items():
        key = _disk_key(path)
        if key in standing or key in folders or any(str(f) in keys for f in PurePosixPath(key).parents):
            continue
        standing.add(key)
        known, url = post_at[target], deps.rules.site.public_url + target
        words = known.post.title or known.post.body_hash
        specs.append(
            DocumentSpec(
                path=path,
                fingerprint=fingerprint(
                    deps.process.template_fingerprint,
                    "moved",
                    deps.rules.site,
                    words,
                    url,
                    known.post.language,
                ),
                make=partial(redirect_page, deps, known, url),
            )
        )
    return specs


def redirect_page(deps: Deps, known: PublishedPost, url: str) -> bytes:
    """A page that leads to the post at `url`."""
    values: Values = {"site": deps.rules.site, "post": {**_link(deps, known), "url": url}}
    return deps.adapters.renderer.page("moved", values).encode()


def asset_documents(deps: Deps, posts: Sequence[PublishedPost]) -> list[DocumentSpec]:
    """A document for each asset of `posts`, byte for byte the file."""
    assets = {asset.document: asset for known in posts for asset in known.post.assets}
    return [
        DocumentSpec(path=path, fingerprint=asset.sha256, make=partial(asset_bytes, deps, asset))
        for path, asset in sorted(assets.items())
    ]


def asset_bytes(deps: Deps, asset: Asset) -> bytes | None:
    """The file, if it still has the bytes that its name was made of."""
    data = deps.adapters.source().file(asset.path)
    return data if data is not None and hashlib.sha256(data).hexdigest() == asset.sha256 else None
