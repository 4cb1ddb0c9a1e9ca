"""The public/ folder: files staged beside their place, then renamed into it.

    stage   .3f2a9c01d4e5b678.part     written and flushed, hidden
    place   index.html                 its time set, renamed, the folder flushed

A reader sees the old file or the new one, whole, and with the time that belongs to it.
"""

import contextlib
import hashlib
import os
import re
import stat
from datetime import datetime
from pathlib import Path, PurePosixPath

from publisher.core.documents import Document
from publisher.core.errors import OutputError
from publisher.stores.disk import flush_folder, output_error, write_all

_STAGED = re.compile(r"\.[0-9a-f]{16}\.part")


class FolderShelf:
    """A folder of documents by their paths. No path leads out of it. All methods raise OutputError."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def stage(self, path: str, data: bytes) -> None:
        """Writes `data` beside its place, durable but hidden; folders are made."""
        target = self._inside(path)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with contextlib.suppress(FileNotFoundError):
                if stat.S_ISDIR(target.lstat().st_mode):  # asks for the whole name: too long shows here
                    raise IsADirectoryError(21, "Is a directory")
            handle = os.open(_staged(target), os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o666)
            try:
                write_all(handle, data)
            finally:
                os.close(handle)
        except OSError as error:
            with contextlib.suppress(OSError):
                _staged(target).unlink()
            raise output_error(target, error) from error

    def place(self, path: str, modified: datetime) -> None:
        """Puts the staged file into its place, with `modified` as its time."""
        target = self._inside(path)
        staged, seconds = _staged(target), int(modified.timestamp())
        try:
            if not staged.exists():
                raise OutputError(
                    str(target), "cannot be put into place: nothing was staged", "publish again"
                )
            os.utime(staged, (seconds, seconds))
            staged.rename(target)
            flush_folder(target.parent)
        except OSError as error:
            raise output_error(target, error) from error

    def holds(self, document: Document) -> bool:
        """Whether the file stands as recorded: a plain file of that size and time."""
        try:
            found = self._named(document.path).lstat()
        except OSError:
            return False
        same = (found.st_size, int(found.st_mtime)) == (document.size, int(document.modified.timestamp()))
        return stat.S_ISREG(found.st_mode) and same

    def remove(self, path: str) -> None:
        """Takes a file away, and the folders it leaves empty. Nothing happens when it is not there."""
        target = self._inside(path)
        try:
            target.unlink(missing_ok=True)
            folder = target.parent
            while folder != self.folder and _removed(folder):
                folder = folder.parent
            if folder.is_dir():
                flush_folder(folder)
        except NotADirectoryError:
            return
        except OSError as error:
            raise output_error(target, error) from error

    def sweep(self) -> None:
        """Removes what a crash left staged."""
        for folder, _, names in os.walk(self.folder):
            for name in filter(_STAGED.fullmatch, names):
                left = Path(folder, name)
                try:
                    left.unlink(missing_ok=True)
                except OSError as error:
                    raise output_error(left, error) from error

    def _named(self, path: str) -> Path:
        """Where `path` stands, by its words alone."""
        parts = PurePosixPath(path).parts
        if not parts or path.startswith("/") or ".." in parts or "\0" in path or _STAGED.fullmatch(parts[-1]):
            raise OutputError(str(self.folder), f"{path!r} is no path for a document", "change the permalink")
        return self.folder.joinpath(*parts)

    def _inside(self, path: str) -> Path:
        """Where `path` stands, if no link on the way leads out of the folder."""
        target = self._named(path)
        try:
            inside = target.parent.resolve().is_relative_to(self.folder.resolve())
        except (OSError, RuntimeError):  # a link that leads to itself
            inside = False
        if not inside:
            raise OutputError(str(target), "a link on the way leads out of the folder", "remove the link")
        return target


def _staged(target: Path) -> Path:
    return target.with_name(f".{hashlib.sha256(os.fsencode(target.name)).hexdigest()[:16]}.part")


def _removed(folder: Path) -> bool:
    try:
        folder.rmdir()
    except OSError:
        return False
    return True
