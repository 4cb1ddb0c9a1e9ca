"""DKIM (RFC 6376): what of a message is signed, and the header field that says so. No keys here.

Both header and body are taken relaxed (3.4.2, 3.4.4). A cohort's message is made canonical once, with its
places; for a reader only what comes after the first place of the body is hashed anew.
"""

import binascii
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from publisher.core.mail.message import Placeholder, Segment, SegmentTemplate
from publisher.core.patterns import lazy
from publisher.core.tokens import RunningHash

SIGNED = (
    "from", "to", "subject", "date", "message-id", "reply-to", "list-id", "list-unsubscribe",
    "list-unsubscribe-post", "feedback-id", "mime-version", "content-type",
)  # fmt: skip
"""The fields a signature covers. One that a message lacks is signed as absent (RFC 6376 5.4)."""

OVERSIGNED = frozenset({"from", "subject", "date", "list-unsubscribe", "list-unsubscribe-post"})
"""Named once more than they occur: a second one, added on the way, breaks the signature (RFC 6376 8.15)."""

_NAMES = ":".join(f"{name}:{name}" if name in OVERSIGNED else name for name in SIGNED)
_FIELD = lazy(rb"([!-9;-~]+)[ \t]*:(.*(?:\r\n[ \t].*)*)\r\n")
_FOLD, _BLANKS = lazy(rb"\r\n(?=[ \t])"), lazy(rb"[ \t]+")
_MARK = lazy(rb"\x00([a-z-]+)\x00")
_WIDTH = 72


@dataclass(frozen=True, slots=True, kw_only=True)
class Signable:
    """A cohort's message as DKIM sees it: `headers` are the signed fields in the order of `SIGNED`, each
    ended by CRLF; `lead` is the body up to its first place, `rest` is what follows, `prefix` has hashed
    `lead`. Made by `signable`, or by `whole` of its parts.
    """

    headers: tuple[Segment, ...]
    lead: bytes = field(repr=False)
    rest: tuple[Segment, ...]
    prefix: RunningHash = field(repr=False, compare=False)
    _headers: SegmentTemplate = field(repr=False, compare=False)
    _rest: SegmentTemplate = field(repr=False, compare=False)

    @classmethod
    def whole(cls, headers: tuple[Segment, ...], lead: bytes, rest: tuple[Segment, ...]) -> "Signable":
        return cls(
            headers=headers,
            lead=lead,
            rest=rest,
            prefix=hashlib.sha256(lead),
            _headers=SegmentTemplate(headers),
            _rest=SegmentTemplate(rest),
        )

    @property
    def places(self) -> list[Placeholder]:
        """What is to be filled in, each once, in the order of their names."""
        return sorted({s for s in (*self.headers, *self.rest) if isinstance(s, Placeholder)})

    def of(self, values: Mapping[Placeholder, bytes]) -> "Signing":
        """What is to be signed for one reader."""
        hashed = self.prefix.copy()
        hashed.update(self._rest.fill(values))
        if any(b"  " in value or b"\t" in value for value in values.values()):
            values = {place: _BLANKS.sub(b" ", value) for place, value in values.items()}
        return Signing(headers=self._headers.fill(values), body_hash=hashed.digest())


@dataclass(frozen=True, slots=True, kw_only=True)
class Signing:
    """One message to be signed: its signed header fields in canonical form, and the SHA-256 of its body."""

    headers: bytes
    body_hash: bytes


def signable(segments: Sequence[Segment]) -> Signable:
    """A message with places in its canonical form. Values of places hold no line break and, in the body, no
    blank; no segment holds a NUL.
    """
    whole = b"".join(b"\0%b\0" % s.value.encode() if isinstance(s, Placeholder) else s for s in segments)
    head, _, body = whole.partition(b"\r\n\r\n")
    first, *rest = _places(relaxed_body(body))
    if isinstance(first, Placeholder):
        first, rest = b"", [first, *rest]
    return Signable.whole(tuple(_places(_signed_fields(head + b"\r\n"))), first, tuple(rest))


def relaxed_body(body: bytes) -> bytes:
    """RFC 6376 3.4.4: blanks at the ends of lines and empty lines at the end go, other blanks become one."""
    text = _BLANKS.sub(b" ", body).replace(b" \r\n", b"\r\n").rstrip(b"\r\n").removesuffix(b" ")
    return text + b"\r\n" if text else b""


def relaxed_field(name: bytes, value: bytes) -> bytes:
    """RFC 6376 3.4.2: the name in small letters, the value on one line, blanks become one."""
    return name.lower() + b":" + _BLANKS.sub(b" ", _FOLD.sub(b"", value)).strip(b" ") + b"\r\n"


def _signed_fields(head: bytes) -> bytes:
    """The signed fields, from the last up where one occurs several times (RFC 6376 5.4.2)."""
    found: dict[bytes, list[bytes]] = {}
    for name, value in _FIELD.findall(head):
        found.setdefault(name.lower(), []).append(relaxed_field(name, value))
    names = _NAMES.encode("ascii").split(b":")
    return b"".join(found[name].pop() for name in names if found.get(name))


def _places(text: bytes) -> list[Segment]:
    pieces: list[Segment] = []
    for number, piece in enumerate(_MARK.split(text)):
        if number % 2:
            pieces.append(Placeholder(piece.decode("ascii")))
        elif piece or number == 0:
            pieces.append(piece)
    return pieces


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """The DKIM-Signature field of one key, but for its two hashes: as it is written and in canonical form, up
    to "bh=". Made by `stamp`.
    """

    written: bytes
    canonical: bytes

    def to_sign(self, signing: Signing) -> bytes:
        """The bytes whose SHA-256 is signed (RFC 6376 3.7): the fields, then this one with an empty b=."""
        hashed = binascii.b2a_base64(signing.body_hash, newline=False)
        return b"%b%b%b; b=" % (signing.headers, self.canonical, hashed)

    def field(self, signing: Signing, signature: bytes) -> bytes:
        """The whole field, folded, with CRLF at its end."""
        hashed = binascii.b2a_base64(signing.body_hash, newline=False)
        sealed = binascii.b2a_base64(signature, newline=False)
        rows = [sealed[at : at + _WIDTH] for at in range(0, len(sealed), _WIDTH)]
        return b"%b%b;\r\n b=%b\r\n" % (self.written, hashed, b"\r\n ".join(rows))


def stamp(algorithm: str, domain: str, selector: str) -> Stamp:
    """For "rsa-sha256" (RFC 6376) or "ed25519-sha256" (RFC 8463)."""
    tags = ["v=1;", f"a={algorithm};", "c=relaxed/relaxed;", f"d={domain};", f"s={selector};"]
    lines = ["DKIM-Signature:"]
    for glue, word in [*((" ", tag) for tag in tags), *_names()]:
        if len(lines[-1]) + len(glue) + len(word) <= _WIDTH:
            lines[-1] += glue + word
        else:
            lines.append(word)
    written = "\r\n ".join([*lines, "bh="]).encode("ascii")
    name, _, value = " ".join([*lines, "bh="]).partition(":")
    return Stamp(written=written, canonical=f"{name.lower()}:{value.strip()}".encode("ascii"))


def _names() -> list[tuple[str, str]]:
    """The h= tag in pieces that a fold may part, each with what stands before it where none does."""
    first, *rest = re.findall(r"[^:]+:?", f"h={_NAMES};")
    return [(" ", first), *(("", name) for name in rest)]
