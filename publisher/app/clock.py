"""The machine's time: the one place that reads it."""

from datetime import UTC, datetime

from publisher.ports import Clock


def wall_clock() -> datetime:
    """The machine's time, aware and UTC: the one place that reads it."""
    return datetime.now(UTC)


def fixed(at: datetime) -> Clock:
    """A clock that stands at `at`: what `--at` gives."""
    return lambda: at
