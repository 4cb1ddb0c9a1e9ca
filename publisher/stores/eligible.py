"""Who may be mailed (invariant 6): the same words at planning and in the UPDATE before the dot."""

from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, or_, select

from publisher.core.lists import State as SubscriptionState
from publisher.core.mailings import MailingKind, MailingState
from publisher.stores.members import BLOCKS_ALWAYS, EVERYWHERE
from publisher.stores.schema import deliveries, mailings, subscribers, subscriptions, suppressions

_HOLDS_HERE = or_(suppressions.c.list == EVERYWHERE, suppressions.c.list == subscriptions.c.list)


def suppressed_ids() -> Select[Any]:
    """Ids of subscriptions whose address is suppressed there; begins at the suppressions, which are few."""
    return (
        select(subscriptions.c.id)
        .select_from(suppressions)
        .join(subscribers, subscribers.c.address_key == suppressions.c.address_key)
        .join(subscriptions, subscriptions.c.subscriber == subscribers.c.id)
        .where(_HOLDS_HERE)
    )


def may_be_sent() -> ColumnElement[bool]:
    """Whether a row of `deliveries` may still go out: its mailing runs, and the subscription it was planned
    for is in the same life, in the right state, and not suppressed. Confirmation mail is what may lift
    `left` and `erased`, so only the others stop it.
    """
    digest = mailings.c.kind == MailingKind.DIGEST
    confirm = mailings.c.kind == MailingKind.CONFIRM
    stopped = exists().where(
        suppressions.c.address_key == subscribers.c.address_key,
        _HOLDS_HERE,
        or_(digest, suppressions.c.kind.in_(BLOCKS_ALWAYS)),
    )
    right_state = or_(
        and_(digest, subscriptions.c.state == SubscriptionState.ACTIVE),
        and_(confirm, subscriptions.c.state == SubscriptionState.PENDING),
    )
    return (
        exists()
        .where(
            mailings.c.id == deliveries.c.mailing,
            mailings.c.state == MailingState.READY,
            subscriptions.c.id == deliveries.c.subscription,
            subscriptions.c.generation == deliveries.c.generation,
            subscribers.c.id == subscriptions.c.subscriber,
            right_state,
            ~stopped.correlate(mailings, subscriptions, subscribers),
        )
        .correlate(deliveries)
    )
