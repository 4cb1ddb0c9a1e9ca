"""Ids of the log changed for those of an adopted feed: the one way in which an id ever changes."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Column, Connection, delete, insert, literal, select, update

from publisher.stores.sql.engine.database import Database
from publisher.stores.sql.publishing import term_index
from publisher.stores.sql.schema.base import metadata
from publisher.stores.sql.schema.tables import posts


class Renaming:
    """Part of `ports.LogStore`."""

    _db: Database

    def rename(self, ids: Mapping[str, str]) -> None:
        """Gives the posts of the log with the ids in `ids` their new ones, everywhere, in one transaction.
        New ids must not be in the log yet."""
        with self._db.write() as connection:
            for old, new in ids.items():
                _rename(connection, old, new)
            term_index.renew(connection, list(ids.values()))


def _rename(connection: Connection, old: str, new: str) -> None:
    """A copy under the new id, what refers to the old one turned to it, and the old one taken away."""
    ours = posts.c.id == old
    changed: dict[str, Any] = {"id": literal(new), "first_seq": -posts.c.first_seq}
    values = [changed.get(column.name, column) for column in posts.columns]
    names = [column.name for column in posts.columns]
    connection.execute(insert(posts).from_select(names, select(*values).where(ours)))
    for column in _references():
        connection.execute(update(column.table).where(column == old).values({column.name: new}))
    connection.execute(delete(posts).where(ours))
    connection.execute(update(posts).where(posts.c.id == new).values(first_seq=-posts.c.first_seq))


def _references() -> list[Column[Any]]:
    """Columns that hold ids of posts, whether or not a foreign key says so."""
    return [table.c.post_id for table in metadata.sorted_tables if "post_id" in table.c]
