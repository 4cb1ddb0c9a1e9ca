"""JSON events of mail providers and relays: what an object says about a message.

Every provider has a format of its own. All contain the Message-ID as it was sent, and either a word such as
`"event": "delivered"` or an SMTP code. Unknown words prove nothing.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple, cast

EventKind = Literal["accepted", "delivered", "bounced", "refused", "deferred"]
"""`accepted`: the relay has it. `delivered`: the recipient's server has it. `bounced`: the relay had it, and
could not deliver it. `refused` and `deferred`: the relay did not take it, for good or for now.
"""

_ACCEPTED = (
    "accepted processed queued received reception injected injection submitted send "
    "deferred deferral delayed delay deliverydelay transientfailure temporaryfailure softbounce"
)
_DELIVERED = "delivered delivery sent opened open click clicked complained complaint spamreport unsubscribed"
_BOUNCED = (
    "bounced bounce hardbounce permanentfailure failed undelivered undeliverable expired expiration "
    "adminbounce oob dropped blocked suppressed"
)
_KINDS: Mapping[str, EventKind] = {
    **dict.fromkeys(_ACCEPTED.split(), "accepted"),
    **dict.fromkeys(_DELIVERED.split(), "delivered"),
    **dict.fromkeys(_BOUNCED.split(), "bounced"),
    **dict.fromkeys(("rejected", "reject", "rejection", "refused"), "refused"),
}
_EVENT = (
    *("event", "eventtype", "notificationtype", "recordtype", "type"),
    *("status", "state", "action", "result", "outcome"),
)
"""Names of fields that hold the event, the most specific first."""

_CODE = ("code", "responsecode", "smtpcode", "statuscode", "emailresponsecode", "status")
_WORDS = (
    *("diagnosticcode", "response", "smtpresponse", "reply", "message", "content"),
    *("reason", "description", "error"),
)
_TEXT = ("MESSAGE", "message", "msg", "log")
_LOG_LINE = re.compile(
    r"[\w./-]+\[\d+\]: |(?:^|\s)[0-9A-Za-z]{6}-[0-9A-Za-z]{6,11}-[0-9A-Za-z]{2,4} [<=*>-]{2} "
)
_MAX_NESTING = 8


class RelayEvent(NamedTuple):
    """What one object says about one of our messages."""

    message_id: bytes
    kind: EventKind
    reply: str


def parse_event(fields: Mapping[str, Any], wanted: Mapping[bytes, int]) -> RelayEvent | None:
    """What an object says about the message of `wanted` that it names; None if nothing we understand."""
    pairs = list(_pairs(fields, 0))
    message_id = None
    for key, value in pairs:
        # A reference or a reply names another message, which this one answers.
        if isinstance(value, str) and "reference" not in key and "replyto" not in key:
            candidate = value.strip().strip("<>").encode("utf-8", "replace")
            if candidate in wanted:
                message_id = candidate
                break
    if message_id is None:
        return None
    kind, code = _kind(pairs), _smtp_code(pairs)
    if kind == "bounced" and ("severity", "temporary") in pairs:
        kind = "accepted"
    if kind is None and code:
        kind = "accepted" if code // 100 == 2 else "bounced" if code // 100 == 5 else None
    if kind == "refused" and code // 100 == 4:
        kind = "deferred"
    return None if kind is None else RelayEvent(message_id, kind, _reply(pairs, code, kind))


def log_text(fields: Mapping[str, Any]) -> bytes:
    """The log line in an object from journald or a log collector; b"" if it has none."""
    for name in _TEXT:
        value = fields.get(name)
        if not isinstance(value, str):
            continue
        program = fields.get("SYSLOG_IDENTIFIER") or fields.get("program") or fields.get("programname")
        if isinstance(program, str) and not _LOG_LINE.search(value):
            pid = str(fields.get("SYSLOG_PID") or fields.get("_PID") or fields.get("pid") or 0)
            value = f"{program}[{pid if pid.isdigit() else 0}]: {value}"
        if _LOG_LINE.search(value):
            return value.encode("utf-8", "replace")
    return b""


def _pairs(fields: Mapping[str, Any], depth: int) -> Iterator[tuple[str, Any]]:
    """Names in lower case, letters only, and plain values: those of an object before those nested in it."""
    inside: list[Mapping[str, Any]] = []
    for name, value in fields.items():
        key = re.sub(r"[^a-z]", "", name.lower())
        values = cast("list[object]", value) if isinstance(value, list) else [value]
        for one in values:
            if isinstance(one, dict):
                inside.append(cast("dict[str, Any]", one))
            else:
                yield key, one
    if depth < _MAX_NESTING:
        for one in inside:
            yield from _pairs(one, depth + 1)


def _kind(pairs: list[tuple[str, Any]]) -> EventKind | None:
    for name in _EVENT:
        for key, value in pairs:
            if key == name and isinstance(value, str):
                word = re.sub(r"[^a-z]", "", value.lower())
                word = re.sub(r"^(?:email|message)(?=.)", "", word)
                if word in _KINDS:
                    return _KINDS[word]
    return None


def _smtp_code(pairs: list[tuple[str, Any]]) -> int:
    for key, value in pairs:
        text = str(value)
        if key in _CODE and re.fullmatch(r"[245]\d\d", text):
            return int(text)
    for key, value in pairs:
        if key in (*_WORDS, *_EVENT) and (found := re.match(r"(?:smtp; ?)?([245]\d\d)[ -]", str(value))):
            return int(found[1])
    return 0


def _reply(pairs: list[tuple[str, Any]], code: int, kind: str) -> str:
    for name in _WORDS:
        for key, value in pairs:
            if key == name and isinstance(value, str) and value.strip():
                text = "".join(sign if sign.isprintable() else " " for sign in value).strip()
                text = re.sub(r"^smtp; ?", "", text)
                return (text if text[:1] in "45" or not code else f"{code} {text}")[:500]
    return str(code) if code else f"the relay's log: {kind}"
