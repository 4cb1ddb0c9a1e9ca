"""Mail that comes back: delivery reports, complaints and automatic replies, read into values.

    multipart/report; report-type=delivery-status   RFC 3464, and RFC 6533 for addresses beyond ASCII
    multipart/report; report-type=feedback-report   RFC 5965, what providers send when a reader complains
    anything else                                   an automatic reply (RFC 3834), text of an old mail server

The bytes come from strangers. Nothing here raises, whatever they are, and no more of a message is looked at
than `MAX_SIZE` bytes, `MAX_PARTS` parts and `MAX_DEPTH` levels of them. Anybody can write a report: it is
about a message only if it holds what this site alone can have made for that message (`reported_delivery`).
"""

import binascii
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice

from publisher.core.caching import lazy
from publisher.core.delivery.bounces import (
    ReportKind,
    Severity,
    bounce_severity,
    parse_message_id,
    parse_return_path,
    parse_unsubscribe_address,
)
from publisher.core.errors import TokenError
from publisher.core.mail.mime import DELIVERY_HEADER
from publisher.core.tokens import KeyRing

MAX_SIZE = 256 * 1024
"""Bytes of a message that are looked at. The report comes before the message that it returns."""

MAX_PARTS, MAX_DEPTH, MAX_FIELDS, MAX_RECIPIENTS = 60, 4, 500, 50

MAX_REPLY, MAX_WORDS = 500, 20_000
"""Characters of a server's reply that are kept, and of its words in which one is looked for."""

_BLANK_LINE = lazy(rb"\n[ \t]*\n")
_TYPE = lazy(r"\s*([a-z0-9.+-]+/[a-z0-9.+-]+)", re.IGNORECASE)
_BOUNDARY = lazy(r"\bboundary\s*=\s*(?:\"([^\"]{1,200})\"|([^\s;\"]{1,200}))", re.IGNORECASE)
_ADDRESS = lazy(r"[^\s<>()\[\],;:\"']{1,320}@[^\s<>()\[\],;:\"'@]{1,255}")
_MESSAGE_ID = lazy(r"<([^<>\s]{1,500})>")
_APPENDED_PATH = lazy(r"^[> ]{0,3}return-path:[ \t]*(<[^<>\s]{1,400}>)", re.IGNORECASE | re.MULTILINE)
_APPENDED_ID = lazy(
    r"^[> ]{0,3}message-id:[ \t]*(?:\n[ \t]+)?(<[^<>\s]{1,500}>)", re.IGNORECASE | re.MULTILINE
)
_APPENDED_DELIVERY = lazy(
    rf"^[> ]{{0,3}}{DELIVERY_HEADER}:[ \t]*([0-9a-f.]{{1,60}})", re.IGNORECASE | re.MULTILINE
)
_STATUS = lazy(r"([245])\.(\d{1,3})\.(\d{1,3})(?![\d.])")
_REPLY = lazy(
    r"(?P<code>[245]\d\d)(?:[ -]+|$)(?:(?P<enhanced>[245]\.\d{1,3}\.\d{1,3})(?![\d.])[ :-]*)?(?P<words>.*)"
)
_UNICODE, _XTEXT = lazy(r"\\x\{([0-9a-f]{1,6})\}"), lazy(r"\+([0-9a-f]{2})")

_WITH_CODES = lazy(r"(?<![\d.])[45]\d\d[ -]{1,3}[45]\.\d{1,3}\.\d{1,3}(?![\d.])[^\n]{0,400}")
_CODE_BEHIND = lazy(r"\(#(([45])\.\d{1,3}\.\d{1,3})\)")
_SAID = lazy(
    r"(?:\bsaid|\berror|\breply|\bresponse|\bserver|\])[^\n\d]{0,40}([45]\d\d[ -][^\n]{1,400})",
    re.IGNORECASE,
)
_COPY = lazy(
    r"^.{0,40}\bcopy of (?:the|your) message|^[> ]{0,3}(?:return-path|received|message-id):",
    re.IGNORECASE | re.MULTILINE,
)
"""Where an old server's words end and the message that it returns begins."""

_TELLS_WHY = lazy(
    r"\b(?:user|mailbox|recipient|account|address|unknown|quota|full|disabled|exist|no such)", re.IGNORECASE
)
_OUT_OF_OFFICE = lazy(
    r"\s*(?:(?:re|aw):\s*)?(?:out[ -]of[ -](?:the[ -])?office|auto(?:matic)?[ -]?(?:reply|response|responder)"
    r"|abwesenheit|automatische antwort|r.ponse automatique|respuesta autom)",
    re.IGNORECASE,
)
_SERVERS = frozenset(
    {"mailer-daemon", "mailer_daemon", "mailerdaemon", "postmaster", "mail-daemon", "mdaemon", "mmdf"}
)
"""Who signs the reports of mail servers (RFC 3834 2), before the @."""

