"""The end of a change of address: the new one is confirmed, and takes the place of the one before."""

from dataclasses import replace
from datetime import datetime

from publisher.core.addresses import identity
from publisher.core.subscribers.departures import EVERYWHERE, LIFTED_BY_READER
from publisher.core.subscribers.subscription import Consent, State, Subscription
from publisher.core.tokens import address_key
from publisher.services.deps import Parts
from publisher.services.subscribers.admin import left, write_down

FORM = "address"
"""The door that a new address comes in by, in the proof of its consent; `origin` says where it comes from."""


def coming_from(before: Subscription, now: datetime) -> Consent:
    """The proof that the reader of `before` asked, in person, to get it at another address."""
    origin = f"subscription {before.id}, life {before.generation}"
    return Consent(at=now, origin=origin, form=FORM, wording="change of address, version 1")


def arrived(parts: Parts, found: Subscription, now: datetime) -> Subscription | None:
    """Where the reader of `found`, who confirms it now, changes their address by it: the subscription that
    goes on there, with all it had. None: it is none, or what it came from has ended meanwhile. Journaled.
    """
    before = comes_from(parts, found)
    key = address_key(found.address, parts.ring())
    if before is None or _is_blocked(parts, key, found.list):
        return None
    move = replace(left(parts, before, now), to=found.id, to_key=key)
    write_down(parts, [move])
    parts.reach("address:journaled")
    parts.store.depart([move])
    parts.reach("address:committed")
    there = [one for one in parts.store.of_person(key) if one.list == found.list]
    return next((one for one in there if one.state is State.ACTIVE), None)


def comes_from(parts: Parts, found: Subscription) -> Subscription | None:
    """The subscription that `found` takes the place of, if it still stands as it did when that was asked."""
    proof = parts.store.consent(found.id)
    words = proof.get("origin", "").replace(",", "").split()
    if proof.get("form") != FORM or len(words) != 4:
        return None
    before = parts.store.subscription(int(words[1]))
    if before is None or before.state is not State.ACTIVE or before.list != found.list:
        return None
    if identity(before.address) == identity(found.address):  # a click a moment before this one moved it
        return None
    return before if before.generation == int(words[3]) else None


def _is_blocked(parts: Parts, key: str, spec: str) -> bool:
    blocks = parts.store.blocks(key)
    return any(slug in (EVERYWHERE, spec) and kind not in LIFTED_BY_READER for slug, kind, _ in blocks)
