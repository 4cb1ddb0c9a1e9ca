"""What could be a post in a folder: every file by its path, unread. No link to a folder is followed.

A folder that is listed, and one of which nothing is known yet read, before anybody asks.
"""

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol, TypeAlias

from publisher.core.errors import SourceError
from publisher.core.posts.post import BadPost, FileReading, FileStat
from publisher.sources.globs import path_matcher
from publisher.sources.rules import SourceRules


class FolderEntry(Protocol):
    """Something in a folder: os.DirEntry, or `_Single`."""

    @property
    def path(self) -> str: ...
    def is_dir(self) -> bool: ...
    def stat(self) -> os.stat_result: ...


Found: TypeAlias = tuple[str, BadPost | None, FolderEntry | None]
"""A file's path, what is wrong with it before it is read, and how the folder lists it."""


class Walk:
    """The files of `folder` that `include` names and `exclude` does not. Names that begin with "." are left
    alone, and so is what a link leads to outside.
    """

    def __init__(self, folder: Path, include: Collection[str], exclude: Collection[str]) -> None:
        self.folder = folder
        self._included = path_matcher(include)
        self._excluded = path_matcher(exclude)
        self._odd: set[str] = set()  # may change where nobody sees it

    def all(self) -> Iterator[Found]:
        """Every file, in no order. Raises SourceError: the folder is unreadable."""
        root = self._root()
        return self._below(root, "")

    def at(self, paths: Collection[str]) -> tuple[Collection[str], Iterator[Found]]:
        """What `all` would give of `paths` and of what is below them; of links and of what was wrong too,
        for they change where nobody sees it. And the places that were looked at: nothing else stands there.
        Raises SourceError.
        """
        root = self._root()
        asked = {*paths, *self._odd}
        self._odd -= asked
        places = {place for path in asked if (place := self._place(root, path)) is not None}
        found = (item for place in sorted(places) for item in self._one(root, place))
        return {_shown(place) for place in places}, found

    @property
    def odd(self) -> Collection[str]:
        """The paths found so far that may change where nobody sees it."""
        return self._odd

    def found_odd(self, paths: Collection[str]) -> None:
        """Another process found them."""
        self._odd.update(paths)

    def _root(self) -> str:
        where = f"posts folder {self.folder}"
        if not self.folder.is_dir():
            raise SourceError(where, "is not there", "make it, or set posts.dir")
        try:
            os.scandir(self.folder).close()
        except OSError as error:
            raise SourceError(where, f"cannot be read ({error.strerror})", "mend its permissions") from None
        return os.path.realpath(self.folder)

    def _below(self, root: str, prefix: str) -> Iterator[Found]:
        ahead = [prefix]
        while ahead:
            prefix = ahead.pop()
            try:
                entries = list(os.scandir(f"{root}/{prefix}"))
            except OSError as error:
                yield self._unreadable(prefix.rstrip("/"), error)
                continue
            for entry in entries:
                name = entry.name
                if name.startswith("."):
                    continue
                path = prefix + name
                if entry.is_dir(follow_symlinks=False):
                    if not self._excluded(path + "/"):
                        ahead.append(path + "/")
                elif entry.is_symlink():
                    yield from self._link(root, path, entry)
                elif self._wanted(path):
                    yield self._file(path, entry)

    def _one(self, root: str, path: str) -> Iterator[Found]:
        """What stands at `path`, all of whose folders are folders."""
        entry = _Single(f"{root}/{path}")
        if entry.is_symlink():
            yield from self._link(root, path, entry)
        elif entry.is_dir():
            if not self._excluded(path + "/"):
                yield from self._below(root, path + "/")
        elif os.path.lexists(entry.path) and self._wanted(path):
            yield self._file(path, entry)

    def _place(self, root: str, path: str) -> str | None:
        """`path`, or the first folder above it that is none, or cannot be read; None: it is left alone."""
        parts = path.split("/")
        if any(part.startswith(".") or not part for part in parts):
            return None
        for n in range(1, len(parts)):
            above = "/".join(parts[:n])
            folder = _Single(f"{root}/{above}")
            whole = folder.is_dir() and not folder.is_symlink() and os.access(folder.path, os.R_OK)
            if not whole or self._excluded(above + "/"):
                return above
        return path

    def _file(self, path: str, entry: FolderEntry) -> Found:
        if path.isascii() or _is_utf8(path):
            return path, None, entry
        self._odd.add(path)
        shown = _shown(path)
        return shown, BadPost(path=shown, reason="the file's name is not UTF-8; rename it"), entry

    def _link(self, root: str, path: str, entry: FolderEntry) -> Iterator[Found]:
        if "node_modules" in path.split("/"):
            return  # package managers link what they share, and none of it is a post
        self._odd.add(path)
        folder = _is_folder(entry)
        real = os.path.realpath(entry.path)
        if not (real == root or real.startswith(root + os.sep)):
            if self._wanted(path) or folder:
                reason = "a link out of the folder; copy the file here"
                yield _shown(path), BadPost(path=_shown(path), reason=reason), entry
        elif self._wanted(path) and not folder:
            yield self._file(path, entry)

    def _unreadable(self, path: str, error: OSError) -> Found:
        self._odd.add(path)
        reason = f"cannot be read ({error.strerror}); mend its permissions"
        return _shown(path), BadPost(path=_shown(path), reason=reason), None

    def _wanted(self, path: str) -> bool:
        return self._included(path) and not self._excluded(path)


