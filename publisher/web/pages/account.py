"""The pages about personal data: request a link by mail, and use it. Opening a page changes nothing."""

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
from publisher.web.pages.forms import first_value, read_fields
from publisher.web.pages.responses import HEADERS, PageResponses, to_say
from publisher.web.pages.signup import address_problem, pad_response_time

FILE = {"Content-Disposition": 'attachment; filename="kept-about-you.json"'}


class AccountPages:
    """/account/<token> and /account/<export|erase|address>/<token>. Every invalid token gets 404; a valid one
    gets the same answer whether a mail is sent or not.
    """

    def __init__(self, app: App, responses: PageResponses) -> None:
        self._app, self._responses = app, responses

    async def ask(self, request: Request) -> Response:
        """GET shows the choices; POST mails the chosen link to the address on record."""
        token, now = request.path_params["token"], self._app.clock()
        try:
            subscription, _ = await run_in_threadpool(
                account.find_by_account_token, self._responses.deps, token, now
            )
            link = None
            if request.method == "POST":
                link = link_named(first_value(await read_fields(request.scope, request.receive), "link"))
            if link is not None:
                await pad_response_time(
                    run_in_threadpool(account.send_link, self._responses.deps, token, link, now)
                )
                self._app.wake()
        except TokenError:
            return await self._responses.error(404, request.scope)
        action, active = (
            self._responses.action("account", token),
            subscription.state is SubscriptionState.ACTIVE,
        )
        return await self._page(
            "account", subscription, link=link and link.value, active=active, action=action
        )

    async def once(self, request: Request) -> Response:
        """GET shows a button; POST does what the link is for, once."""
        token, now = request.path_params["token"], self._app.clock()
        link = link_named(request.path_params["link"])
        if link is None:
            return await self._responses.error(404, request.scope)
        try:
            subscription = await run_in_threadpool(
                account.find_by_link, self._responses.deps, token, link, now
            )
            if request.method == "POST":
                return await self._use_link(request, link, subscription, now)
        except TokenError:
            return await self._responses.error(404, request.scope)
        return await self._button(link, token, subscription)

    async def _use_link(
        self, request: Request, link: Placeholder, subscription: Subscription, now: datetime
    ) -> Response:
        deps, token = self._responses.deps, request.path_params["token"]
        fields = await read_fields(request.scope, request.receive)
        if link is Placeholder.EXPORT:
            kept = await run_in_threadpool(account.export, deps, token, now)
            text = json.dumps(kept, indent=2, ensure_ascii=False, default=_json_value)
            return Response(f"{text}\n", media_type="application/json", headers={**HEADERS, **FILE})
        if link is Placeholder.ERASE:
            await run_in_threadpool(account.erase, deps, token, now)
            return await self._responses.page("erased", language=self._responses.language_for(subscription))
        return await self._change_address(token, subscription, first_value(fields, "address"), now)

    async def _change_address(
        self, token: str, subscription: Subscription, address: str, now: datetime
    ) -> Response:
        try:
            await pad_response_time(
                run_in_threadpool(account.change_address, self._responses.deps, token, address, now)
            )
        except AddressError as error:
            return await self._button(
                Placeholder.ADDRESS, token, subscription, address, address_problem(error)
            )
        except Refused:
            problem = to_say("Mails go to this address already."), ""
            return await self._button(Placeholder.ADDRESS, token, subscription, address, problem)
        self._app.wake()
        return await self._page("moving", subscription)

    async def _button(
        self,
        link: Placeholder,
        token: str,
        subscription: Subscription,
        typed: str = "",
        problem: tuple[str, str] = ("", ""),
    ) -> Response:
        message, detail = problem
        values = {"link": link.value, "action": self._responses.action("account", link.value, token)}
        values |= {"typed": typed, "problem": message, "detail": detail}
        return await self._page("once", subscription, status=400 if message else 200, **values)

    async def _page(
        self, name: str, subscription: Subscription, status: int = 200, **values: object
    ) -> Response:
        given = {
            "spec": self._responses.deps.rules.list(subscription.list),
            "address": parse_address(subscription.address).masked(),
        }
        language = self._responses.language_for(subscription)
        return await self._responses.page(name, given | values, language=language, status=status)


def link_named(word: str) -> Placeholder | None:
    """The link of this name in a path or a form, if there is one."""
    return next((link for link in account.LINKS if link.value == word), None)


def _json_value(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
