"""What a mailing is made of, stored before anything is planned: segments, cohorts, and who is in which.

A mailing with many cohorts is stored in steps, so that no transaction is long; it counts once it is frozen.
What a crash left unfrozen is thrown away: nobody was planned for it.

How the deliveries of a chunk are cut into batches: a sample first, then a pacing group at a time.

TODO say what this is about.
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
    cohorts,
    counters,
    deliveries,
    mailing_posts,
    mailings,
    segments,
    stands,
)

ROWS, BYTES = 5_000, 2_000_000
"""What one transaction stores of a mailing, about."""


def save_segments(database: Database, given: Mapping[str, bytes]) -> None:
    """Stores segments by their hash, each once; they mean nothing until a cohort names them."""
    for part in _by_size(given):
        with database.write() as connection:
            connection.execute(insert_new(segments), part)


def insert_mailing(
    connection: Connection, new: NewMailing, state: MailingState, planned: int, now: datetime, *, whole: bool
) -> int:
    """The row of a mailing; returns its id. Raises Conflict when the id its content names is taken."""
    made = _number(connection, new.id)
    connection.execute(insert(mailings).values(_row(new, state, planned, now, whole=whole) | {"id": made}))
    return made


def insert_mailings_to_one(connection: Connection, new: NewMailing, number: int, now: datetime) -> range:
    """`number` mailings alike, each to one reader and ready; returns their ids."""
    last = last_mailing_id(connection)
    made = range(last + 1, last + number + 1)
    connection.execute(update(counters).where(counters.c.name == MAILING).values(last=last + number))
    row = _row(new, MailingState.READY, 1, now, whole=True)
    ids = [(id,) for id in made]
    insert_with_shared_values(connection, mailings, ["id"], ids, row)
    (cohort,) = new.cohorts
    same = {"n": cohort.n, "language": cohort.language, "recipe": list(cohort.recipe)}
    insert_with_shared_values(connection, cohorts, ["mailing"], ids, same)
    return made


def _row(new: NewMailing, state: MailingState, planned: int, now: datetime, *, whole: bool) -> dict[str, Any]:
    row: dict[str, Any] = {
        name: getattr(new, name) for name in ("list", "kind", "head", "due_before", "sender", "subject")
    }
    row |= {"state": state, "planned": planned, "created_at": now, "frozen": whole, "canary": False}
    row |= {"hold": MailingHold.APPROVAL if new.approve else None, "hold_why": ""}
    return row | {"corrections": [list(correction) for correction in new.corrections]}


def add_cohorts(connection: Connection, mailing: int, made: Sequence[Cohort]) -> None:
    """Cohorts of a mailing, their posts, and where their readers stand."""
    rows = [{"mailing": mailing, "n": c.n, "language": c.language, "recipe": list(c.recipe)} for c in made]
    connection.execute(insert(cohorts), rows)
    shown = [
        {"mailing": mailing, "cohort": c.n, "position": place, "post_id": post, "revision": revision}
        for c in made
        for place, (post, revision) in enumerate(c.posts, 1)
    ]
    if shown:
        connection.execute(insert(mailing_posts), shown)
    where = [{"mailing": mailing, "cohort": c.n, **stand._asdict()} for c in made for stand in c.stands]
    if where:
        connection.execute(insert(stands), where)


def cohort_chunks(made: Sequence[Cohort]) -> Iterator[Sequence[Cohort]]:
    """`made` in parts that one transaction can store."""
    part: list[Cohort] = []
    rows = 0
    for cohort in made:
        part.append(cohort)
        rows += 1 + len(cohort.posts) + len(cohort.stands)
        if rows >= ROWS:
            yield part
            part, rows = [], 0
    if part:
        yield part


def mark_complete(connection: Connection, mailing: int) -> None:
    """Everything of the mailing is stored."""
    connection.execute(update(mailings).where(mailings.c.id == mailing).values(frozen=True))


def delete_incomplete(connection: Connection) -> None:
    """Mailings that a crash left half stored."""
    half = connection.scalars(select(mailings.c.id).where(~mailings.c.frozen)).all()
    for table in (stands, mailing_posts, cohorts) if half else ():
        connection.execute(delete(table).where(table.c.mailing.in_(half)))
    if half:
        connection.execute(delete(mailings).where(mailings.c.id.in_(half)))


def last_mailing_id(connection: Connection) -> int:
    """The highest id a mailing ever had."""
    last: int = connection.execute(select(counters.c.last).where(counters.c.name == MAILING)).scalar_one()
    return last


def _number(connection: Connection, wished: int | None) -> int:
    """The id of a new mailing. Raises Conflict when the one its content names is taken."""
    number = wished or last_mailing_id(connection) + 1
    free = (counters.c.name == MAILING) & (counters.c.last < number)
    if connection.execute(update(counters).where(free).values(last=number)).rowcount != 1:
        raise LogConflict("mailing", f"the number {number} is taken", "plan again")
    return number


def _by_size(given: Mapping[str, bytes]) -> Iterator[list[dict[str, Any]]]:
    part: list[dict[str, Any]] = []
    size = 0
    for name, data in given.items():
        part.append({"hash": name, "data": data})
        size += len(data)
        if size >= BYTES or len(part) >= ROWS:
            yield part
            part, size = [], 0
    if part:
        yield part


def start_transactional(connection: Connection, new: NewMailing, subscription: int, now: datetime) -> int:
    """`Planning.start_transactional` within a transaction; the segments are kept already."""
    life = select(subscriptions.c.generation).where(subscriptions.c.id == subscription)
    generation = connection.execute(life).scalar()
    if generation is None:
        raise StoreError("store", f"there is no subscription {subscription}", "sign up again")
    id = insert_mailing(connection, new, MailingState.READY, 1, now, whole=True)
    add_cohorts(connection, id, new.cohorts)
    _deliver_to_each(connection, [id], new, [(subscription, generation)], now)
    return id


def start_transactional_each(
    connection: Connection, new: NewMailing, readers: Sequence[tuple[int, int]], now: datetime
) -> range:
    """A transactional mailing for each of (subscription, generation), ready at once; returns their ids. Its
    segments are stored already.
    """
    made = insert_mailings_to_one(connection, new, len(readers), now)
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
    insert_with_shared_values(connection, deliveries, ["mailing", "subscription", "generation"], rows, same)
    one = batch_row(new.kind, BatchSlice(group=OTHER_DOMAINS, lo=1, hi=1), now)
    insert_with_shared_values(connection, batches, ["mailing"], [(id,) for id in made], one)


def new_delivery(now: datetime) -> dict[str, Any]:
    """What a delivery is born with."""
    return {"state": DeliveryState.QUEUED, "attempts": 0, "reply": "", "changed_at": now}
