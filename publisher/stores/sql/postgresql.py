"""PostgreSQL: its connections, what its errors mean, and the few words in which its SQL differs.

The store's statements are written for SQLite; `StoreDialect` is where they become PostgreSQL's: upserts,
partial indexes, functions with other names, text that is ordered by its bytes, and inserts of many rows,
which go by COPY. No other module of the store knows which database it has.

Readers see one state (REPEATABLE READ, read only). Writers take turns by an advisory lock of the database, as
SQLite's do by BEGIN IMMEDIATE: what is read in a transaction that writes stays true until it commits.

Only a site whose `store.url` names PostgreSQL loads this module, and psycopg with it.
"""

import re
import select as readiness
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import psycopg
from psycopg import Connection as Driver
from psycopg import Cursor as DriverCursor
from sqlalchemy import (
    URL,
    Column,
    ColumnClause,
    Connection,
    Engine,
    Insert,
    Table,
    Text,
    column,
    create_engine,
    event,
    make_url,
    select,
    table,
)
from sqlalchemy.dialects import registry, sqlite
from sqlalchemy.dialects.postgresql.base import PGDDLCompiler, PGTypeCompiler
from sqlalchemy.dialects.postgresql.psycopg import PGCompiler_psycopg, PGDialect_psycopg
from sqlalchemy.exc import DisconnectionError

from publisher.core.errors import OutputError, StoreError
from publisher.stores.sql.database import LOCK_SECONDS, Database
from publisher.stores.sql.schema.columns import JsonText

OLDEST = (14,)
"""The oldest version that its makers still mend."""

WRITERS = 0x7075626C69736872
"""The number of the advisory lock that writers take: "publishr"."""

COPIED = 50
"""From so many rows on, they are copied to a table of their own first, and inserted from there."""

CONNECT: Mapping[str, str | int] = {
    "application_name": "publisher",
    "client_encoding": "UTF8",
    "connect_timeout": 10,
    # A network that was cut is found in a minute, not in two hours.
    "keepalives_idle": 20,
    "keepalives_interval": 10,
    "keepalives_count": 4,
    "tcp_user_timeout": 60_000,
}
"""How connections are made, where store.url does not say otherwise."""


class _Types(PGTypeCompiler):
    """Columns of text compare and sort by their bytes, as SQLite's do, whatever the database's locale is."""

    def visit_TEXT(self, type_: Any, **kw: Any) -> str:  # noqa: N802  # SQLAlchemy's name
        return super().visit_TEXT(type_, **kw) + _collation(kw)

    def visit_VARCHAR(self, type_: Any, **kw: Any) -> str:  # noqa: N802  # SQLAlchemy's name
        return super().visit_VARCHAR(type_, **kw) + _collation(kw)

    def visit_user_defined(self, type_: Any, **kw: Any) -> str:
        if isinstance(type_, JsonText):  # as JSON, psycopg would decode it
            return self.visit_TEXT(Text(), **kw)
        return super().visit_user_defined(type_, **kw)


def _collation(given: Mapping[str, Any]) -> str:
    return ' COLLATE "C"' if isinstance(given.get("type_expression"), Column) else ""


class _Tables(PGDDLCompiler):
    def visit_create_index(self, create: Any, *given: Any, **kw: Any) -> Any:
        options = create.element.dialect_options
        if options["postgresql"]["where"] is None:
            options["postgresql"]["where"] = options["sqlite"]["where"]
        usual: Any = super()
        return usual.visit_create_index(create, *given, **kw)


