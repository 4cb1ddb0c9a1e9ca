"""Rhythms and tastes: what readers chose, each once, and known to a subscription by its number.

A million readers share a few hundred of them, so that who is due, and what for, is asked of those few.
"""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime, time
from typing import Any

from sqlalchemy import Connection, Row, insert, select

from publisher.core.subscribers.preferences import ContentPreference, SchedulePreference
from publisher.stores.sql.engine.database import insert_new
from publisher.stores.sql.schema.subscriber_tables import rhythms, tastes

NO_TOPICS = "[]"


def taste_row(taste: ContentPreference) -> dict[str, Any]:
    """A taste as the columns of its row."""
    return {"topics": json.dumps(list(taste.topics), ensure_ascii=False), "language": taste.language}


def as_taste(row: Row[Any]) -> ContentPreference:
    """The taste of a row that has the columns of `tastes`."""
    topics = () if row.topics == NO_TOPICS else tuple(json.loads(row.topics))
    return ContentPreference(topics=topics, language=row.language)


def pace_row(spec: str, pace: SchedulePreference) -> dict[str, Any]:
    """A pace on list `spec` as the columns of its row."""
    return {
        "list": spec,
        "cadence": pace.cadence,
        "day": pace.on,
        "hour": f"{pace.at:%H:%M}" if pace.at else "",
        "timezone": pace.timezone,
    }


def as_pace(row: Row[Any]) -> SchedulePreference:
    """The pace of a row that has the columns of `rhythms`."""
    at = time.fromisoformat(row.hour) if row.hour else None
    return SchedulePreference(cadence=row.cadence, on=row.day, at=at, timezone=row.timezone)


def rhythm_ids(
    connection: Connection, spec: str, wanted: Iterable[tuple[SchedulePreference, datetime | None]]
) -> Mapping[SchedulePreference, int]:
    """The number of each pace on a list, new ones due first when they are given as due."""
    found: dict[SchedulePreference, int] = {}
    for pace, due in wanted:
        if pace not in found:
            row = pace_row(spec, pace)
            connection.execute(insert_new(rhythms).values(row | {"next_at": due}))
            this = [rhythms.c[name] == value for name, value in row.items()]
            found[pace] = connection.execute(select(rhythms.c.id).where(*this)).scalar_one()
    return found


def taste_ids(connection: Connection, wanted: Iterable[ContentPreference]) -> Mapping[ContentPreference, int]:
    """The number of each taste."""
    found: dict[ContentPreference, int] = {}
    for taste in wanted:
        if taste not in found:
            row = taste_row(taste)
            connection.execute(insert_new(tastes).values(row))
            this = [tastes.c[name] == value for name, value in row.items()]
            found[taste] = connection.execute(select(tastes.c.id).where(*this)).scalar_one()
    return found


def usual_taste(connection: Connection, id: int) -> None:
    """The row of the taste that wants everything, in a new store."""
    connection.execute(insert(tastes).values(id=id, **taste_row(ContentPreference())))
