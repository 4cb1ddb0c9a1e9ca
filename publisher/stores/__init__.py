"""The store: schema, queries, migrations. SQLAlchemy Core over SQLite; every other part sees `ports.Store`.

types.py  members.py       columns for instants, closed sets, display text; the store's own closed sets
schema.py  documenttables.py  subscribertables.py  viewtables.py
                           the tables, and the number of the schema
values.py  rows.py         JSON and rows <-> values of core
engine.py  opening.py      connections, transactions, errors; new, current, older, newer, damaged files
log.py  documents.py  subscribers.py  planning.py  ledger.py  mailings.py
                           a port each (the ledger's: writing and reading)
changing.py  wishes.py  joining.py  forgetting.py  eligible.py  batches.py
                           the rules and steps they are made of
store.py                   SqlStore: all of them over one database
migrating.py  migrations/  Alembic, imported only when something is to be migrated
"""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from publisher.stores.sql.store import SqlStore


def open_store(url: str, *, create: bool, first: bool = False) -> "SqlStore":
    """The store at `url` ("sqlite:////absolute/path"); with `create`, made where there is none, and `first`
    for the first publish of a site (see `engine.Database.begun`).

    Raises StoreError (none there, not a store, damaged, unreadable, of another version) or OutputError
    (the folder cannot be written).
    """
    from publisher.stores.sql.opening import open_database
    from publisher.stores.sql.store import SqlStore

    return SqlStore(open_database(url, create=create, first=first))


def size_of(url: str) -> int:
    """Bytes of what is where `url` says, 0 where there is nothing yet; told before anything that opens it is
    loaded."""
    path = Path(url.removeprefix("sqlite:///"))
    return path.stat().st_size if path.exists() else 0


def migrate(url: str) -> tuple[str, str]:
    """Brings the store at `url` to this version's schema; (number before, number now). Idempotent.

    Raises StoreError as `open_store` does, and when the migration would leave rows that refer to nothing.
    """
    from publisher.stores.sql.opening import migrate as run

    return run(url)


__all__ = ["migrate", "open_store", "size_of"]
