"""Every setting, declared once: the dataclass of a section has a field for each of its keys. Reading, the
packaged publisher.toml, the reference and the JSON schema for editors follow from it.
"""

from publisher.config.sections.bounces import BOUNCES
from publisher.config.sections.feeds import FEEDS, LISTS, WEBSUB
from publisher.config.sections.mail import DKIM, MAIL, RELAYS
from publisher.config.sections.site import MARKDOWN, POSTS, SITE
from publisher.config.sections.web import QUEUE, SCHEDULE, STORE, WEB

__all__ = ["FEEDS", "LISTS", "RELAYS", "SECTIONS"]

SECTIONS = (
    SITE,
    POSTS,
    MARKDOWN,
    FEEDS,
    WEBSUB,
    LISTS,
    MAIL,
    RELAYS,
    DKIM,
    BOUNCES,
    STORE,
    QUEUE,
    WEB,
    SCHEDULE,
)
