"""What forms bring: bodies within bounds, fields, and the token that says a form is ours and was read."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from starlette.formparsers import MultiPartException
from starlette.requests import Request
from starlette.types import Message, Receive, Scope

from publisher.core.errors import TokenError
from publisher.core.tokens import Claim, KeyRing, Purpose, seal, unseal

LIMIT = 16 * 1024
"""Bytes of a request's body."""

FIELDS = 50

YOUNGEST = timedelta(seconds=2)
"""Nobody fills in a form faster. A program that does is kept waiting until this has passed."""

OLDEST = timedelta(hours=24)

Fields = Mapping[str, tuple[str, ...]]


class TooLarge(Exception):
    """The body has more than LIMIT bytes."""


class Gone(Exception):
    """The client went away before its request was whole."""


def issue(ring: KeyRing, now: datetime) -> str:
    """A fresh form token. Where a reader's token names a subscription, it holds the second it was made."""
    made = int(now.timestamp())
    return seal(
        Claim(purpose=Purpose.SIGN_UP_FORM, subscription=made, generation=0, expires=now + OLDEST), ring
    )


def ripe_in(token: str, ring: KeyRing, now: datetime) -> timedelta | None:
    """How long until this form has been open for as long as a person needs; zero when it has been, and
    None when it is not a form of ours, or was opened too long ago.
    """
    try:
        claim = unseal(token, Purpose.SIGN_UP_FORM, ring, now)
    except TokenError:
        return None
    made = datetime.fromtimestamp(claim.subscription, UTC)
    return min(max(made + YOUNGEST - now, timedelta()), YOUNGEST)


async def read_body(scope: Scope, receive: Receive) -> bytes:
    """The whole body. Raises TooLarge (before reading where the length is announced) and Gone."""
    for name, value in scope["headers"]:
        if name == b"content-length" and int(value) > LIMIT:
            raise TooLarge
    body = bytearray()
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Gone
        body += message.get("body", b"")
        if len(body) > LIMIT:
            raise TooLarge
        more = message.get("more_body", False)
    return bytes(body)


async def read_fields(scope: Scope, receive: Receive) -> Fields:
    """The text fields of a form, urlencoded or multipart; none of what is neither, or broken."""
    body = await read_body(scope, receive)

    async def replay() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    fields: dict[str, tuple[str, ...]] = {}
    try:
        async with Request(scope, replay).form(max_files=1, max_fields=FIELDS) as form:
            for name, value in form.multi_items():
                if isinstance(value, str):
                    fields[name] = (*fields.get(name, ()), value)
    except MultiPartException:
        return {}
    return fields


def one(fields: Fields, name: str) -> str:
    """The first value of a field; "" for none."""
    return fields.get(name, ("",))[0]
