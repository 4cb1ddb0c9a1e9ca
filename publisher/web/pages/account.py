"""A subscriber's own pages: preferences (what they get, and when), and personal data (request a link by mail,
and use it). Every mail links to the preferences, which need no login. Opening a page changes nothing.
"""

import json
from collections.abc import Mapping
from datetime import datetime, time
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from publisher.app import App
from publisher.core.addresses import parse_address
from publisher.core.errors import AddressError, Refused, TokenError
from publisher.core.mail.message import Placeholder
from publisher.core.subscribers.subscription import (
    WEEKDAYS,
    ContentPreference,
    MailingList,
    Preferences,
    SchedulePreference,
    Subscription,
    SubscriptionState,
    normalize_topics,
    schedule_for,
)
from publisher.core.tokens import Claim, Purpose, sign
from publisher.services.subscribers import account
from publisher.services.subscribers.account import Offer
from publisher.web.pages.base import HEADERS, Fields, PageResponses, first_value, read_fields, to_say
from publisher.web.pages.signup import address_problem, pad_response_time

FILE = {"Content-Disposition": 'attachment; filename="kept-about-you.json"'}


CADENCE_LABELS = {
    "immediate": to_say("With each new post"),
    "daily": to_say("Once a day"),
    "weekly": to_say("Once a week"),
    "monthly": to_say("Once a month"),
}


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
        except TokenError as error:
            return await self._responses.refused(error, request.scope)
        return await self._page(
            "account",
            subscription,
            link=link and link.value,
            active=subscription.state is SubscriptionState.ACTIVE,
            action=self._responses.action("account", token),
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
        except TokenError as error:
            return await self._responses.refused(error, request.scope)
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
            problem = to_say("You already get emails at this address."), ""
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


class PreferencesPage:
    """GET and POST /preferences/<token>. Every invalid token gets 404."""

    def __init__(self, app: App, responses: PageResponses) -> None:
        self._app, self._responses = app, responses

    async def __call__(self, request: Request) -> Response:
        token, deps = request.path_params["token"], self._responses.deps
        now = self._app.clock()
        try:
            subscription, spec = await run_in_threadpool(account.find_by_preferences_token, deps, token, now)
            saved = request.method == "POST"
            if saved:
                fields = await read_fields(request.scope, request.receive)
                chosen = preferences_from_form(fields, subscription.choices)
                subscription = await run_in_threadpool(account.save_preferences, deps, token, chosen, now)
        except TokenError as error:
            return await self._responses.refused(error, request.scope)
        leave = Claim(
            purpose=Purpose.UNSUBSCRIBE, subscription=subscription.id, generation=subscription.generation
        )
        offer = await run_in_threadpool(
            account.available_choices, deps.adapters.store, spec, subscription.choices
        )
        values = template_values(spec, subscription, offer) | {
            "saved": saved,
            "address": parse_address(subscription.address).masked(),
            "action": self._responses.action("preferences", token),
            "account": self._responses.action(
                "account", account.account_token(deps.process.keyring(), subscription, now)
            ),
            "leave": self._responses.action("unsubscribe", sign(leave, deps.process.keyring())),
        }
        language = self._responses.language_for(subscription)
        return await self._responses.page("preferences", values, language=language)


def preferences_from_form(fields: Fields, before: Preferences) -> Preferences:
    """The preferences in a form. Values that the page does not offer are ignored."""
    cadence = first_value(fields, "cadence")
    cadence = cadence if cadence in CADENCE_LABELS else ""
    fields_of_days = {"weekly": "weekday", "monthly": "monthday"}
    day = first_value(fields, fields_of_days.get(cadence, ""))
    days = {"weekly": frozenset(WEEKDAYS), "monthly": frozenset(map(str, range(1, 29)))}.get(cadence, ())
    zone = first_value(fields, "timezone")
    language = first_value(fields, "language")
    return Preferences(
        schedule=SchedulePreference(
            cadence=cadence,
            on=day if day in days else "",
            at=read_hour(first_value(fields, "hour")),
            timezone=zone if zone in zones() or zone == before.schedule.timezone else "",
        ),
        content=ContentPreference(
            topics=normalize_topics(word[:100] for word in fields.get("topic", ())),
            language=language if len(language) <= 35 and language.replace("-", "").isalnum() else "",
        ),
        paused=first_value(fields, "paused") == "yes",
    )


def read_hour(text: str) -> time | None:
    """A time of day; None if the text is not one."""
    try:
        return time.fromisoformat(text).replace(second=0, microsecond=0, tzinfo=None)
    except ValueError:
        return None


def template_values(spec: MailingList, subscription: Subscription, offer: Offer) -> dict[str, object]:
    """The template's values: what can be chosen, and what is in force."""
    choices = subscription.choices
    schedule, preference = schedule_for(spec, choices.schedule), choices.schedule
    next_at = subscription.next_due_at if schedule.cadence != "immediate" else None
    return {
        "spec": spec,
        # Sites have templates of their own, which know these names.
        "choices": {"pace": choices.schedule, "taste": choices.content, "paused": choices.paused},
        "offer": offer,
        "often": {name: CADENCE_LABELS[name] for name in offer.cadences if name in CADENCE_LABELS},
        "usual": CADENCE_LABELS.get(spec.cadence, spec.cadence),
        "rhythm": schedule,
        "days": WEEKDAYS,
        "hours": sorted(
            {f"{n:02}:00" for n in range(24)} | ({f"{preference.at:%H:%M}"} if preference.at else set())
        ),
        "hour": f"{preference.at:%H:%M}" if preference.at else "",
        "zones": zones_by_region(zones().union(filter(None, [preference.timezone]))),
        "next": next_at and next_at.astimezone(ZoneInfo(schedule.timezone)),
    }


@lru_cache(maxsize=1)
def zones() -> frozenset[str]:
    """The time zones named after places, which is how people look for them."""
    regions = [
        "Africa",
        "America",
        "Antarctica",
        "Asia",
        "Atlantic",
        "Australia",
        "Europe",
        "Indian",
        "Pacific",
    ]
    return frozenset(name for name in available_timezones() if name.partition("/")[0] in regions)


def zones_by_region(names: frozenset[str]) -> Mapping[str, list[tuple[str, str]]]:
    """(zone, name of the place) of each, by region."""
    regions: dict[str, list[tuple[str, str]]] = {}
    for name in sorted(names):
        region, _, place = name.partition("/")
        regions.setdefault(region, []).append((name, (place or region).replace("_", " ")))
    return regions
