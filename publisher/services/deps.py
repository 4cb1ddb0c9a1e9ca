"""What services work with: the rules of this site, the adapters to the world outside, and this process.

A function that needs one or two of these takes them alone; one that orchestrates takes all three as `deps`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from publisher.core.addresses import Blocklist
from publisher.core.caching import LruCache
from publisher.core.delivery.bounces import BounceLimits
from publisher.core.delivery.throttling import ThrottlingRules
from publisher.core.feeds.feed import FeedSpec, Outline
from publisher.core.publishing.log import IdRules
from publisher.core.site import Site
from publisher.core.subscribers.legacy_links import LegacyLink
from publisher.core.subscribers.subscription import NO_CHOICES, ContentPreference, MailingList, mail_language
from publisher.core.tokens import KeyRing
from publisher.ports import (
    AdoptedIdsFile,
    Clock,
    Failpoint,
    FeedReader,
    FeedRedirectsFile,
    Format,
    Journal,
    Markup,
    Progress,
    PublicFolder,
    Renderer,
    Signer,
    Source,
    StaticFolder,
    Store,
    Transport,
    WebClient,
)

MAX_RENDERED_POSTS = 4096
"""Values in the render cache: some 50 MB where each is a long post."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteRules:
    """What the settings say."""

    site: Site
    feeds: tuple[FeedSpec, ...]
    lists: tuple[MailingList, ...]
    id_rules: IdRules
    hubs: tuple[str, ...]
    """WebSub hubs, which are told of changed feeds."""
    max_age: timedelta
    """A new post that is older than this enters the log as backfill."""
    max_new: int | None
    """How many new posts may be published at once; None: by the size of the site."""
    post_pages: bool
    """Whether each post has a page of ours under public/."""
    batch_size: int
    """Deliveries that a worker claims at once."""
    bounce_address: str
    """Where undeliverable mail comes back to; "" for the address of From."""
    unsubscribe_address: str
    """Where mail unsubscribes its reader; "" if nobody reads what comes to `bounce_address`."""
    bounce_limits: BounceLimits
    blocklist: Blocklist
    throttling: ThrottlingRules
    legacy_links: tuple[LegacyLink, ...]
    """Unsubscribe links that another service mailed, and that lead to this site."""
    dkim_selectors: tuple[str, ...]
    """Of the keys that sign mail."""
    checked_public_url: str
    """The public address that must prove to be this site's before mail is planned; "" where no mail leaves
    this machine."""

    @property
    def slugs(self) -> tuple[str, ...]:
        """The slugs of the lists. Nothing is planned or sent for any other."""
        return tuple(spec.slug for spec in self.lists)

    def list(self, slug: str) -> MailingList | None:
        """The list of that slug, if settings still have it."""
        return next((spec for spec in self.lists if spec.slug == slug), None)

    def language(self, spec: MailingList, content: ContentPreference = NO_CHOICES.content) -> str:
        """The language of a list's mails and pages, for a reader of that content preference."""
        return mail_language(spec, content, self.site.language)


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapters:
    """What stands behind the ports. A callable loads what it gives when it is first called."""

    store: Store
    journal: Journal
    public_folder: PublicFolder
    source: Callable[[], Source]
    static_folder: Callable[[], StaticFolder | None]
    markup: Markup
    formats: Mapping[str, Format]
    write_opml: Callable[[Site, tuple[Outline, ...]], bytes]
    renderer: Renderer
    transport: Transport
    signer: Callable[[], Signer | None]
    adopted_ids: AdoptedIdsFile
    feed_redirects: FeedRedirectsFile
    feed_reader: Callable[[], FeedReader]
    http_client: Callable[[], WebClient]


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """This process: its clocks, its secrets and its options."""

    clock: Clock
    monotonic: Callable[[], float]
    """Seconds, for durations only."""
    nonce: Callable[[], str]
    """A fresh unguessable ASCII word."""
    keyring: Callable[[], KeyRing]
    run_id: str
    """Names this process in leases."""
    template_fingerprint: str
    """Changes with the version and the templates: documents made with another are made again."""
    failpoint: Failpoint
    render_cache: LruCache = field(default_factory=lambda: LruCache(MAX_RENDERED_POSTS))
    """Posts as digests show them, for the next cohort."""
    overridden_rules: frozenset[str] = frozenset()
    """Rules that do not hold back mail this time, because the operator said so."""
    run_is_active: Callable[[], bool] = lambda: False
    """Whether a `publisher run` is there to send what is due next."""
    progress: Progress = lambda _what, _done, _of: None


@dataclass(frozen=True, slots=True, kw_only=True)
class Deps:
    """All that a service may need."""

    rules: SiteRules
    adapters: Adapters
    process: Process
