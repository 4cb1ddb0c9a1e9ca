"""Documents: written only when their bytes change, by rename, with a time that changes with the bytes.

    stage -> [documents:staged] -> save_documents -> [documents:saved] -> place

Before the save a crash leaves only staged files, which are swept; after it the row says what the file must
be, and the next publish makes the same bytes again and puts them there.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from publisher.core.documents import Document
from publisher.services.parts import Parts


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A document that should stand at `path`, made of inputs named by `fingerprint`, by `make` if need be."""

    path: str
    fingerprint: str
    make: Callable[[], bytes]


def write(parts: Parts, wanted: Sequence[Wanted], now: datetime) -> tuple[str, ...]:
    """Brings the wanted documents up to date; returns the paths whose bytes changed."""
    before = parts.store.documents()
    parts.shelf.sweep()
    staged: list[Document] = []
    changed: list[str] = []
    for want in wanted:
        old = before.get(want.path)
        if old is not None and old.fingerprint == want.fingerprint and parts.shelf.holds(old):
            continue
        data = want.make()
        new = _record(want, data, old, now)
        if old is None or old.hash != new.hash or not parts.shelf.holds(new):
            parts.shelf.stage(new.path, data)
            changed.append(new.path)
        staged.append(new)
    if not staged:
        return ()
    parts.reach("documents:staged")
    parts.store.save_documents(staged, ())
    parts.reach("documents:saved")
    _place(parts, [document for document in staged if document.path in set(changed)])
    return tuple(changed)


def _record(want: Wanted, data: bytes, old: Document | None, now: datetime) -> Document:
    """The row for `data`. The time moves by at least a second when the bytes differ, else not at all."""
    name = hashlib.sha256(data).hexdigest()
    modified = now.astimezone(UTC).replace(microsecond=0)
    if old is not None:
        modified = old.modified if old.hash == name else max(modified, old.modified + timedelta(seconds=1))
    return Document(
        path=want.path, fingerprint=want.fingerprint, hash=name, size=len(data), modified=modified
    )


def _place(parts: Parts, documents: Iterable[Document]) -> None:
    for document in documents:
        parts.shelf.place(document.path, document.modified)
        parts.reach("documents:placed")


def fingerprint(*values: object) -> str:
    """A name for inputs: equal inputs, equal name. 64 hex digits."""
    return hashlib.sha256("\0".join(map(repr, values)).encode("utf-8", "surrogatepass")).hexdigest()
