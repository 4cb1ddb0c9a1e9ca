"""The socket of the store for what a restored one is told."""

from datetime import datetime
from typing import Protocol

from publisher.core.reconciling import Departure


class ReconcilingStore(Protocol):
    """Departures, numbers and positions, from the files beside the store."""

    def knows(self, departure: Departure) -> bool:
        """Whether a departure is in the store, or the reader has come back since."""
        ...

    def depart(self, departure: Departure) -> None:
        """Writes a departure down. Idempotent."""
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

    def skip_mailings(self, last: int) -> None:
        """Numbers of mailings up to `last` are taken."""
        ...
