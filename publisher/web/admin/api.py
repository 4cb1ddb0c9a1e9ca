"""The operators' API: JSON over HTTP on the admin listener, for programs with a token.

    token -> scope -> rate -> the operation's function, in a thread -> JSON, or a problem (RFC 9457)

Each operation does what a command does, through the same service. No address of a reader is in a URL, which
others log. `publisher.web.admin.openapi` describes the operations for programs.
"""

import json
import logging
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from threading import Lock
from typing import Any, cast

from starlette.requests import Request

from publisher.app import App
from publisher.app.audit import acting
from publisher.core.delivery.holds import MailingCommand
from publisher.core.delivery.mailing import DeliveryState, Mailing
from publisher.core.errors import AddressError, PublisherError, Refused, StoreError, UsageError
from publisher.core.site import AuditDoor
from publisher.core.subscribers.subscription import Consent, MailingList, SignupResult, SubscriptionState
from publisher.core.times import NOW_LEEWAY
from publisher.services.operations import mailings as mailing_commands
from publisher.services.operations.api_tokens import ApiScope
from publisher.services.subscribers import departures, subscribe
from publisher.web.rate_limits import LeakyBucket, Rate

log = logging.getLogger(__name__)

MAX_PAGE, USUAL_PAGE = 1_000, 100
"""Rows on a page: at most, and unless asked otherwise."""

MAX_ID = 2**63 - 1

MAX_TEXT = 1_000
"""Characters of a text that a program sends."""

PER_TOKEN = Rate(burst=100, every=timedelta(milliseconds=50))
"""Requests with one token: so many at once, then one in that time."""

MAX_BUCKETS = 1_000


