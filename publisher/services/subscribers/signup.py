"""Sign-up and its confirmation mails: what readers do in forms, and what operators do about it.

Confirmation mails to a mailbox are counted in the transaction that plans them
(`core.subscribers.confirmation_limits`). Nothing here tells a visitor what is known about an address.
"""

from collections.abc import Sequence
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
    SubscriptionState,
)
from publisher.core.tokens import KeyRing, Purpose, address_key, join_mailbox_key, mailbox_key, verify
from publisher.services.deps import Deps
from publisher.services.mail.messages import confirmation_message
from publisher.services.subscribers.departures import departure_of
from publisher.services.subscribers.subscribe import (
    journal_mailing_id,
    refuses_confirmation_mail,
    single_mailing,
)

LIFTED_BY_OPERATOR = ("bounce", "complaint", "operator")
"""The kinds of suppressions that `allow` lifts."""

CONSENT_WORDING = "sign-up form, version 1"
"""What the reader agreed to, as proof of consent; a new wording of the form gets a new version."""


class BlockedAddress(AddressError):
    """A valid address that nobody may sign up here."""


def parse_signup_address(blocklist: Blocklist, text: str) -> Address:
    """The address that a visitor typed. Raises AddressError, or BlockedAddress if it is one of the site's own
    or in `web.blocked`.
    """
    address = parse_address(text)
    if blocklist.has(address):
        raise BlockedAddress("address", f"{address} cannot be signed up here", "use another address")
    return address


def sign_up(
    deps: Deps, lists: Sequence[MailingList], address: str, origin: str, now: datetime
) -> SignUpOutcome:
    """Signs an address up to `lists`, with one confirmation mail for all of them. Raises AddressError."""
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
    """Adds `reader` to `lists` and sends a confirmation mail, if the limits of `address`'s mailbox allow
    one.
    """
    request = SignUpRequest(
        readers={spec.slug: reader for spec in lists},
        consent=consent,
        mailbox=mailbox_key(address, deps.process.keyring()),
        domain=counted_domain(address.domain),
    )
    found = deps.adapters.store.preview_sign_up(request, now)
    while found.answer is SignUpOutcome.ASK:
        asked = [spec for spec in lists if spec.slug in found.lists]
        frozen = confirmation_message(deps, *asked)
        mail = single_mailing(deps.adapters.store, asked[0], MailingKind.CONFIRM, frozen, now)
        done = deps.adapters.store.sign_up(request, mail, found, now)
        if done == found:
            journal_mailing_id(deps.adapters.journal, done.mailing)
            break
        found = done  # another process was faster: decide again
    return found.answer


def resend_confirmation(
    deps: Deps, address: str, spec: MailingList | None, now: datetime
) -> Sequence[MailingList]:
    """Sends an operator's reminder to an address that has not confirmed, in one mail that does not count
    towards the limits; returns the lists it asks about. Raises AddressError, or Refused if its owner wants no
    such mail.
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
    """Stops confirmation mails to a mailbox whose owner did not sign up, and ends its pending sign-ups.
    Journaled. Idempotent. Raises TokenError.
    """
    store, keyring = deps.adapters.store, deps.process.keyring()
    mailbox = mailbox_of_token(keyring, token, now)
    pending = [
        one
        for one in store.subscriptions(None, SubscriptionState.PENDING)
        if mailbox_key(one.address, keyring) == mailbox
    ]
    departures = [departure_of(keyring, one, now) for one in pending]
    opt_out = ("never-asked", {"at": now.isoformat(), "key": mailbox})
    deps.adapters.journal.append_all(
        [opt_out, *((journal_event(one), journal_fields(one)) for one in departures)]
    )
    deps.process.failpoint("never-ask:journaled")
    store.opt_out_of_confirmations(mailbox, [one.id for one in pending], now)
    deps.process.failpoint("never-ask:committed")


def mailbox_of_token(keyring: KeyRing, token: str, now: datetime) -> str:
    """The key of the mailbox that a link stops mails to. Raises TokenError."""
    return join_mailbox_key(verify(token, Purpose.NEVER_ASK, keyring, now))


def allow(deps: Deps, address: str, now: datetime) -> Sequence[str]:
    """Lets an address be mailed and asked again, for an operator; returns what was lifted. An unsubscribe or
    erasure stays: only the reader can come back. Journaled. Raises AddressError.
    """
    parsed, keyring = parse_address(address), deps.process.keyring()
    key, mailbox = address_key(str(parsed), keyring), mailbox_key(parsed, keyring)
    fields = {"at": now.isoformat(), "key": key, "kinds": LIFTED_BY_OPERATOR, "mailbox": mailbox}
    deps.adapters.journal.append("allowed", fields)
    return deps.adapters.store.lift_blocks(key, mailbox, now)
