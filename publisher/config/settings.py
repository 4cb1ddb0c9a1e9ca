"""A site's settings as frozen values, made of the sections once every value was read."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from publisher.config.declaration import ReadTables, Section, Values
from publisher.config.sections.feeds import FEEDS, LISTS, WEBSUB, WebSubSettings
from publisher.config.sections.mail import BOUNCES, DKIM, MAIL, RELAYS, MailSettings
from publisher.config.sections.site import POSTS, SITE, PostsSettings
from publisher.config.sections.web import (
    QUEUE,
    SCHEDULE,
    STORE,
    WEB,
    QueueSettings,
    ScheduleSettings,
    StoreSettings,
    WebSettings,
)
from publisher.core.feeds.feed import FeedSpec
from publisher.core.site import Site
from publisher.core.subscribers.subscription import MailingList


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """A site's settings, checked. Paths are absolute, URLs end in "/"."""

    folder: Path
    site: Site
    secret_file: Path
    posts: PostsSettings
    feeds: tuple[FeedSpec, ...]
    websub: WebSubSettings
    lists: tuple[MailingList, ...]
    mail: MailSettings
    store: StoreSettings
    queue: QueueSettings
    web: WebSettings
    schedule: ScheduleSettings


def make_settings(folder: Path, read: ReadTables) -> Settings:
    """The settings of the site in `folder`, which is absolute, from values that have been checked."""

    def every(section: Section[Values], **more: object) -> tuple[Values, ...]:
        return tuple(_make(section, folder, table, more) for table in read[section.name])

    def one(section: Section[Values], **more: object) -> Values:
        return every(section, **more)[0]

    own, web = one(SITE), one(WEB)
    site = own.site(web.public_url)
    return Settings(
        folder=folder,
        site=site,
        secret_file=own.secret_file,
        posts=one(POSTS, timezone=own.timezone, language=own.language),
        feeds=tuple(feed.feed(site) for feed in every(FEEDS)),
        websub=one(WEBSUB),
        lists=tuple(item.mailing_list(site) for item in every(LISTS)),
        mail=one(MAIL, relays=every(RELAYS), dkim=one(DKIM), bounces=one(BOUNCES)),
        store=one(STORE),
        queue=one(QUEUE),
        web=web,
        schedule=one(SCHEDULE),
    )


def _make(
    section: Section[Values], folder: Path, table: Mapping[str, Any], more: Mapping[str, object]
) -> Values:
    """A section's dataclass: each value under its setting's key, and the fields in `more`."""
    made = dict(more)
    for setting in section.settings.values():
        value, locate = table[setting.key], setting.type.locate
        made[setting.field] = locate(value, folder) if locate and value is not None else value
    return section.values(**made)
