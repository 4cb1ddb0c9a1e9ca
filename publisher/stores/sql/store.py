"""SqlStore: all of the store over one database. Opening it, whether it is new, current, older, newer or no
store at all, and migrating it by Alembic. Also the rows of the service that works on the site and of the
settings it went by, since they are about the store as a whole.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Row, delete, func, insert, inspect, make_url, select, update

from publisher.core.digests.digest import DEFAULT_CONTENT_ID
from publisher.core.errors import StoreError
from publisher.core.site import ServiceRecord, SettingsGeneration
from publisher.stores.sql.database import Database, upsert
from publisher.stores.sql.delivery.bounces import BounceRecords
from publisher.stores.sql.delivery.holds import MailingHolds, WithdrawnPosts
from publisher.stores.sql.delivery.ledger import Ledger, ReconciliationRecords, Routes
from publisher.stores.sql.delivery.released_posts import ReleasedPosts
from publisher.stores.sql.delivery.retention import LedgerRetention
from publisher.stores.sql.delivery.throttle_state import QuotaRecords, ThrottleRecords
from publisher.stores.sql.delivery.webhooks import WebhookRecords
from publisher.stores.sql.digests.planning import Planning
from publisher.stores.sql.feeds.documents import DocumentRecords, PublishStateRecords
from publisher.stores.sql.feeds.feed_queries import FeedQueries
from publisher.stores.sql.operations.measures import MeasureRecords
from publisher.stores.sql.publishing.file_index import FileIndex
from publisher.stores.sql.publishing.log import Log
from publisher.stores.sql.schema.columns import metadata
from publisher.stores.sql.schema.subscriber_tables import content_choices
from publisher.stores.sql.schema.tables import (
    MAILING,
    SCHEMA,
    counters,
    generations,
    log_head,
    service,
    stamp,
)
from publisher.stores.sql.sqlite import create_file, existing_database, missing, path_of
from publisher.stores.sql.subscribers.admin_queries import SubscriberOverviews
from publisher.stores.sql.subscribers.audit_log import AuditLog
from publisher.stores.sql.subscribers.departures import DepartureRecords, ListRecords
from publisher.stores.sql.subscribers.personal_data import AccountLinks, PersonalData
from publisher.stores.sql.subscribers.signup import SignupRecords
from publisher.stores.sql.subscribers.subscribers import AddressKeys, Subscribers
from publisher.stores.sql.subscribers.subscription_rows import insert_default_content

if TYPE_CHECKING:
    from publisher.core.delivery.mailing import NewMailing
    from publisher.core.subscribers.import_rows import ImportOutcome
    from publisher.core.subscribers.subscription import Consent, Departure
    from publisher.stores.sql.subscribers.import_rows import Rows


KEPT = 50
"""Generations of settings that are kept."""

THE_ROW = 1


class ServiceRecords:
    """`ports.ServiceStore`."""

    _db: Database

    def service(self) -> ServiceRecord | None:
        with self._db.read() as connection:
            return _record(connection.execute(select(service)).first())

    def replace_service(self, record: ServiceRecord, before: str | None) -> bool:
        row = {field.name: getattr(record, field.name) for field in fields(record)}
        row |= {"id": THE_ROW, "restart": list(record.restart)}
        with self._db.write() as connection:
            found = connection.execute(select(service.c.token)).scalar()
            if found != before:
                return False
            connection.execute(upsert(service), [row])
        return True

    def update_service(self, token: str, **changes: object) -> bool:
        with self._db.write() as connection:
            ours = update(service).where(service.c.token == token).values(**changes)
            return connection.execute(ours).rowcount == 1

    def ask_reload(self) -> int:
        with self._db.write() as connection:
            connection.execute(update(service).values(asked=service.c.asked + 1))
            return connection.execute(select(service.c.asked)).scalar() or 0

    def add_generation(
        self, digest: str, values: Mapping[str, tuple[str, str]], version: str, now: datetime, *, anew: bool
    ) -> int:
        with self._db.write() as connection:
            last = connection.execute(select(generations).order_by(generations.c.number.desc())).first()
            if last is not None and last.digest == digest and not anew:
                return _number(connection)
            number = _number(connection) + 1
            row: dict[str, object] = {"number": number, "digest": digest, "at": now, "version": version}
            row["values"] = {key: list(value) for key, value in values.items()}
            connection.execute(insert(generations), [row])
            connection.execute(delete(generations).where(generations.c.number <= number - KEPT))
            return number

    def generation(self, number: int | None = None) -> SettingsGeneration | None:
        query = select(generations).order_by(generations.c.number.desc()).limit(1)
        if number is not None:
            query = query.where(generations.c.number == number)
        with self._db.read() as connection:
            row = connection.execute(query).mappings().first()
        if row is None:
            return None
        return SettingsGeneration(
            number=row["number"],
            digest=row["digest"],
            at=row["at"],
            version=row["version"],
            values={key: (hash, where) for key, (hash, where) in row["values"].items()},
        )


def _number(connection: Connection) -> int:
    return connection.execute(select(func.max(generations.c.number))).scalar() or 0


def _record(row: Row[Any] | None) -> ServiceRecord | None:
    if row is None:
        return None
    given: dict[str, Any] = {field.name: getattr(row, field.name) for field in fields(ServiceRecord)}
    return replace(ServiceRecord(**given), restart=tuple(row.restart))


class SqlStore(
    Log,
    FeedQueries,
    FileIndex,
    DocumentRecords,
    Subscribers,
    PersonalData,
    AccountLinks,
    AddressKeys,
    SignupRecords,
    Planning,
    Ledger,
    Routes,
    ReleasedPosts,
    MailingHolds,
    WithdrawnPosts,
    LedgerRetention,
    ThrottleRecords,
    BounceRecords,
    WebhookRecords,
    QuotaRecords,
    PublishStateRecords,
    ServiceRecords,
    AuditLog,
    SubscriberOverviews,
    DepartureRecords,
    ListRecords,
    ReconciliationRecords,
    MeasureRecords,
):
    """`ports.Store`; safe to share between threads. Every method may raise StoreError."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def import_rows(
        self,
        slug: str,
        rows: "Rows",
        consent: "Consent",
        ask: "NewMailing | None",
        journal: "Callable[[Sequence[Departure]], None]",
    ) -> "Sequence[ImportOutcome]":
        # Only an import needs this: it is not loaded at each start.
        from publisher.stores.sql.subscribers.import_rows import import_rows

        return import_rows(self._db, slug, rows, consent, ask, journal)

    def identity(self) -> int:
        return self._db.identity()

    def size(self) -> int:
        return self._db.size()

    def close(self) -> None:
        self._db.close()


