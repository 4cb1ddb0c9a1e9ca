"""Which files of a folder are posts, and what they contain. Nothing outside the folder is ever opened."""

import hashlib
import os
import stat
from collections.abc import Callable, Collection, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from functools import cache
from importlib import import_module
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from publisher import core
from publisher.core.errors import SourceError
from publisher.core.posts.post import BadPost, FileReading, FileStat, ParsedPost
from publisher.sources.fields.assets import AssetFolder, find_references, smaller_picture
from publisher.sources.file_reading import FileBusy, StabilityCheck, Walk, read_stable, to_file_stat
from publisher.sources.parallel import (
    PackedStats,
    Prefetch,
    map_in_order,
    pack_reading,
    pack_stats,
    run_meanwhile,
    unpack_reading,
    unpack_stats,
)
from publisher.sources.site_config import resolve_config
from publisher.sources.source_rules import SourceRules

if TYPE_CHECKING:
    from publisher.sources.fields.links import LinkIndex
    from publisher.sources.liquid.includes import ReadBeside
    from publisher.sources.parse_post import ResolveLinks

MAX_FILE_BYTES = 32 * 1024 * 1024
"""The largest post, in bytes; anything larger is there by mistake."""

STAMP_SECONDS = 2.0
"""A file's time is trusted once it is this many seconds old: some file systems round it to two seconds."""


