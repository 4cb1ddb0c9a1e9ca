"""Every setting, declared once: reading, the packaged publisher.toml and the reference follow from it."""

from publisher.config.declared.feeds import FEEDS
from publisher.config.declared.lists import LISTS
from publisher.config.declared.mail import BOUNCES, DKIM, MAIL, QUEUE, RELAYS
from publisher.config.declared.posts import POSTS
from publisher.config.declared.site import SITE
from publisher.config.declared.store import STORE
from publisher.config.declared.web import SCHEDULE, WEB
from publisher.config.declared.websub import WEBSUB

__all__ = ["FEEDS", "LISTS", "RELAYS", "SECTIONS"]

SECTIONS = (SITE, POSTS, FEEDS, WEBSUB, LISTS, MAIL, RELAYS, DKIM, BOUNCES, STORE, QUEUE, WEB, SCHEDULE)
