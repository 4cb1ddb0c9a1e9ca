"""Gates: when mail that nobody waits for may leave. Quiet hours, and a new sender's warm-up."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time

from publisher.core.delivery.mailing import Batch, Hold, MailingKind
from publisher.core.delivery.throttling import allowance, day_of, midnight_after, quiet_from, quiet_until
from publisher.services.deps import Parts


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """Why a mailing may not leave now, and until when."""

    hold: Hold
    why: str
    until: datetime


class Gates:
    """The gates of one run; transactional mail passes all of them."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._day: date | None = None
        self._left: int | None = None

    def closed(self, batch: Batch, now: datetime) -> Closed | None:
        """Why this batch may not go at `now`; None: it may."""
        if batch.kind is not MailingKind.DIGEST:
            return None
        hours = self._parts.pacing.quiet
        if hours and (until := quiet_until(hours, self._zone(batch), now)):
            return Closed(hold=Hold.QUIET, why="quiet hours", until=until)
        if self.left(now) == 0:
            why = "a new sender has sent enough for today (mail.warm_up)"
            return Closed(hold=Hold.WARM_UP, why=why, until=midnight_after(now))
        return None

    def stops_at(self, batch: Batch, now: datetime) -> datetime | None:
        """When the next quiet hours stop this batch."""
        hours = self._parts.pacing.quiet
        if hours is None or batch.kind is not MailingKind.DIGEST:
            return None
        return quiet_from(hours, self._zone(batch), now)

    def left(self, now: datetime) -> int | None:
        """How many digests may still leave today; None: no limit."""
        rule = self._parts.pacing.warm_up
        if rule is None:
            return None
        if self._day != day_of(now):
            self._day = day_of(now)
            most = allowance(rule, now)
            sent = self._parts.store.digests_since(datetime.combine(self._day, time(0), UTC))
            self._left = None if most is None else max(most - sent, 0)
        return self._left

    def passed(self, batch: Batch) -> None:
        """One more message of the batch is on its way."""
        if self._left and batch.kind is MailingKind.DIGEST:
            self._left -= 1

    def _zone(self, batch: Batch) -> str:
        spec = self._parts.list(batch.list)
        return spec.timezone if spec else self._parts.site.timezone
