"""Locks between processes and threads: a file that one holds, with the holder's number in it."""

import fcntl
import os
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

from publisher.core.errors import OutputError, Refused
from publisher.stores.files.fsync import output_error, private_folder

_held: set[int] = set()
"""What this process holds or waits for: a forked one has the same handles open."""


@contextmanager
def lock(path: Path, *, wait: bool, on_wait: Callable[[], None] | None = None) -> Generator[None, None, None]:
    """Holds the lock `path` for the block; whoever dies lets go. Not to be taken twice by one thread.

    When another holds it: with `wait`, calls `on_wait` once and waits; else raises Refused with the holder's
    process id. Raises OutputError where the file cannot be made.
    """
    handle = _open(path)
    _held.add(handle)
    try:
        _take(handle, path, wait, on_wait)
        _write(handle, str(os.getpid()))
        try:
            yield
        finally:
            _write(handle, "")
    finally:
        _held.discard(handle)
        os.close(handle)


def is_locked(path: Path) -> bool:
    """Whether anybody holds the lock `path`, this process included."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False  # nobody ever did
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(handle)
    return False


def release_in_child() -> None:
    """For a forked process: the locks stay its parent's alone, and end when the parent does."""
    while _held:
        os.close(_held.pop())


def _open(path: Path) -> int:
    try:
        private_folder(path.parent)
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise output_error(path, error) from error


def _take(handle: int, path: Path, wait: bool, on_wait: Callable[[], None] | None) -> None:
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if not wait:
                raise _refused(handle, path) from None
            if on_wait is not None:
                on_wait()
            fcntl.flock(handle, fcntl.LOCK_EX)
    except OSError as error:
        raise OutputError(str(path), f"cannot be locked ({error.strerror})", "use a local disk") from error


def _refused(handle: int, path: Path) -> Refused:
    """The file is never removed: two could then hold two files of one name."""
    holder = os.pread(handle, 20, 0).decode("ascii", "replace").strip()
    who = f"another publisher (pid {holder})" if holder.isdigit() else "another publisher"
    return Refused(str(path), f"{who} holds it", "wait until it is done, or stop it")


def _write(handle: int, text: str) -> None:
    """The holder's number is a courtesy to who waits: a full disk must not stop the work."""
    try:
        os.ftruncate(handle, 0)
        os.pwrite(handle, text.encode("ascii"), 0)
    except OSError:
        pass
