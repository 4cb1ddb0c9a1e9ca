"""Locks between processes and threads: an flock on a file, which also holds the process id of its holder."""

import fcntl
import os
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

from publisher.core.errors import OutputError, Refused
from publisher.stores.files import output_error, private_folder

_held: set[int] = set()
"""Handles of locks that this process holds or waits for; a forked child has them open too."""


@contextmanager
def lock(path: Path, *, wait: bool, on_wait: Callable[[], None] | None = None) -> Generator[None, None, None]:
    """Holds the lock `path` for the block; if the process dies, the lock is released. A thread must not take
    it twice.

    If somebody else holds it: with `wait`, calls `on_wait` once and waits, else raises Refused with the
    holder's process id. Raises OutputError if the file cannot be created.
    """
    try:
        private_folder(path.parent)
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise output_error(path, error) from error
    _held.add(handle)
    try:
        _acquire(handle, path, wait, on_wait)
        _write_holder(handle, str(os.getpid()))
        try:
            yield
        finally:
            _write_holder(handle, "")
    finally:
        _held.discard(handle)
        os.close(handle)


def is_locked(path: Path) -> bool:
    """Whether anybody holds the lock `path`, this process included."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False  # nobody ever held it
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
    """Called in a forked child: the locks stay with its parent alone, and end when the parent does."""
    while _held:
        os.close(_held.pop())


def _acquire(handle: int, path: Path, wait: bool, on_wait: Callable[[], None] | None) -> None:
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if not wait:
                # The file is never removed: two processes could then hold two files of one name.
                holder = os.pread(handle, 20, 0).decode("ascii", "replace").strip()
                who = f"another publisher (pid {holder})" if holder.isdigit() else "another publisher"
                raise Refused(str(path), f"{who} holds it", "wait until it is done, or stop it") from None
            if on_wait is not None:
                on_wait()
            fcntl.flock(handle, fcntl.LOCK_EX)
    except OSError as error:
        raise OutputError(str(path), f"cannot be locked ({error.strerror})", "use a local disk") from error


def _write_holder(handle: int, text: str) -> None:
    """Writes who holds the lock. It only informs others, so a full disk must not stop the work."""
    try:
        os.ftruncate(handle, 0)
        os.pwrite(handle, text.encode("ascii"), 0)
    except OSError:
        pass
