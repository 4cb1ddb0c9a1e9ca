"""What readers do themselves with links from their mail: change their preferences, export their data, have it
erased, or change their address.

    a page from their mail -> a link is mailed to the address on record -> a page with a button -> done

For all but preferences there is such a second link. It serves one purpose and works once, for 30 minutes; a
newer one replaces it. Somebody with a forwarded mail can request a link but does not get it: it goes to the
reader.
"""

from collections import Counter
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from publisher.core.addresses import Address, reader_identity
from publisher.core.delivery.mailing import MailingKind
from publisher.core.digests.digest import topics_of
from publisher.core.errors import Refused, TokenError
from publisher.core.mail.message import Placeholder
from publisher.core.posts.filters import fold_term
from publisher.core.posts.post import PostMailOptions
from publisher.core.subscribers.cadences import CADENCES
from publisher.core.subscribers.subscription import (
    ContentPreference,
    ListChoice,
    MailingList,
    NewReader,
    Preferences,
    SchedulePreference,
    Subscription,
    SubscriptionState,
    normalize_topics,
)
from publisher.core.tokens import Claim, KeyRing, Purpose, address_key, sign, verify
from publisher.ports import Store
from publisher.services.deps import Deps
from publisher.services.mail.messages import ONE_TIME_LIFETIME, account_message
from publisher.services.subscribers import departures
from publisher.services.subscribers.lists import ListGoneError, current_subscription
from publisher.services.subscribers.signup import parse_signup_address, request_confirmation
from publisher.services.subscribers.subscribe import address_change_consent, next_due_of, plan_single_mailing
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


SAMPLED_POSTS, MAX_TOPICS = 500, 40
"""How many of the newest posts are searched for topics and languages, and how many topics are offered."""


def account_token(keyring: KeyRing, found: Subscription, now: datetime) -> str:
    """The token of a page on which the reader of `found` can request links."""
    claim = Claim(
        purpose=Purpose.ACCOUNT,
        subscription=found.id,
        generation=found.generation,
        expires=now + PAGE_VALID_FOR,
    )
    return sign(claim, keyring)


def find_by_account_token(deps: Deps, token: str, now: datetime) -> tuple[Subscription, MailingList]:
    """The subscription whose links a token can request, and its list. Raises TokenError."""
    found = look_up(deps.adapters.store, deps.process.keyring(), token, Purpose.ACCOUNT, now)
    found = current_subscription(deps, found)
    spec = deps.rules.list(found.list)
    if spec is None:
        raise ListGoneError(found.list)
    if found.state is SubscriptionState.PENDING:
        raise TokenError("token", "not valid")
    return found, spec


def send_link(deps: Deps, token: str, link: Placeholder, now: datetime) -> None:
    """Mails a link to the address on record, unless one was sent just now; the caller cannot tell which.
    Raises TokenError, TemplateError.
    """
    found, spec = find_by_account_token(deps, token, now)
    if link is Placeholder.ADDRESS and found.state is not SubscriptionState.ACTIVE:
        return
    language = deps.rules.language(spec, found.choices.content)
    frozen = account_message(deps, spec, link, language)
    if not deps.adapters.store.record_link_request(
        found.id, found.generation, now, every=LINK_INTERVAL, most=MAX_LINKS, within=LINK_WINDOW
    ):
        return
    plan_single_mailing(deps.adapters, spec, MailingKind.ACCOUNT, frozen, found, now, language)


def send_leave_links(deps: Deps, address: Address, now: datetime) -> int:
    """Mails a link to unsubscribe for each list that an address is on, unless one was sent just now; returns
    how many. The caller must not show it. Raises TemplateError.
    """
    mailed = 0
    for found in deps.adapters.store.subscriptions_of(address_key(str(address), deps.process.keyring())):
        spec = deps.rules.list(found.list)
        if spec is None or found.state is not SubscriptionState.ACTIVE:
            continue
        language = deps.rules.language(spec, found.choices.content)
        frozen = account_message(deps, spec, Placeholder.UNSUBSCRIBE, language)
        if deps.adapters.store.record_link_request(
            found.id, found.generation, now, every=LINK_INTERVAL, most=MAX_LINKS, within=LINK_WINDOW
        ):
            plan_single_mailing(deps.adapters, spec, MailingKind.ACCOUNT, frozen, found, now, language)
            mailed += 1
    return mailed


