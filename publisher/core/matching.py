"""Which known post is this file? In order: id field, known path, alias, rename rule; otherwise it is new."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from publisher.core.identity import mint
from publisher.core.log import Known
from publisher.core.posts import Post


@dataclass(slots=True, kw_only=True)
class Matches:
    """Every post of a scan beside the known post it is (`of`, by path), and those it may be (`unsure`)."""

    of: dict[str, Known] = field(default_factory=dict)
    unsure: dict[str, tuple[Known, ...]] = field(default_factory=dict)


def match(posts: Sequence[Post], known: Iterable[Known], taken: frozenset[str], authority: str) -> Matches:
    """Pairs posts with known ones. `taken` are paths where a file stands, good or bad: what is known
    under them has not moved.
    """
    index = _Index(known, taken)
    found = Matches()
    for post in posts:
        hit = index.certain(post, authority)
        if hit is not None:
            found.of[post.path] = hit
    matched = {hit.id for hit in found.of.values()}
    strays = [k for k in index.strays if k.id not in matched]
    _renames([p for p in posts if p.path not in found.of], strays, found)
    return found


class _Index:
    """The known posts by what may identify them."""

    def __init__(self, known: Iterable[Known], taken: frozenset[str]) -> None:
        everything = list(known)
        self.by_id: Mapping[str, Known] = {k.id: k for k in everything}
        self.by_explicit = {k.post.explicit_id: k for k in everything if k.post.explicit_id}
        self.by_path = {k.post.path: k for k in everything}
        self.strays = [k for k in everything if k.post.path not in taken]
        self.by_link = {k.post.permalink: k for k in self.strays}

    def certain(self, post: Post, authority: str) -> Known | None:
        if post.explicit_id:
            hit = self.by_explicit.get(post.explicit_id) or self.by_id.get(mint(post, authority))
            if hit is not None:
                return hit
        if post.path in self.by_path:
            return self.by_path[post.path]
        hits = [self.by_link[alias] for alias in post.aliases if alias in self.by_link]
        return hits[0] if hits else None


def _renames(posts: Sequence[Post], strays: Sequence[Known], found: Matches) -> None:
    """A vanished post and a new file are one when their instant and (title or slug) are the same, or when
    one body is the body of exactly one of each. Anything less certain is held, never guessed.
    """
    if not posts or not strays:
        return
    options = {post.path: _candidates(post, strays) for post in posts}
    claims: defaultdict[str, int] = defaultdict(int)
    for hits in options.values():
        for hit in hits:
            claims[hit.id] += 1
    for path, hits in options.items():
        if len(hits) == 1 and claims[hits[0].id] == 1:
            found.of[path] = hits[0]
        elif hits:
            found.unsure[path] = tuple(hits)


def _candidates(post: Post, strays: Sequence[Known]) -> list[Known]:
    same_moment = [k for k in strays if _same_moment(post, k.post)]
    return same_moment or [k for k in strays if k.post.body_hash == post.body_hash]


def _same_moment(post: Post, other: Post) -> bool:
    if post.instant is None or post.instant != other.instant:
        return False
    return post.title == other.title or post.slug == other.slug
