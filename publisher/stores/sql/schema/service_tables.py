"""The tables of the service that works on a site, and of the settings it went by."""

from sqlalchemy import JSON, BigInteger, Boolean, Column, Integer, String, Table, Text

from publisher.stores.sql.schema.columns import Instant, metadata

generations = Table(
    "settings_generations",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("digest", String(64), nullable=False),
    Column("at", Instant, nullable=False),
    Column("version", Text, nullable=False),
    Column("values", JSON, nullable=False),  # name -> [hash of the value, where it was written]
)

service = Table(  # one row: the latest `publisher run`
    "service",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("token", String(32), nullable=False),
    Column("host", Text, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("version", Text, nullable=False),
    Column("store", Text, nullable=False),
    Column("inode", BigInteger, nullable=False),
    Column("web_only", Boolean, nullable=False),
    Column("generation", Integer, nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("heartbeat_at", Instant, nullable=False),
    Column("stopped_at", Instant),
    Column("published_at", Instant),
    Column("delivered_at", Instant),
    Column("served_at", Instant),
    Column("problem", Text, nullable=False),
    Column("problem_since", Instant),
    Column("restart", JSON, nullable=False),  # names of settings
    Column("asked", Integer, nullable=False),
    Column("answered", Integer, nullable=False),
)
