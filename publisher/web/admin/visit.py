"""What a page of the admin pages is given, and what it answers."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from starlette.responses import Response

from publisher.app import App
from publisher.app.audit import acting
from publisher.core.errors import UsageError
from publisher.core.site import AuditDoor
from publisher.core.subscribers.subscription import MailingList
from publisher.services.subscribers.growth import DepartureCounts
from publisher.web.admin.figures import Figures
from publisher.web.documents.feed_counts import FeedCounts
from publisher.web.pages.base import Fields, first_value


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """One request of somebody who logged in. `fields` are the form's, with POST."""

    app: App
    who: str
    now: datetime
    path: Mapping[str, str]
    query: Mapping[str, str]
    fields: Fields
    departures: DepartureCounts
    figures: Figures
    feed_counts: FeedCounts

    def field(self, name: str) -> str:
        """What a form says; "" for nothing."""
        return first_value(self.fields, name).strip()

    def numbered(self, name: str) -> int | None:
        """A number in the query; None for anything else."""
        text = self.query.get(name, "")
        return int(text) if text.isascii() and text.isdecimal() and len(text) < 16 else None

    def number(self, name: str = "number") -> int:
        """A number in the path. Raises UsageError: it is none."""
        text = self.path[name]
        if not (text.isascii() and text.isdecimal() and len(text) < 16):
            raise UsageError("the address", f"{text[:40]!r} is no number", "go back to the list")
        return int(text)

    def acting(self, act: str, about: str = "", address: str = "") -> AbstractContextManager[None]:
        """Records what is done within in the audit log."""
        return acting(self.app, self.who, AuditDoor.ADMIN, act, about, address)

    def the_list(self, slug: str) -> MailingList:
        """The list of that slug. Raises UsageError."""
        spec = self.app.deps.rules.list(slug)
        if spec is None:
            raise UsageError("the list", f"there is no list {slug[:60]!r}", "choose one of those shown")
        return spec

    def must_be_sure(self, what: str) -> None:
        """Raises UsageError unless the box is ticked that says so."""
        if self.field("sure") != "yes":
            raise UsageError(what, "this cannot be undone", "tick the box if you mean it")


class Shown(NamedTuple):
    """A page to show: templates/admin/<template>.html with these values."""

    template: str
    values: Mapping[str, object]
    status: int = 200


class Done(NamedTuple):
    """What was done, and the page to go to."""

    to: str
    notice: str


PageFunction = Callable[[Visit], Shown | Done | Response]
