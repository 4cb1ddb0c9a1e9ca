"""Whether a process still works on the files that it opened.

A store that was moved, deleted or restored under a running service stays open: what is written then goes to
a file that nobody will read again. So does what is written below a folder that a link no longer leads to.
"""

from collections.abc import Mapping
from pathlib import Path

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
                return f"{name} {path} {became}; put it back, or restart publisher to use what is there now"
        return ""


def identity(path: Path) -> FileIdentity | None:
    """The device and inode that a path leads to; None if it leads nowhere."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
