"""Pages as HTTP answers: rendered from templates, kept by no cache, telling nobody where they were."""

import logging
from collections.abc import Mapping
from urllib.parse import urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse, PlainTextResponse, Response

from publisher.core.errors import TemplateError
from publisher.services.parts import Parts

log = logging.getLogger(__name__)

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex",
}

_ERRORS = {
    400: ("Not understood", "The browser sent something this page cannot read. Go back and try again."),
    404: ("Not found", "There is nothing at this address. It may have been copied only in part."),
    410: ("Gone", "What was at this address has been taken back by its author."),
    405: ("Not possible", "This address cannot be used in that way."),
    413: ("Too much", "More was sent than this page takes."),
    429: ("Too many at once", "Many sign-ups came from your network. Wait a little, then try again."),
    500: ("Something went wrong", "It is not your fault. Try again in a while."),
}


class Answers:
    """Makes responses for one site."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.base = urlsplit(parts.site.public_url).path

    async def page(
        self,
        name: str,
        values: Mapping[str, object] | None = None,
        *,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        """templates/web/<name>.html, filled; rendered in a thread. Raises TemplateError."""
        given = {"site": self.parts.site, **(values or {})}
        html = await run_in_threadpool(self.parts.renderer.page, name, given)
        return HTMLResponse(html, status, {**HEADERS, **(headers or {})})

    async def error(self, status: int, headers: Mapping[str, str] | None = None) -> Response:
        """The page for an HTTP status of 400 and above; in plain text where its template fails too."""
        return await self._told(status, *_ERRORS[status], headers)

    async def nothing_yet(self) -> Response:
        """The start page of a site that has published nothing."""
        return await self._told(
            404, "Nothing yet", "Nothing has been published here yet. Come back soon.", None
        )

    async def _told(
        self, status: int, title: str, message: str, headers: Mapping[str, str] | None
    ) -> Response:
        values = {"status": status, "title": title, "message": message}
        try:
            return await self.page("error", values, status=status, headers=headers)
        except TemplateError as error:
            log.error("page_failed", extra={"reason": str(error)})
            return PlainTextResponse(f"{title}. {message}\n", status, {**HEADERS, **(headers or {})})

    def action(self, *steps: str) -> str:
        """Where a form is sent: a path under web.public_url, which holds by whatever name one came."""
        return self.base + "/".join(steps)
