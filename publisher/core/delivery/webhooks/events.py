"""What providers tell of mail that they took: requests to a webhook, read into values.

    request ── proved to be the provider's (signature, HMAC, or a secret) ──► WebhookContent: events
    event   ── holds the id that only this site can make, as a label ──► (mailing, n) of a delivery

A relay that names its provider adds a label to each message, a header that the provider hands back with every
event (`label_header`). An event without such an id is about mail of somebody else on that account: it is
counted and changes nothing.

A provider's own word for a hard bounce is trusted unless the reply blames the sender: then the next reader
would have been refused too.
"""

import base64
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from hmac import compare_digest
from typing import Any, Protocol, cast

from publisher.core.caching import lazy
from publisher.core.delivery.bounces import (
    Blame,
    ReportKind,
    Severity,
    blame_by_words,
    bounce_severity,
    classify_reply,
    parse_message_id,
)
from publisher.core.errors import TokenError
from publisher.core.tokens import KeyRing

MAX_WEBHOOK_BODY = 1024 * 1024
"""Bytes of a request. Amazon sends at most 256 kB; SendGrid sends many events together."""

MAX_REPLY, MAX_TEXTS = 500, 200

LEAD = timedelta(minutes=10)
"""How far ahead of ours a provider's clock may be."""

LABEL = "publisher"
"""The name of the value that carries the id, where a provider wants one."""

_ID = lazy(r"(?<![0-9.])(\d{1,10}\.\d{1,10}\.[0-9a-f]{16})(?![0-9a-f])")
_CODE = lazy(r"(?<![\d.])([45]\d\d)(?=[ -])(.*)", re.DOTALL)


class RefusalReason(StrEnum):
    """Why a request to a webhook is refused."""

    UNAUTHORIZED = "unauthorized"  # no secret or signature, or a wrong one
    STALE = "stale"  # signed too long ago
    REPLAYED = "replayed"  # its token came before with another body
    FOREIGN = "foreign"  # of another topic
    MALFORMED = "malformed"


class WebhookOutcome(StrEnum):
    """What became of an event, or of a request as a whole if it is refused."""

    READ = "read"  # about a delivery of this site
    FOREIGN = "foreign"  # authentic, and about other mail of that account
    REFUSED = "refused"


