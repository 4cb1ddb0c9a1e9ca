"""The store: schema, queries and migrations over SQLite or PostgreSQL, and the files beside it.

Everything else sees `ports.Store`; `open_store` opens one.

    sql/                a folder for each room; `store.py` joins them, opens and migrates
    sql/database.py     transactions, prepared statements, inserts of many rows
    sql/sqlite.py       SQLite: its file, connections and errors
    sql/postgresql.py   PostgreSQL: the same, and where its SQL differs; loaded only for such a store
    sql/schema/         tables, their column types, and the number of the schema
    sql/migrations/     Alembic, imported only when something has to be migrated
    files/              journal, keys, locks, public/, redirects
    backup.py           all of it in one file, and back
"""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from publisher.stores.sql.store import SqlStore


def open_store(url: str, *, create: bool, first: bool = False, password: str = "") -> "SqlStore":
    """Opens the store at `url` ("sqlite:////absolute/path" or "postgresql://user@host/database"). With
    `create` makes it if there is none; `first` says that it is for the first publish of a site (see
    `SqliteDatabase.begun`).

    Raises StoreError (missing, not a store, damaged, unreadable, of another version), OutputError (the folder
    cannot be written).
    """
    from publisher.stores.sql.store import SqlStore, open_database

    return SqlStore(open_database(url, create=create, first=first, password=password))


def file_of(url: str) -> Path | None:
    """The file of an SQLite store; None for a store that is no file."""
    return Path(url.removeprefix("sqlite:///")) if url.startswith("sqlite:///") else None


def name_of(url: str) -> str:
    """What people are told of where a store is: its file, or its host and database."""
    path = file_of(url)
    if path is not None:
        return str(path)
    from publisher.stores.sql.store import name_of_database

    return name_of_database(url)


def size_of(url: str, password: str = "") -> int:
    """The size of the store at `url` in bytes, 0 if there is none. For a file, loads nothing that would open
    it; a database is asked, which may raise StoreError.
    """
    path = file_of(url)
    if path is not None:
        return path.stat().st_size if path.exists() else 0
    from publisher.stores.sql.store import size_of_database

    return size_of_database(url, password)


def migrate(url: str, password: str = "") -> tuple[str, str]:
    """Migrates the store at `url` to this version's schema; returns (number before, number now). Idempotent.

    Raises StoreError as `open_store` does, and if the migration would leave rows that refer to nothing.
    """
    from publisher.stores.sql.store import migrate as run

    return run(url, password)


__all__ = ["file_of", "migrate", "name_of", "open_store", "size_of"]
