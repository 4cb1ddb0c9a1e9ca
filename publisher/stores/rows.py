"""Rows of subscriptions, and the values they are."""

from dataclasses import fields
from typing import Any

from sqlalchemy import Row, Select, select

from publisher.core.lists import Subscription
from publisher.core.log import Known
from publisher.stores.schema import subscribers, subscriptions
from publisher.stores.values import post_from_text

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


def as_known(row: Row[Any]) -> Known:
    """A row of `posts`."""
    post = post_from_text(row.value)
    return Known(
        id=row.id,
        post=post,
        live=row.live,
        first_seq=row.first_seq,
        updated_at=max(row.updated_at, post.instant or row.updated_at),  # RFC 4287: published <= updated
        missing_since=row.missing_since,
        missing_scans=row.missing_scans,
    )
