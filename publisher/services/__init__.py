"""The verbs: gather, let core decide, then persist or send. They know the world only through ports.

`services.NAME` loads a service when it is first asked for, since a command needs only a few of them.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from publisher.services.delivery import deliver as deliver
    from publisher.services.delivery import returned_mail as returned_mail
    from publisher.services.digests import archive_pages as archive_pages
    from publisher.services.digests import due_readers as due_readers
    from publisher.services.digests import planner as planner
    from publisher.services.digests import preview as preview
    from publisher.services.feeds import documents as documents
    from publisher.services.feeds import retired_feeds as retired_feeds
    from publisher.services.operations import check as check
    from publisher.services.operations import settings_changes as settings_changes
    from publisher.services.operations import status as status
    from publisher.services.posts import content as content
    from publisher.services.publishing import folder_snapshot as folder_snapshot
    from publisher.services.publishing import preflight as preflight
    from publisher.services.publishing import publish as publish
    from publisher.services.publishing import scan as scan
    from publisher.services.subscribers import lists as lists
    from publisher.services.subscribers import subscribe as subscribe

_ROOMS = {
    "archive_pages": "digests",
    "check": "operations",
    "content": "posts",
    "deliver": "delivery",
    "documents": "feeds",
    "due_readers": "digests",
    "folder_snapshot": "publishing",
    "lists": "subscribers",
    "planner": "digests",
    "preflight": "publishing",
    "preview": "digests",
    "publish": "publishing",
    "retired_feeds": "feeds",
    "returned_mail": "delivery",
    "scan": "publishing",
    "settings_changes": "operations",
    "status": "operations",
    "subscribe": "subscribers",
}


def __getattr__(name: str) -> Any:
    if name not in _ROOMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return import_module(f"publisher.services.{_ROOMS[name]}.{name}")
