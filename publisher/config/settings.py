"""Settings as frozen values, a class for each section."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from publisher.core.delivery.bounces import BounceLimits
from publisher.core.delivery.relays import Relay
from publisher.core.delivery.throttling import Canary, QuietHours, WarmUp
from publisher.core.feeds.feed import FeedSpec
from publisher.core.site import Site
from publisher.core.subscribers.subscription import MailingList


@dataclass(frozen=True, slots=True, kw_only=True)
class PostsSettings:
    """[posts]. `dir` is absolute; `include` and `exclude` are patterns relative to it. `timezone` and
    `language` are the site's where they are set; None for them or `permalink`: as the posts' generator has
    it. `ids` is "tag" or "permalink". `defaults` is front matter, every scalar as text.
    """

    dir: Path
    timezone: str | None
    language: str | None
    include: tuple[str, ...]
    exclude: tuple[str, ...]
    profile: str
    permalink: str | None
    ids: str
    defaults: Mapping[str, Any]
    link_fields: tuple[str, ...]
    id_fields: tuple[str, ...]
    max_age: timedelta
    pages: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class WebSubSettings:
    """[websub]. `hubs` are absolute URLs."""

    hubs: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RelaySettings:
    """[[mail.relays]]. The password is in `password_file` where `relay` has none. Paths are absolute."""

    relay: Relay
    password_file: Path | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DkimSettings:
    """[mail.dkim]. `keys` are (selector, file), absolute; `domain` None: that of each From."""

    domain: str | None = None
    keys: tuple[tuple[str, Path], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MailSettings:
    """[mail] and what is within. `transport` is a transport's name; `bounces` is the address that mail
    comes back to, "" for the list's own; `limits` are how many refusals end mail to an
    address. `retention` is how long settled deliveries are kept; None: always.
    """

    transport: str
    relays: tuple[RelaySettings, ...] = ()
    dkim: DkimSettings = DkimSettings()
    bounces: str = ""
    limits: BounceLimits = field(default_factory=BounceLimits)
    quiet_hours: QuietHours | None = None
    warm_up: WarmUp | None = None
    canary: Canary | None = None
    retention: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreSettings:
    """[store]. `url` is a database URL with an absolute path."""

    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueSettings:
    """[queue]. `batch` counts deliveries."""

    batch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WebSettings:
    """[web]. `port` 0 means any free one. The public URL is the site's; `public_url_given`: it was set.
    `trusted_proxies` are networks ("10.0.0.0/8"); `blocked` are addresses, and domains in A-labels and lower
    case. `delta`: clients that ask for it get only the entries they lack (RFC 3229).
    """

    host: str
    port: int
    trusted_proxies: tuple[str, ...]
    blocked: tuple[str, ...]
    public_url_given: bool = False
    delta: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleSettings:
    """[schedule]. `watch`: changes in the folder are published at once."""

    publish_every: timedelta
    watch: bool


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
