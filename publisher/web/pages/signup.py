"""The sign-up form. Whatever is known of an address, the answer is the same and takes the same time.

form -> accepted -> answer                  an invalid form is shown again
     -> too many -> button -> answer        the button works 20 seconds after it was shown

Tokens prove that a form came from this site and was open long enough; each works once.
"""

import asyncio
import heapq
import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from publisher.app import App
from publisher.core.errors import AddressError, TokenError
from publisher.core.site import web_origin
from publisher.core.subscribers.confirmation_limits import SignUpOutcome
from publisher.core.subscribers.subscription import MailingList
from publisher.core.tokens import Claim, KeyRing, Purpose, sign, verify
from publisher.services.deps import Deps
from publisher.services.subscribers import signup
from publisher.services.subscribers.lists import slug_now
from publisher.web.pages.base import HEADERS, Fields, PageResponses, first_value, read_fields, to_say
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


class SignUpStep(Enum):
    """What a visitor is shown next."""

    FORM = "form"
    INVALID = "invalid"
    WAIT = "wait"
    ACCEPTED = "accepted"


@dataclass(frozen=True, slots=True, kw_only=True)
class SignUpAnswer:
    """What a sign-up comes to. `token` is for the next try, which is taken once `wait` has passed."""

    step: SignUpStep
    token: str = ""
    wait: timedelta = timedelta()
    problem: Problem = ("", "")


class SignUps:
    """Takes sign-ups, from the site's own form and from forms elsewhere, under the same limits. `used` and
    `limits` are the server's.
    """

    def __init__(
        self, app: App, deps: Deps, limits: SignUpLimits, used: "UsedTokens", refused: RefusalLog
    ) -> None:
        self._app, self._deps, self._refused = app, deps, refused
        self._limits, self._used = limits, used

    async def lists(self, slug: str | None) -> list[MailingList]:
        """The list of that slug, or of a form from before it was renamed; all lists for None."""
        rules = self._deps.rules
        if slug is not None and rules.list(slug) is None:
            slug = await run_in_threadpool(slug_now, rules, self._deps.adapters.store, slug)
        return [spec for spec in rules.lists if slug in {None, spec.slug}]

    def fresh_form(self, step: SignUpStep = SignUpStep.FORM, problem: Problem = ("", "")) -> SignUpAnswer:
        """A form with a token that can be sent."""
        process = self._deps.process
        token = issue_form_token(process.keyring(), self._app.clock(), process.nonce())
        return SignUpAnswer(step=step, token=token, problem=problem)

    async def receive(self, fields: Fields, lists: Sequence[MailingList], client: str) -> SignUpAnswer:
        """Signs up, if the form's token allows it now. `client` is an IP address."""
        ring, now = self._deps.process.keyring(), self._app.clock()
        token = first_value(fields, "token")
        wait_for, waited = form_wait_remaining(token, ring, now), wait_remaining(token, ring, now)
        if wait_for is None and waited is None:  # a copy of the form, or a program: show ours first
            return self.fresh_form()
        if problem := self._form_problem(lists, fields):
            return self.fresh_form(SignUpStep.INVALID, problem)
        if waited:
            self._refused.count("buttons_pressed_too_soon")
            return SignUpAnswer(step=SignUpStep.WAIT, token=token, wait=waited)
        address, chosen = first_value(fields, "address"), chosen_lists(lists, fields)
        content = hash((address, *(spec.slug for spec in chosen)))
        use = self._used.use(token, token_made_at(token, ring, now), content, now)
        if use is TokenUse.SPENT:
            self._refused.count("forms_sent_twice")
            return self.fresh_form()
        if use is TokenUse.FIRST and not self._limits.take(client, now, waited=waited is not None):
            self._used.invalidate(token)
            self._refused.count("sign_ups_asked_to_wait")
            later = issue_wait_token(ring, now, self._deps.process.nonce())
            return SignUpAnswer(step=SignUpStep.WAIT, token=later, wait=WAIT)
        await asyncio.sleep((wait_for or timedelta()).total_seconds())
        if use is TokenUse.FIRST:
            trapped = bool(first_value(fields, "website"))  # hidden from people; robots get the same answer
            await pad_response_time(self._sign_up(chosen, address, client, now, trapped=trapped))
        else:
            await pad_response_time(asyncio.sleep(0))
        return SignUpAnswer(step=SignUpStep.ACCEPTED)

    async def _sign_up(
        self, chosen: Sequence[MailingList], address: str, origin: str, now: datetime, *, trapped: bool
    ) -> None:
        answer = None
        try:
            if not trapped:
                answer = await run_in_threadpool(signup.sign_up, self._deps, chosen, address, origin, now)
        finally:
            if answer is not SignUpOutcome.ASK:
                self._limits.give_back()
        if answer is SignUpOutcome.ASK:
            self._app.wake()
        elif why := REFUSAL_COUNTERS.get(answer):
            self._refused.count(why)

    def _form_problem(self, lists: Sequence[MailingList], fields: Fields) -> Problem | None:
        """What is wrong with these fields; None if nothing is."""
        try:
            signup.parse_signup_address(self._deps.rules.blocklist, first_value(fields, "address"))
        except AddressError as error:
            return address_problem(error)
        return None if chosen_lists(lists, fields) else (to_say("Please choose at least one list."), "")

    def success_page(self, fields: Fields) -> str:
        """The page on another site that a form wants to end on, if its origin is in web.allowed_origins;
        else "".
        """
        wanted = first_value(fields, "success")
        if not wanted or web_origin(wanted) in self._app.settings.web.allowed_origins:
            return wanted
        self._refused.count("success_pages_elsewhere")
        return ""


