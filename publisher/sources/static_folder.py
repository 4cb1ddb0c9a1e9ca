"""The folder of files that are copied into public/ as they are (`site.static`)."""

import os
import stat
from pathlib import Path

from publisher.core.feeds.documents import StaticFile, StaticListing

MAX_BYTES = 50_000_000
"""The largest file: it is read whole."""

MAX_FILES = 10_000

SHOWN_HIDDEN = frozenset({".well-known", ".nojekyll", ".htaccess"})
"""Hidden names that hosts look for. Others (.git, .DS_Store, .env) are nobody's to see."""

LEFT_OUT = frozenset({"Thumbs.db", "desktop.ini"})


class DiskStaticFolder:
    """`ports.StaticFolder`, as a folder on disk. No link is followed. It may not contain any folder of
    `inside`.
    """

    def __init__(self, folder: Path, name: str, inside: tuple[Path, ...]) -> None:
        self._folder, self._name, self._inside = folder, name.rstrip("/"), inside

    def files(self) -> StaticListing:
        real = self._folder.resolve()
        if any(folder.resolve().is_relative_to(real) for folder in self._inside):
            return StaticListing(unreadable=f"{self._name}/: holds the site itself; choose a folder in it")
        found: list[StaticFile] = []
        problems: list[str] = []
        try:
            self._look(self._folder, "", found, problems)
        except OSError as error:
            why = error.strerror or str(error)
            return StaticListing(
                unreadable=f"{self._name}/: cannot be read ({why}): what was copied stays; make it readable, "
                "or take site.static away"
            )
        if len(found) > MAX_FILES:
            problems.append(f"{self._name}/: {len(found):,} files: only the first {MAX_FILES:,} are copied")
        return StaticListing(files=tuple(found[:MAX_FILES]), problems=tuple(problems))

    def _look(self, folder: Path, above: str, found: list[StaticFile], problems: list[str]) -> None:
        with os.scandir(folder) as entries:
            items = sorted(entries, key=lambda entry: entry.name)
        for entry in items:
            name, path = entry.name, above + entry.name
            shown = f"{self._name}/{path}"
            hidden = name.startswith(".") and name not in SHOWN_HIDDEN
            if hidden or name in LEFT_OUT or name.endswith(("~", ".part", ".swp")):
                continue
            if not name.isprintable() or "\\" in name:
                problems.append(
                    f"{shown!r}: not copied: no server gives out a file of such a name; rename it"
                )
            elif entry.is_symlink():
                problems.append(f"{shown}: not copied: it is a link; put the file itself there")
            elif entry.is_dir():
                self._look(Path(entry.path), f"{path}/", found, problems)
            elif not stat.S_ISREG((status := entry.stat(follow_symlinks=False)).st_mode):
                problems.append(f"{shown}: not copied: it is no plain file")
            elif status.st_size > MAX_BYTES:
                size = f"{status.st_size / 1e6:,.0f} MB"
                problems.append(
                    f"{shown}: not copied: {size}, more than {MAX_BYTES // 10**6} MB; host it elsewhere"
                )
            else:
                found.append(
                    StaticFile(path=path, name=shown, size=status.st_size, changed_ns=status.st_mtime_ns)
                )

    def read(self, path: str) -> bytes | None:
        try:
            handle = os.open(self._folder / path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            with os.fdopen(handle, "rb") as stream:
                data = stream.read(MAX_BYTES + 1)
        except OSError:
            return None
        return data if len(data) <= MAX_BYTES else None
