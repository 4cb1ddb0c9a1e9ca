"""Unsubscribing by address: where links in mails that another service sent lead (`web.legacy_unsubscribe`).

Such a link does not say who follows it, so the page asks for the address, and a link to unsubscribe is mailed
to it if it is subscribed. The answer is the same, and takes the same time, whoever asks.
"""

import asyncio
from datetime import datetime

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from publisher.app import App
from publisher.core.addresses import Address, parse_address
from publisher.core.errors import AddressError
from publisher.services.subscribers import account
from publisher.web.pages.base import PageResponses, first_value, read_fields, to_say
from publisher.web.pages.signup import (
    Problem,
    TokenUse,
    UsedTokens,
    address_problem,
    form_wait_remaining,
    issue_form_token,
    pad_response_time,
    token_made_at,
)
from publisher.web.rate_limits import RefusalLog, SignUpLimits


class LeavePage:
    """GET shows the form, POST mails the link. One click of a mail program (RFC 8058) fails, because nobody
    can tell who it was for.
    """

    def __init__(
        self,
        app: App,
        responses: PageResponses,
        limits: SignUpLimits,
        used: UsedTokens,
        refused: RefusalLog,
    ) -> None:
        self._app, self._responses = app, responses
        self._limits, self._used, self._refused = limits, used, refused

    async def __call__(self, request: Request) -> Response:
        if request.method not in ("GET", "HEAD", "POST"):
            return await self._responses.error(405, request.scope)
        if request.method != "POST":
            return await self._form(request)
        fields = await read_fields(request.scope, request.receive)
        if "List-Unsubscribe" in fields:
            return await self._responses.error(404, request.scope)
        token, typed = first_value(fields, "token"), first_value(fields, "address")
        ring, now = self._responses.deps.process.keyring(), self._app.clock()
        wait = form_wait_remaining(token, ring, now)
        if wait is None:  # a copy of the form, or a program: show ours first
            return await self._form(request, typed)
        try:
            address = parse_address(typed)
        except AddressError as error:
            return await self._form(request, typed, address_problem(error))
        use = self._used.use(token, token_made_at(token, ring, now), hash(("leave", typed)), now)
        client = request.client.host if request.client else ""
        if use is TokenUse.SPENT:
            return await self._form(request, typed)
        # Counted whether a mail is sent or not: what the limit says must not tell who is subscribed.
        if use is TokenUse.FIRST and not self._limits.take(client, now, waited=False):
            self._used.invalidate(token)
            self._refused.count("unsubscribes_by_address_over_the_limit")
            return await self._form(
                request, typed, (to_say("It is not your fault. Try again in a while."), "")
            )
        await asyncio.sleep(wait.total_seconds())
        trapped = bool(first_value(fields, "website"))  # hidden from people; robots get the same answer
        await pad_response_time(self._mail_links(None if trapped or use is TokenUse.SAME else address, now))
        language = self._responses.language(request.scope)
        return await self._responses.page("leave", {"sent": True, "problem": ""}, language=language)

    async def _mail_links(self, address: Address | None, now: datetime) -> None:
        if address is not None:
            deps = self._responses.deps
            if await run_in_threadpool(account.send_leave_links, deps, address, now):
                self._app.wake()

    async def _form(self, request: Request, typed: str = "", problem: Problem = ("", "")) -> Response:
        """The form with a fresh token; it is sent to the address it is shown at."""
        deps = self._responses.deps
        values = {
            "sent": False,
            "address": typed,
            "token": issue_form_token(deps.process.keyring(), self._app.clock(), deps.process.nonce()),
            "problem": problem[0],
            "detail": problem[1],
        }
        language = self._responses.language(request.scope)
        status = 400 if problem[0] else 200
        return await self._responses.page("leave", values, language=language, status=status)
