"""What would happen up to a future date, tried on a copy of a site's state. The site itself stays as it
is.
"""

import tempfile
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from publisher import services
from publisher.app.backup import must_be_up_to_date
from publisher.core.errors import UsageError
from publisher.core.mail.message import MailTransport
from publisher.services.operations.simulate import SimulatedEvent, simulate
from publisher.transports import TRANSPORTS

if TYPE_CHECKING:
    from publisher.app.app import App
    from publisher.services.deps import Deps


@contextmanager
def on_a_copy(app: "App") -> "Generator[Deps, None, None]":
    """What services work with, over a temporary copy of a site's store. Whatever they journal, publish and
    send there is discarded. Raises StoreError, OutputError.
    """
    from publisher.stores import backup, open_store
    from publisher.stores.files.journal import FileJournal
    from publisher.stores.files.public_folder import PublicDirectory

    app.store.head()  # a new site has one from here on
    with tempfile.TemporaryDirectory(prefix=".simulate.", dir=app.state) as name:
        folder = Path(name)
        store = open_store(backup.copy_store(app.settings.store.url, folder / "publisher.db"), create=False)
        try:
            deps = app.deps
            yield replace(
                deps,
                rules=replace(deps.rules, hubs=(), checked_public_url=""),
                adapters=replace(
                    deps.adapters,
                    store=store,
                    journal=FileJournal(folder / "journal"),
                    public_folder=PublicDirectory(folder / "public", app.failpoint),
                    transport=TRANSPORTS[MailTransport.OUTBOX](folder / "outbox", []),
                ),
            )
        finally:
            store.close()


def simulated(
    app: "App", start: datetime, end: datetime, every: timedelta | None = None
) -> Iterator[SimulatedEvent]:
    """What would be published and mailed from `start` to `end`, by `publisher run` or, with `every`, by a
    timer that runs `publisher publish` at `start` and then at that interval. Raises UsageError if something
    was published after `start` or `end` comes first, and whatever `publish` raises.
    """
    head = app.store.head().at
    if head is not None and start < head and not services.preflight.log_stays_ahead(app.store, start):
        what = f"{start:%Y-%m-%d %H:%M} UTC is past: something was published at {head:%Y-%m-%d %H:%M}"
        raise UsageError("--from", what, "begin after that")
    if end < start:
        raise UsageError("--to", f"{end:%Y-%m-%d %H:%M} UTC comes before --from", "give a later time")
    with on_a_copy(app) as deps:
        with_journal = replace(deps.adapters, journal=app.deps.adapters.journal)
        must_be_up_to_date(app, replace(deps, adapters=with_journal))
        yield from simulate(deps, start, end, every)
