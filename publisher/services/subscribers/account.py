"""Account links: readers export their data, have it erased, or change their address.

    a page from their mail -> a link is mailed to the address on record -> a page with a button -> done

A link serves one purpose and works once, for 30 minutes; a newer one replaces it. Somebody with a forwarded
mail can request a link but does not get it: it goes to the reader.
"""

from datetime import datetime, timedelta
from typing import Any

from publisher.core.addresses import reader_identity
from publisher.core.delivery.mailing import MailingKind
from publisher.core.errors import Refused, TokenError
from publisher.core.mail.message import Placeholder
from publisher.core.subscribers.subscription import MailingList, NewReader, Subscription, SubscriptionState
from publisher.core.tokens import Claim, KeyRing, Purpose, address_key, sign, verify
from publisher.services.deps import Deps
from publisher.services.mail.letters import account_message
from publisher.services.mail.messages import ONE_TIME_LIFETIME
from publisher.services.subscribers import admin
from publisher.services.subscribers.signup import parse_signup_address, request_confirmation
from publisher.services.subscribers.subscribe import address_change_consent, plan_single_mailing
from publisher.services.subscribers.subscribe import find_by_token as look_up

LINKS = (Placeholder.EXPORT, Placeholder.ERASE, Placeholder.ADDRESS)
"""The purposes of a link; the value is the word in its URL."""

PAGE_VALID_FOR = timedelta(days=1)
"""How long an open page may be used to request links."""

LINK_INTERVAL, MAX_LINKS, LINK_WINDOW = timedelta(minutes=5), 5, timedelta(days=1)
"""The shortest time between two links, and how many may be sent within the window."""

_PURPOSES = {
    Placeholder.EXPORT: Purpose.EXPORT,
    Placeholder.ERASE: Purpose.ERASE,
    Placeholder.ADDRESS: Purpose.ADDRESS,
}


def account_token(keyring: KeyRing, found: Subscription, now: datetime) -> str:
    """The token of a page on which the reader of `found` can request links."""
    claim = Claim(
        purpose=Purpose.ACCOUNT,
        subscription=found.id,
        generation=found.generation,
        expires=now + PAGE_VALID_FOR,
    )
    return sign(claim, keyring)


def find_by_token(deps: Deps, token: str, now: datetime) -> tuple[Subscription, MailingList]:
    """The subscription whose links a token can request, and its list. Raises TokenError."""
    found = look_up(deps.adapters.store, deps.process.keyring(), token, Purpose.ACCOUNT, now)
    spec = deps.rules.list(found.list)
    if spec is None or found.state is SubscriptionState.PENDING:
        raise TokenError("token", "not valid")
    return found, spec


def send_link(deps: Deps, token: str, link: Placeholder, now: datetime) -> None:
    """Mails a link to the address on record, unless one was sent just now; the caller cannot tell which.
    Raises TokenError, TemplateError.
    """
    found, spec = find_by_token(deps, token, now)
    if link is Placeholder.ADDRESS and found.state is not SubscriptionState.ACTIVE:
        return
    language = deps.rules.language(spec, found.choices.content)
    frozen = account_message(deps, spec, link, language)
    if not deps.adapters.store.record_link_request(
        found.id, found.generation, now, every=LINK_INTERVAL, most=MAX_LINKS, within=LINK_WINDOW
    ):
        return
    plan_single_mailing(deps.adapters, spec, MailingKind.ACCOUNT, frozen, found, now, language)


def find_by_link(deps: Deps, token: str, link: Placeholder, now: datetime) -> Subscription:
    """The subscription that a link belongs to. The link stays valid. Raises TokenError."""
    claim = verify(token, _PURPOSES[link], deps.process.keyring(), now)
    found = deps.adapters.store.link_owner(claim.generation, claim.subscription, now - ONE_TIME_LIFETIME)
    if found is None or deps.rules.list(found.list) is None:
        raise TokenError("token", "not valid")
    return found


def consume_link(deps: Deps, token: str, link: Placeholder, now: datetime) -> Subscription:
    """Like `find_by_link`, and the link is used up. Raises TokenError."""
    found = find_by_link(deps, token, link, now)
    claim = verify(token, _PURPOSES[link], deps.process.keyring(), now)
    if not deps.adapters.store.consume_link(claim.generation, claim.subscription):
        raise TokenError("token", "not valid")
    return found


def export(deps: Deps, token: str, now: datetime) -> dict[str, Any]:
    """All data about the reader of a link. Raises TokenError."""
    return admin.export_data(deps, consume_link(deps, token, Placeholder.EXPORT, now).address)


def erase(deps: Deps, token: str, now: datetime) -> None:
    """Erases the reader of a link from every list, and the link too. Raises TokenError."""
    admin.erase(deps, find_by_link(deps, token, Placeholder.ERASE, now).address, now)


def change_address(deps: Deps, token: str, address: str, now: datetime) -> None:
    """Sends a confirmation to a new address; nothing changes until it is confirmed, and the caller cannot
    tell what is known about that address. Raises TokenError; AddressError or Refused (mail goes there
    already), and then the link stays valid.
    """
    found = find_by_link(deps, token, Placeholder.ADDRESS, now)
    to = parse_signup_address(deps.rules.blocklist, address)
    if reader_identity(str(to)) == reader_identity(found.address):
        raise Refused(str(to), "mail goes there already")
    consume_link(deps, token, Placeholder.ADDRESS, now)
    spec = deps.rules.list(found.list)
    if spec is None or found.state is not SubscriptionState.ACTIVE:
        raise TokenError("token", "not valid")
    key = address_key(str(to), deps.process.keyring())
    reader = NewReader(address=str(to), key=key, active=False, own_wish=True, choices=found.choices)
    request_confirmation(deps, [spec], to, reader, address_change_consent(found, now), now)
