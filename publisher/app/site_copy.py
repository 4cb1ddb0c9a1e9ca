"""A copy of a site's state, for trying out what would happen. Nothing of the site is written."""

import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from publisher.transports import TRANSPORTS

if TYPE_CHECKING:
    from publisher.app.app import App
    from publisher.services.deps import Parts


@contextmanager
def on_a_copy(app: "App") -> "Generator[Parts, None, None]":
    """The parts of a site over a copy of its store, which is gone afterwards. What they journal, place and
    send goes nowhere. Raises StoreError, OutputError.
    """
    from publisher.stores import backup, open_store
    from publisher.stores.files.journal import FileJournal
    from publisher.stores.files.public_folder import FolderShelf

    app.store.head()  # a new site has one from here on
    with tempfile.TemporaryDirectory(prefix=".simulate.", dir=app.state) as name:
        folder = Path(name)
        store = open_store(backup.copy(app.settings.store.url, folder / "publisher.db"), create=False)
        try:
            yield replace(
                app.parts,
                store=store,
                journal=FileJournal(folder / "journal"),
                shelf=FolderShelf(folder / "public", app.reach),
                transport=TRANSPORTS["outbox"](folder / "outbox", []),
                hubs=(),
                asks="",
            )
        finally:
            store.close()
