"""TODO say what this is about."""

from dataclasses import fields
from typing import Any

from sqlalchemy import Row, Select, select

from publisher.core.subscribers.preferences import Preferences
from publisher.core.subscribers.subscription import Subscription
from publisher.stores.sql.schema.subscriber_tables import rhythms, subscribers, subscriptions, tastes
from publisher.stores.sql.subscribers.preferences import as_pace, as_taste

_NAMES = tuple(field.name for field in fields(Subscription) if field.name != "choices")
_FROM = {column.name: column for column in (*subscriptions.columns, subscribers.c.address)}
_CHOICES = (
    subscriptions.c.paused,
    *[column for column in rhythms.columns if column.name not in ("id", "list", "next_at")],
    tastes.c.topics,
    tastes.c.language,
)


def with_address() -> Select[Any]:
    """Subscriptions, column for field, then their reader's id, the key of the address, and their choices."""
    joined = (
        subscriptions.join(subscribers, subscribers.c.id == subscriptions.c.subscriber)
        .join(rhythms, rhythms.c.id == subscriptions.c.rhythm)
        .join(tastes, tastes.c.id == subscriptions.c.taste)
    )
    columns = [_FROM[name] for name in _NAMES]
    return select(*columns, subscriptions.c.subscriber, subscribers.c.address_key, *_CHOICES).select_from(
        joined
    )


def as_subscription(row: Row[Any]) -> Subscription:
    """A row of `with_address` as the value."""
    choices = Preferences(pace=as_pace(row), taste=as_taste(row), paused=row.paused)
    return Subscription(**dict(zip(_NAMES, row, strict=False)), choices=choices)
