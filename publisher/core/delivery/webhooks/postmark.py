"""Postmark: one event in a request, not signed. A secret that only Postmark and this site know proves it.

Authorization: Basic, from the webhook's address
POST {"RecordType", "Type", "ID", "MessageID", "Metadata", "Details", ...}
"""

from collections.abc import Mapping
from datetime import datetime
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
    hard_bounce,
    has_secret,
    read_json,
    soft_bounce,
    text_of,
    texts_of,
    written_reply,
)

_KINDS = {
    "Transient": ReportKind.DELAY,
    "DnsError": ReportKind.DELAY,
    "AutoResponder": ReportKind.AUTO_REPLY,
    "AddressChange": ReportKind.AUTO_REPLY,
    "ChallengeVerification": ReportKind.AUTO_REPLY,
    "Unsubscribe": ReportKind.UNSUBSCRIBE,
    "SpamComplaint": ReportKind.COMPLAINT,
}
"""Types of bounces that are none."""

_HARD = frozenset({"HardBounce", "BadEmailAddress"})


def read_postmark(request: WebhookRequest, access: WebhookAccess, now: datetime) -> WebhookContent:
    """Checks the secret."""
    if not has_secret(request, access.secret):
        raise WebhookRefused(RefusalReason.UNAUTHORIZED)
    body = as_table(read_json(request.body))
    if not text_of(body, "RecordType"):
        raise WebhookRefused(RefusalReason.MALFORMED)
    return WebhookContent(events=(_event(body),))


def _event(event: Mapping[str, Any]) -> ProviderEvent:
    record, what, told = text_of(event, "RecordType"), text_of(event, "Type"), as_told(event)
    when = next((event[name] for name in ("DeliveredAt", "BouncedAt", "ChangedAt") if name in event), "")
    named = text_of(event, "ID") or f"{text_of(event, 'MessageID')} {when}"
    id, texts = f"{record} {named}", texts_of(as_table(event.get("Metadata")).get(LABEL))
    details = text_of(event, "Details").removeprefix("smtp;")
    reply = written_reply(details or text_of(event, "Description"))
    kind = ReportKind.OTHER
    if record == "Bounce" and what in _HARD:
        return hard_bounce(id, texts, reply, told)
    if record == "Bounce" and what not in _KINDS:
        return soft_bounce(id, texts, reply, told, about_mailbox=what == "SoftBounce")
    if record == "Bounce":
        kind = _KINDS[what]
    elif record == "SpamComplaint":
        kind = ReportKind.COMPLAINT
    elif record == "Delivery":
        kind = ReportKind.DELIVERED
    elif record == "SubscriptionChange" and event.get("SuppressSending") is True:
        left = text_of(event, "SuppressionReason") == "ManualSuppression"  # the others come as bounces too
        kind = ReportKind.UNSUBSCRIBE if left else ReportKind.OTHER
    return ProviderEvent(id=id, kind=kind, texts=texts, reply=reply, told=told)
