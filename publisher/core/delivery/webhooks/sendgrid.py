"""SendGrid: many events in a request, signed by ECDSA over a time stamp and the body.

    X-Twilio-Email-Event-Webhook-Signature   base64 of the signature (DER)
    X-Twilio-Email-Event-Webhook-Timestamp
    POST [{"event", "sg_event_id", "reason", "type", ...}, ...]

The public key is what SendGrid shows as "verification key". Unique arguments of a message stand among the
fields of its events.
"""

import base64
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from publisher.core.delivery.bounces import ReportKind
from publisher.core.delivery.webhooks.events import (
    LABEL,
    ProviderEvent,
    RefusalReason,
    WebhookAccess,
    WebhookContent,
    WebhookRefused,
    WebhookRequest,
    as_items,
    as_told,
    check_age,
    hard_bounce,
    read_json,
    soft_bounce,
    text_of,
    texts_of,
    written_reply,
)

SIGNATURE = "x-twilio-email-event-webhook-signature"
TIMESTAMP = "x-twilio-email-event-webhook-timestamp"

OLDEST = timedelta(hours=25)
"""A request that failed is sent again; whether with a new time stamp is not documented."""

_KINDS = {
    "delivered": ReportKind.DELIVERED,
    "deferred": ReportKind.DELAY,
    "spamreport": ReportKind.COMPLAINT,
    "unsubscribe": ReportKind.UNSUBSCRIBE,
    "group_unsubscribe": ReportKind.UNSUBSCRIBE,
}
_DROPPED = {
    "bounced address": ReportKind.BOUNCE,
    "invalid": ReportKind.BOUNCE,
    "spam reporting address": ReportKind.COMPLAINT,
    "unsubscribed address": ReportKind.UNSUBSCRIBE,
}
"""Why SendGrid itself sends nothing to an address."""


def read_sendgrid(request: WebhookRequest, access: WebhookAccess, now: datetime) -> WebhookContent:
    """Checks the time and the signature."""
    stamp = request.headers.get(TIMESTAMP, "")
    try:
        signature = base64.b64decode(request.headers.get(SIGNATURE, ""), validate=True)
    except ValueError:
        raise WebhookRefused(RefusalReason.UNAUTHORIZED) from None
    if not signature or not stamp.isascii() or not stamp.isdecimal() or len(stamp) > 11:
        raise WebhookRefused(RefusalReason.UNAUTHORIZED)
    if not access.verify_ecdsa(access.secret, stamp.encode() + request.body, signature):
        raise WebhookRefused(RefusalReason.UNAUTHORIZED)
    check_age(datetime.fromtimestamp(int(stamp), UTC), now, OLDEST)
    body: object = read_json(request.body)
    if not isinstance(body, list):
        raise WebhookRefused(RefusalReason.MALFORMED)
    return WebhookContent(events=tuple(_event(item) for item in as_items(cast("object", body))))


def _event(event: Mapping[str, Any]) -> ProviderEvent:
    told, id = as_told(event), text_of(event, "sg_event_id")
    id = id or f"{text_of(event, 'sg_message_id')} {text_of(event, 'event')} {text_of(event, 'timestamp')}"
    texts = texts_of(event.get(LABEL), event.get("smtp-id"))
    name = text_of(event, "event")
    reply = written_reply(text_of(event, "reason") or text_of(event, "response"))
    kind = _KINDS.get(name, ReportKind.OTHER)
    if name == "dropped":
        kind = _DROPPED.get(text_of(event, "reason").strip().lower(), ReportKind.OTHER)
    hard = name == "dropped" or (name == "bounce" and text_of(event, "type") == "bounce")
    if name == "bounce" and not hard:
        return soft_bounce(id, texts, reply, told)
    if name == "bounce" or kind is ReportKind.BOUNCE:
        return hard_bounce(id, texts, reply, told)
    return ProviderEvent(id=id, kind=kind, texts=texts, reply=reply, told=told)
