"""A message: MIME bytes and envelope, made of segments frozen once for a cohort and a reader's own values.

A recipe is a tuple of strings: "s:<sha256>" names a stored byte segment, "p:<placeholder>" a reader's value,
"p:<placeholder>.<hex>.<hex>" one in a body that is base64 (`EncodedPlaceholder`).
Filling a recipe only joins bytes: nothing is parsed or rendered, so no reader's values can reach another.

The plain text of a mail carries marks for wrapping and translation. They are noncharacters, which no text may
contain (Unicode 23.7), so nothing an author writes can be mistaken for one. `strip_marks` removes them.

Also what the lint (core.mail.lint) finds in a message, and what it has to know about it.
"""

import binascii
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Placeholder(StrEnum):
    """The place of a reader's own value. Tokens and MESSAGE_ID are URL-safe ASCII; TO and DATE are header
    values written by `headers.to_value` and `headers.date_value`.
    """

    TO = "to"
    DATE = "date"
    MESSAGE_ID = "message-id"  # the left part: the message itself has "<", "@", the domain of From and ">"
    UNSUBSCRIBE = "unsubscribe"  # the token, not the URL
    CONFIRM = "confirm"  # the token, not the URL
    PREFERENCES = "preferences"  # the token, not the URL
    VIEW = "view"  # the token, not the URL
    EXPORT = "export"  # the token, not the URL
    ERASE = "erase"  # the token, not the URL
    ADDRESS = "address"  # the token, not the URL
    NEVER_ASK = "never-ask"  # the token, not the URL
    UNSUBSCRIBE_TAG = "unsubscribe-tag"  # what `unsubscribe_tag` makes: follows the "+" of a local part


@dataclass(frozen=True, slots=True)
class EncodedPlaceholder:
    """The place of a reader's own value in a body that is base64: `before` and `after` are the bytes next to
    it that share its groups of three, at most two each.
    """

    place: Placeholder
    before: bytes
    after: bytes

    @property
    def value(self) -> str:
        """As recipes name it: "unsubscribe.2f.0d0a"."""
        return f"{self.place.value}.{self.before.hex()}.{self.after.hex()}"

    def encoded(self, value: bytes) -> bytes:
        """The line of base64 that holds a reader's value."""
        return binascii.b2a_base64(self.before + value + self.after, newline=False)


def parse_placeholder(name: str) -> "Placeholder | EncodedPlaceholder":
    """The placeholder that a recipe names. Raises ValueError if there is no such."""
    place, *around = name.split(".")
    if not around:
        return Placeholder(place)
    before, after = map(bytes.fromhex, around)
    return EncodedPlaceholder(Placeholder(place), before, after)


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """The SMTP envelope (RFC 5321 2.3.1). Both are addr-specs; `mail_from` may be empty."""

    mail_from: str
    rcpt_to: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message for one reader. `key` identifies the delivery and is the same on every attempt
    ("12-000345"). `data` is the whole message with CRLF line ends, not dot-stuffed. `dotless`: no line is
    known to begin with a dot; `plain`: it is known to be ASCII.
    """

    key: str
    message_id: str
    envelope: Envelope
    data: bytes
    dotless: bool = False
    plain: bool = False


class MailTransport(StrEnum):
    """The ways mail leaves: what `mail.transport` may be. What sends by each is in publisher/transports."""

    OUTBOX = "outbox"
    SMTP = "smtp"

    @property
    def leaves_machine(self) -> bool:
        """Whether readers get the mail: it does not stay in a folder."""
        return self is not MailTransport.OUTBOX


class SendVerdict(StrEnum):
    """The outcome of one message, according to a transport."""

    ACCEPTED = "accepted"
    DEFERRED = "deferred"
    REJECTED = "rejected"
    UNKNOWN = "unknown"


class Phase(StrEnum):
    """How far a message got before its outcome was decided."""

    QUOTA = "quota"  # the relays take no more messages for a while
    CONNECT = "connect"  # no connection, TLS or login: not the message's fault
    SENDER = "sender"  # the server refused the sender, or takes no mail now
    RECIPIENT = "recipient"  # the server refused this recipient
    DATA = "data"  # before the end of the data
    END = "end"  # the reply to the whole message, or none


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A verdict and the server's reply ("250 2.0.0 queued as 4Z..."), one line of at most 500 characters.
    `until` is when the message may be tried again, if a quota is used up.
    """

    verdict: SendVerdict
    reply: str = ""
    phase: Phase = Phase.END
    until: datetime | None = None


Segment = bytes | Placeholder | EncodedPlaceholder
Recipe = tuple[str, ...]


def fill(segments: Sequence[Segment], values: Mapping[Placeholder, bytes]) -> bytes:
    """The finished bytes. Raises KeyError if a reader's value is missing: better no mail than half of one."""
    return SegmentTemplate(segments).fill(values)


class SegmentTemplate:
    """Segments to be filled in for many readers: the placeholders are found only once."""

    __slots__ = ("_encoded", "_holes", "_pieces", "places")

    def __init__(self, segments: Sequence[Segment]) -> None:
        self._holes = [(at, s) for at, s in enumerate(segments) if isinstance(s, Placeholder)]
        self._encoded = [(at, s) for at, s in enumerate(segments) if isinstance(s, EncodedPlaceholder)]
        self._pieces = [s if isinstance(s, bytes) else b"" for s in segments]
        self.places = frozenset([*(s for _, s in self._holes), *(s.place for _, s in self._encoded)])

    def fill(self, values: Mapping[Placeholder, bytes], before: bytes = b"") -> bytes:
        """The same as `fill`, after the bytes `before`. Raises KeyError."""
        pieces = self._pieces.copy()
        for at, place in self._holes:
            pieces[at] = values[place]
        for at, encoded in self._encoded:
            pieces[at] = encoded.encoded(values[encoded.place])
        pieces.insert(0, before)
        return b"".join(pieces)


