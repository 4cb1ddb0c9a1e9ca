"""Header fields as bytes (RFC 5322 2.2, 3.6; RFC 2047; RFC 2369).

Python's own serialiser encodes long structured fields and so breaks one-click unsubscribe. Here structured
fields are folded only between their items and never encoded; only text and display names are.
Lines end in CRLF, are folded towards 78 octets (76 with encoded words) and never reach 998.
No control character of the data ever gets into a field.

Encoded words: any text as ASCII for a header (RFC 2047).

Each word is at most 75 characters, is valid UTF-8 alone and holds whole letters: an accent, a vowel sign,
a Khmer subscript or a family of emoji stays with what it belongs to, unless it alone would be too long.
"""

import base64
import re
import string
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from functools import lru_cache

from publisher.core.addresses import Address, Mailbox
from publisher.core.errors import SettingsError

WORD, LINE = 75, 76
"""RFC 2047 2: the longest encoded word, and the longest line that holds one."""

_SAFE = frozenset((string.ascii_letters + string.digits + "!*+-/").encode())
_FRAME = len("=?utf-8?q??=")
_EXTENDERS = frozenset({"Mn", "Me", "Mc"})


def encoded_words(text: str, room: int) -> list[str]:
    """`text` as encoded words, to be folded one on a line; the first is at most `room` characters long.

    `room` is at least 30. Q or B, whichever is shorter for the whole. Empty for an empty text.
    """
    quoted = len(_q(text.encode())) <= 4 * ((len(text.encode()) + 2) // 3)
    measure, write = (_q_length, _q) if quoted else (_b_length, _b)
    words: list[str] = []
    held = ""
    for cluster in clusters(text):
        for piece in _fitting(cluster, measure, WORD if words else room):
            limit = WORD if words else room
            if held and _FRAME + measure(held + piece) > limit:
                words.append(held)
                held = ""
            held += piece
    kind = "q" if quoted else "b"
    return [f"=?utf-8?{kind}?{write(word.encode())}?=" for word in [*words, held] if word]


def clusters(text: str) -> Iterator[str]:
    """Letters with all that belongs to them, close to UAX 29: good enough for where to part a header."""
    start = 0
    for at in range(1, len(text)):
        if not _joined(text[start:at], text[at]):
            yield text[start:at]
            start = at
    if text:
        yield text[start:]


def _joined(before: str, character: str) -> bool:
    last = before[-1]
    if last == "\u200d" or character in "\u200c\u200d":
        return True
    if unicodedata.category(character) in _EXTENDERS or "\U0001f3fb" <= character <= "\U0001f3ff":
        return True
    if "\U000e0020" <= character <= "\U000e007f":  # tags: the flags of Scotland and Wales
        return True
    if _is_flag_half(last) and _is_flag_half(character):
        return len(before) % 2 == 1
    return unicodedata.combining(last) == 9 and unicodedata.category(character) == "Lo"  # a virama, a coeng


def _is_flag_half(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"


def _fitting(cluster: str, measure: Callable[[str], int], limit: int) -> Iterator[str]:
    """The cluster, or its characters one by one where even a word of its own is too short for it."""
    if _FRAME + measure(cluster) <= limit:
        yield cluster
    else:
        yield from cluster


def _q(data: bytes) -> str:
    """The Q encoding with the few characters that are safe in a display name too (RFC 2047 5 (3))."""
    return "".join("_" if b == 32 else chr(b) if b in _SAFE else f"={b:02X}" for b in data)


def _b(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _q_length(text: str) -> int:
    return sum(1 if b == 32 or b in _SAFE else 3 for b in text.encode())


def _b_length(text: str) -> int:
    return 4 * ((len(text.encode()) + 2) // 3)


FOLD, MOST = 78, 998
"""RFC 5322 2.1.1: octets in a line, without CRLF: towards and at most."""

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_BREAKS = re.compile("[\t\n\v\f\r\x1c-\x1f\x85\u2028\u2029 ]+")
_CONTROLS = re.compile("[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f]")
_FORBIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_NOT_ASCII = re.compile("[^\x00-\x7f]")
_HALVES = re.compile("[\ud800-\udfff]")
_NOT_URI = re.compile(r"[^A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]")


def clean(text: str) -> str:
    """Display text on one line: line breaks and runs of blanks become one space, control characters go,
    half surrogates become U+FFFD.
    """
    return _BREAKS.sub(" ", _CONTROLS.sub("", _HALVES.sub("\ufffd", text))).strip()


def text_field(name: str, text: str) -> bytes:
    """An unstructured field (Subject). Text that is not plain ASCII becomes encoded words."""
    cleaned = clean(text)
    words = cleaned.split(" ")
    if not _is_plain(cleaned, words):
        words = encoded_words(cleaned, LINE - len(name) - 2)
    return field(name, words if cleaned else [])


def mailbox_field(name: str, mailbox: Mailbox) -> bytes:
    """A field of one mailbox (From, Reply-To). The address is never encoded (RFC 2047 5)."""
    address = str(mailbox.address)
    words = phrase(mailbox.name, LINE - len(name) - 2)
    return field(name, [*words, f"<{address}>"] if words else [address], utf8=mailbox.address.needs_smtputf8)


def field(name: str, items: Sequence[str], *, utf8: bool = False) -> bytes:
    """A structured field: items apart by a space or a fold, none ever cut or changed.

    The first item stays on the first line: mail clients that look for a URL there must find it.
    Raises SettingsError for an item that fits no line, holds a control character, or (unless `utf8`) is
    not ASCII.
    """
    lines = [f"{name}:"]
    for n, item in enumerate(items):
        wide = f"{lines[-1]} {item}"
        if n and len(wide.encode()) > (LINE if "=?" in wide else FOLD):
            lines.append(f" {item}")
        else:
            lines[-1] = wide
    for written in lines:
        _check(name, written, utf8)
    return "\r\n".join(lines).encode() + b"\r\n"


def phrase(name: str, room: int) -> list[str]:
    """A display name as items of a field: quoted words, or encoded words, the first at most `room` long."""
    cleaned = clean(name)
    if not cleaned:
        return []
    words = cleaned.split(" ")
    if not _is_plain(cleaned, words):
        return encoded_words(cleaned, room)
    quoted = '"' + re.sub(r'(["\\])', r"\\\1", cleaned) + '"'
    return quoted.split(" ")


def to_value(address: Address) -> bytes:
    """The value of To: one bare address. UTF-8 where the local part is not ASCII (RFC 6532)."""
    return str(address).encode()


@lru_cache(maxsize=64)  # one date for a batch
def date_value(instant: datetime) -> bytes:
    """The value of Date (RFC 5322 3.3) for an aware instant, in UTC, whatever the locale."""
    t = instant.astimezone(UTC)
    day, month = _DAYS[t.weekday()], _MONTHS[t.month - 1]
    return f"{day}, {t.day:02} {month} {t.year:04} {t:%H:%M:%S} +0000".encode("ascii")


def uri(text: str) -> str:
    """A URL for angle brackets (RFC 2369 2): what RFC 3986 does not allow in one is percent-encoded."""
    return _NOT_URI.sub(lambda found: "".join(f"%{b:02X}" for b in found[0].encode("utf-8", "replace")), text)


def _is_plain(cleaned: str, words: Sequence[str]) -> bool:
    """Whether it can stand as it is: ASCII, nothing that looks encoded, no word too long to fold round."""
    return cleaned.isascii() and "=?" not in cleaned and all(len(word) <= LINE - 12 for word in words)


def _check(name: str, line: str, utf8: bool) -> None:
    octets = len(line.encode())
    if octets > MOST:
        what = f"a value of {octets} octets does not fit the header, whose lines end at {MOST}"
        raise SettingsError(name, what, "make its URL or text shorter")
    wrong = _FORBIDDEN.search(line) or (None if utf8 else _NOT_ASCII.search(line))
    if wrong:
        shown = f"U+{ord(wrong[0]):04X} in {line[:80].strip()!a}"
        raise SettingsError(name, f"{shown} cannot stand in this header", "use plain ASCII")