class _Statements(PGCompiler_psycopg):
    def visit_max_func(self, function: Any, **kw: Any) -> str:
        name = "greatest" if len(function.clauses) > 1 else "max"
        return name + self.function_argspec(function, **kw)

    def visit_substr_func(self, function: Any, **kw: Any) -> str:
        """From a start before the end on, which is the only way in which the store asks."""
        text, start = (self.process(clause, **kw) for clause in function.clauses)
        return f"right({text}, -({start}))"

    def visit_custom_op_binary(self, element: Any, operator: Any, **kw: Any) -> str:
        if operator.opstring != "GLOB":
            usual: Any = super()
            return str(usual.visit_custom_op_binary(element, operator, **kw))
        text, pattern = self.process(element.left, **kw), self.process(element.right, **kw)
        return f"{text} SIMILAR TO translate({pattern}, '*', '%%')"

    def _on_conflict_target(self, clause: Any, **_: Any) -> str:
        names: Sequence[Any] = clause.inferred_target_elements or ()
        return f"({', '.join(map(self.preparer.quote, names))})" if names else ""


class StoreDialect(PGDialect_psycopg):
    """PostgreSQL, for statements that are written for SQLite."""

    supports_statement_cache = True
    type_compiler_cls = _Types
    ddl_compiler = _Tables
    statement_compiler = _Statements

    def insert_rows(
        self, connection: Connection, statement: Insert, names: Sequence[str], rows: Sequence[tuple[Any, ...]]
    ) -> None:
        """`database.BulkDialect`. Rows that replace others must have different keys."""
        driver = connection.connection.driver_connection
        assert driver is not None  # noqa: S101  # it is in a transaction
        with driver.cursor() as cursor:
            self._insert(cursor, statement, names, rows)

    def update_rows(
        self, cursor: Any, update: str, names: Sequence[str], rows: Sequence[Sequence[Any]]
    ) -> list[bool]:
        """`database.BulkDialect`: each value of the rows comes as an array of them all."""
        statement, wanted = _grouped(update)
        values = dict(zip(names, zip(*rows, strict=True), strict=True))
        cursor.execute(statement, {name: list(values[name]) for name in wanted})
        changed = {place for (place,) in cursor.fetchall()}
        return [place in changed for place in range(1, len(rows) + 1)]

    def do_executemany(self, cursor: Any, statement: str, parameters: Any, context: Any = None) -> None:
        """Many rows are copied; a statement that replaces rows may have one key twice, and is not."""
        compiled: Any = getattr(context, "compiled", None)
        inserts = getattr(compiled, "statement", None)
        if isinstance(inserts, Insert) and len(parameters) >= COPIED and "DO UPDATE" not in statement:
            names = list(parameters[0])
            if len(getattr(compiled, "binds", ())) == len(names) and all(
                name in inserts.table.c for name in names
            ):
                self._insert(cursor, inserts, names, [tuple(row.values()) for row in parameters])
                return
        usual: Any = super()
        usual.do_executemany(cursor, statement, parameters, context)

    def _insert(
        self,
        cursor: DriverCursor[Any],
        statement: Insert,
        names: Sequence[str],
        rows: Sequence[tuple[Any, ...]],
    ) -> None:
        quote = self.identifier_preparer.quote
        columns, into = ", ".join(map(quote, names)), statement.table.name
        if not isinstance(statement, sqlite.Insert):  # a row that exists already is an error
            self._copy(cursor, quote(into), columns, rows)
            return
        if len(rows) < COPIED:
            text = str(statement.compile(dialect=self, column_keys=list(names)))
            cursor.executemany(text.encode(), [dict(zip(names, row, strict=True)) for row in rows])
            return
        staged = f"copied_{into}"
        like = f"SELECT {columns} FROM {quote(into)} WITH NO DATA"  # noqa: S608  # our own names
        cursor.execute(f"CREATE TEMPORARY TABLE {staged} ON COMMIT DROP AS {like}".encode())
        self._copy(cursor, staged, columns, rows)
        given: list[ColumnClause[Any]] = [column(name) for name in names]
        source = table(staged, *given)
        text = str(statement.from_select(list(names), select(source)).compile(dialect=self))
        cursor.execute(text.encode())
        cursor.execute(f"DROP TABLE {staged}".encode())

    def _copy(
        self, cursor: DriverCursor[Any], into: str, columns: str, rows: Sequence[tuple[Any, ...]]
    ) -> None:
        with cursor.copy(f"COPY {into} ({columns}) FROM STDIN".encode()) as copy:
            for row in rows:
                copy.write_row(row)


