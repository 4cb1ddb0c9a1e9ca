"""What outlives a publish: facts of the last one, addresses that moved or ended, hubs still to be told."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, select, update

from publisher.core.feeds.redirects import Redirect, RedirectKind
from publisher.core.feeds.websub import Ping
from publisher.stores.sql.engine.database import Database, insert_new, slices, upsert
from publisher.stores.sql.schema.feed_tables import pings
from publisher.stores.sql.schema.tables import addresses, facts, moves, redirects


class PublishStateRecords:
    """`ports.PromiseStore`."""

    _db: Database

    def fact(self, name: str) -> str:
        """What was kept under that name; "" where nothing was."""
        with self._db.read() as connection:
            query = select(facts.c.value).where(facts.c.name == name)
            return connection.execute(query).scalar() or ""

    def keep_fact(self, name: str, value: str) -> None:
        """Keeps `value` in place of what was there."""
        with self._db.write() as connection:
            connection.execute(upsert(facts), [{"name": name, "value": value}])

    def moves(self) -> Sequence[Redirect]:
        """Every address that moved or ended, by path."""
        with self._db.read() as connection:
            found = [_move(row) for row in connection.execute(select(moves))]
            found += [_redirect(row) for row in connection.execute(select(redirects))]
        return sorted(found, key=lambda move: move.path)

    def move(self, path: str) -> Redirect | None:
        """What became of that path under public/."""
        with self._db.read() as connection:
            row = connection.execute(select(moves).where(moves.c.path == path)).first()
            if row is not None:
                return _move(row)
            row = connection.execute(select(redirects).where(redirects.c.path == path)).first()
        return None if row is None else _redirect(row)

    def former_addresses(self) -> Mapping[str, str]:
        """The paths that pages of posts had before, each with the id of its post."""
        with self._db.read() as connection:
            return {row.path: row.post_id for row in connection.execute(select(addresses))}

    def add_former_addresses(self, found: Mapping[str, str]) -> None:
        """More of them, path to post id; what is known already stays."""
        rows = [{"path": path, "post_id": id} for path, id in found.items()]
        if rows:
            with self._db.write() as connection:
                connection.execute(insert_new(addresses), rows)

    def redirects(self) -> Mapping[str, str]:
        """Where former addresses and aliases of posts lead, as `set_redirects` said last."""
        with self._db.read() as connection:
            return {row.path: row.target for row in connection.execute(select(redirects))}

    def set_redirects(self, wanted: Mapping[str, str], now: datetime) -> None:
        """Former addresses and aliases of posts lead there and no others do; one that led there keeps its
        time."""
        before = self.redirects()
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

    def save_moves(self, new: Sequence[Redirect], gone: Sequence[str] = ()) -> None:
        """Records `new` (in place of the same path) and forgets the paths `gone`."""
        with self._db.write() as connection:
            for paths in slices(gone):
                connection.execute(delete(moves).where(moves.c.path.in_(paths)))
            if new:
                rows = [{"path": m.path, "fate": m.fate, "target": m.target, "at": m.at} for m in new]
                connection.execute(upsert(moves), rows)

    def set_withdrawn(self, paths: Iterable[str], now: datetime) -> None:
        """The addresses of withdrawn posts are these; one that was there keeps its time. What moved or ended
        by an author's wish stays that."""
        wanted = set(paths)
        with self._db.read() as connection:
            rows = connection.execute(select(moves.c.path, moves.c.fate)).all()
        before = {row.path for row in rows if row.fate is RedirectKind.WITHDRAWN}
        new = wanted - {row.path for row in rows}
        if new or before - wanted:
            rows_new = [Redirect(path=path, fate=RedirectKind.WITHDRAWN, at=now) for path in sorted(new)]
            self.save_moves(rows_new, sorted(before - wanted))

    def pings(self) -> Sequence[Ping]:
        """Every hub that is still to be told, by hub and feed."""
        with self._db.read() as connection:
            rows = connection.execute(select(pings).order_by(pings.c.hub, pings.c.topic)).all()
        return [_ping(row) for row in rows]

    def place_pings(self) -> None:
        """What was queued with documents may be told now: their bytes can be fetched."""
        with self._db.read() as connection:
            if connection.execute(select(pings.c.hub).where(~pings.c.placed)).first() is None:
                return
        with self._db.write() as connection:
            connection.execute(update(pings).where(~pings.c.placed).values(placed=True))

    def claim_pings(self, now: datetime, until: datetime) -> Sequence[Ping]:
        """The pings whose time has come; nobody else gets them before `until`."""
        due = (pings.c.placed, pings.c.next_at <= now)
        with self._db.read() as connection:
            if connection.execute(select(pings.c.hub).where(*due)).first() is None:
                return []
        with self._db.write() as connection:
            rows = connection.execute(select(pings).where(*due).order_by(pings.c.hub, pings.c.topic)).all()
            connection.execute(update(pings).where(*due).values(next_at=until))
        return [_ping(row) for row in rows]

    def end_ping(self, ping: Ping) -> None:
        """The hub was told, or need not be; a change that came meanwhile stays queued."""
        ours = (pings.c.hub == ping.hub, pings.c.topic == ping.topic, pings.c.version == ping.version)
        with self._db.write() as connection:
            connection.execute(delete(pings).where(*ours))

    def defer_ping(self, ping: Ping) -> None:
        """The hub could not be told: its `attempts`, `next_at` and `reply` are those of `ping`."""
        ours = (pings.c.hub == ping.hub, pings.c.topic == ping.topic, pings.c.version == ping.version)
        changed = {"attempts": ping.attempts, "next_at": ping.next_at, "reply": ping.reply}
        with self._db.write() as connection:
            connection.execute(update(pings).where(*ours).values(**changed))


def _redirect(row: Row[Any]) -> Redirect:
    return Redirect(path=row.path, fate=RedirectKind.MOVED, at=row.at, target=row.target, wished=False)


def _move(row: Row[Any]) -> Redirect:
    return Redirect(path=row.path, fate=row.fate, at=row.at, target=row.target)


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
