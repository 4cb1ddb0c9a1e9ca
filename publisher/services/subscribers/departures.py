"""Departures (unsubscribe, suppress, erase) and the export of all data about an address.

    journal, flushed -> [...:journaled] -> the store, one transaction -> [...:committed]

A departure is in the journal before it is in the store, so that services.operations.reconcile can replay it
after a crash or after an older backup was restored. Every departure goes through this module.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from publisher.core.addresses import parse_address
from publisher.core.delivery.bounces import Severity, count_refusals
from publisher.core.delivery.reconciliation import journal_event, journal_fields
from publisher.core.subscribers.subscription import (
    ALL_LISTS,
    ERASED,
    LEFT,
    Departure,
    MailingList,
    Subscription,
    SubscriptionState,
)
from publisher.core.tokens import KeyRing, address_key, mailbox_key
from publisher.ports import Journal, Store
from publisher.services.deps import Deps

OPERATOR = "operator"
"""The kind of suppression that an operator asks for."""


def key_of(keyring: KeyRing, address: str) -> str:
    """The key of an address in the store. Raises AddressError."""
    return address_key(str(parse_address(address)), keyring)


def journal_departures(journal: Journal, departures: Sequence[Departure]) -> None:
    """Appends departures to the journal with one flush. If it raises OutputError, they must not happen."""
    journal.append_all([(journal_event(one), journal_fields(one)) for one in departures])


def departure_of(keyring: KeyRing, subscription: Subscription, now: datetime) -> Departure:
    """The departure that ends a subscription, in its present generation."""
    return Departure(
        key=address_key(subscription.address, keyring),
        list=subscription.list,
        kind=LEFT,
        at=now,
        subscription=subscription.id,
        generation=subscription.generation,
    )


def end_subscriptions(deps: Deps, subscriptions: Iterable[Subscription], now: datetime) -> int:
    """Ends subscriptions as if their readers had unsubscribed. Takes one flush and one transaction, so pass
    thousands at a time and not millions. Journaled. Returns how many had not ended before.
    """
    keyring = deps.process.keyring()
    departures = [
        departure_of(keyring, one, now)
        for one in subscriptions
        if one.state is not SubscriptionState.UNSUBSCRIBED
    ]
    journal_departures(deps.adapters.journal, departures)
    deps.process.failpoint("leave:journaled")
    ended = deps.adapters.store.apply_departures(departures)
    deps.process.failpoint("leave:committed")
    return ended


def unsubscribe(deps: Deps, address: str, spec: MailingList | None, now: datetime) -> Sequence[Subscription]:
    """Ends the subscriptions of an address, on one list or on all; returns those that had not ended before.
    Journaled. Raises AddressError.
    """
    found = [
        s
        for s in deps.adapters.store.subscriptions_of(key_of(deps.process.keyring(), address))
        if spec is None or s.list == spec.slug
    ]
    ending = [s for s in found if s.state is not SubscriptionState.UNSUBSCRIBED]
    end_subscriptions(deps, ending, now)
    return ending


def suppress(deps: Deps, address: str, spec: MailingList | None, now: datetime) -> None:
    """Suppresses an address, on one list or on all: it gets no mail, whoever signs it up. Journaled. Raises
    AddressError.
    """
    slug = spec.slug if spec else ALL_LISTS
    suppress_keys(deps, [(key_of(deps.process.keyring(), address), slug)], OPERATOR, now)


def suppress_keys(deps: Deps, keys: Iterable[tuple[str, str]], kind: str, now: datetime) -> None:
    """Suppresses addresses by (key, list or ALL_LISTS), with one flush and one transaction. A bounce keeps
    the subscription, without mail; any other `kind` ends it. `left` is for readers who left elsewhere and may
    come back in person. Journaled.
    """
    last = deps.adapters.store.last_subscription_id()
    departures = [Departure(key=key, list=slug, kind=kind, at=now, subscription=last) for key, slug in keys]
    journal_departures(deps.adapters.journal, departures)
    deps.process.failpoint("suppress:journaled")
    deps.adapters.store.apply_departures(departures)
    deps.process.failpoint("suppress:committed")


def erase(deps: Deps, address: str, now: datetime) -> int:
    """Erases an address. A keyed hash remains, so that it is not imported or added again; the reader may come
    back in person. Journaled. Returns how many subscriptions it had. Raises AddressError.
    """
    last = deps.adapters.store.last_subscription_id()
    keyring = deps.process.keyring()
    departure = Departure(
        key=key_of(keyring, address), list=ALL_LISTS, kind=ERASED, at=now, subscription=last
    )
    journal_departures(deps.adapters.journal, [departure])
    deps.process.failpoint("erase:journaled")
    deps.adapters.store.reset_confirmation_history(mailbox_key(parse_address(address), keyring))
    erased = deps.adapters.store.apply_departures([departure])
    deps.process.failpoint("erase:committed")
    return erased


def export_data(deps: Deps, address: str) -> dict[str, Any]:
    """All data about an address, for its owner. Raises AddressError."""
    store, keyring = deps.adapters.store, deps.process.keyring()
    key = key_of(keyring, address)
    asked = store.confirmation_history(mailbox_key(parse_address(address), keyring))
    refusals = store.refusals_of(key)
    counted = [one for one in refusals if one.counts is not False]
    # How many refusals of each severity suppress the address.
    limits = {Severity.HARD: deps.rules.bounce_limits.hard, Severity.SOFT: deps.rules.bounce_limits.soft}
    return {
        "address": str(parse_address(address)),
        "subscriptions": [_subscription_data(store, one) for one in store.subscriptions_of(key)],
        "suppressions": [
            {"list": slug, "kind": kind, "since": since} for slug, kind, since in store.suppressions_of(key)
        ],
        "refusals": [
            {
                "mailing": one.mailing,
                "severity": one.severity,
                "at": one.at,
                "reply": one.reply,
                "counts": one.counts,
            }
            for one in refusals
        ],
        "reports": [
            {
                "at": one.at,
                "kind": one.kind,
                "effect": one.effect,
                "mailing": one.mailing,
                "severity": one.severity,
                "reply": one.reply,
                "provider": one.provider,
                "message": None if one.message is None else one.message.decode("utf-8", "replace"),
            }
            for one in store.reports_of(key)
        ],
        "refusals_left": {
            severity: max(most - count_refusals(counted, severity), 0) for severity, most in limits.items()
        },
        "acts": [
            {"at": one.at, "act": one.act, "via": one.via, "by": one.who, "done": one.done}
            for one in store.acts_about(key)
        ],
        "confirmation_mails": asked and {"sent": list(asked.sent), "never_again_since": asked.never},
    }


def preferences_as_dict(subscription: Subscription) -> dict[str, Any]:
    """What a reader chose, as plain values; empty ones stand for the list's own."""
    choices = subscription.choices
    schedule, content = choices.schedule, choices.content
    return {
        "cadence": schedule.cadence,
        "on": schedule.on,
        "at": f"{schedule.at:%H:%M}" if schedule.at else "",
        "timezone": schedule.timezone,
        "topics": list(content.topics),
        "language": content.language,
        "paused": choices.paused,
    }


def _subscription_data(store: Store, one: Subscription) -> dict[str, Any]:
    return {
        "list": one.list,
        "state": one.state,
        "since": one.created_at,
        "confirmed": one.confirmed_at,
        "next_due": one.next_due_at,
        "consent": store.consent_of(one.id),
        "choices": preferences_as_dict(one),
        "mail": [
            {"mailing": mailing, "subject": subject, "state": state, "since": since}
            for mailing, subject, state, since in store.deliveries_to(one.id)
        ],
    }
