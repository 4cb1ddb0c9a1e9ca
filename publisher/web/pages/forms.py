"""Reading forms: bodies up to a limit, fields, and tokens that prove that a form came from this site and was
open long enough.
"""

import heapq
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from enum import Enum

from starlette.formparsers import MultiPartException
from starlette.requests import Request
from starlette.types import Message, Receive, Scope

from publisher.core.errors import TokenError
from publisher.core.tokens import Claim, KeyRing, Purpose, sign, verify

MAX_BODY = 16 * 1024
"""Bytes of a request's body."""

MAX_FIELDS = 50

MIN_FORM_AGE = timedelta(seconds=2)
"""People take longer than this to fill in a form. A faster sign-up is answered only when it has passed."""

MAX_FORM_AGE = timedelta(hours=24)

WAIT, MAX_WAIT_AGE = timedelta(seconds=20), timedelta(hours=1)
"""Under load the button of a sign-up works from WAIT to MAX_WAIT_AGE after it was shown."""

MAX_USED_TOKENS = 100_000
"""Used form tokens to remember."""

Fields = Mapping[str, tuple[str, ...]]


class TooLarge(Exception):
    """The body has more than MAX_BODY bytes."""


class ClientDisconnected(Exception):
    """The client disconnected before its whole request had arrived."""


def issue_form_token(ring: KeyRing, now: datetime, nonce: str) -> str:
    """A fresh form token. In place of a subscription's id and generation it has the second it was made and
    the first 8 digits of `nonce` (hex), so that no two are the same.
    """
    return sign(_claim(Purpose.SIGN_UP_FORM, int(now.timestamp()), nonce, now + MAX_FORM_AGE), ring)


def issue_wait_token(ring: KeyRing, now: datetime, nonce: str) -> str:
    """A fresh token for a button that works only after WAIT. It has the millisecond it was made."""
    made = int(now.timestamp() * 1000)
    return sign(_claim(Purpose.SIGN_UP_WAIT, made, nonce, now + MAX_WAIT_AGE), ring)


def _claim(purpose: Purpose, made: int, nonce: str, expires: datetime) -> Claim:
    return Claim(purpose=purpose, subscription=made, generation=int(nonce[:8], 16), expires=expires)


def wait_remaining(token: str, ring: KeyRing, now: datetime) -> timedelta | None:
    """How long until the button with a token of `issue_wait_token` works, zero once it does. None if it is no
    such token, or too old.
    """
    try:
        claim = verify(token, Purpose.SIGN_UP_WAIT, ring, now)
    except TokenError:
        return None
    made = datetime.fromtimestamp(claim.subscription / 1000, UTC)
    return min(max(made + WAIT - now, timedelta()), WAIT)


class TokenUse(Enum):
    """How a form token was used before."""

    FIRST = "first"
    SAME = "same"  # for the same sign-up: a button was pressed twice
    SPENT = "spent"  # for another sign-up, or so long ago that it is forgotten


class UsedTokens:
    """Makes form tokens work once. Use it in the event loop's thread.

    Used tokens are remembered until they expire, up to `most`. Beyond that the oldest are forgotten, `forgot`
    is called, and every token made before them counts as spent: its form comes back with a fresh token. So a
    flood can make people press a button twice, and never makes a used token valid again.
    """

    def __init__(self, most: int = MAX_USED_TOKENS, forgot: Callable[[], None] = lambda: None) -> None:
        self._most, self._forgot = most, forgot
        self._used: dict[str, int | None] = {}
        self._by_age: list[tuple[datetime, str]] = []
        self._floor = datetime.min.replace(tzinfo=UTC)

    def invalidate(self, token: str) -> None:
        """The sign-up of a used token was not accepted: sending it again is no double click."""
        if token in self._used:
            self._used[token] = None

    def use(self, token: str, made: datetime, content: int, now: datetime) -> TokenUse:
        """Uses up a valid token, made at `made`; `content` is the hash of the sign-up."""
        while self._by_age and (len(self._used) >= self._most or self._by_age[0][0] < now - MAX_FORM_AGE):
            oldest, old = heapq.heappop(self._by_age)
            del self._used[old]
            self._floor = max(self._floor, oldest)
            if oldest >= now - MAX_FORM_AGE:
                self._forgot()
        if token in self._used:
            return TokenUse.SAME if self._used[token] == content else TokenUse.SPENT
        if made <= self._floor:
            return TokenUse.SPENT
        self._used[token] = content
        heapq.heappush(self._by_age, (made, token))
        return TokenUse.FIRST


def token_made_at(token: str, ring: KeyRing, now: datetime) -> datetime:
    """When a valid token was made. Raises TokenError."""
    try:
        return datetime.fromtimestamp(verify(token, Purpose.SIGN_UP_FORM, ring, now).subscription, UTC)
    except TokenError:
        made = verify(token, Purpose.SIGN_UP_WAIT, ring, now).subscription
        return datetime.fromtimestamp(made / 1000, UTC)


def form_wait_remaining(token: str, ring: KeyRing, now: datetime) -> timedelta | None:
    """How long until this form has been open for MIN_FORM_AGE; zero once it has. None if its token is not
    ours, or too old.
    """
    try:
        claim = verify(token, Purpose.SIGN_UP_FORM, ring, now)
    except TokenError:
        return None
    made = datetime.fromtimestamp(claim.subscription, UTC)
    return min(max(made + MIN_FORM_AGE - now, timedelta()), MIN_FORM_AGE)


async def read_body(scope: Scope, receive: Receive) -> bytes:
    """The whole body. Raises ClientDisconnected, and TooLarge: before reading if the length is announced."""
    for name, value in scope["headers"]:
        if name == b"content-length" and int(value) > MAX_BODY:
            raise TooLarge
    body = bytearray()
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnected
        body += message.get("body", b"")
        if len(body) > MAX_BODY:
            raise TooLarge
        more = message.get("more_body", False)
    return bytes(body)


async def read_fields(scope: Scope, receive: Receive) -> Fields:
    """The text fields of a form, urlencoded or multipart; empty for anything else."""
    body = await read_body(scope, receive)

    async def replay() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    fields: dict[str, tuple[str, ...]] = {}
    try:
        async with Request(scope, replay).form(max_files=1, max_fields=MAX_FIELDS) as form:
            for name, value in form.multi_items():
                if isinstance(value, str):
                    fields[name] = (*fields.get(name, ()), value)
    except MultiPartException:
        return {}
    return fields


def first_value(fields: Fields, name: str) -> str:
    """The first value of a field; "" for none."""
    return fields.get(name, ("",))[0]
