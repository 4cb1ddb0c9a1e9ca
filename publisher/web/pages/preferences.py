"""The page of a reader's preferences: what they get, and when. Their mails link to it; there is no login."""

from collections.abc import Mapping
from datetime import time
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from publisher.app import App
from publisher.core.addresses import parse_address
from publisher.core.errors import TokenError
from publisher.core.subscribers.preferences import (
    WEEKDAYS,
    ContentPreference,
    Preferences,
    SchedulePreference,
    normalize_topics,
)
from publisher.core.subscribers.subscription import MailingList, Subscription, schedule_for
from publisher.core.tokens import Claim, Purpose, sign
from publisher.services.subscribers import account, preferences
from publisher.services.subscribers.preferences import Offer
from publisher.web.pages.forms import Fields, one, read_fields
from publisher.web.pages.responses import PageResponses, to_say

OFTEN = {
    "immediate": to_say("With each new post"),
    "daily": to_say("Once a day"),
    "weekly": to_say("Once a week"),
    "monthly": to_say("Once a month"),
}


class PreferencesPage:
    """GET and POST /preferences/<token>. A token that is no good gets 404, whatever is wrong."""

    def __init__(self, app: App, answers: PageResponses) -> None:
        self._app, self._answers = app, answers

    async def __call__(self, request: Request) -> Response:
        token, parts = request.path_params["token"], self._answers.parts
        now = self._app.clock()
        try:
            found, spec = await run_in_threadpool(preferences.of, parts, token, now)
            saved = request.method == "POST"
            if saved:
                fields = await read_fields(request.scope, request.receive)
                wish = chosen(fields, found.choices)
                found = await run_in_threadpool(preferences.save, parts, token, wish, now)
        except TokenError:
            return await self._answers.error(404, request.scope)
        offer = await run_in_threadpool(preferences.offer, parts, spec, found.choices)
        values = _shown(spec, found, offer) | {
            "saved": saved,
            "address": parse_address(found.address).masked(),
            "action": self._answers.action("preferences", token),
            "account": self._answers.action("account", account.permit(parts, found, now)),
            "leave": self._answers.action("unsubscribe", self._leaving(found)),
        }
        language = self._answers.language_for(found)
        return await self._answers.page("preferences", values, language=language)

    def _leaving(self, found: Subscription) -> str:
        claim = Claim(purpose=Purpose.UNSUBSCRIBE, subscription=found.id, generation=found.generation)
        return sign(claim, self._answers.parts.ring())


def chosen(fields: Fields, before: Preferences) -> Preferences:
    """What the form says. A value that no form of ours has counts as not given."""
    cadence = one(fields, "cadence")
    cadence = cadence if cadence in OFTEN else ""
    day = {"weekly": one(fields, "weekday"), "monthly": one(fields, "monthday")}.get(cadence, "")
    days = {"weekly": frozenset(WEEKDAYS), "monthly": frozenset(map(str, range(1, 29)))}.get(cadence, ())
    zone = one(fields, "timezone")
    language = one(fields, "language")
    return Preferences(
        pace=SchedulePreference(
            cadence=cadence,
            on=day if day in days else "",
            at=_hour(one(fields, "hour")),
            timezone=zone if zone in zones() or zone == before.pace.timezone else "",
        ),
        taste=ContentPreference(
            topics=normalize_topics(word[:100] for word in fields.get("topic", ())),
            language=language if len(language) <= 35 and language.replace("-", "").isalnum() else "",
        ),
        paused=one(fields, "paused") == "yes",
    )


def _hour(text: str) -> time | None:
    try:
        return time.fromisoformat(text).replace(second=0, microsecond=0, tzinfo=None)
    except ValueError:
        return None


def _shown(spec: MailingList, found: Subscription, offer: Offer) -> dict[str, object]:
    """The values of the template: what is offered, and what is in force."""
    rhythm = schedule_for(spec, found.choices.pace)
    pace = found.choices.pace
    next_at = found.next_due_at if rhythm.cadence != "immediate" else None
    return {
        "spec": spec,
        "choices": found.choices,
        "offer": offer,
        "often": {name: OFTEN[name] for name in offer.cadences if name in OFTEN},
        "usual": OFTEN.get(spec.cadence, spec.cadence),
        "rhythm": rhythm,
        "days": WEEKDAYS,
        "hours": sorted({f"{n:02}:00" for n in range(24)} | ({f"{pace.at:%H:%M}"} if pace.at else set())),
        "hour": f"{pace.at:%H:%M}" if pace.at else "",
        "zones": _by_region(zones().union(filter(None, [pace.timezone]))),
        "next": next_at and next_at.astimezone(ZoneInfo(rhythm.timezone)),
    }


@lru_cache(maxsize=1)
def zones() -> frozenset[str]:
    """The zones of places, as people look for them."""
    regions = (
        "Africa",
        "America",
        "Antarctica",
        "Asia",
        "Atlantic",
        "Australia",
        "Europe",
        "Indian",
        "Pacific",
    )
    return frozenset(name for name in available_timezones() if name.partition("/")[0] in regions)


def _by_region(names: frozenset[str]) -> Mapping[str, list[tuple[str, str]]]:
    found: dict[str, list[tuple[str, str]]] = {}
    for name in sorted(names):
        region, _, place = name.partition("/")
        found.setdefault(region, []).append((name, (place or region).replace("_", " ")))
    return found
