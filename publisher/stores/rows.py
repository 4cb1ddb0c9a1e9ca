"""Rows of subscriptions, and the values they are."""

from dataclasses import fields
from typing import Any

from sqlalchemy import Row, Select, select

from publisher.core.lists import Subscription
from publisher.stores.schema import subscribers, subscriptions

_NAMES = tuple(field.name for field in fields(Subscription))
_FROM = {column.name: column for column in (*subscriptions.columns, subscribers.c.address)}


def with_address() -> Select[Any]:
    """Subscriptions, column for field, then their reader's id and the key of the address."""
    joined = subscriptions.join(subscribers, subscribers.c.id == subscriptions.c.subscriber)
    columns = [_FROM[name] for name in _NAMES]
    return select(*columns, subscriptions.c.subscriber, subscribers.c.address_key).select_from(joined)


def as_subscription(row: Row[Any]) -> Subscription:
    """A row of `with_address` as the value."""
    return Subscription(**dict(zip(_NAMES, row, strict=False)))
