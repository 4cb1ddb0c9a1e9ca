"""The pages about what is kept: ask for a link, and what a link opens. Opening a page changes nothing."""

import json
from datetime import datetime

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from publisher.app import App
from publisher.core.addresses import parse_address
from publisher.core.errors import AddressError, Refused, TokenError
from publisher.core.mail.message import Placeholder
from publisher.core.subscribers.subscription import Subscription, SubscriptionState
from publisher.services.subscribers import account
from publisher.web.pages.forms import one, read_fields
from publisher.web.pages.responses import HEADERS, PageResponses, to_say
from publisher.web.pages.signup import evenly, unusable

FILE = {"Content-Disposition": 'attachment; filename="kept-about-you.json"'}


class AccountPages:
    """/account/<token> and /account/<export|erase|address>/<token>. A token that is no good gets 404,
    whatever is wrong; a good one is answered alike, whether a mail is sent or not.
    """

    def __init__(self, app: App, answers: PageResponses) -> None:
        self._app, self._answers = app, answers

    async def ask(self, request: Request) -> Response:
        """GET shows what may be asked for; POST sends the link `link` to the address on record."""
        token, now = request.path_params["token"], self._app.clock()
        try:
            found, _ = await run_in_threadpool(account.of, self._answers.parts, token, now)
            link = None
            if request.method == "POST":
                link = _link(one(await read_fields(request.scope, request.receive), "link"))
            if link is not None:
                await evenly(run_in_threadpool(account.ask, self._answers.parts, token, link, now))
                self._app.wake()
        except TokenError:
            return await self._answers.error(404, request.scope)
        action, active = self._answers.action("account", token), found.state is SubscriptionState.ACTIVE
        return await self._page("account", found, link=link and link.value, active=active, action=action)

    async def once(self, request: Request) -> Response:
        """GET shows a page with a button; POST does what the link is for, once."""
        token, now = request.path_params["token"], self._app.clock()
        link = _link(request.path_params["link"])
        if link is None:
            return await self._answers.error(404, request.scope)
        try:
            found = await run_in_threadpool(account.look, self._answers.parts, token, link, now)
            if request.method == "POST":
                return await self._do(request, link, found, now)
        except TokenError:
            return await self._answers.error(404, request.scope)
        return await self._button(link, token, found)

    async def _do(self, request: Request, link: Placeholder, found: Subscription, now: datetime) -> Response:
        parts, token = self._answers.parts, request.path_params["token"]
        fields = await read_fields(request.scope, request.receive)
        if link is Placeholder.EXPORT:
            kept = await run_in_threadpool(account.export, parts, token, now)
            text = json.dumps(kept, indent=2, ensure_ascii=False, default=_plain)
            return Response(f"{text}\n", media_type="application/json", headers={**HEADERS, **FILE})
        if link is Placeholder.ERASE:
            await run_in_threadpool(account.erase, parts, token, now)
            return await self._answers.page("erased", language=self._answers.language_for(found))
        return await self._move(token, found, one(fields, "address"), now)

    async def _move(self, token: str, found: Subscription, address: str, now: datetime) -> Response:
        try:
            await evenly(run_in_threadpool(account.move, self._answers.parts, token, address, now))
        except AddressError as error:
            return await self._button(Placeholder.ADDRESS, token, found, address, unusable(error))
        except Refused:
            problem = to_say("Mails go to this address already."), ""
            return await self._button(Placeholder.ADDRESS, token, found, address, problem)
        self._app.wake()
        return await self._page("moving", found)

    async def _button(
        self,
        link: Placeholder,
        token: str,
        found: Subscription,
        typed: str = "",
        wrong: tuple[str, str] = ("", ""),
    ) -> Response:
        problem, detail = wrong
        values = {"link": link.value, "action": self._answers.action("account", link.value, token)}
        values |= {"typed": typed, "problem": problem, "detail": detail}
        return await self._page("once", found, status=400 if problem else 200, **values)

    async def _page(self, name: str, found: Subscription, status: int = 200, **values: object) -> Response:
        given = {
            "spec": self._answers.parts.list(found.list),
            "address": parse_address(found.address).masked(),
        }
        language = self._answers.language_for(found)
        return await self._answers.page(name, given | values, language=language, status=status)


def _link(word: str) -> Placeholder | None:
    return next((link for link in account.LINKS if link.value == word), None)


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