def find_by_link(deps: Deps, token: str, link: Placeholder, now: datetime) -> Subscription:
    """The subscription that a link belongs to. The link stays valid. Raises TokenError."""
    claim = verify(token, _PURPOSES[link], deps.process.keyring(), now)
    found = deps.adapters.store.link_owner(claim.generation, claim.subscription, now - ONE_TIME_LIFETIME)
    if found is None:
        raise TokenError("token", "not valid")
    if deps.rules.list(found.list) is None:
        raise ListGoneError(found.list)
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
    return departures.export_data(deps, consume_link(deps, token, Placeholder.EXPORT, now).address)


def erase(deps: Deps, token: str, now: datetime) -> None:
    """Erases the reader of a link from every list, and the link too. Raises TokenError."""
    departures.erase(deps, find_by_link(deps, token, Placeholder.ERASE, now).address, now)


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What the readers of a list may choose from: names of cadences, topics (in their one order), language
    tags, and whether they may set the hour. Empty where the list leaves nothing to choose.
    """

    cadences: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    hour: bool = False


def available_choices(store: Store, spec: MailingList, current: Preferences) -> Offer:
    """What a reader may choose: the topics and languages of recent posts, and those of their `current`
    choices.
    """
    may = spec.readers_choose
    posts = [known.post for known in store.newest_posts(SAMPLED_POSTS)]
    fitting = [post for post in posts if spec.where.matches(post) and post.mail is not PostMailOptions.NEVER]
    topics = Counter(topic for post in fitting for topic in topics_of(post))
    common = [topic for topic, _ in topics.most_common(MAX_TOPICS)]
    languages = {post.language for post in fitting} | set(filter(None, [current.content.language]))
    return Offer(
        cadences=tuple(CADENCES) if ListChoice.CADENCE in may else (),
        topics=normalize_topics((*common, *current.content.topics)) if ListChoice.TOPICS in may else (),
        languages=tuple(sorted(languages)) if ListChoice.LANGUAGE in may and len(languages) > 1 else (),
        hour=ListChoice.HOUR in may,
    )


def find_by_preferences_token(deps: Deps, token: str, now: datetime) -> tuple[Subscription, MailingList]:
    """The subscription whose preferences a token may change, and its list. Raises TokenError."""
    found = look_up(deps.adapters.store, deps.process.keyring(), token, Purpose.PREFERENCES, now)
    found = current_subscription(deps, found)
    spec = deps.rules.list(found.list)
    if spec is None:
        raise ListGoneError(found.list)
    if found.state is not SubscriptionState.ACTIVE:
        raise TokenError("token", "not valid")
    return found, spec


def save_preferences(deps: Deps, token: str, wanted: Preferences, now: datetime) -> Subscription:
    """Saves what a reader chose. What the list does not let them choose stays as it was, and so do topics and
    languages that were not offered. Posts that wait for the reader keep waiting. Raises TokenError.
    """
    found, spec = find_by_preferences_token(deps, token, now)
    offer = available_choices(deps.adapters.store, spec, found.choices)
    choices = limit_to_list(spec, limit_to_offer(wanted, found.choices, offer), found.choices)
    due = next_due_of(spec, found, now, choices.schedule)
    changed = deps.adapters.store.set_preferences(found.id, found.generation, choices, due)
    if changed is None:
        raise TokenError("token", "not valid")
    return changed


def limit_to_offer(wanted: Preferences, before: Preferences, offer: Offer) -> Preferences:
    """`wanted` without topics and languages that are neither offered nor were chosen `before`."""
    topics = {fold_term(topic) for topic in (*offer.topics, *before.content.topics)}
    language = wanted.content.language
    if language not in {"", before.content.language, *offer.languages}:
        language = before.content.language
    content = ContentPreference(
        topics=tuple(topic for topic in wanted.content.topics if fold_term(topic) in topics),
        language=language,
    )
    return replace(wanted, content=content)


def limit_to_list(spec: MailingList, wanted: Preferences, before: Preferences) -> Preferences:
    """`wanted` where the list lets its readers choose, otherwise `before`."""

    def chosen(choice: ListChoice) -> Preferences:
        return wanted if choice in spec.readers_choose else before

    return Preferences(
        schedule=SchedulePreference(
            cadence=chosen(ListChoice.CADENCE).schedule.cadence,
            on=chosen(ListChoice.CADENCE).schedule.on,
            at=chosen(ListChoice.HOUR).schedule.at,
            timezone=chosen(ListChoice.HOUR).schedule.timezone,
        ),
        content=ContentPreference(
            topics=chosen(ListChoice.TOPICS).content.topics,
            language=chosen(ListChoice.LANGUAGE).content.language,
        ),
        paused=wanted.paused,
    )
