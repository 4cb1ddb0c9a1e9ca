"""Changes to posts that are in the log already: one UPDATE for each kind of change."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import BindParameter, ColumnElement, Connection, bindparam, case, func, select, update

from publisher.core.posts.post import Post
from publisher.core.publishing.log import LogKind
from publisher.core.publishing.plan import Change, Plan
from publisher.stores.sql.database import insert_new, slices, upsert
from publisher.stores.sql.publishing import term_index
from publisher.stores.sql.publishing.post_rows import post_from_text, post_to_text
from publisher.stores.sql.schema.tables import addresses, mailing_posts, posts, revisions


def _parameter(name: str, like: ColumnElement[Any]) -> BindParameter[Any]:
    return bindparam(name, type_=like.type)


_THIS = posts.c.id == bindparam("post")
_NEW: dict[str, Any] = {
    "value": _parameter("new_value", posts.c.value),
    "path": bindparam("new_path"),
    "explicit_id": bindparam("new_explicit_id"),
    "mail_only": bindparam("new_mail_only"),
    "pinned": bindparam("new_pinned"),
    "settled": False,
}
"""A post's new version; what the index says of its file no longer holds."""
_UPDATE = (
    update(posts)
    .where(_THIS)
    .values(
        **_NEW,
        revision=bindparam("new_revision"),
        updated_at=_parameter("changed_at", posts.c.updated_at),
    )
)
_WITHDRAW = update(posts).where(_THIS).values(live=False, settled=False)
_RESTORE = update(posts).where(_THIS).values(**_NEW, live=True, missing_since=None, missing_scans=0)
_DATED = _parameter("dated", posts.c.updated_at)
_TOUCH = (
    update(posts)
    .where(_THIS)
    .values(
        **_NEW,
        updated_at=case((posts.c.live & (posts.c.updated_at < _DATED), _DATED), else_=posts.c.updated_at),
    )
)
"""The `updated` of an entry is never before its date, and does not go back when the date does."""
_SINCE = func.coalesce(posts.c.missing_since, _parameter("scanned_at", posts.c.missing_since))
_SHOW_IN_MAILINGS = (
    update(mailing_posts)
    .where(mailing_posts.c.post_id == bindparam("post"))
    .values(revision=bindparam("new_revision"))
)
"""What was withdrawn is not shown again: pages of mailings show a restored post as it is now."""
_RENAME_REVISION = update(posts).where(_THIS).values(revision=bindparam("new_revision"))
_AS_STORED = select(posts.c.revision).where(_THIS).scalar_subquery()
_IS_LIVE = select(posts.c.live).where(_THIS).scalar_subquery()
_UPDATE_REVISION_VALUE = (
    update(revisions)
    .where(revisions.c.post_id == bindparam("post"), revisions.c.revision == _AS_STORED, _IS_LIVE)
    .values(value=_parameter("new_value", revisions.c.value))
)
"""Title, authors and the like as they are now, unless the post is hidden: then nobody may see them yet."""
_SET_SOURCE = (
    update(posts)
    .where(_THIS)
    .values(file_hash=_parameter("of_bytes", posts.c.file_hash), reader=_parameter("read_by", posts.c.reader))
)
_SET_MISSING = (
    update(posts)
    .where(_THIS)
    .values(missing_scans=posts.c.missing_scans + 1, missing_since=_SINCE, settled=False)
)
_SET_FOUND = update(posts).where(_THIS).values(missing_scans=0, missing_since=None)


