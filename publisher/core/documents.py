"""Documents: the files under public/ that readers and feed readers fetch."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A written document as the store remembers it.

    `path` is relative to public/, with "/". `fingerprint` names the inputs it was made from: equal
    inputs need no new rendering. `hash` is SHA-256 of the bytes (64 hex digits), the ETag's source.
    `modified` (UTC, whole seconds) is when the bytes changed: Last-Modified and the file's mtime.
    """

    path: str
    fingerprint: str
    hash: str
    size: int
    modified: datetime
