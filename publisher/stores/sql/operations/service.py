"""The service that works on the site, and the settings that it went by."""

from collections.abc import Mapping
from dataclasses import fields, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from publisher.core.service import ServiceRecord, SettingsGeneration
from publisher.stores.sql.database import Database, upsert
from publisher.stores.sql.schema.tables import generations, service

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
