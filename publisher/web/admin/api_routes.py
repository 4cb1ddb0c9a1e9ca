"""The operators' API as routes of the admin listener: who may call an operation, and what they are told."""

import json
import logging
from collections.abc import Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from publisher.app import App
from publisher.core.errors import PublisherError
from publisher.web.admin.api import (
    ApiCall,
    Operation,
    Problem,
    TokenRates,
    check_fields,
    json_body,
    problem_of,
    query_values,
    utc,
)
from publisher.web.admin.bearer import Bearer, Unauthorized, identify
from publisher.web.admin.openapi import PATH, PROBLEM_TYPE, describe, operations
from publisher.web.admin.sessions import AdminSessions
from publisher.web.pages.base import ClientDisconnected, TooLarge, read_body
from publisher.web.rate_limits import TrustedProxies

log = logging.getLogger(__name__)

HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}

MAX_JSON = 64 * 1024
"""Bytes of a body."""

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT")
"""What is routed, so that a method that an operation has not is answered by a problem."""


class ApiRoutes:
    """The routes for one site's settings. `sessions` count wrong tokens; `rates` are the listener's."""

    def __init__(self, app: App, sessions: AdminSessions, proxies: TrustedProxies, rates: TokenRates) -> None:
        self._app, self._sessions, self._proxies, self._rates = app, sessions, proxies, rates
        self._operations = operations(app.deps.rules.slugs)
        self._description = describe(self._operations, app.settings.site.title)

    def routes(self) -> list[Route]:
        """One for each path: the description, and the operations."""
        by_path: dict[str, dict[str, Operation]] = {}
        for one in self._operations:
            by_path.setdefault(one.path, {})[one.method] = one
        return [
            Route(f"{PATH}/openapi.json", self._describe, methods=METHODS),
            *(
                Route(PATH + path, self._endpoint(of_method), methods=METHODS)
                for path, of_method in by_path.items()
            ),
            Route("/api/{rest:path}", self._nothing, methods=METHODS),
        ]

    async def _describe(self, request: Request) -> Response:
        if request.method not in {"GET", "HEAD"}:
            return problem(Problem(405, "This can only be read.", {"Allow": "GET, HEAD"}))
        return answer(200, self._description)

    async def _nothing(self, _request: Request) -> Response:
        return problem(Problem(404, f"There is nothing here; {PATH}/openapi.json says what there is."))

    def _endpoint(self, of_method: Mapping[str, Operation]) -> Any:
        allowed = ", ".join([*of_method, *(["HEAD"] if "GET" in of_method else [])])

        async def endpoint(request: Request) -> Response:
            operation = of_method.get("GET" if request.method == "HEAD" else request.method)
            try:
                if operation is None:
                    raise Problem(405, f"This path takes {allowed}.", {"Allow": allowed})
                return await self._answer(operation, request)
            except Problem as found:
                return problem(found)
            except TooLarge:
                return problem(Problem(413, f"The body is larger than {MAX_JSON:,} bytes."))
            except ClientDisconnected:
                raise
            except PublisherError as error:
                return problem(problem_of(error))
            except Exception:  # any fault of one request
                log.exception("request_failed", extra={"method": request.method, "path": request.url.path})
                return problem(Problem(500, "Something went wrong; the log tells more."))

        return endpoint

    async def _answer(self, operation: Operation, request: Request) -> Response:
        client, now = self._proxies.client(request.scope), self._app.clock()
        who = await identify(self._app, self._sessions, client, request)
        if isinstance(who, Unauthorized):
            raise Problem(who.status, who.why, who.headers)
        if operation.scope not in who.scopes:
            challenge = f'Bearer realm="publisher", error="insufficient_scope", scope="{operation.scope}"'
            detail = f"The token {who.name} does not have the scope {operation.scope}."
            raise Problem(403, detail, {"WWW-Authenticate": challenge})
        if not self._rates.take(who.name, now):
            raise Problem(429, "Too many requests with this token.", {"Retry-After": "1"})
        body = await self._body(operation, request)
        call = ApiCall(
            app=self._app,
            who=who.name,
            now=now,
            path={name: str(value) for name, value in request.path_params.items()},
            query=query_values(operation.query, request),
            body=body,
        )
        return await run_in_threadpool(self._call, operation, call, who)

    async def _body(self, operation: Operation, request: Request) -> dict[str, Any]:
        data = await read_body(request.scope, request.receive, MAX_JSON)
        if not operation.body:
            return {}
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            raise Problem(415, "Send JSON: Content-Type: application/json.")
        return check_fields(operation.body, json_body(data))

    def _call(self, operation: Operation, call: ApiCall, who: Bearer) -> Response:
        status, found = operation.function(call)
        if operation.method != "GET":
            log.info("api_call", extra={"token": who.name, "operation": operation.id, "status": status})
        return answer(status, found)


def answer(status: int, found: Any) -> Response:
    """A response in JSON."""
    text = json.dumps(found, default=lambda value: utc(value) if isinstance(value, datetime) else str(value))
    return Response(text, status, {**HEADERS, "Content-Type": "application/json"})


def problem(found: Problem) -> Response:
    """A response that tells a problem (RFC 9457 3)."""
    text = json.dumps(
        {"title": HTTPStatus(found.status).phrase, "status": found.status, "detail": found.detail}
    )
    return Response(text, found.status, {**HEADERS, "Content-Type": PROBLEM_TYPE, **found.headers})
