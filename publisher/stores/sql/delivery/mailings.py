"""Mailings: what they are, what they show, and how far they got; and storing what a new one is made of
(segments, cohorts, and who is in which) before any delivery is planned.

A mailing with many cohorts is stored in steps, so that no transaction is long. It counts once all of it is
there; what a crash left incomplete is deleted, since nobody was planned for it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any, cast

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    delete,
    func,
    insert,
    or_,
    select,
    union_all,
    update,
)

from publisher.core.delivery.mailing import (
    Cohort,
    DeliveryState,
    Mailing,
    MailingHold,
    MailingKind,
    MailingState,
    NewMailing,
    Route,
    UnknownDelivery,
)
from publisher.core.errors import LogConflict, StoreError
from publisher.core.mail.message import MailTransport, Segment
from publisher.core.mail.mime import thaw_recipe
from publisher.ports import CohortPosts
from publisher.stores.sql.database import Database, insert_new, insert_with_shared_values, slices
from publisher.stores.sql.delivery.batches import (
    OTHER_DOMAINS,
    BatchSlice,
    batch_row,
    counts_by_mailing,
    total_counts,
)
from publisher.stores.sql.delivery.retention import SHOWN, Replies, receipts, replies_of, reply_archive
from publisher.stores.sql.schema.columns import is_
from publisher.stores.sql.schema.subscriber_tables import subscribers, subscriptions
from publisher.stores.sql.schema.tables import (
    MAILING,
    OUTBOX_ROUTE,
    TALLIED,
    batches,
    cohort_keys,
    cohorts,
    counters,
    deliveries,
    mailing_posts,
    mailings,
    posts,
    routes,
    segments,
)

SEGMENT, PLACE = "s:", "p:"
"""How a recipe marks a stored segment and a placeholder (core.mail.mime)."""

ROWS, BYTES = 5_000, 2_000_000
"""About how much of a mailing one transaction stores."""

_UNKNOWN = is_(deliveries.c.state, DeliveryState.UNKNOWN)
_COLUMNS = [mailings.c[field.name] for field in fields(Mailing) if field.name != "counts"]


def _route(row: Row[Any]) -> Route | None:
    """The route of a row of `deliveries`, joined with `routes`."""
    if row.route == OUTBOX_ROUTE:
        return Route(MailTransport.OUTBOX)
    return None if row.transport is None else Route(row.transport, row.relay)


class Mailings:
    """`ports.LedgerStore`: reading."""

    _db: Database

    def mailings(self, *, counted: bool = True) -> Sequence[Mailing]:
        with self._db.read() as connection:
            return read_mailings(connection, counted=counted)

    def mailing(self, id: int, *, counted: bool = True) -> Mailing | None:
        with self._db.read() as connection:
            found = read_mailings(connection, mailings.c.id == id, counted=counted)
        return found[0] if found else None

    def newest_mailings(self, limit: int, *, before: int | None = None) -> Sequence[Mailing]:
        newest = select(mailings.c.id).order_by(mailings.c.id.desc()).limit(limit)
        if before is not None:
            newest = newest.where(mailings.c.id < before)
        with self._db.read() as connection:
            ids = connection.scalars(newest).all()
            return read_mailings(connection, mailings.c.id.in_(ids))

    def digests(self, *, before: int | None = None, limit: int) -> Sequence[Mailing]:
        wanted = select(mailings.c.id).where(mailings.c.kind == MailingKind.DIGEST)
        if before is not None:
            wanted = wanted.where(mailings.c.id < before)
        with self._db.read() as connection:
            ids = connection.scalars(wanted.order_by(mailings.c.id.desc()).limit(limit)).all()
            return read_mailings(connection, mailings.c.id.in_(ids)) if ids else []

    def counts_by_domain(self, id: int) -> Mapping[str, Mapping[DeliveryState, int]]:
        sums = [func.sum(batches.c[state.value]).label(state.value) for state in TALLIED]
        query = select(batches.c.group, *sums).where(batches.c.mailing == id).group_by(batches.c.group)
        with self._db.read() as connection:
            return {
                row.group: {state: int(getattr(row, state.value) or 0) for state in TALLIED}
                for row in connection.execute(query.order_by(batches.c.group))
            }

    def unfinished_mailings(self) -> Sequence[Mailing]:
        active = (MailingState.PLANNING, MailingState.READY, MailingState.PAUSED)
        with self._db.read() as connection:
            return read_mailings(connection, or_(*[is_(mailings.c.state, state) for state in active]))

    def delivery_totals(self) -> tuple[int, Mapping[DeliveryState, int]]:
        with self._db.read() as connection:
            number: int = connection.execute(select(func.count()).select_from(mailings)).scalar_one()
            return number, total_counts(connection)

    def cohorts(self, id: int) -> Sequence[CohortPosts]:
        spoken = select(cohorts.c.n, cohorts.c.language).where(cohorts.c.mailing == id).order_by(cohorts.c.n)
        shown = select(mailing_posts).where(mailing_posts.c.mailing == id).order_by(mailing_posts.c.position)
        with self._db.read() as connection:
            languages = {row.n: row.language for row in connection.execute(spoken)}
            found: dict[int, list[tuple[str, str]]] = {n: [] for n in languages}
            for row in connection.execute(shown):
                found[row.cohort].append((row.post_id, row.revision))
        return [(n, posts, languages[n]) for n, posts in found.items()]

    def posts_not_on_pages(self) -> Mapping[int, Sequence[str]]:
        shown = select(mailing_posts.c.mailing, mailing_posts.c.post_id).distinct()
        shown = shown.join_from(posts, mailing_posts, mailing_posts.c.post_id == posts.c.id)
        hidden = ~posts.c.live | posts.c.mail_only
        shown = shown.where(hidden, mailing_posts.c.cohort == 1)
        found: dict[int, list[str]] = {}
        with self._db.read() as connection:
            for row in connection.execute(shown.order_by(mailing_posts.c.mailing, mailing_posts.c.post_id)):
                found.setdefault(row.mailing, []).append(row.post_id)
        return found

    def posts_mailed_to(
        self, mailing: int, subscription: int
    ) -> tuple[Sequence[tuple[str, str]], str] | None:
        theirs = [
            select(table.c.cohort).where(table.c.subscription == subscription, table.c.mailing == mailing)
            for table in (deliveries, receipts)
        ]
        with self._db.read() as connection:
            cohort = connection.execute(union_all(*theirs)).scalar()
            if cohort is None:
                return None
            this = (cohorts.c.mailing == mailing) & (cohorts.c.n == cohort)
            language = connection.execute(select(cohorts.c.language).where(this)).scalar() or ""
            posts = (mailing_posts.c.mailing == mailing) & (mailing_posts.c.cohort == cohort)
            shown = select(mailing_posts).where(posts).order_by(mailing_posts.c.position)
            return [(row.post_id, row.revision) for row in connection.execute(shown)], language

    def segments(self, mailing: int, cohort: int) -> tuple[Segment, ...]:
        this = (cohorts.c.mailing == mailing) & (cohorts.c.n == cohort)
        with self._db.read() as connection:
            recipe = cast(
                "list[str] | None", connection.execute(select(cohorts.c.recipe).where(this)).scalar()
            )
            if recipe is None:
                raise StoreError("store", f"mailing {mailing} has no cohort {cohort}", "restore a backup")
            names = dict.fromkeys(step[len(SEGMENT) :] for step in recipe if step.startswith(SEGMENT))
            data: dict[str, bytes] = {}
            for part in slices(list(names)):
                rows = connection.execute(select(segments).where(segments.c.hash.in_(part)))
                data.update({row.hash: row.data for row in rows})
        try:
            return thaw_recipe(tuple(recipe), data)
        except KeyError as error:
            what = f"segment {error.args[0]} of mailing {mailing} is gone"
            raise StoreError("store", what, "restore a backup") from None

    def unknown_deliveries(
        self, mailing: int, *, after: int = 0, limit: int | None = None
    ) -> Sequence[UnknownDelivery]:
        query = (
            select(deliveries, subscribers.c.address, routes.c.transport, routes.c.relay)
            .join(subscriptions, subscriptions.c.id == deliveries.c.subscription)
            .join(subscribers, subscribers.c.id == subscriptions.c.subscriber)
            .join(routes, routes.c.id == deliveries.c.route, isouter=True)
            .where(_UNKNOWN, deliveries.c.mailing == mailing, deliveries.c.n > after)
            .order_by(deliveries.c.mailing, deliveries.c.n)
            .limit(limit)
        )
        with self._db.read() as connection:
            return [
                UnknownDelivery(
                    mailing=row.mailing,
                    n=row.n,
                    address=row.address,
                    at=row.changed_at,
                    reply=row.reply,
                    attempts=row.attempts,
                    route=_route(row),
                )
                for row in connection.execute(query)
            ]

    def count_unknown(self) -> int:
        with self._db.read() as connection:
            return connection.execute(select(func.count()).where(_UNKNOWN)).scalar_one()

    def next_mailing_with_unknown(self, after: int) -> int | None:
        first = select(func.min(deliveries.c.mailing)).where(_UNKNOWN, deliveries.c.mailing > after)
        with self._db.read() as connection:
            return connection.execute(first).scalar()

    def delivery_state(self, mailing: int, n: int) -> DeliveryState | None:
        this = select(deliveries.c.state).where(deliveries.c.mailing == mailing, deliveries.c.n == n)
        with self._db.read() as connection:
            return connection.execute(this).scalar()

    def replies(self, id: int) -> Sequence[tuple[str, int]]:
        with self._db.read() as connection:
            kept = connection.execute(
                select(reply_archive.c.value).where(reply_archive.c.mailing == id)
            ).scalar()
            rows = select(deliveries).where(deliveries.c.mailing == id)
            live = replies_of(connection, rows, most=SHOWN).get(id, Replies())
        return (Replies(*kept) + live if kept else live).shown()


def read_mailings(connection: Connection, *where: ColumnElement[bool], counted: bool = True) -> list[Mailing]:
    """Mailings, the newest first; with `counted`, how many deliveries are in each state."""
    found = connection.execute(select(*_COLUMNS).where(*where).order_by(mailings.c.id.desc()))
    rows = found.mappings().all()
    if not counted:
        return [Mailing(**row) for row in rows]
    which = [batches.c.mailing.in_(select(mailings.c.id).where(*where))] if where else []
    numbers = counts_by_mailing(connection, *which)
    return [Mailing(**row, counts=numbers.get(row["id"], {})) for row in rows]


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
        name: getattr(new, name)
        for name in ("list", "kind", "head", "due_before", "sender", "subject", "remakes")
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
