"""Which files of a folder are posts, and their bytes. Nothing outside the folder is ever opened."""

import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from publisher.core.errors import SourceError
from publisher.core.posts import BadPost, Parsed
from publisher.sources.assets import Files, references
from publisher.sources.globs import matcher
from publisher.sources.reading import explain_post, read_post
from publisher.sources.rest import Rest, Unsettled, read_at_rest
from publisher.sources.rules import SourceRules
from publisher.sources.surroundings import settle

MAX_FILE = 32 * 1024 * 1024
"""Bytes of a post; more is a mistake."""


class FolderSource:
    """A folder of posts (ports.Source). Names that begin with "." are left alone."""

    def __init__(
        self, folder: Path, rules: SourceRules, top: Path | None = None, *, rest: Rest | None = None
    ) -> None:
        """`top` is the highest folder to look for a generator's configuration in; None: a few above. With
        `rest`, files that are still being written are unsettled BadPosts.
        """
        self.folder = folder
        self.rules = rules
        self.top = top
        self.rest = rest
        self._files = Files(folder, rest)
        self._included = matcher(rules.include)
        self._excluded = matcher(rules.exclude)

    def scan(self) -> Iterator[Parsed | BadPost]:
        """Every file that could be a post, in path order. Raises SourceError: the folder is unreadable."""
        found = self.files()
        rules = self.settled([path for path, bad in found if bad is None])
        return (bad or self.read(path, rules) for path, bad in found)

    def files(self) -> list[tuple[str, BadPost | None]]:
        """Every file that could be a post, in path order, and why it cannot be read. Raises SourceError."""
        return sorted(self._walk(self._root(), ""), key=lambda item: item[0])

    def settled(self, paths: Sequence[str]) -> SourceRules:
        """The rules with all that the blog's own files decide; `paths` are the posts'."""
        return settle(self.folder, self.top, self.rules, paths)

    def explain(self, path: str) -> tuple[Parsed | BadPost, Mapping[str, str], SourceRules]:
        """The post at `path`, which rule decided each value, and the settled rules. Raises SourceError."""
        rules = self.settled([name for name, bad in self.files() if bad is None])
        data = self.data(path)
        found, reasons = (data, {}) if isinstance(data, BadPost) else explain_post(path, data, rules)
        return found, reasons, rules

    def read(self, path: str, rules: SourceRules | None = None) -> Parsed | BadPost:
        """The post at `path`, relative to the folder and with "/", by settled `rules` (None: they are
        settled for this file alone)."""
        rules = rules or self.settled([path])
        data = self.data(path)
        return data if isinstance(data, BadPost) else self._with_files(read_post(path, data, rules))

    def file(self, path: str) -> bytes | None:
        """The bytes of the file that an asset names by `path`; None: it is gone, or may not go out."""
        return self._files.read(path)

    def _with_files(self, found: Parsed | BadPost) -> Parsed | BadPost:
        """With the assets it refers to, where posts have pages; a post that is never public has none."""
        if isinstance(found, BadPost) or not self.rules.pages or found.post.hidden is not None:
            return found
        post = found.post
        picture = [post.image.file] if post.image and post.image.file else []
        names = dict.fromkeys([*picture, *references(found.body)])
        if not names:
            return found
        try:
            assets, warnings = self._files.find(post, names)
        except Unsettled:
            return _unsettled(post.path)  # a picture is on its way: the post waits for it
        post = replace(post, assets=tuple(assets), warnings=(*post.warnings, *warnings))
        return replace(found, post=post)

    def _root(self) -> str:
        where = f"posts folder {self.folder}"
        if not self.folder.is_dir():
            raise SourceError(where, "is not there", "make it, or set posts.dir")
        try:
            os.scandir(self.folder).close()
        except OSError as error:
            raise SourceError(where, f"cannot be read ({error.strerror})", "mend its permissions") from None
        return os.path.realpath(self.folder)

    def _walk(self, root: str, prefix: str) -> Iterator[tuple[str, BadPost | None]]:
        try:
            entries = list(os.scandir(os.path.join(root, prefix)))  # noqa: PTH118  # 100,000 files: str is quick
        except OSError as error:
            path = _shown(prefix.rstrip("/"))
            yield path, BadPost(path=path, reason=f"cannot be read ({error.strerror}); mend its permissions")
            return
        for entry in entries:
            if entry.name.startswith("."):
                continue
            yield from self._entry(root, prefix + entry.name, entry)

    def _entry(self, root: str, path: str, entry: os.DirEntry[str]) -> Iterator[tuple[str, BadPost | None]]:
        if entry.is_dir(follow_symlinks=False):
            if not self._excluded(path + "/"):
                yield from self._walk(root, path + "/")
        elif entry.is_symlink() and not _inside(entry.path, root):
            if self._wanted(path) or _is_folder(entry):
                yield (
                    _shown(path),
                    BadPost(path=_shown(path), reason="a link out of the folder; copy the file here"),
                )
        elif self._wanted(path) and not _is_folder(entry):
            yield _shown(path), None if _is_utf8(path) else _bad_name(path)

    def _wanted(self, path: str) -> bool:
        return self._included(path) and not self._excluded(path)

    def data(self, path: str) -> bytes | BadPost:
        """The file's bytes. Opened without waiting and looked at before it is read: a FIFO would hang."""
        try:
            number = os.open(self.folder / path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            if self.rest and not os.path.lexists(self.folder / path):
                return _unsettled(path)  # there a moment ago: it is being replaced
            return BadPost(path=path, reason=f"cannot be read ({error.strerror}); mend it or take it away")
        with os.fdopen(number, "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                return BadPost(path=path, reason="not a regular file; take it away")
            if status.st_size > MAX_FILE:
                reason = f"{status.st_size} bytes; a post has at most {MAX_FILE}"
                return BadPost(path=path, reason=reason)
            try:
                return read_at_rest(file, self.rest)
            except Unsettled:
                return _unsettled(path)
            except OSError as error:
                return BadPost(
                    path=path, reason=f"cannot be read ({error.strerror}); mend it or take it away"
                )


def _unsettled(path: str) -> BadPost:
    return BadPost(path=path, reason="is being written", unsettled=True)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that goes in circles
        return False


def _inside(path: str, root: str) -> bool:
    real = os.path.realpath(path)
    return real == root or real.startswith(root + os.sep)


def _is_utf8(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def _shown(path: str) -> str:
    """A path that can be shown and stored: bytes that are not UTF-8 as \\xNN."""
    return path if _is_utf8(path) else os.fsencode(path).decode("utf-8", "backslashreplace")


def _bad_name(path: str) -> BadPost:
    return BadPost(path=_shown(path), reason="the file's name is not UTF-8; rename it")
