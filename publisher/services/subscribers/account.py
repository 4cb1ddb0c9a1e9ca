"""What readers may do with what is kept about them: see it, be forgotten, get their mail elsewhere.

    a page of theirs -> ask: a mail to the address on record, with a link -> a page with a button -> done

A link is for one thing, works once, for 30 minutes, and only the last one that was asked for. Whoever has a
forwarded mail can ask, and no more than that: the link goes to the reader.
"""

from datetime import datetime, timedelta
from typing import Any

from publisher.core.addresses import Address, Blocklist, reader_identity
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
"""What a link may be for; its value is the word in its address."""

PAGE_VALID_FOR = timedelta(days=1)
"""How long a page that was opened may be used to ask."""

LINK_INTERVAL, MAX_LINKS, LINK_WINDOW = timedelta(minutes=5), 5, timedelta(days=1)
"""Links are not sent sooner after each other, and not more in a day, however often somebody asks."""

_PURPOSES = {
    Placeholder.EXPORT: Purpose.EXPORT,
    Placeholder.ERASE: Purpose.ERASE,
    Placeholder.ADDRESS: Purpose.ADDRESS,
}


def account_token(keyring: KeyRing, found: Subscription, now: datetime) -> str:
    """The token of a page that may ask for links to what is kept about `found`'s reader."""
    expires = now + PAGE_VALID_FOR
    claim = Claim(
        purpose=Purpose.ACCOUNT, subscription=found.id, generation=found.generation, expires=expires
    )
    return sign(claim, keyring)


def find_by_token(deps: Deps, token: str, now: datetime) -> tuple[Subscription, MailingList]:
    """Whose links a token may ask for. Raises TokenError."""
    found = look_up(deps.adapters.store, deps.process.keyring(), token, Purpose.ACCOUNT, now)
    spec = deps.rules.list(found.list)
    if spec is None or found.state is SubscriptionState.PENDING:
        raise TokenError("token", "not valid")
    return found, spec


def send_link(deps: Deps, token: str, link: Placeholder, now: datetime) -> None:
    """Mails a link to the address on record, unless one was sent just now. Says nothing of that. Raises
    TokenError, TemplateError.
    """
    found, spec = find_by_token(deps, token, now)
    if link is Placeholder.ADDRESS and found.state is not SubscriptionState.ACTIVE:
        return
    language = deps.rules.language(spec, found.choices.taste)
    frozen = account_message(deps, spec, link, language)
    if not deps.adapters.store.record_link_request(
        found.id, found.generation, now, every=LINK_INTERVAL, most=MAX_LINKS, within=LINK_WINDOW
    ):
        return
    plan_single_mailing(deps.adapters, spec, MailingKind.ACCOUNT, frozen, found, now, language)


def find_by_link(deps: Deps, token: str, link: Placeholder, now: datetime) -> Subscription:
    """The subscription whose link `token` is, for showing; uses nothing up. Raises TokenError."""
    claim = verify(token, _PURPOSES[link], deps.process.keyring(), now)
    found = deps.adapters.store.link_owner(claim.generation, claim.subscription, now - ONE_TIME_LIFETIME)
    if found is None or deps.rules.list(found.list) is None:
        raise TokenError("token", "not valid")
    return found


def consume_link(deps: Deps, token: str, link: Placeholder, now: datetime) -> Subscription:
    """The same, and the link is used up. Raises TokenError."""
    found = find_by_link(deps, token, link, now)
    claim = verify(token, _PURPOSES[link], deps.process.keyring(), now)
    if not deps.adapters.store.consume_link(claim.generation, claim.subscription):
        raise TokenError("token", "not valid")
    return found


def export(deps: Deps, token: str, now: datetime) -> dict[str, Any]:
    """Everything that is kept about the reader of a link. Raises TokenError."""
    return admin.export_data(deps, consume_link(deps, token, Placeholder.EXPORT, now).address)


def erase(deps: Deps, token: str, now: datetime) -> None:
    """Forgets the reader of a link, on every list, and the link with them. Raises TokenError."""
    admin.erase(deps, find_by_link(deps, token, Placeholder.ERASE, now).address, now)


def change_address(deps: Deps, token: str, address: str, now: datetime) -> None:
    """Asks a new address to confirm that mail is to go there; until then nothing changes. Says nothing of
    what is known of it. Raises TokenError; AddressError, Refused (mail goes there already), and the link may
    be used again.
    """
    found = find_by_link(deps, token, Placeholder.ADDRESS, now)
    to = _new_address(deps.rules.blocklist, found, address)
    consume_link(deps, token, Placeholder.ADDRESS, now)
    spec = deps.rules.list(found.list)
    if spec is None or found.state is not SubscriptionState.ACTIVE:
        raise TokenError("token", "not valid")
    key = address_key(str(to), deps.process.keyring())
    wish = NewReader(address=str(to), key=key, active=False, own_wish=True, choices=found.choices)
    request_confirmation(deps, [spec], to, wish, address_change_consent(found, now), now)


def _new_address(blocklist: Blocklist, found: Subscription, address: str) -> Address:
    to = parse_signup_address(blocklist, address)
    if reader_identity(str(to)) == reader_identity(found.address):
        raise Refused(str(to), "mail goes there already")
    return to
