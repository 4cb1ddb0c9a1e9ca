"""The store as a whole: one database behind the ports of every room."""

from typing import Protocol

from publisher.ports.delivery import BounceStore, LedgerStore, QuotaStore, ReconcilingStore, ThrottleStore
from publisher.ports.digests import PlanningStore
from publisher.ports.feeds import DocumentStore, FeedStore, PublishStateStore
from publisher.ports.publishing import FileStore, LogStore
from publisher.ports.subscribers import SignUpStore, SubscriberStore


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
    QuotaStore,
    PublishStateStore,
    ReconcilingStore,
    Protocol,
):
    """All of it. Any method may raise StoreError, and those that write OutputError."""

    def close(self) -> None:
        """Closes every connection."""
        ...
