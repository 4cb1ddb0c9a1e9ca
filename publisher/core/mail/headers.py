"""Header fields as bytes (RFC 5322 2.2, 3.6; RFC 2047; RFC 2369).

Python's own serializer encodes long structured fields, which breaks one-click unsubscribe. Here structured
fields are folded only between their items and never encoded; only text and display names are. Lines end in
CRLF, are folded at 78 octets (76 with encoded words) and never exceed 998. No control character in the data
gets into a field.

Each encoded word (RFC 2047) has at most 75 characters, is valid UTF-8 on its own and never splits a grapheme
cluster: an accent, a vowel sign, a Khmer subscript or a family of emoji stays with what it belongs to, unless
the cluster alone is too long.
"""

import base64
import re
import string
import unicodedata
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import lru_cache

from publisher.core.addresses import Address, Mailbox
from publisher.core.errors import SettingsError

MAX_ENCODED_WORD, MAX_ENCODED_LINE = 75, 76
"""RFC 2047 2: the longest encoded word, and the longest line that holds one."""

_SAFE = frozenset((string.ascii_letters + string.digits + "!*+-/").encode())
_WORD_OVERHEAD = len("=?utf-8?q??=")
_EXTENDING = frozenset({"Mn", "Me", "Mc"})


FOLD_AT, MAX_LINE_OCTETS = 78, 998
"""RFC 5322 2.1.1: octets in a line without its CRLF, recommended and at most."""

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_BREAKS = re.compile("[\t\n\v\f\r\x1c-\x1f\x85\u2028\u2029 ]+")
_CONTROLS = re.compile("[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f]")
_FORBIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_NOT_ASCII = re.compile("[^\x00-\x7f]")
_HALVES = re.compile("[\ud800-\udfff]")
_NOT_URI = re.compile(r"[^A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]")


def encoded_words(text: str, room: int) -> list[str]:
    """`text` as encoded words, to be folded one per line. The first is at most `room` characters long, and
    `room` is at least 30. Uses Q or B for all of them, whichever is shorter. Empty for an empty text.
    """
    quoted = _q_length(text) <= _b_length(text)
    length = _q_length if quoted else _b_length
    words: list[str] = []
    held = ""
    for cluster in grapheme_clusters(text):
        limit = MAX_ENCODED_WORD if words else room
        # A cluster that no word can hold is split into its characters.
        for piece in [cluster] if _WORD_OVERHEAD + length(cluster) <= limit else cluster:
            limit = MAX_ENCODED_WORD if words else room
            if held and _WORD_OVERHEAD + length(held + piece) > limit:
                words.append(held)
                held = ""
            held += piece
    if held:
        words.append(held)
    if quoted:  # only characters that are safe in a display name too stay as they are (RFC 2047 5 (3))
        octets = {32: "_"} | {b: chr(b) if b in _SAFE else f"={b:02X}" for b in range(256) if b != 32}
        return [f"=?utf-8?q?{''.join(octets[b] for b in word.encode())}?=" for word in words]
    return [f"=?utf-8?b?{base64.b64encode(word.encode()).decode('ascii')}?=" for word in words]


def _q_length(text: str) -> int:
    return sum(1 if b == 32 or b in _SAFE else 3 for b in text.encode())


