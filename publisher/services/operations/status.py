"""Status: where the site stands, in one look."""

from collections import Counter
from datetime import datetime, timedelta
from typing import Any

from publisher.core.delivery.mailing import DeliveryState, Mailing, MailingState
from publisher.core.delivery.relays import DAY, HOUR, Quota, messages_used, next_send_at
from publisher.core.delivery.throttling import SERVER_SCOPE, DeliveryRate, forecast, scope_mailing
from publisher.ports import Store
from publisher.services.deps import Deps
from publisher.services.digests.due_readers import backlog
from publisher.services.mail.public_url import last_answer
from publisher.services.publishing.clock_checks import clock_behind, describe_log_ahead

RATE_WINDOW = timedelta(minutes=5)
"""How far back a rate looks."""

_GOING = (DeliveryState.CLAIMED, DeliveryState.SENDING)
_LEFT = (DeliveryState.QUEUED, DeliveryState.CLAIMED, DeliveryState.SENDING)


def _sending(
    mailing: Mailing, pace: DeliveryRate | None, now: datetime, last_turn: datetime | None
) -> dict[str, Any]:
    """A mailing under way: {id, list, state, hold, hold_until, planned, left, per_second, ends_at,
    waits_until}. There is a rate only while something sends."""
    left = sum(mailing.counts.get(state, 0) for state in _LEFT)
    going = mailing.state is MailingState.READY and any(mailing.counts.get(state) for state in _GOING)
    seen = forecast(left, pace if going else None, now, last_turn)
    return {
        "id": mailing.id,
        "list": mailing.list,
        "state": mailing.state,
        "hold": mailing.hold,
        "hold_why": mailing.hold_why or None,
        "hold_until": mailing.hold_until,
        "planned": mailing.planned,
        "left": seen.left,
        "per_second": round(seen.rate, 2),
        "ends_at": seen.ends_at,
        "waits_until": last_turn if last_turn and last_turn > now and not going else None,
    }


def _stopped(store: Store, now: datetime) -> list[dict[str, Any]]:
    """Domains where nothing is tried for a while: {domain, until, why}. What stops a mailing, or all, is its
    hold.
    """
    gauges = sorted(store.circuit_breakers().values(), key=lambda gauge: gauge.scope)
    domains = (
        g for g in gauges if g.stopped(now) and g.scope != SERVER_SCOPE and scope_mailing(g.scope) is None
    )
    return [{"domain": g.scope, "until": g.until, "why": g.reply} for g in domains]


def _relay(store: Store, quota: Quota, now: datetime) -> dict[str, Any]:
    """How much of a quota a relay has had, and when it takes more where it takes none now."""
    spent = store.quota_used(quota.relay, now)
    return {
        "relay": quota.relay,
        "per_hour": quota.per_hour,
        "sent_in_hour": messages_used(spent, HOUR, now),
        "per_day": quota.per_day,
        "sent_in_day": messages_used(spent, DAY, now),
        "goes_on": next_send_at(quota, spent, now),
    }


def _public_url(store: Store) -> dict[str, Any] | None:
    """Who answered at web.public_url last: {url, answer, asked_at, words}; None: nobody was asked."""
    seen = last_answer(store)
    if seen is None:
        return None
    return {"url": seen.url, "answer": seen.answer, "asked_at": seen.at, "words": seen.words or None}


def status(deps: Deps, now: datetime) -> dict[str, Any]:
    """Log head, readers by state, what is due, what is queued or in doubt, and the last errors."""
    head = deps.adapters.store.head()
    wrong = clock_behind(deps.adapters.store, now)
    mailings, deliveries = deps.adapters.store.delivery_totals()
    active = deps.adapters.store.unfinished_mailings()
    pace = deps.adapters.store.delivery_rates(now - RATE_WINDOW)
    readers = Counter[str]()
    for (spec, state), number in deps.adapters.store.subscriber_counts().items():
        readers[f"{state} on {spec}"] += number
    turns = deps.adapters.store.last_batch_times()
    return {
        "log_head": head.seq,
        "head_at": head.at,
        "baseline_at": head.baseline_at,
        "now": now,
        "clock_behind": wrong.in_words(deps.rules.site.timezone) if wrong else None,
        "log_ahead": describe_log_ahead(deps.adapters.store, deps.rules.site.timezone, now) or None,
        "next_due": deps.adapters.store.next_due_at(),
        "next_batch": deps.adapters.store.next_batch_at(),
        "readers": dict(readers),
        "sending": [_sending(m, pace.get(m.id), now, turns.get(m.id)) for m in active],
        "stopped": _stopped(deps.adapters.store, now),
        "relays": [_relay(deps.adapters.store, quota, now) for quota in deps.rules.throttling.quotas],
        "mailings": {"all": mailings, "under way": len(active)},
        "deliveries": {state.value: count for state, count in deliveries.items()},
        "public_url": _public_url(deps.adapters.store),
        "waiting": backlog(deps, now, paused=True),
        "hubs": {"to tell": len(deps.adapters.store.pings())} if deps.rules.hubs else {},
        "problems": [
            {"area": a, "since": at, "text": text} for a, at, text in deps.adapters.store.problems()
        ],
    }
