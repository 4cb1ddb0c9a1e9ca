"""Does what the providers of relays tell by their webhooks, by the same rule as for mail that comes back.

    a bounce       stored with its refusal, one transaction -> `count_bounces` decides
                   called hard by the provider: one is enough, unless very many were refused
    a complaint    journal -> suppressed -> stored
    an unsubscribe journal -> ended -> stored
    delivered      settles a delivery in doubt; nothing is stored otherwise

What is stored is stored under the event's id, so an event that comes again changes nothing. Killed between
two steps, the provider gets no answer and sends the event again.
"""

import hashlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from publisher.core.delivery.bounces import ReportEffect, ReportKind, StoredReport
from publisher.core.delivery.relays import MailProvider
from publisher.core.delivery.webhooks.events import (
    ProviderEvent,
    RefusalReason,
    WebhookAccess,
    WebhookOutcome,
    WebhookRefused,
    WebhookRequest,
    labeled_delivery,
)
from publisher.core.delivery.webhooks.providers import READERS
from publisher.core.errors import OutputError
from publisher.ports import WebClient
from publisher.services.delivery.returned_mail import (
    MAX_STORED,
    act_on_report,
    hold_if_many_complain,
    unsubscribe_reported,
)
from publisher.services.delivery.safeguards import count_bounces
from publisher.services.deps import Deps

PROBLEM_AREA = "webhooks"
"""The area of the problem that `status` shows."""

LARGEST_CERTIFICATE = 16 * 1024
MAX_CERTIFICATES = 8
MAX_FETCHES, FETCH_WINDOW = 5, 60.0
"""Certificates fetched within so many seconds: a stranger who knows the topic can name any number."""


@dataclass(slots=True)
class SnsCertificates:
    """The certificates of Amazon SNS, each fetched once. Their addresses were checked: SNS's own host."""

    http: Callable[[], WebClient]
    monotonic: Callable[[], float]
    _known: dict[str, bytes] = field(default_factory=dict[str, bytes])
    _fetched: list[float] = field(default_factory=list[float])

    def get(self, url: str) -> bytes:
        """The certificate at `url`. Raises OutputError if it cannot be had now."""
        if (known := self._known.get(url)) is not None:
            return known
        now = self.monotonic()
        self._fetched = [at for at in self._fetched if at > now - FETCH_WINDOW]
        if len(self._fetched) >= MAX_FETCHES:
            raise OutputError(
                url, "too many requests for certificates", "Publisher will ask again in a minute"
            )
        self._fetched.append(now)
        reply = self.http().get_once(url, LARGEST_CERTIFICATE)
        if reply.status != 200 or "-----BEGIN CERTIFICATE-----" not in reply.text:
            raise OutputError(url, f"cannot be fetched ({reply.summary})", "Publisher will ask for it again")
        while len(self._known) >= MAX_CERTIFICATES:
            self._known.pop(next(iter(self._known)))
        self._known[url] = reply.text.encode()
        return self._known[url]


def receive(
    deps: Deps, provider: MailProvider, access: WebhookAccess, request: WebhookRequest, now: datetime
) -> Counter[WebhookOutcome]:
    """Acts on an authentic request; returns how many of its events were about what. Raises WebhookRefused;
    StoreError and OutputError: then the provider should send it again.
    """
    store, ring = deps.adapters.store, deps.process.keyring()
    content = READERS[provider](request, access, now)
    if content.token:
        digest = hashlib.sha256(f"{provider}\0{content.token}".encode()).hexdigest()
        if not store.bind_webhook_token(digest, hashlib.sha256(request.body).hexdigest(), now):
            raise WebhookRefused(RefusalReason.REPLAYED)
    if content.confirmation:
        store.keep_confirmation(access.topic, content.confirmation, now)
        ask = f"Amazon SNS asks whether {access.topic} may send to this site: `publisher bounce --confirm`"
        store.set_problems(PROBLEM_AREA, [ask], now)
    outcomes, decide = Counter[WebhookOutcome](), False
    for event in content.events:
        named = labeled_delivery(event, ring)
        outcomes[WebhookOutcome.READ if named else WebhookOutcome.FOREIGN] += 1
        if named:
            effect = _act(deps, provider, event, named, now)
            decide = decide or effect is ReportEffect.COUNTED
    if decide:
        count_bounces(deps, now)
    return outcomes


def _act(
    deps: Deps, provider: MailProvider, event: ProviderEvent, named: tuple[int, int], now: datetime
) -> ReportEffect:
    """Acts on one event about the delivery (mailing, n), once."""
    store = deps.adapters.store
    if event.kind in (ReportKind.DELAY, ReportKind.OTHER, ReportKind.AUTO_REPLY):
        return ReportEffect.NOTHING
    digest = hashlib.sha256(f"webhook\0{provider}\0{event.id}".encode()).hexdigest()
    if (known := store.report_result(digest)) is not None:
        return known[1]  # killed before the refusal was decided, it is decided now
    delivery = store.reported_delivery(*named)
    if delivery is None:  # of a reader who was erased
        return ReportEffect.NOTHING
    if event.kind is ReportKind.UNSUBSCRIBE:
        effect = unsubscribe_reported(deps, delivery, now)
    else:
        effect = act_on_report(deps, delivery, event.kind, event.reply, event.severity, now)
    if effect is ReportEffect.NOTHING and event.kind is not ReportKind.BOUNCE:
        return effect
    stored = StoredReport(
        digest=digest,
        at=now,
        kind=event.kind,
        effect=effect,
        mailing=delivery.mailing,
        n=delivery.n,
        severity=event.severity,
        reply=event.reply,
        message=event.told[:MAX_STORED],
        provider=provider,
        final=event.final and not delivery.returned,
    )
    store.record_report(stored, delivery)
    deps.process.failpoint("bounce:recorded")
    if effect is ReportEffect.SUPPRESSED:
        hold_if_many_complain(deps, delivery.mailing, now)
    return effect
