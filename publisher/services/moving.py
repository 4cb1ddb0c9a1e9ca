"""Addresses that readers know: a feed moves (301, for ever) or ends (410); a withdrawn post's page is gone.

What the author wished stands in moved.json beside publisher.toml, and outlives the store; each publish takes
it from there. So it may come by git from another machine.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

from publisher.core.errors import Refused, UsageError
from publisher.core.filters import part_name
from publisher.core.log import Known
from publisher.core.moves import Fate, Move, straightened
from publisher.core.permalinks import document_path
from publisher.services.documents import clear
from publisher.services.feeds import feed_path
from publisher.services.parts import Parts


def follow(parts: Parts) -> frozenset[str]:
    """Brings the store's moves to what the author's file says, and takes their documents away; returns their
    paths. Raises SettingsError, StoreError, OutputError.
    """
    wished = parts.moves.moves()
    before = [move for move in parts.store.moves() if move.fate is not Fate.WITHDRAWN]
    if wished is None:
        wished = before
    elif list(wished) != before:
        parts.store.save_moves(wished, [m.path for m in before if m.path not in {w.path for w in wished}])
    gone = frozenset(move.path for move in wished)
    if gone:
        clear(parts, sorted(gone & parts.store.documents().keys()))
    return gone


def settle_pages(parts: Parts, known: Iterable[Known], wanted: Collection[str], now: datetime) -> None:
    """The pages of withdrawn posts say so (410), where no other page has come into their place."""
    away = {document_path(k.post.permalink) for k in known if not k.live}
    parts.store.set_withdrawn(away - set(wanted), now)


def move(parts: Parts, old: str, new: str, now: datetime) -> Sequence[Move]:
    """Moves a feed (a slug: each of its documents) or a path to a URL or another path; returns what is new.
    Raises UsageError, Refused, OutputError, StoreError.
    """
    paths = paths_of(parts, old)
    target = new if "://" in new else _path(parts, new)
    made = [Move(path=p, fate=Fate.MOVED, target=_beside(target, p, paths), at=now) for p in paths]
    return _wish(parts, made)


def end(parts: Parts, old: str, now: datetime) -> Sequence[Move]:
    """Ends a feed (a slug: each of its documents) or a path. Raises as `move`."""
    return _wish(parts, [Move(path=p, fate=Fate.ENDED, at=now) for p in paths_of(parts, old)])


def undo(parts: Parts, old: str) -> Sequence[Move]:
    """Takes a move or an end back; returns what it was. Raises Refused: there is none."""
    paths = set(paths_of(parts, old))
    all_moves = _wishes(parts)
    taken = [move for move in all_moves if move.path in paths]
    if not taken:
        raise Refused("feeds", f"{old} neither moved nor ended", "`publisher feeds list` names what did")
    _keep(parts, [move for move in all_moves if move.path not in paths])
    return taken


def paths_of(parts: Parts, name: str) -> list[str]:
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


def _path(parts: Parts, text: str) -> str:
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


def _wish(parts: Parts, made: Sequence[Move]) -> Sequence[Move]:
    rest = [move for move in _wishes(parts) if move.path not in {m.path for m in made}]
    try:
        _keep(parts, straightened([*rest, *made], parts.site.public_url))
    except ValueError as circle:
        raise Refused("feeds", str(circle), "name where it is for good") from None
    return made


def _wishes(parts: Parts) -> Sequence[Move]:
    wished = parts.moves.moves()
    return [m for m in parts.store.moves() if m.fate is not Fate.WITHDRAWN] if wished is None else wished


def _keep(parts: Parts, moves: Sequence[Move]) -> None:
    parts.moves.save(sorted(moves, key=lambda move: move.path))
    follow(parts)
