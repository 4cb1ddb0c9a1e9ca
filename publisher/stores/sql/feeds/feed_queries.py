"""Feeds as views of the log: which posts match a filter, found without reading the others."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, delete, func, insert, select, tuple_

from publisher.core.feeds.feed import (
    MAX_SEQ,
    ArchivePage,
    CombinedFilter,
    FeedState,
    PageMember,
    TermChange,
    Terms,
)
from publisher.core.posts.filters import Term, TermKind, fold_term, term_matches
from publisher.core.publishing.log import LogKind, PublishedPost
from publisher.stores.sql.database import Database, slices, upsert
from publisher.stores.sql.publishing.post_rows import published_post
from publisher.stores.sql.publishing.term_index import content_version
from publisher.stores.sql.schema.feed_tables import (
    CONTENT,
    LOG_TIMES,
    archives,
    post_terms,
    retagged,
    terms,
    views,
)
from publisher.stores.sql.schema.tables import counters, log, log_head, meta, posts, revisions

WantedTerms = list[tuple[TermKind, list[str]]]
"""(kind, folded values), for each filter and kind that names any: a post must have one of the values."""


class FeedQueries:
    """`ports.FeedStore`."""

    _db: Database

    def content_version(self) -> int:
        with self._db.read() as connection:
            found = connection.execute(select(counters.c.last).where(counters.c.name == CONTENT)).scalar()
        if found is not None:
            return int(found)
        with self._db.write() as connection:
            return content_version(connection)

    def content_version_of(self, matching: CombinedFilter) -> int:
        if not any(where.of(kind) for where in matching for kind in TermKind):
            return self.content_version()
        with self._db.read() as connection:
            wanted = _wanted_terms(connection, matching)
            of = (terms.c.version, terms.c.kind, terms.c.key)
            last = select(func.coalesce(func.max(of[0]), 0))
            states = [
                connection.execute(last.where(of[1] == kind, of[2].in_(keys))).scalar_one()
                for kind, keys in wanted
            ]
            return int(min(states))

    def terms(self, kind: TermKind) -> Sequence[Term]:
        bearing = select(1).where(post_terms.c.kind == terms.c.kind, post_terms.c.key == terms.c.key)
        query = select(terms, bearing.exists().label("borne")).where(terms.c.kind == kind)
        with self._db.read() as connection:
            rows = connection.execute(query.order_by(terms.c.key)).mappings()
            return [Term(**row) for row in rows]

    def members(self, matching: CombinedFilter) -> Sequence[PageMember]:
        with self._db.read() as connection:
            found = select(posts.c.first_seq, posts.c.id).where(*_conditions(connection, matching))
            return [(seq, id) for seq, id in connection.execute(found.order_by(posts.c.first_seq))]

    def newest_of(self, matching: CombinedFilter, limit: int) -> Sequence[PublishedPost]:
        with self._db.read() as connection:
            seqs = _newest_seqs(connection, matching, limit)
            return _posts_where(connection, posts.c.first_seq.in_(seqs), limit)

    def recently_changed_of(
        self, matching: CombinedFilter, since: int, limit: int
    ) -> Sequence[PublishedPost]:
        with self._db.read() as connection:
            seqs = _changed_seqs(connection, matching, since, limit)
            return _posts_where(connection, posts.c.first_seq.in_(seqs), limit)

    def recently_withdrawn(
        self, since: int, limit: int, *, after: int = 0, until: int = MAX_SEQ
    ) -> Sequence[PublishedPost]:
        columns = [column for column in posts.columns if column.name != "updated_at"]
        found: Select[Any] = select(*columns, log.c.at.label("updated_at"))
        found = found.join(log, log.c.seq == posts.c.changed_seq)
        found = found.where(~posts.c.live, posts.c.changed_seq > since)
        if (after, until) != (0, MAX_SEQ):  # a bound that lets all through would be asked for first
            found = found.where(posts.c.first_seq > after, posts.c.first_seq <= until)
        with self._db.read() as connection:
            rows = connection.execute(found.order_by(posts.c.changed_seq.desc()).limit(limit)).all()
            return [replace(published_post(row), updated_at=row.updated_at) for row in rows]

    def recently_retagged(self, since: datetime, limit: int) -> Sequence[TermChange]:
        found = select(retagged).where(retagged.c.at > since).order_by(retagged.c.id.desc()).limit(limit)
        with self._db.read() as connection:
            return [
                TermChange(at=row.at, before=_terms_of(row.before), after=_terms_of(row.after))
                for row in connection.execute(found)
            ]

    def last_changed_at(self, matching: CombinedFilter, limit: int, since: int) -> datetime | None:
        with self._db.read() as connection:
            seqs = _newest_seqs(connection, matching, limit + 1)
            if len(seqs) > limit:
                del seqs[limit:]
                seqs += _changed_seqs(connection, matching, seqs[-1], limit)
            columns = (posts.c.updated_at, posts.c.first_seq, posts.c.changed_seq)
            rows = [
                row
                for some in slices(seqs)
                for row in connection.execute(select(*columns).where(posts.c.first_seq.in_(some)))
            ]
            since = max(since, _log_times(connection))
            # A post that came out (but not with the baseline) or came back changed the feed then.
            baseline = select(log_head.c.baseline_at).scalar_subquery()
            published = (log.c.kind == LogKind.PUBLISHED) & (log.c.at > baseline)
            shown = select(log.c.at).where(published | (log.c.kind == LogKind.RESTORED))
            times = [row.updated_at for row in rows]
            for some in slices(sorted({seq for _, *both in rows for seq in both if seq > since})):
                times += connection.execute(shown.where(log.c.seq.in_(some))).scalars()
            return max(times, default=None)

    def posts_as_of(self, matching: CombinedFilter, page: ArchivePage) -> Sequence[PublishedPost]:
        within = (posts.c.first_seq > page.after, posts.c.first_seq <= page.until)
        with self._db.read() as connection:
            rows = connection.execute(select(posts).where(*within, *_conditions(connection, matching))).all()
            now = {row.id: published_post(row) for row in rows}
            later = [row.id for row in rows if row.changed_seq > page.as_of]
            then = {known.id: known for known in _posts_at(connection, later, page.as_of)}
        known = (now | then).values()
        return sorted(known, key=lambda it: it.first_seq, reverse=True)

    def feed_states(self) -> Mapping[tuple[str, str], FeedState]:
        with self._db.read() as connection:
            rows = connection.execute(select(views)).mappings()
            return {(row["feed"], row["part"]): FeedState(**row) for row in rows}

    def archive_pages(self) -> Mapping[tuple[str, str], Sequence[ArchivePage]]:
        found: dict[tuple[str, str], list[ArchivePage]] = {}
        with self._db.read() as connection:
            rows = connection.execute(select(archives).order_by(*archives.primary_key.columns))
            for feed, part, *page in rows:
                found.setdefault((feed, part), []).append(ArchivePage(**dict(zip(_PAGE, page, strict=True))))
        return found

    def save_feed_states(self, changed: Sequence[tuple[FeedState, Sequence[ArchivePage]]]) -> None:
        if not changed:
            return
        with self._db.write() as connection:
            connection.execute(
                upsert(views), [{c.name: getattr(v, c.name) for c in views.c} for v, _ in changed]
            )
            key = tuple_(archives.c.feed, archives.c.part)
            for some in slices([(view.feed, view.part) for view, _ in changed], 500):
                connection.execute(delete(archives).where(key.in_(some)))
            rows = [
                {"feed": view.feed, "part": view.part, **{name: getattr(page, name) for name in _PAGE}}
                for view, pages in changed
                for page in pages
            ]
            if rows:
                connection.execute(insert(archives), rows)


_IN_FEEDS = (posts.c.live, posts.c.mail_only.is_not(True))
_PAGE = ("number", "after", "until", "as_of", "edition", "members")


def _terms_of(stored: Sequence[tuple[str, str]]) -> Terms:
    return frozenset((TermKind(kind), key) for kind, key in stored)


def _wanted_terms(connection: Connection, matching: CombinedFilter) -> WantedTerms:
    """The terms that posts must have. A language stands for all its variants that posts have (RFC 4647
    3.3.1).
    """
    wanted = [(kind, [fold_term(v) for v in where.of(kind)]) for where in matching for kind in TermKind]
    if not any(keys for kind, keys in wanted if kind is TermKind.LANGUAGE):
        return [(kind, keys) for kind, keys in wanted if keys]
    languages = list(
        connection.execute(select(terms.c.key).where(terms.c.kind == TermKind.LANGUAGE)).scalars()
    )
    found: WantedTerms = []
    for kind, keys in wanted:
        if kind is TermKind.LANGUAGE:
            has = [key for key in languages if any(term_matches(kind, one, key) for one in keys)]
            found += [(kind, has)] if keys else []
        elif keys:
            found.append((kind, keys))
    return found


def _with_terms(kind: TermKind, keys: Sequence[str]) -> Select[tuple[int]]:
    bearing = select(post_terms.c.first_seq).where(post_terms.c.kind == kind, post_terms.c.key.in_(keys))
    return bearing if len(keys) == 1 else bearing.distinct()


def _conditions(connection: Connection, matching: CombinedFilter) -> list[ColumnElement[bool]]:
    """The conditions on `posts`."""
    wanted = _wanted_terms(connection, matching)
    return [*_IN_FEEDS, *(posts.c.first_seq.in_(_with_terms(kind, keys)) for kind, keys in wanted)]


def _newest_seqs(connection: Connection, matching: CombinedFilter, limit: int) -> list[int]:
    """The seqs of the newest `limit` live posts that match, the newest first. The index of terms holds only
    live posts, in log order.
    """
    wanted = _wanted_terms(connection, matching)
    found: Select[Any] = select(posts.c.first_seq).where(*_IN_FEEDS).order_by(posts.c.first_seq.desc())
    if wanted:
        first, *others = wanted
        found = _with_terms(*first).where(
            *(post_terms.c.first_seq.in_(_with_terms(*other)) for other in others)
        )
        found = found.order_by(post_terms.c.first_seq.desc())
    return list(connection.execute(found.limit(limit)).scalars())


def _changed_seqs(connection: Connection, matching: CombinedFilter, since: int, limit: int) -> list[int]:
    found = select(posts.c.first_seq).where(posts.c.changed_seq > since, posts.c.first_seq < since)
    found = found.where(*_conditions(connection, matching)).order_by(posts.c.changed_seq.desc()).limit(limit)
    return list(connection.execute(found).scalars())


def _posts_where(connection: Connection, which: ColumnElement[bool], limit: int) -> list[PublishedPost]:
    found = select(posts).where(which).order_by(posts.c.first_seq.desc()).limit(limit)
    return [published_post(row) for row in connection.execute(found)]


def _posts_at(connection: Connection, ids: Sequence[str], as_of: int) -> list[PublishedPost]:
    """Posts as they were at log row `as_of`."""
    if not ids:
        return []
    shown = (log.c.post_id.in_(ids), log.c.seq <= as_of, log.c.kind != LogKind.WITHDRAWN)
    last = select(func.max(log.c.seq)).where(*shown).group_by(log.c.post_id)
    columns = [c for c in posts.columns if c.name not in ("revision", "value", "updated_at")]
    found: Select[Any] = (
        select(
            *columns,
            revisions.c.revision,
            revisions.c.value,
            log.c.at.label("updated_at"),
            log.c.kind.label("kind"),
            log.c.seq.label("log_seq"),
        )
        .join(log, log.c.post_id == posts.c.id)
        .join(revisions, (revisions.c.post_id == log.c.post_id) & (revisions.c.revision == log.c.revision))
        .where(log.c.seq.in_(last))
    )
    since = _log_times(connection)
    return [_as_it_was(row, since) for row in connection.execute(found)]


def _as_it_was(row: Row[Any], since: int) -> PublishedPost:
    """The post of a row. The first version of a post that was backfill, or entered the log before `since`,
    was last changed when its author says so, if that is not in the future.
    """
    known = published_post(row)
    if row.kind is not LogKind.PUBLISHED or (not row.backfill and row.log_seq > since):
        return known
    return replace(known, updated_at=known.edited_at)


def _log_times(connection: Connection) -> int:
    """The last log row that feeds take no times from, so that the upgrade to this rule changed none of
    theirs.
    """
    found = connection.execute(select(meta.c.value).where(meta.c.name == LOG_TIMES)).scalar()
    return int(found or 0)
