"""TODO say what this is about."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from publisher.core.delivery.mailing import (
    DeliveryState,
    MailingState,
    NewMailing,
)
from publisher.core.errors import StoreError
from publisher.stores.sql.delivery.batches import OTHERS
from publisher.stores.sql.delivery.freeze import (
    BatchSlice,
    add_cohorts,
    batch_row,
    freeze,
    freeze_each,
)
from publisher.stores.sql.engine.database import insert_alike
from publisher.stores.sql.schema.subscriber_tables import subscriptions
from publisher.stores.sql.schema.tables import batches, deliveries


def start_for_one(connection: Connection, new: NewMailing, subscription: int, now: datetime) -> int:
    """`Planning.start_for_one` within a transaction; the segments are kept already."""
    life = select(subscriptions.c.generation).where(subscriptions.c.id == subscription)
    generation = connection.execute(life).scalar()
    if generation is None:
        raise StoreError("store", f"there is no subscription {subscription}", "sign up again")
    id = freeze(connection, new, MailingState.READY, 1, now, whole=True)
    add_cohorts(connection, id, new.cohorts)
    _deliver_to_each(connection, [id], new, [(subscription, generation)], now)
    return id


def start_each(
    connection: Connection, new: NewMailing, readers: Sequence[tuple[int, int]], now: datetime
) -> range:
    """A transactional mailing for each of (subscription, generation), ready at once; returns their ids. Its
    segments are stored already.
    """
    made = freeze_each(connection, new, len(readers), now)
    _deliver_to_each(connection, made, new, readers, now)
    return made


def _deliver_to_each(
    connection: Connection,
    made: Sequence[int],
    new: NewMailing,
    readers: Sequence[tuple[int, int]],
    now: datetime,
) -> None:
    """The one delivery and the one batch of each of those mailings."""
    rows = [(id, reader, generation) for id, (reader, generation) in zip(made, readers, strict=True)]
    same = {"n": 1, "cohort": new.cohorts[0].n, **new_delivery(now)}
    insert_alike(connection, deliveries, ["mailing", "subscription", "generation"], rows, same)
    one = batch_row(new.kind, BatchSlice(group=OTHERS, lo=1, hi=1), now)
    insert_alike(connection, batches, ["mailing"], [(id,) for id in made], one)


def new_delivery(now: datetime) -> dict[str, Any]:
    """What a delivery is born with."""
    return {"state": DeliveryState.QUEUED, "attempts": 0, "reply": "", "changed_at": now}
