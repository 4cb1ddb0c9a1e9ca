"""The application on web.admin_listen: nothing but what an operator needs, and 404 for everything else.

    Host -> session -> the form's token, of a POST -> the page's function, in a thread -> a template

A page's function (see `publisher.web.admin.pages`) gets a `Visit` and returns what to show, or where to go
after an act. What answers with credentials of its own, and not for a browser, is a route without a session.
"""

import logging
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from urllib.parse import urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route, Router
from starlette.types import Receive, Scope, Send

from publisher.app import App
from publisher.app.secret_files import read_admin_tokens
from publisher.core.errors import PublisherError, StoreError
from publisher.services.operations.api_tokens import ApiScope
from publisher.services.subscribers.growth import DepartureCounts
from publisher.web.admin.api import TokenRates
from publisher.web.admin.api_routes import ApiRoutes
from publisher.web.admin.bearer import Unauthorized, identify
from publisher.web.admin.figures import Figures
from publisher.web.admin.metrics import Metrics
from publisher.web.admin.pages import NAVIGATION, admin_pages
from publisher.web.admin.sessions import AdminSession, AdminSessions
from publisher.web.admin.visit import Done, PageFunction, Shown, Visit
from publisher.web.documents.feed_counts import FeedCounts
from publisher.web.pages.base import ClientDisconnected, Fields, TooLarge, first_value, read_fields
from publisher.web.rate_limits import TrustedProxies, parse_ip

log = logging.getLogger(__name__)

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self' data:; frame-src 'self'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex",
}

LOCAL_NAMES = re.compile(r"(?:127\.0\.0\.1|localhost|\[::1\])(?::\d+)?")
"""What a browser on this machine may call it, at any port: an SSH tunnel may begin at another."""

SESSION_SECONDS = 12 * 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class AdminSite:
    """What answers until other settings are taken up. `host` is that of web.admin_url, "" without one;
    `is_local`: whether only this machine reaches the listener.
    """

    app: App
    host: str
    is_local: bool
    proxies: TrustedProxies
    router: Router


class AdminApplication:
    """ASGI. Sessions are the listener's, whatever the settings, and so are the `feed_counts` of the server
    that readers reach. Raises SettingsError: there is no token.
    """

    def __init__(self, app: App, feed_counts: FeedCounts) -> None:
        file = app.settings.web.admin_token_file
        if file is None:
            raise ValueError("a site without web.admin_token_file has no admin pages")
        read_admin_tokens(file)
        self.sessions = AdminSessions(file)
        self.feed_counts, self.rates = feed_counts, TokenRates()
        self._figures = Figures()
        self._site = self.prepare(app)

    def prepare(self, app: App) -> AdminSite:
        """Gets ready to answer by the settings of `app`."""
        web = app.settings.web
        return AdminSite(
            app=app,
            host=urlsplit(web.admin_url or "").netloc.lower(),
            is_local=is_loopback(web.admin_listen[0]),
            proxies=TrustedProxies(web.trusted_proxies),
            router=make_admin_router(self, app),
        )

    def take_up(self, site: AdminSite) -> None:
        """Answers as `site` from the next request on."""
        self._site = site

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        site = self._site
        response: Response | None = None
        if not is_own_host(site, scope):
            response = plain(421, "This name does not lead to the admin pages.")
        elif scope["method"] == "POST" and (moved := site.app.opened.problem()):
            log.error("not_served", extra={"path": scope["path"], "reason": moved})
            response = plain(503, "This is not available right now.")
        try:
            if response is not None:
                await response(scope, receive, send)
            else:
                await site.router({**scope, "root_path": ""}, receive, send)
        except ClientDisconnected:
            return
        except TooLarge:
            await plain(413, "The form is too large.")(scope, receive, send)
        except PublisherError as error:
            log.error("admin_failed", extra={"path": scope["path"], "reason": str(error)})
            await plain(503, f"This is not available right now: {error}")(scope, receive, send)
        except Exception:  # any fault of one request
            log.exception("request_failed", extra={"method": scope["method"], "path": scope["path"]})
            await plain(500, "Something went wrong; the log tells more.")(scope, receive, send)

    def route(self, app: App, path: str, show: PageFunction, act: PageFunction | None = None) -> Route:
        """A page under /admin: `show` for GET, `act` for POST, if it has one."""
        departures = DepartureCounts(app.deps.adapters.journal)
        answer = partial(self._answer, app, departures, show, act)

        async def endpoint(request: Request) -> Response:
            return await answer(request)

        return Route(f"/admin{path}", endpoint, methods=["GET", "POST"] if act else ["GET"])

    async def _answer(
        self,
        app: App,
        departures: DepartureCounts,
        show: PageFunction,
        act: PageFunction | None,
        request: Request,
    ) -> Response:
        id, now = request.cookies.get(cookie_name(self._site, request.scope), ""), app.clock()
        session = await run_in_threadpool(self.sessions.find, id, now)
        if session is None:
            return RedirectResponse("/admin/login", 303, HEADERS)
        fields: Fields = {}
        if request.method == "POST":
            fields = await read_fields(request.scope, request.receive)
            if not self.is_own_form(request, id, fields):
                log.warning("admin_form_refused", extra={"who": session.name, "path": request.url.path})
                return plain(
                    403, "This form is not from these pages. Go back, reload the page and try again."
                )
        visit = Visit(
            app=app,
            who=session.name,
            now=now,
            path={name: str(value) for name, value in request.path_params.items()},
            query=dict(request.query_params),
            fields=fields,
            departures=departures,
            figures=self._figures,
            feed_counts=self.feed_counts,
        )
        function = act if act is not None and request.method == "POST" else show
        return await run_in_threadpool(self._respond, function, visit, session, id, request)

    def _respond(
        self, function: PageFunction, visit: Visit, session: AdminSession, id: str, request: Request
    ) -> Response:
        """Calls a page's function, and makes a response of its answer."""
        acted = request.method == "POST"
        try:
            answer = function(visit)
        except StoreError:
            raise
        except PublisherError as error:
            if acted:
                session.notice = (str(error), True)
                return RedirectResponse(own_path(first_value(visit.fields, "back")), 303, HEADERS)
            answer = Shown("problem", {"title": "Not found", "message": str(error)}, 404)
        if isinstance(answer, Done):
            session.notice = (answer.notice, False) if answer.notice else None
            return RedirectResponse(answer.to, 303, HEADERS)
        if isinstance(answer, Response):
            return answer
        notice, session.notice = session.notice, None
        values = {**answer.values, "who": visit.who, "notice": notice, "here": request.url.path}
        return self.page(visit.app, answer.template, values, id, answer.status)

    def page(
        self, app: App, template: str, values: Mapping[str, object], id: str, status: int = 200
    ) -> Response:
        """templates/admin/<template>.html, with the token that its forms need."""
        given = {
            "site": app.settings.site,
            "zone": app.settings.site.timezone,
            "now": app.clock(),
            "form_token": self.sessions.form_token(id),
            "who": "",
            "notice": None,
            "here": "",
            "pages": NAVIGATION,
            **values,
        }
        return HTMLResponse(app.deps.adapters.renderer.admin_page(f"{template}.html", given), status, HEADERS)

    def is_own_form(self, request: Request, id: str, fields: Fields) -> bool:
        """Whether a form came from a page of this listener: by its token, and by what the browser says."""
        said = request.headers.get("sec-fetch-site", "same-origin")
        origin = request.headers.get("origin")
        fits = origin is None or urlsplit(origin).netloc.lower() == request.headers.get("host", "").lower()
        return (
            said in {"same-origin", "none"}
            and fits
            and self.sessions.is_form_token(id, first_value(fields, "form_token"))
        )

    async def metrics(self, site_metrics: Metrics, app: App, request: Request) -> Response:
        """/metrics: open to programs of this machine; with web.admin_url, where a proxy may pass on anybody's
        request, only with a token.
        """
        if self._site.host:
            found = await identify(app, self.sessions, self._site.proxies.client(request.scope), request)
            if isinstance(found, Unauthorized):
                return PlainTextResponse(f"{found.why}\n", found.status, {**HEADERS, **found.headers})
            if ApiScope.METRICS not in found.scopes:
                return plain(403, "This token does not have the scope metrics.")
        body, media_type = await run_in_threadpool(site_metrics.text, request.headers.get("accept", ""))
        return Response(body, headers={**HEADERS, "Content-Type": media_type})

    async def log_in(self, app: App, request: Request) -> Response:
        """GET shows the form; POST begins a session, with an id of its own."""
        name = cookie_name(self._site, request.scope)
        id, now = request.cookies.get(name, ""), app.clock()
        if request.method == "GET":
            if await run_in_threadpool(self.sessions.find, id, now) is not None:
                return RedirectResponse("/admin", 303, HEADERS)
            id = secrets.token_urlsafe(32)
            shown = await run_in_threadpool(self.page, app, "login", {"problem": ""}, id)
            return self.with_cookie(shown, name, id)
        fields = await read_fields(request.scope, request.receive)
        client = self._site.proxies.client(request.scope)
        if not self.sessions.begin_try(client, now):
            log.warning("admin_login_limited", extra={"client": client})
            problem = {"problem": "Too many attempts. Wait a minute, and try again."}
            limited = await run_in_threadpool(self.page, app, "login", problem, id, 429)
            limited.headers["Retry-After"] = "60"
            return limited
        if not self.is_own_form(request, id, fields):
            problem = {"problem": "Your browser sent no cookie, or an old one. Please try again."}
            id = secrets.token_urlsafe(32)
            refused = await run_in_threadpool(self.page, app, "login", problem, id, 403)
            return self.with_cookie(refused, name, id)
        token = first_value(fields, "token").strip()
        found = await run_in_threadpool(self.sessions.log_in, token, now)
        if found is None:
            log.warning("admin_login_failed", extra={"client": client})
            wrong = {"problem": "This token is not valid."}
            return await run_in_threadpool(self.page, app, "login", wrong, id, 403)
        self.sessions.end_try(client)
        self.sessions.log_out(id)
        new, session = found
        log.info("admin_login", extra={"who": session.name, "client": client})
        return self.with_cookie(RedirectResponse("/admin", 303, HEADERS), name, new)

    async def log_out(self, request: Request) -> Response:
        """Ends the session, if the form is its own."""
        name = cookie_name(self._site, request.scope)
        id = request.cookies.get(name, "")
        if self.is_own_form(request, id, await read_fields(request.scope, request.receive)):
            self.sessions.log_out(id)
        response = RedirectResponse("/admin/login", 303, HEADERS)
        response.delete_cookie(name, secure=name.startswith("__Host-"), httponly=True, samesite="strict")
        return response

    def with_cookie(self, response: Response, name: str, id: str) -> Response:
        """The response with the cookie of a session; on https only for https, and for this host alone."""
        response.set_cookie(
            name,
            id,
            max_age=SESSION_SECONDS,
            path="/",
            secure=name.startswith("__Host-"),
            httponly=True,
            samesite="strict",
        )
        return response


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches what listens there."""
    address = parse_ip(host)
    return host == "localhost" if address is None else address.is_loopback


def plain(status: int, message: str) -> Response:
    """A short answer in plain text."""
    return PlainTextResponse(f"{message}\n", status, HEADERS)


def hosts_of(scope: Scope) -> list[str]:
    """The values of a request's Host headers, in lower case."""
    return [value.decode("latin-1").lower() for name, value in scope["headers"] if name == b"host"]


def is_own_host(site: AdminSite, scope: Scope) -> bool:
    """Whether a request names this listener: by web.admin_url, or by this machine's own names where nothing
    else reaches it. A name of somebody else's that leads here (DNS rebinding) gets nothing.
    """
    hosts = hosts_of(scope)
    if len(hosts) != 1:
        return False
    if site.host and hosts[0] == site.host:
        return True
    return site.is_local and LOCAL_NAMES.fullmatch(hosts[0]) is not None


def cookie_name(site: AdminSite, scope: Scope) -> str:
    """The name of the cookie: with the prefix that browsers bind to https where that is how they come."""
    return "__Host-publisher-admin" if site.host in hosts_of(scope) else "publisher-admin"


def own_path(path: str) -> str:
    """A path of these pages that a form names; the overview for anything else."""
    return path if path.startswith("/admin/") and path.isprintable() and "\\" not in path else "/admin"


def make_admin_router(admin: AdminApplication, app: App) -> Router:
    """Every path that is answered."""

    async def missing(scope: Scope, receive: Receive, send: Send) -> None:
        await plain(404, "There is nothing here.")(scope, receive, send)

    async def start(_request: Request) -> Response:
        return RedirectResponse("/admin", 303, HEADERS)

    async def styles(_request: Request) -> Response:
        text = await run_in_threadpool(app.deps.adapters.renderer.admin_page, "styles.css", {})
        return Response(text, media_type="text/css", headers=HEADERS)

    async def log_in(request: Request) -> Response:
        return await admin.log_in(app, request)

    site_metrics = Metrics(app, admin.feed_counts)

    async def metrics(request: Request) -> Response:
        return await admin.metrics(site_metrics, app, request)

    return Router(
        [
            Route("/", start),
            Route("/metrics", metrics),
            *ApiRoutes(
                app, admin.sessions, TrustedProxies(app.settings.web.trusted_proxies), admin.rates
            ).routes(),
            Route("/admin/styles.css", styles),
            Route("/admin/login", log_in, methods=["GET", "POST"]),
            Route("/admin/logout", admin.log_out, methods=["POST"]),
            *(admin.route(app, path, *functions) for path, functions in admin_pages().items()),
        ],
        redirect_slashes=False,
        default=missing,
    )
