"""The sockets: what services need of the world, as Protocols. Parts plug in here; `app` picks them.

Every instant is aware and UTC. Methods that write are one transaction each: after a crash they have
happened whole or not at all. What is raised is named; nothing else is expected.
"""

from publisher.ports.adapters import (
    Cadence,
    Clock,
    Coming,
    Failpoint,
    Format,
    Journal,
    Markup,
    Quotas,
    Renderer,
    Session,
    Shelf,
    Signer,
    Source,
    Transport,
)
from publisher.ports.feeds import ViewStore
from publisher.ports.ledger import CohortPosts, LedgerStore
from publisher.ports.network import Adoptions, FeedReader, Moves, Web
from publisher.ports.planning import PlanningStore
from publisher.ports.store import DocumentStore, FileStore, LogStore, PromiseStore, Store, SubscriberStore

__all__ = [
    "Adoptions",
    "Cadence",
    "Clock",
    "CohortPosts",
    "Coming",
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
    "PlanningStore",
    "PromiseStore",
    "Quotas",
    "Renderer",
    "Session",
    "Shelf",
    "Signer",
    "Source",
    "Store",
    "SubscriberStore",
    "Transport",
    "ViewStore",
    "Web",
]
