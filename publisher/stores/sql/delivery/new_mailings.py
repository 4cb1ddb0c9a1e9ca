"""Storing what a mailing is made of, before any delivery is planned: segments, cohorts, and who is in which.

A mailing with many cohorts is stored in steps, so that no transaction is long. It counts once all of it is
there; what a crash left incomplete is deleted, since nobody was planned for it.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Connection,
    delete,
    insert,
    select,
    update,
)

from publisher.core.delivery.mailing import (
    Cohort,
    DeliveryState,
    MailingHold,
    MailingState,
    NewMailing,
)
from publisher.core.errors import LogConflict, StoreError
from publisher.stores.sql.delivery.batches import OTHER_DOMAINS, BatchSlice, batch_row
from publisher.stores.sql.engine.database import Database, insert_new, insert_with_shared_values
from publisher.stores.sql.schema.subscriber_tables import subscriptions
from publisher.stores.sql.schema.tables import (
    MAILING,
    batches,
    cohort_keys,
    cohorts,
    counters,
    deliveries,
    mailing_posts,
    mailings,
    segments,
)

ROWS, BYTES = 5_000, 2_000_000
"""About how much of a mailing one transaction stores."""


def save_segments(database: Database, given: Mapping[str, bytes]) -> None:
    """Stores segments by their hash, each once; they mean nothing until a cohort names them."""
    for chunk in _segment_chunks(given):
        with database.write() as connection:
            connection.execute(insert_new(segments), chunk)


def insert_mailing(
    connection: Connection, new: NewMailing, state: MailingState, planned: int, now: datetime, *, whole: bool
) -> int:
    """Inserts the row of a mailing and returns its id. Raises LogConflict if `new.id`, which its content
    names, is taken.
    """
    id = new.id or last_mailing_id(connection) + 1
    free = (counters.c.name == MAILING) & (counters.c.last < id)
    if connection.execute(update(counters).where(free).values(last=id)).rowcount != 1:
        raise LogConflict("mailing", f"the number {id} is taken", "plan again")
    connection.execute(insert(mailings).values(_row(new, state, planned, now, whole=whole) | {"id": id}))
    return id


def _row(new: NewMailing, state: MailingState, planned: int, now: datetime, *, whole: bool) -> dict[str, Any]:
    row: dict[str, Any] = {
        name: getattr(new, name) for name in ("list", "kind", "head", "due_before", "sender", "subject")
    }
    row |= {"state": state, "planned": planned, "created_at": now, "frozen": whole, "canary": False}
    row |= {"hold": MailingHold.APPROVAL if new.approve else None, "hold_why": ""}
    return row | {"corrections": [list(correction) for correction in new.corrections]}


def add_cohorts(connection: Connection, mailing: int, new: Sequence[Cohort]) -> None:
    """Inserts cohorts of a mailing, their posts, and the keys by which their readers are found."""
    rows = [{"mailing": mailing, "n": c.n, "language": c.language, "recipe": list(c.recipe)} for c in new]
    connection.execute(insert(cohorts), rows)
    shown = [
        {"mailing": mailing, "cohort": c.n, "position": place, "post_id": post, "revision": revision}
        for c in new
        for place, (post, revision) in enumerate(c.posts, 1)
    ]
    if shown:
        connection.execute(insert(mailing_posts), shown)
    keys = [
        {
            "mailing": mailing,
            "cohort": c.n,
            "offset": key.offset,
            "taste": key.content_id,
            "had": key.corrections,
        }
        for c in new
        for key in c.cohort_keys
    ]
    if keys:
        connection.execute(insert(cohort_keys), keys)


def cohort_chunks(given: Sequence[Cohort]) -> Iterator[Sequence[Cohort]]:
    """Cohorts in chunks that one transaction can store."""
    chunk: list[Cohort] = []
    rows = 0
    for cohort in given:
        chunk.append(cohort)
        rows += 1 + len(cohort.posts) + len(cohort.cohort_keys)
        if rows >= ROWS:
            yield chunk
            chunk, rows = [], 0
    if chunk:
        yield chunk


def mark_complete(connection: Connection, mailing: int) -> None:
    """Marks a mailing whose content is all stored."""
    connection.execute(update(mailings).where(mailings.c.id == mailing).values(frozen=True))


def delete_incomplete(connection: Connection) -> None:
    """Deletes mailings that a crash left half stored."""
    ids = connection.scalars(select(mailings.c.id).where(~mailings.c.frozen)).all()
    for table in (cohort_keys, mailing_posts, cohorts) if ids else ():
        connection.execute(delete(table).where(table.c.mailing.in_(ids)))
    if ids:
        connection.execute(delete(mailings).where(mailings.c.id.in_(ids)))


def last_mailing_id(connection: Connection) -> int:
    """The highest id a mailing ever had."""
    last: int = connection.execute(select(counters.c.last).where(counters.c.name == MAILING)).scalar_one()
    return last


def _segment_chunks(given: Mapping[str, bytes]) -> Iterator[list[dict[str, Any]]]:
    chunk: list[dict[str, Any]] = []
    size = 0
    for name, data in given.items():
        chunk.append({"hash": name, "data": data})
        size += len(data)
        if size >= BYTES or len(chunk) >= ROWS:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def start_transactional(connection: Connection, new: NewMailing, subscription: int, now: datetime) -> int:
    """`PlanningStore.start_transactional` within a transaction; its segments are stored already."""
    query = select(subscriptions.c.generation).where(subscriptions.c.id == subscription)
    generation = connection.execute(query).scalar()
    if generation is None:
        raise StoreError("store", f"there is no subscription {subscription}", "sign up again")
    id = insert_mailing(connection, new, MailingState.READY, 1, now, whole=True)
    add_cohorts(connection, id, new.cohorts)
    _insert_deliveries(connection, [id], new, [(subscription, generation)], now)
    return id


def start_transactional_each(
    connection: Connection, new: NewMailing, readers: Sequence[tuple[int, int]], now: datetime
) -> range:
    """A mailing of its own for each of these (subscription, generation), ready to be sent; returns their ids.
    The segments are stored already.
    """
    last = last_mailing_id(connection)
    made = range(last + 1, last + len(readers) + 1)
    connection.execute(update(counters).where(counters.c.name == MAILING).values(last=last + len(readers)))
    ids = [(id,) for id in made]
    row = _row(new, MailingState.READY, 1, now, whole=True)
    insert_with_shared_values(connection, mailings, ["id"], ids, row)
    (cohort,) = new.cohorts
    same = {"n": cohort.n, "language": cohort.language, "recipe": list(cohort.recipe)}
    insert_with_shared_values(connection, cohorts, ["mailing"], ids, same)
    _insert_deliveries(connection, made, new, readers, now)
    return made


def _insert_deliveries(
    connection: Connection,
    ids: Sequence[int],
    new: NewMailing,
    readers: Sequence[tuple[int, int]],
    now: datetime,
) -> None:
    """The one delivery and the one batch of each of these mailings."""
    rows = [(id, reader, generation) for id, (reader, generation) in zip(ids, readers, strict=True)]
    same = {"n": 1, "cohort": new.cohorts[0].n, **new_delivery(now)}
    insert_with_shared_values(connection, deliveries, ["mailing", "subscription", "generation"], rows, same)
    batch = batch_row(new.kind, BatchSlice(group=OTHER_DOMAINS, lo=1, hi=1), now)
    insert_with_shared_values(connection, batches, ["mailing"], [(id,) for id in ids], batch)


def new_delivery(now: datetime) -> dict[str, Any]:
    """The values that every new delivery has."""
    return {"state": DeliveryState.QUEUED, "attempts": 0, "reply": "", "changed_at": now}
