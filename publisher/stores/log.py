"""The publication log and the posts it speaks of."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    Row,
    Select,
    bindparam,
    func,
    insert,
    select,
    tuple_,
    update,
)

from publisher.core.errors import Conflict, StoreError
from publisher.core.log import Head, Kind, Known
from publisher.core.plans import Change, Plan
from publisher.core.posts import Post
from publisher.stores.engine import Database, insert_new, slices
from publisher.stores.schema import bodies, log, log_head, posts, revisions
from publisher.stores.values import post_from_json, post_to_json

Rows = list[dict[str, Any]]


class Log:
    """`ports.LogStore`."""

    _db: Database

    def head(self) -> Head:
        """Where the log stands."""
        with self._db.read() as connection:
            return _head(connection)

    def known(self) -> Sequence[Known]:
        """Every post of the log, live or not, in the order of first publication."""
        return self._known(select(posts).order_by(posts.c.first_seq))

    def newest(self, limit: int) -> Sequence[Known]:
        """Live posts, last first by first publication."""
        return self._known(select(posts).where(posts.c.live).order_by(posts.c.first_seq.desc()).limit(limit))

    def fresh(self, after: int, until: int) -> Sequence[Known]:
        """Live posts whose first published row, not backfill, lies in (after, until], in log order."""
        query = select(posts).where(posts.c.live, ~posts.c.backfill)
        query = query.where(posts.c.first_seq > after, posts.c.first_seq <= until)
        return self._known(query.order_by(posts.c.first_seq))

    def versions(self, wanted: Sequence[tuple[str, str]]) -> Sequence[Known]:
        """The posts as they were in those (post id, revision), in that order. Raises StoreError: unknown."""
        key = (revisions.c.post_id, revisions.c.revision)
        then = [c for c in posts.columns if c.name not in ("revision", "value")] + [*key, revisions.c.value]
        query = select(*then).join_from(revisions, posts)
        found: dict[tuple[str, str], Known] = {}
        with self._db.read() as connection:
            for part in slices(wanted):
                rows = connection.execute(query.where(tuple_(*key).in_(part)))
                found.update({(row.id, row.revision): _as_known(row) for row in rows})
        for pair in wanted:
            if pair not in found:
                what = f"revision {pair[1]} of {pair[0]} is gone"
                raise StoreError(str(self._db.path), what, "restore a backup")
        return [found[pair] for pair in wanted]

    def bodies(self, hashes: Iterable[str]) -> Mapping[str, str]:
        """The stored bodies by their hash; unknown hashes are absent."""
        found: dict[str, str] = {}
        with self._db.read() as connection:
            for part in slices(list(hashes)):
                rows = connection.execute(select(bodies).where(bodies.c.hash.in_(part)))
                found.update((row.hash, row.source.decode("utf-8", "surrogatepass")) for row in rows)
        return found

    def apply(self, plan: Plan, bodies: Mapping[str, str], now: datetime) -> Head:
        """Appends the plan's changes. Raises Conflict when the log's head is no longer `plan.head`."""
        with self._db.write() as connection:
            at = _advance(connection, plan, now)
            _keep_bodies(connection, plan.changes, bodies)
            _append(connection, plan, at)
            _touch(connection, plan, now)
            return _head(connection)

    def _known(self, query: Select[Any]) -> Sequence[Known]:
        with self._db.read() as connection:
            return [_as_known(row) for row in connection.execute(query).all()]


def _head(connection: Connection) -> Head:
    row = connection.execute(select(log_head)).one()
    return Head(seq=row.seq, at=row.at, baseline_at=row.baseline_at)


def _advance(connection: Connection, plan: Plan, now: datetime) -> datetime:
    """Moves the head by the number of changes and returns the instant of their rows, which never goes back.

    The UPDATE names the head the plan was made on and locks the row: seq is gapless, in commit order.
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
        what = f"the log stands at {head.seq}, the plan was made at {plan.head}"
        raise Conflict("log", what, "somebody else published first: publish again")
    return at


def _keep_bodies(connection: Connection, changes: Sequence[Change], given: Mapping[str, str]) -> None:
    """Stores the bodies of `changes` under their hash, each once."""
    wanted = dict.fromkeys(change.post.body_hash for change in changes)
    rows = [{"hash": h, "source": given[h].encode("utf-8", "surrogatepass")} for h in wanted if h in given]
    if rows:
        connection.execute(insert_new(bodies), rows)


