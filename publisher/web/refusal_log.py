"""What was refused, counted: a line of the log each minute, and a problem in `status` while it is a flood."""

import logging
from collections import Counter
from datetime import datetime, timedelta

from publisher.app import App
from publisher.core.errors import PublisherError

log = logging.getLogger(__name__)

EVERY = timedelta(minutes=1)
"""No two lines of the log come sooner after each other."""

FLOOD = 30
"""So many within EVERY are a flood."""

CALM = timedelta(minutes=10)
"""After so long without a flood, it is over."""

AREA = "web"
"""The area of the problem that `status` shows."""


class RefusalLog:
    """`count` is for the event loop's thread; `look` belongs into another, now and then."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._counts, self._flooding = Counter[str](), Counter[str]()
        self._said: datetime | None = None
        self._began: datetime | None = None
        self._last: datetime | None = None
        self._clear = True

    def count(self, why: str) -> None:
        """One more, for that reason: words with underscores, nothing of the request."""
        self._counts[why] += 1

    def look(self, *, last: bool = False) -> None:
        """Says what there is to say; with `last` all that is left."""
        now = self._app.clock()
        try:
            if self._clear:  # what a process before this one left
                self._app.store.set_problems(AREA, [], now)
                self._clear = False
            if self._counts.total() >= FLOOD and self._began is None:
                self._began = self._last = now
                self._app.store.set_problems(AREA, [_told(self._counts)], now)
            if self._counts and (last or self._said is None or abs(now - self._said) >= EVERY):
                self._speak(now)
            if self._last is not None and abs(now - self._last) >= CALM:
                self._began = self._last = None
                self._flooding.clear()
                self._app.store.set_problems(AREA, [], now)
        except PublisherError as error:
            log.error("refused_unsaid", extra={"reason": str(error)})

    def _speak(self, now: datetime) -> None:
        counts, self._counts, self._said = self._counts, Counter[str](), now
        log.warning("requests_refused", extra={"number": counts.total(), **dict(sorted(counts.items()))})
        if self._began is not None:
            self._flooding.update(counts)
            self._last = now if counts.total() >= FLOOD else self._last
            self._app.store.set_problems(AREA, [_told(self._flooding)], self._began)


def _told(counts: Counter[str]) -> str:
    reasons = ", ".join(f"{number:,} {why.replace('_', ' ')}" for why, number in counts.most_common())
    return f"a flood of requests: {counts.total():,} refused ({reasons}); subscribers elsewhere are served"
