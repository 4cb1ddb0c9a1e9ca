"""Incremental publishing: which files need not be planned again, and which changes a new version caused.

A file and the known post at its path are an unchanged pair when a plan finds nothing to do for them, no time
can change that, and no other file or known post has one of their keys: path, explicit id, id, or an id that
it could be given. `matching` and `planner` reach a pair only by its keys (aliases, instants and bodies are
looked for only among known posts without a file). So an unchanged pair stays unchanged until a changed file
has one of its keys; then `services.publishing.scan` looks at it again. A plan on the rest of the files is the
plan on everything.

An upgrade is not news. If a file has the bytes its post was published from, its author did not edit it,
however this version reads it: the post gets its new text without an `updated` row, keeps the date it was
published with until its author edits the file, and stays public even if it would now begin later. A file that
an older version had read and did not publish is not a new post.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from publisher.core.posts.post import FileStat, Post, WaitReason, wait_reason
from publisher.core.publishing.log import IdRules, LogHead, LogKind, PublishedPost, possible_ids
from publisher.core.publishing.plan import Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class PostKeys:
    """Keys by which posts of the log are found: their paths, their ids, and the explicit ids of their
    files.
    """

    paths: frozenset[str] = frozenset()
    ids: frozenset[str] = frozenset()
    explicit: frozenset[str] = frozenset()

    def __sub__(self, other: "PostKeys") -> "PostKeys":
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
    """What a scan adds to the index of the folder. `rules` is the fingerprint of the rules it was made under.

    `read` are files with their hash, their post, and whether they are unchanged pairs; `touched` have new
    stats and the same bytes; `turned` are files that were not read and became unchanged pairs or ceased to
    be; `gone` are paths. `unsettled` are the ids of all posts of the log that are in no unchanged pair, None
    where these stay as they were.
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
    """All keys that `posts` could claim."""
    posts = list(posts)
    ids = {id for post in posts for id in possible_ids(post, naming)}
    explicit = {post.explicit_id for post in posts if post.explicit_id}
    return PostKeys(
        paths=frozenset(post.path for post in posts), ids=frozenset(ids), explicit=frozenset(explicit)
    )


@dataclass(slots=True, kw_only=True)
class _PlannedPost:
    """A known post as it will be once a plan is carried out."""

    post: Post
    live: bool
    missing: bool


def unchanged_files(
    plan: Plan, known: Sequence[PublishedPost], posts: Sequence[Post], now: datetime, naming: IdRules
) -> dict[str, str]:
    """The unchanged pairs after `plan`, which was made from these, is carried out: file path -> post id."""
    standing = _after_plan(plan, known)
    at = Counter(it.post.path for it in standing.values())
    homes = {it.post.path: id for id, it in standing.items()}
    shared = _paths_sharing_a_key(posts, standing, naming)
    refused = {bad.path for bad in plan.bad}

    def needs_nothing(post: Post, it: _PlannedPost) -> bool:
        # The clock going back does not matter: the store looks at a file again before its instant.
        if it.missing or (it.post is not post and it.post != post):
            return False
        wait = wait_reason(post, now)
        return (wait is WaitReason.HIDDEN) if not it.live else (wait is None and post.expires is None)

    return {
        post.path: homes[post.path]
        for post in posts
        if at[post.path] == 1
        and post.path not in shared
        and post.path not in refused
        and needs_nothing(post, standing[homes[post.path]])
    }


def _after_plan(plan: Plan, known: Iterable[PublishedPost]) -> dict[str, _PlannedPost]:
    found = {k.id: _PlannedPost(post=k.post, live=k.live, missing=k.missing_since is not None) for k in known}
    for change in plan.changes:
        if change.kind is LogKind.PUBLISHED:
            found[change.id] = _PlannedPost(post=change.post, live=True, missing=False)
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


def _paths_sharing_a_key(
    posts: Iterable[Post], standing: dict[str, _PlannedPost], naming: IdRules
) -> set[str]:
    owner: dict[str, str] = {}
    shared: set[str] = set()

    def claim(post: Post, keys: Iterable[str]) -> None:
        explicit = (f"\0{post.explicit_id}",) if post.explicit_id else ()  # kept apart from ids
        for key in (*keys, *explicit):
            other = owner.setdefault(key, post.path)
            if other != post.path:
                shared.update((post.path, other))

    for id, it in standing.items():
        claim(it.post, (id,))
    for post in posts:
        claim(post, possible_ids(post, naming))
    return shared


@dataclass(frozen=True, slots=True, kw_only=True)
class FileReadings:
    """What is known about the bytes of the files. `hashes` are those of the files at hand, by path (64 hex
    digits). `version` identifies this reader (16 hex digits, "" if unknown) and `before` the one of the last
    publish, "" if an older Publisher did not record it. `passed_over` are paths that the previous version had
    read with these bytes, or refused, and did not publish.
    """

    hashes: Mapping[str, str] = field(default_factory=dict[str, str])
    version: str = ""
    before: str = ""
    passed_over: Collection[str] = frozenset()

    def same_bytes(self, known: PublishedPost, post: Post) -> bool:
        """Whether the file of `post` has the bytes that `known` was published from. If an older Publisher did
        not record those, nothing suggests that the author changed the file.
        """
        found = self.hashes.get(post.path)
        if not found:
            return False
        return known.reader is None if known.file_hash is None else known.file_hash == found

    def read_anew(self, known: PublishedPost, post: Post) -> bool:
        """Whether this version, not the author, is the reason for any difference between the two."""
        return known.reader != self.version and self.same_bytes(known, post)

    def stays_public(self, known: PublishedPost, post: Post, now: datetime) -> bool:
        """Whether a public post whose file nobody edited stays public: a date that now lies ahead does not
        withdraw it, being hidden does.
        """
        if not known.live or post.page_only or not self.same_bytes(known, post):
            return False
        return wait_reason(replace(post, instant=known.post.instant), now) in (None, WaitReason.FUTURE)

    def keeps_date(self, known: PublishedPost, post: Post, now: datetime) -> bool:
        """Whether a live post keeps the date that readers know, although its file now gives another one. It
        does for as long as the same file is read that way. A setting may change the date of a post, but not
        to one that lies ahead.
        """
        date = post.instant
        if date is None or date == known.post.instant or not self.stays_public(known, post, now):
            return False
        return known.reader != self.version or known.post.dated == date or date > now

    def is_old(self, post: Post, head: LogHead) -> bool:
        """Whether a post that is not in the log is not news, on the first publish by a new version: the
        previous version had its file too, or the log has gone on since the post was due.
        """
        since = head.at or head.baseline_at
        if not self.version or self.version == self.before or since is None or post.due is None:
            return False
        return post.path in self.passed_over or post.due <= since


def with_published_dates(
    posts: Iterable[Post], known: Iterable[PublishedPost], readings: FileReadings, now: datetime
) -> dict[str, Post]:
    """`posts` by path, each with the date it has for readers, and with `Post.dated` where its file gives
    another one.
    """
    hits = {k.post.path: k for k in known}
    found = {post.path: post for post in posts}
    for path in found.keys() & hits.keys():
        post, hit = found[path], hits[path]
        if readings.keeps_date(hit, post, now):
            found[path] = replace(post, instant=hit.post.instant, dated=post.instant)
    return found
