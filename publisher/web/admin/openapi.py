"""What the operators' API can do, and its description for programs (OpenAPI 3.1), from the same values."""

from collections.abc import Mapping, Sequence
from typing import Any

from publisher import __version__
from publisher.core.delivery.holds import MailingCommand
from publisher.core.delivery.mailing import DeliveryState, MailingHold, MailingKind, MailingState
from publisher.core.subscribers.subscription import SignupResult, SubscriptionState
from publisher.services.operations.api_tokens import ApiScope
from publisher.web.admin.api import (
    MAX_ID,
    MAX_PAGE,
    MAX_TEXT,
    USUAL_PAGE,
    Field,
    Operation,
    add_subscriber,
    command_mailing,
    find_subscriber,
    list_mailings,
    list_posts,
    list_subscribers,
    show_mailing,
    unsubscribe,
)

PATH = "/api/v1"
"""What the paths of all operations begin with."""

PROBLEM_TYPE = "application/problem+json"

ADDRESS = Field(schema={"type": "string", "format": "email"}, required=True)
LIMIT = Field(schema={"type": "integer", "minimum": 1, "maximum": MAX_PAGE, "default": USUAL_PAGE})
BEFORE = Field(schema={"type": "integer", "minimum": 1, "maximum": MAX_ID})

CONSENT: Mapping[str, Field] = {
    "wording": Field(schema={"type": "string", "description": "What the reader agreed to."}, required=True),
    "at": Field(schema={"type": "string", "format": "date-time", "description": "When. Default: now."}),
    "origin": Field(schema={"type": "string", "description": "Where: the address of the form."}),
}

REASONS = {
    400: "The body is no JSON.",
    401: "There is no token, or it is not valid.",
    403: "The token does not allow this.",
    404: "There is nothing of that kind.",
    409: "The request is valid, and must not be carried out: `detail` says why.",
    413: "The body is too large.",
    415: "The body is not announced as application/json.",
    422: "A parameter or a member of the body is not as described: `detail` names it.",
    429: "Too many requests. Retry-After says when to go on.",
    503: "This cannot be done right now.",
}


def operations(lists: Sequence[str]) -> tuple[Operation, ...]:
    """Everything that the API can do on a site with these lists."""
    slug = {"type": "string", "enum": list(lists)} if lists else {"type": "string"}
    states = {"type": "string", "enum": [state.value for state in SubscriptionState]}
    after = Field(schema={"type": "integer", "minimum": 0, "maximum": MAX_ID, "default": 0})
    return (
        Operation(
            method="GET",
            path="/subscribers",
            id="listSubscribers",
            summary="List subscriptions by page, in the order of their ids.",
            scope=ApiScope.SUBSCRIBERS_READ,
            function=list_subscribers,
            answer={200: "Subscribers"},
            query={"list": Field(schema=slug), "state": Field(schema=states), "after": after, "limit": LIMIT},
            body={},
        ),
        Operation(
            method="POST",
            path="/subscribers",
            id="addSubscriber",
            summary="Add a reader: active with a stated consent, or asked by mail to confirm.",
            scope=ApiScope.SUBSCRIBERS_WRITE,
            function=add_subscriber,
            answer={200: "Added", 201: "Added"},
            query={},
            body={
                "address": ADDRESS,
                "list": Field(schema=slug, required=True),
                "confirmed": Field(schema={"type": "boolean", "default": False}),
                "consent": Field(schema={"type": "object", "fields": CONSENT}),
            },
            refusals=(409,),
        ),
        Operation(
            method="POST",
            path="/subscribers/find",
            id="findSubscriber",
            summary="Look up everything stored about an address.",
            scope=ApiScope.SUBSCRIBERS_READ,
            function=find_subscriber,
            answer={200: "Dossier"},
            query={},
            body={"address": ADDRESS},
            refusals=(404,),
        ),
        Operation(
            method="POST",
            path="/subscribers/unsubscribe",
            id="unsubscribe",
            summary="Unsubscribe an address from one list or all, as if the reader had done it.",
            scope=ApiScope.SUBSCRIBERS_WRITE,
            function=unsubscribe,
            answer={200: "Left"},
            query={},
            body={"address": ADDRESS, "list": Field(schema=slug)},
        ),
        Operation(
            method="GET",
            path="/mailings",
            id="listMailings",
            summary="List mailings by page, the newest first.",
            scope=ApiScope.MAILINGS_READ,
            function=list_mailings,
            answer={200: "Mailings"},
            query={"before": BEFORE, "limit": LIMIT},
            body={},
        ),
        Operation(
            method="GET",
            path="/mailings/{id}",
            id="showMailing",
            summary="Show a mailing, with the replies of mail servers.",
            scope=ApiScope.MAILINGS_READ,
            function=show_mailing,
            answer={200: "MailingWithReplies"},
            query={},
            body={},
            refusals=(404,),
        ),
        Operation(
            method="POST",
            path="/mailings/{id}/{command}",
            id="commandMailing",
            summary="Approve, pause, resume or cancel a mailing.",
            scope=ApiScope.MAILINGS_WRITE,
            function=command_mailing,
            answer={200: "Mailing"},
            query={},
            body={},
            refusals=(404, 409),
        ),
        Operation(
            method="GET",
            path="/posts",
            id="listPosts",
            summary="List the posts that readers see by page, the last published first.",
            scope=ApiScope.POSTS_READ,
            function=list_posts,
            answer={200: "Posts"},
            query={"before": BEFORE, "limit": LIMIT},
            body={},
        ),
    )