def is_dotless(segments: Sequence[Segment]) -> bool:
    """Whether no line of a message begins with a dot, whatever fills the placeholders. Values contain no line
    break, and the value of a placeholder at the start of a line never begins with a dot.
    """
    whole = b"".join(segment if isinstance(segment, bytes) else b"x" for segment in segments)
    return not (b"\n." in whole or b"\r." in whole or whole.startswith(b"."))


@dataclass(frozen=True, slots=True, kw_only=True)
class EmailContent:
    """Everything a cohort's message is composed of, before it becomes bytes.

    `sender` and `reply_to` are RFC 5322 mailboxes ("Name <local@domain>"). `list_id` is the dotted id of
    RFC 2919, empty for transactional mail, which has no List-* headers and is not bulk. `unsubscribe` is the
    one-click URL, and mail to `unsubscribe_mailbox` (local part, domain) unsubscribes too. `marks` maps the
    marks in content and URLs to the placeholders that replace them. `feedback_id` identifies no reader.
    """

    subject: str
    text: str
    html: str
    sender: str
    reply_to: str = ""
    list_id: str = ""
    list_title: str = ""
    unsubscribe: str = ""
    unsubscribe_mailbox: tuple[str, str] | None = None
    help: str = ""
    archive: str = ""
    feedback_id: str = ""
    marks: Mapping[str, Placeholder] = field(default_factory=dict[str, Placeholder])


def split_at_marks(text: str, marks: Mapping[str, Placeholder]) -> list[str | Placeholder]:
    """`text` with each mark replaced by its placeholder: strings and placeholders in order, without empty
    strings.
    """
    pieces: list[str | Placeholder] = [text]
    for mark, place in sorted(
        marks.items(), key=lambda item: -len(item[0])
    ):  # one may be part of a longer one
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


TEXT_WIDTH = 74
"""Columns of a mail's text part: its lines still fit 78 when they are quoted once or twice in a reply."""

FIRST_WIDE_CHARACTER = "\u1100"
"""No earlier character is wide (UAX 11)."""

VERBATIM = "\ufdd0"
"""At the beginning of a line that must not change, white space included: code, or a row of a table."""

HANGING_INDENT = "\ufdd1"
"""After the prefix of a line ("- ", "> "): continuation lines are indented to this column."""

START_CODE, END_CODE = "\ufdd2", "\ufdd3"
"""Around code in a sentence: lines are not broken inside it."""

START_TRANSLATABLE, END_TRANSLATABLE = "\ufdd4", "\ufdd5"
"""Around Publisher's own English words, to be translated into the language of the mail."""

WATCH_TEXT, LISTEN_TEXT = "Watch the video", "Listen to the recording"
"""Link texts for media that a mail cannot play."""

BACK_URL = r"#(?:user-content-)?(?:fn-?ref|footnote-?ref|ftnref|_ftnref|_ednref|cite_ref)"
"""A regular expression: what links from a footnote back to the text lead to, whatever engine made them."""

_MARKS = dict.fromkeys(
    map(ord, (VERBATIM, HANGING_INDENT, START_CODE, END_CODE, START_TRANSLATABLE, END_TRANSLATABLE))
)


def strip_marks(text: str) -> str:
    """`text` without the marks."""
    return text if text.isascii() else text.translate(_MARKS)


def finish_text(text: str) -> str:
    """The finished text part, without marks: verbatim lines as they are, elsewhere no trailing white space
    and no more than one blank line in a row.
    """
    lines: list[str] = []
    blank = True
    for line in text.split("\n"):
        if VERBATIM in line:
            lines.append(strip_marks(line))
            blank = False
            continue
        shown = strip_marks(line).rstrip(" \t")
        if shown or not blank:
            lines.append(shown)
        blank = not shown
    return "\n".join(lines).rstrip("\n") + "\n"


def display_width(text: str) -> int:
    """How many columns `text` takes at most: two for a wide character, one for any other."""
    if text.isascii() or max(text) < FIRST_WIDE_CHARACTER:
        return len(text)
    return len(text) + sum(unicodedata.east_asian_width(char) in "WF" for char in text)


class LintRule(StrEnum):
    """A rule of the lint, by the name that `--force` and `--force-ok` take."""

    SIZE = "size"  # HTML so long that mailboxes hide its end, styles so long that they drop them
    CONTRAST = "contrast"  # text that is hard to read, in light or dark mode
    ALT = "alt"  # a picture without alternative text
    LINK = "link"  # a link that does not work from a mail
    PLACEHOLDER = "placeholder"  # what should have been filled in
    CLIENTS = "clients"  # styles that too few mail clients support
    CONTENT = "content"  # scripts, forms, external resources, control characters
    STRUCTURE = "structure"  # doctype, language, headings, tables, preheader
    HEADERS = "headers"  # what mail servers and mailboxes require of the header
    UNSUBSCRIBE = "unsubscribe"  # the unsubscribe link, in every part
    TEXT = "text"  # the text part


@dataclass(frozen=True, slots=True, kw_only=True)
class LintProblem:
    """One finding. `where` is "headers", "subject", "html" or "text"; an `error` stops the send."""

    rule: LintRule
    where: str
    what: str
    error: bool = True

    def __str__(self) -> str:
        return f"{self.where}: {self.what} [{self.rule.value}]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Letterhead:
    """What the lint must know about a message: `bulk` mail needs an unsubscribe link, `unsubscribe` is its
    URL; `local`: the mail stays on this machine, so addresses of this machine are no mistake.
    """

    bulk: bool
    unsubscribe: str = ""
    local: bool = False
