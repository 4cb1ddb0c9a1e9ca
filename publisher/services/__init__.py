"""The verbs: gather, let core decide, then persist or send. They know the world only through ports.

`services.NAME` loads a service when it is first asked for: a command needs a few of them.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from publisher.services import (
        backlog,
        clocks,
        deliver,
        documents,
        findings,
        gathering,
        listing,
        looking,
        outlook,
        pages,
        plan,
        preview,
        publicurl,
        publish,
        retention,
        rewording,
        status,
        subscribe,
        timing,
        websub,
    )

__all__ = [
    "backlog",
    "clocks",
    "deliver",
    "documents",
    "findings",
    "gathering",
    "listing",
    "looking",
    "outlook",
    "pages",
    "plan",
    "preview",
    "publicurl",
    "publish",
    "retention",
    "rewording",
    "status",
    "subscribe",
    "timing",
    "websub",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return import_module(f"publisher.services.{name}")