def describe(all_operations: Sequence[Operation], title: str) -> dict[str, Any]:
    """The OpenAPI document."""
    paths: dict[str, dict[str, Any]] = {}
    for one in all_operations:
        paths.setdefault(PATH + one.path, {})[one.method.lower()] = _operation(one)
    schemes = {"token": {"type": "http", "scheme": "bearer"}}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": f"{title}: operators' API",
            "version": __version__,
            "description": "Make a token with `publisher keys api NAME --scope SCOPE`.",
        },
        "security": [{"token": []}],
        "paths": paths,
        "components": {"schemas": SCHEMAS, "securitySchemes": schemes},
    }


def _operation(one: Operation) -> dict[str, Any]:
    answers: dict[str, Any] = {
        str(status): {
            "description": "Done.",
            "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}}},
        }
        for status, name in one.answer.items()
    }
    wrong = {401, 403, 422, 429, 503, *one.refusals, *((400, 413, 415) if one.body else ())}
    problem = {"schema": {"$ref": "#/components/schemas/Problem"}}
    for status in sorted(wrong):
        answers[str(status)] = {"description": REASONS[status], "content": {PROBLEM_TYPE: problem}}
    found: dict[str, Any] = {
        "operationId": one.id,
        "summary": one.summary,
        "description": f"Needs the scope `{one.scope}`.",
        "parameters": [*_in_path(one), *_in_query(one)],
        "responses": answers,
    }
    if one.body:
        content = {"application/json": {"schema": _object(one.body)}}
        found["requestBody"] = {"required": True, "content": content}
    return found


def _in_path(one: Operation) -> list[dict[str, Any]]:
    schemas: dict[str, dict[str, Any]] = {
        "id": {"type": "integer", "minimum": 1, "maximum": MAX_ID},
        "command": {"type": "string", "enum": [command.value for command in MailingCommand]},
    }
    return [
        {"name": name, "in": "path", "required": True, "schema": schema}
        for name, schema in schemas.items()
        if f"{{{name}}}" in one.path
    ]


def _in_query(one: Operation) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "query", "required": field.required, "schema": _text_schema(field.schema)}
        for name, field in one.query.items()
    ]


def _object(fields: Mapping[str, Field]) -> dict[str, Any]:
    """The schema of an object with these members and no others."""
    properties = {
        name: _object(field.schema["fields"])
        if field.schema["type"] == "object"
        else _text_schema(field.schema)
        for name, field in fields.items()
    }
    required = [name for name, field in fields.items() if field.required]
    return {
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }


def _text_schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    if schema["type"] != "string" or "enum" in schema:
        return dict(schema)
    return {**schema, "minLength": 1, "maxLength": MAX_TEXT}


def _members(**members: Any) -> dict[str, Any]:
    """The schema of an object in a response: more members may come."""
    return {"type": "object", "properties": members, "required": list(members)}


_TEXT, _NUMBER, _BOOLEAN = {"type": "string"}, {"type": "integer"}, {"type": "boolean"}
_TIME = {"type": "string", "format": "date-time"}
_MAYBE_TIME = {"type": ["string", "null"], "format": "date-time"}
_MAYBE_NUMBER, _MAYBE_TEXT = {"type": ["integer", "null"]}, {"type": ["string", "null"]}
_TEXTS = {"type": "array", "items": _TEXT}
_OBJECTS = {"type": "array", "items": {"type": "object"}}


def _enum(members: Any) -> dict[str, Any]:
    return {"type": "string", "enum": [member.value for member in members]}


def _page(name: str, of: str) -> dict[str, Any]:
    """A page: its rows, and what the next one begins after; null on the last."""
    rows = {"type": "array", "items": {"$ref": f"#/components/schemas/{of}"}}
    return _members(**{name: rows, "next": _MAYBE_NUMBER})


_MAILING = {
    "id": _NUMBER,
    "list": _TEXT,
    "kind": _enum(MailingKind),
    "state": _enum(MailingState),
    "hold": {"enum": [None, *(hold.value for hold in MailingHold)]},
    "hold_why": _MAYBE_TEXT,
    "hold_until": _MAYBE_TIME,
    "subject": _TEXT,
    "created": _TIME,
    "remakes": _MAYBE_NUMBER,
    "planned": _NUMBER,
    "counts": _members(**{state.value: _NUMBER for state in DeliveryState}),
}

SCHEMAS: Mapping[str, Any] = {
    "Problem": _members(title=_TEXT, status=_NUMBER, detail=_TEXT),
    "Subscriber": _members(
        id=_NUMBER,
        address=_TEXT,
        list=_TEXT,
        state=_enum(SubscriptionState),
        since=_TIME,
        confirmed=_MAYBE_TIME,
        next_due=_MAYBE_TIME,
    ),
    "Subscribers": _page("subscribers", "Subscriber"),
    "Added": _members(address=_TEXT, list=_TEXT, result=_enum(SignupResult)),
    "Left": _members(left=_TEXTS),
    "Dossier": _members(address=_TEXT, subscriptions=_OBJECTS, suppressions=_OBJECTS, refusals=_OBJECTS),
    "Mailing": _members(**_MAILING),
    "MailingWithReplies": _members(
        **_MAILING, replies={"type": "array", "items": _members(reply=_TEXT, times=_NUMBER)}
    ),
    "Mailings": _page("mailings", "Mailing"),
    "Post": _members(
        id=_TEXT,
        file=_TEXT,
        title=_TEXT,
        url=_TEXT,
        instant=_MAYBE_TIME,
        tags=_TEXTS,
        categories=_TEXTS,
        language=_MAYBE_TEXT,
        number=_NUMBER,
    ),
    "Posts": _page("posts", "Post"),
}
