"""Who may be mailed (invariant 6): the same words at planning and in the UPDATE before the dot."""

from sqlalchemy import ColumnElement, and_, exists, or_

from publisher.core.delivery.mailing import MailingHold, MailingKind, MailingState
from publisher.core.subscribers.subscription import SubscriptionState
from publisher.stores.sql.schema.base import BLOCKS_ALWAYS, EVERYWHERE
from publisher.stores.sql.schema.subscriber_tables import subscribers, subscriptions, suppressions
from publisher.stores.sql.schema.tables import deliveries, mailings

_HOLDS_HERE = or_(suppressions.c.list == EVERYWHERE, suppressions.c.list == subscriptions.c.list)


def is_suppressed() -> ColumnElement[bool]:
    """Whether the address of a row of `subscriptions` is suppressed on its list or everywhere.

    Asked row by row: two look-ups for each reader who is looked at, however long the list of departures.
    """
    return (
        exists()
        .where(
            subscribers.c.id == subscriptions.c.subscriber,
            suppressions.c.address_key == subscribers.c.address_key,
            _HOLDS_HERE,
        )
        .correlate(subscriptions)
    )


def _gated() -> ColumnElement[bool]:
    """Whether a mailing waits for a time of day only: that is asked before a message is begun, and what is
    under way then may end."""
    return and_(
        mailings.c.state == MailingState.PAUSED,
        mailings.c.hold.in_((MailingHold.QUIET, MailingHold.WARM_UP, MailingHold.QUOTA)),
    )


def may_be_sent() -> ColumnElement[bool]:
    """Whether a row of `deliveries` may still go out: its mailing runs, and the subscription it was planned
    for is in the same life, in the right state, and not suppressed. Confirmation mail is what may lift
    `left` and `erased`, and a link to one's own data is owed to those who left, so only the others stop them.
    """
    kind = mailings.c.kind
    asked_for = kind.in_((MailingKind.CONFIRM, MailingKind.ACCOUNT))
    stopped = exists().where(
        suppressions.c.address_key == subscribers.c.address_key,
        _HOLDS_HERE,
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
            or_(mailings.c.state == MailingState.READY, _gated()),
            subscriptions.c.id == deliveries.c.subscription,
            subscriptions.c.generation == deliveries.c.generation,
            subscribers.c.id == subscriptions.c.subscriber,
            right_state,
            ~stopped.correlate(mailings, subscriptions, subscribers),
        )
        .correlate(deliveries)
    )