def _append(connection: Connection, plan: Plan, at: datetime) -> None:
    numbered = list(enumerate(plan.changes, plan.head + 1))
    of = {kind: [(seq, change) for seq, change in numbered if change.kind is kind] for kind in Kind}
    renewed = [_renewal(c, at) for kind in (Kind.UPDATED, Kind.CORRECTED) for _, c in of[kind]]
    restored = [_renewal(c, at) for _, c in of[Kind.RESTORED]]
    _run(connection, insert(posts), [_post_row(change, seq, at) for seq, change in of[Kind.PUBLISHED]])
    _run(connection, _RENEWED, renewed)
    _run(connection, _WITHDRAWN, [{"post": change.id} for _, change in of[Kind.WITHDRAWN]])
    _run(connection, _RESTORED_CHANGED, restored)
    _run(connection, _RESTORED, [{"post": row["post"], "new_value": row["new_value"]} for row in restored])
    told = [_revision_row(change) for change in plan.changes if change.kind is not Kind.WITHDRAWN]
    _run(connection, insert_new(revisions), told)
    _run(connection, insert(log), [_log_row(change, seq, at) for seq, change in numbered])


def _parameter(name: str, like: ColumnElement[Any]) -> BindParameter[Any]:
    return bindparam(name, type_=like.type)


_THIS = posts.c.id == bindparam("post")
_NEW_VALUE = _parameter("new_value", posts.c.value)
_RENEWED = (
    update(posts)
    .where(_THIS)
    .values(
        revision=bindparam("new_revision"),
        value=_NEW_VALUE,
        updated_at=_parameter("changed_at", posts.c.updated_at),
    )
)
_WITHDRAWN = update(posts).where(_THIS).values(live=False)
_RESTORED_CHANGED = _RENEWED.where(posts.c.revision != bindparam("new_revision"))
_RESTORED = (
    update(posts).where(_THIS).values(live=True, value=_NEW_VALUE, missing_since=None, missing_scans=0)
)
_TOUCHED = update(posts).where(_THIS).values(value=_NEW_VALUE)
_SINCE = func.coalesce(posts.c.missing_since, _parameter("scanned_at", posts.c.missing_since))
_RETOLD = (
    update(revisions)
    .where(revisions.c.post_id == bindparam("post"), revisions.c.revision == bindparam("told"))
    .values(value=_parameter("new_value", revisions.c.value))
)
_MISSING = update(posts).where(_THIS).values(missing_scans=posts.c.missing_scans + 1, missing_since=_SINCE)
_FOUND = update(posts).where(_THIS).values(missing_scans=0, missing_since=None)


def _touch(connection: Connection, plan: Plan, now: datetime) -> None:
    """A touched post is the same revision with other metadata: digests to come show it as it is now."""
    touched = [
        {"post": id, "told": post.revision, "new_value": post_to_json(post)} for id, post in plan.touched
    ]
    _run(connection, _TOUCHED, [{"post": row["post"], "new_value": row["new_value"]} for row in touched])
    _run(connection, _RETOLD, touched)
    _run(connection, _MISSING, [{"post": id, "scanned_at": now} for id in plan.missing])
    _run(connection, _FOUND, [{"post": id} for id in plan.found])


def _run(connection: Connection, statement: Any, rows: Rows) -> None:
    if rows:
        connection.execute(statement, rows)


def _post_row(change: Change, seq: int, at: datetime) -> dict[str, Any]:
    return {
        "id": change.id,
        "revision": change.post.revision,
        "value": post_to_json(change.post),
        "live": True,
        "backfill": change.backfill,
        "first_seq": seq,
        "updated_at": _first_updated(change.post, at),
        "missing_scans": 0,
    }


def _renewal(change: Change, at: datetime) -> dict[str, Any]:
    return {
        "post": change.id,
        "new_revision": change.post.revision,
        "new_value": post_to_json(change.post),
        "changed_at": at,
    }


def _log_row(change: Change, seq: int, at: datetime) -> dict[str, Any]:
    return {
        "seq": seq,
        "kind": change.kind,
        "post_id": change.id,
        "at": at,
        "revision": change.post.revision,
        "backfill": change.backfill,
    }


def _revision_row(change: Change) -> dict[str, Any]:
    post = change.post
    return {
        "post_id": change.id,
        "revision": post.revision,
        "value": post_to_json(post),
        "body_hash": post.body_hash,
    }


def _first_updated(post: Post, at: datetime) -> datetime:
    """A new post was last changed when its author says so, never when we built it (invariant 4)."""
    return max(filter(None, (post.instant, post.modified)), default=at)


def _as_known(row: Row[Any]) -> Known:
    post = post_from_json(row.value)
    return Known(
        id=row.id,
        post=post,
        live=row.live,
        first_seq=row.first_seq,
        updated_at=max(row.updated_at, post.instant or row.updated_at),  # RFC 4287: published <= updated
        missing_since=row.missing_since,
        missing_scans=row.missing_scans,
    )
