"""What the store says that every answer depends on: read now and then, so that no request waits for it."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from publisher.app import App
from publisher.core.errors import PublisherError
from publisher.core.feeds.redirects import Redirect
from publisher.services.publishing.publish import NEXT_POST

log = logging.getLogger(__name__)

EVERY = 1.0
"""Seconds between two looks."""


@dataclass(frozen=True, slots=True)
class SiteState:
    """`next_post`: when the next known post becomes public. `moves`: what became of addresses that readers
    know, by path relative to public/.
    """

    next_post: datetime | None = None
    moves: Mapping[str, Redirect] = field(default_factory=dict[str, Redirect])


class SiteStateCache:
    """The facts as they were at the last look. `look` belongs into a thread; `facts` costs nothing."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._facts = SiteState()
        self._failed = False
        self.look()

    def facts(self) -> SiteState:
        """The same object as long as they are the same."""
        published = self._app.published_next
        if published is not None and published[0] != self._facts.next_post:
            self._facts = replace(self._facts, next_post=published[0])
        return self._facts

    def look(self) -> None:
        """Reads them again. What cannot be read is as it was, and is logged once."""
        try:
            found = self._read()
        except PublisherError as error:
            if not self._failed:
                log.error("store_unread", extra={"reason": str(error)})
            self._failed = True
            return
        self._failed = False
        if found != self._facts:
            self._facts = found

    def _read(self) -> SiteState:
        store = self._app.store
        published, kept = self._app.published_next, store.meta(NEXT_POST)
        next_post = published[0] if published else datetime.fromisoformat(kept) if kept else None
        return SiteState(next_post=next_post, moves={move.path: move for move in store.all_redirects()})
