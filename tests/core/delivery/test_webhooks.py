"""Requests of providers' webhooks, read: what counts as what, what is refused, and that nothing raises."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from provided import (
    EVENTS,
    OLD,
    SECRET,
    TOPIC,
    keys,
    labeled,
    request_of,
    secret_of,
    sns_message,
)

from publisher.core.delivery.relays import MailProvider, label_header
from publisher.core.delivery.webhooks.events import (
    RefusalReason,
    WebhookAccess,
    WebhookContent,
    WebhookRefused,
    WebhookRequest,
    labeled_delivery,
)
from publisher.core.delivery.webhooks.providers import READERS, is_strong
from publisher.core.tokens import KeyRing, opaque_id
from publisher.transports.signatures import is_signed_by_certificate, is_signed_by_ecdsa

NOW = datetime(2026, 12, 1, 8, tzinfo=UTC)
RING = KeyRing(current=1, keys={1: b"k" * 32})
ID = f"12.345.{opaque_id(RING, 12, 345)}"


def access(provider: MailProvider) -> WebhookAccess:
    def verify_sns(url: str, signed: bytes, signature: bytes, version: str) -> bool:
        return is_signed_by_certificate(
            keys("right").certificate, signed, signature, sha1=version == "1", now=NOW
        )

    return WebhookAccess(
        secret=secret_of(provider), topic=TOPIC, verify_sns=verify_sns, verify_ecdsa=is_signed_by_ecdsa
    )


def read(provider: MailProvider, body: bytes, headers: dict[str, str], now: datetime = NOW) -> WebhookContent:
    lower = {name.lower(): value for name, value in headers.items()}
    return READERS[provider](WebhookRequest(body=body, headers=lower), access(provider), now)


def refusal(
    provider: MailProvider, body: bytes, headers: dict[str, str], now: datetime = NOW
) -> RefusalReason:
    with pytest.raises(WebhookRefused) as refused:
        read(provider, body, headers, now)
    return refused.value.reason


def test_each_event_is_taken_for_what_its_provider_means() -> None:
    for provider, cases in EVENTS.items():
        ids: set[str] = set()
        for number, (told, kind, severity, final) in enumerate(cases):
            body, headers = request_of(provider, labeled(told, ID), NOW, nonce=str(number))
            [event] = read(provider, body, headers).events
            assert (event.kind, event.severity, event.final) == (kind, severity, final), told
            assert labeled_delivery(event, RING) == (12, 345), told
            ids.add(event.id)
        assert len(ids) == len(cases), provider


def test_an_event_without_an_id_of_this_site_is_about_nothing_of_it() -> None:
    others = KeyRing(current=1, keys={1: b"x" * 32})
    for provider, cases in EVENTS.items():
        for id in (
            "",
            "12.345",
            f"12.346.{opaque_id(RING, 12, 345)}",
            f"12.345.{opaque_id(others, 12, 345)}",
        ):
            body, headers = request_of(provider, labeled(cases[0][0], id), NOW)
            assert labeled_delivery(read(provider, body, headers).events[0], RING) is None


def test_what_the_provider_did_not_send_or_sent_long_ago_is_refused() -> None:
    for provider, cases in EVENTS.items():
        told = labeled(cases[0][0], ID)
        body, headers = request_of(provider, told, NOW, secret="wrong" * 8, by="wrong")
        assert refusal(provider, body, headers) is RefusalReason.UNAUTHORIZED, provider
        body, headers = request_of(provider, told, NOW)
        signed = provider not in (MailProvider.POSTMARK, MailProvider.BREVO)
        if signed:
            for moved in (OLD, -timedelta(hours=1)):
                assert refusal(provider, body, headers, NOW + moved) is RefusalReason.STALE, provider
        if provider in (MailProvider.SES, MailProvider.SENDGRID):
            changed = body.replace(b"no such user", b"no such person")
            assert refusal(provider, changed, headers) is RefusalReason.UNAUTHORIZED, provider
        if provider is not MailProvider.MAILGUN:
            continue
        bare = json.loads(body) | {"signature": {}}
        assert refusal(provider, json.dumps(bare).encode(), {}) is RefusalReason.UNAUTHORIZED


def test_a_secret_counts_only_as_credentials() -> None:
    told = labeled(EVENTS[MailProvider.BREVO][0][0], ID)
    body, _ = request_of(MailProvider.BREVO, told, NOW)
    for value in ("", SECRET, f"Digest {SECRET}", "Basic !", f"Bearer {SECRET}x", "Bearer", "Basic cG9z"):
        assert refusal(MailProvider.BREVO, body, {"Authorization": value}) is RefusalReason.UNAUTHORIZED
    _, basic = request_of(MailProvider.POSTMARK, told, NOW)
    assert read(MailProvider.BREVO, body, basic).events


def test_sns_is_heard_about_one_topic_with_a_certificate_of_its_own_host() -> None:
    message = json.dumps(labeled(EVENTS[MailProvider.SES][0][0], ID))

    def sent(**more: str) -> bytes:
        return json.dumps(sns_message(message, NOW, **more)).encode()

    assert read(MailProvider.SES, sent(SignatureVersion="2", Subject="Amazon SES"), {}).events
    other = TOPIC.replace("bounces", "others")
    for topic in (other, TOPIC.replace("123456789012", "210987654321"), ""):
        assert refusal(MailProvider.SES, sent(TopicArn=topic), {}) is RefusalReason.FOREIGN
    pem = "SimpleNotificationService-0123456789abcdef.pem"
    for url in (
        f"https://sns.us-east-1.amazonaws.com/{pem}",
        f"http://sns.eu-central-1.amazonaws.com/{pem}",
        f"https://sns.eu-central-1.amazonaws.com.evil.example/{pem}",
        f"https://sns.eu-central-1.amazonaws.com@evil.example/{pem}",
        f"https://sns.eu-central-1.amazonaws.com:444/{pem}",
        "https://sns.eu-central-1.amazonaws.com/?Action=GetTopic&x=.pem",
        f"https://sns.eu-central-1.amazonaws.com/../{pem}",
    ):
        assert refusal(MailProvider.SES, sent(SigningCertURL=url), {}) is RefusalReason.UNAUTHORIZED, url
    asked = sns_message(
        "", NOW, kind="SubscriptionConfirmation", Token="t0", SubscribeURL="https://x.example/"
    )
    assert read(MailProvider.SES, json.dumps(asked).encode(), {}).confirmation == "t0"


NAMES = [
    *("event", "Type", "RecordType", "mail", "headers", "event-data", "user-variables", "publisher"),
    *("delivery-status", "Metadata", "reason", "bounce", "bouncedRecipients", "name", "value"),
]

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(NAMES),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)  # fmt: skip


@given(told=json_values, raw=st.binary(max_size=60))
def test_no_request_raises_anything_but_a_refusal(told: object, raw: bytes) -> None:
    for provider in MailProvider:
        if isinstance(told, dict):
            body, headers = request_of(provider, told, NOW)
            for event in read_or_nothing(provider, body, headers):
                assert labeled_delivery(event, RING) is None
        for body in (raw, json.dumps(told).encode(), b"[" * 5000, b'{"signature": [], "Type": 1}'):
            basic = request_of(MailProvider.POSTMARK, {}, NOW)[1]
            assert not any(event.final for event in read_or_nothing(provider, body, basic))


def read_or_nothing(provider: MailProvider, body: bytes, headers: dict[str, str]) -> tuple[object, ...]:
    try:
        return read(provider, body, headers).events
    except WebhookRefused:
        return ()


def test_a_secret_of_128_bits_is_asked_for() -> None:
    for strong in (SECRET, "Q2h1cmNoIGJlbGxzIHJpbmcgYXQ", "hGq3Zx0-LmPw_8rTyVbNc2", "0123456789" * 4):
        assert is_strong(strong), strong
    for weak in (
        "",
        "hunter2",
        "a" * 60,
        "abcabc" * 9,
        SECRET[:31],
        "12345678901234567890",
        "hGq3Zx0-LmPw_8rTyVbNc",
    ):
        assert not is_strong(weak), weak


def test_the_label_is_what_each_provider_documents() -> None:
    id = f"<{ID}@example.org>"
    assert label_header(MailProvider.POSTMARK, id) == f"X-PM-Metadata-publisher: {ID}\r\n".encode()
    assert label_header(MailProvider.BREVO, id) == f"X-Mailin-custom: publisher:{ID}\r\n".encode()
    for provider, inner in ((MailProvider.MAILGUN, ()), (MailProvider.SENDGRID, ("unique_args",))):
        value = json.loads(label_header(provider, id).partition(b": ")[2])
        for name in inner:
            value = value[name]
        assert value == {"publisher": ID}
    assert label_header(MailProvider.SES, id) == label_header(None, id) == b""
