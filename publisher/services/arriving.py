"""The end of a change of address: the new one is confirmed, and takes the place of the one before."""

from datetime import datetime

from publisher.core.lists import Consent, Subscription
from publisher.core.tokens import address_key
from publisher.services.parts import Parts

FORM = "address"
"""The door that a new address comes in by, in the proof of its consent; `origin` says where it comes from."""


def coming_from(before: Subscription, now: datetime) -> Consent:
    """The proof that the reader of `before` asked, in person, to get it at another address."""
    origin = f"subscription {before.id}, life {before.generation}"
    return Consent(at=now, origin=origin, form=FORM, wording="change of address, version 1")


def arrived(parts: Parts, confirmed: Subscription, now: datetime) -> Subscription | None:
    """Where a subscription that was just confirmed is a change of address: the one that goes on there, with
    all it had. None: it is none, or what it came from has ended meanwhile. Journalled.
    """
    proof = parts.store.consent(confirmed.id)
    words = proof.get("origin", "").replace(",", "").split()
    if proof.get("form") != FORM or len(words) != 4:
        return None
    old, generation = int(words[1]), int(words[3])
    before = parts.store.subscription(old)
    moved = parts.store.take_over(confirmed.id, old, generation, now) if before else None
    if before is None or moved is None:
        return None
    key = address_key(before.address, parts.ring())
    fields = {"at": now.isoformat(), "key": key, "list": before.list, "generation": before.generation}
    parts.journal.append("unsubscribed", fields)
    return moved
