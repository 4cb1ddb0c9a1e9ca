"""Documents: the files under public/ that readers and feed readers fetch."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath

ENCODINGS = {"br": ".br", "gzip": ".gz"}
"""Content codings that stand beside a document and their suffixes, the better first (RFC 9110 8.4.1)."""

_WORDS = frozenset(
    {".atom", ".css", ".csv", ".htm", ".html", ".ics", ".js", ".json", ".map", ".md", ".opml", ".rdf", ".rss"}
    | {".svg", ".txt", ".webmanifest", ".xhtml", ".xml"}
)


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """What a feed document held when its bytes had `hash` (SHA-256, 64 hex digits): a mark for each entry, so
    that a client which still has that version can be sent only what it lacks (RFC 3229).
    """

    path: str
    hash: str
    modified: datetime
    marks: tuple[str, ...]


def compressible(path: str) -> bool:
    """Whether encodings stand beside the document at `path`: text in any form, and what has no suffix (a
    feed at a path of the site's own). Pictures, sound and archives are compressed already.
    """
    suffix = PurePosixPath(path).suffix.lower()
    return not suffix or suffix in _WORDS
