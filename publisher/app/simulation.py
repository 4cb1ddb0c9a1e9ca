"""Time goes by over a copy of a site's state. Nothing of the site is written."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from publisher import services
from publisher.app.backup import must_be_up_to_date
from publisher.app.site_copy import on_a_copy
from publisher.core.errors import UsageError
from publisher.services.operations.simulate import Happening, simulate

if TYPE_CHECKING:
    from publisher.app.app import App


def simulated(
    app: "App", start: datetime, end: datetime, every: timedelta | None = None
) -> Iterator[Happening]:
    """What would be published and mailed from `start` to `end`: by `publisher run`, or by a timer that starts
    `publisher publish` at `start` and so often. Raises UsageError: something was published
    after `start`, or the end comes first; and as `publish` does.
    """
    head = app.store.head().at
    if head is not None and start < head and not services.clock_checks.stays_ahead(app.store, start):
        what = f"{start:%Y-%m-%d %H:%M} UTC is past: something was published at {head:%Y-%m-%d %H:%M}"
        raise UsageError("--from", what, "begin after that")
    if end < start:
        raise UsageError("--to", f"{end:%Y-%m-%d %H:%M} UTC comes before --from", "give a later time")
    with on_a_copy(app) as parts:
        must_be_up_to_date(app, replace(parts, journal=app.parts.journal))
        yield from simulate(parts, start, end, every)
