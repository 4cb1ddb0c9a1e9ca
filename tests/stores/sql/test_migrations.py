"""Migrations: they lead to the same tables as a new store gets, and are applied whole."""

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import postgres
import psycopg
import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from publisher.core.delivery.mailing import DeliveryState
from publisher.core.errors import StoreError
from publisher.core.subscribers.subscription import NO_CHOICES
from publisher.services.digests.due_readers import UPGRADED
from publisher.stores import migrate, open_store
from publisher.stores.sql import store as migrating_module
from publisher.stores.sql.postgresql import PostgresqlDatabase
from publisher.stores.sql.schema.tables import SCHEMA
from publisher.stores.sql.sqlite import SqliteDatabase
from publisher.stores.sql.store import alembic_config, upgrade


def _tables(path: Path) -> dict[str, list[str]]:
    """Each table and index as its lines in sorted order: constraints may be written in any, and a table that
    was copied has its name in quotes."""
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
    rows = [(name, sql.replace(f'CREATE TABLE "{name}"', f"CREATE TABLE {name}")) for name, sql in rows]
    parts = {
        name: re.split(r"\n|, (?=\w+ [A-Z]{3})", sql) for name, sql in rows
    }  # ALTER adds to the last line
    return {name: sorted(line.strip().rstrip(",") for line in lines) for name, lines in parts.items()}


def _migrated(path: Path) -> Path:
    path.touch()
    database = SqliteDatabase(path)
    with database.rebuild() as connection:
        upgrade(connection)
    database.close()
    return path


def test_the_number_of_the_schema_is_the_last_migration() -> None:
    assert ScriptDirectory.from_config(alembic_config()).get_heads() == [SCHEMA]


def test_migrations_from_nothing_and_a_new_store_are_the_same(tmp_path: Path) -> None:
    new = tmp_path / "new.db"
    open_store(f"sqlite:///{new}", create=True).close()
    migrated = _migrated(tmp_path / "migrated.db")
    assert _tables(migrated) == _tables(new)
    for table in ("alembic_version", "log_head", "counters"):
        query = f"SELECT * FROM {table}"  # noqa: S608  # our own words
        with closing(sqlite3.connect(new)) as one, closing(sqlite3.connect(migrated)) as other:
            assert one.execute(query).fetchall() == other.execute(query).fetchall()


def test_on_postgresql_too_migrations_from_nothing_and_a_new_store_are_the_same() -> None:
    with postgres.database() as new, postgres.database() as migrated:
        open_store(new, create=True).close()
        database = PostgresqlDatabase("migrated", migrated, "")
        with database.rebuild() as connection:
            upgrade(connection)
        database.close()
        assert migrate(migrated) == (SCHEMA, SCHEMA)
        with psycopg.connect(new) as one, psycopg.connect(migrated) as other:
            for query in _CATALOG:
                wanted, found = (connection.execute(query).fetchall() for connection in (one, other))
                assert found == wanted


_CATALOG = (
    "SELECT table_name, column_name, data_type, character_maximum_length, collation_name, is_nullable,"
    " column_default FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1, 2",
    "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1, 2",
    "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint"
    " WHERE connamespace = 'public'::regnamespace ORDER BY 1, 2",
    "SELECT * FROM alembic_version",
    "SELECT * FROM log_head",
    "SELECT * FROM counters",
    "SELECT * FROM tastes",
    "SELECT sequencename, last_value FROM pg_sequences ORDER BY 1",
)


