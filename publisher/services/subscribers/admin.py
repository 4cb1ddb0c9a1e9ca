"""Departures: to leave, to be left alone, to be forgotten; and everything that is kept about an address.

    journal, flushed -> [...:journaled] -> the store, one transaction -> [...:committed]

A departure is on disk before it is done: after a crash in between, and after a restore of any older backup,
it is replayed (services.reconcile). Whoever makes somebody leave does it through here.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from publisher.core.addresses import parse_address
from publisher.core.delivery.bounces import BounceLimits, Severity, count_refusals
from publisher.core.delivery.reconciliation import journal_event, journal_fields
from publisher.core.subscribers.departures import ALL_LISTS, ERASED, LEFT, Departure
from publisher.core.subscribers.subscription import MailingList, Subscription, SubscriptionState
from publisher.core.tokens import KeyRing, address_key, mailbox_key
from publisher.ports import Journal, Store
from publisher.services.deps import Deps

OPERATOR = "operator"
"""The kind of a suppression that an operator asked for."""


def key_of(keyring: KeyRing, address: str) -> str:
    """The key an address is known by. Raises AddressError."""
    return address_key(str(parse_address(address)), keyring)


def journal_departures(journal: Journal, departures: Sequence[Departure]) -> None:
    """Appends departures to the journal, with one flush. Raises OutputError: they must not be done."""
    journal.append_all([(journal_event(one), journal_fields(one)) for one in departures])


def departure_of(keyring: KeyRing, one: Subscription, now: datetime) -> Departure:
    """The departure of the reader of a subscription, from its list, in this life of it."""
    return Departure(
        key=address_key(one.address, keyring),
        list=one.list,
        kind=LEFT,
        at=now,
        subscription=one.id,
        generation=one.generation,
    )


def end_subscriptions(deps: Deps, subscriptions: Iterable[Subscription], now: datetime) -> int:
    """Ends subscriptions as if their readers had left: one flush and one transaction, so take thousands at a
    time and not millions. Journaled. Returns how many stood until now.
    """
    standing = [one for one in subscriptions if one.state is not SubscriptionState.UNSUBSCRIBED]
    gone = [departure_of(deps.process.keyring(), one, now) for one in standing]
    journal_departures(deps.adapters.journal, gone)
    deps.process.failpoint("leave:journaled")
    ended = deps.adapters.store.apply_departures(gone)
    deps.process.failpoint("leave:committed")
    return ended


def unsubscribe(deps: Deps, address: str, spec: MailingList | None, now: datetime) -> Sequence[Subscription]:
    """Ends the subscriptions of an address, on one list or on all; returns those that stood until now.
    Journaled. Raises AddressError.
    """
    found = [
        s
        for s in deps.adapters.store.subscriptions_of(key_of(deps.process.keyring(), address))
        if spec is None or s.list == spec.slug
    ]
    standing = [s for s in found if s.state is not SubscriptionState.UNSUBSCRIBED]
    end_subscriptions(deps, standing, now)
    return standing


def suppress(deps: Deps, address: str, spec: MailingList | None, now: datetime) -> None:
    """No mail to an address from now on, on one list or on all, whoever signs it up. Journaled. Raises
    AddressError.
    """
    slug = spec.slug if spec else ALL_LISTS
    suppress_keys(deps, [(key_of(deps.process.keyring(), address), slug)], OPERATOR, now)


def suppress_keys(deps: Deps, whom: Iterable[tuple[str, str]], kind: str, now: datetime) -> None:
    """Suppresses keys of addresses, each on a list or EVERYWHERE: one flush and one transaction for all.
    `kind` is the name of a suppression: a bounce keeps the subscription, which gets no mail, any other ends
    it; `left` is of those who left elsewhere and may come back in person. Journaled.
    """
    last = deps.adapters.store.last_subscription_id()
    gone = [Departure(key=key, list=slug, kind=kind, at=now, subscription=last) for key, slug in whom]
    journal_departures(deps.adapters.journal, gone)
    deps.process.failpoint("suppress:journaled")
    deps.adapters.store.apply_departures(gone)
    deps.process.failpoint("suppress:committed")


def erase(deps: Deps, address: str, now: datetime) -> int:
    """Forgets an address: what is left is a keyed hash, which keeps it from being imported or added again.
    The reader may come back in person. Journaled. Returns how many subscriptions there were. Raises
    AddressError.
    """
    last = deps.adapters.store.last_subscription_id()
    gone = Departure(
        key=key_of(deps.process.keyring(), address), list=ALL_LISTS, kind=ERASED, at=now, subscription=last
    )
    journal_departures(deps.adapters.journal, [gone])
    deps.process.failpoint("erase:journaled")
    deps.adapters.store.reset_confirmation_history(
        mailbox_key(parse_address(address), deps.process.keyring())
    )
    forgotten = deps.adapters.store.apply_departures([gone])
    deps.process.failpoint("erase:committed")
    return forgotten


def export_data(deps: Deps, address: str) -> dict[str, Any]:
    """Everything that is kept about an address, to be shown to its owner. Raises AddressError."""
    key = key_of(deps.process.keyring(), address)
    return {
        "address": str(parse_address(address)),
        "subscriptions": [
            _told(deps.adapters.store, one) for one in deps.adapters.store.subscriptions_of(key)
        ],
        "suppressions": [
            {"list": slug, "kind": kind, "since": since}
            for slug, kind, since in deps.adapters.store.suppressions_of(key)
        ],
        "refusals": [
            {
                "mailing": one.mailing,
                "severity": one.severity,
                "at": one.at,
                "reply": one.reply,
                "counts": one.counts,
            }
            for one in deps.adapters.store.refusals_of(key)
        ],
        "refusals_left": _left(deps.rules.bounce_limits, deps.adapters.store, key),
        "confirmation_mails": _asked(deps.adapters.store, deps.process.keyring(), address),
    }


def _left(bounce_limits: BounceLimits, store: Store, key: str) -> dict[str, int]:
    """How many more refusals of each severity suppress an address."""
    those = [one for one in store.refusals_of(key) if one.counts is not False]
    limits = {Severity.HARD: bounce_limits.hard, Severity.SOFT: bounce_limits.soft}
    return {severity: max(most - count_refusals(those, severity), 0) for severity, most in limits.items()}


def _asked(store: Store, keyring: KeyRing, address: str) -> dict[str, Any] | None:
    """How often the mailbox of an address was asked to confirm, whatever its spelling; None: never."""
    asked = store.confirmation_history(mailbox_key(parse_address(address), keyring))
    return None if asked is None else {"sent": list(asked.sent), "never_again_since": asked.never}


def preferences_as_dict(one: Subscription) -> dict[str, Any]:
    """What a reader chose, as plain values; empty is the list's own."""
    pace, taste = one.choices.pace, one.choices.taste
    return {
        "cadence": pace.cadence,
        "on": pace.on,
        "at": f"{pace.at:%H:%M}" if pace.at else "",
        "timezone": pace.timezone,
        "topics": list(taste.topics),
        "language": taste.language,
        "paused": one.choices.paused,
    }


def _told(store: Store, one: Subscription) -> dict[str, Any]:
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
