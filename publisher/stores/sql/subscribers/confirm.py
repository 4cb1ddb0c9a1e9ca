"""A reader's own confirmation: what it changes, and what stands against it."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, func, select, update

from publisher.core.subscribers.subscription import Event, after
from publisher.stores.sql.schema.enums import BLOCKS_ALWAYS, EVERYWHERE, LIFTED_BY_READER
from publisher.stores.sql.schema.subscriber_tables import subscriptions, suppressions
from publisher.stores.sql.schema.tables import log_head


def is_blocked(connection: Connection, row: Row[Any]) -> bool:
    """Whether the address of a row of `with_address` gets no mail of its list, whatever its reader says."""
    blocks = select(func.count()).where(
        suppressions.c.address_key == row.address_key,
        suppressions.c.list.in_((EVERYWHERE, row.list)),
        suppressions.c.kind.in_(BLOCKS_ALWAYS),
    )
    return bool(connection.execute(blocks).scalar_one())


def activate(connection: Connection, row: Row[Any], next_due_at: datetime | None, now: datetime) -> None:
    """Pending -> active at the log's head; what only the reader could lift is lifted."""
    head = select(log_head.c.seq).scalar_subquery()
    state = after(row.state, Event.CONFIRM)
    due = None if row.paused else next_due_at
    new = {"state": state, "offset": head, "next_due_at": due, "confirmed_at": now, "asked_at": None}
    new |= {"skipped_at": None}
    connection.execute(update(subscriptions).where(subscriptions.c.id == row.id).values(new))
    lifted = delete(suppressions).where(
        suppressions.c.address_key == row.address_key,
        suppressions.c.list.in_((EVERYWHERE, row.list)),
        suppressions.c.kind.in_(LIFTED_BY_READER),
    )
    connection.execute(lifted)
