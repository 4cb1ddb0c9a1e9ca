"""DKIM (RFC 6376): what of a message is signed, and the header field for it. Keys are in `transports.dkim`.

Header and body are both canonicalized as "relaxed" (3.4.2, 3.4.4). A cohort's message is canonicalized once,
placeholders included; for each reader only what follows the body's first placeholder is hashed again.
"""

import binascii
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from publisher.core.caching import lazy
from publisher.core.mail.message import Placeholder, Segment, SegmentTemplate, parse_placeholder
from publisher.core.tokens import RunningHash

SIGNED_FIELDS = (
    "from", "to", "subject", "date", "message-id", "reply-to", "list-id", "list-unsubscribe",
    "list-unsubscribe-post", "list-help", "list-archive", "feedback-id", "mime-version", "content-type",
)  # fmt: skip
"""The fields of our messages that a signature covers. Those that a message lacks are signed as absent (RFC
6376 5.4).
"""

ABSENT_FIELDS = ("cc", "sender", "list-subscribe", "list-post", "list-owner")
"""Fields that no message of ours has, signed as absent so that nobody can add one."""

OVERSIGNED_FIELDS = frozenset(SIGNED_FIELDS) - {"feedback-id"}
"""Listed once more than they occur, so that adding another one in transit breaks the signature (RFC 6376
8.15).
"""

_NAMES = ":".join(
    [*(f"{name}:{name}" if name in OVERSIGNED_FIELDS else name for name in SIGNED_FIELDS), *ABSENT_FIELDS]
)
_FIELD = lazy(rb"([!-9;-~]+)[ \t]*:(.*(?:\r\n[ \t].*)*)\r\n")
_FOLD, _BLANKS = lazy(rb"\r\n(?=[ \t])"), lazy(rb"[ \t]+")
_MARK = lazy(rb"\x00([a-z0-9.-]+)\x00")
_WIDTH = 72


