"""What becomes of posts that the log knows: an UPDATE for each kind of change."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import BindParameter, ColumnElement, Connection, bindparam, case, func, select, update

from publisher.core.posts.post import Post
from publisher.core.publishing.log import LogKind
from publisher.core.publishing.plan import Change, Plan
from publisher.stores.sql.engine.database import insert_new, slices, upsert
from publisher.stores.sql.publishing import term_index
from publisher.stores.sql.publishing.rows import post_from_text, post_to_text
from publisher.stores.sql.schema.tables import addresses, mailing_posts, posts, revisions


def _parameter(name: str, like: ColumnElement[Any]) -> BindParameter[Any]:
    return bindparam(name, type_=like.type)


_THIS = posts.c.id == bindparam("post")
_NEW: dict[str, Any] = {
    "value": _parameter("new_value", posts.c.value),
    "path": bindparam("new_path"),
    "explicit_id": bindparam("new_explicit_id"),
    "settled": False,
}
"""A post's new version; what is remembered of its file no longer holds."""
_RENEWED = (
    update(posts)
    .where(_THIS)
    .values(
        **_NEW,
        revision=bindparam("new_revision"),
        updated_at=_parameter("changed_at", posts.c.updated_at),
    )
)
_WITHDRAWN = update(posts).where(_THIS).values(live=False, settled=False)
_RESTORED = update(posts).where(_THIS).values(**_NEW, live=True, missing_since=None, missing_scans=0)
_DATED = _parameter("dated", posts.c.updated_at)
_TOUCHED = (
    update(posts)
    .where(_THIS)
    .values(
        **_NEW,
        updated_at=case((posts.c.live & (posts.c.updated_at < _DATED), _DATED), else_=posts.c.updated_at),
    )
)
"""`updated` of an entry is never before its date, and does not go back when the date does."""
_SINCE = func.coalesce(posts.c.missing_since, _parameter("scanned_at", posts.c.missing_since))
_SHOWN = (
    update(mailing_posts)
    .where(mailing_posts.c.post_id == bindparam("post"))
    .values(revision=bindparam("new_revision"))
)
"""What was taken back is not shown again: the pages of mailings show a restored post as it came back."""
_RENAMED_REVISION = update(posts).where(_THIS).values(revision=bindparam("new_revision"))
_AS_STORED = select(posts.c.revision).where(_THIS).scalar_subquery()
_IS_LIVE = select(posts.c.live).where(_THIS).scalar_subquery()
_RETOLD = (
    update(revisions)
    .where(revisions.c.post_id == bindparam("post"), revisions.c.revision == _AS_STORED, _IS_LIVE)
    .values(value=_parameter("new_value", revisions.c.value))
)
"""What a post is called and whose it is, as it is now; what is written while it is hidden is nobody's yet."""
_SOURCE = (
    update(posts)
    .where(_THIS)
    .values(file_hash=_parameter("of_bytes", posts.c.file_hash), reader=_parameter("read_by", posts.c.reader))
)
_MISSING = (
    update(posts)
    .where(_THIS)
    .values(missing_scans=posts.c.missing_scans + 1, missing_since=_SINCE, settled=False)
)
_FOUND = update(posts).where(_THIS).values(missing_scans=0, missing_since=None)


def update_posts(connection: Connection, changes: Sequence[Change], at: datetime) -> None:
    """Carries out what is told of posts that were published before, and keeps their new versions."""
    of = {kind: [it for it in changes if it.kind is kind] for kind in LogKind}
    again = [*of[LogKind.UPDATED], *of[LogKind.CORRECTED]]
    restored = of[LogKind.RESTORED]
    instants = term_index.distinct_instants(connection, [at] * (len(again) + len(restored)))
    rows = [_renewal(it, instant) for it, instant in zip([*again, *restored], instants, strict=True)]
    _run(connection, _RENEWED, rows[: len(again)])
    _run(connection, _WITHDRAWN, [{"post": it.id} for it in of[LogKind.WITHDRAWN]])
    shown = _as_shown(connection, [it.id for it in restored])
    edited = [
        row
        for it, row in zip(restored, rows[len(again) :], strict=True)
        if shown.get(it.id) != it.post.revision
    ]
    _run(connection, _RENEWED, edited)
    _run(connection, _RESTORED, [_new_values(it.id, it.post) for it in restored])
    told = [it for it in changes if it.kind not in (LogKind.WITHDRAWN, LogKind.PUBLISHED)]
    _run(connection, insert_new(revisions), [_revision_row(it.id, it.post) for it in told])
    _run(connection, _RETOLD, [{"post": it.id, "new_value": post_to_text(it.post)} for it in restored])
    _run(connection, _SHOWN, [{"post": it.id, "new_revision": it.post.revision} for it in restored])


