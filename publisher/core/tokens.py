"""Tokens, which let a reader act on one subscription, for one purpose, in one generation; and proof that a
server is this site's.

A token is base64url without padding of  purpose(1) key(1) subscription(8) generation(4) expires(4) mac(16):
the MAC is HMAC-SHA256 of everything before it under a key of the site, truncated to 16 bytes. `expires`
counts minutes since 1970; 0 is never. 46 characters, safe in a URL and in quoted-printable. Each token has
one spelling: another text for the same bytes does not verify.

The token of a shared draft names a file instead: base64url of  key(1) expires(4) path mac(16), the path in
UTF-8, under a purpose of its own.

Proof: the client sends a fresh challenge, and the server answers with its HMAC-SHA256 under the site's key,
for this purpose alone. A recorded, cached or copied answer is for another challenge, and an answer reveals
nothing of the key. Links in mails need the same key, so a server that proves it can verify their tokens.

HMAC-SHA256 (RFC 2104) is implemented here because every message needs several with the same few keys: the
first block of each key is hashed only once.
"""

import base64
import binascii
import hashlib
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import IntEnum, StrEnum
from functools import lru_cache
from hmac import compare_digest
from typing import Protocol

from publisher.core.addresses import Address, canonical_mailbox, reader_identity
from publisher.core.errors import TokenError

_BLOCK = 64
_INNER, _OUTER = bytes(n ^ 0x36 for n in range(256)), bytes(n ^ 0x5C for n in range(256))
_URL_SAFE = bytes.maketrans(b"+/", b"-_")
_LAYOUT = struct.Struct(">BBQII")
_MAILBOX = struct.Struct(">QI")
_DRAFT = struct.Struct(">BI")
_MAC = 16
TOKEN_LENGTH = 46

PROOF_PATH = "healthz"
"""Where proof is requested, below web.public_url."""

LINK_RULE = "public-url"
"""The name that `publish --force` takes for the rule that links in mails must lead to this site."""


class RunningHash(Protocol):
    """A SHA-256 object of hashlib."""

    def copy(self) -> "RunningHash": ...
    def update(self, data: bytes, /) -> None: ...
    def digest(self) -> bytes: ...


def keyed_hash(key: bytes, purpose: bytes, text: bytes) -> bytes:
    """32 bytes: what `hmac.digest(key, purpose + text, "sha256")` gives, in a third of the time."""
    inner, outer = _started_hashes(key, purpose)
    inner, outer = inner.copy(), outer.copy()
    inner.update(text)
    outer.update(inner.digest())
    return outer.digest()


@lru_cache(maxsize=32)
def _started_hashes(key: bytes, purpose: bytes) -> tuple[RunningHash, RunningHash]:
    if len(key) > _BLOCK:
        key = hashlib.sha256(key).digest()
    block = key.ljust(_BLOCK, b"\0")
    return hashlib.sha256(block.translate(_INNER) + purpose), hashlib.sha256(block.translate(_OUTER))


class Purpose(IntEnum):
    """What a token is for, and nothing else. The numbers are part of every link in a mail."""

    CONFIRM = 1
    UNSUBSCRIBE = 2
    SIGN_UP_FORM = 3
    PREFERENCES = 4
    VIEW = 5  # of one mailing: its id takes the place of the generation
    ACCOUNT = 6  # requests one of the next three, which work once
    EXPORT = 7  # of the mailing it was in, like VIEW
    ERASE = 8  # as above
    ADDRESS = 9  # as above: to change the address
    NEVER_ASK = 10  # of a mailbox: its key takes the place of subscription and generation
    SIGN_UP_WAIT = 11  # the button of a form submitted under load; has the contents of SIGN_UP_FORM


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """The contents of a token. `expires` is aware and UTC; None: never."""

    purpose: Purpose
    subscription: int
    generation: int
    expires: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRing:
    """The site's secret keys by number (1 to 255). `current` signs; all verify. Never shown by repr."""

    current: int
    keys: Mapping[int, bytes] = field(repr=False)


def sign(claim: Claim, ring: KeyRing) -> str:
    """The token for `claim`: 46 URL-safe ASCII characters. Expires with the whole minute it falls in."""
    return sign_fields(
        claim.purpose, claim.subscription, claim.generation, expiry_minutes(claim.expires), ring
    )


def sign_fields(purpose: Purpose, subscription: int, generation: int, expires: int, ring: KeyRing) -> str:
    """`sign` for callers that make many: `expires` is `minutes` of the instant."""
    body = _LAYOUT.pack(purpose, ring.current, subscription, generation, expires)
    return _encoded(body + _mac(body, ring.keys[ring.current]))


