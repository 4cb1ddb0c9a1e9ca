"""The life of a subscription: readers confirm, unsubscribe and change their address; operators add readers.
Also the mailings to a single reader that this takes, and when a reader is due next.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial

from publisher.core.addresses import Address, parse_address, parse_mailbox, reader_identity
from publisher.core.delivery.mailing import Cohort, MailingKind, NewMailing
from publisher.core.delivery.reconciliation import TRANSACTIONAL_PER_LINE
from publisher.core.digests.digest import is_wanted
from publisher.core.errors import LogConflict, OutputError, Refused, StoreError, TokenError
from publisher.core.subscribers.cadences import CADENCES
from publisher.core.subscribers.subscription import (
    ALL_LISTS,
    PENDING_FOR,
    READER_KINDS,
    Consent,
    MailingList,
    NewReader,
    SchedulePreference,
    SignupResult,
    Subscription,
    SubscriptionState,
    content_for,
    schedule_for,
)
from publisher.core.tokens import KeyRing, Purpose, address_key, mailbox_key, verify
from publisher.ports import Journal, Store
from publisher.services.deps import Adapters, Deps, SiteRules
from publisher.services.mail.messages import FrozenMail, PostVersions, confirmation_message, welcome_message
from publisher.services.subscribers.departures import departure_of, journal_departures
from publisher.services.subscribers.lists import ListGoneError, current_subscription

WELCOME_POSTS, WELCOME_SAMPLE = 5, 100
"""How many of the latest posts a welcome mail shows, and how many are searched for them."""

ADDRESS_CHANGE = "address"
"""The form in the proof of consent of a changed address; `origin` names the subscription it comes from."""


def find_by_token(
    store: Store, keyring: KeyRing, token: str, purpose: Purpose, now: datetime
) -> Subscription:
    """The subscription that a token is for. Changes nothing. Raises TokenError."""
    claim = verify(token, purpose, keyring, now)
    found = store.subscription(claim.subscription)
    if (
        found is None
        and purpose is Purpose.CONFIRM
        and (moved := store.moved_subscription(claim.subscription))
    ):
        return moved
    if found is None or found.generation != claim.generation:
        raise TokenError("token", "not valid")
    return found


def confirm(deps: Deps, token: str, now: datetime) -> Subscription:
    """Activates the subscriptions that a confirmation mail asked about. Idempotent. Raises TokenError."""
    found = find_by_token(deps.adapters.store, deps.process.keyring(), token, Purpose.CONFIRM, now)
    found = current_subscription(deps, found)
    if deps.rules.list(found.list) is None:
        raise ListGoneError(found.list)
    if found.state is SubscriptionState.UNSUBSCRIBED:
        raise TokenError("token", "not valid")
    together = deps.adapters.store.pending_in_same_mail(found.id) or [found]
    confirmed = [_confirm_one(deps, one, now) for one in together]  # the token's own comes last
    if confirmed[-1] is None:
        raise TokenError("token", "not valid")
    return confirmed[-1]


def _confirm_one(deps: Deps, found: Subscription, now: datetime) -> Subscription | None:
    """Activates one subscription and welcomes its reader once. None if it may not be or no longer exists."""
    spec = deps.rules.list(found.list)
    if spec is None:
        return None
    if moved := complete_address_change(deps, found, now):
        return moved
    if found.state is SubscriptionState.PENDING:
        # Before it counts, so that a store from an older backup is known to lack this reader. Without the
        # address: what is in the journal stays there.
        life: dict[str, object] = {
            "list": found.list,
            "subscription": found.id,
            "generation": found.generation,
        }
        life |= {"key": address_key(found.address, deps.process.keyring())}
        deps.adapters.journal.append("confirmed", {"at": now.isoformat(), **life})
        deps.process.failpoint("confirm:journaled")
    due = next_due_of(spec, found, now)
    while True:
        welcomes = found.state is SubscriptionState.PENDING and spec.welcome == "latest"
        mail = welcome_mailing(deps, spec, found, now) if welcomes else None
        note = partial(journal_mailing_id, deps.adapters.journal)
        try:
            done = deps.adapters.store.confirm(
                found.id, found.generation, due, now, welcome=mail, planned=note
            )
        except LogConflict:  # something was published in the meantime: show it in the welcome
            continue
        return done or deps.adapters.store.moved_subscription(found.id)


def lists_to_confirm(rules: SiteRules, store: Store, found: Subscription) -> Sequence[MailingList]:
    """The lists that a confirmation of `found` activates."""
    together = store.pending_in_same_mail(found.id) or [found]
    lists = (rules.list(one.list) for one in reversed(together))
    return [spec for spec in lists if spec is not None]


def welcome_mailing(deps: Deps, spec: MailingList, found: Subscription, now: datetime) -> NewMailing:
    """The welcome mail with the latest posts, to be planned with the confirmation. Its posts lie before the
    reader's offset in the log, so no digest brings them again.
    """
    content = content_for(spec, found.choices.content)
    head = deps.adapters.store.head().seq
    newest = [
        known
        for known in deps.adapters.store.newest_posts(WELCOME_SAMPLE)
        if is_wanted(known.post, spec, content)
    ]
    pairs = tuple((known.id, known.revision) for known in newest[:WELCOME_POSTS])
    language = deps.rules.language(spec, content)
    frozen = welcome_message(deps, spec, pairs, language)
    mailing = single_mailing(
        deps.adapters.store, spec, MailingKind.WELCOME, frozen, now, language, posts=pairs
    )
    return replace(mailing, head=head)


def unsubscribe(deps: Deps, token: str, now: datetime) -> Subscription:
    """Ends a subscription, from the next message sent. Idempotent. Journaled. Raises TokenError."""
    found = find_by_token(deps.adapters.store, deps.process.keyring(), token, Purpose.UNSUBSCRIBE, now)
    found = current_subscription(deps, found)
    if found.state is SubscriptionState.UNSUBSCRIBED:
        return found  # already journaled
    journal_departures(deps.adapters.journal, [departure_of(deps.process.keyring(), found, now)])
    deps.process.failpoint("unsubscribe:journaled")
    try:
        ended = deps.adapters.store.unsubscribe(found.id, found.generation, now)
    except (StoreError, OutputError):  # such as a full disk: the journal is replayed before anything is sent
        return replace(found, state=SubscriptionState.UNSUBSCRIBED)
    deps.process.failpoint("unsubscribe:committed")
    if ended is None:  # erased, or renewed, since it was looked up
        raise TokenError("token", "not valid")
    return ended


def add(
    deps: Deps,
    spec: MailingList,
    address: str,
    now: datetime,
    *,
    confirmed: bool,
    consent: Consent | None = None,
) -> SignupResult:
    """Adds one reader for an operator: active if `confirmed`, otherwise with a confirmation mail. `consent`
    is the proof to keep, by default that an operator added them. Raises AddressError, or Refused if the
    address left, is suppressed, or wants no such mail.
    """
    parsed = parse_address(address)
    if not confirmed and refuses_confirmation_mail(deps.adapters.store, deps.process.keyring(), parsed):
        what, do = "its owner wants no more confirmation mails", f"`publisher subscribers allow {parsed}`"
        raise Refused(str(parsed), what, do)
    due = next_due_after(spec, SchedulePreference(), now) if confirmed else None
    reader = NewReader(
        address=str(parsed),
        key=address_key(str(parsed), deps.process.keyring()),
        active=confirmed,
        own_wish=False,
        next_due_at=due,
    )
    consent = consent or Consent(at=now, origin="", form="cli", wording="added by the operator")
    [(joined, subscription)] = deps.adapters.store.subscribe(spec.slug, [reader], consent)
    if joined is SignupResult.LEFT:
        raise Refused(str(parsed), f"has left {spec.slug}", "only the reader can come back, by signing up")
    if subscription is not None and joined is SignupResult.ADDED and not confirmed:
        send_confirmation(deps, spec, subscription, now)
    return joined


def forget_pending(store: Store, now: datetime) -> int:
    """Deletes sign-ups that nobody confirmed within seven days, and counts of confirmation mails a year after
    the last attempt. Returns how many sign-ups.
    """
    store.prune_confirmation_history(now)
    return store.delete_pending(now - PENDING_FOR)


def address_change_consent(before: Subscription, now: datetime) -> Consent:
    """The proof that the reader of `before` asked in person to be mailed at another address."""
    origin = f"subscription {before.id}, life {before.generation}"
    return Consent(at=now, origin=origin, form=ADDRESS_CHANGE, wording="change of address, version 1")


def address_change_origin(store: Store, found: Subscription) -> Subscription | None:
    """The subscription that `found` replaces, if it has not changed since the reader asked for that."""
    proof = store.consent_of(found.id)
    words = proof.get("origin", "").replace(",", "").split()
    if proof.get("form") != ADDRESS_CHANGE or len(words) != 4:
        return None
    before = store.subscription(int(words[1]))
    if before is None or before.state is not SubscriptionState.ACTIVE or before.list != found.list:
        return None
    if reader_identity(before.address) == reader_identity(found.address):
        return None  # a click just before this one moved it
    return before if before.generation == int(words[3]) else None


def complete_address_change(deps: Deps, found: Subscription, now: datetime) -> Subscription | None:
    """Moves a subscription to the new address `found`, if confirming that one completes a change of address;
    returns it. None if it is not a change of address or the old subscription has ended. Journaled.
    """
    before = address_change_origin(deps.adapters.store, found)
    key = address_key(found.address, deps.process.keyring())
    if before is None:
        return None
    for slug, kind, _ in deps.adapters.store.suppressions_of(key):
        if slug in (ALL_LISTS, found.list) and kind not in READER_KINDS:
            return None
    move = replace(departure_of(deps.process.keyring(), before, now), to=found.id, to_key=key)
    journal_departures(deps.adapters.journal, [move])
    deps.process.failpoint("address:journaled")
    deps.adapters.store.apply_departures([move])
    deps.process.failpoint("address:committed")
    there = [one for one in deps.adapters.store.subscriptions_of(key) if one.list == found.list]
    return next((one for one in there if one.state is SubscriptionState.ACTIVE), None)


def send_confirmation(
    deps: Deps,
    spec: MailingList,
    subscription: Subscription,
    now: datetime,
    frozen: FrozenMail | None = None,
) -> int:
    """Plans a confirmation mail for an operator, which does not count towards the limits; returns the id of
    its mailing, 0 if the owner of the mailbox wants none. `frozen` is the mail, if it is composed already.
    """
    if refuses_confirmation_mail(
        deps.adapters.store, deps.process.keyring(), parse_address(subscription.address)
    ):
        return 0
    mail = frozen or confirmation_message(deps, spec)
    return plan_single_mailing(deps.adapters, spec, MailingKind.CONFIRM, mail, subscription, now)


def refuses_confirmation_mail(store: Store, keyring: KeyRing, address: Address) -> bool:
    """Whether the owner of a mailbox chose "never ask again"."""
    asked = store.confirmation_history(mailbox_key(address, keyring))
    return asked is not None and asked.never is not None


def plan_single_mailing(
    adapters: Adapters,
    spec: MailingList,
    kind: MailingKind,
    frozen: FrozenMail,
    to: Subscription,
    now: datetime,
    language: str = "",
) -> int:
    """Plans a mailing to one reader and returns its id. `language` is that of its text, if not the list's."""
    id = adapters.store.start_transactional(
        single_mailing(adapters.store, spec, kind, frozen, now, language), to.id, now
    )
    journal_mailing_id(adapters.journal, id)
    return id


