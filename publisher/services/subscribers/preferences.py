"""What readers choose for themselves: on the page that their mails link to, and by links that work once."""

from collections import Counter
from dataclasses import dataclass, replace
from datetime import datetime

from publisher.core.digests.digest import topics_of
from publisher.core.errors import TokenError
from publisher.core.posts.filters import fold_term
from publisher.core.posts.post import PostMailOptions
from publisher.core.subscribers.cadences import CADENCES
from publisher.core.subscribers.subscription import (
    ContentPreference,
    ListChoice,
    MailingList,
    Preferences,
    SchedulePreference,
    Subscription,
    SubscriptionState,
    normalize_topics,
)
from publisher.core.tokens import Purpose
from publisher.ports import Store
from publisher.services.deps import Deps
from publisher.services.subscribers.subscribe import find_by_token as look_up
from publisher.services.subscribers.subscribe import next_due_of

SAMPLED_POSTS, MAX_TOPICS = 500, 40
"""How many of the newest posts say which topics and languages there are, and how many are offered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What the readers of a list may choose from: names of cadences, topics (most frequent first), language
    tags, and whether they may set the hour. Empty: there is nothing to choose.
    """

    cadences: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    hour: bool = False


def available_choices(store: Store, spec: MailingList, now: Preferences) -> Offer:
    """What a reader who has chosen `now` may choose: what posts have, and what they chose before."""
    may = spec.readers_choose
    posts = [known.post for known in store.newest_posts(SAMPLED_POSTS)]
    fitting = [post for post in posts if spec.where.matches(post) and post.mail is not PostMailOptions.NEVER]
    topics = Counter(topic for post in fitting for topic in topics_of(post))
    common = [topic for topic, _ in topics.most_common(MAX_TOPICS)]
    languages = {post.language for post in fitting} | set(filter(None, [now.taste.language]))
    return Offer(
        cadences=tuple(CADENCES) if ListChoice.CADENCE in may else (),
        topics=normalize_topics((*common, *now.taste.topics)) if ListChoice.TOPICS in may else (),
        languages=tuple(sorted(languages)) if ListChoice.LANGUAGE in may and len(languages) > 1 else (),
        hour=ListChoice.HOUR in may,
    )


def find_by_token(deps: Deps, token: str, now: datetime) -> tuple[Subscription, MailingList]:
    """The subscription whose preferences a token opens, and its list. Raises TokenError."""
    found = look_up(deps.adapters.store, deps.process.keyring(), token, Purpose.PREFERENCES, now)
    spec = deps.rules.list(found.list)
    if spec is None or found.state is not SubscriptionState.ACTIVE:
        raise TokenError("token", "not valid")
    return found, spec


def save(deps: Deps, token: str, wish: Preferences, now: datetime) -> Subscription:
    """The reader wants it so from now on. What the list does not leave to them stays as it was, and of topics
    and languages only those that are offered to them or that they have count; posts that wait for them keep
    waiting. Raises TokenError.
    """
    found, spec = find_by_token(deps, token, now)
    wish = limit_to_offer(wish, found.choices, available_choices(deps.adapters.store, spec, found.choices))
    choices = limit_to_list(spec, wish, found.choices)
    due = next_due_of(spec, found, now, choices.pace)
    changed = deps.adapters.store.set_preferences(found.id, found.generation, choices, due)
    if changed is None:
        raise TokenError("token", "not valid")
    return changed


def limit_to_offer(wish: Preferences, before: Preferences, offer: Offer) -> Preferences:
    """`wish` without topics and languages that are neither offered nor chosen `before`."""
    held = before.taste
    topics = {fold_term(topic) for topic in (*offer.topics, *held.topics)}
    language = wish.taste.language
    known = language in {"", held.language, *offer.languages}
    taste = ContentPreference(
        topics=tuple(topic for topic in wish.taste.topics if fold_term(topic) in topics),
        language=language if known else held.language,
    )
    return replace(wish, taste=taste)


def limit_to_list(spec: MailingList, wish: Preferences, before: Preferences) -> Preferences:
    """`wish` as far as the list leaves it to its readers, else `before`."""
    may = spec.readers_choose
    cadence, hour = ListChoice.CADENCE in may, ListChoice.HOUR in may
    return Preferences(
        pace=SchedulePreference(
            cadence=(wish if cadence else before).pace.cadence,
            on=(wish if cadence else before).pace.on,
            at=(wish if hour else before).pace.at,
            timezone=(wish if hour else before).pace.timezone,
        ),
        taste=ContentPreference(
            topics=(wish if ListChoice.TOPICS in may else before).taste.topics,
            language=(wish if ListChoice.LANGUAGE in may else before).taste.language,
        ),
        paused=wish.paused,
    )
