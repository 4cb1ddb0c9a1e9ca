"""Feeds as views of the log: which posts a filter means, found without looking at the others."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, delete, func, insert, select, tuple_

from publisher.core.feeds.paging import MAX_SEQ, ArchivePage, FeedState, Filter, Member, Retagged, Terms
from publisher.core.posts.filters import Term, TermKind, bears, folded
from publisher.core.publishing.log import LogKind, PublishedPost
from publisher.stores.sql.engine.database import Database, slices, upsert
from publisher.stores.sql.publishing.rows import as_known
from publisher.stores.sql.publishing.term_index import version
from publisher.stores.sql.schema.feed_tables import (
    CONTENT,
    LOG_TIMES,
    archives,
    post_terms,
    retagged,
    terms,
    views,
)
from publisher.stores.sql.schema.tables import counters, facts, log, log_head, posts, revisions

Wanted = list[tuple[TermKind, list[str]]]
"""For each filter and kind, the values of which a post must bear one."""


class FeedQueries:
    """`ports.ViewStore`."""

    _db: Database

    def content(self) -> int:
        """The state of all posts: another number when any changed."""
        with self._db.read() as connection:
            found = connection.execute(select(counters.c.last).where(counters.c.name == CONTENT)).scalar()
        if found is not None:
            return int(found)
        with self._db.write() as connection:
            return version(connection)

    def content_of(self, meant: Filter) -> int:
        """The state of the posts that are meant: another number when any of them changed."""
        if not any(where.of(kind) for where in meant for kind in TermKind):
            return self.content()
        with self._db.read() as connection:
            wanted = _wanted(connection, meant)
            of = (terms.c.version, terms.c.kind, terms.c.key)
            last = select(func.coalesce(func.max(of[0]), 0))
            states = [
                connection.execute(last.where(of[1] == kind, of[2].in_(keys))).scalar_one()
                for kind, keys in wanted
            ]
            return int(min(states))

    def terms(self, kind: TermKind) -> Sequence[Term]:
        """The values of that kind that posts bear or once bore, by value."""
        bearing = select(1).where(post_terms.c.kind == terms.c.kind, post_terms.c.key == terms.c.key)
        query = select(terms, bearing.exists().label("borne")).where(terms.c.kind == kind)
        with self._db.read() as connection:
            rows = connection.execute(query.order_by(terms.c.key)).mappings()
            return [Term(**row) for row in rows]

    def members(self, meant: Filter) -> Sequence[Member]:
        """All live posts that are meant, in log order."""
        with self._db.read() as connection:
            found = select(posts.c.first_seq, posts.c.id).where(*_live(connection, meant))
            return [(seq, id) for seq, id in connection.execute(found.order_by(posts.c.first_seq))]

    def newest_of(self, meant: Filter, limit: int) -> Sequence[PublishedPost]:
        """The live posts that are meant, last first by first publication."""
        with self._db.read() as connection:
            seqs = _seqs(connection, meant, limit)
            return _posts(connection, posts.c.first_seq.in_(seqs), limit)

    def renewed_of(self, meant: Filter, since: int, limit: int) -> Sequence[PublishedPost]:
        """Live posts that are meant, in the log before row `since` and changed after it: the last changed
        ones, last first by first publication.
        """
        with self._db.read() as connection:
            seqs = _renewed(connection, meant, since, limit)
            return _posts(connection, posts.c.first_seq.in_(seqs), limit)

    def withdrawn(
        self, since: int, limit: int, *, after: int = 0, until: int = MAX_SEQ
    ) -> Sequence[PublishedPost]:
        """The posts of (after, until] that were withdrawn last, by rows after `since`, last first;
        `updated_at` says when.
        """
        columns = [column for column in posts.columns if column.name != "updated_at"]
        found: Select[Any] = select(*columns, log.c.at.label("updated_at"))
        found = found.join(log, log.c.seq == posts.c.changed_seq)
        found = found.where(~posts.c.live, posts.c.changed_seq > since)
        if (after, until) != (0, MAX_SEQ):  # a bound that lets all through would be asked for first
            found = found.where(posts.c.first_seq > after, posts.c.first_seq <= until)
        with self._db.read() as connection:
            rows = connection.execute(found.order_by(posts.c.changed_seq.desc()).limit(limit)).all()
            return [replace(as_known(row), updated_at=row.updated_at) for row in rows]

    def retagged(self, since: datetime, limit: int) -> Sequence[Retagged]:
        """The live posts that were given other terms after `since`, last first."""
        found = select(retagged).where(retagged.c.at > since).order_by(retagged.c.id.desc()).limit(limit)
        with self._db.read() as connection:
            return [
                Retagged(at=row.at, before=_terms_of(row.before), after=_terms_of(row.after))
                for row in connection.execute(found)
            ]

    def last_change(self, meant: Filter, limit: int, since: int) -> datetime | None:
        """When the feed of the newest `limit` live posts that are meant last changed for its readers: the
        latest `updated_at` of its posts, and the time of the rows after `since` by which they came out (not
        those of the baseline: they were out before) or came back. None: it has no posts.
        """
        with self._db.read() as connection:
            seqs = _seqs(connection, meant, limit + 1)
            if len(seqs) > limit:
                del seqs[limit:]
                seqs += _renewed(connection, meant, seqs[-1], limit)
            columns = (posts.c.updated_at, posts.c.first_seq, posts.c.changed_seq)
            rows = [
                row
                for some in slices(seqs)
                for row in connection.execute(select(*columns).where(posts.c.first_seq.in_(some)))
            ]
            since = max(since, _log_times(connection))
            told = sorted({seq for _, *both in rows for seq in both if seq > since})
            return max([*(row.updated_at for row in rows), *_told(connection, told)], default=None)

    def as_of(self, meant: Filter, page: ArchivePage) -> Sequence[PublishedPost]:
        """The live posts of an archive document as they were at log row `page.as_of`, last first."""
        within = (posts.c.first_seq > page.after, posts.c.first_seq <= page.until)
        with self._db.read() as connection:
            rows = connection.execute(select(posts).where(*within, *_live(connection, meant))).all()
            now = {row.id: as_known(row) for row in rows}
            later = [row.id for row in rows if row.changed_seq > page.as_of]
            then = {known.id: known for known in _then(connection, later, page.as_of)}
        known = (now | then).values()
        return sorted(known, key=lambda it: it.first_seq, reverse=True)

    def views(self) -> Mapping[tuple[str, str], FeedState]:
        """Every view there has been, by feed and part."""
        with self._db.read() as connection:
            rows = connection.execute(select(views)).mappings()
            return {(row["feed"], row["part"]): FeedState(**row) for row in rows}

    def pages(self) -> Mapping[tuple[str, str], Sequence[ArchivePage]]:
        """The archive documents of each view, by feed and part, oldest first."""
        found: dict[tuple[str, str], list[ArchivePage]] = {}
        with self._db.read() as connection:
            rows = connection.execute(select(archives).order_by(*archives.primary_key.columns))
            for feed, part, *page in rows:
                found.setdefault((feed, part), []).append(ArchivePage(**dict(zip(_PAGE, page, strict=True))))
        return found

    def save_views(self, changed: Sequence[tuple[FeedState, Sequence[ArchivePage]]]) -> None:
        """Records these views and, in place of those they had, their archive documents."""
        if not changed:
            return
        with self._db.write() as connection:
            connection.execute(
                upsert(views), [{c.name: getattr(v, c.name) for c in views.c} for v, _ in changed]
            )
            key = tuple_(archives.c.feed, archives.c.part)
            for some in slices([(view.feed, view.part) for view, _ in changed], 500):
                connection.execute(delete(archives).where(key.in_(some)))
            rows = [_page_row(view, page) for view, pages in changed for page in pages]
            if rows:
                connection.execute(insert(archives), rows)


_PAGE = ("number", "after", "until", "as_of", "edition", "members")


def _page_row(view: FeedState, page: ArchivePage) -> dict[str, Any]:
    return {"feed": view.feed, "part": view.part, **{name: getattr(page, name) for name in _PAGE}}


def _terms_of(stored: Sequence[tuple[str, str]]) -> Terms:
    return frozenset((TermKind(kind), key) for kind, key in stored)


def _wanted(connection: Connection, meant: Filter) -> Wanted:
    """What must be borne, with every language that a given one means."""
    wanted = [(kind, [folded(v) for v in where.of(kind)]) for where in meant for kind in TermKind]
    if not any(keys for kind, keys in wanted if kind is TermKind.LANGUAGE):
        return [(kind, keys) for kind, keys in wanted if keys]
    languages = list(
        connection.execute(select(terms.c.key).where(terms.c.kind == TermKind.LANGUAGE)).scalars()
    )
    return [
        (kind, _spoken(keys, languages) if kind is TermKind.LANGUAGE else keys)
        for kind, keys in wanted
        if keys
    ]


def _spoken(keys: Iterable[str], languages: Iterable[str]) -> list[str]:
    return [key for key in languages if any(bears(TermKind.LANGUAGE, wanted, key) for wanted in keys)]


def _bearing(kind: TermKind, keys: Sequence[str]) -> Select[tuple[int]]:
    bearing = select(post_terms.c.first_seq).where(post_terms.c.kind == kind, post_terms.c.key.in_(keys))
    return bearing if len(keys) == 1 else bearing.distinct()


def _live(connection: Connection, meant: Filter) -> list[ColumnElement[bool]]:
    """What `posts` must satisfy."""
    wanted = _wanted(connection, meant)
    return [posts.c.live, *(posts.c.first_seq.in_(_bearing(kind, keys)) for kind, keys in wanted)]


def _seqs(connection: Connection, meant: Filter, limit: int) -> list[int]:
    """The last `limit` live posts that are meant. The index of terms holds live posts alone, in log order."""
    wanted = _wanted(connection, meant)
    found: Select[Any] = select(posts.c.first_seq).where(posts.c.live).order_by(posts.c.first_seq.desc())
    if wanted:
        first, *others = wanted
        found = _bearing(*first).where(*(post_terms.c.first_seq.in_(_bearing(*other)) for other in others))
        found = found.order_by(post_terms.c.first_seq.desc())
    return list(connection.execute(found.limit(limit)).scalars())


def _renewed(connection: Connection, meant: Filter, since: int, limit: int) -> list[int]:
    found = select(posts.c.first_seq).where(posts.c.changed_seq > since, posts.c.first_seq < since)
    found = found.where(*_live(connection, meant)).order_by(posts.c.changed_seq.desc()).limit(limit)
    return list(connection.execute(found).scalars())


def _told(connection: Connection, seqs: Sequence[int]) -> list[datetime]:
    """When posts came out or came back by these rows of the log."""
    baseline = select(log_head.c.baseline_at).scalar_subquery()
    out = (log.c.kind == LogKind.PUBLISHED) & (log.c.at > baseline)
    found = select(log.c.at).where(out | (log.c.kind == LogKind.RESTORED))
    return [
        at for some in slices(seqs) for at in connection.execute(found.where(log.c.seq.in_(some))).scalars()
    ]


def _posts(connection: Connection, which: ColumnElement[bool], limit: int) -> list[PublishedPost]:
    found = select(posts).where(which).order_by(posts.c.first_seq.desc()).limit(limit)
    return [as_known(row) for row in connection.execute(found)]


def _then(connection: Connection, ids: Sequence[str], as_of: int) -> list[PublishedPost]:
    """Those posts as the log had them at its row `as_of`."""
    if not ids:
        return []
    told = (log.c.post_id.in_(ids), log.c.seq <= as_of, log.c.kind != LogKind.WITHDRAWN)
    last = select(func.max(log.c.seq)).where(*told).group_by(log.c.post_id)
    columns = [c for c in posts.columns if c.name not in ("revision", "value", "updated_at")]
    found: Select[Any] = (
        select(
            *columns,
            revisions.c.revision,
            revisions.c.value,
            log.c.at.label("updated_at"),
            log.c.kind.label("kind"),
            log.c.seq.label("told_seq"),
        )
        .join(log, log.c.post_id == posts.c.id)
        .join(revisions, (revisions.c.post_id == log.c.post_id) & (revisions.c.revision == log.c.revision))
        .where(log.c.seq.in_(last))
    )
    since = _log_times(connection)
    return [_as_it_was(row, since) for row in connection.execute(found)]


def _as_it_was(row: Row[Any], since: int) -> PublishedPost:
    """A post's first version was last changed when its author says so, if that is past, and not before it
    came out as news.
    """
    known = as_known(row)
    if row.kind is not LogKind.PUBLISHED or (not row.backfill and row.told_seq > since):
        return known
    post = known.post
    said = max(filter(None, (post.instant, post.modified)), default=known.updated_at)
    return replace(known, updated_at=min(said, known.updated_at))


def _log_times(connection: Connection) -> int:
    """Up to which row of the log feeds did not have their times from it: an upgrade moves none of them."""
    found = connection.execute(select(facts.c.value).where(facts.c.name == LOG_TIMES)).scalar()
    return int(found or 0)
