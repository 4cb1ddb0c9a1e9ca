"""A new site will ask for every post, and make every document: what takes long begins at once."""

from collections.abc import Generator
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from publisher.app.site import App


TEMPLATES = ("web/layout.html", "web/styles.css", "web/feed.html", "web/index.html")
"""What every site makes pages of."""


@contextmanager
def reading_ahead(app: "App") -> Generator[None, None, None]:
    """Within it the posts of a site that has no store yet are read by other processes, while this one loads
    what it needs and makes the store, as it is best for a first publish (`stores.open_store`)."""
    from publisher.stores import unused

    if not unused(app.settings.store.url):
        yield
        return
    app.first = True
    try:
        with app.source.ahead():
            import_module(
                "publisher.formats.generator"
            )  # feedgen and lxml: else loaded by the first document
            import_module("publisher.markup.commonmark")  # comrak
            import_module("publisher.markup.sanitise")  # nh3
            app.parts.renderer.ready(*TEMPLATES)  # Jinja
            yield
    except BaseException:
        app.close()  # the next publish opens the store anew, as usual
        raise
    finally:
        app.first = False
