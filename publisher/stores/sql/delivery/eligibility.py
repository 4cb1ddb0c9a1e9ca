"""Who may be mailed: the same conditions when a mailing is planned and just before a message is sent."""

from sqlalchemy import ColumnElement, and_, exists, or_

from publisher.core.delivery.mailing import MailingHold, MailingKind, MailingState
from publisher.core.subscribers.subscription import SubscriptionState
from publisher.stores.sql.schema.base import BLOCKS_ALWAYS, EVERYWHERE
from publisher.stores.sql.schema.subscriber_tables import subscribers, subscriptions, suppressions
from publisher.stores.sql.schema.tables import deliveries, mailings

_APPLIES = or_(suppressions.c.list == EVERYWHERE, suppressions.c.list == subscriptions.c.list)


def is_suppressed() -> ColumnElement[bool]:
    """Whether the address of a row of `subscriptions` is suppressed on its list or everywhere.

    A correlated EXISTS: two index look-ups for each reader considered, however many suppressions there are.
    """
    return (
        exists()
        .where(
            subscribers.c.id == subscriptions.c.subscriber,
            suppressions.c.address_key == subscribers.c.address_key,
            _APPLIES,
        )
        .correlate(subscriptions)
    )


def may_be_sent() -> ColumnElement[bool]:
    """Whether a row of `deliveries` may still be sent: its mailing runs, and the subscription it was planned
    for is of the same generation, in the right state, and not suppressed. `left` and `erased` do not stop
    confirmation mail, which may lift them, nor a link to one's own data, which is owed to those who left.
    """
    # A mailing that is paused for a time of day or a quota only starts no message; what was begun may end.
    only_scheduled = and_(
        mailings.c.state == MailingState.PAUSED,
        mailings.c.hold.in_((MailingHold.QUIET, MailingHold.WARM_UP, MailingHold.QUOTA)),
    )
    kind = mailings.c.kind
    asked_for = kind.in_((MailingKind.CONFIRM, MailingKind.ACCOUNT))
    stopped = exists().where(
        suppressions.c.address_key == subscribers.c.address_key,
        _APPLIES,
        or_(~asked_for, suppressions.c.kind.in_(BLOCKS_ALWAYS)),
    )
    pending = subscriptions.c.state == SubscriptionState.PENDING
    right_state = or_(
        and_(~asked_for, subscriptions.c.state == SubscriptionState.ACTIVE),
        and_(kind == MailingKind.CONFIRM, pending),
        and_(kind == MailingKind.ACCOUNT, ~pending),
    )
    return (
        exists()
        .where(
            mailings.c.id == deliveries.c.mailing,
            or_(mailings.c.state == MailingState.READY, only_scheduled),
            subscriptions.c.id == deliveries.c.subscription,
            subscriptions.c.generation == deliveries.c.generation,
            subscribers.c.id == subscriptions.c.subscriber,
            right_state,
            ~stopped.correlate(mailings, subscriptions, subscribers),
        )
        .correlate(deliveries)
    )
