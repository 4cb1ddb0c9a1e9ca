"""SMTP as bytes (RFC 5321), without I/O: a server's replies, parsed as they arrive, the extensions it offers,
and the commands to send.
"""

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

from publisher.core.mail.message import Message, Phase

MAX_LINE = 2_048
"""Octets, four times what RFC 5321 4.5.3.1.5 allows. A longer line is not a reply."""

MAX_LINES = 256
"""Lines of one reply; a server that sends more is not speaking SMTP."""

KEPT_LENGTH = 512
"""Characters kept of each line: what RFC 5321 4.5.3.1.5 allows."""

MAX_UNREAD = 8
"""Unread replies after which the server counts as broken; at most five are ever outstanding."""

END = b".\r\n"
"""The end of the data (RFC 5321 4.1.1.4), once the data itself ended in CRLF."""

_BREAKS = re.compile("[\x00-\x1f<>\x7f]")
_XTEXT, _NOT_XTEXT = re.compile(r"[!-*,-<>-~]*"), re.compile(rb"[^!-*,-<>-~]")
_DOT = re.compile(rb"(^|\r\n|\n|\r)\.")
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


@dataclass(frozen=True)
class ServerExtensions:
    """The extensions a server offered in its answer to EHLO, by name, with their parameters."""

    offered: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])

    def __contains__(self, name: str) -> bool:
        return name in self.offered

    @cached_property
    def size(self) -> int:
        """The largest message that the server accepts, in octets; 0 if it names no limit (RFC 1870 3)."""
        words = self.offered.get("SIZE", ())
        return int(words[0]) if words and words[0].isdecimal() and len(words[0]) <= 20 else 0

    @property
    def logins(self) -> Sequence[str]:
        """The SASL mechanisms (RFC 4954 3)."""
        return self.offered.get("AUTH", ())


def parse_extensions(reply: SmtpReply) -> ServerExtensions:
    """The extensions in a reply to EHLO (RFC 5321 4.1.1.1), whose first line is the server's name."""
    offered: dict[str, Sequence[str]] = {}
    for line in reply.lines[1:]:
        name, *words = line.upper().replace("AUTH=", "AUTH ").split() or [""]
        offered[name] = [*offered.get(name, ()), *words]
    return ServerExtensions(offered)


@dataclass(frozen=True, slots=True)
class ServerRefusal:
    """Why this server can never accept a message. In phase SENDER it would accept none of the mailing, so the
    refusal does not count against the reader.
    """

    why: str
    phase: Phase = Phase.SENDER


def envelope(message: Message, extensions: ServerExtensions) -> tuple[bytes, bytes] | ServerRefusal:
    """The MAIL and RCPT commands, with the parameters the server offers: SIZE (RFC 1870), BODY (RFC 6152),
    SMTPUTF8 (RFC 6531), RET, ENVID and ORCPT (RFC 3461). A ServerRefusal where it lacks an extension that the
    message needs.
    """
    sender, recipient = message.envelope.mail_from, message.envelope.rcpt_to
    phase = Phase.SENDER if recipient.isascii() or not sender.isascii() else Phase.DATA
    if _BREAKS.search(sender) or _BREAKS.search(recipient):
        return ServerRefusal("the address cannot be written in a command", Phase.DATA)
    plain, offered = message.plain or message.data.isascii(), extensions.offered
    utf8 = not (sender.isascii() and recipient.isascii())
    utf8 = utf8 or not (plain or message.data.partition(b"\r\n\r\n")[0].isascii())
    if utf8 and "SMTPUTF8" not in offered:
        address = "the address" if phase is Phase.DATA else "the sender's address"
        why = f"{address} has letters that this server cannot take (it offers no SMTPUTF8)"
        return ServerRefusal(why, phase)
    if not plain and "8BITMIME" not in offered:
        why = "the message has bytes that this server cannot take (it offers no 8BITMIME)"
        return ServerRefusal(why, phase)
    if extensions.size and len(message.data) > extensions.size:
        return ServerRefusal(
            f"the message has {len(message.data):,} octets, the server takes {extensions.size:,}"
        )
    mail, rcpt = f"MAIL FROM:<{sender}>", f"RCPT TO:<{recipient}>"
    if "SIZE" in offered:
        mail += f" SIZE={len(message.data)}"
    if not plain or (utf8 and "8BITMIME" in offered):
        mail += " BODY=8BITMIME"
    if utf8:
        mail += " SMTPUTF8"
    if "DSN" in offered:
        mail += f" RET=HDRS ENVID={xtext(message.key)[:100]}"
        rcpt += f" ORCPT={'rfc822' if recipient.isascii() else 'utf-8'};{xtext(recipient, utf8=utf8)}"
    return f"{mail}\r\n".encode(), f"{rcpt}\r\n".encode()


def xtext(text: str, *, utf8: bool = False) -> str:
    """xtext (RFC 3461 4): "+", "=" and all but visible ASCII as "+XX"; with `utf8` as in RFC 6533 3, where
    characters beyond ASCII stay as they are.
    """
    if _XTEXT.fullmatch(text) and not (utf8 and "\\" in text):
        return text
    if utf8:
        return re.sub(r"[\x00-\x20+=\\\x7f]", lambda c: rf"\x{{{ord(c[0]):02X}}}", text)
    return _NOT_XTEXT.sub(lambda c: b"+%02X" % ord(c[0]), text.encode()).decode("ascii")


def dot_stuffed(data: bytes) -> bytes:
    """`data` as it is sent: dots at the start of a line doubled (RFC 5321 4.5.2), and CRLF at its end. A lone
    CR or LF counts as a line end too, because a lax server might take what follows for the end of the data
    ("SMTP smuggling").
    """
    if b"\n." in data or b"\r." in data or data.startswith(b"."):
        if b"\r." in data or data.startswith(b".") or data.count(b"\n.") != data.count(b"\r\n."):
            data = _DOT.sub(rb"\1..", data)
        else:  # nearly every message, and forty times as fast
            data = data.replace(b"\r\n.", b"\r\n..")
    return data if data.endswith(b"\r\n") else data + b"\r\n"


def auth_plain(username: str, password: str) -> bytes:
    """AUTH PLAIN with its initial response (RFC 4616)."""
    return b"AUTH PLAIN " + base64.b64encode(f"\0{username}\0{password}".encode()) + b"\r\n"


def login_response(text: str) -> bytes:
    """A response to a challenge of AUTH LOGIN."""
    return base64.b64encode(text.encode()) + b"\r\n"


def mask_credentials(text: str, username: str, password: str) -> str:
    """`text` without the password, in any encoding that a server may have echoed."""
    if not password:
        return text
    secrets = [
        password,
        *(part.decode().split()[-1] for part in (auth_plain(username, password), login_response(password))),
    ]
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, "…")
    return text
