"""What makes a publish fast: other processes read or list files, and garbage collection pauses."""

import gc
from collections.abc import Generator
from contextlib import contextmanager, nullcontext
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from publisher.app.open_site import OpenSite


TEMPLATES = ("web/layout.html", "web/styles.css", "web/feed.html", "web/index.html")
"""What every site makes pages of."""


MANY_FILES = 8_000_000
"""Bytes of a store whose site has thousands of files: another process had better list them."""


@contextmanager
def reading_ahead(site: "OpenSite") -> Generator[None, None, None]:
    """Within it other processes read the posts of a site that has no store yet, while this one loads what it
    needs and makes the store, in the way that is best for a first publish (`stores.open_store`). Of a site
    with many posts another process lists the files.
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
    """Within it Python does not look for reference cycles: traversing the values of ten thousand posts again
    whenever some more were made takes a tenth of a publish, and they have none. What was made counts as old
    afterwards, so that the next small collection does not traverse all of it.
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
