"""An email as bytes: headers and bodies of one message, in segments with placeholders for a reader's values.

    multipart/alternative       RFC 2046 5.1.4: the last part is the preferred one
        text/plain              UTF-8, quoted-printable, or base64 where that is much shorter
        text/html               the same

A message is composed once for a cohort; filling it in for a reader only joins bytes. Equal contents give
equal bytes.

Headers (RFC 5322 2.2, 3.6): Python's own serializer encodes long structured fields, which breaks one-click
unsubscribe. Here structured fields are folded only between their items and never encoded; only text and
display names are. Lines end in CRLF, are folded at 78 octets (76 with encoded words) and never exceed 998. No
control character in the data gets into a field. Each encoded word (RFC 2047) has at most 75 characters, is
valid UTF-8 on its own and never splits a grapheme cluster (an accent, a vowel sign, a Khmer subscript, a
family of emoji) unless the cluster alone is too long.

Bodies: Python's encoder for quoted-printable (RFC 2045 6.7) knows nothing of placeholders: its soft line
breaks would split a token filled in later. Here each placeholder has a line of its own between soft breaks,
so no line passes 76 characters, whatever is filled in. Base64 (RFC 2045 6.8) is for text of which
quoted-printable would make more than twice as many bytes, such as Khmer or Japanese; a placeholder then has a
line of base64 of its own.
"""

import base64
import binascii
import hashlib
import re
import string
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache

from publisher.core.addresses import Address, Mailbox, parse_mailbox
from publisher.core.errors import SettingsError, TemplateError
from publisher.core.mail.message import (
    EmailContent,
    EncodedPlaceholder,
    Placeholder,
    Recipe,
    Segment,
    parse_placeholder,
    split_at_marks,
)
from publisher.core.tokens import TOKEN_LENGTH

DELIVERY_HEADER = "X-Publisher-Delivery"
"""Carries the left part of Message-ID: some providers replace Message-ID itself."""

MAX_ENCODED_WORD, MAX_ENCODED_LINE = 75, 76
"""RFC 2047 2: the longest encoded word, and the longest line that holds one."""

FOLD_AT, MAX_LINE_OCTETS = 78, 998
"""RFC 5322 2.1.1: octets in a line without its CRLF, recommended and at most."""

QP_LINE = 76
BASE64_LINE = 57
"""Bytes in a line of base64, which makes 76 characters of them."""
_TOKENS = frozenset(Placeholder) - {Placeholder.TO, Placeholder.DATE, Placeholder.MESSAGE_ID}
_MAX_VALUE = 75
_LIST_ID = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)+")
_SAFE = frozenset((string.ascii_letters + string.digits + "!*+-/").encode())
_WORD_OVERHEAD = len("=?utf-8?q??=")
_EXTENDING = frozenset({"Mn", "Me", "Mc"})
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_BREAKS = re.compile("[\t\n\v\f\r\x1c-\x1f\x85\u2028\u2029 ]+")
_CONTROLS = re.compile("[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f]")
_FORBIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_NOT_ASCII = re.compile("[^\x00-\x7f]")
_HALVES = re.compile("[\ud800-\udfff]")
_NOT_URI = re.compile(r"[^A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]")
_HIGH_BYTES = bytes(range(128, 256))
_PLAIN = {chr(c): chr(c) for c in range(32, 127) if chr(c) != "="} | {"\t": "\t"}


def compose(content: EmailContent) -> tuple[Segment, ...]:
    """The segments of the whole message, in order. Raises AddressError (sender, reply_to), SettingsError (a
    value that no header can carry), TemplateError (a mark in the subject) and ValueError (a mark for
    something other than a token).
    """
    if not _TOKENS.issuperset(content.marks.values()):
        raise ValueError("marks in content stand for tokens only")
    (text_as, text), (html_as, html) = (
        encode_body(split_at_marks(body, content.marks)) for body in (content.text, content.html)
    )
    hashed = hashlib.sha256()
    for segment in (*text, *html):
        hashed.update(segment if isinstance(segment, bytes) else segment.value.encode())
    # Made from the content only, not from the marks; "=_" never occurs in a body (RFC 2045 6.7, 6.8).
    boundary = f"=_{hashed.hexdigest()[:32]}"
    segments: list[Segment] = [*_address_fields(content), *_list_fields(content)]
    segments += [field("MIME-Version", ["1.0"])]
    segments += [field("Content-Type", ["multipart/alternative;", f'boundary="{boundary}"'])]
    segments += [_part_head(boundary, "plain", text_as), *text, _part_head(boundary, "html", html_as), *html]
    segments += [f"\r\n--{boundary}--\r\n".encode()]
    # Adjacent bytes become one segment: filling in joins as few as possible.
    joined: list[Segment] = []
    for segment in segments:
        if joined and isinstance(segment, bytes) and isinstance(joined[-1], bytes):
            joined[-1] += segment
        else:
            joined.append(segment)
    return tuple(segment for segment in joined if segment != b"")


