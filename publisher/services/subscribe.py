"""Sign-up, confirmation and departure: the life of a subscription, as readers and operators act on it."""

from datetime import datetime, timedelta

from publisher.core.addresses import Address, parse, parse_mailbox
from publisher.core.digests import wanted
from publisher.core.errors import Refused, TokenError
from publisher.core.lists import (
    PENDING_FOR,
    Consent,
    Joined,
    MailingList,
    NewReader,
    State,
    Subscription,
    taste_of,
)
from publisher.core.mailings import Cohort, MailingKind, NewMailing
from publisher.core.reconciling import EVERY
from publisher.core.rhythms import Pace
from publisher.core.tokens import Purpose, address_key, unseal
from publisher.services.arriving import arrived
from publisher.services.compose import Frozen, confirmation_message, welcome_message
from publisher.services.departures import left, write_down
from publisher.services.parts import Parts
from publisher.services.timing import due_after, due_of

CONFIRMATIONS = 3
"""Confirmation mails at most for one life of a subscription, however often somebody asks."""

LATEST, LOOKED_AT = 5, 100
"""How many of the latest posts a welcome mail shows, and among how many of all it looks for them."""

CONFIRMATION_EVERY = timedelta(minutes=15)

WORDING = "sign-up form, version 1"
"""What the reader agreed to, as proof of consent; grows with the form's text."""


def sign_up(parts: Parts, spec: MailingList, address: str, origin: str, now: datetime) -> None:
    """A visitor asks to join. Says nothing about what was known of the address. Raises AddressError."""
    parsed = parse(address)
    consent = Consent(at=now, origin=origin, form="form", wording=WORDING)
    reader = _reader(parts, parsed, active=False, own_wish=True, due=None)
    [(joined, subscription)] = parts.store.join(spec.slug, [reader], consent)
    if subscription is None or joined is Joined.LEFT:
        return
    if subscription.state is State.PENDING and may_ask(parts, subscription, now):
        ask_to_confirm(parts, spec, subscription, now)


def may_ask(parts: Parts, subscription: Subscription, now: datetime) -> bool:
    """Whether a pending reader may be sent one more mail that asks to confirm."""
    count, last = parts.store.confirmations(subscription.id, subscription.generation)
    return count == 0 or (count < CONFIRMATIONS and last is not None and now - last >= CONFIRMATION_EVERY)


def ask_to_confirm(
    parts: Parts, spec: MailingList, subscription: Subscription, now: datetime, ask: Frozen | None = None
) -> int:
    """Plans the confirmation mail, a transactional mailing of its own; returns its id. `ask` is the mail
    where it is composed already.
    """
    frozen = ask or confirmation_message(parts, spec)
    return mail_one(parts, spec, MailingKind.CONFIRM, frozen, subscription, now)


def mail_one(
    parts: Parts,
    spec: MailingList,
    kind: MailingKind,
    frozen: Frozen,
    to: Subscription,
    now: datetime,
    language: str = "",
) -> int:
    """Plans a mailing to one reader, who waits for it; returns its id. `language` is that of its words, where
    it is not the list's.
    """
    subject, recipe, segments = frozen
    new = NewMailing(
        list=spec.slug,
        kind=kind,
        head=parts.store.head().seq,
        due_before=now,
        sender=str(parse_mailbox(spec.sender).address),
        subject=subject,
        cohorts=(Cohort(n=1, posts=(), recipe=recipe, language=language),),
        segments=segments,
    )
    id = parts.store.start_for_one(new, to.id, now)
    if id % EVERY == 0:  # a store restored from before must not give these numbers again
        parts.journal.append("transactional", {"mailing": id})
    return id


def look_up(parts: Parts, token: str, purpose: Purpose, now: datetime) -> Subscription:
    """The subscription a token speaks of, for showing; changes nothing. Raises TokenError."""
    claim = unseal(token, purpose, parts.ring(), now)
    found = parts.store.subscription(claim.subscription)
    if found is None or found.generation != claim.generation:
        raise TokenError("token", "not valid")
    return found


def confirm(parts: Parts, token: str, now: datetime) -> Subscription:
    """The reader confirms in person: active from here on. Idempotent. Raises TokenError."""
    found = look_up(parts, token, Purpose.CONFIRM, now)
    spec = parts.list(found.list)
    if spec is None or found.state is State.UNSUBSCRIBED:
        raise TokenError("token", "not valid")
    if moved := arrived(parts, found, now):
        return moved
    due = due_of(parts, spec, found, now)
    confirmed = parts.store.confirm(found.id, found.generation, due, now)
    if confirmed is None:
        raise TokenError("token", "not valid")
    if found.state is State.PENDING and spec.welcome == "latest":
        welcome(parts, spec, confirmed, now)
    return confirmed


def welcome(parts: Parts, spec: MailingList, found: Subscription, now: datetime) -> int:
    """Plans the mail that greets a reader with the latest posts; returns the mailing's id. Those posts lie
    before the reader's place in the log, so no digest brings them again.
    """
    taste = taste_of(spec, found.choices.taste)
    newest = [known for known in parts.store.newest(LOOKED_AT) if wanted(known.post, spec, taste)]
    pairs = tuple((known.id, known.revision) for known in newest[:LATEST])
    language = parts.language(spec, taste)
    frozen = welcome_message(parts, spec, pairs, language)
    return mail_one(parts, spec, MailingKind.WELCOME, frozen, found, now, language)


def unsubscribe(parts: Parts, token: str, now: datetime) -> Subscription:
    """One click: effective for the next message sent, idempotent, journaled. Raises TokenError."""
    found = look_up(parts, token, Purpose.UNSUBSCRIBE, now)
    if found.state is State.UNSUBSCRIBED:  # it was written down then: a link clicked twice adds nothing
        return found
    write_down(parts, [left(parts, found, now)])
    parts.reach("unsubscribe:journaled")
    ended = parts.store.unsubscribe(found.id, found.generation, now)
    parts.reach("unsubscribe:committed")
    if ended is None:  # erased, or moved on to a later life, since it was looked up
        raise TokenError("token", "not valid")
    return ended


def add(parts: Parts, spec: MailingList, address: str, now: datetime, *, confirmed: bool) -> Joined:
    """An operator adds one reader: active where consent is stated, else asked to confirm.

    Raises AddressError, and Refused for an address that left or is suppressed.
    """
    parsed = parse(address)
    due = due_after(parts, spec, Pace(), now) if confirmed else None
    reader = _reader(parts, parsed, active=confirmed, own_wish=False, due=due)
    consent = Consent(at=now, origin="", form="cli", wording="added by the operator")
    [(joined, subscription)] = parts.store.join(spec.slug, [reader], consent)
    if joined is Joined.LEFT:
        raise Refused(str(parsed), f"has left {spec.slug}", "only the reader can come back, by signing up")
    if subscription is not None and joined is Joined.ADDED and not confirmed:
        ask_to_confirm(parts, spec, subscription, now)
    return joined


def _reader(
    parts: Parts, address: Address, *, active: bool, own_wish: bool, due: datetime | None
) -> NewReader:
    text = str(address)
    key = address_key(text, parts.ring())
    return NewReader(address=text, key=key, active=active, own_wish=own_wish, next_due_at=due)


def forget_pending(parts: Parts, now: datetime) -> int:
    """Sign-ups nobody confirmed are gone after seven days; returns how many."""
    return parts.store.forget_pending(now - PENDING_FOR)