def test_a_migrated_store_opens(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{_migrated(tmp_path / 'm.db')}", create=False)
    assert (store.head().seq, store.next_mailing_id()) == (0, 1)
    assert store.meta(UPGRADED) == ""
    store.close()


def test_migrating_a_current_store_changes_nothing_however_often(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/publisher.db"
    open_store(url, create=True).close()
    assert migrate(url) == migrate(url) == (SCHEMA, SCHEMA)


def test_there_must_be_a_store_to_migrate(tmp_path: Path) -> None:
    path = tmp_path / "publisher.db"
    with pytest.raises(StoreError, match="there is no store here"):
        migrate(f"sqlite:///{path}")
    path.touch()
    with pytest.raises(StoreError, match="an empty file, not a store; run `publisher publish` to make it"):
        migrate(f"sqlite:///{path}")


def test_a_migration_that_leaves_orphans_is_undone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "publisher.db"
    open_store(f"sqlite:///{path}", create=True).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0000'")
        connection.commit()

    def bad_migration(connection: Connection) -> None:
        connection.exec_driver_sql("INSERT INTO log VALUES (1, 'published', 'no post', 0, 'r', 0)")

    monkeypatch.setattr(migrating_module, "upgrade", bad_migration)
    with pytest.raises(StoreError) as error:
        migrate(f"sqlite:///{path}")
    assert str(error.value) == (
        f"{path}: 1 rows refer to nothing after the migration, the first in log; "
        "nothing was changed: restore a backup"
    )
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM log").fetchone() == (0,)


def test_readers_of_an_older_schema_follow_their_list_and_a_planning_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "publisher.db"
    path.touch()
    database = SqliteDatabase(path)
    with database.rebuild() as connection:
        upgrade(connection, "0004")
        for statement in _EARLIER_READERS:
            connection.exec_driver_sql(statement)
    database.close()
    assert migrate(f"sqlite:///{path}") == ("0004", SCHEMA)
    store = open_store(f"sqlite:///{path}", create=False)
    assert store.meta(UPGRADED) == "1"  # what is late then goes with the next planned digest
    found = list(store.subscriptions(None, None))
    assert [(s.list, s.offset, s.choices) for s in found] == [("a", 3, NO_CHOICES), ("b", 4, NO_CHOICES)]
    [mailing] = store.mailings_in_planning()
    now = mailing.due_before
    assert [store.plan_chunk(mailing.id, limit=9, batch=9, now=now) for _ in range(2)] == [1, 0]
    assert store.cohorts(mailing.id) == [(1, [], "")]
    store.close()


_EARLIER_READERS = (
    "INSERT INTO subscribers VALUES (1, 'ann@example.org', x'00')",
    "INSERT INTO subscriptions VALUES (1, 1, 'a', 'active', 1, 3, 5000, 0, 0, '{}')",
    "INSERT INTO subscriptions VALUES (2, 1, 'b', 'active', 1, 4, 9000, 0, 0, '{}')",
    "INSERT INTO mailings (id, list, kind, state, head, due_before, created_at, planned, sender, subject,"
    " hold_why, canary) VALUES (1, 'a', 'digest', 'planning', 7, 6000, 0, 0, 'a@example.org', 'S', '', 0)",
    "INSERT INTO cohorts VALUES (1, 1, 3, '[]')",
)


def test_batches_of_an_older_schema_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "publisher.db"
    path.touch()
    database = SqliteDatabase(path)
    with database.rebuild() as connection:
        upgrade(connection, "0007")
        for statement in _EARLIER_MAIL:
            connection.exec_driver_sql(statement)
    database.close()
    assert migrate(f"sqlite:///{path}") == ("0007", SCHEMA)
    store = open_store(f"sqlite:///{path}", create=False)
    [mailing] = store.mailings()
    assert mailing.counts == {
        DeliveryState.QUEUED: 1,
        DeliveryState.ACCEPTED: 2,
        DeliveryState.UNKNOWN: 1,
        DeliveryState.REJECTED: 1,
    }
    with closing(sqlite3.connect(path)) as connection:
        settled = connection.execute("SELECT lo, settled_at FROM batches ORDER BY lo").fetchall()
    assert settled == [(1, 77), (3, 60), (5, None)]
    store.close()


_EARLIER_MAIL = (
    "INSERT INTO mailings (id, list, kind, state, head, due_before, created_at, planned, sender, subject,"
    " hold_why, canary, frozen, corrections)"
    " VALUES (1, 'a', 'digest', 'ready', 7, 6000, 0, 5, 'a@example.org', 'S', '', 0, 1, '[]')",
    'INSERT INTO batches (mailing, lo, hi, "group", priority, state, next_at, canary) VALUES'
    " (1, 1, 2, '', 10, 'done', 9, 0), (1, 3, 4, '', 10, 'done', 9, 0), (1, 5, 5, '', 10, 'open', 9, 0)",
    "INSERT INTO deliveries"
    " (mailing, n, cohort, subscription, generation, state, attempts, reply, changed_at)"
    " VALUES (1, 1, 1, 1, 1, 'accepted', 1, '', 77), (1, 2, 1, 2, 1, 'rejected', 1, '', 50),"
    " (1, 3, 1, 3, 1, 'unknown', 1, '', 60), (1, 4, 1, 4, 1, 'accepted', 1, '', 55),"
    " (1, 5, 1, 5, 1, 'queued', 0, '', 5)",
)


def test_posts_of_the_first_schema_are_found_by_their_names(tmp_path: Path) -> None:
    path = tmp_path / "publisher.db"
    path.touch()
    database = SqliteDatabase(path)
    value = '{"path": "a/b.md", "explicit_id": "7"}'
    with database.rebuild() as connection:
        upgrade(connection, "0001")
        connection.exec_driver_sql(
            "INSERT INTO posts VALUES"
            " ('one', 'r', ?, 1, 0, 1, 0, NULL, 0), ('two', 'r', ?, 1, 0, 2, 0, NULL, 0)",
            (value, '{"path": "c.md"}'),
        )
    database.close()
    assert migrate(f"sqlite:///{path}") == ("0001", SCHEMA)
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT id, path, explicit_id, settled FROM posts ORDER BY id").fetchall()
    assert rows == [("one", "a/b.md", "7", 0), ("two", "c.md", None, 0)]


def test_refusals_and_receipts_from_before_reports_were_read_stay_what_they_were(tmp_path: Path) -> None:
    path = tmp_path / "publisher.db"
    path.touch()
    database = SqliteDatabase(path)
    key = bytes(32)
    with database.rebuild() as connection:
        upgrade(connection, "0021")
        connection.exec_driver_sql("INSERT INTO receipts VALUES (1, 2, 3, 4)")
        connection.exec_driver_sql("INSERT INTO bounces VALUES (?, 2, 'hard', 5, '550 5.1.1', 1)", (key,))
    database.close()
    migrate(f"sqlite:///{path}")
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT * FROM receipts").fetchall() == [(1, 2, 3, 4, None)]
    store = open_store(f"sqlite:///{path}", create=False)
    [refusal] = store.refusals_of(key.hex())
    assert (refusal.counts, refusal.reported, refusal.reply) == (True, False, "550 5.1.1")
    assert not refusal.final  # nor was it a provider's word
    assert store.reported_delivery(2, 1) is None  # which delivery a receipt is of was not kept
    store.close()


def test_deliveries_of_an_older_schema_that_the_outbox_took_are_known_by_its_words(tmp_path: Path) -> None:
    path = tmp_path / "publisher.db"
    path.touch()
    database = SqliteDatabase(path)
    rows = (
        (1, "accepted", "r1", "written to the outbox"),
        (2, "accepted", "r2", "250 2.0.0 ok"),
        (3, "sending", "r1", ""),
        (4, "unknown", "r2", ""),
        (5, "accepted", "r1", "already in the outbox"),
        (6, "queued", None, ""),
    )
    with database.rebuild() as connection:
        upgrade(connection, "0017")
        for n, state, run, reply in rows:
            connection.exec_driver_sql(
                "INSERT INTO deliveries (mailing, n, cohort, subscription, generation, state, attempts, run,"
                " reply, changed_at) VALUES (1, ?, 1, ?, 1, ?, 1, ?, ?, 0)",
                (n, n, state, run, reply),
            )
    database.close()
    migrate(f"sqlite:///{path}")
    with closing(sqlite3.connect(path)) as connection:
        found = connection.execute("SELECT n, route FROM deliveries ORDER BY n").fetchall()
    assert found == [(1, 1), (2, None), (3, 1), (4, None), (5, 1), (6, None)]
    store = open_store(f"sqlite:///{path}", create=False)
    assert store.count_in_outbox() == {1: 2}
    store.close()
