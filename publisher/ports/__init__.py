"""The sockets: what services need of the world, as Protocols. Parts plug in here; `app` picks them.

Every instant is aware and UTC. Methods that write are one transaction each: after a crash they have
happened whole or not at all. What is raised is named; nothing else is expected.
"""

from publisher.ports.adapters import (
    Cadence,
    Clock,
    Failpoint,
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
)
from publisher.ports.feeds import ViewStore
from publisher.ports.ledger import CohortPosts, LedgerStore
from publisher.ports.network import Adoptions, FeedReader, Moves, Web
from publisher.ports.planning import PlanningStore
from publisher.ports.store import (
    DocumentStore,
    FileStore,
    LogStore,
    PublishStateStore,
    Store,
    SubscriberStore,
)

__all__ = [
    "Adoptions",
    "Cadence",
    "Clock",
    "CohortPosts",
    "DocumentStore",
    "Failpoint",
    "FeedReader",
    "FileStore",
    "Format",
    "Journal",
    "LedgerStore",
    "LogStore",
    "Markup",
    "Moves",
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
    "ViewStore",
    "Web",
]
