"""Rows by the thousand: what is stored is what one row after the other would have stored."""

from pathlib import Path

import pytest
from sqlalchemy import create_engine, insert, select
from sqlalchemy.exc import IntegrityError

from publisher.core.posts.filters import TermKind
from publisher.stores.sql.database import ROWS_PER_INSERT, insert_columns, insert_many, insert_new
from publisher.stores.sql.schema.feed_tables import post_terms
from publisher.stores.sql.store import open_database


@pytest.mark.parametrize("number", [0, 1, ROWS_PER_INSERT - 1, ROWS_PER_INSERT, 2 * ROWS_PER_INSERT + 7])
def test_each_row_is_stored_once_as_its_types_have_it(tmp_path: Path, number: int) -> None:
    rows = [{"kind": TermKind.TAG, "key": f"k{n}", "first_seq": n} for n in range(number)]
    database = open_database(f"sqlite:///{tmp_path / 'store.db'}", create=True)
    with database.write() as connection:
        insert_many(connection, insert_new(post_terms), rows[: number // 2])
        insert_many(connection, insert_new(post_terms), rows)  # half of them stand there already
    with database.read() as connection:
        found = connection.execute(select(post_terms).order_by(post_terms.c.first_seq)).mappings().all()
    database.close()
    assert [dict(row) for row in found] == rows


def test_a_driver_that_takes_its_values_by_name_stores_the_same(tmp_path: Path) -> None:
    rows = [{"kind": TermKind.TAG, "key": f"k{n}", "first_seq": n} for n in range(2 * ROWS_PER_INSERT + 7)]
    engine = create_engine(f"sqlite:///{tmp_path / 'store.db'}", paramstyle="named")
    with engine.begin() as connection:
        post_terms.create(connection)
        insert_many(connection, insert(post_terms), rows)
        found = connection.execute(select(post_terms).order_by(post_terms.c.first_seq)).mappings().all()
    engine.dispose()
    assert [dict(row) for row in found] == rows


def test_a_row_that_stands_already_is_refused_where_it_must_be_new(tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{tmp_path / 'store.db'}", create=True)
    columns = {
        "kind": [TermKind.TAG] * ROWS_PER_INSERT,
        "key": ["k"] * ROWS_PER_INSERT,
        "first_seq": [1] * ROWS_PER_INSERT,
    }
    with database.read() as connection, pytest.raises(IntegrityError):
        insert_columns(connection, insert(post_terms), columns)
    database.close()
