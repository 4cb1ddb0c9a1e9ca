"""What `publisher status` shows."""

from collections import Counter
from datetime import datetime, timedelta
from typing import Any

from publisher.core.delivery.bounces import ReportEffect
from publisher.core.delivery.mailing import DeliveryState, Mailing, MailingState
from publisher.core.delivery.relays import DAY, HOUR, MailProvider, Quota, messages_used, next_send_at
from publisher.core.delivery.throttling import SERVER_SCOPE, DeliveryRate, forecast, scope_mailing
from publisher.core.delivery.webhooks.events import WebhookOutcome
from publisher.core.mail.message import MailTransport
from publisher.ports import Store
from publisher.services.delivery.safeguards import refusals_to_decide
from publisher.services.deps import Deps
from publisher.services.digests.due_readers import backlog
from publisher.services.publishing.preflight import clock_behind, describe_log_ahead, last_answer
from publisher.services.subscribers.lists import AREA as LISTS_AREA
from publisher.services.subscribers.lists import describe_removed

RATE_WINDOW = timedelta(minutes=5)
"""The window over which the sending rate is measured."""

MAX_NAMED = 10
"""Mailings that a message names; it counts the others."""

BOUNCES_WINDOW = timedelta(days=7)
"""The window over which mail that came back is counted."""

_IN_FLIGHT = (DeliveryState.CLAIMED, DeliveryState.SENDING)
_UNSENT = (DeliveryState.QUEUED, *_IN_FLIGHT)


def _sending(
    mailing: Mailing, rate: DeliveryRate | None, now: datetime, last_batch_at: datetime | None
) -> dict[str, Any]:
    """An unfinished mailing. Its rate is known only while a process sends it."""
    left = sum(mailing.counts.get(state, 0) for state in _UNSENT)
    active = mailing.state is MailingState.READY and any(mailing.counts.get(state) for state in _IN_FLIGHT)
    expected = forecast(left, rate if active else None, now, last_batch_at)
    return {
        "id": mailing.id,
        "list": mailing.list,
        "state": mailing.state,
        "hold": mailing.hold,
        "hold_why": mailing.hold_why or None,
        "hold_until": mailing.hold_until,
        "planned": mailing.planned,
        "left": expected.left,
        "per_second": round(expected.rate, 2),
        "ends_at": expected.ends_at,
        "waits_until": last_batch_at if last_batch_at and last_batch_at > now and not active else None,
    }


def _relay(store: Store, quota: Quota, now: datetime) -> dict[str, Any]:
    """How much of a relay's quota is used, and when it accepts more if it is used up."""
    used = store.quota_used(quota.relay, now)
    return {
        "relay": quota.relay,
        "per_hour": quota.per_hour,
        "sent_in_hour": messages_used(used, HOUR, now),
        "per_day": quota.per_day,
        "sent_in_day": messages_used(used, DAY, now),
        "goes_on": next_send_at(quota, used, now),
    }


def describe_outbox(store: Store, transport: str) -> str:
    """How many messages lie in the outbox, of which mailings, and what to do with them now that mail leaves
    by `transport`; "" if there are none, or if that is the outbox.
    """
    waiting = store.count_in_outbox() if transport != MailTransport.OUTBOX else dict[int, int]()
    if not waiting:
        return ""
    number, several = sum(waiting.values()), len(waiting) > 1
    names = ", ".join(map(str, [*waiting][:MAX_NAMED]))
    more = f" and {len(waiting) - MAX_NAMED:,} more" if len(waiting) > MAX_NAMED else ""
    return (
        f"{number:,} message{'s' * (number > 1)} of mailing{'s' * several} {names}{more} count as accepted "
        "but were only written to outbox/; send them with `publisher mailings outbox send`, or leave them "
        "there with `publisher mailings outbox keep`"
    )


