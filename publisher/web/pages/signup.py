"""The sign-up form. Whatever is known of an address, the answer is the same and takes the same time.

form -> accepted -> answer                  an invalid form is shown again
     -> too many -> button -> answer        the button works 20 seconds after it was shown
"""

import asyncio
import math
from collections.abc import Awaitable, Sequence
from datetime import datetime, timedelta

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from publisher.app import App
from publisher.core.errors import AddressError
from publisher.core.subscribers.confirmation_limits import SignUpOutcome
from publisher.core.subscribers.subscription import MailingList
from publisher.services.subscribers import signup
from publisher.web.pages.forms import (
    Fields,
    TokenUse,
    UsedTokens,
    first_value,
    form_wait_remaining,
    issue_form_token,
    issue_wait_token,
    read_fields,
    token_made_at,
    wait_remaining,
)
from publisher.web.pages.responses import PageResponses, to_say
from publisher.web.rate_limits import RefusalLog, SignUpLimits

RESPONSE_INTERVAL = 0.25
"""Seconds: every answer to a sign-up takes a multiple of this, so that its time reveals nothing."""

Problem = tuple[str, str]
"""What is wrong with a form: an English sentence, and details for programmers."""


REFUSAL_COUNTERS = {
    None: "robots_in_the_trap",
    SignUpOutcome.MAILBOX: "sign_ups_over_the_mailbox_limit",
    SignUpOutcome.DOMAIN: "sign_ups_over_the_domain_limit",
    SignUpOutcome.NEVER: "sign_ups_of_people_who_want_none",
}


