"""SMTP commands as bytes, and the extensions that a server offers. Pure functions, no I/O."""

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from publisher.core.mail.message import Message, Phase
from publisher.transports.smtp.protocol import SmtpReply

END = b".\r\n"
"""The end of the data (RFC 5321 4.1.1.4), once the data itself ended in CRLF."""

_BREAKS = re.compile("[\x00-\x1f<>\x7f]")
_XTEXT, _NOT_XTEXT = re.compile(r"[!-*,-<>-~]*"), re.compile(rb"[^!-*,-<>-~]")
_DOT = re.compile(rb"(^|\r\n|\n|\r)\.")


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
