"""Brevo: one event in a request, not signed. A secret that only Brevo and this site know proves it.

    Authorization: Basic, from the webhook's address, or Bearer ("Secure webhook calls")
    POST {"event", "message-id", "X-Mailin-custom", "reason", "ts_event", ...}

The "id" of an event is the webhook's, so what names an event is what happened to which message when.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from publisher.core.delivery.bounces import ReportKind
from publisher.core.delivery.webhooks.events import (
    ProviderEvent,
    RefusalReason,
    WebhookAccess,
    WebhookContent,
    WebhookRefused,
    WebhookRequest,
    as_table,
    as_told,
    hard_bounce,
    has_secret,
    read_json,
    soft_bounce,
    text_of,
    texts_of,
    written_reply,
)

_KINDS = {
    "delivered": ReportKind.DELIVERED,
    "deferred": ReportKind.DELAY,
    "spam": ReportKind.COMPLAINT,
    "complaint": ReportKind.COMPLAINT,
    "unsubscribe": ReportKind.UNSUBSCRIBE,
    "unsubscribed": ReportKind.UNSUBSCRIBE,
}
_HARD = frozenset({"hard_bounce", "invalid_email"})


def read_brevo(request: WebhookRequest, access: WebhookAccess, now: datetime) -> WebhookContent:
    """Checks the secret."""
    if not has_secret(request, access.secret):
        raise WebhookRefused(RefusalReason.UNAUTHORIZED)
    body = as_table(read_json(request.body))
    if not text_of(body, "event"):
        raise WebhookRefused(RefusalReason.MALFORMED)
    return WebhookContent(events=(_event(body),))


def _event(event: Mapping[str, Any]) -> ProviderEvent:
    name, told = text_of(event, "event"), as_told(event)
    when = text_of(event, "ts_event") or text_of(event, "ts_epoch") or text_of(event, "date")
    id = f"{name} {text_of(event, 'message-id')} {when}"
    texts = texts_of(event.get("X-Mailin-custom"))
    reply = written_reply(text_of(event, "reason"))
    if name in _HARD:
        return hard_bounce(id, texts, reply, told)
    if name in ("soft_bounce", "blocked"):
        return soft_bounce(id, texts, reply, told)
    kind = _KINDS.get(name, ReportKind.OTHER)
    return ProviderEvent(id=id, kind=kind, texts=texts, reply=reply, told=told)