def single_mailing(
    store: Store,
    spec: MailingList,
    kind: MailingKind,
    frozen: FrozenMail,
    now: datetime,
    language: str = "",
    posts: PostVersions = (),
) -> NewMailing:
    """A mailing to one reader, to be planned. `posts` are what it shows."""
    subject, recipe, segments = frozen
    return NewMailing(
        list=spec.slug,
        kind=kind,
        head=store.head().seq,
        due_before=now,
        sender=str(parse_mailbox(spec.sender).address),
        subject=subject,
        cohorts=(Cohort(n=1, posts=posts, recipe=recipe, language=language),),
        segments=segments,
    )


def journal_mailing_id(journal: Journal, mailing: int) -> None:
    """Journals every TRANSACTIONAL_PER_LINE-th id of a mailing to one reader, so that a store restored from
    an older backup does not use these ids again.
    """
    if mailing % TRANSACTIONAL_PER_LINE == 0:
        journal.append("transactional", {"mailing": mailing})


def next_due_after(spec: MailingList, preference: SchedulePreference, now: datetime) -> datetime:
    """When a reader with that schedule preference is due next after `now`."""
    schedule = schedule_for(spec, preference)
    return CADENCES[schedule.cadence].after(now, schedule)


def next_due_of(
    spec: MailingList, found: Subscription, now: datetime, preference: SchedulePreference | None = None
) -> datetime:
    """When a subscription is due next after `now`, by its own schedule preference or a new one."""
    return next_due_after(spec, preference or found.choices.schedule, now)
