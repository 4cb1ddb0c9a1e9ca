"""Retention: what the ledger keeps of deliveries settled long ago, made small a part at a time."""

from collections.abc import Callable
from datetime import timedelta

from publisher.services.deps import Deps

PART = 1_000
"""Deliveries in one transaction: it takes some hundredths of a second."""

REST = 3
"""How many times as long others may write then. They look now and again whether they may (SQLite has no queue
for its lock): were it as long as the part, one look in two would miss it, and some miss ten in a row.
"""


def fold(
    parts: Deps,
    keep: timedelta,
    *,
    most: int | None = None,
    pause: Callable[[float], bool] = lambda _: False,
) -> int:
    """Folds what was settled longer ago than `keep`, until nothing is left or at least `most` deliveries
    were; returns how many. After each part `pause` is told to wait so many seconds, for others to write. It
    answers whether to stop.
    """
    before, folded = parts.clock() - keep, 0
    while most is None or folded < most:
        began = parts.ticks()
        part = parts.store.archive_deliveries(before, limit=PART)
        folded += part
        if not part or pause((parts.ticks() - began) * REST):
            break
    return folded
