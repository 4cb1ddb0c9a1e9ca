"""The files of a folder: lists those that could be posts, without reading them, and reads one once it is
stable.

Links to folders are not followed. A file that is still being written, or that Git could not merge, is not
read; `publisher run` needs this because it looks at files at any moment.
"""

import errno
import fcntl
import os
import re
import signal
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Protocol, TypeAlias

from publisher.core.caching import lazy
from publisher.core.errors import SourceError
from publisher.core.posts.post import BadPost, FileStat
from publisher.sources.globs import path_matcher

LEASE_SECONDS = 60.0
"""How long to wait for a file that is empty or open for writing, in seconds; then it is read as it is."""

SETTLE_SECONDS, LONG_SETTLE_SECONDS = 2.0, 10.0
"""How long a file must have been left alone where the system cannot tell whether it is open for writing;
longer if it ends in the middle of a line, or grew since it was looked at before.
"""

_Stamp = tuple[int, int]
_CONFLICT_MARKS = (lazy(r"<{7}(?: .*)?"), lazy(r"={7}"), lazy(r">{7}(?: .*)?"))
_FENCE = lazy(r" {0,3}(`{3,}|~{3,})")
_BLOCK = lazy(r"<(pre|code|script|style)\b|\{%-?\s*(highlight|raw|codeblock)\b", re.IGNORECASE)
_BLANK = b"\0 \t\r\n\x0b\x0c"


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


class FileBusy(Exception):
    """The file is still being written."""


class StabilityCheck:
    """Tells whether files are stable: not written to for `seconds`, and not open for writing.

    `now` is the clock that dates files, in seconds since 1970. A file dated ahead of it (by another machine's
    clock) is stable if it is the same when checked again `seconds` later.
    """

    def __init__(self, seconds: float, now: Callable[[], float]) -> None:
        self.seconds = seconds
        self._now = now
        self._ahead: dict[tuple[int, int], tuple[_Stamp, float]] = {}
        self._sizes: dict[tuple[int, int], int] = {}  # of files that were not stable, when looked at last

    def is_stable(self, number: int, status: os.stat_result) -> bool:
        """Whether the file open for reading as descriptor `number` is stable; `status` is its state now."""
        age = self._now() - status.st_mtime_ns / 1e9
        if age < 0:
            now, key = self._now(), (status.st_dev, status.st_ino)
            stamp, since = self._ahead.get(key, (None, now))
            if stamp != stamp_of(status) or now < since:
                self._ahead[key] = (stamp_of(status), now)
                return False
            return now - since >= self.seconds
        key = (status.st_dev, status.st_ino)
        grew = self._sizes.get(key, status.st_size) < status.st_size
        # Editors empty a file before they write it, and some programs pause while they write.
        stable = age >= self.seconds and (
            age > LEASE_SECONDS or (status.st_size > 0 and _is_left_alone(number, status, age, grew=grew))
        )
        if stable:
            self._sizes.pop(key, None)
        else:
            self._sizes[key] = min(self._sizes.get(key, status.st_size), status.st_size)
        return stable


def read_stable(number: int, status: os.stat_result, check: StabilityCheck | None, limit: int) -> bytes:
    """The bytes of the file open as descriptor `number`, at most `limit`; `status` is its state now. With a
    `check`, raises FileBusy where the file is not stable.
    """
    if check is None:
        return read_up_to(number, status.st_size, limit)
    if not check.is_stable(number, status):
        raise FileBusy
    data = read_up_to(number, status.st_size, limit)
    if stamp_of(os.fstat(number)) != stamp_of(status):
        raise FileBusy
    return data


def read_up_to(number: int, size: int, limit: int) -> bytes:
    """The bytes of an open file, at most `limit`. `size` is its expected size."""
    piece = max(size, 4096)
    data = os.read(number, min(piece, limit))
    while 0 < len(data) < limit and (more := os.read(number, min(piece, limit - len(data)))):
        data += more
    return data


def stamp_of(status: os.stat_result) -> _Stamp:
    """The size and time of a file, which change when it is written."""
    return status.st_size, status.st_mtime_ns


def _is_left_alone(number: int, status: os.stat_result, age: float, *, grew: bool) -> bool:
    """Whether nobody writes the file any more, as far as the system tells; otherwise by how long it was left
    alone.
    """
    is_open = is_open_for_writing(number)
    if is_open is not None:
        return not is_open
    if age >= LONG_SETTLE_SECONDS:
        return True
    return age >= SETTLE_SECONDS and not grew and os.pread(number, 1, status.st_size - 1) == b"\n"


def is_open_for_writing(number: int) -> bool | None:
    """Whether a process has the file open for writing; None where the system cannot tell: it is another
    user's, or on a file system without leases.

    Linux grants a read lease only on a file that is not open for writing (fcntl(2), F_SETLEASE). It is
    returned at once. A process that opens the file in between waits for that, and the kernel signals us: by
    default with SIGIO, which would end this process, so SIGURG, which is ignored, is requested instead.
    """
    if not hasattr(fcntl, "F_SETLEASE"):
        return None
    try:
        fcntl.fcntl(number, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(number, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except OSError as error:  # EACCES: not our file; EINVAL: a file system without leases
        return True if error.errno == errno.EAGAIN else None
    fcntl.fcntl(number, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    return False


def find_conflict(text: str) -> int:
    """The line of the first `<<<<<<<` of a conflict, from 1: it begins a line, `=======` and `>>>>>>>` begin
    lines after it, all outside of code (git-merge(1), HOW CONFLICTS ARE PRESENTED). 0: none does.
    """
    if "<<<<<<<" not in text or not all(mark in text for mark in ("<<<<<<<", "\n=======", "\n>>>>>>>")):
        return 0
    begun = step = 0
    for number, line in lines_outside_code(text):
        line = line.rstrip()
        if _CONFLICT_MARKS[0].fullmatch(line):
            begun, step = number, 1
        elif step and _CONFLICT_MARKS[step].fullmatch(line):
            if step == 2:
                return begun
            step = 2
    return 0


def lines_outside_code(text: str) -> list[tuple[int, str]]:
    """The lines outside fences and blocks of code, with their numbers."""
    found: list[tuple[int, str]] = []
    fence = end = ""
    for number, line in enumerate(text.split("\n"), 1):
        mark = _FENCE.match(line)
        if fence:
            if mark and mark[1].startswith(fence) and not line.strip().strip(fence[0]):
                fence = ""
        elif end:
            end = "" if end in line.casefold().replace("- ", "") else end
        elif mark and not (mark[1][0] == "`" and "`" in line[mark.end() :]):
            fence = mark[1]
        elif block := _BLOCK.search(line):
            close = f"</{block[1].casefold()}" if block[1] else f"end{block[2].casefold()}"
            end = "" if close in line.casefold()[block.end() :] else close
        else:
            found.append((number, line))
    return found


def is_blank(data: bytes) -> bool:
    """Whether a file is empty, or has only spaces, line ends and the NULs that a full disk leaves."""
    return not data.removeprefix(b"\xef\xbb\xbf").strip(_BLANK)
