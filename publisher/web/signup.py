"""The sign-up form. Whatever is known of an address, the answer is the same."""

import asyncio
from collections.abc import Sequence
from datetime import datetime

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from publisher.app import App
from publisher.core.addresses import parse
from publisher.core.errors import AddressError
from publisher.core.lists import MailingList
from publisher.services import subscribe
from publisher.web.answers import Answers
from publisher.web.forms import Fields, issue, one, read_fields, ripe_in
from publisher.web.limits import Limits
from publisher.web.tongues import to_say

EVEN = 0.25
"""Seconds that every answer to a sign-up takes at least, so that its time tells nothing either."""


class SignUp:
    """GET and POST /subscribe, for all lists, and /subscribe/<list>, for one."""

    def __init__(self, app: App, answers: Answers, limits: Limits) -> None:
        self._app, self._answers, self._limits = app, answers, limits

    async def __call__(self, request: Request) -> Response:
        slug = request.path_params.get("list")
        lists = [spec for spec in self._answers.parts.lists if slug in {None, spec.slug}]
        if not lists:
            return await self._answers.error(404, request.scope)
        now = self._app.clock()
        if request.method == "POST":
            return await self._take(request, lists, now)
        return await self._form(request, lists, self._fresh(now))

    async def _take(self, request: Request, lists: Sequence[MailingList], now: datetime) -> Response:
        origin = request.client.host if request.client else ""
        if wait := self._limits.take(origin, now):
            return await self._answers.error(429, request.scope, {"Retry-After": str(wait)})
        fields = await read_fields(request.scope, request.receive)
        wait_for = ripe_in(one(fields, "token"), self._answers.parts.ring(), now)
        if wait_for is None:  # pasted into another site, or sent by a program: a button first
            return await self._form(request, lists, self._fresh(now), fields)
        if problem := _problem(lists, fields):
            return await self._form(request, lists, one(fields, "token"), fields, *problem)
        await asyncio.sleep(wait_for.total_seconds())
        if not one(fields, "website"):  # the trap: who falls into it is told what everybody is told
            await self._sign_up(_chosen(lists, fields), one(fields, "address"), origin, now)
        return await self._answers.page("answer", language=self._answers.language(request.scope, lists))

    async def _sign_up(self, chosen: Sequence[MailingList], address: str, origin: str, now: datetime) -> None:
        work = run_in_threadpool(self._join, chosen, address, origin, now)
        await asyncio.gather(work, asyncio.sleep(EVEN))
        self._app.wake()

    def _join(self, chosen: Sequence[MailingList], address: str, origin: str, now: datetime) -> None:
        for spec in chosen:
            subscribe.sign_up(self._answers.parts, spec, address, origin, now)

    async def _form(
        self,
        request: Request,
        lists: Sequence[MailingList],
        token: str,
        fields: Fields | None = None,
        problem: str = "",
        detail: str = "",
    ) -> Response:
        fields = fields or {}
        steps = ["subscribe", *filter(None, [request.path_params.get("list")])]
        values = {
            "lists": lists,
            "chosen": [spec.slug for spec in _chosen(lists, fields)],
            "address": one(fields, "address"),
            "token": token,
            "action": self._answers.action(*steps),
            "problem": problem,
            "detail": detail,
        }
        language = self._answers.language(request.scope, lists)
        return await self._answers.page(
            "subscribe", values, language=language, status=400 if problem else 200
        )

    def _fresh(self, now: datetime) -> str:
        return issue(self._answers.parts.ring(), now)


def _problem(lists: Sequence[MailingList], fields: Fields) -> tuple[str, str] | None:
    """What keeps these fields from being a sign-up, as an English sentence, and what more there is to say."""
    try:
        parse(one(fields, "address"))
    except AddressError as error:
        return unusable(error)
    return None if _chosen(lists, fields) else (to_say("Choose at least one of the lists."), "")


def unusable(error: AddressError) -> tuple[str, str]:
    """What is wrong with an address, as an English sentence, and what more there is to say."""
    return to_say("This address cannot be used. Write it like name@example.com."), f"({error.what})"


def _chosen(lists: Sequence[MailingList], fields: Fields) -> list[MailingList]:
    """The lists ticked. Where there is only one, it is meant."""
    wanted = fields.get("list", ())
    return [spec for spec in lists if len(lists) == 1 or spec.slug in wanted]
