"""Redirects: a feed moves (301, for ever) or ends (410), a post's former addresses lead to its page, and the
page of a withdrawn post is gone (410).

The operator's redirects are in moved.json beside publisher.toml, which outlives the store and may come by git
from another machine; each publish reads it.
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from html import unescape

from publisher.core.errors import Refused, UsageError
from publisher.core.feeds.feed import FeedSpec
from publisher.core.feeds.redirects import (
    PageAliases,
    Redirect,
    RedirectKind,
    alias_redirects,
    resolve_chains,
)
from publisher.core.posts.page_paths import POSTS_FOLDER as POSTS
from publisher.core.posts.page_paths import alias_path, is_reserved, page_path, url_path
from publisher.core.publishing.log import PublishedPost
from publisher.ports import Store
from publisher.services.deps import Deps, SiteRules
from publisher.services.feeds.documents import is_page, remove_documents
from publisher.services.feeds.feeds import feed_path
from publisher.services.feeds.retired_feeds import retired_feeds, subscription_paths

_REFRESH = re.compile(rb'http-equiv="refresh" content="\d+; ?url=([^"]+)"')
"""What a redirect page has in its head, whoever wrote it."""


def sync_redirects(deps: Deps) -> frozenset[str]:
    """Copies the operator's redirects from moved.json into the store, and removes the documents at their
    paths. Returns these paths. Raises SettingsError, StoreError, OutputError.
    """
    asked = deps.adapters.feed_redirects.moves()
    before = stored_redirects(deps.adapters.store)
    if asked is None:
        asked = before
    elif list(asked) != before:
        paths = {move.path for move in asked}
        deps.adapters.store.save_redirects(asked, [move.path for move in before if move.path not in paths])
    gone = frozenset(move.path for move in asked)
    if gone:
        remove_documents(deps, sorted(gone & deps.adapters.store.documents().keys()))
    return gone


def stored_redirects(store: Store) -> list[Redirect]:
    """The operator's redirects, as the store has them."""
    return [
        move for move in store.all_redirects() if move.by_operator and move.kind is not RedirectKind.WITHDRAWN
    ]


def update_page_redirects(
    deps: Deps,
    posts: Sequence[PublishedPost],
    paths: Mapping[str, str],
    taken: Collection[str],
    now: datetime,
) -> tuple[Mapping[str, str], list[str]]:
    """Redirects former addresses and aliases of posts to their pages (`paths`, by id), except paths that are
    `taken`, and removes documents at addresses that no longer lead anywhere. Returns the address that each
    old path leads to, both relative to public/, and the problems found in aliases.
    """
    before = deps.adapters.store.post_redirects()
    documents = deps.adapters.store.documents()
    # Pages of posts are in `taken`; a redirect page, which `before` names, may be replaced.
    others = {
        path
        for path, document in documents.items()
        if not path.startswith(POSTS) and not is_page(document) and path not in before
    }
    standing = {*taken, *others}
    for path in _alias_paths(posts):
        if path not in before and path not in standing:
            data = deps.adapters.public_folder.read(path)
            # A file that Publisher did not write stays. Its own redirect page may be there if the store was
            # lost.
            if data is not None and b'http-equiv="refresh"' not in data:
                standing.add(path)
    listed = [
        PageAliases(file=k.post.path, page=paths[k.id], aliases=_alias_paths([k]))
        for k in posts
        if k.id in paths and k.post.aliases
    ]
    former = deps.adapters.store.former_addresses() if deps.rules.post_pages else dict[str, str]()
    pages = {path: paths[id] for path, id in former.items() if id in paths}
    moved: dict[str, str] = {}  # by the operator, to other documents here
    for move in stored_redirects(deps.adapters.store):
        if move.kind is RedirectKind.MOVED:
            to = move.target.removeprefix(deps.rules.site.public_url)
            moved[move.path] = f"{to}index.html" if not to or to.endswith("/") else to
    found, problems = alias_redirects(listed, pages, standing, moved)
    leads = {path: url_path(page) for path, page in found.items()}
    gone = before.keys() - leads.keys() - set(taken)
    remove_documents(deps, sorted(gone & documents.keys()))
    deps.adapters.store.set_post_redirects(leads, now)
    return leads, problems


def _alias_paths(posts: Iterable[PublishedPost]) -> list[str]:
    found = (alias_path(alias) for k in posts for alias in k.post.aliases)
    return list(dict.fromkeys(path for path in found if path is not None))


def recover_former_addresses(deps: Deps, paths: Mapping[str, str]) -> None:
    """If the store is new, finds the addresses that posts had before by the redirect pages that are still
    under public/. `paths` are the pages that posts have now, by id.
    """
    if not deps.rules.post_pages or deps.adapters.store.documents():
        return
    leads: dict[str, str] = {}
    base = deps.rules.site.public_url
    at_root = any(not path.startswith(POSTS) for path in paths.values())
    for path in deps.adapters.public_folder.pages("" if at_root else POSTS):
        found = _REFRESH.search(deps.adapters.public_folder.read(path) or b"")
        url = unescape(found[1].decode("utf-8", "replace")) if found else ""
        if url.startswith(base):
            leads[path] = url.removeprefix(base)
    after = {url_path(path): to for path, to in leads.items()}
    id_at = {url_path(page): id for id, page in paths.items()}
    former: dict[str, str] = {}
    for path, to in leads.items():
        seen: set[str] = set()
        while to not in id_at and to in after and to not in seen:
            seen.add(to)
            to = after[to]
        if to in id_at:
            former[path] = id_at[to]
    deps.adapters.store.add_former_addresses(former)


