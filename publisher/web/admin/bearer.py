"""Programs that identify themselves with a token: Authorization: Bearer TOKEN (RFC 6750).

A token of web.admin_token_file may do everything, one made by `publisher keys api` what its scopes allow.
What a browser sends by itself, a cookie, counts for nothing here, so no other site can make a browser act.
"""

import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from publisher.app import App
from publisher.app.secret_files import read_admin_tokens, token_digest
from publisher.services.operations.api_tokens import ApiScope, find_api_token
from publisher.web.admin.sessions import AdminSessions

log = logging.getLogger(__name__)

CHALLENGE = 'Bearer realm="publisher"'


@dataclass(frozen=True, slots=True, kw_only=True)
class Bearer:
    """Who asks: the name of their token, and what it allows."""

    name: str
    scopes: Collection[ApiScope]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unauthorized:
    """Why a request is refused, with the headers of the response."""

    status: int
    why: str
    headers: Mapping[str, str]


async def identify(app: App, sessions: AdminSessions, client: str, request: Request) -> Bearer | Unauthorized:
    """Whose token a request carries. Wrong ones are counted for the address `client`, as wrong logins are; a
    right one is never refused for what others behind the same address tried.
    """
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "bearer" or not token.strip():
        headers = {"WWW-Authenticate": CHALLENGE}
        return Unauthorized(status=401, why="Send a token: Authorization: Bearer TOKEN.", headers=headers)
    found = await run_in_threadpool(_find, app, token_digest(token.strip()))
    if found is not None:
        return found
    if not sessions.begin_try(client, app.clock()):
        why = "Too many wrong tokens. Wait a minute, and try again."
        return Unauthorized(status=429, why=why, headers={"Retry-After": "60"})
    log.warning("admin_token_refused", extra={"client": client})
    headers = {"WWW-Authenticate": f'{CHALLENGE}, error="invalid_token"'}
    return Unauthorized(status=401, why="This token is not valid.", headers=headers)


def _find(app: App, digest: str) -> Bearer | None:
    if (token := find_api_token(app.store, digest)) is not None:
        return Bearer(name=token.name, scopes=token.scopes)
    file = app.settings.web.admin_token_file
    name = read_admin_tokens(file).get(digest) if file is not None else None
    return None if name is None else Bearer(name=name, scopes=tuple(ApiScope))
