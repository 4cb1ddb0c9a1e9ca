"""What an operator, or a person through them, asks of one address: to leave, to be left alone, to see, to be
forgotten.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from publisher.core.addresses import parse
from publisher.core.lists import MailingList, State, Subscription
from publisher.core.reconciling import Departure
from publisher.core.tokens import address_key
from publisher.services.parts import Parts

EVERYWHERE = ""
"""The list of what holds on every list."""


def key_of(parts: Parts, address: str) -> str:
    """The key an address is known by. Raises AddressError."""
    return address_key(str(parse(address)), parts.ring())


def unsubscribe(
    parts: Parts, address: str, spec: MailingList | None, now: datetime
) -> Sequence[Subscription]:
    """Ends the subscriptions of an address, on one list or on all; returns those that stood until now.
    Journalled. Raises AddressError.
    """
    key = key_of(parts, address)
    found = [s for s in parts.store.of_person(key) if spec is None or s.list == spec.slug]
    standing = [s for s in found if s.state is not State.UNSUBSCRIBED]
    for one in standing:
        parts.store.unsubscribe(one.id, one.generation, now)
        fields = {"at": now.isoformat(), "key": key, "list": one.list, "generation": one.generation}
        parts.journal.append("unsubscribed", fields)
    return standing


def suppress(parts: Parts, address: str, spec: MailingList | None, now: datetime) -> None:
    """No mail to an address from now on, on one list or on all, whoever signs it up. Journalled. Raises
    AddressError.
    """
    slug = spec.slug if spec else EVERYWHERE
    key = key_of(parts, address)
    _depart(parts, "suppressed", Departure(key=key, list=slug, kind="operator", generation=None, at=now))


def erase(parts: Parts, address: str, now: datetime) -> int:
    """Forgets an address: what is left is a keyed hash, which keeps it from being imported or added again.
    The reader may come back in person. Journalled. Returns how many subscriptions there were. Raises
    AddressError.
    """
    key = key_of(parts, address)
    _depart(parts, "erased", Departure(key=key, list=EVERYWHERE, kind="erased", generation=None, at=now))
    return parts.store.erase(key, now)


def dossier(parts: Parts, address: str) -> dict[str, Any]:
    """Everything that is kept about an address, to be shown to its owner. Raises AddressError."""
    key = key_of(parts, address)
    return {
        "address": str(parse(address)),
        "subscriptions": [_told(parts, one) for one in parts.store.of_person(key)],
        "suppressions": [
            {"list": slug, "kind": kind, "since": since} for slug, kind, since in parts.store.blocks(key)
        ],
    }


def choices_of(one: Subscription) -> dict[str, Any]:
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


def _told(parts: Parts, one: Subscription) -> dict[str, Any]:
    return {
        "list": one.list,
        "state": one.state,
        "since": one.created_at,
        "confirmed": one.confirmed_at,
        "next_due": one.next_due_at,
        "consent": parts.store.consent(one.id),
        "choices": choices_of(one),
        "mail": [
            {"mailing": mailing, "subject": subject, "state": state, "since": since}
            for mailing, subject, state, since in parts.store.received(one.id)
        ],
    }


def _depart(parts: Parts, event: str, departure: Departure) -> None:
    """Written down before it is done: a journal that knows more does no harm."""
    fields = {
        "at": departure.at.isoformat(),
        "key": departure.key,
        "list": departure.list,
        "kind": departure.kind,
    }
    parts.journal.append(event, fields)
    parts.store.depart(departure)
