"""Looking: the folder beside what is remembered of it. A process that stays keeps its last look, and then
looks only where something happened.

    full look     every file as the folder lists it, every row as the store has it
    look again    the paths that are named, and those that were odd the last time

Both find the same, as long as whatever changed is named. What is kept is trusted only while the store
remembers nothing newer and the rules are the same; otherwise it is a full look.

What is known of the bytes that posts were read from, so that an upgrade is told from an edit.
"""

from bisect import bisect_left, insort
from collections.abc import Callable, Collection, Iterable, Mapping

from publisher.core.posts.post import BadPost, FileStat
from publisher.core.publishing.incremental import IndexUpdate, Readings
from publisher.ports import Source, Store
from publisher.services.deps import Deps


class FolderSnapshot:
    """What a look found. `here` are the files of the folder and `seen` the remembered ones, by path; `odd`
    the paths where these differ, `wrong` what cannot be read. `rules` name how files are read.
    """

    def __init__(self, source: Source, store: Store) -> None:
        """A full look. Raises SourceError, StoreError."""
        self.here: dict[str, FileStat] = {}
        self.wrong: dict[str, BadPost] = {}
        self.count = store.remembered()
        seen = store.seen()  # first: another process may still be listing the files
        self._take(source.files())
        self._paths = sorted(self.here)
        self.rules = source.fingerprint(self._paths)
        self.seen = seen.pop(self.rules, {})
        for files in seen.values():  # read by other rules: to be read again
            self.seen.update((path, file._replace(size=-1)) for path, file in files.items())
        self.odd = {path for path, file in self.here.items() if self.seen.get(path) != file}
        self.odd |= self.seen.keys() - self.here.keys()

    def same(self, path: str) -> bool:
        """Whether the file is as it is remembered."""
        return path not in self.odd and path in self.here

    def again(self, source: Source, store: Store, named: Collection[str]) -> bool:
        """Looks again at `named` and what is below them, and at what is odd. False: only a full look will
        do, and this one is of no more use. Raises SourceError, StoreError.
        """
        if store.remembered() != self.count:
            return False
        places, found = source.at({*named, *self.odd})
        looked = {path for place in places for path in self._leave(place)}
        self.wrong = {}
        looked |= self._take(found, insort)
        self._compare(looked)
        return source.fingerprint(self._paths) == self.rules

    def remembered(self, memory: IndexUpdate, count: int) -> bool:
        """What was odd is remembered now, as the `count`th memory of the store. False: another process has
        remembered something too, and this look is of no more use.
        """
        for stat, *_ in memory.read:
            self.seen[stat.path] = stat
        self.seen.update((stat.path, stat) for stat in memory.touched)
        for path in memory.gone:
            self.seen.pop(path, None)
        self._compare([*self.odd])
        alone, self.count = count == self.count + 1, count
        return alone

    def _take(
        self, found: Iterable[FileStat | BadPost], insert: Callable[[list[str], str], None] | None = None
    ) -> set[str]:
        taken: set[str] = set()
        for file in found:
            if isinstance(file, BadPost):
                self.wrong[file.path] = file
            else:
                if insert and file.path not in self.here:
                    insert(self._paths, file.path)
                self.here[file.path] = file
                taken.add(file.path)
        return taken

    def _leave(self, place: str) -> list[str]:
        """Forgets what stands at `place` and below; returns those paths."""
        paths = self._paths
        at, low, high = (bisect_left(paths, place + end) for end in ("", "/", "0"))  # "0" follows "/"
        gone = paths[low:high]
        del paths[low:high]
        if paths[at : at + 1] == [place]:
            gone.append(paths.pop(at))
        for path in gone:
            del self.here[path]
        return [*gone, place]

    def _compare(self, paths: Iterable[str]) -> None:
        for path in paths:
            if self.here.get(path) == self.seen.get(path):
                self.odd.discard(path)
            else:
                self.odd.add(path)


class SnapshotCache:
    """The last look of a process that stays; every other look begins with a full one."""

    def __init__(self) -> None:
        self._look: FolderSnapshot | None = None

    def look(self, source: Source, store: Store, named: Collection[str] | None) -> FolderSnapshot:
        """The folder as it is now. `named` are all paths that may have changed since the last look; None:
        nobody knows. Raises SourceError, StoreError: then nothing is kept.
        """
        look, self._look = self._look, None
        if look is None or named is None or not look.again(source, store, named):
            look = FolderSnapshot(source, store)
        return look

    def keep(self, look: FolderSnapshot) -> None:
        """The next look may build on this one: all that was found has been dealt with, or is still odd."""
        self._look = look


READER = "reader"
"""The fact that says which version of the reader made the last publish."""


def readings_of(parts: Deps, hashes: Mapping[str, str]) -> Readings:
    """What `core.publishing.rereading` asks. `hashes` are of the bytes of the files at hand, by path; ""
    where a file could not be read. Raises StoreError.
    """
    version, before = parts.source().version, parts.store.fact(READER)
    upgraded = before != version and parts.store.head().baseline_at is not None
    return Readings(
        hashes={path: name for path, name in hashes.items() if name},
        version=version,
        before=before,
        passed_over=_passed_over(parts, hashes) if upgraded else frozenset(),
    )


def keep_reader(parts: Deps) -> None:
    """The next publish is by this version, or a later one."""
    if parts.store.fact(READER) != parts.source().version:
        parts.store.keep_fact(READER, parts.source().version)


def _passed_over(parts: Deps, hashes: Mapping[str, str]) -> frozenset[str]:
    """The files that the version before had with the same bytes and hid, or refused at its last publish."""
    remembered = parts.store.unpublished(list(hashes))
    hidden = {
        path for path, (name, post) in remembered.items() if post.hidden is not None and hashes[path] == name
    }
    refused = [text for area, _, text in parts.store.problems() if area == "posts"]
    named = {path for path in hashes for text in refused if text.startswith(f"{path}:")}
    return frozenset(hidden | named)
