"""Migrations, by Alembic: the only module that imports it."""

from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from publisher.core.errors import StoreError
from publisher.stores.sql.engine.database import Database
from publisher.stores.sql.opening import check_not_newer, path_of, reach, read_stamp
from publisher.stores.sql.schema.tables import SCHEMA


def migrate(url: str) -> tuple[str, str]:
    """Brings the store at `url` to `SCHEMA`, in one transaction; (number before, number now)."""
    path = path_of(url)
    database = reach(path)
    try:
        with database.read() as connection:
            before = read_stamp(connection, path)
        if before is None:
            raise StoreError(str(path), "an empty file, not a store", "run `publisher publish` to make it")
        check_not_newer(path, before)
        if before != SCHEMA:
            _upgrade(database, path)
        return before, SCHEMA
    finally:
        database.close()


def _upgrade(database: Database, path: Path) -> None:
    with database.rebuild() as connection:
        upgrade(connection)
        orphans = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
        if orphans:
            what = f"{len(orphans)} rows refer to nothing after the migration, the first in {orphans[0][0]}"
            raise StoreError(str(path), what, "nothing was changed: restore a backup")


def script() -> Any:
    """Alembic's settings: the migrations packaged beside this module."""
    from alembic.config import Config

    settings = Config()
    settings.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    return settings


def upgrade(connection: Connection, to: str = "head") -> None:
    """Runs the migrations that `connection`'s database lacks, in the transaction that it is in."""
    from alembic import command

    settings = script()
    settings.attributes["connection"] = connection
    command.upgrade(settings, to)
