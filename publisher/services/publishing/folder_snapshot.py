"""Compares the folder of posts with the store's index of it. A long-running process keeps its last snapshot
and then checks only what changed.

    full scan   every file in the folder, every row of the index
    refresh     the given paths, and those that differed last time

Both find the same, as long as every changed path is given. Files with the size and time of the index count as
unchanged; an edit that keeps both is found because each snapshot also compares the content of the next few
files. A kept snapshot is valid only while no other
process has updated the index and the rules for reading files are the same; otherwise a full scan replaces it.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Collection, Iterable

from publisher.core.posts.post import BadPost, FileStat
from publisher.core.publishing.incremental import IndexUpdate
from publisher.ports import Source, Store

COMPARED_FILES, COMPARED_BYTES = 32, 2**20
"""How many files, and about how many bytes, a snapshot compares by content: a few milliseconds' work."""


class FolderSnapshot:
    """The files `on_disk` and those `indexed` in the store, by path; the paths where they differ (`changed`),
    and the files that cannot be read. `rules` is the fingerprint of how files are read.
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
        """Checks `changed_paths` and everything below them, and what differed before. False if this snapshot
        is no longer valid and a full scan is needed. Raises SourceError, StoreError.
        """
        if store.index_version() != self.index_count:
            return False
        places, found = source.at({*changed_paths, *self.changed})
        looked_at = {path for place in places for path in self._remove(place)}
        self.unreadable = {}
        looked_at |= self._add(found, insort)
        self._compare(looked_at)
        return source.fingerprint(self._paths) == self.rules

    def path_at(self, share: float) -> str:
        """The path that has this share of all paths before it; "" if it is the first."""
        before = int(share * len(self._paths))
        return self._paths[before - 1] if before else ""

    def compare_content(self, source: Source, store: Store, after: str) -> str:
        """Compares the content of the next few files that follow `after`, in the order of their paths, with
        the index, and counts those that differ as changed. Returns the last path compared, "" at the end.
        """
        paths: list[str] = []
        size, begin = 0, bisect_right(self._paths, after)
        for path in self._paths[begin : begin + COMPARED_FILES]:
            size += self.on_disk[path].size
            if paths and size > COMPARED_BYTES:
                break
            paths.append(path)
        unchanged = [path for path in paths if path not in self.changed]
        known = store.file_hashes(unchanged, self.rules)
        found = source.hashes([*known])
        self.changed |= {path for path, hash in found.items() if hash != known[path]}
        return paths[-1] if paths else ""

    def mark_indexed(self, update: IndexUpdate, count: int) -> bool:
        """Takes in an `update` that the store's index now has, as its `count`th. False if another process has
        updated the index too, and this snapshot is no longer valid.
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
        """Adds files; returns their paths. With `insert`, `_paths` stays sorted."""
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
        """Removes what was at `place` and below; returns those paths."""
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
    """Keeps the last snapshot of a long-running process, and how far the comparison of contents has got.
    `begin`, from 0 to 1, is where among all files that starts: at random, so that commands, which take one
    snapshot each, get to every file in time.
    """

    def __init__(self, begin: float = 0.0) -> None:
        self._snapshot: FolderSnapshot | None = None
        self._begin: float | None = begin
        self._compared = ""

    def take(self, source: Source, store: Store, changed_paths: Collection[str] | None) -> FolderSnapshot:
        """The folder as it is now. `changed_paths` are all paths that may have changed since the last
        snapshot; None if that is unknown. Empties the cache, so that nothing builds on this snapshot if an
        error follows. Raises SourceError, StoreError.
        """
        snapshot, self._snapshot = self._snapshot, None
        if snapshot is None or changed_paths is None or not snapshot.refresh(source, store, changed_paths):
            snapshot = FolderSnapshot(source, store)
        if self._begin is not None:
            self._compared, self._begin = snapshot.path_at(self._begin), None
        self._compared = snapshot.compare_content(source, store, self._compared)
        return snapshot

    def keep(self, snapshot: FolderSnapshot) -> None:
        """Lets the next snapshot build on this one: what changed is in the index, or still differs from
        it.
        """
        self._snapshot = snapshot
