"""Lists the files of a folder that could be posts, without reading them. Links to folders are not
followed.
"""

import os
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Protocol, TypeAlias

from publisher.core.errors import SourceError
from publisher.core.posts.post import BadPost, FileStat
from publisher.sources.globs import path_matcher


class FolderEntry(Protocol):
    """Something in a folder: os.DirEntry, or `_SingleEntry`."""

    @property
    def path(self) -> str: ...
    def is_dir(self) -> bool: ...
    def stat(self) -> os.stat_result: ...


Found: TypeAlias = tuple[str, BadPost | None, FolderEntry | None]
"""A file's path, what is wrong with it before it is read, and how the folder lists it."""


class Walk:
    """The files of `folder` that match `include` and not `exclude`. Names that begin with "." are ignored,
    and links out of the folder are not followed.
    """

    def __init__(self, folder: Path, include: Collection[str], exclude: Collection[str]) -> None:
        self.folder = folder
        self._included = path_matcher(include)
        self._excluded = path_matcher(exclude)
        self._recheck: set[str] = set()  # paths that may change without a change in the folder

    def all(self) -> Iterator[Found]:
        """Every file, in no order. Raises SourceError: the folder is unreadable."""
        root = self._root()
        return self._walk_folder(root, "")

    def at(self, paths: Collection[str]) -> tuple[Collection[str], Iterator[Found]]:
        """The places that were looked at, and what `all` would yield there: at `paths` and below them, and at
        links and earlier problems, which may change without a change in the folder. Raises SourceError.
        """
        root = self._root()
        asked = {*paths, *self._recheck}
        self._recheck -= asked
        places = {place for path in asked if (place := self._nearest_entry(root, path)) is not None}
        found = (item for place in sorted(places) for item in self._find_at(root, place))
        return {displayable(place) for place in places}, found

    @property
    def recheck(self) -> Collection[str]:
        """The paths found so far that may change without a change in the folder."""
        return self._recheck

    def add_recheck(self, paths: Collection[str]) -> None:
        """Adds paths that another process found."""
        self._recheck.update(paths)

    def _root(self) -> str:
        where = f"posts folder {self.folder}"
        if not self.folder.is_dir():
            raise SourceError(where, "is not there", "make it, or set posts.dir")
        try:
            os.scandir(self.folder).close()
        except OSError as error:
            raise SourceError(where, f"cannot be read ({error.strerror})", "fix its permissions") from None
        return os.path.realpath(self.folder)

    def _walk_folder(self, root: str, prefix: str) -> Iterator[Found]:
        ahead = [prefix]
        while ahead:
            prefix = ahead.pop()
            try:
                entries = list(os.scandir(f"{root}/{prefix}"))
            except OSError as error:
                path = prefix.rstrip("/")
                self._recheck.add(path)
                reason = f"cannot be read ({error.strerror}); fix its permissions"
                yield displayable(path), BadPost(path=displayable(path), reason=reason), None
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
                    yield from self._follow_link(root, path, entry)
                elif self._matches(path):
                    yield self._file(path, entry)

    def _find_at(self, root: str, path: str) -> Iterator[Found]:
        """The files at and below `path`; every part of it above the last is a folder."""
        entry = _SingleEntry(f"{root}/{path}")
        if entry.is_symlink():
            yield from self._follow_link(root, path, entry)
        elif entry.is_dir():
            if not self._excluded(path + "/"):
                yield from self._walk_folder(root, path + "/")
        elif os.path.lexists(entry.path) and self._matches(path):
            yield self._file(path, entry)

    def _nearest_entry(self, root: str, path: str) -> str | None:
        """`path`, or the first part above it that is not a readable folder; None if it is ignored."""
        parts = path.split("/")
        if any(part.startswith(".") or not part for part in parts):
            return None
        for n in range(1, len(parts)):
            above = "/".join(parts[:n])
            folder = _SingleEntry(f"{root}/{above}")
            whole = folder.is_dir() and not folder.is_symlink() and os.access(folder.path, os.R_OK)
            if not whole or self._excluded(above + "/"):
                return above
        return path

    def _file(self, path: str, entry: FolderEntry) -> Found:
        if path.isascii() or is_utf8(path):
            return path, None, entry
        self._recheck.add(path)
        shown = displayable(path)
        return shown, BadPost(path=shown, reason="the file's name is not UTF-8; rename it"), entry

    def _follow_link(self, root: str, path: str, entry: FolderEntry) -> Iterator[Found]:
        if "node_modules" in path.split("/"):
            return  # package managers link shared files, none of which is a post
        self._recheck.add(path)
        folder = _is_folder(entry)
        real = os.path.realpath(entry.path)
        if not (real == root or real.startswith(root + os.sep)):
            if self._matches(path) or folder:
                reason = "a link out of the folder; copy the file here"
                yield displayable(path), BadPost(path=displayable(path), reason=reason), entry
        elif self._matches(path) and not folder:
            yield self._file(path, entry)

    def _matches(self, path: str) -> bool:
        return self._included(path) and not self._excluded(path)


class _SingleEntry:
    """One path, as os.scandir would list it."""

    def __init__(self, path: str) -> None:
        self.path = path

    def is_dir(self) -> bool:
        return Path(self.path).is_dir()

    def is_symlink(self) -> bool:
        return Path(self.path).is_symlink()

    def stat(self) -> os.stat_result:
        return Path(self.path).stat()


def to_file_stat(found: Found) -> FileStat | BadPost:
    """The size and time of a file that was found, or what is wrong with it."""
    path, bad, entry = found
    return bad or FileStat(path, *size_and_time(entry))


def size_and_time(entry: FolderEntry | None) -> tuple[int, int]:
    """Bytes, and nanoseconds since 1970; -1 bytes where only reading the file will tell what is wrong."""
    try:
        status = entry.stat() if entry else None
    except OSError:
        status = None
    return (status.st_size, status.st_mtime_ns) if status else (-1, 0)


def _is_folder(entry: FolderEntry) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def is_utf8(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def displayable(path: str) -> str:
    """A path that can be shown and stored: bytes that are not UTF-8 become \\xNN."""
    return path if is_utf8(path) else os.fsencode(path).decode("utf-8", "backslashreplace")


def files_below(folder: Path, ends: tuple[str, ...]) -> Iterator[str]:
    """The paths below `folder`, in order, of the files whose names end so; links are not followed."""
    for place, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            file = Path(place) / name
            if name.endswith(ends) and not file.is_symlink():
                yield file.relative_to(folder).as_posix()
