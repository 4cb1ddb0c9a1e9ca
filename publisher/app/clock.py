"""The machine's time: the one place that reads it."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from publisher.core.errors import Refused
from publisher.core.times import LEEWAY

if TYPE_CHECKING:
    from publisher.ports import Clock


def wall_clock() -> datetime:
    """The machine's time, aware and UTC: the one place that reads it."""
    return datetime.now(UTC)


def fixed(at: datetime) -> "Clock":
    """A clock that stands at `at`: what `--at` gives."""
    return lambda: at


def must_not_be_ahead(now: datetime, real: datetime, transport: str) -> None:
    """Raises Refused where mail would really leave for a time that has not come."""
    if transport == "smtp" and now > real + LEEWAY:
        what = f'{now:%Y-%m-%d %H:%M} UTC is still to come, and mail.transport is "smtp"'
        raise Refused("--at", what, "what has left cannot be taken back: try it with the outbox")
