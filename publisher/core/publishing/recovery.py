"""A store that was lost: what readers have seen still stands in the feeds under public/.

From them come the ids, the order in which posts became public, and when each was last changed. So a new
store goes on where the old one stopped, and the feeds keep their bytes.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from publisher.core.posts.post import Post
from publisher.core.publishing.adoption import AdoptedEntries, OldEntry, merge_entries
from publisher.core.publishing.guards import Guard, Stop, is_mass_loss
from publisher.core.publishing.ids import as_iri
from publisher.core.publishing.plan import Change

_EVER = datetime.min.replace(tzinfo=UTC)


class RecoveredFeeds:
    """The entries of the feeds that stand, in the order in which they became public."""

    def __init__(self, entries: Sequence[OldEntry] = ()) -> None:
        self.entries = tuple(merge_entries(entries))
        self._adopted = AdoptedEntries(self.entries)
        self._place = {entry.id: place for place, entry in enumerate(self.entries)}
        self._updated = _latest(entries)

    def ids(self, posts: Sequence[Post], taken: Collection[str]) -> dict[str, str]:
        """By path: the ids of the posts that are such entries; ids in `taken` are given away already."""
        return {it.post.path: it.entry.id for it in self._adopted.found(posts, taken)}

    def settled(self, changes: Sequence[Change], authority: str) -> list[Change]:
        """The new posts in their old order, with the time of their last change. What no feed names is older
        than all that they name, or younger.
        """
        if not self.entries:
            return list(changes)
        named = {change.id: self._at(change.id, authority) for change in changes}
        newest = max((_instant(c) for c in changes if named[c.id] is not None), default=_EVER)

        def rank(change: Change) -> tuple[int, int]:
            place = named[change.id]
            return (2 if _instant(change) > newest else 0, 0) if place is None else (1, place)

        return [self._dated(change, named[change.id]) for change in sorted(changes, key=rank)]

    def stops(self, changes: Sequence[Change], authority: str) -> tuple[Stop, ...]:
        """Feeds whose posts are mostly none of these are another site's, or the folder's posts have lost what
        they could be known by."""
        here = {self._at(change.id, authority) for change in changes}
        lost = [entry for place, entry in enumerate(self.entries) if place not in here]
        if not is_mass_loss(len(self.entries), len(lost)):
            return ()
        text = (
            f"the store is new, and the feeds under public/ name {len(self.entries)} posts of which "
            f"{len(lost)} are none of those here: readers would see old posts as new"
        )
        return (Stop(guard=Guard.CHURN, text=text, examples=tuple(entry.id for entry in lost[:3])),)

    def known(self, changes: Sequence[Change], authority: str) -> int:
        """How many of `changes` the feeds name."""
        return sum(self._at(change.id, authority) is not None for change in changes)

    def _at(self, id: str, authority: str) -> int | None:
        """The place of a post; in Atom an id may stand as an IRI."""
        return self._place.get(id, self._place.get(as_iri(id, authority)))

    def _dated(self, change: Change, place: int | None) -> Change:
        updated = self._updated.get(self.entries[place].id) if place is not None else None
        return replace(change, updated=updated) if updated else change


def _latest(entries: Sequence[OldEntry]) -> Mapping[str, datetime]:
    """When each was last changed, by what any document says."""
    found: dict[str, datetime] = {}
    for entry in entries:
        if entry.updated:
            found[entry.id] = max(found.get(entry.id, _EVER), entry.updated)
    return found


def _instant(change: Change) -> datetime:
    return change.post.instant or _EVER
