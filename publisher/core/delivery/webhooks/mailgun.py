"""Mailgun: one event in a request, with an HMAC of a time stamp and a token under the webhook signing key.

    POST {"signature": {"timestamp", "token", "signature"}, "event-data": {"event", "user-variables", ...}}

The HMAC does not cover the event. So a token is heard with one body only, and its time is limited: Mailgun
tries again for eight hours ("Webhooks", user manual).
"""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from publisher.core.delivery.bounces import ReportKind
from publisher.core.delivery.webhooks.events import (
    LABEL,
    ProviderEvent,
    RefusalReason,
    WebhookAccess,
    WebhookContent,
    WebhookRefused,
    WebhookRequest,
    as_table,
    as_told,
    check_age,
    hard_bounce,
    read_json,
    soft_bounce,
    text_of,
    texts_of,
    written_reply,
)

OLDEST = timedelta(hours=9)

_HARD = frozenset({"bounce", "suppress-bounce"})
"""Reasons of a permanent failure that are about the address, the second because of an earlier bounce."""

_KINDS = {
    "delivered": ReportKind.DELIVERED,
    "complained": ReportKind.COMPLAINT,
    "unsubscribed": ReportKind.UNSUBSCRIBE,
}


def read_mailgun(request: WebhookRequest, access: WebhookAccess, now: datetime) -> WebhookContent:
    """Checks the HMAC and its time."""
    body = as_table(read_json(request.body))
    block = as_table(body.get("signature"))
    stamp, token = text_of(block, "timestamp"), text_of(block, "token")
    ours = hmac.new(access.secret.encode(), f"{stamp}{token}".encode(), hashlib.sha256).hexdigest()
    given = text_of(block, "signature").lower().encode("utf-8", "replace")
    if not access.secret or not token or not hmac.compare_digest(ours.encode(), given):
        raise WebhookRefused(RefusalReason.UNAUTHORIZED)
    if not stamp.isascii() or not stamp.isdecimal() or len(stamp) > 11:
        raise WebhookRefused(RefusalReason.MALFORMED)
    check_age(datetime.fromtimestamp(int(stamp), UTC), now, OLDEST)
    event = _event(as_table(body.get("event-data")), token)
    return WebhookContent(events=(event,), token=token)


def _event(data: Mapping[str, Any], id: str) -> ProviderEvent:
    told = as_told(data)
    headers = as_table(as_table(data.get("message")).get("headers"))
    texts = texts_of(as_table(data.get("user-variables")).get(LABEL), headers.get("message-id"))
    status = as_table(data.get("delivery-status"))
    words = text_of(status, "message") or text_of(status, "description")
    reply = written_reply(text_of(status, "code"), text_of(status, "enhanced-code"), words)
    name = text_of(data, "event")
    if name != "failed":
        kind = _KINDS.get(name, ReportKind.OTHER)
        return ProviderEvent(id=id, kind=kind, texts=texts, reply=reply, told=told)
    if text_of(data, "severity") != "permanent":
        return ProviderEvent(id=id, kind=ReportKind.DELAY, texts=texts, reply=reply, told=told)
    if text_of(data, "reason") in _HARD:
        return hard_bounce(id, texts, reply, told)
    return soft_bounce(id, texts, reply, told)
