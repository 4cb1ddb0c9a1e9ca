"""Every setting, declared once: reading, the packaged publisher.toml and the reference follow from it."""

from publisher.config.sections.feeds import FEEDS, WEBSUB
from publisher.config.sections.lists import LISTS
from publisher.config.sections.mail import BOUNCES, DKIM, MAIL, QUEUE, RELAYS
from publisher.config.sections.posts import POSTS
from publisher.config.sections.site import SITE
from publisher.config.sections.web import SCHEDULE, STORE, WEB

__all__ = ["FEEDS", "LISTS", "RELAYS", "SECTIONS"]

SECTIONS = (SITE, POSTS, FEEDS, WEBSUB, LISTS, MAIL, RELAYS, DKIM, BOUNCES, STORE, QUEUE, WEB, SCHEDULE)
