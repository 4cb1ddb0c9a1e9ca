"""Every setting, declared once: reading, the packaged publisher.toml and the reference follow from it."""

from publisher.config.sections.feeds import FEEDS, LISTS, WEBSUB
from publisher.config.sections.mail import BOUNCES, DKIM, MAIL, QUEUE, RELAYS
from publisher.config.sections.site import POSTS, SITE
from publisher.config.sections.web import SCHEDULE, STORE, WEB

__all__ = ["FEEDS", "LISTS", "RELAYS", "SECTIONS"]

SECTIONS = (SITE, POSTS, FEEDS, WEBSUB, LISTS, MAIL, RELAYS, DKIM, BOUNCES, STORE, QUEUE, WEB, SCHEDULE)