def update_posts(connection: Connection, changes: Sequence[Change], at: datetime) -> None:
    """Applies changes to posts that were published before, and stores their new revisions."""
    of = {kind: [it for it in changes if it.kind is kind] for kind in LogKind}
    again = [*of[LogKind.UPDATED], *of[LogKind.CORRECTED]]
    restored = of[LogKind.RESTORED]
    instants = term_index.distinct_instants(connection, [at] * (len(again) + len(restored)))
    rows = [
        {**_new_values(it.id, it.post), "new_revision": it.post.revision, "changed_at": instant}
        for it, instant in zip([*again, *restored], instants, strict=True)
    ]
    _run(connection, _UPDATE, rows[: len(again)])
    _run(connection, _WITHDRAW, [{"post": it.id} for it in of[LogKind.WITHDRAWN]])
    shown = _as_shown(connection, [it.id for it in restored])
    edited = [
        row
        for it, row in zip(restored, rows[len(again) :], strict=True)
        if shown.get(it.id) != it.post.revision
    ]
    _run(connection, _UPDATE, edited)
    _run(connection, _RESTORE, [_new_values(it.id, it.post) for it in restored])
    revised = [it for it in changes if it.kind not in (LogKind.WITHDRAWN, LogKind.PUBLISHED)]
    _run(connection, insert_new(revisions), [_revision_row(it.id, it.post) for it in revised])
    _run(
        connection,
        _UPDATE_REVISION_VALUE,
        [{"post": it.id, "new_value": post_to_text(it.post)} for it in restored],
    )
    _run(
        connection, _SHOW_IN_MAILINGS, [{"post": it.id, "new_revision": it.post.revision} for it in restored]
    )


def touch_posts(connection: Connection, plan: Plan, now: datetime) -> None:
    """Applies changes of metadata that make no new revision, and so no log row. Later digests show the post
    as it is now, but not changes made while it is withdrawn. A post that this version reads differently gets
    a revision of its text as it is read now.
    """
    touched = [_new_values(id, post) for id, post in plan.touched]
    dates = [min(post.instant or now, now) for _, post in plan.touched]
    _run(connection, _TOUCH, [{**row, "dated": at} for row, at in zip(touched, dates, strict=True)])
    anew = [(id, post) for id, post in plan.touched if id in frozenset(plan.read_anew)]
    renamed = [{"post": id, "new_revision": post.revision} for id, post in anew]
    _run(connection, insert_new(revisions), [_revision_row(id, post) for id, post in anew])
    _run(connection, _RENAME_REVISION, renamed)
    shown = _as_shown(connection, [id for id, _ in plan.touched])
    same = [id for id, post in plan.touched if shown.get(id) in (None, post.revision)]
    values = {row["post"]: row["new_value"] for row in touched}
    _run(connection, _UPDATE_REVISION_VALUE, [{"post": id, "new_value": values[id]} for id in same])
    _run(connection, _SET_MISSING, [{"post": id, "scanned_at": now} for id in plan.missing])
    _run(connection, _SET_FOUND, [{"post": id} for id in plan.found])


def _as_shown(connection: Connection, ids: Sequence[str]) -> dict[str, str]:
    """Id of a withdrawn post -> the hash of the revision that readers saw last, computed by this version. The
    store may have the hash of an older version.
    """
    found = select(revisions.c.post_id, revisions.c.value).join(posts, posts.c.id == revisions.c.post_id)
    found = found.where(revisions.c.revision == posts.c.revision, ~posts.c.live)
    return {
        id: post_from_text(value).revision
        for part in slices(ids)
        for id, value in connection.execute(found.where(posts.c.id.in_(part)))
    }


def save_sources(connection: Connection, plan: Plan) -> None:
    """Saves which bytes known posts were read from, and by which version of the reader. New posts were
    inserted with theirs.
    """
    new = {change.id for change in plan.changes if change.kind is LogKind.PUBLISHED}
    rows = [
        {"post": id, "of_bytes": hash, "read_by": plan.reader} for id, hash in plan.sources if id not in new
    ]
    _run(connection, _SET_SOURCE, rows)


def _run(connection: Connection, statement: Any, rows: Sequence[dict[str, Any]]) -> None:
    if rows:
        connection.execute(statement, rows)


def _new_values(id: str, post: Post) -> dict[str, Any]:
    return {
        "post": id,
        "new_value": post_to_text(post),
        "new_path": post.path,
        "new_explicit_id": post.explicit_id,
        "new_mail_only": post.options.mail_only or None,
        "new_pinned": post.options.pinned or None,
    }


def _revision_row(id: str, post: Post) -> dict[str, Any]:
    return {
        "post_id": id,
        "revision": post.revision,
        "value": post_to_text(post),
        "body_hash": post.body_hash,
    }


def save_addresses(connection: Connection, plan: Plan) -> None:
    """Saves the former addresses of pages, so that they redirect. If two posts had the same one, it leads to
    the later.
    """
    if plan.readdressed:
        rows = [{"path": path, "post_id": id} for path, id in plan.readdressed]
        connection.execute(upsert(addresses), rows)
