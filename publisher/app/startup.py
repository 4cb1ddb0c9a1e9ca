"""A new site will ask for every post, and make every document, a large one list its files: what takes long
begins at once.

When Python looks for cycles among values, which make none.
"""

import gc
from collections.abc import Generator
from contextlib import contextmanager, nullcontext
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from publisher.app.app import App


TEMPLATES = ("web/layout.html", "web/styles.css", "web/feed.html", "web/index.html")
"""What every site makes pages of."""


MUCH = 8_000_000
"""Bytes of a store whose site has so many files that another process had better list them: some thousand."""


@contextmanager
def reading_ahead(app: "App") -> Generator[None, None, None]:
    """Within it the posts of a site that has no store yet are read by other processes, while this one loads
    what it needs and makes the store, as it is best for a first publish (`stores.open_store`). Of a site with
    many posts the files are listed meanwhile."""
    from publisher.stores import size_of

    size = size_of(app.settings.store.url)
    if size:
        with app.source.listed_ahead() if size > MUCH else nullcontext():
            yield
        return
    app.first = True
    try:
        with app.source.ahead():
            import_module(
                "publisher.formats.generator"
            )  # feedgen and lxml: else loaded by the first document
            import_module("publisher.markup.pipeline")  # comrak and nh3
            app.parts.renderer.ready(*TEMPLATES)  # Jinja
            yield
    except BaseException:
        app.close()  # the next publish opens the store anew, as usual
        raise
    finally:
        app.first = False


@contextmanager
def uncollected() -> Generator[None, None, None]:
    """Within it nobody looks for cycles: to go over the values of ten thousand posts again whenever some more
    were made takes a tenth of a publish. What was made counts as old afterwards, so that the next small thing
    does not have all of it gone over.
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