class FolderSource:
    """A folder of posts (ports.Source). Names that begin with "." are ignored."""

    def __init__(
        self,
        folder: Path,
        rules: SourceRules,
        top: Path | None = None,
        *,
        rest: StabilityCheck | None = None,
        clock: Callable[[], datetime] | None = None,
    ) -> None:
        """`top` is the highest folder to look for a generator's configuration in; None: a few levels up. With
        `rest`, files that are still being written are unsettled BadPosts. `clock` is the machine's, which
        dates files; without it no file's time is trusted.
        """
        self.folder = folder
        self.rules = rules
        self.top = top
        self._clock = clock
        self._resolved_rules: SourceRules | None = None
        self.stability = rest
        self._assets = AssetFolder(folder, rest)
        self._walk = Walk(folder, rules.include, rules.exclude)
        self._paths: Sequence[str] = ()
        self._links: LinkIndex | None = None
        self._ahead: Prefetch | None = None

    def scan(
        self, progress: Callable[[str, int, int], None] = lambda _what, _done, _of: None
    ) -> Iterator[ParsedPost | BadPost]:
        """Every file that could be a post, in path order. `progress` is told how many were read. Raises
        SourceError: the folder is unreadable.
        """
        found = self.listed()
        rules = self.resolve_rules([path for path, bad in found if bad is None])

        def read() -> Iterator[ParsedPost | BadPost]:
            for number, (path, bad) in enumerate(found, 1):
                yield bad or self.read(path, rules)
                progress("reading posts", number, len(found))

        return read()

    def listed(self) -> list[tuple[str, BadPost | None]]:
        """Every file that could be a post, in path order, and what is wrong with it. Raises SourceError."""
        return sorted(((path, bad) for path, bad, _ in self._walk.all()), key=lambda it: it[0])

    def files(self) -> Iterator[FileStat | BadPost]:
        """The files that `scan` would read, in no order. Raises SourceError: the folder is unreadable."""
        if self._ahead and (listed := self._ahead.take_listed()) is not None:
            return listed
        return map(to_file_stat, self._walk.all())

    def at(self, paths: Collection[str]) -> tuple[Collection[str], Iterator[FileStat | BadPost]]:
        """The places that were looked at, and what `files` would yield at `paths` and below them."""
        places, found = self._walk.at(paths)
        return places, map(to_file_stat, found)

    def fingerprint(self, paths: Sequence[str]) -> str:
        """16 hex digits that identify how files are read: the resolved rules and this reader's own code."""
        self._resolved_rules = self.resolve_rules(paths)
        found = hashlib.sha256(repr(self._resolved_rules).encode("utf-8", "surrogatepass"))
        found.update(self.version.encode())
        return found.hexdigest()[:16]

    @property
    def version(self) -> str:
        """16 hex digits that identify this reader's code: another version may read the same bytes
        differently.
        """
        return code_hash()

    def read_many(self, paths: Sequence[str], hashes: Mapping[str, str]) -> Iterator[FileReading]:
        """Reads those files, in that order, on every core if there are many. A file whose hash is known is
        not parsed. The rules are those of the last `fingerprint`.
        """
        rules = self._resolved_rules or self.resolve_rules(paths)
        if self._ahead and (begun := self._ahead.take_readings(paths, rules, hashes)):
            return begun
        return self._read_all(paths, hashes, rules)

    def _read_all(
        self, paths: Sequence[str], hashes: Mapping[str, str], rules: SourceRules
    ) -> Iterator[FileReading]:
        if not paths:
            return iter(())
        import_module("publisher.sources.parse_post")  # before workers are forked, so that each has it

        def work(path: str) -> FileReading:
            return self._read_file(path, hashes.get(path), rules)

        return map_in_order(work, paths, pack=pack_reading, unpack=unpack_reading)

    @contextmanager
    def ahead(self) -> Generator[None, None, None]:
        """Within it worker processes read every file, ahead of a first scan that will ask for all of them."""
        try:
            found = [*self._walk.all()]
        except SourceError:  # the scan will say so
            yield
            return
        paths = sorted(path for path, bad, _ in found if bad is None)
        rules = self.resolve_rules(paths)
        readings = self._read_all(paths, {}, rules)

        def stats() -> Iterator[FileStat | BadPost]:
            while found:  # frees each entry as it is used: 100,000 of them take 50 MB
                yield to_file_stat(found.pop())

        self._ahead = Prefetch(stats(), paths, rules, readings)
        try:
            yield
        finally:
            self._ahead.stop()
            self._ahead = None

    @contextmanager
    def listed_ahead(self) -> Generator[None, None, None]:
        """Within it a worker process lists every file, ahead of a first scan."""
        with run_meanwhile(self._list_packed) as listing:

            def stats() -> Iterator[FileStat | BadPost]:
                packed, recheck = listing()
                self._walk.add_recheck(recheck)
                yield from unpack_stats(packed)

            self._ahead = Prefetch(stats())
            try:
                yield
            finally:
                self._ahead = None

    def _list_packed(self) -> tuple[PackedStats, Collection[str]]:
        return pack_stats(self._walk.all()), self._walk.recheck

    def unread(self) -> Sequence[str]:
        """Data files of the blog that cannot be read because they are code, by their paths from its root."""
        return self.resolve_rules([path for path, bad in self.listed() if bad is None]).unread_code

    def unreadable(self) -> Sequence[tuple[str, str]]:
        """(path, format) of files that the generator makes posts of and Publisher cannot read, in path order.
        Raises SourceError.
        """
        from publisher.sources import unreadable_files

        rules = self.resolve_rules([path for path, bad in self.listed() if bad is None])
        known = set(self._paths)
        walk = Walk(self.folder, unreadable_files.include_patterns(), self.rules.exclude)
        paths = (path for path, bad, _ in walk.all() if bad is None and path not in known)
        tables = ((path, unreadable_files.POST_TABLE) for path in rules.post_tables)
        return sorted((*unreadable_files.find_unreadable(self.folder, paths, rules), *tables))

    def resolve_rules(self, paths: Sequence[str]) -> SourceRules:
        """The rules with all that the blog's own files decide; `paths` are those of the posts, in order."""
        self._paths, self._links = paths, None
        return resolve_config(self.folder, self.top, self.rules, paths)

    def explain(self, path: str) -> tuple[ParsedPost | BadPost, Mapping[str, str], SourceRules]:
        """The post at `path`, which rule decided each value, and the resolved rules. Raises SourceError."""
        from publisher.sources.parse_post import explain_post

        rules = self.resolve_rules([name for name, bad in self.listed() if bad is None])
        data = self._read_bytes(path)[1]
        if isinstance(data, BadPost):
            return data, {}, rules
        found, reasons = explain_post(path, data, rules, self._link_resolver(rules), self._include_reader([]))
        return found, reasons, rules

    def as_it_is(self) -> "FolderSource":
        """The same folder for one look at a file, at whatever moment; nothing of it is shared with a scan."""
        return FolderSource(self.folder, self.rules, self.top)

    def draft(self, path: str) -> ParsedPost | BadPost:
        """The post at `path` with the files that it refers to, although it may be hidden. Raises
        SourceError.
        """
        found, _, _ = self.explain(path)
        if isinstance(found, BadPost):
            return found
        assets, warnings = self._assets.find(found.post, referenced_files(found))
        post = replace(found.post, assets=tuple(assets), warnings=(*found.post.warnings, *warnings))
        return replace(found, post=post)

    def read(self, path: str, rules: SourceRules | None = None) -> ParsedPost | BadPost:
        """The post at `path`, relative to the folder and with "/", by resolved `rules` (None: they are
        resolved for this file alone).
        """
        return self._parse(path, self._read_bytes(path)[1], rules or self.resolve_rules([path]))[0]

    def _read_file(self, path: str, known: str | None, rules: SourceRules) -> FileReading:
        stat, data = self._read_bytes(path)
        name = hashlib.sha256(data).hexdigest() if isinstance(data, bytes) else ""
        if name == known:
            return FileReading(stat=stat, hash=name, result=None)
        result, alone = self._parse(path, data, rules)
        return FileReading(stat=stat, hash=name, result=result, alone=alone)

    def _parse(
        self, path: str, data: bytes | BadPost, rules: SourceRules
    ) -> tuple[ParsedPost | BadPost, bool]:
        """The post, and whether it depends on no other file, which could change while this one does not."""
        if isinstance(data, BadPost):
            return data, True
        from publisher.sources.parse_post import read_post

        asked: list[str] = []
        try:
            found = read_post(
                path, data, rules, self._link_resolver(rules, asked), self._include_reader(asked)
            )
        except FileBusy:
            return busy_post(path), True  # a post that it links to is being written
        names = self._asset_names(found) if isinstance(found, ParsedPost) else {}
        if isinstance(found, BadPost) or not names:
            return found, not asked
        post = found.post
        try:
            assets, warnings = self._assets.find(post, names)
        except FileBusy:
            return busy_post(post.path), False  # a picture is being written: the post waits for it
        post = replace(post, assets=tuple(assets), warnings=(*post.warnings, *warnings))
        return replace(found, post=post), False

    def _link_resolver(self, rules: SourceRules, asked: list[str] | None = None) -> "ResolveLinks":
        """Resolves links to files; `asked` gets the paths of posts that link to others."""
        from publisher.sources.fields.links import LinkedBody, LinkIndex, may_link, may_link_to_posts

        def linked(path: str, body: str) -> LinkedBody:
            if not may_link(body):
                return LinkedBody(body)
            if asked is not None and may_link_to_posts(body):
                asked.append(path)
            self._links = self._links or LinkIndex(self._paths, rules)
            markdown = not path.lower().endswith((".html", ".htm"))
            return self._links.resolved(
                path, body, lambda other: self._address_of(other, rules), markdown=markdown
            )

        return linked

    def _include_reader(self, asked: list[str]) -> "ReadBeside":
        """Reads what a post includes from its own folder, or one below it; `asked` gets the paths of such
        posts.
        """

        def beside(path: str, name: str) -> str | None:
            asked.append(path)
            place = PurePosixPath(path).parent / name
            whole = (self.folder / place).resolve()
            inside = whole.is_relative_to((self.folder / path).parent.resolve())
            hidden = ".." in place.parts or any(part.startswith(".") for part in place.parts)
            data = self._read_bytes(str(place))[1] if inside and not hidden and whole.is_file() else b""
            return (
                data.decode("utf-8-sig", "replace").replace("\r\n", "\n") if isinstance(data, bytes) else None
            )

        return beside

    def _address_of(self, path: str, rules: SourceRules) -> tuple[str, str]:
        """The URL of the post at `path`, and its title; two empty strings if it has no address. Raises
        FileBusy.
        """
        from publisher.sources.parse_post import read_post

        data = self._read_bytes(path)[1]
        if isinstance(data, BadPost):
            if data.unsettled:
                raise FileBusy
            return "", ""
        found = read_post(path, data, rules)
        if isinstance(found, BadPost) or found.post.hidden is not None:
            return "", ""
        return found.post.url, found.post.title

    def hashes(self, paths: Sequence[str]) -> Mapping[str, str]:
        """The hash of the bytes of each of these files that can be read now and is not being written."""
        found = ((path, self._read_bytes(path)[1]) for path in paths)
        return {path: hashlib.sha256(data).hexdigest() for path, data in found if isinstance(data, bytes)}

    def file(self, path: str) -> bytes | None:
        """The bytes of the asset at `path`; None if it is gone or may not be published."""
        return self._assets.read(path)

    def smaller_picture(self, data: bytes) -> bytes:
        """The picture at most SMALL_WIDTH wide; `data` itself if it cannot be made smaller."""
        return smaller_picture(data)

    def _asset_names(self, found: ParsedPost) -> dict[str, int]:
        """The files beside a post that it refers to, with the line of each reference; none where Publisher
        makes no pages, or the post is never public.
        """
        if not self.rules.pages or found.post.hidden is not None:
            return {}
        return referenced_files(found)

    def _read_bytes(self, path: str) -> tuple[FileStat, bytes | BadPost]:
        """The file's bytes. It is opened without blocking and checked before it is read: a FIFO would
        hang.
        """
        nothing = FileStat(path, 0, 0)
        try:
            number = os.open(f"{self.folder}/{path}", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            if self.stability and not os.path.lexists(self.folder / path):
                return nothing, busy_post(path)  # it was there a moment ago, so it is being replaced
            return nothing, unreadable_post(path, error)
        try:
            status = os.fstat(number)
            if not stat.S_ISREG(status.st_mode):
                return nothing, BadPost(path=path, reason="not a regular file; remove it")
            if status.st_size > MAX_FILE_BYTES:
                reason = f"{status.st_size} bytes; a post has at most {MAX_FILE_BYTES}"
                return nothing, BadPost(path=path, reason=reason)
            # A file may change again without a new time, so the time of one written just now is not kept.
            now = self._clock().timestamp() if self._clock else 0
            time = status.st_mtime_ns if status.st_mtime < now - STAMP_SECONDS else 0
            data = read_stable(number, status, self.stability, MAX_FILE_BYTES)
            return FileStat(path, status.st_size, time), data
        except FileBusy:
            return nothing, busy_post(path)
        except OSError as error:
            return nothing, unreadable_post(path, error)
        finally:
            os.close(number)


def referenced_files(found: ParsedPost) -> dict[str, int]:
    """The files beside a post that it refers to, with the line of each reference."""
    image = found.post.image
    names = {image.file: 0} if image and image.file else {}
    for name, line in find_references(found.body).items():
        names.setdefault(name, found.in_file(line + 1) if line >= 0 else line)
    return names


def unreadable_post(path: str, error: OSError) -> BadPost:
    """A file that the system refuses to open or read."""
    return BadPost(path=path, reason=f"cannot be read ({error.strerror}); fix or remove it")


def busy_post(path: str) -> BadPost:
    """A file that is still being written; it is read once it is stable."""
    return BadPost(path=path, reason="is being written", unsettled=True)


@cache
def code_hash() -> str:
    """16 hex digits of the SHA-256 of all code that decides what a file means."""
    found = hashlib.sha256()
    regions = Path(core.__path__[0], "posts/markdown_regions.py")  # decides what of a body stays
    for module in (*sorted(Path(__file__).parent.rglob("*.py")), regions):
        found.update(module.read_bytes())
    return found.hexdigest()[:16]
