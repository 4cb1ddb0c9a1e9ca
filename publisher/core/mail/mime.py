"""A letter as bytes: headers and bodies of one message, in segments with places for a reader's values.

    multipart/alternative       RFC 2046 5.1.4: the last part is the best
        text/plain              UTF-8, quoted-printable
        text/html               UTF-8, quoted-printable

Made once for a cohort; filling it for a reader is joining bytes. Equal letters give equal bytes.

Bodies in quoted-printable (RFC 2045 6.7), with room for a reader's values.

Python's encoder knows nothing of places: its soft breaks would cut a token filled in later. Here each
place stands on a line of its own, between soft breaks: no line passes 76 characters, whatever is filled in.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache

from publisher.core.addresses import parse_mailbox
from publisher.core.errors import SettingsError, TemplateError
from publisher.core.mail import headers
from publisher.core.mail.headers import LINE
from publisher.core.mail.message import EmailContent, Placeholder, Recipe, Segment, cut

QP_LINE = 76

_PLAIN = {chr(c): chr(c) for c in range(32, 127) if chr(c) != "="} | {"\t": "\t"}


def encode(pieces: Sequence[str | Placeholder]) -> list[Segment]:
    """The pieces of one body as segments: strings encoded as UTF-8, places as they are.

    Line ends of any kind become CRLF; no line end is added. Half surrogates become U+FFFD. Places must be
    filled with at most 75 characters that need no encoding.
    """
    segments: list[Segment] = []
    for n, piece in enumerate(pieces):
        after_place = n > 0 and isinstance(pieces[n - 1], Placeholder)
        if isinstance(piece, Placeholder):
            segments += [b"=\r\n", piece] if after_place else [piece]
        else:
            last = n == len(pieces) - 1
            segments.append(_stretch(piece, after_place=after_place, last=last))
    return segments


def _stretch(text: str, *, after_place: bool, last: bool) -> bytes:
    """One stretch between places; it ends at the start of a line, or is the end of the body."""
    *whole, rest = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    lines = [row for line in whole for row in _rows(line, hard=True)]
    if rest or last:
        lines += _rows(rest, hard=last)
    if after_place and lines[0]:
        lines.insert(0, "=")  # the end of the place's line: the text goes on
    return ("\r\n".join(lines) + ("" if last else "\r\n")).encode("ascii")


@lru_cache(maxsize=8192)
def _rows(line: str, *, hard: bool) -> tuple[str, ...]:
    """`line` in rows, remembered: the mails of a mailing are of the same posts."""
    return tuple(_made_rows(line, hard=hard))


def _made_rows(line: str, *, hard: bool) -> Iterator[str]:
    """`line` in rows of at most 76 characters; the last row ends in a soft break unless `hard`."""
    row, end = "", len(line) - 1
    for at, character in enumerate(line):
        unit = _PLAIN.get(character) or _escaped(character)
        if hard and at == end and character in " \t":
            unit = _escaped(character)  # white space before a line end does not survive the way
        if len(row) + len(unit) > (QP_LINE if hard and at == end else QP_LINE - 1):
            yield row + "="
            row = ""
        if not row and line.startswith("From ", at):
            unit = "=46"  # a mailbox file would make it ">From"
        elif not row and character == ".":
            unit = "=2E"  # SMTP would double it, and some servers forget to undo that
        row += unit
    yield row if hard else row + "="


def _escaped(character: str) -> str:
    half = "\ud800" <= character <= "\udfff"
    return "".join(f"={b:02X}" for b in ("\ufffd" if half else character).encode())


DELIVERY_HEADER = "X-Publisher-Delivery"
"""Carries the left part of Message-ID: some providers replace Message-ID itself."""

_TOKENS = frozenset(Placeholder) - {Placeholder.TO, Placeholder.DATE, Placeholder.MESSAGE_ID}
_TOKEN_ROOM = 75
_LIST_ID = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)+")


def compose(letter: EmailContent) -> tuple[Segment, ...]:
    """The whole message, in order. Raises AddressError (sender, reply_to), SettingsError (a value that no
    header can carry), TemplateError (a mark in the subject), ValueError (a mark for what is no token).
    """
    if not _TOKENS.issuperset(letter.marks.values()):
        raise ValueError("marks in content stand for tokens only")
    text, html = (encode(cut(body, letter.marks)) for body in (letter.text, letter.html))
    boundary = _boundary([*text, *html])
    segments: list[Segment] = [*_addressing(letter), *_list_fields(letter)]
    segments += [headers.field("MIME-Version", ["1.0"])]
    segments += [headers.field("Content-Type", ["multipart/alternative;", f'boundary="{boundary}"'])]
    segments += [_part_head(boundary, "plain"), *text, _part_head(boundary, "html"), *html]
    return _joined([*segments, f"\r\n--{boundary}--\r\n".encode()])


def freeze(segments: Iterable[Segment]) -> tuple[Recipe, dict[str, bytes]]:
    """The recipe of a message, and its byte segments by their SHA-256 (64 hex digits)."""
    recipe: list[str] = []
    data: dict[str, bytes] = {}
    for segment in segments:
        if isinstance(segment, Placeholder):
            recipe.append(f"p:{segment.value}")
        else:
            name = hashlib.sha256(segment).hexdigest()
            data[name] = segment
            recipe.append(f"s:{name}")
    return tuple(recipe), data


def thaw(recipe: Recipe, data: Mapping[str, bytes]) -> tuple[Segment, ...]:
    """The segments a recipe names. Raises KeyError where one is missing, ValueError for an unknown place."""
    return tuple(
        Placeholder(name[2:]) if name.startswith("p:") else data[name.removeprefix("s:")] for name in recipe
    )


def _addressing(letter: EmailContent) -> list[Segment]:
    sender = parse_mailbox(letter.sender, where="sender")
    if any(mark in letter.subject for mark in letter.marks):
        what = f"a link of one reader stands in the subject {letter.subject[:80]!r}"
        raise TemplateError("subject.txt", what, "put it into the body")
    segments: list[Segment] = [
        headers.mailbox_field("From", sender) + b"To: ",
        Placeholder.TO,
        b"\r\n" + headers.text_field("Subject", letter.subject) + b"Date: ",
        Placeholder.DATE,
        b"\r\nMessage-ID: <",
        Placeholder.MESSAGE_ID,
        f"@{sender.address.domain}>\r\n{DELIVERY_HEADER}: ".encode(),
        Placeholder.MESSAGE_ID,
        b"\r\n",
    ]
    if letter.reply_to:
        segments.append(headers.mailbox_field("Reply-To", parse_mailbox(letter.reply_to, where="reply_to")))
    return segments


def _list_fields(letter: EmailContent) -> list[Segment]:
    """RFC 2919, 2369 and 8058 for a list; RFC 3834 for what one reader asked for."""
    if not letter.list_id:
        return [headers.field("Auto-Submitted", ["auto-generated"])]
    if not _LIST_ID.fullmatch(letter.list_id) or len(letter.list_id) > 255:
        what = f"{letter.list_id[:80]!r} is no list id"
        raise SettingsError("List-Id", what, "use letters, digits and hyphens in parts with dots between")
    segments: list[Segment] = [_list_id(letter)]
    if letter.unsubscribe:
        segments += _unsubscribe(cut(letter.unsubscribe, letter.marks))
        segments.append(headers.field("List-Unsubscribe-Post", ["List-Unsubscribe=One-Click"]))
    for name, url in (("List-Help", letter.help), ("List-Archive", letter.archive)):
        if url:
            segments.append(headers.field(name, [f"<{headers.uri(url)}>"]))
    segments.append(headers.field("Precedence", ["bulk"]))
    if letter.feedback_id:
        segments.append(headers.field("Feedback-ID", [letter.feedback_id]))
    return segments


def _list_id(letter: EmailContent) -> bytes:
    title = headers.phrase(letter.list_title, LINE - len("List-Id: "))
    return headers.field("List-Id", [*title, f"<{letter.list_id}>"])


def _unsubscribe(pieces: Sequence[str | Placeholder]) -> list[Segment]:
    """List-Unsubscribe on one line, however long: a folded or encoded URL breaks one-click unsubscribe."""
    url = [piece if isinstance(piece, Placeholder) else headers.uri(piece) for piece in pieces]
    longest = "".join("x" * _TOKEN_ROOM if isinstance(piece, Placeholder) else piece for piece in url)
    headers.field("List-Unsubscribe", [f"<{longest}>"])
    inner: list[Segment] = [
        piece if isinstance(piece, Placeholder) else piece.encode("ascii") for piece in url
    ]
    return [b"List-Unsubscribe: <", *inner, b">\r\n"]


def _boundary(bodies: Iterable[Segment]) -> str:
    """Made of the content, whatever its marks were; "=_" never occurs in quoted-printable (RFC 2045 6.7)."""
    hashed = hashlib.sha256()
    for segment in bodies:
        hashed.update(segment.value.encode() if isinstance(segment, Placeholder) else segment)
    return f"=_{hashed.hexdigest()[:32]}"


def _part_head(boundary: str, kind: str) -> bytes:
    head = f'\r\n--{boundary}\r\nContent-Type: text/{kind}; charset="utf-8"\r\n'
    return (head + "Content-Transfer-Encoding: quoted-printable\r\n\r\n").encode()


def _joined(segments: Iterable[Segment]) -> tuple[Segment, ...]:
    """Neighbouring bytes made one: a message is joined from as few segments as can be."""
    joined: list[Segment] = []
    for segment in segments:
        if joined and isinstance(segment, bytes) and isinstance(joined[-1], bytes):
            joined[-1] += segment
        else:
            joined.append(segment)
    return tuple(segment for segment in joined if segment != b"")