def _address_fields(content: EmailContent) -> list[Segment]:
    sender = parse_mailbox(content.sender, where="sender")
    if any(mark in content.subject for mark in content.marks):
        what = f"a reader's own link is in the subject ({content.subject[:80]!r})"
        raise TemplateError("subject.txt", what, "put it into the body")
    segments: list[Segment] = [
        mailbox_field("From", sender) + b"To: ",
        Placeholder.TO,
        b"\r\n" + text_field("Subject", content.subject) + b"Date: ",
        Placeholder.DATE,
        b"\r\nMessage-ID: <",
        Placeholder.MESSAGE_ID,
        f"@{sender.address.domain}>\r\n{DELIVERY_HEADER}: ".encode(),
        Placeholder.MESSAGE_ID,
        b"\r\n",
    ]
    if content.reply_to:
        segments.append(mailbox_field("Reply-To", parse_mailbox(content.reply_to, where="reply_to")))
    return segments


def _list_fields(content: EmailContent) -> list[Segment]:
    """RFC 2919, 2369 and 8058 for a list. For all mail, fields that ask for no automatic answers: RFC 3834
    3.1.8 and its older form of Exchange and Outlook, without NDR, which would ask for no bounces either
    ([MS-OXCMAIL] 2.1.3.2.20).
    """
    automatic = [
        field("Auto-Submitted", ["auto-generated"]),
        field("X-Auto-Response-Suppress", ["DR,", "RN,", "NRN,", "OOF,", "AutoReply"]),
    ]
    if not content.list_id:
        return [*automatic]
    if not _LIST_ID.fullmatch(content.list_id) or len(content.list_id) > 255:
        what = f"{content.list_id[:80]!r} is not a list id"
        raise SettingsError("List-Id", what, "use letters, digits and hyphens, in parts separated by dots")
    title = phrase(content.list_title, MAX_ENCODED_LINE - len("List-Id: "))
    segments: list[Segment] = [*automatic, field("List-Id", [*title, f"<{content.list_id}>"])]
    if content.unsubscribe:
        pieces = split_at_marks(content.unsubscribe, content.marks)
        segments += _unsubscribe_field(pieces, content.unsubscribe_mailbox)
        segments.append(field("List-Unsubscribe-Post", ["List-Unsubscribe=One-Click"]))
    for name, url in (("List-Help", content.help), ("List-Archive", content.archive)):
        if url:
            segments.append(field(name, [f"<{uri(url)}>"]))
    segments.append(field("Precedence", ["bulk"]))
    if content.feedback_id:
        segments.append(field("Feedback-ID", [content.feedback_id]))
    return segments


def _unsubscribe_field(pieces: Sequence[str | Placeholder], mailbox: tuple[str, str] | None) -> list[Segment]:
    """List-Unsubscribe with the URL on one line, however long: folding or encoding it breaks one-click
    unsubscribe. An address follows it for mail programs that know no other way (RFC 2369 3.2).
    """
    url = [piece if isinstance(piece, Placeholder) else uri(piece) for piece in pieces]
    longest = "".join("x" * _MAX_VALUE if isinstance(piece, Placeholder) else piece for piece in url)
    field("List-Unsubscribe", [f"<{longest}>"])  # raises if it can become too long for a line
    inner: list[Segment] = [
        piece if isinstance(piece, Placeholder) else piece.encode("ascii") for piece in url
    ]
    whole: list[Segment] = [b"List-Unsubscribe: <", *inner]
    if mailbox is None:
        return [*whole, b">\r\n"]
    local, domain = (part.encode("ascii") for part in mailbox)
    rest = b"@" + domain + b"?subject=unsubscribe>\r\n"
    return [*whole, b">,\r\n <mailto:" + local + b"+", Placeholder.UNSUBSCRIBE_TAG, rest]


def _part_head(boundary: str, kind: str, encoding: str) -> bytes:
    head = f'\r\n--{boundary}\r\nContent-Type: text/{kind}; charset="utf-8"\r\n'
    return (head + f"Content-Transfer-Encoding: {encoding}\r\n\r\n").encode()


def freeze_segments(segments: Iterable[Segment]) -> tuple[Recipe, dict[str, bytes]]:
    """The recipe of a message, and its byte segments by their SHA-256 (64 hex digits)."""
    recipe: list[str] = []
    data: dict[str, bytes] = {}
    for segment in segments:
        if not isinstance(segment, bytes):
            recipe.append(f"p:{segment.value}")
        else:
            name = hashlib.sha256(segment).hexdigest()
            data[name] = segment
            recipe.append(f"s:{name}")
    return tuple(recipe), data


def thaw_recipe(recipe: Recipe, data: Mapping[str, bytes]) -> tuple[Segment, ...]:
    """The segments of a recipe. Raises KeyError if one is missing, ValueError for an unknown placeholder."""
    return tuple(
        parse_placeholder(name[2:]) if name.startswith("p:") else data[name.removeprefix("s:")]
        for name in recipe
    )


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


