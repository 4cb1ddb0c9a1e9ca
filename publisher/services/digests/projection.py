"""The log as it will stand once a plan is carried out; without one, as it stands. Writes nothing."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from publisher.core.digests.due import Correction, ProjectedLog, project_log
from publisher.core.posts.post import BadPost
from publisher.core.publishing.incremental import PostKeys
from publisher.core.publishing.log import PublishedPost
from publisher.services.deps import Deps


class DigestMaterial:
    """What digests are made from: posts, their corrections, their bodies."""

    def __init__(self, parts: Deps, ahead: ProjectedLog | None = None) -> None:
        self._parts, self._ahead = parts, ahead or ProjectedLog()
        self._new = {known.id: known for known in self._ahead.new}

    def head(self, seq: int) -> int:
        """The seq of the log's last row, where it is `seq` without the plan."""
        return max(seq, self._ahead.head)

    def fresh(self, after: int, until: int) -> list[PublishedPost]:
        """As `ports.LogStore.published_between`."""
        known = self._parts.store.published_between(after, until, shown=self._ahead.back)
        new = [k for k in self._ahead.new if after < k.first_seq <= until]
        return [*self._ahead.then(known), *new]

    def corrections(self, after: int, until: int, *, limit: int) -> Sequence[Correction]:
        """As `ports.PlanningStore.corrections`."""
        coming = {id: seq for id, seq in self._ahead.corrected.items() if after < seq <= until}
        found = self._parts.store.corrections(after, until, limit=limit + len(coming))
        if not coming:
            return found
        firsts = {
            k.id: k.first_seq for k in self._parts.store.posts_matching(PostKeys(ids=frozenset(coming)))
        }
        return replace(self._ahead, corrected=coming).corrections(found, firsts)[:limit]

    def live(self, ids: Collection[str]) -> Mapping[str, PublishedPost]:
        """Those of known posts that readers see, by id."""
        known = self._parts.store.posts_matching(PostKeys(ids=frozenset(ids)))
        return {k.id: k for k in self._ahead.then(known)}

    def versions(self, posts: Sequence[PublishedPost]) -> Sequence[PublishedPost]:
        """As `ports.LogStore.post_versions`, of posts that are in the log or about to enter it."""
        old = [k for k in posts if k.id not in self._new and k.id not in self._ahead.posts]
        found = {k.id: k for k in self._parts.store.post_versions([(k.id, k.revision) for k in old])}
        return [found.get(k.id, k) for k in posts]

    def bodies(self, posts: Sequence[PublishedPost]) -> Mapping[str, str]:
        """The bodies of these posts by their hash: from the store, else from the files they are read from."""
        found = dict(self._parts.store.bodies({k.post.body_hash for k in posts}))
        unread = sorted({k.post.path for k in posts if k.post.body_hash not in found})
        for reading in self._parts.source().read_many(unread, {}) if unread else ():
            if reading.result is not None and not isinstance(reading.result, BadPost):
                found[reading.result.post.body_hash] = reading.result.body
        return found


def foresee(parts: Deps, now: datetime) -> DigestMaterial:
    """The log as a publish at `now` would leave it. Raises SourceError, StoreError."""
    from publisher.services.publishing.scan import (
        scan_folder,  # what mails only what is in the log reads no folder
    )

    return DigestMaterial(parts, project_log(scan_folder(parts, now).plan, now))
