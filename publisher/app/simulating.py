"""A copy of a site's state, for time to go by over it. Nothing of the site is written."""

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from publisher import services
from publisher.app.keeping import must_be_up_to_date
from publisher.core.errors import UsageError
from publisher.services.simulating import Happening, simulate
from publisher.transports import TRANSPORTS

if TYPE_CHECKING:
    from publisher.app.site import App


def simulated(app: "App", start: datetime, end: datetime) -> Iterator[Happening]:
    """What would be published and mailed from `start` to `end`. Raises UsageError: something was published
    after `start`, or the end comes first; and as `publish` does.
    """
    head = app.store.head().at
    if head is not None and start < head and not services.clocks.stays_ahead(app.store, start):
        what = f"{start:%Y-%m-%d %H:%M} UTC is past: something was published at {head:%Y-%m-%d %H:%M}"
        raise UsageError("--from", what, "begin after that")
    if end < start:
        raise UsageError("--to", f"{end:%Y-%m-%d %H:%M} UTC comes before --from", "give a later time")
    with tempfile.TemporaryDirectory(prefix=".simulate.", dir=app.state) as folder:
        yield from _over_a_copy(app, Path(folder), start, end)


def _over_a_copy(app: "App", folder: Path, start: datetime, end: datetime) -> Iterator[Happening]:
    from publisher.stores import backups, open_store
    from publisher.stores.journal import FileJournal
    from publisher.stores.shelf import FolderShelf

    store = open_store(backups.copy(app.settings.store.url, folder / "publisher.db"), create=False)
    try:
        must_be_up_to_date(app, replace(app.parts, store=store))
        parts = replace(
            app.parts,
            store=store,
            journal=FileJournal(folder / "journal"),
            shelf=FolderShelf(folder / "public", app.reach),
            transport=TRANSPORTS["outbox"](folder / "outbox", []),
            hubs=(),
        )
        yield from simulate(parts, start, end)
    finally:
        store.close()
