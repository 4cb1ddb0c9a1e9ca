"""SqlStore: the whole store over one database."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from publisher.stores.asking import Asking
from publisher.stores.bounces import Bounces
from publisher.stores.departing import Departing
from publisher.stores.documents import Documents
from publisher.stores.engine import Database
from publisher.stores.erasing import Persons
from publisher.stores.files import Files
from publisher.stores.folding import Folding
from publisher.stores.holding import Holding
from publisher.stores.ledger import Ledger
from publisher.stores.log import Log
from publisher.stores.pacing import PacingRecords
from publisher.stores.planning import Planning
from publisher.stores.promises import Promises
from publisher.stores.quotas import Quotas
from publisher.stores.reconciling import Reconciling
from publisher.stores.rekeying import Rekeying
from publisher.stores.rewording import Rewording
from publisher.stores.signingup import SigningUp
from publisher.stores.subscribers import Subscribers
from publisher.stores.views import Views

if TYPE_CHECKING:
    from publisher.core.departures import Departure
    from publisher.core.importing import Outcome
    from publisher.core.lists import Consent
    from publisher.core.mailings import NewMailing
    from publisher.stores.importing import Rows


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
        from publisher.stores.importing import import_rows  # what knows the files of others loads late

        return import_rows(self._db, spec, rows, consent, ask, journal)

    def close(self) -> None:
        """Lets go of every connection."""
        self._db.close()
