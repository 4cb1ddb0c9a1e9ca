"""The folder of posts beside the store's index of it. A process that stays running keeps its last snapshot,
and then looks only where something changed.

    full scan   every file as the folder lists it, every row as the store has it
    refresh     the paths that are named, and those that differed last time

Both find the same, as long as every changed path is named. A kept snapshot is trusted only while nobody else
updated the index and the rules for reading files are the same; otherwise a full scan replaces it.
"""

from bisect import bisect_left, insort
from collections.abc import Callable, Collection, Iterable

from publisher.core.posts.post import BadPost, FileStat
from publisher.core.publishing.incremental import IndexUpdate
from publisher.ports import Source, Store


class FolderSnapshot:
    """`on_disk` are the files of the folder and `indexed` those the store remembers, by path; `changed` are
    the paths where these differ, `unreadable` the files that cannot be read. `rules` is the fingerprint of
    how files are read.
    """

    def __init__(self, source: Source, store: Store) -> None:
        """A full scan. Raises SourceError, StoreError."""
        self.on_disk: dict[str, FileStat] = {}
        self.unreadable: dict[str, BadPost] = {}
        self.index_count = store.index_version()
        by_rules = store.indexed_files()  # first: another process may still be listing the files
        self._add(source.files())
        self._paths = sorted(self.on_disk)
        self.rules = source.fingerprint(self._paths)
        self.indexed = by_rules.pop(self.rules, {})
        for files in by_rules.values():  # read by other rules, so no size matches: they are read again
            self.indexed.update((path, file._replace(size=-1)) for path, file in files.items())
        self.changed = {path for path, file in self.on_disk.items() if self.indexed.get(path) != file}
        self.changed |= self.indexed.keys() - self.on_disk.keys()

    def is_unchanged(self, path: str) -> bool:
        """Whether the file exists and is as it was indexed."""
        return path not in self.changed and path in self.on_disk

    def refresh(self, source: Source, store: Store, changed_paths: Collection[str]) -> bool:
        """Looks again at `changed_paths` and everything below them, and at what differed before. False: this
        snapshot is of no more use, and only a full scan will do. Raises SourceError, StoreError.
        """
        if store.index_version() != self.index_count:
            return False
        places, found = source.at({*changed_paths, *self.changed})
        looked_at = {path for place in places for path in self._remove(place)}
        self.unreadable = {}
        looked_at |= self._add(found, insort)
        self._compare(looked_at)
        return source.fingerprint(self._paths) == self.rules

    def mark_indexed(self, update: IndexUpdate, count: int) -> bool:
        """`update` is in the store's index now, as the `count`th update of it. False: another process has
        updated it too, and this snapshot is of no more use.
        """
        for stat, *_ in update.read:
            self.indexed[stat.path] = stat
        self.indexed.update((stat.path, stat) for stat in update.touched)
        for path in update.gone:
            self.indexed.pop(path, None)
        self._compare([*self.changed])
        alone, self.index_count = count == self.index_count + 1, count
        return alone

    def _add(
        self, found: Iterable[FileStat | BadPost], insert: Callable[[list[str], str], None] | None = None
    ) -> set[str]:
        """Takes in what the folder lists; returns the paths. With `insert`, `_paths` stays sorted."""
        added: set[str] = set()
        for file in found:
            if isinstance(file, BadPost):
                self.unreadable[file.path] = file
            else:
                if insert and file.path not in self.on_disk:
                    insert(self._paths, file.path)
                self.on_disk[file.path] = file
                added.add(file.path)
        return added

    def _remove(self, place: str) -> list[str]:
        """Takes out what stood at `place` and below; returns those paths."""
        paths = self._paths
        at, low, high = (bisect_left(paths, place + end) for end in ("", "/", "0"))  # "0" follows "/"
        removed = paths[low:high]
        del paths[low:high]
        if paths[at : at + 1] == [place]:
            removed.append(paths.pop(at))
        for path in removed:
            del self.on_disk[path]
        return [*removed, place]

    def _compare(self, paths: Iterable[str]) -> None:
        for path in paths:
            if self.on_disk.get(path) == self.indexed.get(path):
                self.changed.discard(path)
            else:
                self.changed.add(path)


class SnapshotCache:
    """The last snapshot of a process that stays running."""

    def __init__(self) -> None:
        self._snapshot: FolderSnapshot | None = None

    def take(self, source: Source, store: Store, changed_paths: Collection[str] | None) -> FolderSnapshot:
        """The folder as it is now. `changed_paths` are all that may have changed since the last snapshot;
        None: nobody knows. The cache is empty afterwards, so that an error leaves nothing to build upon.
        Raises SourceError, StoreError.
        """
        snapshot, self._snapshot = self._snapshot, None
        if snapshot is None or changed_paths is None or not snapshot.refresh(source, store, changed_paths):
            snapshot = FolderSnapshot(source, store)
        return snapshot

    def keep(self, snapshot: FolderSnapshot) -> None:
        """The next snapshot may build on this one: all that changed was dealt with, or still differs."""
        self._snapshot = snapshot
