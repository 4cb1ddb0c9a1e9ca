"""The sockets: what services need of the world, as Protocols. Parts plug in here; `app` picks them.

Every instant is aware and UTC. Methods that write are one transaction each: after a crash they have
happened whole or not at all. What is raised is named; nothing else is expected.
"""

from publisher.ports.adapters import (
    AdoptedIdsFile,
    Cadence,
    Clock,
    Failpoint,
    FeedReader,
    FeedRedirectsFile,
    Format,
    Journal,
    Markup,
    PendingSignature,
    PublicFolder,
    RelayQuotas,
    Renderer,
    Session,
    Signer,
    Source,
    Transport,
    WebClient,
)
from publisher.ports.delivery import CohortPosts, LedgerStore
from publisher.ports.digests import PlanningStore
from publisher.ports.feeds import DocumentStore, FeedStore, PublishStateStore
from publisher.ports.publishing import FileStore, LogStore
from publisher.ports.store import Store
from publisher.ports.subscribers import SubscriberStore

__all__ = [
    "AdoptedIdsFile",
    "Cadence",
    "Clock",
    "CohortPosts",
    "DocumentStore",
    "Failpoint",
    "FeedReader",
    "FeedRedirectsFile",
    "FeedStore",
    "FileStore",
    "Format",
    "Journal",
    "LedgerStore",
    "LogStore",
    "Markup",
    "PendingSignature",
    "PlanningStore",
    "PublicFolder",
    "PublishStateStore",
    "RelayQuotas",
    "Renderer",
    "Session",
    "Signer",
    "Source",
    "Store",
    "SubscriberStore",
    "Transport",
    "WebClient",
]