def mark_withdrawn_pages(
    store: Store,
    known: Sequence[PublishedPost],
    taken: Collection[str],
    now: datetime,
    recalled: Collection[str] = (),
) -> None:
    """The pages of withdrawn posts answer 410, at each address they had, except paths that are `taken`. So do
    those `recalled` from before the store was lost.
    """
    withdrawn = {k.id for k in known if not k.live}
    paths = {page_path(k.post.permalink) for k in known if k.id in withdrawn} | {*recalled}
    if withdrawn:
        paths |= {path for path, id in store.former_addresses().items() if id in withdrawn}
    store.set_withdrawn_addresses({path for path in paths - set(taken) if not is_reserved(path)}, now)


def move(deps: Deps, old: str, new: str, now: datetime) -> Sequence[Redirect]:
    """Moves a feed (a slug: each of its documents) or a path to a URL, another path, or the same format of
    another feed (its slug); returns the new redirects. Raises UsageError, Refused, OutputError, StoreError.
    """
    paths = redirect_sources(deps, old)
    other = next((spec for spec in deps.rules.feeds if spec.slug == new and not spec.split_by), None)
    if other is not None:
        return _add(deps, [_to_feed(deps, path, other, now) for path in paths])
    target = new if "://" in new else _document_path(deps.rules, new)
    # Of several documents that move to a folder ("https://new.example/feeds/") each keeps its name.
    folder = (
        target.removesuffix("index.html") if len(paths) > 1 and target.endswith("/index.html") else target
    )
    made = [
        Redirect(
            path=path,
            kind=RedirectKind.MOVED,
            target=folder + path.rpartition("/")[2] if folder.endswith("/") else target,
            at=now,
        )
        for path in paths
    ]
    return _add(deps, made)


def _to_feed(deps: Deps, path: str, other: FeedSpec, now: datetime) -> Redirect:
    """The redirect of a document to the same format of a feed, or to its first."""
    suffix = path.rpartition(".")[2]
    same = [name for name in other.formats if deps.adapters.formats[name].suffix == suffix]
    target = feed_path(deps, other, (same or other.formats)[0])
    return Redirect(path=path, kind=RedirectKind.MOVED, target=target, at=now)


def end(deps: Deps, old: str, now: datetime) -> Sequence[Redirect]:
    """Ends a feed (a slug: each of its documents) or a path. Raises as `move`."""
    paths = redirect_sources(deps, old)
    return _add(deps, [Redirect(path=path, kind=RedirectKind.ENDED, at=now) for path in paths])


def redirect_archive(deps: Deps, old: str, new: str, mailings: Collection[int], now: datetime) -> None:
    """Lets the pages of a renamed list's digests, and their index, lead to where they are now. Raises
    SettingsError, OutputError, StoreError.
    """
    documents = deps.adapters.store.documents()
    made = [
        Redirect(path=f"digests/{old}/{page}index.html", kind=RedirectKind.MOVED, target=target, at=now)
        for page in ("", *(f"{id}/" for id in sorted(mailings)))
        if f"digests/{old}/{page}index.html" in documents
        and f"{(target := f'digests/{new}/{page}')}index.html" in documents
    ]
    if made:
        _add(deps, made)


def undo(deps: Deps, old: str) -> Sequence[Redirect]:
    """Undoes a move or an end; returns the redirects it removed. Raises Refused if there are none."""
    asked = _asked_redirects(deps)
    # A feed that left the settings is known by the names of its documents.
    paths = {
        *redirect_sources(deps, old),
        *(m.path for m in asked if m.path.rpartition(".")[0] == old or m.path.startswith(f"{old}/")),
    }
    taken = [move for move in asked if move.path in paths]
    if not taken:
        raise Refused("feeds", f"{old} neither moved nor ended", "`publisher feeds list` names what did")
    _save(deps, [move for move in asked if move.path not in paths])
    return taken


def redirect_sources(deps: Deps, name: str) -> list[str]:
    """The paths of the documents that `name` stands for. It is the slug of a feed, current or retired, or
    else the path or URL of one document. Raises UsageError.
    """
    spec = next((spec for spec in deps.rules.feeds if spec.slug == name), None)
    if spec is not None:
        return subscription_paths(deps, spec)
    retired = [path for feed in retired_feeds(deps) if feed.slug == name for path in feed.paths]
    return retired or [_document_path(deps.rules, name)]


def _document_path(rules: SiteRules, text: str) -> str:
    """The path under public/ that a person means. Raises UsageError."""
    path = text.removeprefix(rules.site.public_url).removeprefix("/")
    if "://" in path or not path or ".." in path.split("/"):
        where = f"a feed's slug, or a path under {rules.site.public_url}"
        raise UsageError("feeds", f"{text!r} is not an address of this site", f"name {where}")
    return f"{path}index.html" if path.endswith("/") else path


def _asked_redirects(deps: Deps) -> Sequence[Redirect]:
    """The operator's redirects in moved.json, else those in the store."""
    asked = deps.adapters.feed_redirects.moves()
    return stored_redirects(deps.adapters.store) if asked is None else asked


def _add(deps: Deps, made: Sequence[Redirect]) -> Sequence[Redirect]:
    """Adds redirects to the operator's file, each in one step. Raises Refused: some would form a loop."""
    paths = {move.path for move in made}
    rest = [move for move in _asked_redirects(deps) if move.path not in paths]
    try:
        _save(deps, resolve_chains([*rest, *made], deps.rules.site.public_url))
    except ValueError as loop:
        raise Refused("feeds", str(loop), "name its final address") from None
    return made


def _save(deps: Deps, moves: Sequence[Redirect]) -> None:
    deps.adapters.feed_redirects.save(sorted(moves, key=lambda move: move.path))
    sync_redirects(deps)
