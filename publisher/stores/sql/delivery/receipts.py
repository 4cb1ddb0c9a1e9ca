"""Receipts: what is left of a delivery that was folded, where its reader got the mail.

Enough for what is asked of the past: who had a post that is corrected, what a reader was sent, what the link
in their mail shows. When it was, and in whose words it was taken, is forgotten.
"""

from sqlalchemy import JSON, BigInteger, Column, ColumnElement, Connection, Integer, Table, delete, exists

from publisher.stores.sql.schema.base import metadata
from publisher.stores.sql.schema.subscriber_tables import subscriptions

receipts = Table(
    "receipts",
    metadata,
    Column("subscription", BigInteger, primary_key=True, autoincrement=False),
    Column("mailing", BigInteger, primary_key=True, autoincrement=False),
    Column("cohort", Integer, nullable=False),
    Column("generation", Integer, nullable=False),
    sqlite_with_rowid=False,
)


said = Table(
    "said",
    metadata,
    Column("mailing", BigInteger, primary_key=True, autoincrement=False),
    Column("value", JSON, nullable=False),  # of its folded deliveries, as `replies.Replies` writes it
)


def has_receipt(*more: ColumnElement[bool]) -> ColumnElement[bool]:
    """Whether a row of `subscriptions` has one, of any mailing."""
    return exists().where(receipts.c.subscription == subscriptions.c.id, *more).correlate(subscriptions)


def forget_receipts(connection: Connection, ids: list[int]) -> None:
    """Nobody knows any more what these subscriptions were sent."""
    connection.execute(delete(receipts).where(receipts.c.subscription.in_(ids)))
