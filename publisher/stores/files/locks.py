"""Locks between processes and threads: an flock on a file, which also holds the process id of its holder. And
whether a process still works on the files that it opened.

A store that was moved, deleted or restored under a running service stays open: what is written then goes to
a file that nobody will read again. So does what is written below a folder that a link no longer leads to.
"""

import fcntl
import os
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from publisher.core.errors import OutputError, Refused
from publisher.stores.files import output_error, private_folder

MINUTE = timedelta(minutes=1)

LONGEST_WAIT = 10 * MINUTE
"""How long somebody waits for a lock: a first publish of 100,000 posts holds it for a minute or so."""

RETRY_SECONDS = 0.05

_held: set[int] = set()
"""Handles of locks that this process holds or waits for; a forked child has them open too."""


@contextmanager
def lock(
    path: Path, *, wait: bool, on_wait: Callable[[str], None] | None = None, creates: bool = True
) -> Generator[None, None, None]:
    """Holds the lock `path` for the block; if the process dies, the lock is released. A thread must not take
    it twice.

    If somebody else holds it: with `wait`, calls `on_wait` once with a name of the holder and waits, at most
    LONGEST_WAIT, else raises Refused with the holder's process id. `creates` says whether its folder is made
    if it is missing. Raises OutputError if the file cannot be created, or the site's folder, above that of
    the lock, is gone.
    """
    try:
        path.parent.parent.stat()  # one that was moved away is not made again
        if creates:
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


def _acquire(handle: int, path: Path, wait: bool, on_wait: Callable[[str], None] | None) -> None:
    until = time.monotonic() + LONGEST_WAIT.total_seconds() if wait else 0.0
    waits = False
    try:
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                # The file is never removed: two processes could then hold two files of one name.
                holder = os.pread(handle, 20, 0).decode("ascii", "replace").strip()
                who = f"another publisher (pid {holder})" if holder.isdigit() else "another publisher"
                if time.monotonic() >= until:
                    what = (
                        f"{who} has held it for {LONGEST_WAIT // MINUTE} minutes"
                        if wait
                        else f"{who} holds it"
                    )
                    raise Refused(str(path), what, "wait until it is done, or stop it") from None
                if on_wait is not None and not waits:
                    on_wait(who)
                waits = True
                time.sleep(RETRY_SECONDS)
    except OSError as error:
        raise OutputError(str(path), f"cannot be locked ({error.strerror})", "use a local disk") from error


def _write_holder(handle: int, text: str) -> None:
    """Writes who holds the lock. It only informs others, so a full disk must not stop the work."""
    try:
        os.ftruncate(handle, 0)
        os.pwrite(handle, text.encode("ascii"), 0)
    except OSError:
        pass


FileIdentity = tuple[int, int]
"""Device and inode."""


class OpenedFiles:
    """What the paths of a site led to when its store was opened."""

    def __init__(self, paths: Mapping[str, Path]) -> None:
        """`paths` by what a person calls them."""
        self._paths = dict(paths)
        self._opened = {name: identity(path) for name, path in paths.items()}

    def problem(self) -> str:
        """Which of them is no longer the one that was opened; "" if each is."""
        for name, path in self._paths.items():
            before, now = self._opened[name], identity(path)
            if before is not None and now != before:
                became = "is gone" if now is None else "is not the one that this process opened"
                return f"{name} {path} {became}; put it back, or restart publisher to use the new one"
        return ""


def identity(path: Path) -> FileIdentity | None:
    """The device and inode that a path leads to; None if it leads nowhere."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
