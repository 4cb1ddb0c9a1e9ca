"""Subscriptions as values, and preferences as rows.

Each schedule and each content preference is stored once, and subscriptions refer to them by number. A million
readers share a few hundred of them, so the queries for who is due go over those few.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import fields
from datetime import datetime, time
from typing import Any

from sqlalchemy import Connection, Row, Select, insert, select

from publisher.core.subscribers.subscription import (
    ContentPreference,
    Preferences,
    SchedulePreference,
    Subscription,
)
from publisher.stores.sql.database import insert_new
from publisher.stores.sql.schema.subscriber_tables import (
    content_choices,
    schedules,
    subscribers,
    subscriptions,
)

NO_TOPICS = "[]"


def content_row(preference: ContentPreference) -> dict[str, Any]:
    """A content preference as columns of `tastes`."""
    return {
        "topics": json.dumps(list(preference.topics), ensure_ascii=False),
        "language": preference.language,
    }


def content_value(row: Row[Any]) -> ContentPreference:
    """The content preference of a row with the columns of `tastes`."""
    topics = () if row.topics == NO_TOPICS else tuple(json.loads(row.topics))
    return ContentPreference(topics=topics, language=row.language)


def schedule_row(slug: str, preference: SchedulePreference) -> dict[str, Any]:
    """A schedule on the list `slug` as columns of `rhythms`."""
    return {
        "list": slug,
        "cadence": preference.cadence,
        "day": preference.on,
        "hour": f"{preference.at:%H:%M}" if preference.at else "",
        "timezone": preference.timezone,
    }


def schedule_value(row: Row[Any]) -> SchedulePreference:
    """The schedule of a row with the columns of `rhythms`."""
    at = time.fromisoformat(row.hour) if row.hour else None
    return SchedulePreference(cadence=row.cadence, on=row.day, at=at, timezone=row.timezone)


def schedule_ids(
    connection: Connection, slug: str, wanted: Iterable[tuple[SchedulePreference, datetime | None]]
) -> Mapping[SchedulePreference, int]:
    """The id of each schedule on a list. New ones are inserted with the given first due time."""
    found: dict[SchedulePreference, int] = {}
    for preference, due in wanted:
        if preference not in found:
            row = schedule_row(slug, preference)
            connection.execute(insert_new(schedules).values(row | {"next_at": due}))
            this = [schedules.c[name] == value for name, value in row.items()]
            found[preference] = connection.execute(select(schedules.c.id).where(*this)).scalar_one()
    return found


def content_ids(
    connection: Connection, wanted: Iterable[ContentPreference]
) -> Mapping[ContentPreference, int]:
    """The id of each content preference; new ones are inserted."""
    found: dict[ContentPreference, int] = {}
    for preference in wanted:
        if preference not in found:
            row = content_row(preference)
            connection.execute(insert_new(content_choices).values(row))
            this = [content_choices.c[name] == value for name, value in row.items()]
            found[preference] = connection.execute(select(content_choices.c.id).where(*this)).scalar_one()
    return found


def insert_default_content(connection: Connection, id: int) -> None:
    """Inserts the content preference that wants everything, in a new store."""
    connection.execute(insert(content_choices).values(id=id, **content_row(ContentPreference())))


_FIELDS = tuple(field.name for field in fields(Subscription) if field.name != "choices")
_COLUMN_OF = {column.name: column for column in (*subscriptions.columns, subscribers.c.address)}
_PREFERENCES = (
    subscriptions.c.paused,
    *[column for column in schedules.columns if column.name not in ("id", "list", "next_at")],
    content_choices.c.topics,
    content_choices.c.language,
)


def select_subscriptions() -> Select[Any]:
    """Selects subscriptions: a column for each field, then the subscriber's id, the address key, and the
    columns of their preferences.
    """
    joined = (
        subscriptions.join(subscribers, subscribers.c.id == subscriptions.c.subscriber)
        .join(schedules, schedules.c.id == subscriptions.c.rhythm)
        .join(content_choices, content_choices.c.id == subscriptions.c.taste)
    )
    columns = [_COLUMN_OF[name] for name in _FIELDS]
    return select(*columns, subscriptions.c.subscriber, subscribers.c.address_key, *_PREFERENCES).select_from(
        joined
    )


def subscription_value(row: Row[Any]) -> Subscription:
    """The subscription of a row of `select_subscriptions`."""
    choices = Preferences(schedule=schedule_value(row), content=content_value(row), paused=row.paused)
    return Subscription(**dict(zip(_FIELDS, row, strict=False)), choices=choices)
