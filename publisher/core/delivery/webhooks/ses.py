"""Amazon SES: events by SNS, signed with the key of a certificate that SNS serves.

    POST {"Type", "MessageId", "TopicArn", "Timestamp", "Message", "Signature", "SigningCertURL", ...}
    "Message" is the event of SES as JSON: {"notificationType" or "eventType", "mail", "bounce", ...}

The certificate's host is that of the region of the topic that settings name, and no other topic is heard.
The string that is signed and the fields of events are those of the developer guides of SNS ("Verifying the
signatures of Amazon SNS messages") and SES ("Amazon SNS notification contents"). SES replaces Message-ID; our
id comes back among the original headers, which must be included in the notifications.
"""

import base64
import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from publisher.core.caching import lazy
from publisher.core.delivery.bounces import ReportKind
from publisher.core.delivery.webhooks.events import (
    ProviderEvent,
    RefusalReason,
    WebhookAccess,
    WebhookContent,
    WebhookRefused,
    WebhookRequest,
    as_items,
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
from publisher.core.mail.mime import DELIVERY_HEADER

OLDEST = timedelta(hours=1)
"""SNS gives a request up after its attempts, which take less."""

_TOPIC = lazy(r"arn:aws(-cn)?:sns:([a-z0-9-]{1,40}):[0-9]{12}:[A-Za-z0-9_-]{1,256}")
_CERTIFICATE = lazy(r"/SimpleNotificationService-[A-Za-z0-9]{1,64}\.pem")

_SIGNED = {
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    "SubscriptionConfirmation": (
        "Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type",
    ),
    "UnsubscribeConfirmation": (
        "Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type",
    ),
}  # fmt: skip

_NO_COMPLAINTS = frozenset({"not-spam", "auth-failure", "virus"})
_OF_MESSAGE = frozenset({"MessageTooLarge", "ContentRejected", "AttachmentRejected"})
"""Sub-types of a transient bounce that say nothing about the mailbox."""


def sns_host(topic: str) -> str:
    """The host that serves the certificates of a topic, and confirms its subscriptions."""
    found = _TOPIC.fullmatch(topic)
    if found is None:
        raise ValueError(topic)
    return f"sns.{found[2]}.amazonaws.com{'.cn' if found[1] else ''}"


def confirmation_url(topic: str, token: str) -> str:
    """What confirms the subscription of the topic when it is fetched."""
    query = f"Action=ConfirmSubscription&TopicArn={quote(topic, safe='')}&Token={quote(token, safe='')}"
    return f"https://{sns_host(topic)}/?{query}"


def read_ses(request: WebhookRequest, access: WebhookAccess, now: datetime) -> WebhookContent:
    """Checks the topic, the time and the signature, in this order: nothing is fetched for a stranger."""
    message = as_table(read_json(request.body))
    kind = text_of(message, "Type")
    if kind not in _SIGNED:
        raise WebhookRefused(RefusalReason.MALFORMED)
    if not access.topic or text_of(message, "TopicArn") != access.topic:
        raise WebhookRefused(RefusalReason.FOREIGN)
    try:
        signed_at = datetime.fromisoformat(text_of(message, "Timestamp"))
        signature = base64.b64decode(text_of(message, "Signature"), validate=True)
    except ValueError:
        raise WebhookRefused(RefusalReason.MALFORMED) from None
    if signed_at.tzinfo is None:
        raise WebhookRefused(RefusalReason.MALFORMED)
    check_age(signed_at, now, OLDEST)
    certificate, host = text_of(message, "SigningCertURL"), sns_host(access.topic)
    path = certificate.removeprefix(f"https://{host}")
    if path == certificate or not _CERTIFICATE.fullmatch(path):
        raise WebhookRefused(RefusalReason.UNAUTHORIZED)
    version = text_of(message, "SignatureVersion")
    if version not in ("1", "2") or not access.verify_sns(
        certificate, string_to_sign(message, kind), signature, version
    ):
        raise WebhookRefused(RefusalReason.UNAUTHORIZED)
    if kind == "SubscriptionConfirmation":
        return WebhookContent(confirmation=text_of(message, "Token")[:1000])
    if kind != "Notification":
        return WebhookContent()
    try:
        event = as_table(read_json(text_of(message, "Message").encode()))
    except WebhookRefused:  # SES announces itself to a new topic in words
        return WebhookContent()
    return WebhookContent(events=tuple(_events(event, text_of(message, "MessageId"))))


def string_to_sign(message: Mapping[str, Any], kind: str) -> bytes:
    """Name and value of each field that is signed, a line each."""
    names = (name for name in _SIGNED[kind] if name != "Subject" or message.get("Subject") is not None)
    return "".join(f"{name}\n{text_of(message, name)}\n" for name in names).encode()


def _events(event: Mapping[str, Any], id: str) -> Iterator[ProviderEvent]:
    mail, told = as_table(event.get("mail")), as_told(event)
    names = (DELIVERY_HEADER.lower(), "message-id")
    headers = [item for item in as_items(mail.get("headers")) if text_of(item, "name").lower() in names]
    texts = texts_of(*(item.get("value") for item in headers))
    match text_of(event, "notificationType") or text_of(event, "eventType"):
        case "Bounce":
            yield _bounce(as_table(event.get("bounce")), id, texts, told)
        case "Complaint":
            what = text_of(as_table(event.get("complaint")), "complaintFeedbackType").lower()
            kind = ReportKind.OTHER if what in _NO_COMPLAINTS else ReportKind.COMPLAINT
            yield ProviderEvent(id=id, kind=kind, texts=texts, reply=what, told=told)
        case "Delivery":
            reply = written_reply(text_of(as_table(event.get("delivery")), "smtpResponse"))
            yield ProviderEvent(id=id, kind=ReportKind.DELIVERED, texts=texts, reply=reply, told=told)
        case "DeliveryDelay":
            yield ProviderEvent(id=id, kind=ReportKind.DELAY, texts=texts, told=told)
        case _:
            yield ProviderEvent(id=id, kind=ReportKind.OTHER, texts=texts, told=told)


def _bounce(bounce: Mapping[str, Any], id: str, texts: tuple[str, ...], told: bytes) -> ProviderEvent:
    recipient = next(as_items(bounce.get("bouncedRecipients")), as_table(None))
    code = re.sub(r"^\s*[A-Za-z-]+\s*;\s*", "", text_of(recipient, "diagnosticCode"))
    kind, sub = text_of(bounce, "bounceType"), text_of(bounce, "bounceSubType")
    reply = written_reply(code or f"{kind} {sub}")
    if kind == "Permanent":
        return hard_bounce(id, texts, reply, told)
    if sub in _OF_MESSAGE:
        return ProviderEvent(id=id, kind=ReportKind.BOUNCE, texts=texts, reply=reply, told=told)
    return soft_bounce(id, texts, reply, told, about_mailbox=sub == "MailboxFull")
