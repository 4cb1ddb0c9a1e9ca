"""A reader's change of address: the new address is confirmed, and takes the place of the one before."""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, delete, exists, or_, select, update

from publisher.core.delivery.mailing import MailingKind
from publisher.core.subscribers.departures import Departure
from publisher.core.subscribers.subscription import State
from publisher.stores.sql.delivery.receipts import receipts
from publisher.stores.sql.engine.database import upsert
from publisher.stores.sql.publishing.rows import with_address
from publisher.stores.sql.schema.subscriber_tables import arrivals, subscriptions
from publisher.stores.sql.schema.tables import deliveries, mailings
from publisher.stores.sql.subscribers.confirm import activate, is_blocked
from publisher.stores.sql.subscribers.expiry import forget_addresses, forget_confirmations, has_delivery


def change_address(connection: Connection, move: Departure) -> bool:
    """Confirms the subscription of the new address and lets the old one go on there: what it is owed and was
    sent stays its reader's. Where the new address has a history of its own on the list, its subscription goes
    on where the old one stands. False: the two are not there as `move` says, and nothing was changed.
    """
    rows = {row.id: row for row in connection.execute(_those(move.to, move.subscription))}
    new, old = rows.get(move.to), rows.get(move.subscription)
    if new is None or old is None or not _fit(new, old, move) or is_blocked(connection, new):
        return False
    if new.state is State.PENDING:
        activate(connection, new, None, move.at)
    confirmed_at = new.confirmed_at or move.at
    if connection.execute(select(_had_mail(new.id))).scalar_one():
        _succeed(connection, new, old)
    else:
        _move_in(connection, new, old, confirmed_at)
    return True


def _those(*ids: int | None) -> Any:
    beside = ("consent", "rhythm", "taste", "skipped_at")  # what no value of a subscription shows
    columns = [subscriptions.c[name] for name in beside]
    return with_address().add_columns(*columns).where(subscriptions.c.id.in_(ids))


def _fit(new: Row[Any], old: Row[Any], move: Departure) -> bool:
    asked = new.address_key == move.to_key and new.list == move.list and new.state is not State.UNSUBSCRIBED
    stands = old.address_key == move.key and old.list == move.list and old.state is State.ACTIVE
    return asked and stands and old.generation == move.generation


def _had_mail(id: int) -> ColumnElement[bool]:
    """Whether anything but a request to confirm was ever sent to a subscription."""
    with_posts = exists().where(
        deliveries.c.subscription == id,
        mailings.c.id == deliveries.c.mailing,
        mailings.c.kind.not_in((MailingKind.CONFIRM, MailingKind.ACCOUNT)),
    )
    return or_(with_posts, exists().where(receipts.c.subscription == id))


def _move_in(connection: Connection, new: Row[Any], old: Row[Any], now: datetime) -> None:
    """The old subscription, with all it had, belongs to the person of the new one, who is no more."""
    forget_confirmations(connection, [new.id])
    connection.execute(delete(subscriptions).where(subscriptions.c.id == new.id, ~has_delivery()))
    proof = old.consent | {"address": f"confirmed by the reader at {now.isoformat()}"}
    moved = {"subscriber": new.subscriber, "asked_at": None, "consent": proof}
    connection.execute(update(subscriptions).where(subscriptions.c.id == old.id).values(moved))
    forget_addresses(connection, [old.subscriber])
    connection.execute(upsert(arrivals), {"was": new.id, "subscription": old.id, "at": now})


def _succeed(connection: Connection, new: Row[Any], old: Row[Any]) -> None:
    """The new subscription stands where the old one stood, which ends."""
    same = {
        name: getattr(old, name)
        for name in ("offset", "rhythm", "taste", "paused", "next_due_at", "skipped_at")
    }
    connection.execute(update(subscriptions).where(subscriptions.c.id == new.id).values(same))
    ended = {"state": State.UNSUBSCRIBED, "next_due_at": None, "asked_at": None}
    connection.execute(update(subscriptions).where(subscriptions.c.id == old.id).values(ended))
