"""A new site will ask for every post, and make every document: what takes long begins at once."""

from collections.abc import Generator
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from publisher.app.site import App

SLOW = (
    "publisher.formats.generator",  # feedgen and lxml
    "publisher.markup.commonmark",  # comrak
    "publisher.markup.sanitise",  # nh3
    "publisher.rendering.environment",  # Jinja
)
"""What makes documents, and is otherwise loaded when the first one is made."""


@contextmanager
def reading_ahead(app: "App") -> Generator[None, None, None]:
    """Within it the posts of a site that has no store yet are read by other processes, while this one loads
    what it needs and makes the store."""
    from publisher.stores import unused

    if not unused(app.settings.store.url):
        yield
        return
    with app.source.ahead():
        for module in SLOW:
            import_module(module)
        yield
