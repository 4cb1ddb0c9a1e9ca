"""The audit log: what people did, by the command line, the admin pages and the API.

A row names a subscriber by number and never by address. Erasing a person takes their number out of the rows.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import BigInteger, Boolean, Column, Connection, Table, Text, delete, insert, select, update

from publisher.core.site import AuditDoor, AuditEntry
from publisher.stores.sql.database import Database
from publisher.stores.sql.schema.columns import (
    EnumMember,
    HumanText,
    Id,
    Instant,
    allowed_values,
    index_where,
    metadata,
)
from publisher.stores.sql.schema.subscriber_tables import subscribers

acts = Table(
    "acts",
    metadata,
    Column("id", Id, primary_key=True),
    Column("at", Instant, nullable=False, index=True),
    Column("who", HumanText, nullable=False),  # the name of a token, or a user of this machine
    Column("via", EnumMember(AuditDoor), nullable=False),
    Column("act", Text, nullable=False),
    Column("about", HumanText, nullable=False),
    Column("subscriber", BigInteger),
    Column("done", Boolean, nullable=False),
    allowed_values("via", AuditDoor),
    sqlite_autoincrement=True,
)
index_where("ix_acts_subscriber", acts.c.subscriber.is_not(None), acts.c.subscriber)


class AuditLog:
    """`ports.AuditStore`."""

    _db: Database

    def record_act(self, entry: AuditEntry) -> None:
        row = {
            "at": entry.at,
            "who": entry.who,
            "via": entry.via,
            "act": entry.act,
            "about": entry.about,
            "subscriber": entry.subscriber,
            "done": entry.done,
        }
        with self._db.write() as connection:
            connection.execute(insert(acts), [row])

    def acts(self, *, before: int | None = None, limit: int) -> Sequence[tuple[int, AuditEntry]]:
        query = select(acts).order_by(acts.c.id.desc()).limit(limit)
        if before is not None:
            query = query.where(acts.c.id < before)
        with self._db.read() as connection:
            return [(row.id, _entry(row)) for row in connection.execute(query)]

    def acts_about(self, key: str) -> Sequence[AuditEntry]:
        query = select(acts).join(subscribers, subscribers.c.id == acts.c.subscriber)
        query = query.where(subscribers.c.address_key == key).order_by(acts.c.id)
        with self._db.read() as connection:
            return [_entry(row) for row in connection.execute(query)]

    def subscriber_number(self, key: str) -> int | None:
        query = select(subscribers.c.id).where(subscribers.c.address_key == key)
        with self._db.read() as connection:
            return connection.execute(query).scalar()

    def forget_acts(self, before: datetime) -> int:
        old = acts.c.at < before
        with self._db.read() as connection:  # usually there is none: keep nobody from writing
            if connection.execute(select(acts.c.id).where(old).limit(1)).first() is None:
                return 0
        with self._db.write() as connection:
            return connection.execute(delete(acts).where(old)).rowcount


def forget_subscriber(connection: Connection, subscriber: int) -> None:
    """Takes a person's number out of the log."""
    connection.execute(update(acts).where(acts.c.subscriber == subscriber).values(subscriber=None))


def _entry(row: object) -> AuditEntry:
    names = ("at", "who", "via", "act", "about", "subscriber", "done")
    return AuditEntry(**{name: getattr(row, name) for name in names})
