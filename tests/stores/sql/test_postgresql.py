"""What is PostgreSQL's own: databases that no store can be in, locks, order of text, rows that are copied."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import postgres
import psycopg
import pytest
from sqlalchemy import event, insert, select

from publisher.core.delivery.mailing import Cohort, MailingKind, NewMailing, Transition, TransitionCause
from publisher.core.digests.digest import CohortKey
from publisher.core.errors import StoreError
from publisher.core.subscribers.subscription import Consent, NewReader
from publisher.stores import migrate, name_of, open_store, size_of
from publisher.stores.sql.database import insert_columns, insert_new
from publisher.stores.sql.schema.feed_tables import documents
from publisher.stores.sql.schema.tables import SCHEMA, meta, stamp

NOW = datetime(2026, 10, 26, 9, tzinfo=UTC)


@pytest.fixture
def url() -> Iterator[str]:
    with postgres.database(postgres.template()) as made:
        yield made


@pytest.fixture
def store(url: str) -> Iterator[Any]:
    opened = open_store(url, create=False)
    yield opened
    opened.close()


def refusal(url: str, *, create: bool = True, password: str = "") -> str:
    with pytest.raises(StoreError) as error:
        open_store(url, create=create, password=password)
    return str(error.value).removeprefix(f"{name_of(url)}: ")


def ready_mailing(store: Any, number: int, batch: int) -> int:
    """A mailing to so many readers, in batches of that size."""
    readers = [
        NewReader(address=f"r{n}@example.org", key=f"{n:064x}", active=True, own_wish=False, next_due_at=NOW)
        for n in range(number)
    ]
    store.subscribe("daily", readers, Consent(at=NOW, origin="", form="form", wording="Yes."))
    store.set_next_runs({run.id: NOW + timedelta(days=1) for run in store.next_runs("daily")})
    cohort = Cohort(n=1, posts=(), recipe=("s:aa",), language="en", cohort_keys=(CohortKey(0),))
    new = NewMailing(
        list="daily", kind=MailingKind.DIGEST, head=1, due_before=NOW, sender="a@example.org", subject="S",
        cohorts=(cohort,), segments={"aa": b"x"},
    )  # fmt: skip
    made: int = store.start_mailing(new, NOW)
    while store.plan_chunk(made, limit=1000, batch=batch, now=NOW):
        pass
    return made


def test_databases_that_no_store_can_be_in_are_one_line_and_get_no_tables() -> None:
    with postgres.database() as url:
        assert refusal(url, create=False) == "there is no store here; run `publisher publish` to make it"
        assert size_of(url) == 0
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("CREATE TABLE customers (id int)")
        said = "a database, but not a Publisher store; name an empty database in store.url"
        assert refusal(url) == said
    assert refusal(url).startswith("there is no such database")
    name = postgres.admin("SELECT 'ascii_' || pg_backend_pid()")[0][0]
    postgres.admin(f"CREATE DATABASE {name} ENCODING SQL_ASCII LOCALE 'C' TEMPLATE template0")
    try:
        said = "the encoding of this database is SQL_ASCII; make one with ENCODING 'UTF8'"
        assert refusal(f"{postgres.server()}/{name}") == said
    finally:
        postgres.admin(f"DROP DATABASE {name}")


def test_two_processes_that_begin_a_store_make_one(url: str) -> None:
    with postgres.database() as empty:
        opened: list[Any] = []
        threads = [
            threading.Thread(target=lambda: opened.append(open_store(empty, create=True))) for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [one.head().seq for one in opened] == [0] * 4
        for one in opened:
            one.close()
        assert migrate(empty) == (SCHEMA, SCHEMA)
        assert size_of(empty) > 0


def test_all_text_has_the_order_of_its_bytes_whatever_the_locale_of_the_database_is(store: Any) -> None:
    query = (
        "SELECT table_name, column_name, collation_name FROM information_schema.columns"
        " WHERE table_schema = 'public' AND data_type IN ('text', 'character varying')"
    )
    with store._db.read() as connection:
        found = connection.exec_driver_sql(query).all()
    assert len(found) > 80
    others = [tuple(row) for row in found if row.collation_name != "C" and row.table_name != stamp.name]
    assert others == []


def test_rows_that_are_copied_are_those_that_were_given_and_rows_that_are_there_stay(store: Any) -> None:
    texts = ["a\tb", "a\\b", "\\N", "", "\\.", "line\nline\r", "é\U0001f30a", "'\"", "\x7f\x01"] + [
        f"t{n}" for n in range(100)
    ]
    columns: dict[str, list[Any]] = {
        "path": texts, "fingerprint": texts[::-1], "hash": ["h"] * len(texts),
        "size": [2**40] * len(texts), "modified": [NOW] * len(texts),
    }  # fmt: skip
    with store._db.write() as connection:
        insert_columns(connection, insert(documents), columns)
        columns["fingerprint"] = ["another"] * len(texts)
        insert_columns(connection, insert_new(documents), columns)  # by way of a table of their own
        rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
        connection.execute(insert_new(documents), [*rows, rows[0] | {"path": "new"}])
    found = store.documents()
    assert {path: one.fingerprint for path, one in found.items() if path != "new"} == dict(
        zip(texts, texts[::-1], strict=True)
    )
    assert found["new"].size == 2**40
    with pytest.raises(StoreError, match=r"the database refused: .*NUL"):
        store.set_meta("name", "a\0b")


def test_a_batch_that_another_connection_holds_is_passed_over(store: Any, url: str) -> None:
    mailing = ready_mailing(store, 4, batch=2)
    with psycopg.connect(url) as other:
        held = other.execute("SELECT id FROM batches ORDER BY id LIMIT 1 FOR UPDATE").fetchone()
        claimed = store.claim_batch("run", NOW, NOW)
        assert claimed is not None
        assert held is not None
        assert (claimed.mailing, claimed.id) == (mailing, held[0] + 1)
        assert store.claim_batch("run", NOW, NOW) is None
    assert store.claim_batch("run", NOW, NOW).id == held[0]


def test_the_outcomes_of_a_group_are_one_statement_for_each_cause(store: Any) -> None:
    mailing = ready_mailing(store, 30, batch=30)
    store.claim_batch("run", NOW, NOW)
    sent = [Transition(mailing=mailing, n=n, cause=TransitionCause.INTEND) for n in range(1, 31)]
    assert store.record_transitions(sent, NOW, run="run") == [True] * 30
    causes = [TransitionCause.ACCEPT, TransitionCause.REJECT, TransitionCause.DEFER]
    ended = [
        Transition(mailing=mailing, n=n, cause=causes[n % 3], reply=f"250 or {n}\\'", not_before=NOW)
        for n in range(1, 31)
    ]
    missing = Transition(mailing=mailing, n=99, cause=TransitionCause.ACCEPT)
    asked: list[str] = []
    driver = store._db._writer.connection.driver_connection
    usual, seen = driver.cursor_factory, asked

    class Counting(usual):  # type: ignore[misc,valid-type]
        def execute(self, query: Any, *given: Any, **more: Any) -> Any:
            seen.append(str(query))
            return super().execute(query, *given, **more)

    driver.cursor_factory = Counting
    made = store.record_transitions([*ended[:15], missing, *ended[15:]], NOW, run="run")
    driver.cursor_factory = usual
    assert made == [True] * 15 + [False] + [True] * 15
    updates = [query for query in asked if query.startswith("UPDATE deliveries")]
    assert len(updates) == 4, "the last asks whether the missing one came late"
    replies = dict(store.replies(mailing))
    assert replies["250 or 1\\'"] == 1
    with store._db.read() as connection:
        states = connection.exec_driver_sql("SELECT state, count(*) FROM deliveries GROUP BY 1").all()
    assert dict(map(tuple, states)) == {"accepted": 10, "rejected": 10, "queued": 10}


def test_a_connection_that_the_server_ended_is_made_anew(store: Any, url: str) -> None:
    store.set_meta("a", "1")
    for n in range(3):
        assert store.meta("a") == "1"
        assert postgres.cut(url) > 0
        store.set_meta("b", str(n))
        assert store.meta("b") == str(n)


def test_while_the_database_takes_no_connections_each_call_is_one_line_and_then_all_goes_on(
    store: Any, url: str
) -> None:
    store.set_meta("a", "1")
    name = url.rpartition("/")[2]
    postgres.admin(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
    postgres.cut(url)
    for _ in range(3):
        with pytest.raises(StoreError, match="PostgreSQL does not answer"):
            store.set_meta("b", "2")
        with pytest.raises(StoreError, match="PostgreSQL does not answer"):
            store.meta("a")
    postgres.admin(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    store.set_meta("b", "3")
    assert (store.meta("a"), store.meta("b")) == ("1", "3")


def test_readers_see_one_state_and_do_not_write(store: Any) -> None:
    store.set_meta("a", "1")
    with store._db.read() as connection:
        query = select(meta.c.value).where(meta.c.name == "a")
        assert connection.execute(query).scalar() == "1"
        store.set_meta("a", "2")
        assert connection.execute(query).scalar() == "1"
    with pytest.raises(StoreError, match="it may not be written to"), store._db.read() as connection:
        connection.execute(meta.delete())


def test_ids_that_were_given_out_elsewhere_are_not_used_again(store: Any) -> None:
    store.reserve_subscription_ids(5000)
    store.reserve_subscription_ids(10)
    mailing = ready_mailing(store, 1, batch=1)
    assert [one.id for one in store.subscriptions(None, None)] == [5001]
    assert mailing == 1


def test_the_password_is_in_no_text_of_the_engine(url: str) -> None:
    store = open_store(url, create=False, password="geheim-")  # of a user who needs none
    engine = store._db._engine  # type: ignore[attr-defined]
    assert "geheim" not in f"{engine!r} {engine.url} {store._db.name} {vars(store._db)}"
    said: list[str] = []
    event.listen(engine, "handle_error", lambda context: said.append(str(context.original_exception)))
    with pytest.raises(StoreError) as error, store._db.read() as connection:
        connection.exec_driver_sql("SELECT wrong")
    assert "geheim" not in f"{said} {error.value!r}"
    store.close()