class _Single:
    """One name, as a folder would list it."""

    def __init__(self, path: str) -> None:
        self.path = path

    def is_dir(self) -> bool:
        return Path(self.path).is_dir()

    def is_symlink(self) -> bool:
        return Path(self.path).is_symlink()

    def stat(self) -> os.stat_result:
        return Path(self.path).stat()


def to_file_stat(found: Found) -> FileStat | BadPost:
    """What was found, as it stands."""
    path, bad, entry = found
    return bad or FileStat(path, *size_and_time(entry))


def size_and_time(entry: FolderEntry | None) -> tuple[int, int]:
    """Bytes, and nanoseconds since 1970; -1 bytes where only reading it will say what is wrong."""
    try:
        status = entry.stat() if entry else None
    except OSError:
        status = None
    return (status.st_size, status.st_mtime_ns) if status else (-1, 0)


def _is_folder(entry: FolderEntry) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that goes in circles
        return False


def _is_utf8(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def _shown(path: str) -> str:
    """A path that can be shown and stored: bytes that are not UTF-8 as \\xNN."""
    return path if _is_utf8(path) else os.fsencode(path).decode("utf-8", "backslashreplace")


def files_below(folder: Path, ends: tuple[str, ...]) -> Iterator[str]:
    """The paths below `folder`, in order, of the files whose names end so; links are not followed."""
    for place, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            file = Path(place) / name
            if name.endswith(ends) and not file.is_symlink():
                yield file.relative_to(folder).as_posix()


class Prefetch:
    """What was listed, and the readings of `paths` by `rules` that are on their way; each is given once."""

    def __init__(
        self,
        listed: Iterator[FileStat | BadPost],
        paths: Sequence[str] = (),
        rules: SourceRules | None = None,
        readings: Iterator[FileReading] | None = None,
    ) -> None:
        self._listed: Iterator[FileStat | BadPost] | None = listed
        self._paths, self._rules = paths, rules
        self._readings = readings

    def listed(self) -> Iterator[FileStat | BadPost] | None:
        """The files, for the first who asks."""
        listed, self._listed = self._listed, None
        return listed

    def of(
        self, paths: Sequence[str], rules: SourceRules, hashes: Mapping[str, str]
    ) -> Iterator[FileReading] | None:
        """The readings, if they are those that are asked for."""
        if hashes or paths != self._paths or rules != self._rules:
            return None
        readings, self._readings = self._readings, None
        return readings

    def end(self) -> None:
        """Ends the processes whose readings nobody took."""
        if close := getattr(self._readings, "close", None):  # few files have no process of their own
            close()