class Problem(Exception):
    """A response of application/problem+json (RFC 9457)."""

    def __init__(self, status: int, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status, self.detail, self.headers = status, detail, headers or {}


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiCall:
    """One request: who asks, and what of. `query` and `body` have been checked by the operation's fields."""

    app: App
    who: str
    now: datetime
    path: Mapping[str, str]
    query: Mapping[str, Any]
    body: Mapping[str, Any]

    @property
    def page_size(self) -> int:
        """How many rows are asked for."""
        return int(self.query["limit"])

    def list_of(self, slug: str) -> MailingList:
        """The list with that slug. Raises Problem."""
        found = self.app.deps.rules.list(slug)
        if found is None:
            raise Problem(422, f"list: there is no list {slug!r}")
        return found

    def mailing(self) -> Mailing:
        """The mailing that the path names. Raises Problem."""
        text = self.path["id"]
        id = int(text) if text.isascii() and text.isdecimal() and len(text) < 20 else 0
        found = self.app.store.mailing(id) if 0 < id <= MAX_ID else None
        if found is None:
            raise Problem(404, f"There is no mailing {text[:20]}.")
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A parameter or a member of a body: its JSON schema, "type" among it, and whether it must be there."""

    schema: Mapping[str, Any]
    required: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One thing the API does. `function` returns the status and the JSON of the response; `answer` names the
    schema of that in `openapi.SCHEMAS`, by status.
    """

    method: str
    path: str
    id: str
    summary: str
    scope: ApiScope
    function: Callable[[ApiCall], tuple[int, Any]]
    answer: Mapping[int, str]
    query: Mapping[str, Field]
    body: Mapping[str, Field]
    refusals: tuple[int, ...] = ()


class TokenRates:
    """How often each token may ask. Safe to use from several threads."""

    def __init__(self) -> None:
        self._buckets: OrderedDict[str, LeakyBucket] = OrderedDict()
        self._lock = Lock()

    def take(self, name: str, now: datetime) -> bool:
        """Counts a request; False if the token has had too many."""
        with self._lock:
            bucket = self._buckets.setdefault(name, LeakyBucket())
            self._buckets.move_to_end(name)
            if len(self._buckets) > MAX_BUCKETS:
                self._buckets.popitem(last=False)
            fits = bucket.has_room(PER_TOKEN, 1, now)
            bucket.level += fits
            return fits


def check_fields(fields: Mapping[str, Field], given: Mapping[str, Any], where: str = "") -> dict[str, Any]:
    """The values given, where they keep the schemas of their fields. Raises Problem, which names the first
    that does not.
    """
    for name in given:
        if name not in fields:
            raise Problem(
                422, f"{where}{name[:50]}: there is no such field; there are: {', '.join(fields) or 'none'}"
            )
    found: dict[str, Any] = {}
    for name, field in fields.items():
        if name in given:
            found[name] = check_value(f"{where}{name}", field.schema, given[name])
        elif field.required:
            raise Problem(422, f"{where}{name}: is missing")
        elif "default" in field.schema:
            found[name] = field.schema["default"]
    return found


def check_value(name: str, schema: Mapping[str, Any], value: Any) -> Any:
    """The value, if it keeps the schema. Raises Problem."""
    kind = schema["type"]
    if kind == "boolean" and isinstance(value, bool):
        return value
    if kind == "integer" and isinstance(value, int) and not isinstance(value, bool):
        if schema["minimum"] <= value <= schema["maximum"]:
            return value
        raise Problem(422, f"{name}: is not from {schema['minimum']} to {schema['maximum']}")
    if kind == "object" and isinstance(value, dict):
        return check_fields(schema["fields"], cast("dict[str, Any]", value), f"{name}.")
    if kind == "string" and isinstance(value, str):
        if not value.isprintable() or not 0 < len(value) <= MAX_TEXT:
            raise Problem(422, f"{name}: is not one line of 1 to {MAX_TEXT} characters")
        if "enum" in schema and value not in schema["enum"]:
            raise Problem(422, f"{name}: is none of {', '.join(schema['enum'])}")
        return value
    raise Problem(422, f"{name}: is no {kind}")


def query_values(fields: Mapping[str, Field], request: Request) -> dict[str, Any]:
    """The parameters of a request, numbers as numbers. Raises Problem."""
    given: dict[str, Any] = {}
    for name, text in request.query_params.multi_items():
        if name in given:
            raise Problem(422, f"{name[:50]}: is there more than once")
        number = name in fields and fields[name].schema["type"] == "integer"
        plain = text.isascii() and text.isdecimal() and len(text) < 20
        given[name] = int(text) if number and plain else text
    return check_fields(fields, given)


def json_body(data: bytes) -> dict[str, Any]:
    """The JSON object of a request's body. Raises Problem."""
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        raise Problem(400, "The body is no JSON.") from None
    if not isinstance(found, dict):
        raise Problem(422, "The body is no JSON object.")
    return cast("dict[str, Any]", found)


def problem_of(error: PublisherError) -> Problem:
    """What a program is told of an error that a command would show."""
    if isinstance(error, StoreError):
        log.error("api_failed", extra={"reason": str(error)})
        return Problem(503, "The store cannot be used right now.", {"Retry-After": "10"})
    if isinstance(error, AddressError | UsageError):
        return Problem(422, str(error))
    if isinstance(error, Refused):
        return Problem(409, str(error))
    log.error("api_failed", extra={"reason": str(error)})
    return Problem(503, "This cannot be done right now; the log says why.", {"Retry-After": "10"})


def utc(at: datetime | None) -> str | None:
    """An instant as RFC 3339 with Z."""
    return None if at is None else at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def list_subscribers(call: ApiCall) -> tuple[int, Any]:
    """A page of subscriptions, in the order of their ids."""
    slug, state, most = call.query.get("list"), call.query.get("state"), call.page_size
    found = call.app.store.subscriptions(
        slug, SubscriptionState(state) if state else None, after=call.query["after"], page=most + 1
    )
    rows = list(islice(found, most + 1))
    page = [
        {
            "id": one.id,
            "address": one.address,
            "list": one.list,
            "state": one.state,
            "since": utc(one.created_at),
            "confirmed": utc(one.confirmed_at),
            "next_due": utc(one.next_due_at) if one.state is SubscriptionState.ACTIVE else None,
        }
        for one in rows[:most]
    ]
    return 200, {"subscribers": page, "next": rows[most - 1].id if len(rows) > most else None}


def add_subscriber(call: ApiCall) -> tuple[int, Any]:
    """Adds one: active with a stated consent, or asked to confirm."""
    app, body = call.app, call.body
    spec, confirmed, given = call.list_of(body["list"]), body["confirmed"], body.get("consent")
    if confirmed and given is None:
        raise Problem(422, "consent: is missing; say how a confirmed reader agreed")
    now = app.time_to_write()
    consent = Consent(at=now, origin="", form="api", wording=f"added by the token {call.who}")
    if given is not None:
        at = _past(given["at"], now) if "at" in given else now
        consent = Consent(at=at, origin=given.get("origin", ""), form="api", wording=given["wording"])
    with acting(app, call.who, AuditDoor.API, "subscribers add", spec.slug, body["address"]):
        joined = subscribe.add(app.deps, spec, body["address"], now, confirmed=confirmed, consent=consent)
    if joined is SignupResult.ADDED and not confirmed:
        app.wake()
    status = 200 if joined is SignupResult.ALREADY else 201
    return status, {"address": body["address"], "list": spec.slug, "result": joined.value}


def _past(text: str, now: datetime) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise Problem(422, "consent.at: is no time of RFC 3339") from None
    if at.tzinfo is None or at > now + NOW_LEEWAY or at.year < 1990:
        raise Problem(422, "consent.at: has no offset from UTC, or is not in the past")
    return at


def find_subscriber(call: ApiCall) -> tuple[int, Any]:
    """Everything stored about an address."""
    found = departures.export_data(call.app.deps, call.body["address"])
    if not found["subscriptions"] and not found["suppressions"] and not found["confirmation_mails"]:
        raise Problem(404, "Nothing is known of this address.")
    return 200, found


def unsubscribe(call: ApiCall) -> tuple[int, Any]:
    """Ends the subscriptions of an address to one list or all, as if the reader had done it."""
    spec = call.list_of(call.body["list"]) if "list" in call.body else None
    app, address, about = call.app, call.body["address"], spec.slug if spec else ""
    with acting(app, call.who, AuditDoor.API, "subscribers unsubscribe", about, address):
        ended = departures.unsubscribe(app.deps, address, spec, app.clock())
    return 200, {"left": [one.list for one in ended]}


def list_mailings(call: ApiCall) -> tuple[int, Any]:
    """A page of mailings, the newest first."""
    most = call.page_size
    rows = call.app.store.newest_mailings(most + 1, before=call.query.get("before"))
    next = rows[most - 1].id if len(rows) > most else None
    return 200, {"mailings": [mailing_as_dict(one) for one in rows[:most]], "next": next}


def mailing_as_dict(mailing: Mailing) -> dict[str, Any]:
    """A mailing, as `mailings list --json` has it."""
    return {
        "id": mailing.id,
        "list": mailing.list,
        "kind": mailing.kind,
        "state": mailing.state,
        "hold": mailing.hold,
        "hold_why": mailing.hold_why or None,
        "hold_until": utc(mailing.hold_until),
        "subject": mailing.subject,
        "created": utc(mailing.created_at),
        "remakes": mailing.remakes,
        "planned": mailing.planned,
        "counts": {state.value: mailing.counts.get(state, 0) for state in DeliveryState},
    }


def show_mailing(call: ApiCall) -> tuple[int, Any]:
    """One mailing, with the replies of mail servers."""
    mailing = call.mailing()
    replies = [{"reply": reply, "times": times} for reply, times in call.app.store.replies(mailing.id)]
    return 200, mailing_as_dict(mailing) | {"replies": replies}


def command_mailing(call: ApiCall) -> tuple[int, Any]:
    """Approves, pauses, resumes or cancels a mailing."""
    try:
        command = MailingCommand(call.path["command"])
    except ValueError:
        raise Problem(404, "A mailing takes approve, pause, resume or cancel.") from None
    mailing = call.mailing()
    with acting(call.app, call.who, AuditDoor.API, f"mailings {command}", str(mailing.id)):
        mailing_commands.apply_command(call.app.deps, mailing.id, command, call.app.clock())
    call.app.wake()
    return 200, mailing_as_dict(mailing_commands.find_mailing(call.app.store, mailing.id))


def list_posts(call: ApiCall) -> tuple[int, Any]:
    """A page of the posts that readers see, the last published first."""
    most = call.page_size
    rows = call.app.store.newest_posts(most + 1, before=call.query.get("before"))
    page = [
        {
            "id": one.id,
            "file": one.post.path,
            "title": one.post.title,
            "url": one.post.url,
            "instant": utc(one.post.instant),
            "tags": list(one.post.tags),
            "categories": list(one.post.categories),
            "language": one.post.language,
            "number": one.first_seq,
        }
        for one in rows[:most]
    ]
    return 200, {"posts": page, "next": rows[most - 1].first_seq if len(rows) > most else None}
