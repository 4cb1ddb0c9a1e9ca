"""Which encoding of a document to send (RFC 9110 12.5.3), and what such headers say. Pure."""

import re
from collections.abc import Sequence

_MEMBER = re.compile(
    rb"[ \t]*([!#$%&'*+.^_`|~0-9A-Za-z-]+)[ \t]*"
    rb"(?:;[ \t]*q[ \t]*=[ \t]*(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)[ \t]*)?",
    re.IGNORECASE,
)
_ALIASES = {b"x-gzip": b"gzip"}  # RFC 9110 8.4.1.3

IDENTITY = "identity"


def choose(accept: bytes | None, available: Sequence[str]) -> str | None:
    """The one of `available` codings (the better first) that a client with this Accept-Encoding prefers;
    "identity" where it names none of them; None: it takes nothing that we have.

    Between codings it likes as much, the better one. A member that cannot be read says nothing.
    """
    if accept is None:
        return IDENTITY
    liked = weights(accept)
    rest = liked.get(b"*")
    best, most = None, 0.0
    for coding in available:
        weight = liked.get(coding.encode(), rest or 0.0)
        if weight > most:
            best, most = coding, weight
    plain = liked.get(b"identity")
    if plain is None:  # acceptable unless excluded, but what was named is liked better
        return best or (None if rest == 0 else IDENTITY)
    return IDENTITY if plain > most else best


def weights(accept: bytes) -> dict[bytes, float]:
    """Each coding or language named, in lower case, and how much it is liked, from 0 to 1."""
    named: dict[bytes, float] = {}
    for member in accept.split(b","):
        if found := _MEMBER.fullmatch(member):
            coding = found[1].lower()
            named[_ALIASES.get(coding, coding)] = float(found[2] or 1)
    return named
