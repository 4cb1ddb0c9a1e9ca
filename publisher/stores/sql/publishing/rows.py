"""Rows of subscriptions and posts, and the values they are."""

from dataclasses import fields
from typing import Any

from sqlalchemy import Row, Select, select

from publisher.core.publishing.log import Known
from publisher.core.subscribers.preferences import Choices
from publisher.core.subscribers.subscription import Subscription
from publisher.stores.sql.publishing.post_json import post_from_text
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
    choices = Choices(pace=as_pace(row), taste=as_taste(row), paused=row.paused)
    return Subscription(**dict(zip(_NAMES, row, strict=False)), choices=choices)


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
        stored_as=row.revision,
        file_hash=row.file_hash,
        reader=row.reader,
        first=row.changed_seq == row.first_seq and not row.backfill,
    )
