"""Pages of posts under public/, where the site has none of its own: posts/<permalink>/index.html or what
`posts.permalink` says, the files beside each post, and small pages at its former addresses.
"""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from pathlib import PurePosixPath

from publisher.core.feeds.feed import MAX_SEQ
from publisher.core.posts.page_paths import POSTS_FOLDER as POSTS
from publisher.core.posts.page_paths import disk_key, page_path, url_path
from publisher.core.posts.post import ASSETS_FOLDER as ASSETS
from publisher.core.posts.post import Asset, Post
from publisher.core.publishing.log import PublishedPost, mint
from publisher.services.deps import Deps, SiteRules
from publisher.services.feeds.documents import PAGE, DocumentSpec, fingerprint
from publisher.services.feeds.pages import Values, feed_links
from publisher.services.posts.content import stored_contents, whole_post

OWNED_FOLDERS = (POSTS, ASSETS)
"""Folders under public/ that hold only what today's posts need."""


def posts_with_pages(
    rules: SiteRules, known: Sequence[PublishedPost], page_only: Sequence[Post]
) -> list[PublishedPost]:
    """The posts that have a page: of those `known` in the log the live ones that are not only mailed, and
    `page_only` ones. These are not in the log, and sort after it: of two posts at one path the one in the
    log has it.
    """
    return [k for k in known if k.live and not k.post.options.mail_only] + [
        PublishedPost(
            id=mint(post, rules.id_rules),
            post=post,
            live=False,
            first_seq=MAX_SEQ,
            updated_at=max(post.modified or post.instant, post.instant),
        )
        for post in page_only
        if rules.post_pages and post.instant is not None
    ]


def page_paths(
    posts: Sequence[PublishedPost], documents: Collection[str]
) -> tuple[dict[str, str], list[str]]:
    """Where the pages stand under public/, by post id, and why some posts have none: other `documents` come
    first. Of two posts at one path the first has it; so that the site works on every disk, paths that differ
    only in case are one, and a page cannot stand where another needs a folder.
    """
    paths: dict[str, str] = {}
    taken = {disk_key(path): path for path in documents}
    folders = {str(above): path for key, path in taken.items() for above in PurePosixPath(key).parents}
    problems: list[str] = []
    for known in posts:
        path = page_path(known.post.permalink)
        key = disk_key(path)
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


def post_pages(deps: Deps, posts: Sequence[PublishedPost], paths: Mapping[str, str]) -> list[DocumentSpec]:
    """The page of each of `posts` that has a path (`page_paths`), not yet made. Each is made again only when
    its post, a neighbor's title, the site or a template changes.
    """
    feeds = feed_links(deps)["feeds"]
    shared = fingerprint(deps.process.template_fingerprint, deps.rules.site, feeds)
    row = sorted(posts, key=lambda known: (known.instant.timestamp(), known.first_seq))
    parts = series_parts(row)
    specs: list[DocumentSpec] = []
    for at, known in enumerate(row):
        if known.id not in paths:
            continue
        around = {
            "previous": _link(deps, row[at - 1]) if at else None,
            "next": _link(deps, row[at + 1]) if at + 1 < len(row) else None,
            "series": _series(deps, known, parts.get(known.post.options.series, ())),
        }
        path = paths[known.id]
        stamp = fingerprint(shared, known.id, known.updated_at, known.post, around)
        stamp = stamp if path.startswith(POSTS) else PAGE + stamp
        make = partial(post_page, deps, known, {"feeds": feeds, **around})
        specs.append(DocumentSpec(path=path, fingerprint=stamp, make=make))
    return specs


def post_page(deps: Deps, known: PublishedPost, values: Values) -> bytes:
    """The page of a post; `values` are the links that it shares with others."""
    (content,) = stored_contents(deps, [known])
    given = {
        "site": deps.rules.site,
        "post": whole_post(content),
        "tags": known.post.tags,
        "toc": known.post.options.toc,
        # A post that came out after its date was not edited then.
        "updated": known.edited_at if known.first else known.updated_at,
        **values,
    }
    return deps.adapters.renderer.page("post", given).encode()


def series_parts(posts: Sequence[PublishedPost]) -> Mapping[str, Sequence[tuple[int, PublishedPost]]]:
    """By the name of each series of more than one of `posts`, which are in order of time: its numbered parts.
    Where no author says a number, it counts from the part before.
    """
    found: dict[str, list[PublishedPost]] = {}
    for known in posts:
        if known.post.options.series:
            found.setdefault(known.post.options.series, []).append(known)
    numbered: dict[str, list[tuple[int, PublishedPost]]] = {}
    for name, parts in found.items():
        last = 0
        for known in parts:
            last = known.post.options.series_part or last + 1
            numbered.setdefault(name, []).append((last, known))
        numbered[name].sort(key=lambda part: part[0])
    return {name: parts for name, parts in numbered.items() if len(parts) > 1}


def _series(deps: Deps, known: PublishedPost, parts: Sequence[tuple[int, PublishedPost]]) -> Values | None:
    """The series that a post is a part of, as its page shows it; None if it stands alone."""
    if not parts:
        return None
    return {
        "name": known.post.options.series,
        "number": next(number for number, part in parts if part.id == known.id),
        "parts": [
            {**_link(deps, part), "number": number, "here": part.id == known.id} for number, part in parts
        ],
    }


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
    keys = {disk_key(path) for path in (*taken, *redirects)}
    folders = {str(folder) for key in keys for folder in PurePosixPath(key).parents}
    standing = {disk_key(path) for path in taken}
    specs: list[DocumentSpec] = []
    for path, target in redirects.items():
        key = disk_key(path)
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
    """A document for each asset of `posts`, byte for byte the file, and one more for each large picture."""
    assets = {asset.document: asset for known in posts for asset in known.post.assets}
    specs = [
        DocumentSpec(path=path, fingerprint=asset.sha256, make=partial(asset_bytes, deps, asset))
        for path, asset in sorted(assets.items())
    ]
    return specs + [
        DocumentSpec(path=path, fingerprint=asset.sha256, make=partial(small_picture, deps, asset))
        for asset in assets.values()
        if (path := asset.small_document)
    ]


def small_picture(deps: Deps, asset: Asset) -> bytes | None:
    """The bytes of a large picture as pages and mails show it."""
    data = asset_bytes(deps, asset)
    return None if data is None else deps.adapters.source().smaller_picture(data)


def asset_bytes(deps: Deps, asset: Asset) -> bytes | None:
    """The file, if it still has the bytes that its name was made of."""
    data = deps.adapters.source().file(asset.path)
    return data if data is not None and hashlib.sha256(data).hexdigest() == asset.sha256 else None
