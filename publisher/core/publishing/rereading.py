"""Who changed a post: its author, or a new version of Publisher that reads the same bytes differently.

An upgrade is not news. A post whose file has the bytes it was published from is not edited, whatever this
version makes of them: it gets its new text without an `updated` row, it keeps the date that it was published
with until its author edits the file, and it stays public though it would now begin later. A file that an
older version had before it and did not publish is no new post.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from publisher.core.posts.post import Post, Wait, why_not
from publisher.core.publishing.log import Head, Known


@dataclass(frozen=True, slots=True, kw_only=True)
class Readings:
    """`hashes` are of the bytes of the files at hand, by path (64 hex digits); `version` names this reader
    (16 hex digits, "" where nothing is said of it) and `before` the one that made the last publish, "" where
    an older Publisher did not write it down. `passed_over` are paths that the version before had read with
    these bytes, or refused, and did not publish.
    """

    hashes: Mapping[str, str] = field(default_factory=dict[str, str])
    version: str = ""
    before: str = ""
    passed_over: Collection[str] = frozenset()

    def same_bytes(self, known: Known, post: Post) -> bool:
        """Whether the file of `post` has the bytes that `known` was published from. Where an older Publisher
        did not write that down, nothing says that its author changed it.
        """
        found = self.hashes.get(post.path)
        if not found:
            return False
        return known.reader is None if known.file_hash is None else known.file_hash == found

    def read_anew(self, known: Known, post: Post) -> bool:
        """Whether what differs between the two is this version's doing, not the author's."""
        return known.reader != self.version and self.same_bytes(known, post)

    def stays_out(self, known: Known, post: Post, now: datetime) -> bool:
        """Whether a post that is out, and whose file nobody edited, stays so: unless it is hidden now, a date
        that lies ahead does not take it back."""
        if not known.live or post.page_only or not self.same_bytes(known, post):
            return False
        return why_not(replace(post, instant=known.post.instant), now) in (None, Wait.FUTURE)

    def keeps_date(self, known: Known, post: Post, now: datetime) -> bool:
        """Whether a live post keeps the date that readers know, though its file gives another one now. The
        same file says so for as long as it is read that way; a setting may change the date of a post, but
        not so that it lies ahead.
        """
        date = post.instant
        if date is None or date == known.post.instant or not self.stays_out(known, post, now):
            return False
        return known.reader != self.version or known.post.dated == date or date > now

    def is_old(self, post: Post, head: Head) -> bool:
        """Whether a post that is not in the log is no news, on the first publish by a new version: the one
        before had its file too, or the log has gone on since the post was due.
        """
        since = head.at or head.baseline_at
        if not self.version or self.version == self.before or since is None or post.due is None:
            return False
        return post.path in self.passed_over or post.due <= since


def as_published(
    posts: Iterable[Post], known: Iterable[Known], readings: Readings, now: datetime
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