_PLACE = re.compile(r"%\((\w+)\)s(::\w+)?")


@lru_cache(maxsize=100)  # the statements of the ledger are a dozen
def _grouped(update: str) -> tuple[str, Sequence[str]]:
    """The UPDATE of one row as that of many, and which of its parameters are arrays of values now. It returns
    the places, from 1 on, of those that changed a row.
    """
    kinds = {found[1]: found[2] or "" for found in _PLACE.finditer(update)}
    arrays = ", ".join(f"%({name})s{kind}[]" for name, kind in kinds.items())
    head, _, condition = _PLACE.sub(r"given.\1", update).partition("WHERE")
    given = f"unnest({arrays}) WITH ORDINALITY AS given ({', '.join(kinds)}, place)"
    return f"{head}FROM {given} WHERE{condition} RETURNING given.place", list(kinds)


class PostgresqlDatabase(Database):
    """A database of a PostgreSQL server. The password is kept out of everything that is shown."""

    def __init__(self, name: str, url: str, password: str) -> None:
        super().__init__(name, _engine(make_url(url), password))

    def identity(self) -> int:
        with self.read() as connection:
            found = connection.exec_driver_sql(
                "SELECT system_identifier, oid FROM pg_control_system(), pg_database"
                " WHERE datname = current_database()"
            ).one()
        return int((found[0] ^ found[1] << 32) & (2**63 - 1))

    def size(self) -> int:
        with self.read() as connection:
            return int(connection.exec_driver_sql("SELECT pg_database_size(current_database())").scalar_one())

    def reserve_ids(self, connection: Connection, table: Table, last: int) -> None:
        sequence = f"pg_get_serial_sequence('{table.name}', 'id')::regclass"
        behind = f"coalesce(pg_sequence_last_value({sequence}), 0) < %(last)s"
        query = f"SELECT setval({sequence}, %(last)s) WHERE {behind}"  # our own names
        connection.exec_driver_sql(query, {"last": last})

    def id_taken(self, connection: Connection, table: Table, id: int) -> None:
        self.reserve_ids(connection, table, id)

    def check(self, connection: Connection) -> None:
        """Raises StoreError if the store cannot be in this database: an old server, or another encoding."""
        found = connection.dialect.server_version_info or OLDEST
        if found < OLDEST:
            version = ".".join(map(str, found))
            raise StoreError(self.name, f"PostgreSQL {version} is too old", f"use {OLDEST[0]} or later")
        encoding = connection.exec_driver_sql("SHOW server_encoding").scalar_one()
        if encoding != "UTF8":
            what = f"the encoding of this database is {encoding}"
            raise StoreError(self.name, what, "make one with ENCODING 'UTF8'")

    @contextmanager
    def _errors(self) -> Generator[None, None, None]:
        try:
            with super()._errors():
                yield
        except psycopg.Error as error:  # of what goes to the driver itself
            raise self._error(error) from error

    def _connect_to_write(self) -> Connection:
        lost, self._writer = self._writer, None
        if lost is not None and not lost.closed:
            lost.invalidate()
            lost.close()
        options: dict[str, Any] = {"isolation_level": "READ COMMITTED", "postgresql_readonly": False}
        return super()._connect_to_write().execution_options(**options, preserve_rowcount=True)

    def _prepare_wide(self, connection: Connection) -> None:
        """Plans anew each time: a table may have grown a hundredfold since a plan was kept."""
        connection.exec_driver_sql("SET LOCAL plan_cache_mode = force_custom_plan")

    def _is_lost(self, connection: Connection) -> bool:
        if connection.invalidated or connection.closed:
            return True
        driver = connection.connection.driver_connection
        return driver is None or is_lost(driver)

    def _error(self, error: BaseException) -> StoreError | OutputError:
        what = str(error).splitlines()[0] if str(error) else type(error).__name__
        what = what.rpartition(" failed: ")[2].removeprefix("FATAL:").strip()
        code = (error.sqlstate if isinstance(error, psycopg.Error) else None) or ""
        if code == "53100":
            return OutputError(self.name, "the disk of the database is full", "free some space and run again")
        for codes, words, answer, do in _KNOWN_ERRORS:
            if bool(codes) and code.startswith(codes) if code else any(word in what for word in words):
                return StoreError(self.name, answer.format(what=what), do)
        if not code and isinstance(error, psycopg.OperationalError):
            do = "see whether it runs, and whether store.url is right"
            return StoreError(self.name, f"PostgreSQL does not answer ({what})", do)
        return StoreError(self.name, f"the database refused: {what}")


