"""Addresses that readers know: a feed moves (301, for ever) or ends (410); a withdrawn post's page is gone.

What the author wished stands in moved.json beside publisher.toml, and outlives the store; each publish takes
it from there. So it may come by git from another machine.
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from html import unescape

from publisher.core.errors import Refused, UsageError
from publisher.core.feeds.redirects import PageAliases, Redirect, RedirectKind, redirects, straightened
from publisher.core.posts.filters import part_name
from publisher.core.posts.permalinks import FOLDER as POSTS
from publisher.core.posts.permalinks import address_of, alias_path, document_path
from publisher.core.publishing.log import PublishedPost
from publisher.services.deps import Deps
from publisher.services.feeds.documents import clear
from publisher.services.feeds.feeds import feed_path


def follow(parts: Deps) -> frozenset[str]:
    """Brings the store's moves to what the author's file says, and takes their documents away; returns their
    paths. Raises SettingsError, StoreError, OutputError.
    """
    wished = parts.moves.moves()
    before = _kept(parts)
    if wished is None:
        wished = before
    elif list(wished) != before:
        parts.store.save_moves(wished, [m.path for m in before if m.path not in {w.path for w in wished}])
    gone = frozenset(move.path for move in wished)
    if gone:
        clear(parts, sorted(gone & parts.store.documents().keys()))
    return gone


def settle_redirects(
    parts: Deps,
    shown: Sequence[PublishedPost],
    places: Mapping[str, str],
    taken: Collection[str],
    now: datetime,
) -> tuple[Mapping[str, str], list[str]]:
    """Former addresses and aliases of the posts that have pages (`places`, by id) lead to these (301), but
    for what is `taken`. Documents at addresses that lead nowhere any more go. Returns old path to address,
    both relative to public/, and what is wrong with aliases.
    """
    before = parts.store.redirects()
    others = (path for path in parts.store.documents() if not path.startswith(POSTS))  # those are in `taken`
    standing = {*taken, *(path for path in others if path not in before)}
    fresh = [path for path in _alias_paths(shown) if path not in before and path not in standing]
    standing |= {path for path in fresh if _is_foreign(parts, path)}
    listed = [
        PageAliases(file=k.post.path, page=places[k.id], aliases=_alias_paths([k]))
        for k in shown
        if k.id in places and k.post.aliases
    ]
    former = parts.store.former_addresses() if parts.pages else dict[str, str]()
    at = {path: places[id] for path, id in former.items() if id in places}
    base = parts.site.public_url
    wished = {
        move.path: move.target.removeprefix(base) for move in _kept(parts) if move.fate is RedirectKind.MOVED
    }
    found, wrong = redirects(listed, at, standing, {path: _page_at(to) for path, to in wished.items()})
    lead = {path: address_of(page) for path, page in found.items()}
    gone = before.keys() - lead.keys() - set(taken)
    clear(parts, sorted(gone & parts.store.documents().keys()))
    parts.store.set_redirects(lead, now)
    return lead, wrong


def learn_addresses(parts: Deps, places: Mapping[str, str]) -> None:
    """Where the store is new: the addresses that pages had before, by the small pages that stand at them from
    the store that was lost. `places` are the pages of now, by id."""
    if not parts.pages or parts.store.documents():
        return
    leads = {path: to for path in parts.shelf.pages(POSTS) if (to := _leads_to(parts, path)) is not None}
    after = {address_of(path): to for path, to in leads.items()}
    here = {address_of(page): id for id, page in places.items()}
    found: dict[str, str] = {}
    for path, to in leads.items():
        seen: set[str] = set()
        while to not in here and to in after and to not in seen:
            seen.add(to)
            to = after[to]
        if to in here:
            found[path] = here[to]
    parts.store.add_former_addresses(found)


_REFRESH = re.compile(rb'http-equiv="refresh" content="\d+; ?url=([^"]+)"')


def _leads_to(parts: Deps, path: str) -> str | None:
    """The address under public/ that a small page leads to; None: it is none, or leads elsewhere."""
    found = _REFRESH.search(parts.shelf.read(path) or b"")
    url = unescape(found[1].decode("utf-8", "replace")) if found else ""
    base = parts.site.public_url
    return url.removeprefix(base) if url.startswith(base) else None


def _page_at(target: str) -> str:
    """The document that a path under public/ is answered with."""
    return f"{target}index.html" if not target or target.endswith("/") else target


def _is_foreign(parts: Deps, path: str) -> bool:
    """Whether somebody else's file stands there; a small page of ours may, where the store was lost."""
    data = parts.shelf.read(path)
    return data is not None and b'http-equiv="refresh"' not in data


