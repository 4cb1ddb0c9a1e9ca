"""Documents: written only when their bytes change, by rename, with a time that changes with the bytes.

    remove -> [documents:removed] -> forget
    stage -> [documents:staged] -> save_documents -> [documents:saved] -> place

What no post needs any more goes first, and its row after its file: the next publish removes what a crash
left. Before the save a crash leaves only staged files, which are swept; after it the row says what the file
must be, and the next publish makes the same bytes again and puts them there. So it is for encodings.

Documents are staged by threads: packing one and waiting for the disk take as long as making the next.
"""

import hashlib
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import TracebackType

from publisher.core.errors import OutputError
from publisher.core.feeds.feed_documents import Document, Version, may_be_feed, read_feed
from publisher.ports import PublicFolder
from publisher.services.deps import Deps
from publisher.services.feeds.websub import pings_for

THREADS = 4
"""More than cores: most of the time the disk is waited for."""

MOST = 16
"""Documents in memory that are yet to be staged."""


class Staging(AbstractContextManager["Staging"]):
    """Stages the documents it is given; when its block ends, all are. Raises OutputError there or when it is
    given more; then nothing that was staged is left, so that a full disk has room again.
    """

    def __init__(self, shelf: PublicFolder) -> None:
        self._shelf = shelf
        self._pool: ThreadPoolExecutor | None = None
        self._under_way: deque[Future[None]] = deque()

    def stage(self, path: str, data: bytes) -> None:
        """Takes a document."""
        if len(self._under_way) >= MOST:
            self._under_way.popleft().result()
        self._pool = self._pool or ThreadPoolExecutor(max_workers=THREADS, thread_name_prefix="staging")
        self._under_way.append(self._pool.submit(self._shelf.stage, path, data))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            while error is None and self._under_way:
                self._under_way.popleft().result()
        except OutputError as failed:
            error = failed
            raise
        finally:
            if self._pool is not None:
                self._pool.shutdown(cancel_futures=True)
            if isinstance(error, OutputError):
                self._shelf.sweep()


ARCHIVE = "archive/"
"""Archive documents do not change, so nobody has an older version of one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentSpec:
    """A document that should stand at `path`, made of inputs named by `fingerprint`, by `make` if need be;
    None of `make`: what it is made of is gone, and what stands there stays. `topic` is the URL by which hubs
    know it; "" where none is to be told when it changes.
    """

    path: str
    fingerprint: str
    make: Callable[[], bytes | None]
    topic: str = ""


def write(
    parts: Deps, wanted: Sequence[DocumentSpec], now: datetime, *, owned: tuple[str, ...] = ()
) -> tuple[str, ...]:
    """Brings the wanted documents up to date; returns the paths whose bytes changed. In `owned` folders
    ("posts/") nothing else stays.
    """
    before = parts.store.documents()
    parts.shelf.sweep()
    clear(parts, sorted({p for p in before if p.startswith(owned)} - {want.path for want in wanted}))
    staged: list[Document] = []
    versions: list[Version] = []
    changed: list[str] = []
    topics: list[tuple[str, str]] = []
    with Staging(parts.shelf) as staging:
        for want in wanted:
            old = before.get(want.path)
            if old is not None and old.fingerprint == want.fingerprint and parts.shelf.holds(old):
                continue
            data = want.make()
            if data is None:
                continue
            new = _record(parts, want, data, old, now)
            if old is None or old.hash != new.hash or not parts.shelf.holds(new):
                staging.stage(new.path, data)
                changed.append(new.path)
                versions += _version(new, data)
            if want.topic and not _was(parts, new, old):
                topics.append((want.topic, new.hash))
            staged.append(new)
    if not staged:
        _release(parts)
        return ()
    parts.reach("documents:staged")
    parts.store.save_documents(staged, (), pings_for(parts, topics, now), versions)
    parts.reach("documents:saved")
    moved = frozenset(changed)
    _place(parts, [document for document in staged if document.path in moved])
    _release(parts)
    return tuple(changed)


def _release(parts: Deps) -> None:
    """Hubs may be told what was queued with documents, also by a publish that a crash ended."""
    if parts.hubs:
        parts.store.place_pings()


def _was(parts: Deps, new: Document, old: Document | None) -> bool:
    """Whether readers have these bytes already; also where the store was lost and the file stands."""
    if old is not None:
        return old.hash == new.hash
    standing = parts.shelf.standing(new.path)
    return standing is not None and standing[0] == new.hash


def clear(parts: Deps, gone: Sequence[str]) -> None:
    """Takes documents away. Files first: after a crash the rows still say what must go."""
    for path in gone:
        parts.shelf.remove(path)
        parts.reach("documents:removed")
    if gone:
        parts.store.save_documents((), gone)


def _record(parts: Deps, want: DocumentSpec, data: bytes, old: Document | None, now: datetime) -> Document:
    """The row for `data`. The time moves by at least a second when the bytes differ, else not at all; also
    where the store was lost and the file stands.
    """
    name = hashlib.sha256(data).hexdigest()
    modified = now.astimezone(UTC).replace(microsecond=0)
    before = (old.hash, old.modified) if old else parts.shelf.standing(want.path)
    if before is not None:
        hash, then = before
        modified = then if hash == name else max(modified, then + timedelta(seconds=1))
    return Document(
        path=want.path, fingerprint=want.fingerprint, hash=name, size=len(data), modified=modified
    )


def _version(document: Document, data: bytes) -> list[Version]:
    """What a feed held, for clients that will still have these bytes when it has others."""
    path, hash, modified = document.path, document.hash, document.modified
    feed = read_feed(data) if may_be_feed(path) and not path.startswith(ARCHIVE) else None
    if feed is None:
        return []
    return [Version(path=path, hash=hash, modified=modified, marks=feed.marks)]


def _place(parts: Deps, documents: Iterable[Document]) -> None:
    for document in documents:
        parts.shelf.place(document.path, document.modified)
        parts.reach("documents:placed")


_FIRST_NAMES = {"ArchivePage(": "Page(", "PostFilter(": "Where("}
"""Names that classes had when fingerprints of them were first stored: archives are made again only when what
they show changes, not when a class gets a better name."""


def fingerprint(*values: object) -> str:
    """A name for inputs: equal inputs, equal name. 64 hex digits."""
    text = "\0".join(map(repr, values))
    for name, first in _FIRST_NAMES.items():
        text = text.replace(name, first)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
