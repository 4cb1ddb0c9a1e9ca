"""Watches files with watchfiles, so that a change need not wait for the next tick.

A missed change waits for that tick, which checks every file. So no failure here stops the process: a folder
that is missing, or that the system refuses to watch, is tried again.
"""

import logging
import os
import stat
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path

log = logging.getLogger(__name__)

CHECK_SECONDS = 1.0
"""Seconds between checks for what no event reports, such as a folder that was created or mounted over."""

RETRY_SECONDS = 60.0
"""Seconds until watching is tried again after the system refused it."""

LONGEST_BURST = timedelta(milliseconds=500)
"""A series of changes that does not end is reported after this."""

OnChange = Callable[[frozenset[str] | None], None]
"""Called with the paths that changed, absolute and with links resolved; None means that any may have."""

_MILLISECOND = timedelta(milliseconds=1)
Fingerprint = tuple[int, ...] | None


class Watcher:
    """Calls `on_change[path]` soon after that file, or anything in that folder, has changed, and once when
    watching the folder begins, for everything that happened before. Changes are collected until none comes
    for `quiet`.

    Names that begin with ".", links to folders, and the paths in `skip` are ignored. `problem` is called with
    a sentence when the system refuses to watch, and with "" when it watches. All calls come from one thread.
    """

    def __init__(
        self,
        on_change: Mapping[Path, OnChange],
        *,
        quiet: timedelta,
        skip: Iterable[Path] = (),
        problem: Callable[[str], None],
    ) -> None:
        self._on_change = dict(on_change)
        self._quiet = quiet
        self._skip = frozenset(map(os.path.realpath, skip))
        self._problem = problem
        self._refusal = ""
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watching", daemon=True)

    def start(self) -> None:
        """Starts watching."""
        self._thread.start()

    def stop(self) -> None:
        """Stops watching; returns when no call is running."""
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        fingerprints = self._fingerprints()
        while not self._stopping.is_set():
            try:
                self._watch(fingerprints)
            except FileNotFoundError:  # the folder was removed just now
                self._stopping.wait(CHECK_SECONDS)
            except Exception as error:  # whatever the system refuses: the thread looks by itself meanwhile
                self._report_refusal(error)
            before, fingerprints = fingerprints, self._fingerprints()
            for path, call in self._on_change.items():
                if fingerprints[path] != before[path]:
                    call(None)

    def _fingerprints(self) -> dict[Path, Fingerprint]:
        return {path: fingerprint(path) for path in self._on_change}

    def _watch(self, fingerprints: Mapping[Path, Fingerprint]) -> None:
        """Reports changes until a folder comes or goes, so that others have to be watched."""
        roots = {os.path.realpath(path): call for path, call in self._on_change.items() if path.is_dir()}
        folders, whole = self._folders(roots)
        if not folders:
            self._stopping.wait(CHECK_SECONDS)
            return
        begun = False
        for changed in self._changes(roots if whole else folders, recursive=whole):
            for root, call in roots.items():
                ours = frozenset(path for path in changed if self._concerns(path, root))
                if ours or not begun:
                    call(ours if begun else None)
            if not begun:
                begun = True
                self._refusal = ""
                self._problem("")
            # A new folder is not yet watched as it should be.
            new = any(Path(p).is_dir() and (Path(p).is_symlink() or not whole) for p in changed)
            if new or self._fingerprints() != fingerprints:
                return

    def _changes(self, folders: Iterable[str], *, recursive: bool) -> Iterator[set[str]]:
        """The paths that changed, whenever some did; an empty set at least once in every CHECK_SECONDS."""
        from watchfiles import watch

        batches = watch(
            *folders,
            watch_filter=None,
            debounce=round(LONGEST_BURST / _MILLISECOND),
            step=round(self._quiet / _MILLISECOND),
            stop_event=self._stopping,
            rust_timeout=round(CHECK_SECONDS * 1000),
            yield_on_timeout=True,
            recursive=recursive,
        )
        return ({path for _, path in batch} for batch in batches)

    def _folders(self, roots: Collection[str]) -> tuple[list[str], bool]:
        """The folders to watch, and whether the system may watch the whole tree by itself. It may not if some
        are left out, because it would follow links out of the tree.
        """
        found: list[str] = []
        whole, ahead = True, list(roots)
        while ahead:
            folder = ahead.pop()
            try:
                with os.scandir(folder) as entries:
                    inside = [
                        entry
                        for entry in entries
                        if entry.is_dir(follow_symlinks=False)
                        or (entry.is_symlink() and Path(entry.path).is_dir())
                    ]
            except OSError:  # may not be read; the source reports it
                whole = False
                continue
            found.append(folder)
            wanted = [e.path for e in inside if not e.is_symlink() and not self._is_skipped(e.path, folder)]
            whole = whole and len(wanted) == len(inside)
            ahead += wanted
        return found, whole

    def _concerns(self, path: str, root: str) -> bool:
        return path == root or (path.startswith(root + os.sep) and not self._is_skipped(path, root))

    def _is_skipped(self, path: str, root: str) -> bool:
        inside = path[len(root) :]
        hidden = os.sep + "." in inside
        return hidden or any(path == own or path.startswith(own + os.sep) for own in self._skip)

    def _report_refusal(self, error: Exception) -> None:
        """Reports once that the system refuses to watch, and waits before the next attempt."""
        refusal = (
            f"watching: the system refuses ({error}), so changes wait for the next tick; "
            "raise its limits (fs.inotify), or set schedule.watch to false"
        )
        if refusal != self._refusal:
            self._refusal = refusal
            log.warning("watching_refused", extra={"reason": str(error)})
            self._problem(refusal)
        self._stopping.wait(RETRY_SECONDS)


def fingerprint(path: Path) -> Fingerprint:
    """Changes when a folder is replaced or a file is written; None if nothing is there."""
    try:
        found = path.stat()
    except OSError:
        return None
    if stat.S_ISDIR(found.st_mode):
        return found.st_dev, found.st_ino
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns
