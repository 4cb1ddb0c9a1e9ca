"""The ASGI application: documents from a bare handler, pages from Starlette, a log entry for each failure."""

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, Router
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from publisher.app import App
from publisher.app.webhooks import Webhooks
from publisher.core.errors import OutputError, PublisherError, SettingsError, StoreError
from publisher.core.posts.page_paths import APP_NAMES
from publisher.core.subscribers.legacy_links import is_legacy_link
from publisher.core.tokens import is_challenge, prove_site
from publisher.stores.files.public_folder import encode, encodes
from publisher.web.connections import MAX_QUERY, ConnectionLimits
from publisher.web.documents.documents import DocumentHandler, SiteStateCache
from publisher.web.documents.feed_counts import FeedCounts
from publisher.web.documents.file_cache import FileCache
from publisher.web.documents.request import DocumentRequest
from publisher.web.pages.account import AccountPages, PreferencesPage
from publisher.web.pages.base import ClientDisconnected, PageResponses, TooLarge
from publisher.web.pages.signup import SignUpPage, SignUps, UsedTokens
from publisher.web.pages.signup_api import SignUpApi
from publisher.web.pages.token_pages import DraftPages, LeavePage, TokenPages
from publisher.web.pages.webhooks import WebhookRoute
from publisher.web.rate_limits import BUSY, NetworkCounter, RefusalLog, SignUpLimits, TrustedProxies

log = logging.getLogger(__name__)

UNAVAILABLE = "This is not available right now. Please try again later.\n"

PAGE_PATHS = re.compile(rf"/(?:(?:{'|'.join(APP_NAMES)})(?:/|\Z)|api/subscribe/?\Z)")
TOKEN_PATHS = re.compile(
    r"(/(?:confirm|never-ask|unsubscribe|preferences|view|share|account(?:/(?:export|erase|address))?)/).+",
    re.DOTALL,
)
PLAIN_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


def asgi(app: App) -> "Application":
    """The ASGI application of a site. Opens everything it needs now: errors surface here. Raises
    PublisherError.
    """
    return Application(app)


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteHandlers:
    """What answers for a site until other settings are taken up. `prefix` is the path of web.public_url."""

    app: App
    prefix: str
    responses: PageResponses
    pages: ASGIApp
    documents: DocumentHandler
    site_state: SiteStateCache
    proxies: TrustedProxies
    leave: LeavePage


