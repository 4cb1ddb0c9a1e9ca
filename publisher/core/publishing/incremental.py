"""Which files need not be looked at again: a plan on the rest is the plan on everything.

A pair of a file and the known post at its path is settled when a plan finds nothing to do for it, no time
can change that, and no other file or known post bears one of its names: path, explicit id, id, or an id
that it could be given. Rules of `matching` and `planning` reach a pair by its names alone (aliases, instants
and bodies are looked for only among known posts without a file), so a settled pair stays as it is until a
file that changed bears one of its names. Then it is looked at again (services.gathering).
"""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from publisher.core.posts.post import FileStat, Post, Wait, why_not
from publisher.core.publishing.ids import Naming, may_be
from publisher.core.publishing.log import Kind, Known
from publisher.core.publishing.plan import Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """What posts of the log may be found by: their paths, their ids, and the explicit ids of their files."""

    paths: frozenset[str] = frozenset()
    ids: frozenset[str] = frozenset()
    explicit: frozenset[str] = frozenset()

    def but(self, other: "Names") -> "Names":
        """These without those of `other`."""
        return Names(
            paths=self.paths - other.paths,
            ids=self.ids - other.ids,
            explicit=self.explicit - other.explicit,
        )

    def __or__(self, other: "Names") -> "Names":
        return Names(
            paths=self.paths | other.paths,
            ids=self.ids | other.ids,
            explicit=self.explicit | other.explicit,
        )

    def __bool__(self) -> bool:
        return bool(self.paths or self.ids or self.explicit)


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What a look at the folder adds to what is remembered of it, under the rules of that fingerprint.

    `read` are files with their hash and their post, and whether that is settled; `touched` have new stats
    and old bytes; `turned` are unread files that became settled or ceased to be; `gone` are paths.
    `unsettled` are the ids of all posts of the log that are not in a settled pair; None: as they were.
    """

    rules: str
    read: Sequence[tuple[FileStat, str, Post, bool]] = ()
    touched: Sequence[FileStat] = ()
    turned: Sequence[tuple[Post, bool]] = ()
    gone: Sequence[str] = ()
    unsettled: Collection[str] | None = None

    @property
    def nothing(self) -> bool:
        """Whether there is nothing to write."""
        return self.unsettled is None and not (self.read or self.touched or self.turned or self.gone)


def names_of(posts: Iterable[Post], naming: Naming) -> Names:
    """All names that `posts` could claim."""
    posts = list(posts)
    ids = {id for post in posts for id in may_be(post, naming)}
    explicit = {post.explicit_id for post in posts if post.explicit_id}
    return Names(
        paths=frozenset(post.path for post in posts), ids=frozenset(ids), explicit=frozenset(explicit)
    )


@dataclass(slots=True, kw_only=True)
class _Standing:
    """A known post as it stands when a plan was carried out."""

    post: Post
    live: bool
    missing: bool


def settled(
    plan: Plan, known: Sequence[Known], posts: Sequence[Post], now: datetime, naming: Naming
) -> dict[str, str]:
    """The settled pairs once `plan`, made of these, is carried out: the file's path -> the post's id."""
    standing = _carried_out(plan, known)
    at = Counter(it.post.path for it in standing.values())
    homes = {it.post.path: id for id, it in standing.items()}
    crowded = _crowded(posts, standing, naming)
    refused = {bad.path for bad in plan.bad}
    return {
        post.path: homes[post.path]
        for post in posts
        if at[post.path] == 1
        and post.path not in crowded
        and post.path not in refused
        and _quiet(post, standing[homes[post.path]], now)
    }


def _carried_out(plan: Plan, known: Iterable[Known]) -> dict[str, _Standing]:
    found = {k.id: _Standing(post=k.post, live=k.live, missing=k.missing_since is not None) for k in known}
    for change in plan.changes:
        if change.kind is Kind.PUBLISHED:
            found[change.id] = _Standing(post=change.post, live=True, missing=False)
        else:
            it = found[change.id]
            it.post, it.live = change.post, change.kind is not Kind.WITHDRAWN
    for id, post in plan.touched:
        found[id].post = post
    for id in plan.missing:
        found[id].missing = True
    for id in plan.found:
        found[id].missing = False
    return found


def _quiet(post: Post, it: _Standing, now: datetime) -> bool:
    """Whether neither the file nor the time asks for anything. The clock may go back: the store looks at a
    file again before its instant."""
    if it.missing or (it.post is not post and it.post != post):
        return False
    wait = why_not(post, now)
    return (wait is Wait.HIDDEN) if not it.live else (wait is None and post.expires is None)


def _crowded(posts: Iterable[Post], standing: dict[str, _Standing], naming: Naming) -> set[str]:
    """The paths that share a name with another path."""
    owner: dict[str, str] = {}
    crowded: set[str] = set()

    def bear(path: str, *names: str) -> None:
        for name in names:
            other = owner.setdefault(name, path)
            if other != path:
                crowded.update((path, other))

    for id, it in standing.items():
        bear(it.post.path, id, *_explicit(it.post))
    for post in posts:
        bear(post.path, *may_be(post, naming), *_explicit(post))
    return crowded


def _explicit(post: Post) -> tuple[str, ...]:
    """An explicit id, apart from ids."""
    return (f"\0{post.explicit_id}",) if post.explicit_id else ()
