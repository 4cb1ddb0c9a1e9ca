"""Documents under public/, problems, redirects, and WebSub pings: what must outlive a publish."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update
from sqlalchemy.dialects import sqlite

from publisher.core.feeds.documents import Document, FeedVersion, Ping
from publisher.core.feeds.redirects import Redirect, RedirectKind
from publisher.stores.sql.database import Database, insert_new, slices, upsert
from publisher.stores.sql.schema.feed_tables import documents, pings
from publisher.stores.sql.schema.feed_tables import pings as queue
from publisher.stores.sql.schema.feed_tables import versions as held
from publisher.stores.sql.schema.tables import addresses, counters, meta, moves, problems, redirects

VERSIONS = 50
"""Versions of a feed document that are kept. A client with an older one is sent the whole feed."""

DOCUMENTS_WRITTEN = "documents_written"
"""The counter of documents that were written under public/."""

FAILURES = "failures:"
"""How the counters begin of problems that came up, by their area."""


class DocumentRecords:
    """`ports.DocumentStore`."""

    _db: Database

    def documents(self) -> Mapping[str, Document]:
        with self._db.read() as connection:
            rows = connection.execute(select(documents).order_by(documents.c.path))
            return {row["path"]: Document(**row) for row in rows.mappings()}

    def save_documents(
        self,
        written: Sequence[Document],
        gone: Sequence[str],
        pings: Sequence[Ping] = (),
        versions: Sequence[FeedVersion] = (),
    ) -> None:
        with self._db.write() as connection:
            for paths in slices(gone):
                connection.execute(delete(documents).where(documents.c.path.in_(paths)))
                connection.execute(delete(held).where(held.c.path.in_(paths)))
            if written:
                columns = documents.columns.keys()
                rows = [{name: getattr(document, name) for name in columns} for document in written]
                connection.execute(upsert(documents), rows)
                count_up(connection, DOCUMENTS_WRITTEN, len(rows))
            if pings:
                rows = [{name: getattr(ping, name) for name in Ping.__slots__} for ping in pings]
                connection.execute(upsert(queue), [row | {"placed": False} for row in rows])
            if versions:
                rows = [
                    {name: getattr(version, name) for name in FeedVersion.__slots__} for version in versions
                ]
                rows = [row | {"marks": list(row["marks"])} for row in rows]
                connection.execute(upsert(held), rows)
                for path in {version.path for version in versions}:
                    kept = select(held.c.hash).where(held.c.path == path).order_by(held.c.modified.desc())
                    old = held.c.hash.not_in(kept.limit(VERSIONS))
                    connection.execute(delete(held).where(held.c.path == path, old))

    def feed_versions(self, path: str) -> Mapping[str, tuple[str, ...]]:
        query = select(held.c.hash, held.c.marks).where(held.c.path == path).order_by(held.c.modified.desc())
        with self._db.read() as connection:
            return {row.hash: tuple(row.marks) for row in connection.execute(query)}

    def set_problems(self, area: str, problems_now: Sequence[str], now: datetime) -> None:
        ours, wanted = problems.c.area == area, list(dict.fromkeys(problems_now))
        query = select(problems.c.text, problems.c.since).where(ours).order_by(problems.c.position)
        with self._db.read() as connection:
            since = {row.text: row.since for row in connection.execute(query)}
        if list(since) == wanted:
            return
        with self._db.write() as connection:
            connection.execute(delete(problems).where(ours))
            rows = [
                {"area": area, "position": n, "text": text, "since": since.get(text, now)}
                for n, text in enumerate(wanted)
            ]
            if rows:
                connection.execute(insert(problems), rows)
            if new := sum(text not in since for text in wanted):
                count_up(connection, FAILURES + area, new)

    def problems(self) -> Sequence[tuple[str, datetime, str]]:
        order = (problems.c.since, problems.c.area, problems.c.position)
        with self._db.read() as connection:
            rows = connection.execute(select(problems).order_by(*order)).all()
        return [(row.area, row.since, row.text) for row in rows]


class PublishStateRecords:
    """`ports.PublishStateStore`."""

    _db: Database

    def meta(self, name: str) -> str:
        with self._db.read() as connection:
            query = select(meta.c.value).where(meta.c.name == name)
            return connection.execute(query).scalar() or ""

    def set_meta(self, name: str, value: str) -> None:
        with self._db.write() as connection:
            connection.execute(upsert(meta), [{"name": name, "value": value}])

    def all_redirects(self) -> Sequence[Redirect]:
        with self._db.read() as connection:
            found = [_move(row) for row in connection.execute(select(moves))]
            found += [_redirect(row) for row in connection.execute(select(redirects))]
        return sorted(found, key=lambda move: move.path)

    def redirect_for(self, path: str) -> Redirect | None:
        with self._db.read() as connection:
            row = connection.execute(select(moves).where(moves.c.path == path)).first()
            if row is not None:
                return _move(row)
            row = connection.execute(select(redirects).where(redirects.c.path == path)).first()
        return None if row is None else _redirect(row)

    def former_addresses(self) -> Mapping[str, str]:
        with self._db.read() as connection:
            return {row.path: row.post_id for row in connection.execute(select(addresses))}

    def add_former_addresses(self, found: Mapping[str, str]) -> None:
        rows = [{"path": path, "post_id": id} for path, id in found.items()]
        if rows:
            with self._db.write() as connection:
                connection.execute(insert_new(addresses), rows)

    def post_redirects(self) -> Mapping[str, str]:
        with self._db.read() as connection:
            return {row.path: row.target for row in connection.execute(select(redirects))}

    def set_post_redirects(self, wanted: Mapping[str, str], now: datetime) -> None:
        before = self.post_redirects()
        new = [path for path, target in wanted.items() if before.get(path) != target]
        gone = before.keys() - wanted.keys()
        if not new and not gone:
            return
        with self._db.write() as connection:
            for paths in slices(sorted(gone)):
                connection.execute(delete(redirects).where(redirects.c.path.in_(paths)))
            if new:
                rows = [{"path": path, "target": wanted[path], "at": now} for path in new]
                connection.execute(upsert(redirects), rows)

    def save_redirects(self, new: Sequence[Redirect], gone: Sequence[str] = ()) -> None:
        with self._db.write() as connection:
            for paths in slices(gone):
                connection.execute(delete(moves).where(moves.c.path.in_(paths)))
            if new:
                rows = [{"path": m.path, "fate": m.kind, "target": m.target, "at": m.at} for m in new]
                connection.execute(upsert(moves), rows)

    def set_withdrawn_addresses(self, paths: Iterable[str], now: datetime) -> None:
        wanted = set(paths)
        with self._db.read() as connection:
            rows = connection.execute(select(moves.c.path, moves.c.fate)).all()
        before = {row.path for row in rows if row.fate is RedirectKind.WITHDRAWN}
        new = wanted - {row.path for row in rows}
        if new or before - wanted:
            rows_new = [Redirect(path=path, kind=RedirectKind.WITHDRAWN, at=now) for path in sorted(new)]
            self.save_redirects(rows_new, sorted(before - wanted))

    def pings(self) -> Sequence[Ping]:
        with self._db.read() as connection:
            rows = connection.execute(select(pings).order_by(pings.c.hub, pings.c.topic)).all()
        return [_ping(row) for row in rows]

    def release_pings(self) -> None:
        with self._db.read() as connection:
            if connection.execute(select(pings.c.hub).where(~pings.c.placed)).first() is None:
                return
        with self._db.write() as connection:
            connection.execute(update(pings).where(~pings.c.placed).values(placed=True))

    def claim_pings(self, now: datetime, until: datetime) -> Sequence[Ping]:
        due = (pings.c.placed, pings.c.next_at <= now)
        with self._db.read() as connection:
            if connection.execute(select(pings.c.hub).where(*due)).first() is None:
                return []
        with self._db.write() as connection:
            rows = connection.execute(select(pings).where(*due).order_by(pings.c.hub, pings.c.topic)).all()
            connection.execute(update(pings).where(*due).values(next_at=until))
        return [_ping(row) for row in rows]

    def complete_ping(self, ping: Ping) -> None:
        ours = (pings.c.hub == ping.hub, pings.c.topic == ping.topic, pings.c.version == ping.version)
        with self._db.write() as connection:
            connection.execute(delete(pings).where(*ours))

    def defer_ping(self, ping: Ping) -> None:
        ours = (pings.c.hub == ping.hub, pings.c.topic == ping.topic, pings.c.version == ping.version)
        changed = {"attempts": ping.attempts, "next_at": ping.next_at, "reply": ping.reply}
        with self._db.write() as connection:
            connection.execute(update(pings).where(*ours).values(**changed))


def count_up(connection: Connection, name: str, by: int) -> None:
    """Adds to a counter, which starts at 0. A name longer than its column is truncated."""
    new = sqlite.insert(counters).values(name=name[:32], last=by)
    more = {"last": counters.c.last + new.excluded.last}
    connection.execute(new.on_conflict_do_update(index_elements=["name"], set_=more))


def _redirect(row: Row[Any]) -> Redirect:
    return Redirect(path=row.path, kind=RedirectKind.MOVED, at=row.at, target=row.target, by_operator=False)


def _move(row: Row[Any]) -> Redirect:
    return Redirect(path=row.path, kind=row.fate, at=row.at, target=row.target)


def _ping(row: Row[Any]) -> Ping:
    return Ping(
        hub=row.hub,
        topic=row.topic,
        version=row.version,
        since=row.since,
        attempts=row.attempts,
        next_at=row.next_at,
        reply=row.reply,
    )