def _alias_paths(posts: Iterable[PublishedPost]) -> list[str]:
    found = (alias_path(alias) for k in posts for alias in k.post.aliases)
    return list(dict.fromkeys(path for path in found if path is not None))


def settle_pages(parts: Deps, known: Sequence[PublishedPost], wanted: Collection[str], now: datetime) -> None:
    """The pages of withdrawn posts say so (410), wherever they were, where nothing else has come into their
    place."""
    away = {k.id for k in known if not k.live}
    paths = {document_path(k.post.permalink) for k in known if k.id in away}
    if away:
        paths |= {path for path, id in parts.store.former_addresses().items() if id in away}
    parts.store.set_withdrawn(paths - set(wanted), now)


def move(parts: Deps, old: str, new: str, now: datetime) -> Sequence[Redirect]:
    """Moves a feed (a slug: each of its documents) or a path to a URL or another path; returns what is new.
    Raises UsageError, Refused, OutputError, StoreError.
    """
    paths = paths_of(parts, old)
    target = new if "://" in new else _path(parts, new)
    made = [
        Redirect(path=p, fate=RedirectKind.MOVED, target=_beside(target, p, paths), at=now) for p in paths
    ]
    return _wish(parts, made)


def end(parts: Deps, old: str, now: datetime) -> Sequence[Redirect]:
    """Ends a feed (a slug: each of its documents) or a path. Raises as `move`."""
    return _wish(parts, [Redirect(path=p, fate=RedirectKind.ENDED, at=now) for p in paths_of(parts, old)])


def undo(parts: Deps, old: str) -> Sequence[Redirect]:
    """Takes a move or an end back; returns what it was. Raises Refused: there is none."""
    paths = set(paths_of(parts, old))
    all_moves = _wishes(parts)
    taken = [move for move in all_moves if move.path in paths]
    if not taken:
        raise Refused("feeds", f"{old} neither moved nor ended", "`publisher feeds list` names what did")
    _keep(parts, [move for move in all_moves if move.path not in paths])
    return taken


def paths_of(parts: Deps, name: str) -> list[str]:
    """The documents of the feed with that slug, else the path itself (of a URL here, its path). Raises
    UsageError.
    """
    spec = next((spec for spec in parts.feeds if spec.slug == name), None)
    if spec is not None:
        of = [
            part for feed, part in parts.store.views() if feed == name and bool(part) == bool(spec.split_by)
        ]
        names = sorted(map(part_name, of)) if spec.split_by else [""]
        return [feed_path(parts, spec, format, part) for part in names for format in spec.formats]
    return [_path(parts, name)]


def _path(parts: Deps, text: str) -> str:
    path = text.removeprefix(parts.site.public_url).removeprefix("/")
    if "://" in path or not path or ".." in path.split("/"):
        where = f"a feed's slug, or a path under {parts.site.public_url}"
        raise UsageError("feeds", f"{text!r} is no address here", f"name {where}")
    return f"{path}index.html" if path.endswith("/") else path


def _beside(target: str, path: str, paths: Sequence[str]) -> str:
    """Of several documents that move to a folder ("https://new.example/feeds/") each keeps its name."""
    several = len(paths) > 1 and target.endswith("/index.html")
    folder = target.removesuffix("index.html") if several else target
    return folder + path.rpartition("/")[2] if folder.endswith("/") else target


def _wish(parts: Deps, made: Sequence[Redirect]) -> Sequence[Redirect]:
    rest = [move for move in _wishes(parts) if move.path not in {m.path for m in made}]
    try:
        _keep(parts, straightened([*rest, *made], parts.site.public_url))
    except ValueError as circle:
        raise Refused("feeds", str(circle), "name where it is for good") from None
    return made


def _wishes(parts: Deps) -> Sequence[Redirect]:
    wished = parts.moves.moves()
    return _kept(parts) if wished is None else wished


def _kept(parts: Deps) -> list[Redirect]:
    """What the store has of the author's wishes."""
    return [move for move in parts.store.moves() if move.wished and move.fate is not RedirectKind.WITHDRAWN]


def _keep(parts: Deps, moves: Sequence[Redirect]) -> None:
    parts.moves.save(sorted(moves, key=lambda move: move.path))
    follow(parts)
