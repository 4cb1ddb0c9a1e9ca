"""POST /hooks/PROVIDER: what the providers of relays tell. Nothing here is for a person.

401  no secret, or a wrong one       403  not signed by the provider, or for somebody else
404  settings name no such provider  400  a query, or no JSON of that provider
406  signed too long ago, or replayed: no provider need try again
408, 413, 503  slow, large, or too many at once; or the store or a certificate is out of reach
"""

import asyncio
import logging
from collections import Counter

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from publisher.app import App
from publisher.app.webhooks import Webhooks
from publisher.core.delivery.relays import MailProvider
from publisher.core.delivery.webhooks.events import (
    MAX_WEBHOOK_BODY,
    RefusalReason,
    WebhookOutcome,
    WebhookRefused,
    WebhookRequest,
    has_secret,
)
from publisher.core.errors import PublisherError
from publisher.web.pages.base import read_body
from publisher.web.rate_limits import NetworkCounter, RefusalLog

log = logging.getLogger(__name__)

MOST_AT_ONCE, OF_NETWORK = 32, 8
"""Requests that are read at once: in all, and from one network."""

BODY_TIMEOUT = 10.0
"""Seconds within which a body must have arrived."""

HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
LATER = {"Retry-After": "60"}

_STATUS = {
    RefusalReason.UNAUTHORIZED: 403,
    RefusalReason.FOREIGN: 403,
    RefusalReason.STALE: 406,
    RefusalReason.REPLAYED: 406,
    RefusalReason.MALFORMED: 400,
}


class WebhookCounts:
    """Counts what came, in the event loop's thread, and stores it from another now and then."""

    def __init__(self) -> None:
        self._counts = Counter[tuple[MailProvider, WebhookOutcome]]()

    def add(self, provider: MailProvider, outcomes: Counter[WebhookOutcome]) -> None:
        """Counts the outcomes of one request."""
        self._counts.update({(provider, outcome): number for outcome, number in outcomes.items()})

    def store(self, app: App) -> None:
        """Adds what was counted to the store's counts. What cannot be stored is lost, and the log says so."""
        counts, self._counts = self._counts, Counter[tuple[MailProvider, WebhookOutcome]]()
        if not counts:
            return
        try:
            app.store.add_webhook_counts(counts, app.clock())
        except PublisherError as error:
            log.error("webhooks_uncounted", extra={"reason": str(error)})


class WebhookRoute:
    """The route. Its limits are the server's, whatever the settings."""

    def __init__(self, refused: RefusalLog) -> None:
        self.counts = WebhookCounts()
        self._refused = refused
        self._networks, self._reading = NetworkCounter(OF_NETWORK), 0

    async def answer(self, hooks: Webhooks, request: Request) -> Response:
        """Acts on one request."""
        name = str(request.path_params["provider"])
        provider = MailProvider(name) if name in {known.value for known in MailProvider} else None
        if provider is None or not hooks.hears(provider):
            return _plain("not found", 404)
        if request.method != "POST":
            return _plain("only POST", 405, {"Allow": "POST"})
        client = request.client.host if request.client else ""
        with self._networks.one(client) as fits:
            if not fits or self._reading >= MOST_AT_ONCE:
                self._refused.count("webhooks_at_once")
                return _plain("too many at once", 503, {"Retry-After": "5"})
            self._reading += 1
            try:
                return await self._answer(hooks, provider, request)
            except PublisherError as error:
                log.error("webhook_failed", extra={"provider": provider.value, "reason": str(error)})
                return _plain("not available right now", 503, LATER)
            finally:
                self._reading -= 1

    async def _answer(self, hooks: Webhooks, provider: MailProvider, request: Request) -> Response:
        if request.scope["query_string"]:  # proxies log queries, so a secret there is one no longer
            return self._refuse(provider, "webhooks_with_a_query", "no query is allowed here", 400)
        headers = {name.lower(): value for name, value in request.headers.items()}
        unread = WebhookRequest(body=b"", headers=headers)
        may = await run_in_threadpool(hooks.is_authorized, provider, lambda key: has_secret(unread, key))
        if not may:
            ask = {"WWW-Authenticate": 'Basic realm="webhook"'}
            return self._refuse(provider, "webhooks_unauthorized", "not authorized", 401, ask)
        try:
            async with asyncio.timeout(BODY_TIMEOUT):
                body = await read_body(request.scope, request.receive, MAX_WEBHOOK_BODY)
        except TimeoutError:
            return self._refuse(provider, "webhooks_too_slow", "too slow", 408, {"Connection": "close"})
        whole = WebhookRequest(body=body, headers=headers)
        try:
            outcomes = await run_in_threadpool(hooks.receive, provider, whole)
        except WebhookRefused as refused:
            reason = refused.reason
            return self._refuse(provider, f"webhooks_{reason.value}", reason.value, _STATUS[reason])
        self.counts.add(provider, outcomes)
        return _plain("ok", 200)

    def _refuse(
        self, provider: MailProvider, why: str, text: str, status: int, headers: dict[str, str] | None = None
    ) -> Response:
        self._refused.count(why)
        self.counts.add(provider, Counter({WebhookOutcome.REFUSED: 1}))
        return _plain(text, status, headers)


def _plain(text: str, status: int, headers: dict[str, str] | None = None) -> Response:
    return PlainTextResponse(f"{text}\n", status, {**HEADERS, **(headers or {})})
