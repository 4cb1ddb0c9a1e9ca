"""The publication log, and the posts in it."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Connection,
    Select,
    and_,
    delete,
    func,
    insert,
    literal,
    select,
    tuple_,
    update,
)

from publisher.core.errors import LogConflict, StoreError
from publisher.core.publishing.incremental import PostKeys
from publisher.core.publishing.log import LogHead, LogKind, LogRow, PublishedPost
from publisher.core.publishing.plan import Change, Plan
from publisher.core.times import LastEntry
from publisher.stores.sql.database import Database, insert_columns, insert_new, slices
from publisher.stores.sql.publishing import post_updates, term_index
from publisher.stores.sql.publishing.post_rows import post_to_text, published_post
from publisher.stores.sql.schema.columns import metadata
from publisher.stores.sql.schema.tables import bodies, log, log_head, mailings, posts, revisions


class PostRenames:
    """`ports.LogStore`: renaming posts, the only way in which an id changes."""

    _db: Database

    def rename_posts(self, ids: Mapping[str, str]) -> None:
        # Columns that hold ids of posts, whether or not a foreign key says so.
        references = [table.c.post_id for table in metadata.sorted_tables if "post_id" in table.c]
        with self._db.write() as connection:
            for old, new in ids.items():
                # The copy has a negative `first_seq` until the old one is gone, since that is unique.
                this = posts.c.id == old
                changed: dict[str, Any] = {"id": literal(new), "first_seq": -posts.c.first_seq}
                copied = select(*[changed.get(column.name, column) for column in posts.columns]).where(this)
                connection.execute(insert(posts).from_select(posts.c.keys(), copied))
                for column in references:
                    moved = update(column.table).where(column == old)
                    connection.execute(moved.values({column.name: new}))
                connection.execute(delete(posts).where(this))
                copy = update(posts).where(posts.c.id == new)
                connection.execute(copy.values(first_seq=-posts.c.first_seq))
            term_index.mark_changed(connection, list(ids.values()))


class Log(PostRenames):
    """`ports.LogStore`."""

    _db: Database

    def head(self) -> LogHead:
        with self._db.read() as connection:
            return _head(connection)

    def rows_of_kinds(self, kinds: Collection[LogKind], after: int) -> Sequence[LogRow]:
        found = select(log).where(log.c.seq > after, log.c.kind.in_(kinds)).order_by(log.c.seq)
        with self._db.read() as connection:
            return [
                LogRow(
                    seq=row.seq,
                    kind=row.kind,
                    post_id=row.post_id,
                    at=row.at,
                    revision=row.revision,
                    backfill=row.backfill,
                )
                for row in connection.execute(found)
            ]

    def last_entry(self) -> LastEntry | None:
        last = select(mailings.c.id, mailings.c.created_at).order_by(mailings.c.id.desc()).limit(1)
        with self._db.read() as connection:
            head, mailing = _head(connection), connection.execute(last).one_or_none()
        found = [LastEntry(at=at) for at in (head.at, head.baseline_at) if at is not None]
        found += [LastEntry(at=mailing.created_at, mailing=mailing.id)] if mailing else []
        return max(found, key=lambda entry: entry.at, default=None)

    def all_posts(self) -> Sequence[PublishedPost]:
        return self._posts(select(posts).order_by(posts.c.first_seq))

    def posts_matching(self, keys: PostKeys) -> Sequence[PublishedPost]:
        wanted = (
            (posts.c.path, keys.paths),
            (posts.c.id, keys.ids),
            (posts.c.explicit_id, keys.explicit),
        )
        found: dict[str, PublishedPost] = {}
        with self._db.read() as connection:
            for column, values in wanted:
                for part in slices(list(values)):
                    rows = connection.execute(select(posts).where(column.in_(part)))
                    found.update((row.id, published_post(row)) for row in rows if row.id not in found)
        return sorted(found.values(), key=lambda known: known.first_seq)

    def count_live_posts(self) -> int:
        with self._db.read() as connection:
            return connection.execute(select(func.count()).where(posts.c.live)).scalar_one()

    def newest_posts(self, limit: int, *, before: int | None = None) -> Sequence[PublishedPost]:
        seen = select(posts).where(posts.c.live, posts.c.mail_only.is_not(True))
        if before is not None:
            seen = seen.where(posts.c.first_seq < before)
        return self._posts(seen.order_by(posts.c.first_seq.desc()).limit(limit))

    def pinned_posts(self, limit: int) -> Sequence[PublishedPost]:
        pinned = select(posts).where(posts.c.pinned, posts.c.live, posts.c.mail_only.is_not(True))
        return self._posts(pinned.order_by(posts.c.first_seq.desc()).limit(limit))

    def published_between(
        self, after: int, until: int, *, shown: Collection[str] = ()
    ) -> Sequence[PublishedPost]:
        query = select(posts).where(posts.c.first_seq > after, posts.c.first_seq <= until, ~posts.c.backfill)
        found = [*self._posts(query.where(posts.c.live).order_by(posts.c.first_seq))]
        for part in slices(list(shown)):
            found += self._posts(query.where(~posts.c.live, posts.c.id.in_(part)))
        return sorted(found, key=lambda known: known.first_seq) if shown else found

    def post_versions(self, wanted: Sequence[tuple[str, str]]) -> Sequence[PublishedPost]:
        key = (revisions.c.post_id, revisions.c.revision)
        then = [c for c in posts.columns if c.name not in ("revision", "value")] + [*key, revisions.c.value]
        query = select(*then).join_from(revisions, posts)
        found: dict[tuple[str, str], PublishedPost] = {}
        with self._db.read() as connection:
            for part in slices(wanted):
                rows = connection.execute(query.where(tuple_(*key).in_(part)))
                found.update({(row.id, row.revision): published_post(row) for row in rows})
        for pair in wanted:
            if pair not in found:
                what = f"revision {pair[1]} of {pair[0]} is gone"
                raise StoreError(self._db.name, what, "restore a backup")
        return [found[pair] for pair in wanted]

    def bodies(self, hashes: Iterable[str]) -> Mapping[str, str]:
        found: dict[str, str] = {}
        with self._db.read() as connection:
            for part in slices(list(hashes)):
                rows = connection.execute(select(bodies).where(bodies.c.hash.in_(part)))
                found.update((row.hash, row.source.decode("utf-8", "surrogatepass")) for row in rows)
        return found

    def bodies_near(self, seq: int, spread: int) -> Iterator[tuple[str, str]]:
        of = and_(revisions.c.post_id == posts.c.id, revisions.c.revision == posts.c.revision)
        query = select(posts.c.id, bodies.c.source).join_from(posts, revisions, of).join(bodies)
        query = query.where(posts.c.first_seq.between(seq - spread, seq + spread))
        with self._db.read() as connection:
            for row in connection.execute(query):
                yield row.id, row.source.decode("utf-8", "surrogatepass")

    def apply(self, plan: Plan, bodies: Mapping[str, str], now: datetime) -> LogHead:
        with self._db.write() as connection:
            at = _advance_head(connection, plan, now)
            before = term_index.posts_before(connection, plan)
            _save_bodies(connection, plan, bodies)
            _append(connection, plan, at)
            post_updates.touch_posts(connection, plan, now)
            post_updates.save_sources(connection, plan)
            post_updates.save_addresses(connection, plan)
            term_index.update_index(connection, plan, before, at)
            head = _head(connection)
        self._db.begun()
        return head

    def _posts(self, query: Select[Any]) -> Sequence[PublishedPost]:
        with self._db.read() as connection:
            return [published_post(row) for row in connection.execute(query).all()]


def _head(connection: Connection) -> LogHead:
    row = connection.execute(select(log_head)).one()
    return LogHead(seq=row.seq, at=row.at, baseline_at=row.baseline_at)


def _advance_head(connection: Connection, plan: Plan, now: datetime) -> datetime:
    """Moves the head by the number of changes. Returns the time of the new rows, which is never before the
    last. The UPDATE names the head that the plan was made on, and locks the row, so seq has no gaps and is in
    commit order.
    """
    head = _head(connection)
    at = max(now, head.at or now, head.baseline_at or now)
    moved = {
        "seq": plan.head + len(plan.changes),
        "at": at if plan.changes else head.at,
        "baseline_at": head.baseline_at or (at if plan.baseline else None),
    }
    done = connection.execute(update(log_head).where(log_head.c.seq == plan.head).values(moved))
    if done.rowcount != 1:
        what = f"the log is at {head.seq}, the plan was made at {plan.head}"
        raise LogConflict("log", what, "another process published first; publish again")
    return at


def _save_bodies(connection: Connection, plan: Plan, given: Mapping[str, str]) -> None:
    wanted = dict.fromkeys(change.post.body_hash for change in plan.changes) if given else {}
    rows = [{"hash": h, "source": given[h].encode("utf-8", "surrogatepass")} for h in wanted if h in given]
    if rows:
        connection.execute(insert_new(bodies), rows)


def _append(connection: Connection, plan: Plan, at: datetime) -> None:
    numbered = list(enumerate(plan.changes, plan.head + 1))
    new = [(seq, change) for seq, change in numbered if change.kind is LogKind.PUBLISHED]
    names = [change.post.revision for change in plan.changes]
    for part in slices(new):
        _insert_posts(connection, part, [names[seq - plan.head - 1] for seq, _ in part], at, plan)
    post_updates.update_posts(connection, plan.changes, at)
    for part, of_part in zip(slices(numbered), slices(names), strict=True):
        columns: dict[str, Sequence[Any]] = {
            "seq": [seq for seq, _ in part],
            "kind": [change.kind for _, change in part],
            "post_id": [change.id for _, change in part],
            "at": [at] * len(part),
            "revision": of_part,
            "backfill": [change.backfill for _, change in part],
        }
        insert_columns(connection, insert(log), columns)


def _insert_posts(
    connection: Connection, part: Sequence[tuple[int, Change]], names: Sequence[str], at: datetime, plan: Plan
) -> None:
    sources = dict(plan.sources)
    changes = [change for _, change in part]
    texts = [post_to_text(change.post) for change in changes]
    ids = [change.id for change in changes]
    instants = term_index.distinct_instants(connection, [_first_updated_at(change, at) for change in changes])
    numbers = [seq for seq, _ in part]
    rows: dict[str, Sequence[Any]] = {
        "id": ids,
        "revision": names,
        "value": texts,
        "path": [change.post.path for change in changes],
        "explicit_id": [change.post.explicit_id for change in changes],
        "settled": [False] * len(part),
        "live": [True] * len(part),
        "backfill": [change.backfill for change in changes],
        "first_seq": numbers,
        "changed_seq": numbers,
        "updated_at": instants,
        "missing_scans": [0] * len(part),
        "mail_only": [change.post.options.mail_only or None for change in changes],
        "pinned": [change.post.options.pinned or None for change in changes],
        "file_hash": [sources.get(id) for id in ids],
        "reader": [plan.reader if id in sources else None for id in ids],
    }
    insert_columns(connection, insert(posts), rows)
    bodies_of = [change.post.body_hash for change in changes]
    versions = {"post_id": ids, "revision": names, "value": texts, "body_hash": bodies_of}
    insert_columns(connection, insert_new(revisions), versions)


def _first_updated_at(change: Change, at: datetime) -> datetime:
    """When a new post was last changed. For news it is `at`, when the post was published: otherwise a client
    that asks for what changed since its last visit would miss a post published later than its date. For
    backfill it is what the author or the adopted feed says, but never in the future.
    """
    if not change.backfill:
        return at
    post = change.post
    return min(max(filter(None, (post.instant, post.modified, change.updated)), default=at), at)