@dataclass(frozen=True, slots=True, kw_only=True)
class CanonicalMessage:
    """A cohort's message as DKIM sees it: `headers` are the signed fields in the order of `SIGNED_FIELDS`,
    each ended by CRLF; `lead` is the body up to its first placeholder, `rest` is what follows, `prefix` has
    hashed `lead`. Made by `canonical_message`, or by `from_parts`.
    """

    headers: tuple[Segment, ...]
    lead: bytes = field(repr=False)
    rest: tuple[Segment, ...]
    prefix: RunningHash = field(repr=False, compare=False)
    _headers: SegmentTemplate = field(repr=False, compare=False)
    _rest: SegmentTemplate = field(repr=False, compare=False)

    @classmethod
    def from_parts(
        cls, headers: tuple[Segment, ...], lead: bytes, rest: tuple[Segment, ...]
    ) -> "CanonicalMessage":
        return cls(
            headers=headers,
            lead=lead,
            rest=rest,
            prefix=hashlib.sha256(lead),
            _headers=SegmentTemplate(headers),
            _rest=SegmentTemplate(rest),
        )

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled without the running hash, which cannot be."""
        return CanonicalMessage.from_parts, (self.headers, self.lead, self.rest)

    @property
    def places(self) -> Sequence[Placeholder]:
        """The placeholders that it has, each once."""
        return sorted(self._headers.places | self._rest.places)

    def signing_input(self, values: Mapping[Placeholder, bytes]) -> "SigningInput":
        """What is signed for one reader."""
        hashed = self.prefix.copy()
        hashed.update(self._rest.fill(values))
        if any(b"  " in value or b"\t" in value for value in values.values()):
            values = {place: _BLANKS.sub(b" ", value) for place, value in values.items()}
        return SigningInput(headers=self._headers.fill(values), body_hash=hashed.digest())


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningInput:
    """One message to be signed: its signed header fields in canonical form, and the SHA-256 of its body."""

    headers: bytes
    body_hash: bytes


def canonical_message(segments: Sequence[Segment]) -> CanonicalMessage:
    """The canonical form of a message with placeholders. Their values contain no line break and, in the body,
    no blank; no segment contains a NUL.
    """
    whole = b"".join(s if isinstance(s, bytes) else b"\0%b\0" % s.value.encode() for s in segments)
    head, _, body = whole.partition(b"\r\n\r\n")
    fields: dict[bytes, list[bytes]] = {}
    for name, value in _FIELD.findall(head + b"\r\n"):
        fields.setdefault(name.lower(), []).append(relaxed_field(name, value))
    # Where a field occurs several times, the last one is signed first (RFC 6376 5.4.2).
    signed = (fields[name].pop() for name in _NAMES.encode("ascii").split(b":") if fields.get(name))
    first, *rest = _segments(relaxed_body(body))
    if not isinstance(first, bytes):
        first, rest = b"", [first, *rest]
    return CanonicalMessage.from_parts(tuple(_segments(b"".join(signed))), first, tuple(rest))


def relaxed_body(body: bytes) -> bytes:
    """RFC 6376 3.4.4: trailing blanks and trailing empty lines are removed, other runs of blanks become
    one.
    """
    text = _BLANKS.sub(b" ", body).replace(b" \r\n", b"\r\n").rstrip(b"\r\n").removesuffix(b" ")
    return text + b"\r\n" if text else b""


def relaxed_field(name: bytes, value: bytes) -> bytes:
    """RFC 6376 3.4.2: the name in lower case, the value on one line, runs of blanks become one."""
    return name.lower() + b":" + _BLANKS.sub(b" ", _FOLD.sub(b"", value)).strip(b" ") + b"\r\n"


def _segments(text: bytes) -> list[Segment]:
    pieces: list[Segment] = []
    for number, piece in enumerate(_MARK.split(text)):
        if number % 2:
            pieces.append(parse_placeholder(piece.decode("ascii")))
        elif piece or number == 0:
            pieces.append(piece)
    return pieces


@dataclass(frozen=True, slots=True, kw_only=True)
class SignatureTemplate:
    """The DKIM-Signature field of one key without its two hashes, as written and in canonical form, up to
    "bh=". Made by `signature_template`.
    """

    written: bytes
    canonical: bytes

    def to_sign(self, signing: SigningInput) -> bytes:
        """The bytes whose SHA-256 is signed (RFC 6376 3.7): the fields, then this one with an empty b=."""
        hashed = binascii.b2a_base64(signing.body_hash, newline=False)
        return b"%b%b%b; b=" % (signing.headers, self.canonical, hashed)

    def field(self, signing: SigningInput, signature: bytes) -> bytes:
        """The whole field, folded, with CRLF at its end."""
        hashed = binascii.b2a_base64(signing.body_hash, newline=False)
        sealed = binascii.b2a_base64(signature, newline=False)
        rows = [sealed[at : at + _WIDTH] for at in range(0, len(sealed), _WIDTH)]
        return b"%b%b;\r\n b=%b\r\n" % (self.written, hashed, b"\r\n ".join(rows))


def signature_template(algorithm: str, domain: str, selector: str) -> SignatureTemplate:
    """For "rsa-sha256" (RFC 6376) or "ed25519-sha256" (RFC 8463)."""
    tags = ["v=1;", f"a={algorithm};", "c=relaxed/relaxed;", f"d={domain};", f"s={selector};"]
    lines = ["DKIM-Signature:"]
    # The h= tag may be folded after each colon.
    first, *rest = re.findall(r"[^:]+:?", f"h={_NAMES};")
    for glue, word in [*((" ", tag) for tag in tags), (" ", first), *(("", name) for name in rest)]:
        if len(lines[-1]) + len(glue) + len(word) <= _WIDTH:
            lines[-1] += glue + word
        else:
            lines.append(word)
    written = "\r\n ".join([*lines, "bh="]).encode("ascii")
    name, _, value = " ".join([*lines, "bh="]).partition(":")
    return SignatureTemplate(written=written, canonical=f"{name.lower()}:{value.strip()}".encode("ascii"))
