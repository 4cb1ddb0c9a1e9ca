"""What a page of the admin pages is given, and what it answers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from starlette.responses import Response

from publisher.app import App
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

    def field(self, name: str) -> str:
        """What a form says; "" for nothing."""
        return first_value(self.fields, name).strip()


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
