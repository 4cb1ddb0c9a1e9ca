"""Return paths (VERP): each message has an envelope sender of its own, so a bounce says which message it is
about.

    bounces+aaaaa2yaaaayc5tnu4q...@example.org
            key(1) mailing(4) n(4) mac(10), in lower-case base32 without padding: 31 characters

Mail servers may change the case of a local part, and some do; base32 survives that. The mac is HMAC-SHA256
under a key of the site, bound to this purpose, so nobody can invent a bounce for a mail they never saw.
"""

import base64
import struct
from hmac import compare_digest

from publisher.core.addresses import Address
from publisher.core.errors import TokenError
from publisher.core.tokens import KeyRing, keyed_hash

_LAYOUT = struct.Struct(">BII")
_MAC = 10
_LENGTH = 31
_LARGEST = 2**32 - 1

_LETTERS = "abcdefghijklmnopqrstuvwxyz234567"
_PAIRS = [first + second for first in _LETTERS for second in _LETTERS]
_SHIFTS = range(5 * (_LENGTH - 2), 0, -10)

MAX_LOCAL_PART = 64 - _LENGTH - 1
"""The most characters before the "+": a local part has at most 64 octets (RFC 5321 4.5.3.1.1)."""


def return_path(bounces: Address, mailing: int, n: int, ring: KeyRing) -> str:
    """The addr-spec that bounces of the delivery (`mailing`, `n`) are sent to."""
    if not (0 <= mailing <= _LARGEST and 0 <= n <= _LARGEST):
        raise ValueError("no delivery has such a number")
    body = _LAYOUT.pack(ring.current, mailing, n)
    opaque = _base32(body + _mac(body, ring.keys[ring.current]))
    return f"{bounces.local}+{opaque}@{bounces.domain}"


def parse_return_path(recipient: str, ring: KeyRing) -> tuple[int, int]:
    """(mailing, n) of the delivery that a bounce to `recipient` is about, in whatever case it is written.
    Raises TokenError if the address is not one of ours, or was altered.
    """
    opaque = recipient.strip().rpartition("@")[0].rpartition("+")[2]
    if len(opaque) != _LENGTH or not opaque.isascii():
        raise _refused()
    try:
        raw = base64.b32decode(opaque.upper() + "=" * (-_LENGTH % 8))
    except ValueError:
        raise _refused() from None
    body, said_mac = raw[: _LAYOUT.size], raw[_LAYOUT.size :]
    key, mailing, n = _LAYOUT.unpack(body)
    if not compare_digest(said_mac, _mac(body, ring.keys.get(key, b""))) or key not in ring.keys:
        raise _refused()
    if _base32(raw) != opaque.lower():
        raise _refused()  # the last character has spare bits; each address has one spelling
    return mailing, n


def _base32(raw: bytes) -> str:
    """RFC 4648 6, in lower case and without padding. Two letters at a time, since every message needs one."""
    number = int.from_bytes(raw) << 3  # 152 bits are 30 letters and 2 bits
    return "".join([_PAIRS[number >> shift & 1023] for shift in _SHIFTS]) + _LETTERS[number & 31]


def _mac(body: bytes, key: bytes) -> bytes:
    return keyed_hash(key, b"envelope\0", body)[:_MAC]


def _refused() -> TokenError:
    return TokenError("return path", "not valid")
