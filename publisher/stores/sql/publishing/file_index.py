"""The index of files that were read, so that they need not be read again. A settled file
(core.publishing.incremental) has no value here, because its post is in the log under its path; for other
files, what was read is kept. A row is written only when the plan it was part of is applied. Files whose rows
are lost in a crash are read again.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import BindParameter, Connection, bindparam, delete, func, select, update

from publisher.core.posts.post import FileStat, Post
from publisher.core.publishing.incremental import IndexUpdate
from publisher.core.publishing.log import PublishedPost
from publisher.stores.sql.database import Database, insert_columns, insert_many, insert_new, slices, upsert
from publisher.stores.sql.publishing.post_rows import post_from_text, post_to_text, published_post
from publisher.stores.sql.schema.columns import milliseconds
from publisher.stores.sql.schema.tables import FILES, LATEST, counters, files, posts
from publisher.stores.sql.schema.tables import bodies as body_table

IndexedFile = tuple[FileStat, str, Post, bool]
"""(file, hash of its bytes, post, whether it is settled)"""

_PATH: BindParameter[Any] = bindparam("of")
_UPDATE_STAT = (
    update(files).where(files.c.path == _PATH).values(size=bindparam("to"), mtime_ns=bindparam("at"))
)
_UPDATE_SETTLED = (
    update(files)
    .where(files.c.path == _PATH)
    .values(
        value=bindparam("new", type_=files.c.value.type),
        not_before=bindparam("early", type_=files.c.not_before.type),
    )
)


class FileIndex:
    """`ports.FileStore`."""

    _db: Database

    def index_version(self) -> int:
        with self._db.read() as connection:
            return _counter(connection, FILES) or 0

    def indexed_files(self) -> dict[str, dict[str, FileStat]]:
        found: dict[str, dict[str, FileStat]] = {}
        with self._db.read() as connection:
            for rules in connection.execute(select(files.c.rules).distinct()).scalars():
                query = select(files.c.path, files.c.size, files.c.mtime_ns).where(files.c.rules == rules)
                rows = connection.execute(query)
                found[rules] = {row[0]: FileStat._make(row) for row in rows}  # there may be 100,000
        return found

    def file_hashes(self, paths: Sequence[str], rules: str) -> Mapping[str, str]:
        query = select(files.c.path, files.c.hash).where(files.c.rules == rules)
        found: dict[str, str] = {}
        with self._db.read() as connection:
            for part in slices(paths):
                rows = connection.execute(query.where(files.c.path.in_(part)))
                found.update((row.path, row.hash) for row in rows)
        return found

    def unpublished_files(self, paths: Sequence[str]) -> Mapping[str, tuple[str, Post]]:
        query = select(files.c.path, files.c.hash, files.c.value).where(files.c.value.is_not(None))
        found: dict[str, tuple[str, Post]] = {}
        with self._db.read() as connection:
            for part in slices(paths):
                rows = connection.execute(query.where(files.c.path.in_(part)))
                found.update((row.path, (row.hash, post_from_text(row.value))) for row in rows)
        return found

    def posts_to_plan(
        self, now: datetime
    ) -> tuple[Sequence[tuple[Post, bool, str]], Sequence[PublishedPost]]:
        loose = select(files.c.value, files.c.hash).where(files.c.value.is_not(None))
        early = select(posts.c.value, files.c.hash).join_from(files, posts, posts.c.path == files.c.path)
        early = early.where(files.c.value.is_(None), files.c.not_before >= now)
        with self._db.read() as connection:
            found = [(post_from_text(row.value), False, row.hash) for row in connection.execute(loose)]
            if _latest(connection) >= milliseconds(now):  # the clock was set back: look at every row
                found += [(post_from_text(row.value), True, row.hash) for row in connection.execute(early)]
            known = connection.execute(select(posts).where(~posts.c.settled)).all()
        return found, [published_post(row) for row in known]

    def save_bodies(self, bodies: Mapping[str, str]) -> None:
        with self._db.write() as connection:
            rows = [
                {"hash": name, "source": body.encode("utf-8", "surrogatepass")}
                for name, body in sorted(bodies.items())
            ]
            insert_many(connection, insert_new(body_table), rows)

    def update_index(self, changes: IndexUpdate) -> int:
        with self._db.write() as connection:
            latest = _latest(connection)
            for paths in slices(changes.gone):
                connection.execute(delete(files).where(files.c.path.in_(paths)))
            for read in slices(changes.read):
                insert_columns(connection, upsert(files), _file_columns(changes.rules, read))
            if changes.touched:
                rows = [{"of": it.path, "to": it.size, "at": it.mtime_ns} for it in changes.touched]
                connection.execute(_UPDATE_STAT, rows)
            if changes.turned:
                rows = [
                    {
                        "of": post.path,
                        "new": None if settled else post_to_text(post),
                        "early": _not_before(post, settled),
                    }
                    for post, settled in changes.turned
                ]
                connection.execute(_UPDATE_SETTLED, rows)
            if changes.unsettled is not None:
                connection.execute(update(posts).where(~posts.c.settled).values(settled=True))
                for ids in slices(sorted(changes.unsettled)):
                    connection.execute(update(posts).where(posts.c.id.in_(ids)).values(settled=False))
            new = [_not_before(post, settled) for _, _, post, settled in changes.read]
            new += [_not_before(*turned) for turned in changes.turned]
            last = max((at for at in new if at is not None), default=None)
            _set_counter(connection, LATEST, latest if last is None else max(latest, milliseconds(last)))
            count = (_counter(connection, FILES) or 0) + 1
            _set_counter(connection, FILES, count)
            return count


def _latest(connection: Connection) -> int:
    """The latest date of any settled file, in milliseconds since 1970; -1 if none has a date."""
    known = _counter(connection, LATEST)
    if known is not None:
        return known
    latest = connection.execute(select(func.max(files.c.not_before))).scalar()  # of a store made before
    return -1 if latest is None else milliseconds(latest)


def _counter(connection: Connection, name: str) -> int | None:
    return connection.execute(select(counters.c.last).where(counters.c.name == name)).scalar()


def _set_counter(connection: Connection, name: str, last: int) -> None:
    connection.execute(upsert(counters), {"name": name, "last": last})


def _file_columns(rules: str, read: Sequence[IndexedFile]) -> dict[str, Sequence[Any]]:
    stats, hashes, posts, settled = zip(*read, strict=True)
    of = tuple(zip(posts, settled, strict=True))
    return {
        "path": [stat.path for stat in stats],
        "size": [stat.size for stat in stats],
        "mtime_ns": [stat.mtime_ns for stat in stats],
        "hash": hashes,
        "rules": [rules] * len(read),
        "not_before": [_not_before(post, is_settled) for post, is_settled in of],
        "value": [None if is_settled else post_to_text(post) for post, is_settled in of],
    }


def _not_before(post: Post, settled: bool) -> datetime | None:
    return post.due if settled and post.hidden is None else None
