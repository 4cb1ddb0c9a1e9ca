"""The index of posts by term, which feeds are made from. It is updated in the transaction that appends to the
log.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, delete, insert, select, update
from sqlalchemy.dialects.sqlite import insert as upserting

from publisher.core.posts.filters import TermKind, terms_of
from publisher.core.posts.post import Post
from publisher.core.publishing.log import LogKind
from publisher.core.publishing.plan import Plan
from publisher.stores.sql.database import insert_columns, insert_new, slices
from publisher.stores.sql.publishing.post_rows import post_from_text
from publisher.stores.sql.schema.feed_tables import CONTENT, post_terms, retagged, terms
from publisher.stores.sql.schema.tables import counters, posts

MILLISECOND = timedelta(milliseconds=1)

INDEX_CHUNK = 10_000
"""Rows of the index that are collected before they are written."""

Rows = list[dict[str, Any]]
Labels = dict[tuple[TermKind, str], str]
"""Term -> the value as it was first written."""
PostsByTerm = dict[tuple[TermKind, str], list[int]]
"""Term -> the `first_seq` of the posts that have it."""


@dataclass(slots=True)
class LoggedPost:
    """A post in the log, whether readers have it, and the hash of its file."""

    first_seq: int
    post: Post
    live: bool
    file_hash: str | None = None

    @property
    def in_feeds(self) -> bool:
        return self.live and not self.post.options.mail_only


def posts_before(connection: Connection, plan: Plan) -> dict[str, LoggedPost]:
    """The known posts that `plan` changes, as they are before it. Fills `post_terms` first if an older
    version made the store without it.
    """
    content_version(connection)
    ids = [c.id for c in plan.changes if c.kind is not LogKind.PUBLISHED] + [id for id, _ in plan.touched]
    found: dict[str, LoggedPost] = {}
    for part in slices(list(dict.fromkeys(ids))):
        rows = connection.execute(select(posts).where(posts.c.id.in_(part)))
        found.update(
            (row.id, LoggedPost(row.first_seq, post_from_text(row.value), row.live, row.file_hash))
            for row in rows
        )
    return found


def posts_after(plan: Plan, before: Mapping[str, LoggedPost]) -> dict[str, LoggedPost]:
    """The posts of `posts_before` and new ones, as they are after `plan`."""
    now = {id: LoggedPost(it.first_seq, it.post, it.live) for id, it in before.items()}
    for seq, change in enumerate(plan.changes, plan.head + 1):
        if change.kind is LogKind.PUBLISHED:
            now[change.id] = LoggedPost(seq, change.post, live=True)
        else:
            it = now[change.id]
            it.post = change.post
            it.live = change.kind is not LogKind.WITHDRAWN
    for id, post in plan.touched:
        now[id].post = post
    return now


def update_index(connection: Connection, plan: Plan, before: dict[str, LoggedPost], at: datetime) -> None:
    """Updates the index, the versions and `posts.changed_seq` for a plan that was just appended, at `at`."""
    if not plan.changes and not plan.touched:
        return
    labels: Labels = {}
    gone = _posts_by_term(((it.first_seq, it.post) for it in before.values() if it.in_feeds), labels)
    _run(
        connection,
        _DELETE_TERM,
        [{"k": k, "v": v, "seq": seq} for (k, v), found in gone.items() for seq in found],
    )
    after = posts_after(plan, before)
    live = ((it.first_seq, it.post) for it in after.values() if it.in_feeds)
    _insert_terms(connection, _posts_by_term(live, labels))
    _run(connection, insert(retagged), [*_retagged_rows(plan, before, after, at)])
    _set_version(connection, labels, _next_version(connection))
    numbered = enumerate(plan.changes, plan.head + 1)
    changed = [{"post": c.id, "seq": seq} for seq, c in numbered if c.kind is not LogKind.PUBLISHED]
    _run(connection, _SET_CHANGED_SEQ, changed)


def mark_changed(connection: Connection, ids: Sequence[str]) -> None:
    """Marks the feeds of these posts as changed, because the posts have new ids."""
    labels: Labels = {}
    content_version(connection)
    for part in slices(ids):
        rows = connection.execute(select(posts).where(posts.c.id.in_(part)))
        _posts_by_term(((row.first_seq, post_from_text(row.value)) for row in rows), labels)
    _set_version(connection, labels, _next_version(connection))


def content_version(connection: Connection) -> int:
    """The content counter. If there is none yet, every live post is indexed first."""
    found = connection.execute(select(counters.c.last).where(counters.c.name == CONTENT)).scalar()
    if found is not None:
        return int(found)
    labels: Labels = {}
    known = connection.execute(
        select(posts.c.first_seq, posts.c.value).where(posts.c.live, posts.c.mail_only.is_not(True))
    )
    _insert_terms(
        connection, _posts_by_term(((row.first_seq, post_from_text(row.value)) for row in known), labels)
    )
    _set_version(connection, labels, 0)
    connection.execute(insert(counters).values(name=CONTENT, last=0))
    return 0


def distinct_instants(connection: Connection, wanted: Sequence[datetime]) -> list[datetime]:
    """The times of `wanted`, in order, each moved forward by milliseconds until neither a post nor a time
    before it is the same: feed validators warn of entries with equal `updated`.
    """
    if not wanted:
        return []
    column = posts.c.updated_at
    within = column.between(min(wanted), max(wanted) + timedelta(seconds=len(wanted)))
    taken = set(connection.execute(select(column).where(within)).scalars())
    result: list[datetime] = []
    after: dict[datetime, datetime] = {}  # where to continue: thousands may want one instant
    for instant in wanted:
        start = instant.replace(microsecond=instant.microsecond // 1000 * 1000)
        free = after.get(start, start)
        while free in taken:
            free += MILLISECOND
        taken.add(free)
        after[start] = free + MILLISECOND
        result.append(free)
    return result


_DELETE_TERM = delete(post_terms).where(
    post_terms.c.kind == bindparam("k", type_=post_terms.c.kind.type),
    post_terms.c.key == bindparam("v"),
    post_terms.c.first_seq == bindparam("seq"),
)
_SET_CHANGED_SEQ = update(posts).where(posts.c.id == bindparam("post")).values(changed_seq=bindparam("seq"))


def _retagged_rows(
    plan: Plan, before: Mapping[str, LoggedPost], after: Mapping[str, LoggedPost], at: datetime
) -> Iterator[dict[str, Any]]:
    """Rows of live posts whose terms were edited. If another version of Publisher, or other settings, read
    the same bytes differently, that is no edit.
    """
    read = dict(plan.sources)
    for id, it in before.items():
        if not it.live or not after[id].live or it.file_hash is None or read.get(id) in (None, it.file_hash):
            continue
        was, now = (
            sorted({(k, v) for k, v, _ in terms_of(state.post)} if state.in_feeds else ())
            for state in (it, after[id])
        )
        if was != now:
            yield {"at": at, "before": was, "after": now}


def _posts_by_term(found: Iterable[tuple[int, Post]], labels: Labels) -> PostsByTerm:
    """Which posts have each term; adds to `labels` the terms that it lacks."""
    bearers: PostsByTerm = {}
    for first_seq, post in found:
        for kind, key, label in terms_of(post):
            if (of := bearers.get((kind, key))) is None:
                of = bearers[kind, key] = []
                labels.setdefault((kind, key), label)
            of.append(first_seq)
    return bearers


def _insert_terms(connection: Connection, bearers: PostsByTerm) -> None:
    """Inserts terms in the order of the table's key, which takes half the time."""
    statement = insert_new(post_terms)
    kinds: list[TermKind] = []
    keys: list[str] = []
    numbers: list[int] = []
    for kind, key in sorted(bearers):
        found = sorted(bearers[kind, key])
        kinds += [kind] * len(found)
        keys += [key] * len(found)
        numbers += found
        if len(numbers) > INDEX_CHUNK:
            insert_columns(connection, statement, {"kind": kinds, "key": keys, "first_seq": numbers})
            kinds, keys, numbers = [], [], []
    insert_columns(connection, statement, {"kind": kinds, "key": keys, "first_seq": numbers})


def _next_version(connection: Connection) -> int:
    new = content_version(connection) + 1
    connection.execute(update(counters).where(counters.c.name == CONTENT).values(last=new))
    return new


def _set_version(connection: Connection, labels: Labels, new: int) -> None:
    """Gives these terms a new version; a label stays as it was first written."""
    statement = upserting(terms)
    statement = statement.on_conflict_do_update(
        index_elements=["kind", "key"], set_={"version": statement.excluded.version}
    )
    _run(
        connection,
        statement,
        [{"kind": kind, "key": key, "label": label, "version": new} for (kind, key), label in labels.items()],
    )


def _run(connection: Connection, statement: Any, rows: Rows) -> None:
    if rows:
        connection.execute(statement, rows)
