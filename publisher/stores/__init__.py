"""The store: schema, queries and migrations over SQLite, and the files beside it.

Everything else sees `ports.Store`; `open_store` opens one.

    sql/                a folder for each room; `store.py` joins them, opens and migrates
    sql/database.py     connections, transactions, prepared statements
    sql/schema/         tables, their column types, and the number of the schema
    sql/migrations/     Alembic, imported only when something has to be migrated
    files/              journal, keys, locks, public/, redirects
    backup.py           all of it in one file, and back
"""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from publisher.stores.sql.store import SqlStore


def open_store(url: str, *, create: bool, first: bool = False) -> "SqlStore":
    """Opens the store at `url` ("sqlite:////absolute/path"). With `create` makes it if there is none; `first`
    says that it is for the first publish of a site (see `Database.begun`).

    Raises StoreError (missing, not a store, damaged, unreadable, of another version), OutputError (the folder
    cannot be written).
    """
    from publisher.stores.sql.store import SqlStore, open_database

    return SqlStore(open_database(url, create=create, first=first))


def size_of(url: str) -> int:
    """The size of the store at `url` in bytes, 0 if there is none; loads nothing that would open it."""
    path = Path(url.removeprefix("sqlite:///"))
    return path.stat().st_size if path.exists() else 0


def migrate(url: str) -> tuple[str, str]:
    """Migrates the store at `url` to this version's schema; returns (number before, number now). Idempotent.

    Raises StoreError as `open_store` does, and if the migration would leave rows that refer to nothing.
    """
    from publisher.stores.sql.store import migrate as run

    return run(url)


__all__ = ["migrate", "open_store", "size_of"]