def _b_length(text: str) -> int:
    return 4 * ((len(text.encode()) + 2) // 3)


def grapheme_clusters(text: str) -> Iterator[str]:
    """Letters with everything that belongs to them: close enough to UAX 29 to split a header."""
    start = 0
    for at in range(1, len(text)):
        if not _extends(text[start:at], text[at]):
            yield text[start:at]
            start = at
    if text:
        yield text[start:]


def _extends(cluster: str, character: str) -> bool:
    """Whether `character` belongs to the cluster before it."""
    last = cluster[-1]
    if last == "\u200d" or character in "\u200c\u200d":
        return True
    if unicodedata.category(character) in _EXTENDING or "\U0001f3fb" <= character <= "\U0001f3ff":
        return True
    if "\U000e0020" <= character <= "\U000e007f":  # tags: the flags of Scotland and Wales
        return True
    if _is_flag_half(last) and _is_flag_half(character):
        return len(cluster) % 2 == 1
    return unicodedata.combining(last) == 9 and unicodedata.category(character) == "Lo"  # a virama, a coeng


def _is_flag_half(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"


def clean_text(text: str) -> str:
    """Display text on one line: line breaks and runs of blanks become one space, control characters are
    removed, lone surrogates become U+FFFD.
    """
    return _BREAKS.sub(" ", _CONTROLS.sub("", _HALVES.sub("\ufffd", text))).strip()


def text_field(name: str, text: str) -> bytes:
    """An unstructured field (Subject). Text that is not plain ASCII becomes encoded words."""
    cleaned = clean_text(text)
    words = cleaned.split(" ")
    if not _is_plain(cleaned, words):
        words = encoded_words(cleaned, MAX_ENCODED_LINE - len(name) - 2)
    return field(name, words if cleaned else [])


def mailbox_field(name: str, mailbox: Mailbox) -> bytes:
    """A field of one mailbox (From, Reply-To). The address is never encoded (RFC 2047 5)."""
    address = str(mailbox.address)
    words = phrase(mailbox.name, MAX_ENCODED_LINE - len(name) - 2)
    return field(name, [*words, f"<{address}>"] if words else [address], utf8=mailbox.address.needs_smtputf8)


def field(name: str, items: Sequence[str], *, utf8: bool = False) -> bytes:
    """A structured field: items separated by a space or a fold, none ever split or changed.

    The first item stays on the first line, where mail clients look for a URL. Raises SettingsError for an
    item that fits no line, contains a control character, or (unless `utf8`) is not ASCII.
    """
    lines = [f"{name}:"]
    for n, item in enumerate(items):
        wide = f"{lines[-1]} {item}"
        if n and len(wide.encode()) > (MAX_ENCODED_LINE if "=?" in wide else FOLD_AT):
            lines.append(f" {item}")
        else:
            lines[-1] = wide
    for line in lines:
        octets = len(line.encode())
        if octets > MAX_LINE_OCTETS:
            what = f"a value of {octets} octets does not fit the header, whose lines end at {MAX_LINE_OCTETS}"
            raise SettingsError(name, what, "make its URL or text shorter")
        wrong = _FORBIDDEN.search(line) or (None if utf8 else _NOT_ASCII.search(line))
        if wrong:
            shown = f"U+{ord(wrong[0]):04X} in {line[:80].strip()!a}"
            raise SettingsError(name, f"{shown} is not allowed in this header", "use plain ASCII")
    return "\r\n".join(lines).encode() + b"\r\n"


def phrase(name: str, room: int) -> list[str]:
    """A display name as items of a field: quoted words, or encoded words of which the first is at most `room`
    characters long.
    """
    cleaned = clean_text(name)
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


@lru_cache(maxsize=64)  # all messages of a batch have one date
def date_value(instant: datetime) -> bytes:
    """The value of Date (RFC 5322 3.3) for an aware instant, in UTC, whatever the locale."""
    t = instant.astimezone(UTC)
    day, month = _DAYS[t.weekday()], _MONTHS[t.month - 1]
    return f"{day}, {t.day:02} {month} {t.year:04} {t:%H:%M:%S} +0000".encode("ascii")


def uri(text: str) -> str:
    """A URL for angle brackets (RFC 2369 2): what RFC 3986 does not allow in one is percent-encoded."""
    return _NOT_URI.sub(lambda found: "".join(f"%{b:02X}" for b in found[0].encode("utf-8", "replace")), text)


def _is_plain(cleaned: str, words: Sequence[str]) -> bool:
    """Whether a text needs no encoding: ASCII, nothing that looks encoded, no word too long for a line."""
    return (
        cleaned.isascii()
        and "=?" not in cleaned
        and all(len(word) <= MAX_ENCODED_LINE - 12 for word in words)
    )
