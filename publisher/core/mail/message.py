"""A message: MIME bytes and envelope, made from segments frozen once for a cohort and a reader's values.

A recipe is a tuple of strings: "s:<sha256>" names a stored byte segment, "p:<place>" a reader's value.
Filling a recipe is joining bytes: no parsing, no rendering, nothing of one reader can reach another.

Plain text on its way into a mail.

What wrapping and translating must know of it travels inside it, as noncharacters: no text may hold these
(Unicode 23.7), so nothing an author writes can be taken for one. `plain` takes them out.
"""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Placeholder(StrEnum):
    """Where a reader's own value goes. Tokens and MESSAGE_ID are URL-safe ASCII; TO and DATE are header
    values as `headers.to_value` and `headers.date_value` write them.
    """

    TO = "to"
    DATE = "date"
    MESSAGE_ID = "message-id"  # its left part: the message brings "<", "@", the From domain and ">" itself
    UNSUBSCRIBE = "unsubscribe"  # the token, not the URL
    CONFIRM = "confirm"  # the token, not the URL
    PREFERENCES = "preferences"  # the token, not the URL
    VIEW = "view"  # the token, not the URL
    EXPORT = "export"  # the token, not the URL
    ERASE = "erase"  # the token, not the URL
    ADDRESS = "address"  # the token, not the URL
    NEVER_ASK = "never-ask"  # the token, not the URL


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """What SMTP says before DATA (RFC 5321 2.3.1). Both are addr-specs; `mail_from` may be empty."""

    mail_from: str
    rcpt_to: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message for one reader. `key` names the delivery, the same on every attempt ("12-000345");
    `data` is the whole message with CRLF line ends, not dot-stuffed; `dotless`: it is known that none of its
    lines begins with a dot; `plain`: that it is ASCII.
    """

    key: str
    message_id: str
    envelope: Envelope
    data: bytes
    dotless: bool = False
    plain: bool = False


class SendVerdict(StrEnum):
    """What a transport says of one message."""

    ACCEPTED = "accepted"
    DEFERRED = "deferred"
    REJECTED = "rejected"
    UNKNOWN = "unknown"


class Phase(StrEnum):
    """How far a message had come when its outcome was decided."""

    QUOTA = "quota"  # the relays take no more for a while
    CONNECT = "connect"  # there was no connection, TLS or login: nothing is the message's fault
    SENDER = "sender"  # the server would not take mail from this sender, or would not take any now
    RECIPIENT = "recipient"  # the server would not take this recipient
    DATA = "data"  # before the end of the data
    END = "end"  # the answer to the whole message, or none


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A verdict with the server's words ("250 2.0.0 queued as 4Z..."), one line, at most 500 characters.
    `until`: when a message may be tried again, where a quota is used up.
    """

    verdict: SendVerdict
    reply: str = ""
    phase: Phase = Phase.END
    until: datetime | None = None


Segment = bytes | Placeholder
Recipe = tuple[str, ...]


def fill(segments: Sequence[Segment], values: Mapping[Placeholder, bytes]) -> bytes:
    """The finished bytes. Raises KeyError when a reader's value is missing: better none than half a mail."""
    return b"".join([values[s] if isinstance(s, Placeholder) else s for s in segments])


class SegmentTemplate:
    """Segments to be filled for many readers: what is a place was looked for once."""

    __slots__ = ("_holes", "_pieces", "places")

    def __init__(self, segments: Sequence[Segment]) -> None:
        self._holes = [(at, s) for at, s in enumerate(segments) if isinstance(s, Placeholder)]
        self._pieces = [b"" if isinstance(s, Placeholder) else s for s in segments]
        self.places = frozenset(place for _, place in self._holes)

    def fill(self, values: Mapping[Placeholder, bytes], before: bytes = b"") -> bytes:
        """`fill`, with `before` in front of it. Raises KeyError."""
        pieces = self._pieces.copy()
        for at, place in self._holes:
            pieces[at] = values[place]
        pieces.insert(0, before)
        return b"".join(pieces)


