"""Signing up, and being asked to confirm: what readers ask of forms, and what an operator does about it.

How often a mailbox is asked is counted in the transaction that plans the mail
(`core.subscribers.confirmation_limits`). Nothing here tells a reader what was known of an address.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime

from publisher.core.addresses import Address, Blocklist, parse_address
from publisher.core.delivery.mailing import MailingKind
from publisher.core.delivery.reconciliation import journal_event, journal_fields
from publisher.core.errors import AddressError, Refused
from publisher.core.subscribers.confirmation_limits import SignUpOutcome, SignUpRequest, counted_domain
from publisher.core.subscribers.subscription import (
    Consent,
    MailingList,
    NewReader,
    Subscription,
    SubscriptionState,
)
from publisher.core.tokens import KeyRing, Purpose, address_key, join_mailbox_key, mailbox_key, verify
from publisher.ports import Store
from publisher.services.deps import Deps
from publisher.services.mail.letters import confirmation_message
from publisher.services.subscribers.admin import departure_of
from publisher.services.subscribers.subscribe import (
    journal_mailing_id,
    refuses_confirmation_mail,
    single_mailing,
)

LIFTED_BY_OPERATOR = ("bounce", "complaint", "operator")
"""The kinds of suppressions that `allow` lifts."""

CONSENT_WORDING = "sign-up form, version 1"
"""What the reader agreed to, as proof of consent; grows with the form's text."""


class BlockedAddress(AddressError):
    """A good address that nobody may sign up here."""


def parse_signup_address(blocklist: Blocklist, text: str) -> Address:
    """The address that a reader gave, for mail to go to. Raises AddressError; BlockedAddress for one that
    settings refuse: this machine's, a list's own, or of `web.blocked`.
    """
    address = parse_address(text)
    if blocklist.has(address):
        raise BlockedAddress("address", f"{address} cannot be signed up here", "use another address")
    return address


def sign_up(
    deps: Deps, lists: Sequence[MailingList], address: str, origin: str, now: datetime
) -> SignUpOutcome:
    """A visitor asks to join `lists`; one mail asks about all of them. Raises AddressError."""
    parsed = parse_signup_address(deps.rules.blocklist, address)
    reader = NewReader(
        address=str(parsed), key=address_key(str(parsed), deps.process.keyring()), active=False, own_wish=True
    )
    consent = Consent(at=now, origin=origin, form="form", wording=CONSENT_WORDING)
    return request_confirmation(deps, lists, parsed, reader, consent, now)


def request_confirmation(
    deps: Deps,
    lists: Sequence[MailingList],
    address: Address,
    reader: NewReader,
    consent: Consent,
    now: datetime,
) -> SignUpOutcome:
    """Joins `reader` to `lists` and asks them to confirm, as far as the mailbox of `address` may be asked."""
    wish = SignUpRequest(
        readers={spec.slug: reader for spec in lists},
        consent=consent,
        mailbox=mailbox_key(address, deps.process.keyring()),
        domain=counted_domain(address.domain),
    )
    found = deps.adapters.store.preview_sign_up(wish, now)
    while found.answer is SignUpOutcome.ASK:
        asked = [spec for spec in lists if spec.slug in found.lists]
        frozen = confirmation_message(deps, *asked)
        mail = single_mailing(deps.adapters.store, asked[0], MailingKind.CONFIRM, frozen, now)
        done = deps.adapters.store.sign_up(wish, mail, found, now)
        if done == found:
            journal_mailing_id(deps.adapters.journal, done.mailing)
            break
        found = done  # somebody else was quicker: look again
    return found.answer


def resend_confirmation(
    deps: Deps, address: str, spec: MailingList | None, now: datetime
) -> Sequence[MailingList]:
    """An operator has an address that waits for confirmation asked once more, in one mail; returns the lists
    it asks about. Not counted. Raises AddressError, and Refused: its owner wants no such mail.
    """
    parsed = parse_address(address)
    if refuses_confirmation_mail(deps.adapters.store, deps.process.keyring(), parsed):
        what, do = "its owner wants no more confirmation mails", f"`publisher subscribers allow {parsed}`"
        raise Refused(str(parsed), what, do)
    found = deps.adapters.store.subscriptions_of(address_key(str(parsed), deps.process.keyring()))
    waiting = {
        s.list: s
        for s in found
        if s.state is SubscriptionState.PENDING and spec in (None, deps.rules.list(s.list))
    }
    lists = [one for one in deps.rules.lists if one.slug in waiting]
    if lists:
        mail = single_mailing(
            deps.adapters.store, lists[0], MailingKind.CONFIRM, confirmation_message(deps, *lists), now
        )
        journal_mailing_id(
            deps.adapters.journal,
            deps.adapters.store.resend_confirmation([waiting[one.slug].id for one in lists], mail, now),
        )
    return lists


def never_ask(deps: Deps, token: str, now: datetime) -> None:
    """The owner of a mailbox says that it was not them: no confirmation mail goes there any more, and what
    waits for their confirmation ends. Journalled. Idempotent. Raises TokenError.
    """
    mailbox = mailbox_of_token(deps.process.keyring(), token, now)
    pending = list(_waiting(deps.adapters.store, deps.process.keyring(), mailbox))
    gone = [departure_of(deps.process.keyring(), one, now) for one in pending]
    said = ("never-asked", {"at": now.isoformat(), "key": mailbox})
    deps.adapters.journal.append_all([said, *((journal_event(one), journal_fields(one)) for one in gone)])
    deps.process.failpoint("never-ask:journaled")
    deps.adapters.store.opt_out_of_confirmations(mailbox, [one.id for one in pending], now)
    deps.process.failpoint("never-ask:committed")


def mailbox_of_token(keyring: KeyRing, token: str, now: datetime) -> str:
    """The key of the mailbox whose link `token` is. Raises TokenError."""
    return join_mailbox_key(verify(token, Purpose.NEVER_ASK, keyring, now))


def _waiting(store: Store, keyring: KeyRing, mailbox: str) -> Iterator[Subscription]:
    for one in store.subscriptions(None, SubscriptionState.PENDING):
        if mailbox_key(one.address, keyring) == mailbox:
            yield one


def allow(deps: Deps, address: str, now: datetime) -> Sequence[str]:
    """An operator lets an address be mailed and asked again; returns what was lifted. That a reader left or
    was erased stays: only they can come back. Journalled. Raises AddressError.
    """
    parsed = parse_address(address)
    key, mailbox = (
        address_key(str(parsed), deps.process.keyring()),
        mailbox_key(parsed, deps.process.keyring()),
    )
    fields = {"at": now.isoformat(), "key": key, "kinds": LIFTED_BY_OPERATOR, "mailbox": mailbox}
    deps.adapters.journal.append("allowed", fields)
    return deps.adapters.store.lift_blocks(key, mailbox, now)
