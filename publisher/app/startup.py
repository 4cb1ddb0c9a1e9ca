"""What makes a publish fast: worker processes read or list files ahead, and garbage collection is paused."""

import gc
from collections.abc import Generator
from contextlib import contextmanager, nullcontext
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from publisher.app.open_site import OpenSite


TEMPLATES = ("web/layout.html", "web/styles.css", "web/feed.html", "web/index.html")
"""Templates that every site uses."""


MANY_FILES = 8_000_000
"""A store of so many bytes is that of a site with thousands of files: listing them is worth a process."""


@contextmanager
def reading_ahead(site: "OpenSite") -> Generator[None, None, None]:
    """Reads ahead for a publish. If the site has no store yet, worker processes read its posts while this one
    loads what it needs and makes the store, in the way that is best for a first publish
    (`stores.open_store`). If it has many posts, a worker lists its files.
    """
    from publisher.stores import size_of

    size = size_of(site.settings.store.url)
    if size:
        with site.source.listed_ahead() if size > MANY_FILES else nullcontext():
            yield
        return
    site.first = True
    try:
        with site.source.ahead():
            import_module("publisher.formats.generator")  # feedgen and lxml; else the first document does
            import_module("publisher.markup.pipeline")  # comrak and nh3
            site.deps.adapters.renderer.ready(*TEMPLATES)  # Jinja
            yield
    except BaseException:
        site.close()  # the next publish opens the store anew, as usual
        raise
    finally:
        site.first = False


@contextmanager
def gc_paused() -> Generator[None, None, None]:
    """Pauses the search for reference cycles. The values of ten thousand posts have none, and traversing them
    again whenever there are some more takes a tenth of a publish. Afterwards they count as old, so that the
    next small collection does not traverse all of them.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.unfreeze()
        if enabled:
            gc.enable()