def touch_posts(connection: Connection, plan: Plan, now: datetime) -> None:
    """A touched post is the same revision with other metadata: digests to come show it as it is now, but not
    what its author makes of it while it is withdrawn. One that is read anew gets a revision of that text, and
    no row in the log.
    """
    touched = [_new_values(id, post) for id, post in plan.touched]
    dates = [min(post.instant or now, now) for _, post in plan.touched]
    _run(connection, _TOUCHED, [{**row, "dated": at} for row, at in zip(touched, dates, strict=True)])
    anew = [(id, post) for id, post in plan.touched if id in frozenset(plan.read_anew)]
    renamed = [{"post": id, "new_revision": post.revision} for id, post in anew]
    _run(connection, insert_new(revisions), [_revision_row(id, post) for id, post in anew])
    _run(connection, _RENAMED_REVISION, renamed)
    shown = _as_shown(connection, [id for id, _ in plan.touched])
    same = [id for id, post in plan.touched if shown.get(id) in (None, post.revision)]
    values = {row["post"]: row["new_value"] for row in touched}
    _run(connection, _RETOLD, [{"post": id, "new_value": values[id]} for id in same])
    _run(connection, _MISSING, [{"post": id, "scanned_at": now} for id in plan.missing])
    _run(connection, _FOUND, [{"post": id} for id in plan.found])


def _as_shown(connection: Connection, ids: Sequence[str]) -> dict[str, str]:
    """By id, of those that are withdrawn: the revision that readers saw last, as this version names it. The
    name it has in the store may be one that an older version gave it.
    """
    found = select(revisions.c.post_id, revisions.c.value).join(posts, posts.c.id == revisions.c.post_id)
    found = found.where(revisions.c.revision == posts.c.revision, ~posts.c.live)
    return {
        id: post_from_text(value).revision
        for part in slices(ids)
        for id, value in connection.execute(found.where(posts.c.id.in_(part)))
    }


def save_sources(connection: Connection, plan: Plan) -> None:
    """Which bytes each known post stands for, and by which version of the reader; a new one was entered with
    them."""
    new = {change.id for change in plan.changes if change.kind is LogKind.PUBLISHED}
    rows = [
        {"post": id, "of_bytes": hash, "read_by": plan.reader} for id, hash in plan.sources if id not in new
    ]
    _run(connection, _SOURCE, rows)


def _run(connection: Connection, statement: Any, rows: Sequence[dict[str, Any]]) -> None:
    if rows:
        connection.execute(statement, rows)


def _renewal(change: Change, at: datetime) -> dict[str, Any]:
    return {
        **_new_values(change.id, change.post),
        "new_revision": change.post.revision,
        "changed_at": at,
    }


def _new_values(id: str, post: Post) -> dict[str, Any]:
    return {
        "post": id,
        "new_value": post_to_text(post),
        "new_path": post.path,
        "new_explicit_id": post.explicit_id,
    }


def _revision_row(id: str, post: Post) -> dict[str, Any]:
    return {
        "post_id": id,
        "revision": post.revision,
        "value": post_to_text(post),
        "body_hash": post.body_hash,
    }


def save_addresses(connection: Connection, plan: Plan) -> None:
    """Readers keep the addresses that pages had. Of two posts that had one, the later is meant."""
    if plan.readdressed:
        rows = [{"path": path, "post_id": id} for path, id in plan.readdressed]
        connection.execute(upsert(addresses), rows)
