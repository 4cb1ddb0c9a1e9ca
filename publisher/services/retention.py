"""Retention: what the ledger keeps of deliveries settled long ago, made small a part at a time."""

from collections.abc import Callable
from datetime import timedelta

from publisher.services.parts import Parts

PART = 2_000
"""Deliveries in one transaction: others who want to write wait for some hundredths of a second."""


def fold(
    parts: Parts,
    keep: timedelta,
    *,
    most: int | None = None,
    pause: Callable[[float], bool] = lambda _: False,
) -> int:
    """Folds what was settled longer ago than `keep`, until nothing is left or at least `most` deliveries
    were; returns how many. After each part `pause` is told to wait so many seconds, as long as the part took:
    then others write. It answers whether to stop.
    """
    before, folded = parts.clock() - keep, 0
    while most is None or folded < most:
        began = parts.ticks()
        part = parts.store.fold(before, limit=PART)
        folded += part
        if not part or pause(parts.ticks() - began):
            break
    return folded