_KNOWN_ERRORS: tuple[tuple[tuple[str, ...], tuple[str, ...], str, str], ...] = (
    ((), ("invalid connection option", "invalid URI"), "store.url is wrong ({what})", "correct it"),
    (
        ("28",),
        ("password authentication failed", "no password supplied", "no pg_hba.conf entry", "role "),
        "PostgreSQL does not let Publisher in ({what})",
        "check the user in store.url and store.password_file",
    ),
    (
        ("3D",),
        (" does not exist",),
        "there is no such database ({what})",
        "make it with `createdb`, or correct store.url",
    ),
    (
        ("55P03",),
        (),
        f"another process has held the store for {LOCK_SECONDS} s",
        "stop it, or try again",
    ),
    (
        ("42501", "25006"),
        (),
        "it may not be written to ({what})",
        "the user in store.url must own the database, and the server must not be a standby",
    ),
    (
        ("57P", "08"),
        (),
        "PostgreSQL does not answer ({what})",
        "see whether it runs, and whether store.url is right",
    ),
)
"""Codes of errors (SQLSTATE) or, where there is none because no connection was made, words; the answer."""


def _engine(url: URL, password: str) -> Engine:
    registry.register("postgresql.publisher", __name__, StoreDialect.__name__)
    given = url.set(drivername="postgresql+publisher")
    engine = create_engine(
        given.set(password=password) if password else given,
        isolation_level="REPEATABLE READ",
        pool_size=8,
        pool_use_lifo=True,
        hide_parameters=True,  # addresses and tokens stay out of tracebacks and logs
        connect_args={name: value for name, value in CONNECT.items() if name not in url.query},
    )
    listeners: Sequence[tuple[str, Callable[..., None]]] = (
        ("connect", _connected),
        ("checkout", _checked_out),
        ("begin", _begun),
    )
    for name, listener in listeners:
        event.listen(engine, name, listener)
    return engine


def _connected(driver: Driver[Any], _record: object) -> None:
    driver.execute(f"SET lock_timeout = '{LOCK_SECONDS}s'".encode())
    driver.execute("SET client_min_messages = warning")
    driver.commit()
    driver.read_only = True


def _checked_out(driver: Driver[Any], _record: object, _proxy: object) -> None:
    if is_lost(driver):
        raise DisconnectionError  # the pool makes another


def is_lost(driver: Driver[Any]) -> bool:
    """Whether a connection that nobody uses ended meanwhile: by a restart of the server, for example. It
    costs no message to the server unless that has sent one.
    """
    if driver.closed:
        return True
    poll = readiness.poll()
    poll.register(driver.fileno(), readiness.POLLIN | readiness.POLLHUP | readiness.POLLERR)
    if not poll.poll(0):
        return False
    try:
        driver.execute("SELECT 1")
        driver.rollback()
    except psycopg.Error:
        return True
    return False


def _begun(connection: Connection) -> None:
    if connection.get_execution_options().get("writes", False):
        driver = connection.connection.driver_connection
        if driver is not None:
            driver.execute("SELECT pg_advisory_xact_lock(%s)", (WRITERS,))
