"""The sign-up form. Whatever is known of an address, the answer is the same and takes the same time.

form -> accepted -> answer                  an invalid form is shown again
     -> too many -> button -> answer        the button works 20 seconds after it was shown

Tokens prove that a form came from this site and was open long enough; each works once.
"""

import asyncio
import heapq
import math
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from enum import Enum

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from publisher.app import App
from publisher.core.errors import AddressError, TokenError
from publisher.core.subscribers.confirmation_limits import SignUpOutcome
from publisher.core.subscribers.subscription import MailingList
from publisher.core.tokens import Claim, KeyRing, Purpose, sign, verify
from publisher.services.subscribers import signup
from publisher.services.subscribers.lists import slug_now
from publisher.web.pages.base import Fields, PageResponses, first_value, read_fields, to_say
from publisher.web.rate_limits import RefusalLog, SignUpLimits

RESPONSE_INTERVAL = 0.25
"""Seconds: every answer to a sign-up takes a multiple of this, so that its time reveals nothing."""

MIN_FORM_AGE = timedelta(seconds=2)
"""People take longer than this to fill in a form. A faster sign-up is answered only when it has passed."""

MAX_FORM_AGE = timedelta(hours=24)

WAIT, MAX_WAIT_AGE = timedelta(seconds=20), timedelta(hours=1)
"""Under load the button of a sign-up works from WAIT to MAX_WAIT_AGE after it was shown."""

MAX_USED_TOKENS = 100_000
"""Used form tokens to remember."""

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

    def __init__(
        self,
        app: App,
        responses: PageResponses,
        limits: SignUpLimits,
        used: "UsedTokens",
        refused: RefusalLog,
    ) -> None:
        self._app, self._responses, self._refused = app, responses, refused
        self._limits, self._used = limits, used

    async def __call__(self, request: Request) -> Response:
        slug = request.path_params.get("list")
        rules = self._responses.deps.rules
        if slug is not None and rules.list(slug) is None:  # a form of a list that was renamed
            slug = await run_in_threadpool(slug_now, rules, self._responses.deps.adapters.store, slug)
        lists = [spec for spec in rules.lists if slug in {None, spec.slug}]
        if not lists:
            return await self._responses.error(404, request.scope)
        if request.method == "POST":
            return await self._receive(request, lists)
        return await self._form(request, lists)

    async def _receive(self, request: Request, lists: Sequence[MailingList]) -> Response:
        fields = await read_fields(request.scope, request.receive)
        ring, now = self._responses.deps.process.keyring(), self._app.clock()
        token = first_value(fields, "token")
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
        return None if chosen_lists(lists, fields) else (to_say("Please choose at least one list."), "")


async def pad_response_time(work: Awaitable[None]) -> None:
    """Awaits `work`, and then until a whole multiple of RESPONSE_INTERVAL has passed."""
    began = asyncio.get_running_loop().time()
    await work
    passed = asyncio.get_running_loop().time() - began
    await asyncio.sleep(math.floor(passed / RESPONSE_INTERVAL + 1) * RESPONSE_INTERVAL - passed)


def address_problem(error: AddressError) -> Problem:
    """What is wrong with an address."""
    if isinstance(error, signup.BlockedAddress):
        return to_say("This address cannot be signed up here. Please use another one."), ""
    return to_say("Please enter a valid email address, such as name@example.com."), f"({error.what})"


def chosen_lists(lists: Sequence[MailingList], fields: Fields) -> list[MailingList]:
    """The lists that were ticked, or the only one of the form."""
    wanted = fields.get("list", ())
    return [spec for spec in lists if len(lists) == 1 or spec.slug in wanted]


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
