"""A server's replies (RFC 5321 4.2), parsed from bytes as they arrive. No I/O."""

import re
from dataclasses import dataclass
from functools import lru_cache

MAX_LINE = 2_048
"""Octets, four times what RFC 5321 4.5.3.1.5 allows. A longer line is not a reply."""

MAX_LINES = 256
"""Lines of one reply; a server that sends more is not speaking SMTP."""

KEPT_LENGTH = 512
"""Characters kept of each line: what RFC 5321 4.5.3.1.5 allows."""

MAX_UNREAD = 8
"""Unread replies after which the server counts as broken; at most five are ever outstanding."""

_LINE = re.compile(rb"([2-5][0-9]{2})(?:([ -])(.*))?", re.DOTALL)
_ENHANCED = re.compile(r"[245]\.\d{1,3}\.\d{1,3}(?= |$)")
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


class ProtocolError(Exception):
    """The server sent something that is not an SMTP reply. The text shows it, in one short line."""


@dataclass(frozen=True, slots=True)
class SmtpReply:
    """One reply: its code from 200 to 599, and the text of each of its lines, without the codes."""

    code: int
    lines: tuple[str, ...]

    @property
    def enhanced(self) -> str:
        """The enhanced status code ("5.1.1", RFC 2034), or "" where there is none."""
        found = _ENHANCED.match(self.lines[0])
        return found[0] if found and found[0][0] == str(self.code)[0] else ""

    def __str__(self) -> str:
        """The reply on one line of at most 500 characters, as the ledger keeps it."""
        first, *rest = self.lines
        enhanced = self.enhanced
        if enhanced and rest:  # a multi-line reply repeats its code on each line
            rest = [line.removeprefix(enhanced).strip() for line in rest]
        return f"{self.code} {' '.join([first, *rest])}".strip()[:500]


class ReplyReader:
    """Bytes in, whole replies out."""

    def __init__(self) -> None:
        self._buffer = b""
        self._code = 0
        self._lines: list[str] = []

    @property
    def unfinished(self) -> bool:
        """Whether the end of a reply is still missing."""
        return bool(self._buffer or self._lines)

    def feed(self, data: bytes) -> list[SmtpReply]:
        """The replies that `data` completes. Raises ProtocolError, after which the reader cannot be used."""
        whole, end, self._buffer = (self._buffer + data).rpartition(b"\n")
        if len(self._buffer) > MAX_LINE:
            raise ProtocolError("a line without an end")
        replies: list[SmtpReply] = []
        for line in whole.split(b"\n") if end else ():
            reply = (None if self._lines else parse_short_reply(line)) or self.line(line.removesuffix(b"\r"))
            if reply is not None:
                replies.append(reply)
        return replies

    def line(self, line: bytes) -> SmtpReply | None:
        """The reply that `line`, without its end, completes. Raises ProtocolError."""
        found = _LINE.fullmatch(line)
        if found is None or len(line) > MAX_LINE:
            raise ProtocolError(f"{line[:60]!r}")
        code = int(found[1])
        if self._lines and code != self._code:
            raise ProtocolError(f"{line[:60]!r} in the middle of a {self._code}")
        self._code = code
        self._lines.append(
            _CONTROLS.sub(" ", (found[3] or b"").decode("utf-8", "replace")).strip()[:KEPT_LENGTH]
        )
        if len(self._lines) > MAX_LINES:
            raise ProtocolError(f"a reply of more than {MAX_LINES} lines")
        if found[2] == b"-":
            return None
        lines, self._lines = tuple(self._lines), []
        return SmtpReply(code, lines)


@lru_cache(maxsize=256)
def parse_short_reply(line: bytes) -> SmtpReply | None:
    """A reply of one short line, cached because a server sends the same few over and over; None for any other
    line.
    """
    if len(line) > 100 or line[3:4] == b"-":
        return None
    try:
        return ReplyReader().line(line.removesuffix(b"\r"))
    except ProtocolError:
        return None
