"""Values of core as settings make them: what a test does not say is what holds where nothing is set."""

from typing import Any

from publisher.config.declaration import Section
from publisher.config.sections.feeds import FEEDS, LISTS
from publisher.config.sections.mail import RELAYS
from publisher.config.sections.site import POSTS, SITE
from publisher.core.delivery.relays import Relay
from publisher.core.feeds.feed import FeedSpec
from publisher.core.site import Site
from publisher.core.subscribers.subscription import MailingList
from publisher.sources import SourceRules


def feed_spec(**given: Any) -> FeedSpec:
    return FeedSpec(**{**unless_set(FEEDS), **given})


def mailing_list(**given: Any) -> MailingList:
    return MailingList(**{**unless_set(LISTS), **given})


def relay(**given: Any) -> Relay:
    values = {**unless_set(RELAYS), **given}
    return Relay(**{name: value for name, value in values.items() if name != "password_file"})


def a_site(**given: Any) -> Site:
    values = {**unless_set(SITE), "language": "en", "timezone": "UTC", **given}
    return Site(**{name: value for name, value in values.items() if name not in ("secret_file", "static")})


def source_rules(**given: Any) -> SourceRules:
    values = {
        **unless_set(POSTS),
        "timezone": None,
        "language": None,
        "author": None,
        "defaults": (),
        **given,
    }
    return SourceRules(
        **{name: value for name, value in values.items() if name not in ("dir", "ids", "max_age", "max_new")}
    )


def unless_set(section: Section[Any]) -> dict[str, Any]:
    """The fields of a section that an author may leave out, and what they are then."""
    return {it.field: it.value_unless_set() for it in section.settings.values() if not it.required}
