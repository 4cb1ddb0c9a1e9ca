"""POST /api/subscribe: sign-up from forms of other sites that stay on their page, and from programs.

    {"list": "daily"}                              {"status": "form", "token": "...", "wait": 0}
    {"list": "daily", "address": "...",            {"status": "accepted", "message": "..."}
     "token": "..."}                               {"status": "invalid", "token": "...", "message": "..."}
                                                   {"status": "wait", "token": "...", "wait": 20, ...}

Browsers may call it from web.allowed_origins and from the site itself, without credentials (Fetch 3.2). The
body must be application/json, which no form can send: so a browser asks first, and other sites are told no.
"""

import json
import math
from collections.abc import Mapping
from typing import Any, cast

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from publisher.app import App
from publisher.core.site import web_origin
from publisher.web.pages.base import Fields, PageResponses, read_body, to_say
from publisher.web.pages.signup import SignUpAnswer, SignUps, SignUpStep

HEADERS = {
    "Cache-Control": "no-store",
    "Vary": "Origin, Accept-Language",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex",
}

PREFLIGHT_AGE = "7200"
"""Seconds that a browser remembers a preflight: as long as Chromium does at most."""

STATUS = {SignUpStep.INVALID: 400, SignUpStep.WAIT: 429}

ACCEPTED = to_say(
    "If this address can be subscribed, we have sent you an email. Open the link in it to confirm; "
    "we won't send anything else until you do."
)
WAIT = to_say(
    "Many people are signing up right now. Please keep this page open: it will sign you up in a moment."
)

Json = Mapping[str, Any]


class SignUpApi:
    """POST and OPTIONS /api/subscribe."""

    def __init__(self, app: App, responses: PageResponses, sign_ups: SignUps) -> None:
        self._responses, self._sign_ups = responses, sign_ups
        self._origins = {*app.settings.web.allowed_origins, web_origin(app.settings.site.public_url)}

    async def __call__(self, request: Request) -> Response:
        origin = request.headers.get("origin")
        if origin is not None and origin not in self._origins:
            return answer(
                403, {"status": "error", "message": "web.allowed_origins does not have this origin"}
            )
        headers = {"Access-Control-Allow-Origin": origin} if origin else {}
        if request.method == "OPTIONS":
            headers |= {
                "Access-Control-Allow-Methods": "POST",
                "Access-Control-Allow-Headers": "Content-Type",
                "Access-Control-Max-Age": PREFLIGHT_AGE,
            }
            return Response(status_code=204, headers={**HEADERS, "Allow": "OPTIONS, POST", **headers})
        return await self._receive(request, headers)

    async def _receive(self, request: Request, headers: Mapping[str, str]) -> Response:
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json":
            return answer(415, {"status": "error", "message": "send application/json"}, headers)
        fields = parse_fields(await read_body(request.scope, request.receive))
        if fields is None:
            what = "send an object with list, address, token, website and success: texts, or texts in a list"
            return answer(400, {"status": "error", "message": what}, headers)
        [slug] = fields.get("list", ()) if len(fields.get("list", ())) == 1 else [None]
        lists = await self._sign_ups.lists(slug)
        if not lists:
            return answer(404, {"status": "error", "message": "no such list"}, headers)
        client = request.client.host if request.client else ""
        found = await self._sign_ups.receive(fields, lists, client)
        content = self._content(found, self._responses.language(request.scope, lists))
        if found.step is SignUpStep.ACCEPTED and (success := self._sign_ups.success_page(fields)):
            content = {**content, "success": success}
        if found.step is SignUpStep.WAIT:
            headers = {**headers, "Retry-After": str(content["wait"])}
        return answer(STATUS.get(found.step, 200), content, headers)

    def _content(self, found: SignUpAnswer, language: str) -> Json:
        """The answer; its message is in `language`."""

        def say(message: str) -> str:
            return self._responses.deps.adapters.renderer.translate(message, language)

        match found.step:
            case SignUpStep.FORM:
                more: Json = {"token": found.token, "wait": 0}
            case SignUpStep.INVALID:
                more = {"token": found.token, "message": say(found.problem[0])}
            case SignUpStep.WAIT:
                seconds = math.ceil(found.wait.total_seconds())
                more = {"token": found.token, "wait": seconds, "message": say(WAIT)}
            case SignUpStep.ACCEPTED:
                more = {"message": say(ACCEPTED)}
        return {"status": found.step.value, **more}


def parse_fields(body: bytes) -> Fields | None:
    """A JSON object of texts and lists of texts, as the fields of a form; None for anything else."""
    try:
        given: object = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(given, dict):
        return None
    fields: dict[str, tuple[str, ...]] = {}
    for name, value in cast("dict[str, object]", given).items():
        values = cast("list[object]", value) if isinstance(value, list) else [value]
        texts = tuple(one for one in values if isinstance(one, str))
        if len(texts) < len(values):
            return None
        fields[name] = texts
    return fields


def answer(status: int, content: Json, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON response that nobody keeps."""
    return JSONResponse(content, status, {**HEADERS, **(headers or {})})