def _is_plain(cleaned: str, words: Sequence[str]) -> bool:
    """Whether a text needs no encoding: ASCII, nothing that looks encoded, no word too long for a line."""
    return (
        cleaned.isascii()
        and "=?" not in cleaned
        and all(len(word) <= MAX_ENCODED_LINE - 12 for word in words)
    )


def clean_text(text: str) -> str:
    """Display text on one line: line breaks and runs of blanks become one space, control characters are
    removed, lone surrogates become U+FFFD.
    """
    return _BREAKS.sub(" ", _CONTROLS.sub("", _HALVES.sub("\ufffd", text))).strip()


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


def encode_body(pieces: Sequence[str | Placeholder]) -> tuple[str, list[Segment]]:
    """The Content-Transfer-Encoding of a body, and its pieces in that: quoted-printable, unless more than
    half of its bytes are not ASCII, of which quoted-printable makes three each.
    """
    texts = [_utf8(piece) for piece in pieces if not isinstance(piece, Placeholder)]
    size, plain = sum(map(len, texts)), sum(len(text.translate(None, _HIGH_BYTES)) for text in texts)
    segments = base64_body(pieces) if 2 * plain < size else None
    return ("quoted-printable", quoted_body(pieces)) if segments is None else ("base64", segments)


def base64_body(pieces: Sequence[str | Placeholder]) -> list[Segment] | None:
    """The pieces of one body as segments of base64, in which each placeholder must be filled with a token.
    None if two placeholders stand so close that they would share a group of three.
    """
    segments: list[Segment] = []
    held, taken = b"", 0  # the text that is yet to be encoded, and how much of it the last placeholder took
    for n, piece in enumerate(pieces):
        if not isinstance(piece, Placeholder):
            held = _utf8(piece)[taken:]
            taken = 0
            continue
        following = pieces[n + 1] if n + 1 < len(pieces) else ""
        if isinstance(following, Placeholder):
            return None
        whole = len(held) - len(held) % 3
        taken = -(len(held) - whole + TOKEN_LENGTH) % 3
        after = _utf8(following)[:taken]
        if len(after) < taken and n + 2 < len(pieces):
            return None
        segments += [*_base64_lines(held[:whole]), EncodedPlaceholder(piece, held[whole:], after)]
        held = b""
    segments += _base64_lines(held)
    return [piece for line in segments for piece in (b"\r\n", line)][1:]


def _base64_lines(data: bytes) -> list[bytes]:
    rows = (data[at : at + BASE64_LINE] for at in range(0, len(data), BASE64_LINE))
    return [binascii.b2a_base64(row, newline=False) for row in rows]


def _utf8(text: str) -> bytes:
    """`text` with lines that end in CRLF (RFC 2045 6.8), lone surrogates as U+FFFD."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\r\n")
    return _HALVES.sub("\ufffd", lines).encode()


def quoted_body(pieces: Sequence[str | Placeholder]) -> list[Segment]:
    """The pieces of one body as segments of quoted-printable: strings encoded as UTF-8, placeholders as they
    are. Line ends of any kind become CRLF; none is added. Lone surrogates become U+FFFD. Placeholders must be
    filled with at most 75 characters that need no encoding.
    """
    segments: list[Segment] = []
    for n, piece in enumerate(pieces):
        after_place = n > 0 and isinstance(pieces[n - 1], Placeholder)
        if isinstance(piece, Placeholder):
            segments += [b"=\r\n", piece] if after_place else [piece]
        else:
            last = n == len(pieces) - 1
            segments.append(_between_placeholders(piece, after_place=after_place, last=last))
    return segments


def _between_placeholders(text: str, *, after_place: bool, last: bool) -> bytes:
    """The text between two placeholders, up to the start of a line or the end of the body."""
    *whole, rest = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    lines = [row for line in whole for row in _rows(line, hard=True)]
    if rest or last:
        lines += _rows(rest, hard=last)
    if after_place and lines[0]:
        lines.insert(0, "=")  # a soft break ends the placeholder's line
    return ("\r\n".join(lines) + ("" if last else "\r\n")).encode("ascii")


@lru_cache(maxsize=8192)  # the messages of a mailing contain the same posts
def _rows(line: str, *, hard: bool) -> tuple[str, ...]:
    """`line` in rows of at most 76 characters; the last row ends in a soft break unless `hard`."""
    rows: list[str] = []
    row, end = "", len(line) - 1
    for at, character in enumerate(line):
        unit = _PLAIN.get(character) or _escaped(character)
        if hard and at == end and character in " \t":
            unit = _escaped(character)  # mail servers drop white space before a line end
        if len(row) + len(unit) > (QP_LINE if hard and at == end else QP_LINE - 1):
            rows.append(row + "=")
            row = ""
        if not row and line.startswith("From ", at):
            unit = "=46"  # an mbox file would change it to ">From"
        elif not row and character == ".":
            unit = "=2E"  # SMTP would double it, and some servers forget to undo that
        row += unit
    rows.append(row if hard else row + "=")
    return tuple(rows)


def _escaped(character: str) -> str:
    half = "\ud800" <= character <= "\udfff"
    return "".join(f"={b:02X}" for b in ("\ufffd" if half else character).encode())
