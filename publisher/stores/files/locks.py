"""Locks between processes and threads: an flock on a file, which also holds the process id of its holder."""

import fcntl
import os
import time
from collections.abc import Callable, Generator
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
    path: Path, *, wait: bool, on_wait: Callable[[str], None] | None = None
) -> Generator[None, None, None]:
    """Holds the lock `path` for the block; if the process dies, the lock is released. A thread must not take
    it twice.

    If somebody else holds it: with `wait`, calls `on_wait` once with a name of the holder and waits, at most
    LONGEST_WAIT, else raises Refused with the holder's process id. Raises OutputError if the file cannot be
    created.
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
