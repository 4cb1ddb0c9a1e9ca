"""SqlStore: all of the store over one database."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from publisher.stores.sql.delivery.bounces import BounceRecords
from publisher.stores.sql.delivery.holds import MailingHolds, WithdrawnPosts
from publisher.stores.sql.delivery.ledger import Ledger
from publisher.stores.sql.delivery.reconciliation import ReconciliationRecords
from publisher.stores.sql.delivery.retention import LedgerRetention
from publisher.stores.sql.delivery.routes import Routes
from publisher.stores.sql.delivery.throttle_state import QuotaRecords, ThrottleRecords
from publisher.stores.sql.digests.planning import Planning
from publisher.stores.sql.engine.database import Database
from publisher.stores.sql.feeds.documents import DocumentRecords, PublishStateRecords
from publisher.stores.sql.feeds.feed_queries import FeedQueries
from publisher.stores.sql.publishing.file_index import FileIndex
from publisher.stores.sql.publishing.log import Log
from publisher.stores.sql.subscribers.departures import DepartureRecords
from publisher.stores.sql.subscribers.personal_data import AccountLinks, PersonalData
from publisher.stores.sql.subscribers.signup import SignupRecords
from publisher.stores.sql.subscribers.subscribers import AddressKeys, Subscribers

if TYPE_CHECKING:
    from publisher.core.delivery.mailing import NewMailing
    from publisher.core.subscribers.import_rows import ImportOutcome
    from publisher.core.subscribers.subscription import Consent, Departure
    from publisher.stores.sql.subscribers.import_rows import Rows


class SqlStore(
    Log,
    FeedQueries,
    FileIndex,
    DocumentRecords,
    Subscribers,
    PersonalData,
    AccountLinks,
    AddressKeys,
    SignupRecords,
    Planning,
    Ledger,
    Routes,
    MailingHolds,
    WithdrawnPosts,
    LedgerRetention,
    ThrottleRecords,
    BounceRecords,
    QuotaRecords,
    PublishStateRecords,
    DepartureRecords,
    ReconciliationRecords,
):
    """`ports.Store`; safe to share between threads. Every method may raise StoreError."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def import_rows(
        self,
        slug: str,
        rows: "Rows",
        consent: "Consent",
        ask: "NewMailing | None",
        journal: "Callable[[Sequence[Departure]], None]",
    ) -> "Sequence[ImportOutcome]":
        # Only an import needs this: it is not loaded at each start.
        from publisher.stores.sql.subscribers.import_rows import import_rows

        return import_rows(self._db, slug, rows, consent, ask, journal)

    def close(self) -> None:
        self._db.close()