class SignUp:
    """GET and POST /subscribe, for all lists, and /subscribe/<list>, for one."""

    def __init__(self, app: App, responses: PageResponses, limits: SignUpLimits, refused: RefusalLog) -> None:
        self._app, self._responses, self._limits, self._refused = app, responses, limits, refused
        self._used = UsedTokens(forgot=lambda: refused.count("form_tokens_forgotten_early"))

    async def __call__(self, request: Request) -> Response:
        slug = request.path_params.get("list")
        lists = [spec for spec in self._responses.deps.rules.lists if slug in {None, spec.slug}]
        if not lists:
            return await self._responses.error(404, request.scope)
        if request.method == "POST":
            return await self._receive(request, lists)
        return await self._form(request, lists)

    async def _receive(self, request: Request, lists: Sequence[MailingList]) -> Response:
        fields = await read_fields(request.scope, request.receive)
        ring, now, token = (
            self._responses.deps.process.keyring(),
            self._app.clock(),
            first_value(fields, "token"),
        )
        wait_for, waited = form_wait_remaining(token, ring, now), wait_remaining(token, ring, now)
        if wait_for is None and waited is None:  # a copy of the form, or a program: show ours first
            return await self._form(request, lists, fields)
        if problem := self._form_problem(lists, fields):
            return await self._form(request, lists, fields, problem)
        if waited:
            self._refused.count("buttons_pressed_too_soon")
            return await self._wait(request, lists, fields, token, waited)
        address, chosen = first_value(fields, "address"), chosen_lists(lists, fields)
        content = hash((address, *(spec.slug for spec in chosen)))
        use = self._used.use(token, token_made_at(token, ring, now), content, now)
        if use is TokenUse.SPENT:
            self._refused.count("forms_sent_twice")
            return await self._form(request, lists, fields)
        client = request.client.host if request.client else ""
        if use is TokenUse.FIRST and not self._limits.take(client, now, waited=waited is not None):
            self._used.invalidate(token)
            self._refused.count("sign_ups_asked_to_wait")
            fresh = issue_wait_token(ring, now, self._responses.deps.process.nonce())
            return await self._wait(request, lists, fields, fresh, wait_remaining(fresh, ring, now))
        await asyncio.sleep((wait_for or timedelta()).total_seconds())
        if use is TokenUse.FIRST:
            trapped = bool(first_value(fields, "website"))  # hidden from people; robots get the same answer
            await pad_response_time(self._sign_up(chosen, address, client, now, trapped=trapped))
        else:
            await pad_response_time(asyncio.sleep(0))
        return await self._responses.page("answer", language=self._responses.language(request.scope, lists))

    async def _sign_up(
        self, chosen: Sequence[MailingList], address: str, origin: str, now: datetime, *, trapped: bool
    ) -> None:
        answer = None
        try:
            if not trapped:
                deps = self._responses.deps
                answer = await run_in_threadpool(signup.sign_up, deps, chosen, address, origin, now)
        finally:
            if answer is not SignUpOutcome.ASK:
                self._limits.give_back()
        if answer is SignUpOutcome.ASK:
            self._app.wake()
        elif why := REFUSAL_COUNTERS.get(answer):
            self._refused.count(why)

    async def _form(
        self,
        request: Request,
        lists: Sequence[MailingList],
        fields: Fields | None = None,
        problem: Problem = ("", ""),
    ) -> Response:
        """The form with a fresh token, so that it can be sent again."""
        fields = fields or {}
        deps = self._responses.deps
        values = self._values(request, lists, fields) | {
            "lists": lists,
            "token": issue_form_token(deps.process.keyring(), self._app.clock(), deps.process.nonce()),
            "problem": problem[0],
            "detail": problem[1],
        }
        language = self._responses.language(request.scope, lists)
        status = 400 if problem[0] else 200
        return await self._responses.page("subscribe", values, language=language, status=status)

    async def _wait(
        self,
        request: Request,
        lists: Sequence[MailingList],
        fields: Fields,
        token: str,
        left: timedelta | None,
    ) -> Response:
        """The button that works in a while; it keeps its token if it was pressed too soon."""
        again = token == first_value(fields, "token")
        values = self._values(request, lists, fields) | {
            "token": token,
            "left": math.ceil((left or timedelta()).total_seconds()),
            "problem": to_say("That was too soon. Please wait the full 20 seconds.") if again else "",
        }
        language = self._responses.language(request.scope, lists)
        return await self._responses.page("wait", values, language=language)

    def _values(self, request: Request, lists: Sequence[MailingList], fields: Fields) -> dict[str, object]:
        steps = ["subscribe", *filter(None, [request.path_params.get("list")])]
        return {
            "chosen": [spec.slug for spec in chosen_lists(lists, fields)],
            "address": first_value(fields, "address"),
            "action": self._responses.action(*steps),
        }

    def _form_problem(self, lists: Sequence[MailingList], fields: Fields) -> Problem | None:
        """What is wrong with these fields; None if nothing is."""
        try:
            signup.parse_signup_address(self._responses.deps.rules.blocklist, first_value(fields, "address"))
        except AddressError as error:
            return address_problem(error)
        return None if chosen_lists(lists, fields) else (to_say("Choose at least one of the lists."), "")


async def pad_response_time(work: Awaitable[None]) -> None:
    """Awaits `work`, and then until a whole multiple of RESPONSE_INTERVAL has passed."""
    began = asyncio.get_running_loop().time()
    await work
    passed = asyncio.get_running_loop().time() - began
    await asyncio.sleep(math.floor(passed / RESPONSE_INTERVAL + 1) * RESPONSE_INTERVAL - passed)


def address_problem(error: AddressError) -> Problem:
    """What is wrong with an address."""
    if isinstance(error, signup.BlockedAddress):
        return to_say("This address cannot be signed up here. Use another one."), ""
    return to_say("This address cannot be used. Write it like name@example.com."), f"({error.what})"


def chosen_lists(lists: Sequence[MailingList], fields: Fields) -> list[MailingList]:
    """The lists that were ticked, or the only one of the form."""
    wanted = fields.get("list", ())
    return [spec for spec in lists if len(lists) == 1 or spec.slug in wanted]
