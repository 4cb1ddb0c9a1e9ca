"""SqlStore: the whole store over one database."""

from publisher.stores.asking import Asking
from publisher.stores.bounces import Bounces
from publisher.stores.departing import Departing
from publisher.stores.documents import Documents
from publisher.stores.engine import Database
from publisher.stores.erasing import Persons
from publisher.stores.files import Files
from publisher.stores.folding import Folding
from publisher.stores.holding import Holding
from publisher.stores.importing import Importing
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
    Importing,
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

    def close(self) -> None:
        """Lets go of every connection."""
        self._db.close()