def is_dotless(segments: Sequence[Segment]) -> bool:
    """Whether no line of a message begins with a dot, whatever its places are filled with.
    Values of places hold no line break, and none begins with a dot where a place stands first on a line.
    """
    whole = b"".join(b"x" if isinstance(segment, Placeholder) else segment for segment in segments)
    return not (b"\n." in whole or b"\r." in whole or whole.startswith(b"."))


@dataclass(frozen=True, slots=True, kw_only=True)
class EmailContent:
    """Everything a cohort's message is composed of, before it is bytes.

    `sender` and `reply_to` are RFC 5322 mailboxes ("Name <local@domain>"). `list_id` is the dotted id
    of RFC 2919; empty for transactional mail, which then carries no List-* header and is no bulk.
    `unsubscribe` is the one-click URL. `marks` maps the marks that stand in content and URLs to the
    places they are cut out for. `feedback_id` names no reader.
    """

    subject: str
    text: str
    html: str
    sender: str
    reply_to: str = ""
    list_id: str = ""
    list_title: str = ""
    unsubscribe: str = ""
    help: str = ""
    archive: str = ""
    feedback_id: str = ""
    marks: Mapping[str, Placeholder] = field(default_factory=dict[str, Placeholder])


def cut(text: str, marks: Mapping[str, Placeholder]) -> list[str | Placeholder]:
    """`text` with each mark replaced by its place: static strings and places, in order, no empty strings."""
    pieces: list[str | Placeholder] = [text]
    for mark, place in sorted(marks.items(), key=lambda item: -len(item[0])):  # none hides in a longer one
        split: list[str | Placeholder] = []
        for piece in pieces:
            if isinstance(piece, Placeholder):
                split.append(piece)
                continue
            first, *rest = piece.split(mark)
            split.append(first)
            for part in rest:
                split += [place, part]
        pieces = split
    return [piece for piece in pieces if piece != ""]


WIDTH = 74
"""Columns of a mail's text part: quoted once or twice in a reply, it still fits 78."""

FIRST_WIDE = "\u1100"
"""No character before it is wide (Unicode Standard Annex 11)."""

VERBATIM = "\ufdd0"
"""Begins a line that stays as it is, white space and all: code, or a row of a table."""

HANG = "\ufdd1"
"""Stands between what begins a line ("- ", "> ") and its words; continuation lines are set in as far."""

CODE, END_CODE = "\ufdd2", "\ufdd3"
"""Around code within a sentence: no line is broken inside it."""

WORDS, END_WORDS = "\ufdd4", "\ufdd5"
"""Around English words of our own, to be said in the language of the mail."""

WATCH, LISTEN = "Watch the video", "Listen to the recording"
"""Words of ours for what a mail cannot play."""

_MARKS = dict.fromkeys(map(ord, (VERBATIM, HANG, CODE, END_CODE, WORDS, END_WORDS)))


def plain(text: str) -> str:
    """`text` without marks."""
    return text if text.isascii() else text.translate(_MARKS)


def finished(text: str) -> str:
    """A whole text part: verbatim lines as they are; elsewhere no white space at line ends and no more than
    one blank line in a row. No marks are left."""
    lines: list[str] = []
    blank = True
    for line in text.split("\n"):
        if VERBATIM in line:
            lines.append(plain(line))
            blank = False
            continue
        shown = plain(line).rstrip(" \t")
        if shown or not blank:
            lines.append(shown)
        blank = not shown
    return "\n".join(lines).rstrip("\n") + "\n"


def columns(text: str) -> int:
    """How many columns `text` takes at most: two for each wide character, one for every other."""
    if text.isascii() or max(text) < FIRST_WIDE:
        return len(text)
    return len(text) + sum(unicodedata.east_asian_width(char) in "WF" for char in text)
