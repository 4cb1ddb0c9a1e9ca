"""The socket of the store for what a restored one is told."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from publisher.core.subscribers.departures import Departure


class ReconcilingStore(Protocol):
    """Departures, numbers and positions, from the files beside the store."""

    def last_subscription(self) -> int:
        """The highest number of a subscription; 0 without any."""
        ...

    def lacking(self, departures: Sequence[Departure]) -> Sequence[Departure]:
        """Those of `departures` that are not done in the store, in their order."""
        ...

    def depart(self, departures: Sequence[Departure]) -> int:
        """Does them, in one transaction: ends subscriptions, suppresses, erases, moves a subscription to its
        new address. Idempotent; a later life of a subscription stays. Returns how many subscriptions ended,
        or were forgotten."""
        ...

    def doubt_open(self, why: str, now: datetime) -> int:
        """Whatever could still be sent may have been sent already: in doubt. Returns how many."""
        ...

    def served(self, spec: str, at: datetime, head: int) -> int:
        """Readers of a list who were due at `at` have had everything up to `head`; returns how many."""
        ...

    def turn(self) -> int:
        """How often a batch was begun or ended."""
        ...

    def skip_turns(self, last: int) -> None:
        """Turns up to `last` are over."""
        ...

    def skip_subscriptions(self, last: int) -> None:
        """Numbers of subscriptions up to `last` are taken."""
        ...

    def skip_mailings(self, last: int) -> None:
        """Numbers of mailings up to `last` are taken."""
        ...
