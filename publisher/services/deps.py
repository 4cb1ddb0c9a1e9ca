"""What the services work with: the sockets, filled by `app`, and the rules of this site."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from publisher.core.addresses import Blocklist
from publisher.core.delivery.bounces import BounceLimits
from publisher.core.delivery.throttling import ThrottlingRules
from publisher.core.feeds.feed import FeedSpec, Outline
from publisher.core.lru import LruCache
from publisher.core.publishing.ids import IdRules
from publisher.core.site import Site
from publisher.core.subscribers.preferences import NO_CHOICES, ContentPreference
from publisher.core.subscribers.subscription import MailingList, mail_language
from publisher.core.tokens import KeyRing
from publisher.ports import (
    AdoptedIdsFile,
    Cadence,
    Clock,
    Failpoint,
    FeedReader,
    FeedRedirectsFile,
    Format,
    Journal,
    Markup,
    PublicFolder,
    Renderer,
    Signer,
    Source,
    Store,
    Transport,
    WebClient,
)

MOST = 4096
"""Values kept: some 50 MB where each is a long post."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deps:
    """One site's parts. `stamp` changes when a document's making changes (version, templates); `run` is this
    process's token in leases; `source` opens the folder of posts, and loads what reads them only then;
    `nonce` gives a fresh unguessable ASCII word; `batch` counts deliveries;
    `bounces` is where undeliverable mail comes back to, "" for the address of From; `limits`
    are how many refusals end mail to an address; `blocked` are addresses that no reader may sign up; `hubs`
    are told of
    changed feeds; with `pages` each post has a page of ours; `outline` writes the list of all feeds; `reach`
    is called by name between steps that a crash may part; `kept` holds what was made of posts, for the next
    cohort; `forced` names rules that do not hold a mail now;
    `asks` is the public address that must prove to be this site's before mail is planned, "" where no mail
    leaves this machine; `run_is_active`: whether a `publisher run` is there
    to send what is due next.
    """

    site: Site
    feeds: tuple[FeedSpec, ...]
    lists: tuple[MailingList, ...]
    naming: IdRules
    hubs: tuple[str, ...]
    max_age: timedelta
    pages: bool
    batch: int
    bounces: str
    limits: BounceLimits
    blocked: Blocklist
    run: str
    stamp: str
    clock: Clock
    nonce: Callable[[], str]
    reach: Failpoint
    source: Callable[[], Source]
    markup: Markup
    formats: Mapping[str, Format]
    outline: Callable[[Site, tuple[Outline, ...]], bytes]
    cadences: Mapping[str, Cadence]
    renderer: Renderer
    shelf: PublicFolder
    store: Store
    journal: Journal
    transport: Transport
    ring: Callable[[], KeyRing]
    pacing: ThrottlingRules
    ticks: Callable[[], float]
    adoptions: AdoptedIdsFile
    moves: FeedRedirectsFile
    reader: Callable[[], FeedReader]
    web: Callable[[], WebClient]
    signer: Callable[[], Signer | None]
    kept: LruCache = field(default_factory=lambda: LruCache(MOST))
    forced: frozenset[str] = frozenset()
    asks: str = ""
    run_is_active: Callable[[], bool] = lambda: False

    def list(self, slug: str) -> MailingList | None:
        """The list of that slug, if settings still have it."""
        return next((spec for spec in self.lists if spec.slug == slug), None)

    def language(self, spec: MailingList, taste: ContentPreference = NO_CHOICES.taste) -> str:
        """The language that mails and pages of a list speak to a reader of that taste."""
        return mail_language(spec, taste, self.site.language)