class WebhookRefused(Exception):
    """The request is not acted on."""

    def __init__(self, reason: RefusalReason) -> None:
        super().__init__(reason.value)
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookRequest:
    """What was posted. The names of `headers` are in lower case."""

    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookAccess:
    """What a provider's request is checked with: the secret or public key that settings name, the topic, and
    (certificate address, signed bytes, signature, version) or (public key, signed bytes, signature) ->
    whether the signature is right. `verify_sns` raises OutputError if the certificate cannot be fetched.
    """

    secret: str = field(default="", repr=False)
    topic: str = ""
    verify_sns: Callable[[str, bytes, bytes, str], bool]
    verify_ecdsa: Callable[[str, bytes, bytes], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderEvent:
    """One event. `id` names it among the provider's events. `texts` may hold our id. `final`: the provider
    says itself that the address is no good. `told` is the event as JSON, for a person.
    """

    id: str
    kind: ReportKind
    texts: tuple[str, ...] = ()
    reply: str = ""
    severity: Severity | None = None
    final: bool = False
    told: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookContent:
    """What an authentic request holds. `token`: a value that may come with one body only, because the
    signature does not cover the body. `confirmation` is Amazon's token to confirm the topic's subscription.
    """

    events: tuple[ProviderEvent, ...] = ()
    token: str = ""
    confirmation: str = ""


class WebhookReader(Protocol):
    """Checks a provider's request and reads it. Raises WebhookRefused."""

    def __call__(self, request: WebhookRequest, access: WebhookAccess, now: datetime) -> WebhookContent: ...


def labeled_delivery(event: ProviderEvent, ring: KeyRing) -> tuple[int, int] | None:
    """(mailing, n) of the delivery that an event is about; None if it holds no id that this site made."""
    for text in event.texts[:MAX_TEXTS]:
        for found in _ID.finditer(text[:MAX_REPLY]):
            try:
                return parse_message_id(f"{found[1]}@", ring)
            except TokenError:
                continue
    return None


def has_secret(request: WebhookRequest, secret: str) -> bool:
    """Whether the request carries the secret as a Bearer token or as the password of Basic credentials (RFC
    6750 2.1, RFC 7617 2). Compared in constant time.
    """
    scheme, _, value = request.headers.get("authorization", "").strip().partition(" ")
    given = value.strip().encode("utf-8", "replace")
    if scheme.lower() == "basic":
        try:
            given = base64.b64decode(given, validate=True).partition(b":")[2]
        except ValueError:
            return False
    elif scheme.lower() != "bearer":
        return False
    return bool(secret) and compare_digest(given, secret.encode())


def read_json(body: bytes) -> Any:
    """The JSON of a request. Raises WebhookRefused."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise WebhookRefused(RefusalReason.MALFORMED) from None


def as_table(value: object) -> Mapping[str, Any]:
    """A JSON object; an empty one for anything else."""
    return cast("Mapping[str, Any]", value) if isinstance(value, dict) else {}


def as_items(value: object) -> Iterator[Mapping[str, Any]]:
    """The objects of a JSON array."""
    for item in cast("list[object]", value) if isinstance(value, list) else ():
        if isinstance(item, dict):
            yield as_table(cast("object", item))


def text_of(table: Mapping[str, Any], name: str) -> str:
    """A text or a number of a JSON object; "" for anything else."""
    value = table.get(name)
    plain = isinstance(value, str | int | float) and not isinstance(value, bool)
    return str(value) if plain else ""


def texts_of(*values: object) -> tuple[str, ...]:
    """Those values that are texts."""
    return tuple(value for value in values if isinstance(value, str) and value)


def as_told(event: Mapping[str, Any]) -> bytes:
    """An event as JSON, for a person."""
    return json.dumps(event, ensure_ascii=False, indent=1).encode("utf-8", "replace")


def check_age(signed_at: datetime, now: datetime, oldest: timedelta) -> None:
    """Raises WebhookRefused if something was signed too long ago, or in the future."""
    if not now - oldest <= signed_at <= now + LEAD:
        raise WebhookRefused(RefusalReason.STALE)


def written_reply(*parts: object) -> str:
    """A server's reply from its parts, in one line, from its code on if it has one: "550 5.1.1 no user"."""
    words = " ".join(str(part) for part in parts if part not in (None, ""))
    line = " ".join(words.split())
    found = _CODE.search(line[:MAX_REPLY])
    return (found[0] if found else line)[:MAX_REPLY]


def hard_bounce(id: str, texts: tuple[str, ...], reply: str, told: bytes) -> ProviderEvent:
    """A bounce that the provider calls hard."""
    blamed = classify_reply(reply) is Blame.US
    return ProviderEvent(
        id=id,
        kind=ReportKind.BOUNCE,
        texts=texts,
        reply=reply,
        severity=None if blamed else Severity.HARD,
        final=not blamed,
        told=told,
    )


def soft_bounce(
    id: str, texts: tuple[str, ...], reply: str, told: bytes, *, about_mailbox: bool = False
) -> ProviderEvent:
    """A bounce that the provider does not call hard: judged by the server's reply, as one by SMTP. Without a
    reply code it counts softly if `about_mailbox`, or if its words are about the reader.
    """
    severity = bounce_severity(reply)
    if severity is None and not _CODE.match(reply):
        about_mailbox = about_mailbox or blame_by_words(reply) is Blame.READER
    blamed = classify_reply(reply) is Blame.US
    if severity is None and about_mailbox and not blamed:
        severity = Severity.SOFT
    return ProviderEvent(
        id=id, kind=ReportKind.BOUNCE, texts=texts, reply=reply, severity=severity, told=told
    )