class Application:
    """Routes requests to documents and pages, and answers when something fails. Limits, counts and used form
    tokens are the server's, whatever the settings.
    """

    def __init__(self, app: App) -> None:
        self.refused, self.feed_counts = RefusalLog(app), FeedCounts()
        self._sign_up_limits, self._leave_limits = SignUpLimits(), SignUpLimits()
        self._used_tokens = UsedTokens(forgot=lambda: self.refused.count("form_tokens_forgotten_early"))
        self._clients = NetworkCounter()
        self.webhooks = WebhookRoute(self.refused)
        self._fault = ""
        self._site = self.prepare(app)
        self.connection_limits = ConnectionLimits(self._site.proxies, self.refused.count)

    def prepare(self, app: App) -> SiteHandlers:
        """Opens what serving the site needs, in any thread, and serves nothing of it yet. Raises
        PublisherError.
        """
        responses = PageResponses(app.deps)
        prefix = urlsplit(app.settings.site.public_url).path.rstrip("/")
        site_state = SiteStateCache(app)

        async def not_found(scope: Scope, receive: Receive, send: Send) -> None:
            if await run_in_threadpool(documents_are_away, app):
                later = {**PLAIN_HEADERS, "Retry-After": "60"}
                await PlainTextResponse(UNAVAILABLE, 503, later)(scope, receive, send)
                return
            missing = responses.nothing_yet(scope) if scope["path"] == "/" else responses.error(404, scope)
            await (await missing)(scope, receive, send)

        async def gone(scope: Scope, receive: Receive, send: Send) -> None:
            await (await responses.error(410, scope))(scope, receive, send)

        documents = DocumentHandler(
            FileCache(app.public, app.settings.site.public_url, unpacks=encodes),
            clock=app.clock,
            site_state=site_state.current,
            encode=encode,
            versions=lambda path: feed_versions(app, path),
            not_found=not_found,
            gone=gone,
            deltas=app.settings.web.delta,
            counts=self.feed_counts,
        )
        _ = app.opened  # as they are now
        sign_ups = SignUps(app, app.deps, self._sign_up_limits, self._used_tokens, self.refused)
        return SiteHandlers(
            app=app,
            prefix=prefix,
            responses=responses,
            pages=make_router(app, responses, sign_ups, self.webhooks),
            documents=documents,
            site_state=site_state,
            proxies=TrustedProxies(app.settings.web.trusted_proxies),
            leave=LeavePage(app, responses, self._leave_limits, self._used_tokens, self.refused),
        )

    def take_up(self, site: SiteHandlers) -> None:
        """Serves `site` from the next request on; those under way end as they began. For any thread."""
        self._site = site
        self.connection_limits.proxies = site.proxies

    def refresh(self) -> None:
        """Reads the state of the site again, and stores what was counted. Call it in a thread."""
        self._site.site_state.refresh()
        self.store_counts()

    def store_counts(self) -> None:
        """Stores how much came by webhooks. Call it in a thread."""
        self.webhooks.counts.store(self._site.app)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise NotImplementedError(f"only HTTP is supported, not {scope['type']}")
        started, site = False, self._site

        async def watched(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            if scope["method"] == "POST" and (moved := site.app.opened.problem()):
                self._log_fault(moved, scope["path"])
                later = {**PLAIN_HEADERS, "Retry-After": "300"}
                await PlainTextResponse(UNAVAILABLE, 503, later)(scope, receive, send)
                return
            await self._dispatch(site, scope, receive, watched)
            if self._fault and scope["method"] == "POST":
                self._log_fault("")
        except ClientDisconnected:
            return
        except TooLarge:
            self.refused.count("bodies_too_large")
            await (await site.responses.error(413, scope, {"Connection": "close"}))(scope, receive, send)
        except (SettingsError, StoreError, OutputError) as error:
            # Without the secret nobody can tell whether a link is good; without the store, or on a full disk,
            # nothing can be done for now.
            self._log_fault(str(error), scope["path"])
            if not started:
                later = {**PLAIN_HEADERS, "Retry-After": "300"}
                await PlainTextResponse(UNAVAILABLE, 503, later)(scope, receive, send)
        except Exception:  # any fault of one request: the client gets a page, the log the traceback
            path = mask_token(scope["path"])
            log.exception("request_failed", extra={"method": scope["method"], "path": path})
            if not started:
                await (await site.responses.error(500, scope))(scope, receive, send)

    def _log_fault(self, reason: str, path: str = "") -> None:
        """Logs why requests cannot be answered: once when it begins, and when it is over ("")."""
        before, self._fault = self._fault, reason
        if reason and reason != before:
            log.error("not_served", extra={"path": mask_token(path), "reason": reason})
        elif before and not reason:
            log.info("over", extra={"fault": "not_served", "reason": before})

    def from_memory(self, path: str, request: DocumentRequest) -> tuple[bytes, bytes] | None:
        """As that of `DocumentHandler`, for the path of a whole URL."""
        site = self._site
        return site.documents.from_memory(under_prefix(site, path) if site.prefix else path, request)

    async def _dispatch(self, site: SiteHandlers, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves paths under that of web.public_url, and without it for a proxy that strips it."""
        if len(scope["query_string"]) > MAX_QUERY:
            self.refused.count("queries_too_long")
            too_long = PlainTextResponse("The query of this address is too long.\n", 414, PLAIN_HEADERS)
            await too_long(scope, receive, send)
            return
        client = site.proxies.client(scope)
        if scope["client"] and client != scope["client"][0]:
            # The connections are the proxy's: requests at once are counted for each client.
            scope = {**scope, "client": (client, 0)}
            with self._clients.one(client) as fits:
                if fits:
                    await self._serve_client(site, scope, receive, send)
                else:
                    self.refused.count("requests_at_once_of_one_network")
                    busy = PlainTextResponse(BUSY, 503, {**PLAIN_HEADERS, "Retry-After": "5"})
                    await busy(scope, receive, send)
            return
        await self._serve_client(site, scope, receive, send)

    async def _serve_client(self, site: SiteHandlers, scope: Scope, receive: Receive, send: Send) -> None:
        path = under_prefix(site, scope["path"])
        if path != scope["path"]:
            scope = {**scope, "path": path}
        if scope["http_version"] == "1.1" and sum(name == b"host" for name, _ in scope["headers"]) != 1:
            await (await site.responses.error(400, scope))(scope, receive, send)  # RFC 9112 3.2
            return
        if is_legacy_link(site.responses.deps.rules.legacy_links, path, scope["query_string"]):
            await (await site.leave(Request(scope, receive)))(scope, receive, send)
        elif PAGE_PATHS.match(path):
            await site.pages({**scope, "path": path.rstrip("/"), "root_path": ""}, receive, send)
        else:
            await site.documents(scope, receive, send)


def under_prefix(site: SiteHandlers, path: str) -> str:
    """`path` without that of web.public_url, which a proxy may have taken away already."""
    inside = site.prefix and path.startswith(f"{site.prefix}/")
    return path.removeprefix(site.prefix) if inside else path


def feed_versions(app: App, path: str) -> Mapping[str, tuple[str, ...]]:
    """The earlier versions of the feed at `path`; none if the store fails."""
    try:
        return app.store.feed_versions(path)
    except PublisherError as error:
        log.error("versions_unread", extra={"reason": str(error)})
        return {}


def make_router(app: App, responses: PageResponses, sign_ups: SignUps, webhooks: WebhookRoute) -> Router:
    """The pages, by their paths."""
    tokens, account = TokenPages(app, responses), AccountPages(app, responses)
    drafts, sign_up = DraftPages(app, responses), SignUpPage(responses, sign_ups)
    both = ["GET", "POST"]

    hooks = Webhooks(app) if app.settings.mail.bounces.webhooks else None

    async def webhook(request: Request) -> Response:
        if hooks is None:
            return PlainTextResponse("not found\n", 404, PLAIN_HEADERS)
        return await webhooks.answer(hooks, request)

    async def missing(scope: Scope, receive: Receive, send: Send) -> None:
        await (await responses.error(404, scope))(scope, receive, send)

    async def healthz(request: Request) -> Response:
        """Alive; and on the second line the answer to a challenge, which only this site can compute."""
        given = request.query_params.get("challenge", "")
        answer = prove_site(given if is_challenge(given) else "", await run_in_threadpool(lambda: app.ring))
        lines = await run_in_threadpool(health_lines, app)
        return PlainTextResponse("\n".join(["alive", answer, *lines, ""]), headers=PLAIN_HEADERS)

    async def readyz(_request: Request) -> Response:
        try:
            await run_in_threadpool(app.store.head)
            service = await run_in_threadpool(app.store.service)
        except PublisherError as error:
            log.error("not_ready", extra={"reason": str(error)})
            later = {**PLAIN_HEADERS, "Retry-After": "5"}
            return PlainTextResponse("not ready: the store does not answer\n", 503, later)
        lines = await run_in_threadpool(health_lines, app)
        if service is not None and service.stopped_at is None and not service.is_alive(app.real()):
            silent = f"not ready: nothing is published or sent since {moment(service.heartbeat_at)}"
            return PlainTextResponse("\n".join([silent, *lines, ""]), 503, PLAIN_HEADERS)
        return PlainTextResponse("\n".join(["ready", *lines, ""]), headers=PLAIN_HEADERS)

    return Router(
        [
            Route("/subscribe", sign_up.__call__, methods=both),
            Route("/subscribe/{list}", sign_up.__call__, methods=both),
            Route(
                "/api/subscribe", SignUpApi(app, responses, sign_ups).__call__, methods=["OPTIONS", "POST"]
            ),
            Route("/confirm/{token}", tokens.confirm, methods=both),
            Route("/never-ask/{token}", tokens.never_ask, methods=both),
            Route("/view/{token}", tokens.view),
            Route("/share/{token}", drafts.page),
            Route("/share/{token}/assets/{name}", drafts.file),
            Route("/unsubscribe/{token}", tokens.unsubscribe, methods=both),
            Route("/preferences/{token}", PreferencesPage(app, responses).__call__, methods=both),
            Route("/account/{token}", account.ask, methods=both),
            Route("/account/{link}/{token}", account.once, methods=both),
            Route("/hooks/{provider}", webhook, methods=both),
            Route("/healthz", healthz),
            Route("/readyz", readyz),
        ],
        redirect_slashes=False,
        default=missing,
    )


def health_lines(app: App) -> list[str]:
    """When each part of the service last worked, and what is wrong with its settings; none if the store fails
    or nothing works on the site.
    """
    try:
        service = app.store.service()
        settings = app.store.generation(service.generation) if service else None
    except PublisherError:
        return []
    if service is None or settings is None or service.stopped_at is not None:
        return []
    parts = {"web": service.served_at}
    if not service.web_only:
        parts = {"scheduler": service.published_at, "delivery": service.delivered_at, **parts}
    lines = [f"{name}: last worked {moment(at) if at else 'never'}" for name, at in parts.items()]
    lines.append(f"settings: generation {settings.number} since {moment(settings.at)}")
    lines += (f"disk: {text}" for text in app.full_disks())
    if service.problem and service.problem_since:
        lines.append(f"settings: bad since {moment(service.problem_since)}: {service.problem}")
    return lines


def moment(at: datetime) -> str:
    """ "2026-11-25T09:00:00Z"."""
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"


def mask_token(path: str) -> str:
    """A path for the log, without its token, which is a key."""
    return TOKEN_PATHS.sub(r"\1…", path)


def documents_are_away(app: App) -> bool:
    """Whether what was published cannot be served for now: public/, or the site's folder, was moved away. A
    feed reader that gets a 404 may give the feed up.
    """
    try:
        return bool(app.opened.problem()) or not (app.public.is_dir() or app.store.head().baseline_at is None)
    except PublisherError:  # the store is away too
        return True
