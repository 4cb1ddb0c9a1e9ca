"""Preferences: what readers of a list may choose, and saving what they chose."""

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
"""How many of the newest posts are searched for topics and languages, and how many topics are offered."""


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


def find_by_token(deps: Deps, token: str, now: datetime) -> tuple[Subscription, MailingList]:
    """The subscription whose preferences a token may change, and its list. Raises TokenError."""
    found = look_up(deps.adapters.store, deps.process.keyring(), token, Purpose.PREFERENCES, now)
    spec = deps.rules.list(found.list)
    if spec is None or found.state is not SubscriptionState.ACTIVE:
        raise TokenError("token", "not valid")
    return found, spec


def save(deps: Deps, token: str, wanted: Preferences, now: datetime) -> Subscription:
    """Saves what a reader chose. What the list does not let them choose stays as it was, and so do topics and
    languages that were not offered. Posts that wait for the reader keep waiting. Raises TokenError.
    """
    found, spec = find_by_token(deps, token, now)
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
