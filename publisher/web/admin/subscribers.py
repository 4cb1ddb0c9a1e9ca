"""The admin pages about subscribers: finding one, their whole story, and what can be done about it."""

import json
from datetime import datetime

from starlette.responses import Response

from publisher.core.errors import AddressError, UsageError
from publisher.services.subscribers import departures, signup
from publisher.web.admin.visit import Done, Shown, Visit

ROWS = 25

MAX_TEXT = 254
"""Characters of what is looked for."""


def find(visit: Visit) -> Shown:
    """The newest subscribers."""
    found = visit.app.store.find_subscribers(before=visit.numbered("before"), limit=ROWS)
    older = found[-1].number if len(found) == ROWS else None
    return Shown("subscribers", {"found": found, "text": "", "older": older})


def search(visit: Visit) -> Shown | Done:
    """Subscribers by a part of their address, which stays out of every URL; with the whole one, theirs."""
    text = visit.field("text")[:MAX_TEXT]
    if not text:
        return find(visit)
    try:
        key = departures.key_of(visit.app.ring, text)
    except AddressError:
        key = ""
    number = visit.app.store.subscriber_number(key) if key else None
    if number is not None:
        return Done(f"/admin/subscribers/{number}", "")
    if not key and len(text) < 3:
        raise UsageError("the search", "needs three characters or more", "write more of the address")
    found = visit.app.store.find_subscribers(text, limit=ROWS)
    return Shown("subscribers", {"found": found, "text": text, "older": None})


def address_of(visit: Visit) -> str:
    """The address of the subscriber in the path. Raises UsageError."""
    number = visit.number()
    address = visit.app.store.subscriber_address(number)
    if address is None:
        raise UsageError("the subscriber", f"nobody has the number {number}", "search again")
    return address


def story(visit: Visit) -> Shown:
    """Everything that is stored about one reader."""
    address = address_of(visit)
    return Shown(
        "subscriber", {"story": departures.export_data(visit.app.deps, address), "number": visit.number()}
    )


def change(visit: Visit) -> Done:
    """Carries out what a button of a subscriber's page asks."""
    address, order, here = address_of(visit), visit.field("order"), f"/admin/subscribers/{visit.number()}"
    deps, slug = visit.app.deps, visit.field("list")
    spec = visit.the_list(slug) if slug else None
    if order == "unsubscribe":
        with visit.acting("subscribers unsubscribe", slug, address):
            ended = departures.unsubscribe(deps, address, spec, visit.now)
        return Done(here, "The reader left." if ended else "Nothing changed: the reader had left before.")
    if order == "suppress":
        with visit.acting("subscribers suppress", slug, address):
            departures.suppress(deps, address, spec, visit.now)
        return Done(here, "This address gets no mail from now on.")
    if order == "allow":
        with visit.acting("subscribers allow", "", address):
            lifted = signup.allow(deps, address, visit.now)
        return Done(here, f"Lifted: {', '.join(lifted)}." if lifted else "Nothing was in the way.")
    if order == "erase":
        visit.must_be_sure("the subscriber")
        with visit.acting("subscribers erase", "", address):
            departures.erase(deps, address, visit.now)
        return Done("/admin/subscribers", "The subscriber was erased.")
    raise UsageError("the subscriber", "this button is not known", "reload the page")


def export(visit: Visit) -> Response:
    """Everything about one reader as a file, for its owner."""
    address = address_of(visit)
    with visit.acting("subscribers show", "", address):
        data = json.dumps(
            departures.export_data(visit.app.deps, address), indent=2, ensure_ascii=False, default=_plain
        )
    headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    headers["Content-Disposition"] = f'attachment; filename="subscriber-{visit.number()}.json"'
    return Response(f"{data}\n", media_type="application/json", headers=headers)


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
