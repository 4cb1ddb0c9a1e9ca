"""Requests of providers' webhooks, as they document them and as public code reads them. `{id}` is where the
provider hands our id back. Keys and certificates are made here.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import NameOID

from publisher.core.delivery.bounces import ReportKind, Severity
from publisher.core.delivery.relays import MailProvider
from publisher.core.delivery.webhooks.ses import string_to_sign

TOPIC = "arn:aws:sns:eu-central-1:123456789012:bounces"
CERTIFICATE = "https://sns.eu-central-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem"
SECRET = "5f1c0e9ab7d24368c1e07f5a9d3b6e42"
Told = Mapping[str, Any]


def ses(kind: str, **what: object) -> Told:
    headers = [{"name": "Subject", "value": "x"}, {"name": "X-Publisher-Delivery", "value": "{id}"}]
    mail = {"messageId": "0100", "destination": ["ann@example.org"], "headers": headers}
    return {"notificationType": kind, "mail": mail, kind.lower(): what}


def ses_bounce(kind: str, sub: str, code: str = "") -> Told:
    recipient = {"emailAddress": "ann@example.org", "action": "failed", "diagnosticCode": code}
    return ses("Bounce", bounceType=kind, bounceSubType=sub, bouncedRecipients=[recipient])


def mailgun(event: str, code: int = 250, message: str = "OK", **more: object) -> Told:
    status = {"code": code, "message": message, "description": ""}
    return {"event": event, "user-variables": {"publisher": "{id}"}, "delivery-status": status, **more}


def sendgrid(event: str, **more: object) -> Told:
    id = hashlib.sha256(json.dumps([event, more]).encode()).hexdigest()[:22]
    return {"event": event, "sg_event_id": id, "email": "ann@example.org", "publisher": "{id}", **more}


def postmark(record: str, **more: object) -> Told:
    return {"RecordType": record, "MessageID": "883953f4", "Metadata": {"publisher": "{id}"}, **more}


def brevo(event: str, **more: object) -> Told:
    return {"event": event, "message-id": "<1@relay>", "id": 7, "X-Mailin-custom": "publisher:{id}", **more}


BOUNCE, COMPLAINT, DELAY = ReportKind.BOUNCE, ReportKind.COMPLAINT, ReportKind.DELAY
DELIVERED, OTHER, LEFT = ReportKind.DELIVERED, ReportKind.OTHER, ReportKind.UNSUBSCRIBE
HARD, SOFT = Severity.HARD, Severity.SOFT
NO_USER, POLICY = "550 5.1.1 no such user", "554 5.7.1 blocked for spam"
FULL = "552 5.2.2 mailbox full"

CHANGE = {**postmark("SubscriptionChange"), "ChangedAt": "2026-06-05T17:17:32Z"}

EVENTS: Mapping[MailProvider, list[tuple[Told, ReportKind, Severity | None, bool]]] = {
    MailProvider.SES: [
        (ses_bounce("Permanent", "General", f"smtp; {NO_USER}"), BOUNCE, HARD, True),
        (ses_bounce("Permanent", "NoEmail"), BOUNCE, HARD, True),
        (ses_bounce("Permanent", "OnAccountSuppressionList"), BOUNCE, HARD, True),
        (ses_bounce("Permanent", "General", f"smtp; {POLICY}"), BOUNCE, None, False),
        (ses_bounce("Transient", "MailboxFull"), BOUNCE, SOFT, False),
        (ses_bounce("Transient", "MessageTooLarge", "smtp; 552 5.3.4 too big"), BOUNCE, None, False),
        (ses_bounce("Undetermined", "Undetermined"), BOUNCE, None, False),
        (ses("Complaint", complaintFeedbackType="abuse"), COMPLAINT, None, False),
        (ses("Complaint"), COMPLAINT, None, False),
        (ses("Complaint", complaintFeedbackType="not-spam"), OTHER, None, False),
        (ses("Delivery", smtpResponse="250 ok"), DELIVERED, None, False),
        (ses("DeliveryDelay"), DELAY, None, False),
        (ses("Open"), OTHER, None, False),
    ],
    MailProvider.MAILGUN: [
        (mailgun("failed", 550, "5.1.1 gone", severity="permanent", reason="bounce"), BOUNCE, HARD, True),
        (mailgun("failed", 605, severity="permanent", reason="suppress-bounce"), BOUNCE, HARD, True),
        (mailgun("failed", 554, "5.7.1 spam", severity="permanent", reason="bounce"), BOUNCE, None, False),
        (mailgun("failed", 552, "5.2.2 full", severity="permanent", reason="generic"), BOUNCE, SOFT, False),
        (mailgun("failed", 450, "Greylisted", severity="temporary"), DELAY, None, False),
        (mailgun("complained"), COMPLAINT, None, False),
        (mailgun("unsubscribed"), LEFT, None, False),
        (mailgun("delivered"), DELIVERED, None, False),
        (mailgun("opened"), OTHER, None, False),
    ],
    MailProvider.SENDGRID: [
        (sendgrid("bounce", type="bounce", status="5.1.1", reason=NO_USER), BOUNCE, HARD, True),
        (sendgrid("bounce", type="bounce", reason=POLICY), BOUNCE, None, False),
        (sendgrid("bounce", type="blocked", reason="unable to get mx info"), BOUNCE, None, False),
        (sendgrid("bounce", type="blocked", reason=FULL), BOUNCE, SOFT, False),
        (sendgrid("dropped", reason="Bounced Address"), BOUNCE, HARD, True),
        (sendgrid("dropped", reason="Unsubscribed Address"), LEFT, None, False),
        (sendgrid("dropped", reason="Spam Reporting Address"), COMPLAINT, None, False),
        (sendgrid("dropped", reason="Spam Content"), OTHER, None, False),
        (sendgrid("spamreport"), COMPLAINT, None, False),
        (sendgrid("group_unsubscribe"), LEFT, None, False),
        (sendgrid("delivered", response="250 2.0.0 OK"), DELIVERED, None, False),
        (sendgrid("deferred"), DELAY, None, False),
        (sendgrid("click"), OTHER, None, False),
    ],
    MailProvider.POSTMARK: [
        (postmark("Bounce", Type="HardBounce", ID=42, Details=f"smtp;{NO_USER}"), BOUNCE, HARD, True),
        (postmark("Bounce", Type="BadEmailAddress", ID=43), BOUNCE, HARD, True),
        (postmark("Bounce", Type="SoftBounce", ID=44), BOUNCE, SOFT, False),
        (postmark("Bounce", Type="Blocked", ID=45, Details=f"smtp;{POLICY}"), BOUNCE, None, False),
        (postmark("Bounce", Type="AutoResponder", ID=46), ReportKind.AUTO_REPLY, None, False),
        (postmark("Bounce", Type="Transient", ID=47), DELAY, None, False),
        (postmark("SpamComplaint", Type="SpamComplaint", ID=48), COMPLAINT, None, False),
        (CHANGE | {"SuppressSending": True, "SuppressionReason": "ManualSuppression"}, LEFT, None, False),
        (postmark("SubscriptionChange", SuppressSending=False), OTHER, None, False),
        (postmark("Delivery", DeliveredAt="2026-08-01T13:28:10-04:00"), DELIVERED, None, False),
        (postmark("Open"), OTHER, None, False),
    ],
    MailProvider.BREVO: [
        (brevo("hard_bounce", reason=" RecipientError: 550 5.5.0 mailbox unavailable."), BOUNCE, HARD, True),
        (brevo("invalid_email", ts_event=1), BOUNCE, HARD, True),
        (brevo("soft_bounce", reason="undefined Unable to find MX of domain"), BOUNCE, None, False),
        (brevo("soft_bounce", reason=FULL, ts_event=2), BOUNCE, SOFT, False),
        (brevo("blocked", reason=POLICY), BOUNCE, None, False),
        (brevo("spam"), COMPLAINT, None, False),
        (brevo("unsubscribed"), LEFT, None, False),
        (brevo("deferred", reason=f"550 RecipientError: {NO_USER}"), DELAY, None, False),
        (brevo("delivered"), DELIVERED, None, False),
        (brevo("request"), OTHER, None, False),
    ],
}  # fmt: skip
"""MailProvider -> (event, its kind, its severity, whether one is enough)."""


@dataclass(frozen=True)
class Keys:
    """The keys of SNS and of SendGrid."""

    sns: rsa.RSAPrivateKey
    certificate: bytes
    sendgrid: ec.EllipticCurvePrivateKey

    @property
    def verification_key(self) -> str:
        key = self.sendgrid.public_key()
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        return base64.b64encode(key.public_bytes(serialization.Encoding.DER, form)).decode()


@cache
def keys(who: str) -> Keys:
    """The keys of `who`, whose certificate is valid from 2020 to 2039."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"sns.amazonaws.com {who}")])
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(1).not_valid_before(datetime(2020, 1, 1)).not_valid_after(datetime(2039, 1, 1))  # noqa: DTZ001
    pem = made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    return Keys(key, pem, ec.generate_private_key(ec.SECP256R1()))