def open_database(url: str, *, create: bool, first: bool = False, password: str = "") -> Database:
    """The database at `url`, with this version's schema. Raises StoreError, OutputError."""
    if create and not is_postgresql(url):
        create_file(path_of(url))
    database = _connect(url, password, first=first)
    try:
        found = _schema_of(database)
        if found is None:
            if not create:
                raise missing(database.name)
            with database.write() as connection:
                found = schema_number(connection, database.name) or _create_schema(database, connection)
        check_not_newer(database.name, found)
        if found != SCHEMA:
            what = (
                f"the store is of an older version of Publisher (schema {found}, this version needs {SCHEMA})"
            )
            raise StoreError(database.name, what, "run `publisher migrate`")
    except BaseException:
        database.close()
        raise
    return database


def is_postgresql(url: str) -> bool:
    """Whether a store's URL names a database of PostgreSQL."""
    return url.startswith("postgresql:")


def _connect(url: str, password: str, *, first: bool = False) -> Database:
    """A database that is there, whatever is in it."""
    if not is_postgresql(url):
        return existing_database(path_of(url), first=first)
    try:
        from publisher.stores.sql.postgresql import PostgresqlDatabase
    except ImportError as error:
        what = f"psycopg, which PostgreSQL needs, cannot be loaded ({error})"
        raise StoreError("store.url", what, "pip install 'publisher[postgresql]'") from error
    return PostgresqlDatabase(name_of_database(url), url, password)


def name_of_database(url: str) -> str:
    """The host and the database of a URL, and nothing else."""
    parsed = make_url(url)
    host = parsed.host or parsed.query.get("host") or "localhost"
    port = f":{parsed.port}" if parsed.port else ""
    return f"postgresql://{host if isinstance(host, str) else ','.join(host)}{port}/{parsed.database or ''}"


def _schema_of(database: Database) -> str | None:
    """The number of a database's schema; None if it is empty."""
    with database.read() as connection:
        database.check(connection)
        return schema_number(connection, database.name)


def size_of_database(url: str, password: str) -> int:
    """The size in bytes of a store that is no file; 0 if there is none. Raises StoreError."""
    database = _connect(url, password)
    try:
        return 0 if _schema_of(database) is None else database.size()
    finally:
        database.close()


def schema_number(connection: Connection, name: str) -> str | None:
    """The number of the schema; None for an empty database. Raises StoreError if it has foreign tables."""
    names = inspect(connection).get_table_names()
    if stamp.name in names and log_head.name in names:
        return connection.execute(select(stamp.c.version_num)).scalar() or ""
    if names:
        other = "an empty database" if is_postgresql(name) else "another file"
        raise StoreError(name, "a database, but not a Publisher store", f"name {other} in store.url")
    return None


def check_not_newer(name: str, found: str) -> None:
    """Raises StoreError if this version does not know the schema."""
    if found.isdigit() and int(found) <= int(SCHEMA):
        return
    raise StoreError(
        name,
        "the store was written by a newer version of Publisher "
        f"(schema {found}, this version knows {SCHEMA})",
        "upgrade Publisher",
    )


def _create_schema(database: Database, connection: Connection) -> str:
    metadata.create_all(connection, checkfirst=False)
    stamp.create(connection)
    connection.execute(insert(stamp).values(version_num=SCHEMA))
    connection.execute(insert(log_head).values(id=1, seq=0))
    connection.execute(insert(counters).values(name=MAILING, last=0))
    insert_default_content(connection, DEFAULT_CONTENT_ID)
    database.id_taken(connection, content_choices, DEFAULT_CONTENT_ID)
    return SCHEMA


def migrate(url: str, password: str = "") -> tuple[str, str]:
    """Migrates the store at `url` to `SCHEMA`, in one transaction; returns (number before, number now)."""
    database = _connect(url, password)
    try:
        before = _schema_of(database)
        if before is None:
            empty = "an empty database, not a store" if is_postgresql(url) else "an empty file, not a store"
            raise StoreError(database.name, empty, "run `publisher publish` to make it")
        check_not_newer(database.name, before)
        if before != SCHEMA:
            with database.rebuild() as connection:
                upgrade(connection)
                database.check_references(connection)
        return before, SCHEMA
    finally:
        database.close()


def alembic_config() -> Any:
    """Alembic's settings, with the migrations packaged beside this module."""
    from alembic.config import Config

    settings = Config()
    settings.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    return settings


def upgrade(connection: Connection, to: str = "head") -> None:
    """Runs the migrations that the database lacks, in the current transaction."""
    from alembic import command

    settings = alembic_config()
    settings.attributes["connection"] = connection
    command.upgrade(settings, to)