class SignUpPage:
    """GET and POST /subscribe, for all lists, and /subscribe/<list>, for one."""

    def __init__(self, responses: PageResponses, sign_ups: SignUps) -> None:
        self._responses, self._sign_ups = responses, sign_ups

    async def __call__(self, request: Request) -> Response:
        lists = await self._sign_ups.lists(request.path_params.get("list"))
        if not lists:
            return await self._responses.error(404, request.scope)
        if request.method != "POST":
            return await self._show(request, lists, {}, self._sign_ups.fresh_form())
        fields = await read_fields(request.scope, request.receive)
        answer = await self._sign_ups.receive(fields, lists, request.client.host if request.client else "")
        return await self._show(request, lists, fields, answer)

    async def _show(
        self, request: Request, lists: Sequence[MailingList], fields: Fields, answer: SignUpAnswer
    ) -> Response:
        language = self._responses.language(request.scope, lists)
        success = self._sign_ups.success_page(fields)
        if answer.step is SignUpStep.ACCEPTED:
            if success:
                return RedirectResponse(success, 303, HEADERS)
            return await self._responses.page("answer", language=language)
        steps = ["subscribe", *filter(None, [request.path_params.get("list")])]
        values: dict[str, object] = {
            "chosen": [spec.slug for spec in chosen_lists(lists, fields)],
            "address": first_value(fields, "address"),
            "website": first_value(fields, "website"),
            "success": success,
            "action": self._responses.action(*steps),
            "token": answer.token,
        }
        headers = {"Content-Security-Policy": form_policy(success)}
        if answer.step is SignUpStep.WAIT:
            again = answer.token == first_value(fields, "token")
            values["left"] = math.ceil(answer.wait.total_seconds())
            values["problem"] = to_say("That was too soon. Please wait the full 20 seconds.") if again else ""
            return await self._responses.page("wait", values, language=language, headers=headers)
        values |= {"lists": lists, "problem": answer.problem[0], "detail": answer.problem[1]}
        status = 400 if answer.step is SignUpStep.INVALID else 200
        return await self._responses.page(
            "subscribe", values, language=language, status=status, headers=headers
        )


def form_policy(success: str) -> str:
    """The policy of a page whose form may end on `success`: browsers hold redirects after a form to its
    form-action too (CSP 3, 6.4.1).
    """
    policy = HEADERS["Content-Security-Policy"]
    return (
        policy.replace("form-action 'self'", f"form-action 'self' {web_origin(success)}")
        if success
        else policy
    )


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
