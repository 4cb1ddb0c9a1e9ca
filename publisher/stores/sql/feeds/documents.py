"""Documents under public/, and the problems of the last look."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import delete, insert, select

from publisher.core.feeds.feed_documents import Document, Version
from publisher.core.feeds.websub import Ping
from publisher.stores.sql.engine.database import Database, slices, upsert
from publisher.stores.sql.schema.feed_tables import documents
from publisher.stores.sql.schema.feed_tables import pings as queue
from publisher.stores.sql.schema.feed_tables import versions as held
from publisher.stores.sql.schema.tables import problems

VERSIONS = 50
"""Versions of a feed document that are remembered. A client with an older one is sent the whole feed."""


class DocumentRecords:
    """`ports.DocumentStore`."""

    _db: Database

    def documents(self) -> Mapping[str, Document]:
        """Every written document by path, in path order."""
        with self._db.read() as connection:
            rows = connection.execute(select(documents).order_by(documents.c.path))
            return {row["path"]: Document(**row) for row in rows.mappings()}

    def save_documents(
        self,
        written: Sequence[Document],
        gone: Sequence[str],
        pings: Sequence[Ping] = (),
        versions: Sequence[Version] = (),
    ) -> None:
        """Records `written` (new or in place of the same path) and forgets `gone`. `pings` wait for
        `place_pings`; one takes the place of an older one for the same hub and feed.
        """
        with self._db.write() as connection:
            for paths in slices(gone):
                connection.execute(delete(documents).where(documents.c.path.in_(paths)))
                connection.execute(delete(held).where(held.c.path.in_(paths)))
            if written:
                connection.execute(upsert(documents), [_row(document) for document in written])
            if pings:
                connection.execute(upsert(queue), [_ping_row(ping) for ping in pings])
            if versions:
                connection.execute(upsert(held), [_version_row(version) for version in versions])
                for path in {version.path for version in versions}:
                    kept = select(held.c.hash).where(held.c.path == path).order_by(held.c.modified.desc())
                    old = held.c.hash.not_in(kept.limit(VERSIONS))
                    connection.execute(delete(held).where(held.c.path == path, old))

    def feed_versions(self, path: str) -> Mapping[str, tuple[str, ...]]:
        """What the feed document at `path` held before, and holds, the newest first: hash -> marks."""
        query = select(held.c.hash, held.c.marks).where(held.c.path == path).order_by(held.c.modified.desc())
        with self._db.read() as connection:
            return {row.hash: tuple(row.marks) for row in connection.execute(query)}

    def set_problems(self, area: str, problems_now: Sequence[str], now: datetime) -> None:
        """The problems of `area` are these; one that was there before keeps the instant it was first seen."""
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

    def problems(self) -> Sequence[tuple[str, datetime, str]]:
        """(area, since, text), oldest first."""
        order = (problems.c.since, problems.c.area, problems.c.position)
        with self._db.read() as connection:
            rows = connection.execute(select(problems).order_by(*order)).all()
        return [(row.area, row.since, row.text) for row in rows]


def _row(document: Document) -> dict[str, object]:
    return {column.name: getattr(document, column.name) for column in documents.columns}


def _version_row(version: Version) -> dict[str, object]:
    return {**{name: getattr(version, name) for name in Version.__slots__}, "marks": list(version.marks)}


def _ping_row(ping: Ping) -> dict[str, object]:
    return {**{name: getattr(ping, name) for name in Ping.__slots__}, "placed": False}
