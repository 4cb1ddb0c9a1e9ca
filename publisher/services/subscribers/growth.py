"""How lists grow: who joined, confirmed, left and bounced on each day.

Who joined and confirmed is in the store, as long as they are. Who left is in the journal, which forgets no
day although it has no addresses: each departure counts on the day it happened, whatever became of the reader.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from threading import Lock

from publisher.core.delivery.reconciliation import KINDS
from publisher.core.subscribers.subscription import ALL_LISTS
from publisher.ports import Journal, Store

EPOCH = date(1970, 1, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class DayOfGrowth:
    """One day, in UTC. `bounced` counts addresses that a bounce or a complaint ended, on every list."""

    day: date
    joined: int = 0
    confirmed: int = 0
    left: int = 0
    bounced: int = 0


class DepartureCounts:
    """Departures by list and day, read on from where the last look at the journal ended. Safe in several
    threads."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._position = 0
        self._counts = Counter[tuple[str, str, int]]()
        self._lock = Lock()

    def current(self) -> Mapping[tuple[str, str, int], int]:
        """(kind, list, days since 1970) -> departures. Raises OutputError."""
        with self._lock:
            entries, position = self._journal.since(self._position)
            if position < self._position:  # another file
                self._counts.clear()
            for event, fields in entries:
                if event in KINDS or event == "suppressed":
                    self._count(event, fields)
            self._position = position
            return Counter(self._counts)

    def _count(self, event: str, fields: Mapping[str, object]) -> None:
        kind = KINDS.get(event) or str(fields.get("kind", ""))
        try:
            day = (datetime.fromisoformat(str(fields["at"])).astimezone(UTC).date() - EPOCH).days
        except (KeyError, ValueError):  # damaged: it says nothing
            return
        self._counts[kind, str(fields.get("list", ALL_LISTS)), day] += 1


def growth(
    store: Store,
    departures: Callable[[], Mapping[tuple[str, str, int], int]],
    slug: str,
    now: datetime,
    days: int,
) -> list[DayOfGrowth]:
    """The last `days` days of a list, of all lists with "", today last."""
    today = now.date()
    since = datetime.combine(today - timedelta(days=days - 1), datetime.min.time(), now.tzinfo)
    joined, confirmed = store.joined_by_day(since), store.confirmed_by_day(since)
    gone = departures()

    def came(found: Mapping[tuple[str, int], int], day: int) -> int:
        return sum(n for (name, at), n in found.items() if at == day and slug in ("", name))

    def went(kinds: tuple[str, ...], day: int) -> int:
        fits = ((name, n) for (kind, name, at), n in gone.items() if at == day and kind in kinds)
        return sum(n for name, n in fits if slug in ("", name) or name == ALL_LISTS)

    found: list[DayOfGrowth] = []
    for back in reversed(range(days)):
        day = today - timedelta(days=back)
        n = (day - EPOCH).days
        found.append(
            DayOfGrowth(
                day=day,
                joined=came(joined, n),
                confirmed=came(confirmed, n),
                left=went(("left",), n),
                bounced=went(("bounce", "complaint"), n),
            )
        )
    return found
