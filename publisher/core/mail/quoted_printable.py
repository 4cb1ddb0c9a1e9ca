"""Bodies in quoted-printable (RFC 2045 6.7), with room for a reader's values.

Python's encoder knows nothing of places: its soft breaks would cut a token filled in later. Here each
place stands on a line of its own, between soft breaks: no line passes 76 characters, whatever is filled in.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache

from publisher.core.mail.message import Place, Segment

LINE = 76

_PLAIN = {chr(c): chr(c) for c in range(32, 127) if chr(c) != "="} | {"\t": "\t"}


def encode(pieces: Sequence[str | Place]) -> list[Segment]:
    """The pieces of one body as segments: strings encoded as UTF-8, places as they are.

    Line ends of any kind become CRLF; no line end is added. Half surrogates become U+FFFD. Places must be
    filled with at most 75 characters that need no encoding.
    """
    segments: list[Segment] = []
    for n, piece in enumerate(pieces):
        after_place = n > 0 and isinstance(pieces[n - 1], Place)
        if isinstance(piece, Place):
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
        if len(row) + len(unit) > (LINE if hard and at == end else LINE - 1):
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
