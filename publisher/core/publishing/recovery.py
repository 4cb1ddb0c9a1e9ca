"""Recovering a lost store from the feeds under public/, which still hold what readers have seen.

They give the ids, the order in which posts became public, and when each was last changed. So a new store
continues where the old one stopped, and the feeds keep their bytes.
"""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from publisher.core.posts.post import Post
from publisher.core.publishing.adoption import AdoptedEntries, OldEntry, merge_entries
from publisher.core.publishing.log import as_iri
from publisher.core.publishing.plan import Change, Guard, Stop, is_mass_loss

_EARLIEST = datetime.min.replace(tzinfo=UTC)


class RecoveredFeeds:
    """The entries of the feeds under public/, in the order in which they became public."""

    def __init__(self, entries: Sequence[OldEntry] = ()) -> None:
        self.entries = tuple(merge_entries(entries))
        self._adopted = AdoptedEntries(self.entries)
        self._place = {entry.id: place for place, entry in enumerate(self.entries)}
        self._updated: dict[str, datetime] = {}  # the latest time that any document gives
        for entry in entries:
            if entry.updated:
                self._updated[entry.id] = max(self._updated.get(entry.id, _EARLIEST), entry.updated)

    def ids(self, posts: Sequence[Post], taken: Collection[str]) -> dict[str, str]:
        """The ids of posts that are among these entries, by path, except for ids that are `taken`."""
        return {it.post.path: it.entry.id for it in self._adopted.found(posts, taken)}

    def in_old_order(self, changes: Sequence[Change], authority: str) -> list[Change]:
        """The new posts in their old order, with the time of their last change. A post in no feed comes
        before all posts in feeds, or after them if it is newer.
        """
        if not self.entries:
            return list(changes)
        places = {change.id: self._place_of(change.id, authority) for change in changes}
        newest = max((_instant(c) for c in changes if places[c.id] is not None), default=_EARLIEST)

        def rank(change: Change) -> tuple[int, int]:
            place = places[change.id]
            return (2 if _instant(change) > newest else 0, 0) if place is None else (1, place)

        ordered: list[Change] = []
        for change in sorted(changes, key=rank):
            place = places[change.id]
            updated = None if place is None else self._updated.get(self.entries[place].id)
            ordered.append(replace(change, updated=updated) if updated else change)
        return ordered

    def stops(self, changes: Sequence[Change], authority: str) -> tuple[Stop, ...]:
        """Stops the plan if most entries of the feeds match none of these posts: the feeds are another
        site's, or the posts lost what identified them.
        """
        here = {self._place_of(change.id, authority) for change in changes}
        lost = [entry for place, entry in enumerate(self.entries) if place not in here]
        if not is_mass_loss(len(self.entries), len(lost)):
            return ()
        text = (
            f"the store is new, and the feeds under public/ name {len(self.entries)} posts of which "
            f"{len(lost)} do not match any post here: readers would see old posts as new"
        )
        return (Stop(guard=Guard.CHURN, text=text, examples=tuple(entry.id for entry in lost[:3])),)

    def count_known(self, changes: Sequence[Change], authority: str) -> int:
        """How many of `changes` the feeds name."""
        return sum(self._place_of(change.id, authority) is not None for change in changes)

    def _place_of(self, id: str, authority: str) -> int | None:
        """The position of a post; in Atom, ids are IRIs."""
        return self._place.get(id, self._place.get(as_iri(id, authority)))


def _instant(change: Change) -> datetime:
    return change.post.instant or _EARLIEST
