"""What a sign-up or an import line comes to: a pure rule, and the rows it becomes.

| before              | suppressed by            | own wish     | otherwise                              |
|---------------------|--------------------------|--------------|----------------------------------------|
| anything            | bounce complaint operator| LEFT         | LEFT                                   |
| nothing             | left erased              | RETURNED     | LEFT                                   |
| nothing             | -                        | ADDED        | ADDED                                  |
| pending             | left erased              | ALREADY      | LEFT                                   |
| pending             | -                        | ALREADY, or ACTIVATED where the reader is to be active |
| active              | left erased              | ALREADY      | LEFT                                   |
| active              | -                        | ALREADY      | ALREADY                                |
| unsubscribed        | left erased -            | RETURNED     | LEFT                                   |

Who returns is pending until they confirm, whatever the wish states.
"""

from collections.abc import Collection
from dataclasses import dataclass

from publisher.core.subscribers.subscription import Event, Joined, NewReader, State, after, new_life
from publisher.stores.sql.schema.enums import BLOCKS_ALWAYS, Suppression


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """A subscription as it stood before the wish."""

    id: int
    state: State
    generation: int


def decide(before: Before | None, suppressed: Collection[Suppression], reader: NewReader) -> Joined:
    """What the wish of `reader` comes to."""
    if not BLOCKS_ALWAYS.isdisjoint(suppressed):
        return Joined.LEFT
    departed = bool(suppressed) or (before is not None and before.state is State.UNSUBSCRIBED)
    if departed and not reader.own_wish:
        return Joined.LEFT
    if before is None:
        return Joined.RETURNED if departed else Joined.ADDED
    if before.state is State.UNSUBSCRIBED:
        return Joined.RETURNED
    if before.state is State.PENDING and reader.active and not departed:
        return Joined.ACTIVATED
    return Joined.ALREADY


def state_after(before: Before | None, joined: Joined, reader: NewReader) -> tuple[State, int]:
    """The state and generation that follow from a wish that came to ADDED, ACTIVATED or RETURNED."""
    if before is None:
        active = joined is Joined.ADDED and reader.active
        return (after(State.PENDING, Event.CONFIRM) if active else State.PENDING), 1
    event = Event.CONFIRM if joined is Joined.ACTIVATED else Event.SIGN_UP
    generation = before.generation + new_life(before.state, event)
    return after(before.state, event), generation