def _problems(deps: Deps, now: datetime) -> list[dict[str, Any]]:
    """What is wrong, the oldest first. Lists that settings no longer name are looked up now: no publish may
    have gone by these settings yet.
    """
    known = deps.adapters.store.problems()
    since = {text: at for area, at, text in known if area == LISTS_AREA}
    removed = describe_removed(deps.rules, deps.adapters.store)
    rows = [(area, at, text) for area, at, text in known if area != LISTS_AREA]
    rows += [(LISTS_AREA, since.get(text, now), text) for text in removed]
    return [
        {"area": area, "since": at, "text": text} for area, at, text in sorted(rows, key=lambda row: row[1])
    ]


def _bounces(store: Store, now: datetime) -> dict[str, Any]:
    """What came back within `BOUNCES_WINDOW`, by mail and by webhooks, and what waits for an operator."""
    counted = store.count_reports(now - BOUNCES_WINDOW)
    kinds, kept = Counter[str](), 0
    for (kind, effect), number in counted.items():
        if effect is ReportEffect.KEPT:
            kept += number
        else:
            kinds[kind] += number
    waiting = refusals_to_decide(store, now)
    heard = store.count_webhooks(now - BOUNCES_WINDOW)
    return {
        "days": BOUNCES_WINDOW.days,
        "read": dict(kinds),
        "kept": kept,
        "to_decide": [{"mailing": one.mailing, "refused": one.share.refused} for one in waiting],
        "webhooks": [
            {"provider": provider}
            | {outcome: heard.get((provider, outcome), 0) for outcome in WebhookOutcome}
            for provider in MailProvider
            if any(name == provider for name, _ in heard)
        ],
    }


def status(deps: Deps, now: datetime) -> dict[str, Any]:
    """The log's head, readers by state, what is due, queued or of unknown outcome, and the last problems."""
    store = deps.adapters.store
    head = store.head()
    lag = clock_behind(store, now)
    mailings, deliveries = store.delivery_totals()
    active = store.unfinished_mailings()
    rates = store.delivery_rates(now - RATE_WINDOW)
    readers = Counter[str]()
    for (spec, state), number in store.subscriber_counts().items():
        readers[f"{state} on {spec}"] += number
    last_batches = store.last_batch_times()
    # The recipient domains with an open circuit breaker: what stops a mailing, or all, is shown as its hold.
    breakers = sorted(store.circuit_breakers().values(), key=lambda breaker: breaker.scope)
    probed = last_answer(store)
    return {
        "log_head": head.seq,
        "head_at": head.at,
        "baseline_at": head.baseline_at,
        "now": now,
        "clock_behind": lag.in_words(deps.rules.site.timezone) if lag else None,
        "log_ahead": describe_log_ahead(store, deps.rules.site.timezone, now) or None,
        "next_due": store.next_due_at(now, deps.rules.slugs),
        "next_batch": store.next_batch_at(deps.rules.slugs),
        "readers": dict(readers),
        "sending": [_sending(m, rates.get(m.id), now, last_batches.get(m.id)) for m in active],
        "stopped": [
            {"domain": breaker.scope, "until": breaker.until, "why": breaker.reply}
            for breaker in breakers
            if breaker.stopped(now) and breaker.scope != SERVER_SCOPE and scope_mailing(breaker.scope) is None
        ],
        "relays": [_relay(store, quota, now) for quota in deps.rules.throttling.quotas],
        "mailings": {"all": mailings, "under way": len(active)},
        "deliveries": {state.value: count for state, count in deliveries.items()},
        "bounces": _bounces(store, now),
        "outbox": describe_outbox(store, deps.adapters.transport.name) or None,
        "public_url": probed
        and {
            "url": probed.url,
            "answer": probed.answer,
            "asked_at": probed.at,
            "words": probed.words or None,
        },
        "waiting": backlog(deps, now, paused=True),
        "hubs": {"to tell": len(store.pings())} if deps.rules.hubs else {},
        "problems": _problems(deps, now),
    }
