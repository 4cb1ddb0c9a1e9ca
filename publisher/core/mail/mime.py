"""An email as bytes: headers and bodies of one message, in segments with placeholders for a reader's values.

    multipart/alternative       RFC 2046 5.1.4: the last part is the preferred one
        text/plain              UTF-8, quoted-printable
        text/html               UTF-8, quoted-printable

A message is composed once for a cohort; filling it in for a reader only joins bytes. Equal contents give
equal bytes.

Python's encoder for quoted-printable (RFC 2045 6.7) knows nothing of placeholders: its soft line breaks would
split a token filled in later. Here each placeholder has a line of its own between soft breaks, so no line
passes 76 characters, whatever is filled in.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

from publisher.core.addresses import parse_mailbox
from publisher.core.errors import SettingsError, TemplateError
from publisher.core.mail import headers
from publisher.core.mail.headers import MAX_ENCODED_LINE
from publisher.core.mail.message import EmailContent, Placeholder, Recipe, Segment, split_at_marks

DELIVERY_HEADER = "X-Publisher-Delivery"
"""Carries the left part of Message-ID: some providers replace Message-ID itself."""

_TOKENS = frozenset(Placeholder) - {Placeholder.TO, Placeholder.DATE, Placeholder.MESSAGE_ID}
_MAX_VALUE = 75
_LIST_ID = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)+")

QP_LINE = 76

_PLAIN = {chr(c): chr(c) for c in range(32, 127) if chr(c) != "="} | {"\t": "\t"}


def compose(content: EmailContent) -> tuple[Segment, ...]:
    """The segments of the whole message, in order. Raises AddressError (sender, reply_to), SettingsError (a
    value that no header can carry), TemplateError (a mark in the subject) and ValueError (a mark for
    something other than a token).
    """
    if not _TOKENS.issuperset(content.marks.values()):
        raise ValueError("marks in content stand for tokens only")
    text, html = (encode_body(split_at_marks(body, content.marks)) for body in (content.text, content.html))
    hashed = hashlib.sha256()
    for segment in (*text, *html):
        hashed.update(segment.value.encode() if isinstance(segment, Placeholder) else segment)
    # Made from the content only, not from the marks; "=_" never occurs in quoted-printable (RFC 2045 6.7).
    boundary = f"=_{hashed.hexdigest()[:32]}"
    segments: list[Segment] = [*_address_fields(content), *_list_fields(content)]
    segments += [headers.field("MIME-Version", ["1.0"])]
    segments += [headers.field("Content-Type", ["multipart/alternative;", f'boundary="{boundary}"'])]
    segments += [_part_head(boundary, "plain"), *text, _part_head(boundary, "html"), *html]
    segments += [f"\r\n--{boundary}--\r\n".encode()]
    # Adjacent bytes become one segment: filling in joins as few as possible.
    joined: list[Segment] = []
    for segment in segments:
        if joined and isinstance(segment, bytes) and isinstance(joined[-1], bytes):
            joined[-1] += segment
        else:
            joined.append(segment)
    return tuple(segment for segment in joined if segment != b"")


def freeze_segments(segments: Iterable[Segment]) -> tuple[Recipe, dict[str, bytes]]:
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


def thaw_recipe(recipe: Recipe, data: Mapping[str, bytes]) -> tuple[Segment, ...]:
    """The segments of a recipe. Raises KeyError if one is missing, ValueError for an unknown placeholder."""
    return tuple(
        Placeholder(name[2:]) if name.startswith("p:") else data[name.removeprefix("s:")] for name in recipe
    )


def _address_fields(content: EmailContent) -> list[Segment]:
    sender = parse_mailbox(content.sender, where="sender")
    if any(mark in content.subject for mark in content.marks):
        what = f"a reader's own link is in the subject ({content.subject[:80]!r})"
        raise TemplateError("subject.txt", what, "put it into the body")
    segments: list[Segment] = [
        headers.mailbox_field("From", sender) + b"To: ",
        Placeholder.TO,
        b"\r\n" + headers.text_field("Subject", content.subject) + b"Date: ",
        Placeholder.DATE,
        b"\r\nMessage-ID: <",
        Placeholder.MESSAGE_ID,
        f"@{sender.address.domain}>\r\n{DELIVERY_HEADER}: ".encode(),
        Placeholder.MESSAGE_ID,
        b"\r\n",
    ]
    if content.reply_to:
        segments.append(headers.mailbox_field("Reply-To", parse_mailbox(content.reply_to, where="reply_to")))
    return segments


def _list_fields(content: EmailContent) -> list[Segment]:
    """RFC 2919, 2369 and 8058 for a list; RFC 3834 for mail that one reader asked for."""
    if not content.list_id:
        return [headers.field("Auto-Submitted", ["auto-generated"])]
    if not _LIST_ID.fullmatch(content.list_id) or len(content.list_id) > 255:
        what = f"{content.list_id[:80]!r} is not a list id"
        raise SettingsError("List-Id", what, "use letters, digits and hyphens, in parts separated by dots")
    title = headers.phrase(content.list_title, MAX_ENCODED_LINE - len("List-Id: "))
    segments: list[Segment] = [headers.field("List-Id", [*title, f"<{content.list_id}>"])]
    if content.unsubscribe:
        segments += _unsubscribe_field(split_at_marks(content.unsubscribe, content.marks))
        segments.append(headers.field("List-Unsubscribe-Post", ["List-Unsubscribe=One-Click"]))
    for name, url in (("List-Help", content.help), ("List-Archive", content.archive)):
        if url:
            segments.append(headers.field(name, [f"<{headers.uri(url)}>"]))
    segments.append(headers.field("Precedence", ["bulk"]))
    if content.feedback_id:
        segments.append(headers.field("Feedback-ID", [content.feedback_id]))
    return segments


def _unsubscribe_field(pieces: Sequence[str | Placeholder]) -> list[Segment]:
    """List-Unsubscribe on one line, however long: folding or encoding the URL breaks one-click
    unsubscribe.
    """
    url = [piece if isinstance(piece, Placeholder) else headers.uri(piece) for piece in pieces]
    longest = "".join("x" * _MAX_VALUE if isinstance(piece, Placeholder) else piece for piece in url)
    headers.field("List-Unsubscribe", [f"<{longest}>"])  # raises if it can become too long for a line
    inner: list[Segment] = [
        piece if isinstance(piece, Placeholder) else piece.encode("ascii") for piece in url
    ]
    return [b"List-Unsubscribe: <", *inner, b">\r\n"]


def _part_head(boundary: str, kind: str) -> bytes:
    head = f'\r\n--{boundary}\r\nContent-Type: text/{kind}; charset="utf-8"\r\n'
    return (head + "Content-Transfer-Encoding: quoted-printable\r\n\r\n").encode()


def encode_body(pieces: Sequence[str | Placeholder]) -> list[Segment]:
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