def secret_of(provider: MailProvider) -> str:
    """What the file of settings holds."""
    return keys("right").verification_key if provider is MailProvider.SENDGRID else SECRET


def labeled(told: Told, id: str) -> Told:
    """The event with our id where the provider hands it back."""
    return json.loads(json.dumps(told).replace("{id}", id))


def sns_message(
    message: str, now: datetime, id: str = "m1", *, kind: str = "Notification", by: str = "right", **more: str
) -> dict[str, str]:
    """A message of SNS, signed."""
    stamp = f"{now.astimezone(UTC):%Y-%m-%dT%H:%M:%S.000Z}"
    fields = {"Type": kind, "MessageId": id, "TopicArn": TOPIC, "Message": message, "Timestamp": stamp}
    fields |= {"SignatureVersion": "1", "SigningCertURL": CERTIFICATE, **more}
    digest = hashes.SHA1() if fields["SignatureVersion"] == "1" else hashes.SHA256()  # noqa: S303
    signature = keys(by).sns.sign(string_to_sign(fields, kind), padding.PKCS1v15(), digest)
    return {**fields, "Signature": base64.b64encode(signature).decode()}


def request_of(
    provider: MailProvider,
    told: Told,
    now: datetime,
    *,
    nonce: str = "1",
    secret: str = "",
    by: str = "right",
) -> tuple[bytes, dict[str, str]]:
    """(body, headers) of an authentic request; not authentic with another `secret` or signed `by` another."""
    secret = secret or SECRET
    if provider is MailProvider.SES:
        return json.dumps(sns_message(json.dumps(told), now, nonce, by=by)).encode(), {}
    if provider is MailProvider.MAILGUN:
        stamp, token = str(int(now.timestamp())), hashlib.sha256(nonce.encode()).hexdigest()[:50]
        signature = hmac.new(secret.encode(), f"{stamp}{token}".encode(), hashlib.sha256).hexdigest()
        block = {"timestamp": stamp, "token": token, "signature": signature}
        return json.dumps({"signature": block, "event-data": told}).encode(), {}
    if provider is MailProvider.SENDGRID:
        body, stamp = json.dumps([told]).encode(), str(int(now.timestamp()))
        signature = keys(by).sendgrid.sign(stamp.encode() + body, ec.ECDSA(hashes.SHA256()))
        return body, {
            "X-Twilio-Email-Event-Webhook-Signature": base64.b64encode(signature).decode(),
            "X-Twilio-Email-Event-Webhook-Timestamp": stamp,
        }
    if provider is MailProvider.POSTMARK:
        basic = base64.b64encode(f"postmark:{secret}".encode()).decode()
        return json.dumps(told).encode(), {"Authorization": f"Basic {basic}"}
    return json.dumps(told).encode(), {"Authorization": f"Bearer {secret}"}


OLD = timedelta(days=2)
