"""The ports: what services need from the outside, as Protocols. Adapters implement them; `app` picks the
adapters. `Store` is one database behind the ports of every room.

Every instant is aware and UTC. Methods that write are one transaction each: after a crash they have happened
completely or not at all. What is raised is named; nothing else is expected.
"""

from typing import Protocol

from publisher.ports.adapters import (
    Cadence,
    Clock,
    Failpoint,
    FeedReader,
    Format,
    Journal,
    Markup,
    PendingSignature,
    Progress,
    RelayQuotas,
    Renderer,
    Session,
    Signer,
    Source,
    Transport,
    WebClient,
)
from publisher.ports.delivery import (
    BounceStore,
    CohortPosts,
    LedgerStore,
    QuotaStore,
    ReconcilingStore,
    ThrottleStore,
    WebhookStore,
)
from publisher.ports.publishing import (
    AdoptedIdsFile,
    AuditStore,
    DocumentStore,
    FeedRedirectsFile,
    FeedStore,
    FileStore,
    LogStore,
    PublicFolder,
    PublishStateStore,
    ServiceStore,
    StaticFolder,
)
from publisher.ports.subscribers import (
    AdminStore,
    MeasureStore,
    PlanningStore,
    SignUpStore,
    SubscriberStore,
)

__all__ = [
    "AdminStore",
    "AdoptedIdsFile",
    "AuditStore",
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
    "MeasureStore",
    "PendingSignature",
    "PlanningStore",
    "Progress",
    "PublicFolder",
    "PublishStateStore",
    "RelayQuotas",
    "Renderer",
    "ServiceStore",
    "Session",
    "Signer",
    "Source",
    "StaticFolder",
    "Store",
    "SubscriberStore",
    "Transport",
    "WebClient",
]


class Store(
    LogStore,
    FeedStore,
    FileStore,
    DocumentStore,
    SubscriberStore,
    SignUpStore,
    PlanningStore,
    LedgerStore,
    ThrottleStore,
    BounceStore,
    WebhookStore,
    QuotaStore,
    PublishStateStore,
    ServiceStore,
    AuditStore,
    AdminStore,
    ReconcilingStore,
    MeasureStore,
    Protocol,
):
    """The whole store. Any method may raise StoreError, and methods that write may raise OutputError."""

    def identity(self) -> int:
        """A number that no copy of this store has, and that it keeps wherever it is seen from."""
        ...

    def size(self) -> int:
        """The store's size in bytes."""
        ...

    def close(self) -> None:
        """Closes every connection."""
        ...