_SENT_TO = (
    "x-original-to", "delivered-to", "envelope-to", "x-envelope-to", "x-delivered-to", "apparently-to", "to",
)  # fmt: skip
"""The headers that name whom a message was sent to, best first. Postfix writes the first two, Exim the
third.
"""

_RETURNED = frozenset({"message/rfc822", "message/global", "text/rfc822-headers", "message/global-headers"})
_STATUS_PARTS = frozenset({"message/delivery-status", "message/global-delivery-status"})

_NO_COMPLAINTS = frozenset({"not-spam", "auth-failure", "dmarc", "virus"})
"""Feedback that is not a reader's complaint: RFC 6430, RFC 6591; a virus is the reader's own machine's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedRecipient:
    """One failure in a report. `reply` is written as a server replies by SMTP, "550 5.1.1 no such user".
    `addresses` are whom it is about: as the report has it, and as the message had it.
    """

    reply: str
    addresses: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class MailReport:
    """A message that came back. `sent_to` are the addresses it was sent to, best first. `return_paths` and
    `message_ids` are those of the message that it returns; X-Publisher-Delivery is taken for one of the last.
    `by_server`: it looks as if a mail server wrote it; if its kind is OTHER, it may be an old bounce.
    `text` is its first text.
    """

    kind: ReportKind
    failures: tuple[FailedRecipient, ...] = ()
    sent_to: tuple[str, ...] = ()
    return_paths: tuple[str, ...] = ()
    message_ids: tuple[str, ...] = ()
    by_server: bool = False
    text: str = field(default="", repr=False)


Fields = Mapping[str, Sequence[str]]
"""Header fields: lower-case name -> values, unfolded."""


@dataclass(frozen=True, slots=True)
class _Part:
    type: str
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")


def read_report(raw: bytes) -> MailReport:
    """What a message says that came back. Never raises."""
    raw = raw[:MAX_SIZE].replace(b"\r\n", b"\n")
    if raw.startswith(b"From "):  # the envelope line of mbox, which some pipes pass on
        raw = raw.partition(b"\n")[2]
    fields, body = _split_message(raw)
    parts = list(_parts(fields, body))
    text = next((part.text for part in parts if part.type == "text/plain"), "")
    statuses = [part for part in parts if part.type in _STATUS_PARTS]
    feedback = next((_fields(part.body) for part in parts if part.type == "message/feedback-report"), None)
    failures: list[FailedRecipient] = []
    by_server = _is_by_server(fields)  # even if it calls itself an automatic reply, as Postfix and Exim do
    if feedback is not None:
        what = _first(feedback, "feedback-type").lower()
        kind = ReportKind.OTHER if what in _NO_COMPLAINTS else ReportKind.COMPLAINT
    elif statuses:
        kind, failures = _read_statuses(statuses)
    else:
        kind = ReportKind.OTHER if by_server or not _is_auto_reply(fields) else ReportKind.AUTO_REPLY
    by_server = by_server or (kind is not ReportKind.AUTO_REPLY and _first(fields, "return-path") == "<>")
    returned = [_split_message(part.body)[0] for part in parts if part.type in _RETURNED]
    paths = [*_values(feedback or {}, "original-mail-from"), *(_first(it, "return-path") for it in returned)]
    ids = [_first(it, "message-id") for it in returned]
    lefts = [_first(it, DELIVERY_HEADER.lower()) for it in returned]  # where a provider replaced Message-ID
    if by_server and not returned:  # an old server appends the message, or its header, to its own words
        paths += [found[1] for found in _APPENDED_PATH.finditer(text)]
        ids += [found[1] for found in _APPENDED_ID.finditer(text)]
        lefts += [found[1] for found in _APPENDED_DELIVERY.finditer(text)]
    named = [found[1] for value in ids[:MAX_RECIPIENTS] for found in _MESSAGE_ID.finditer(value)]
    named += [f"{left}@" for left in lefts[:MAX_RECIPIENTS] if left]
    return MailReport(
        kind=kind,
        failures=tuple(failures),
        sent_to=_addresses(value for name in _SENT_TO for value in _values(fields, name)),
        return_paths=_addresses(paths),
        message_ids=tuple(named),
        by_server=by_server,
        text=text,
    )


def reported_delivery(report: MailReport, ring: KeyRing) -> tuple[int, int] | None:
    """(mailing, n) of the delivery that a report is about: by whom it was sent to, or by the message that it
    returns. None: it holds nothing that only this site can have made, and must change nothing.
    """
    readers: list[tuple[Callable[[str, KeyRing], tuple[int, int]], Sequence[str]]] = [
        (parse_return_path, report.sent_to),
        (parse_return_path, report.return_paths),
        (parse_message_id, report.message_ids),
    ]
    for parse, texts in readers:
        for text in texts:
            with suppress(TokenError):
                return parse(text, ring)
    return None


def unsubscribed_delivery(report: MailReport, ring: KeyRing) -> tuple[int, int] | None:
    """(mailing, n) of the delivery whose reader unsubscribes by this mail, or None. A mail server that
    returns something to that address asks for nothing.
    """
    if report.by_server or report.kind not in (ReportKind.OTHER, ReportKind.AUTO_REPLY):
        return None
    for address in report.sent_to:
        with suppress(TokenError):
            return parse_unsubscribe_address(address, ring)
    return None


def judge_failures(failures: Sequence[FailedRecipient], address: str) -> tuple[str, Severity | None]:
    """(reply, severity) of what a report says about the reader of `address`. Where it names several others,
    because the address is an alias with several members, the mildest counts.
    """
    own = [one for one in failures if address.lower() in one.addresses] or failures
    judged = [(one.reply, bounce_severity(one.reply)) for one in own]
    order = (None, Severity.SOFT, Severity.HARD)
    return min(judged, key=lambda pair: order.index(pair[1]), default=("", None))


def reply_in_text(text: str) -> str:
    """The reply that the words of an old mail server hold, written as FailedRecipient has it. Without a code
    it is the line that tells why, with that of a permanent failure.
    """
    text = text[:MAX_WORDS]
    copied = _COPY.search(text)
    text = text[: copied.start()] if copied else text
    if found := _WITH_CODES.search(text):
        reply = found[0]
    elif found := _CODE_BEHIND.search(text):  # qmail: Sorry, no mailbox here by that name. (#5.1.1)
        line = text[: found.start()].rpartition("\n")[2]
        reply = f"{found[2]}50 {found[1]} {line}"
    elif found := _SAID.search(text):
        reply = found[1]
    else:
        lines = (line for line in text.splitlines() if "@" not in line and _TELLS_WHY.search(line))
        reply = f"550 {next(lines, '')}"
    return " ".join(reply.split())[:MAX_REPLY]


def _split_message(raw: bytes) -> tuple[Fields, bytes]:
    """The header fields of a message, and its body."""
    if raw.startswith(b"\n"):
        return {}, raw
    found = _BLANK_LINE.search(raw)
    return (_fields(raw), b"") if found is None else (_fields(raw[: found.start()]), raw[found.end() :])


def _fields(head: bytes) -> Fields:
    """The fields of a header block, or of one group of a report."""
    found: dict[str, list[str]] = {}
    number, last = 0, ""
    for line in head.decode("utf-8", "replace").split("\n"):
        if line[:1] in (" ", "\t"):
            if last:
                found[last][-1] += " " + line.strip()
            continue
        name, colon, value = line.partition(":")
        last = name.strip().lower() if colon and " " not in name.strip() else ""
        if last:
            number += 1
            if number > MAX_FIELDS:
                break
            found.setdefault(last, []).append(value.strip())
    return found


def _values(fields: Fields, name: str) -> Sequence[str]:
    return fields.get(name, ())


def _first(fields: Fields, name: str) -> str:
    return next(iter(fields.get(name, ())), "")


def _parts(fields: Fields, body: bytes) -> Iterator[_Part]:
    """The parts of a message that are no multipart themselves, in order. None of a returned message."""
    left, waiting = MAX_PARTS, [(fields, body, 0)]
    while waiting and left:
        left -= 1
        fields, body, depth = waiting.pop()
        value = _first(fields, "content-type")
        found = _TYPE.match(value)
        kind = found[1].lower() if found else "text/plain"
        if not kind.startswith("multipart/"):
            yield _Part(kind, _decoded(body, _first(fields, "content-transfer-encoding").strip().lower()))
            continue
        named = _BOUNDARY.search(value)
        if named is None or depth == MAX_DEPTH:
            continue
        mark = re.escape((named[1] or named[2]).encode("utf-8", "replace"))
        inner = re.split(rb"(?m)^--" + mark + rb"(?:--)?[ \t]*(?:\n|\Z)", body, maxsplit=MAX_PARTS)[1:]
        waiting += [(*_split_message(part), depth + 1) for part in reversed(inner[:MAX_PARTS])]


def _decoded(body: bytes, encoding: str) -> bytes:
    try:
        if encoding == "base64":
            return binascii.a2b_base64(body)
        return binascii.a2b_qp(body) if encoding == "quoted-printable" else body
    except ValueError:
        return body


def _read_statuses(parts: Sequence[_Part]) -> tuple[ReportKind, list[FailedRecipient]]:
    """The kind of a delivery report, and its failures (RFC 3464 2.3)."""
    actions: set[str] = set()
    failures: list[FailedRecipient] = []
    groups = (group for part in parts for group in _BLANK_LINE.split(part.body, maxsplit=MAX_RECIPIENTS))
    for group in groups:
        fields = _fields(group)
        action, status = _first(fields, "action").lower(), _STATUS.search(_first(fields, "status"))
        if not action and status is None:
            continue  # about the whole message, or no group of fields at all
        action = action.partition(" ")[0].strip(";") or (
            "failed" if status and status[1] == "5" else "delayed"
        )
        actions.add(action)
        if action == "failed" and len(failures) < MAX_RECIPIENTS:
            about = (_first(fields, name) for name in ("final-recipient", "original-recipient"))
            failures.append(
                FailedRecipient(
                    reply=_reply(status[0] if status else "", _first(fields, "diagnostic-code")),
                    addresses=frozenset(address for value in about for address in _typed_address(value)),
                )
            )
    if failures:
        return ReportKind.BOUNCE, failures
    if "delayed" in actions:
        return ReportKind.DELAY, failures
    delivered = actions & {"delivered", "relayed", "expanded"}
    return ReportKind.DELIVERED if delivered else ReportKind.OTHER, failures


def _reply(status: str, diagnostic: str) -> str:
    """The reply behind a failure. The words of the server that refused count before the status of the one
    that reports: some write 5.0.0 for everything.
    """
    kind, semicolon, words = diagnostic.partition(";")
    words = " ".join((words if semicolon else kind).split())
    found = _REPLY.match(words) if not semicolon or kind.strip().lower() == "smtp" else None
    if found is None:
        named = _STATUS.match(words)
        code, enhanced, rest = "", named[0] if named else "", words[named.end() :] if named else words
    else:
        code, enhanced, rest = found["code"], found["enhanced"] or "", found["words"]
    if not enhanced or (enhanced.split(".")[1] == "0" and status and status.split(".")[1] != "0"):
        enhanced = status
    code = code or f"{enhanced[:1] or '5'}50"
    return f"{code} {enhanced} {rest}".replace("  ", " ").strip()[:MAX_REPLY]


def _typed_address(value: str) -> Iterator[str]:
    """The address of a recipient field, "rfc822; ann@example.org", in the spellings it may have."""
    address = value.rpartition(";")[2].strip().strip("<>").lower()
    if "@" in address:
        yield address
        yield _UNICODE.sub(lambda found: chr(min(int(found[1], 16), 0x10FFFF)), address)  # RFC 6533 3
        yield _XTEXT.sub(lambda found: chr(int(found[1], 16)), address)  # RFC 3461 4


def _is_auto_reply(fields: Fields) -> bool:
    """Whether a program answered in a reader's name (RFC 3834, and what was used before it)."""
    submitted = _first(fields, "auto-submitted").lower()
    return (
        submitted.startswith(("auto-replied", "auto-notified"))
        or _first(fields, "precedence").lower() in ("auto_reply", "auto-reply")
        or not {"x-autoreply", "x-autorespond", "x-autoresponder", "x-auto-reply"}.isdisjoint(fields)
        or _OUT_OF_OFFICE.match(_first(fields, "subject")) is not None
    )


def _is_by_server(fields: Fields) -> bool:
    senders = _addresses([_first(fields, "from")])
    daemon = any(sender.partition("@")[0].lower() in _SERVERS for sender in senders)
    return daemon or "x-failed-recipients" in fields


def _addresses(values: Iterable[str]) -> tuple[str, ...]:
    """The addresses that header values hold, at most `MAX_RECIPIENTS` of them."""
    few = islice((value[:2_000] for value in values if "@" in value), MAX_RECIPIENTS)
    found = (match[0] for value in few for match in _ADDRESS.finditer(value))
    return tuple(islice(dict.fromkeys(found), MAX_RECIPIENTS))
