"""SqlStore: the whole store over one database."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from publisher.stores.sql.delivery.bounces import Bounces
from publisher.stores.sql.delivery.holds import Holding
from publisher.stores.sql.delivery.ledger import Ledger
from publisher.stores.sql.delivery.reconciliation import Reconciling
from publisher.stores.sql.delivery.retention import Folding
from publisher.stores.sql.delivery.throttle_state import PacingRecords, Quotas
from publisher.stores.sql.digests.planning import Planning
from publisher.stores.sql.digests.withdrawn_posts import Rewording
from publisher.stores.sql.engine.database import Database
from publisher.stores.sql.feeds.documents import Documents
from publisher.stores.sql.feeds.feed_queries import Views
from publisher.stores.sql.feeds.publish_state import Promises
from publisher.stores.sql.publishing.file_index import Files
from publisher.stores.sql.publishing.log import Log
from publisher.stores.sql.subscribers.account_links import Asking
from publisher.stores.sql.subscribers.departures import Departing
from publisher.stores.sql.subscribers.personal_data import Persons
from publisher.stores.sql.subscribers.signup import SigningUp
from publisher.stores.sql.subscribers.subscribers import Rekeying, Subscribers

if TYPE_CHECKING:
    from publisher.core.delivery.mailing import NewMailing
    from publisher.core.subscribers.departures import Departure
    from publisher.core.subscribers.import_rows import Outcome
    from publisher.core.subscribers.subscription import Consent
    from publisher.stores.sql.subscribers.import_rows import Rows


class SqlStore(
    Log,
    Views,
    Files,
    Documents,
    Subscribers,
    Persons,
    Asking,
    Rekeying,
    SigningUp,
    Planning,
    Ledger,
    Holding,
    Rewording,
    Folding,
    PacingRecords,
    Bounces,
    Quotas,
    Promises,
    Departing,
    Reconciling,
):
    """`ports.Store`; safe to share between threads. Every method may raise StoreError."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def import_rows(
        self,
        spec: str,
        rows: "Rows",
        consent: "Consent",
        ask: "NewMailing | None",
        journal: "Callable[[Sequence[Departure]], None]",
    ) -> "Sequence[Outcome]":
        """Stores rows on list `spec` in one transaction; returns the outcome of each. Whoever is new and
        pending gets `ask`, once. `journal` is called with the departures before the commit.
        """
        from publisher.stores.sql.subscribers.import_rows import (
            import_rows,  # what knows the files of others loads late
        )

        return import_rows(self._db, spec, rows, consent, ask, journal)

    def close(self) -> None:
        """Lets go of every connection."""
        self._db.close()