def expiry_minutes(expires: datetime | None) -> int:
    """Whole minutes since 1970, as a token holds them; 0: never."""
    return max(1, int(expires.timestamp() // 60)) if expires else 0


def verify(token: str, purpose: Purpose, ring: KeyRing, now: datetime) -> Claim:
    """What `token` claims, if it is ours, for this purpose, whole, and not expired. Raises TokenError."""
    if len(token) != TOKEN_LENGTH:
        raise _refused()
    try:
        raw = base64.urlsafe_b64decode(token.encode("ascii") + b"=" * (-TOKEN_LENGTH % 4))
    except ValueError:
        raise _refused() from None
    if _encoded(raw) != token:  # decoders ignore spare bits, padding and "+/": a token has one spelling
        raise _refused()
    body, said_mac = raw[: _LAYOUT.size], raw[_LAYOUT.size :]
    said, key, subscription, generation, until = _LAYOUT.unpack(body)
    if not compare_digest(said_mac, _mac(body, ring.keys.get(key, b""))) or key not in ring.keys:
        raise _refused()
    expires = datetime.fromtimestamp(until * 60, UTC) if until else None
    if said != purpose or (expires is not None and expires <= now):
        raise _refused()
    return Claim(purpose=purpose, subscription=subscription, generation=generation, expires=expires)


def sign_draft(path: str, expires: datetime, ring: KeyRing) -> str:
    """The token that shows the draft at `path`, relative to the folder of posts, until `expires`."""
    body = _DRAFT.pack(ring.current, expiry_minutes(expires)) + path.encode("utf-8", "surrogatepass")
    return _encoded(body + _draft_mac(body, ring.keys[ring.current]))


def verify_draft(token: str, ring: KeyRing, now: datetime) -> tuple[str, datetime]:
    """The path of the draft that `token` shows, and until when. Raises TokenError."""
    try:
        raw = base64.urlsafe_b64decode(token.encode("ascii") + b"=" * (-len(token) % 4))
    except ValueError:
        raise _refused() from None
    if len(raw) <= _DRAFT.size + _MAC or _encoded(raw) != token:
        raise _refused()
    body, said_mac = raw[:-_MAC], raw[-_MAC:]
    key, minutes = _DRAFT.unpack_from(body)
    if not compare_digest(said_mac, _draft_mac(body, ring.keys.get(key, b""))) or key not in ring.keys:
        raise _refused()
    expires = datetime.fromtimestamp(minutes * 60, UTC)
    if expires <= now:
        raise _refused()
    return body[_DRAFT.size :].decode("utf-8", "surrogatepass"), expires


def _draft_mac(body: bytes, key: bytes) -> bytes:
    return keyed_hash(key, b"draft\0", body)[:_MAC]


def address_key(address: str, ring: KeyRing) -> str:
    """A keyed hash of an address: names it where the address itself must not be kept. 64 hex digits.

    It is made with the oldest key, so that it stays the same when keys are rotated.
    """
    oldest = ring.keys[min(ring.keys)]
    return keyed_hash(oldest, b"address\0", reader_identity(address).encode()).hex()


def mailbox_key(address: Address | str, ring: KeyRing) -> str:
    """A keyed hash of the mailbox that an address reaches, the same for all its spellings. 24 hex digits; it
    does not change when keys are rotated. A text is the address in its one spelling, as the store has it.
    """
    oldest = ring.keys[min(ring.keys)]
    return keyed_hash(oldest, b"mailbox\0", canonical_mailbox(str(address)).encode())[: _MAILBOX.size].hex()


def split_mailbox_key(mailbox: str) -> tuple[int, int]:
    """A mailbox's key as the two numbers that a token has room for: (subscription, generation)."""
    subscription, generation = _MAILBOX.unpack(bytes.fromhex(mailbox))
    return subscription, generation


def join_mailbox_key(claim: Claim) -> str:
    """The mailbox's key that a token of `NEVER_ASK` names."""
    return _MAILBOX.pack(claim.subscription, claim.generation).hex()


def opaque_id(ring: KeyRing, *parts: object) -> str:
    """16 lower-case hex digits that only this site can make, stable for `parts`: the left of a Message-ID."""
    oldest = ring.keys[min(ring.keys)]
    return keyed_hash(oldest, b"opaque\0", "\0".join(map(str, parts)).encode())[:8].hex()


def _encoded(raw: bytes) -> str:
    return binascii.b2a_base64(raw, newline=False).translate(_URL_SAFE, b"=").decode()


def _mac(body: bytes, key: bytes) -> bytes:
    return keyed_hash(key, b"token\0", body)[:_MAC]


def _refused() -> TokenError:
    return TokenError("token", "not valid")


class SiteIdentity(StrEnum):
    """Whose server answered."""

    OURS = "this site"
    OTHER = "another site"
    NONE = "nobody"


ANSWER_LIFETIME = {
    SiteIdentity.OURS: timedelta(days=1),
    SiteIdentity.NONE: timedelta(hours=1),
    SiteIdentity.OTHER: timedelta(),
}
"""How long an answer is valid. After another site's answer the server is asked again for each mailing that is
due, so that mail goes out as soon as the address is fixed.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofAnswer:
    """An answer: from which URL, when, whose it is, and what to tell the operator ("": nothing)."""

    url: str
    at: datetime
    answer: SiteIdentity
    words: str = ""

    def holds(self, url: str, now: datetime) -> bool:
        """Whether the answer is still valid for `url`."""
        return self.url == url and timedelta() <= now - self.at < ANSWER_LIFETIME[self.answer]


def prove_site(challenge: str, ring: KeyRing) -> str:
    """The answer to a challenge, 32 hex digits; the answer to "" identifies the site. Made with the oldest
    key, so that it stays the same when keys are rotated.
    """
    return _proof(challenge, ring.keys[min(ring.keys)])


def verifies_proof(text: str, challenge: str, ring: KeyRing) -> bool:
    """Whether a server's reply contains this site's answer."""
    answers = re.findall(r"^([0-9a-f]{32})\r?$", text, re.MULTILINE)
    return any(compare_digest(it, _proof(challenge, key)) for it in answers for key in ring.keys.values())


def is_challenge(text: str) -> bool:
    """Whether `text` is a challenge that gets an answer."""
    return re.fullmatch(r"[0-9A-Za-z_-]{1,64}", text) is not None


def _proof(challenge: str, key: bytes) -> str:
    return keyed_hash(key, b"site\0", challenge.encode())[:16].hex()
