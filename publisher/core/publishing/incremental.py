"""Which files need not be looked at again: a plan on the rest is the plan on everything.

A pair of a file and the known post at its path is settled when a plan finds nothing to do for it, no time
can change that, and no other file or known post bears one of its names: path, explicit id, id, or an id
that it could be given. Rules of `matching` and `planning` reach a pair by its names alone (aliases, instants
and bodies are looked for only among known posts without a file), so a settled pair stays as it is until a
file that changed bears one of its names. Then it is looked at again (services.gathering).

Who changed a post: its author, or a new version of Publisher that reads the same bytes differently.

An upgrade is not news. A post whose file has the bytes it was published from is not edited, whatever this
version makes of them: it gets its new text without an `updated` row, it keeps the date that it was published
with until its author edits the file, and it stays public though it would now begin later. A file that an
older version had before it and did not publish is no new post.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from publisher.core.posts.post import FileStat, Post, WaitReason, wait_reason
from publisher.core.publishing.ids import IdRules, possible_ids
from publisher.core.publishing.log import LogHead, LogKind, PublishedPost
from publisher.core.publishing.plan import Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class PostKeys:
    """What posts of the log may be found by: their paths, their ids, and the explicit ids of their files."""

    paths: frozenset[str] = frozenset()
    ids: frozenset[str] = frozenset()
    explicit: frozenset[str] = frozenset()

    def but(self, other: "PostKeys") -> "PostKeys":
        """These without those of `other`."""
        return PostKeys(
            paths=self.paths - other.paths,
            ids=self.ids - other.ids,
            explicit=self.explicit - other.explicit,
        )

    def __or__(self, other: "PostKeys") -> "PostKeys":
        return PostKeys(
            paths=self.paths | other.paths,
            ids=self.ids | other.ids,
            explicit=self.explicit | other.explicit,
        )

    def __bool__(self) -> bool:
        return bool(self.paths or self.ids or self.explicit)


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexUpdate:
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


def keys_of(posts: Iterable[Post], naming: IdRules) -> PostKeys:
    """All names that `posts` could claim."""
    posts = list(posts)
    ids = {id for post in posts for id in possible_ids(post, naming)}
    explicit = {post.explicit_id for post in posts if post.explicit_id}
    return PostKeys(
        paths=frozenset(post.path for post in posts), ids=frozenset(ids), explicit=frozenset(explicit)
    )


@dataclass(slots=True, kw_only=True)
class _Standing:
    """A known post as it stands when a plan was carried out."""

    post: Post
    live: bool
    missing: bool


def unchanged_files(
    plan: Plan, known: Sequence[PublishedPost], posts: Sequence[Post], now: datetime, naming: IdRules
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


def _carried_out(plan: Plan, known: Iterable[PublishedPost]) -> dict[str, _Standing]:
    found = {k.id: _Standing(post=k.post, live=k.live, missing=k.missing_since is not None) for k in known}
    for change in plan.changes:
        if change.kind is LogKind.PUBLISHED:
            found[change.id] = _Standing(post=change.post, live=True, missing=False)
        else:
            it = found[change.id]
            it.post, it.live = change.post, change.kind is not LogKind.WITHDRAWN
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
    wait = wait_reason(post, now)
    return (wait is WaitReason.HIDDEN) if not it.live else (wait is None and post.expires is None)


def _crowded(posts: Iterable[Post], standing: dict[str, _Standing], naming: IdRules) -> set[str]:
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
        bear(post.path, *possible_ids(post, naming), *_explicit(post))
    return crowded


def _explicit(post: Post) -> tuple[str, ...]:
    """An explicit id, apart from ids."""
    return (f"\0{post.explicit_id}",) if post.explicit_id else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FileReadings:
    """`hashes` are of the bytes of the files at hand, by path (64 hex digits); `version` names this reader
    (16 hex digits, "" where nothing is said of it) and `before` the one that made the last publish, "" where
    an older Publisher did not write it down. `passed_over` are paths that the version before had read with
    these bytes, or refused, and did not publish.
    """

    hashes: Mapping[str, str] = field(default_factory=dict[str, str])
    version: str = ""
    before: str = ""
    passed_over: Collection[str] = frozenset()

    def same_bytes(self, known: PublishedPost, post: Post) -> bool:
        """Whether the file of `post` has the bytes that `known` was published from. Where an older Publisher
        did not write that down, nothing says that its author changed it.
        """
        found = self.hashes.get(post.path)
        if not found:
            return False
        return known.reader is None if known.file_hash is None else known.file_hash == found

    def read_anew(self, known: PublishedPost, post: Post) -> bool:
        """Whether what differs between the two is this version's doing, not the author's."""
        return known.reader != self.version and self.same_bytes(known, post)

    def stays_out(self, known: PublishedPost, post: Post, now: datetime) -> bool:
        """Whether a post that is out, and whose file nobody edited, stays so: unless it is hidden now, a date
        that lies ahead does not take it back."""
        if not known.live or post.page_only or not self.same_bytes(known, post):
            return False
        return wait_reason(replace(post, instant=known.post.instant), now) in (None, WaitReason.FUTURE)

    def keeps_date(self, known: PublishedPost, post: Post, now: datetime) -> bool:
        """Whether a live post keeps the date that readers know, though its file gives another one now. The
        same file says so for as long as it is read that way; a setting may change the date of a post, but
        not so that it lies ahead.
        """
        date = post.instant
        if date is None or date == known.post.instant or not self.stays_out(known, post, now):
            return False
        return known.reader != self.version or known.post.dated == date or date > now

    def is_old(self, post: Post, head: LogHead) -> bool:
        """Whether a post that is not in the log is no news, on the first publish by a new version: the one
        before had its file too, or the log has gone on since the post was due.
        """
        since = head.at or head.baseline_at
        if not self.version or self.version == self.before or since is None or post.due is None:
            return False
        return post.path in self.passed_over or post.due <= since


def with_published_dates(
    posts: Iterable[Post], known: Iterable[PublishedPost], readings: FileReadings, now: datetime
) -> dict[str, Post]:
    """`posts` by path, each with the date that it has for readers, and `Post.dated` where that is another
    than its file's."""
    hits = {k.post.path: k for k in known}
    found = {post.path: post for post in posts}
    for path in found.keys() & hits.keys():
        post, hit = found[path], hits[path]
        if readings.keeps_date(hit, post, now):
            found[path] = replace(post, instant=hit.post.instant, dated=post.instant)
    return found
