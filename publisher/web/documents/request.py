"""What a request for a document asks, read from its headers once."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from publisher.web.documents.conditional import NAMES, Conditions

_RANGE = re.compile(rb"bytes[ \t]*=[ \t]*(\d*)-(\d*)[ \t]*", re.IGNORECASE)
_FEED = re.compile(
    rb"(?:\A|,)[ \t]*feed[ \t]*(?:;[ \t]*q=(?!0(?:\.0*)?[ \t]*(?:,|\Z))[\d.]+[ \t]*)?(?=,|\Z)", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Asked:
    """One request. `accept_encoding` is None where it was not sent; `range` is one range of bytes, (from,
    to) with None for what is open, and None where there is none that we honour.
    """

    head: bool
    conditions: Conditions | None = None
    accept_encoding: bytes | None = None
    deltas: bool = False
    range: tuple[int | None, int | None] | None = None
    if_range: bytes | None = None


def asked(method: str, headers: Iterable[tuple[bytes, bytes]]) -> Asked:
    """What GET or HEAD with these headers (names in lower case) asks."""
    found: dict[bytes, list[bytes]] = {}
    for name, value in headers:
        if name in _OF_USE:
            found.setdefault(name, []).append(value)
    if not found:
        return _PLAIN if method == "GET" else _HEAD
    given = {key: tuple(found[name]) for name, key in NAMES.items() if name in found}
    accept = found.get(b"accept-encoding")
    ranges = found.get(b"range", [])
    condition = found.get(b"if-range")
    return Asked(
        head=method == "HEAD",
        conditions=Conditions(**given) if given else None,
        accept_encoding=b",".join(accept) if accept else None,
        deltas=any(_FEED.search(value) for value in found.get(b"a-im", [])),
        range=_range(ranges[0]) if len(ranges) == 1 and method == "GET" else None,
        if_range=condition[0].strip() if condition else None,
    )


def _range(value: bytes) -> tuple[int | None, int | None] | None:
    """One range of bytes (RFC 9110 14.1.2). Several, or what is none, are as if not sent."""
    found = _RANGE.fullmatch(value.strip())
    if found is None or len(value) > 60:
        return None
    first, last = (int(part) if part else None for part in found.groups())
    if first is None and last is None:
        return None
    return None if first is not None and last is not None and last < first else (first, last)


_OF_USE = frozenset({*NAMES, b"accept-encoding", b"a-im", b"range", b"if-range"})
_PLAIN, _HEAD = Asked(head=False), Asked(head=True)
