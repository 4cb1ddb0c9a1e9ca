"""The verbs: gather, let core decide, then persist or send. They know the world only through ports.

`services.NAME` loads a service when it is first asked for: a command needs a few of them.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from publisher.services.delivery import deliver, retention
    from publisher.services.digests import (
        archive_pages,
        backlog,
        due_readers,
        planner,
        preview,
        schedule,
        withdrawn_posts,
    )
    from publisher.services.feeds import documents, websub
    from publisher.services.mail import public_url
    from publisher.services.operations import findings, inspect_posts, status
    from publisher.services.publishing import clock_checks, folder_snapshot, publish, scan
    from publisher.services.subscribers import subscribe

__all__ = [
    "archive_pages",
    "backlog",
    "clock_checks",
    "deliver",
    "documents",
    "due_readers",
    "findings",
    "folder_snapshot",
    "inspect_posts",
    "planner",
    "preview",
    "public_url",
    "publish",
    "retention",
    "scan",
    "schedule",
    "status",
    "subscribe",
    "websub",
    "withdrawn_posts",
]

_ROOM = {
    "backlog": "digests",
    "clock_checks": "publishing",
    "deliver": "delivery",
    "documents": "feeds",
    "due_readers": "digests",
    "findings": "operations",
    "folder_snapshot": "publishing",
    "archive_pages": "digests",
    "inspect_posts": "operations",
    "planner": "digests",
    "preview": "digests",
    "public_url": "mail",
    "publish": "publishing",
    "retention": "delivery",
    "scan": "publishing",
    "schedule": "digests",
    "status": "operations",
    "subscribe": "subscribers",
    "websub": "feeds",
    "withdrawn_posts": "digests",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return import_module(f"publisher.services.{_ROOM[name]}.{name}")
