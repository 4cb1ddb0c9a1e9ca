"""What all pages share: requests read up to a limit, with the fields of their forms, and responses rendered
from templates in the reader's language, never cached, without referrer.
"""

import logging
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.formparsers import MultiPartException
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.types import Message, Receive, Scope

from publisher.core.errors import TemplateError, TokenError
from publisher.core.posts.filters import TermKind, term_matches
from publisher.core.subscribers.subscription import MailingList, Subscription
from publisher.services.deps import Deps
from publisher.services.subscribers.lists import ListGoneError, is_closed
from publisher.web.documents.request import quality_values

log = logging.getLogger(__name__)

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "Vary": "Accept-Language",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex",
}

MAX_BODY = 16 * 1024
"""Bytes of a request's body."""

MAX_FIELDS = 50

Fields = Mapping[str, tuple[str, ...]]


class TooLarge(Exception):
    """The body has more bytes than are read."""


class ClientDisconnected(Exception):
    """The client disconnected before its whole request had arrived."""


async def read_body(scope: Scope, receive: Receive, most: int = MAX_BODY) -> bytes:
    """The whole body. Raises ClientDisconnected, and TooLarge if it has more than `most` bytes: before
    reading if the length is announced.
    """
    for name, value in scope["headers"]:
        if name == b"content-length" and int(value) > most:
            raise TooLarge
    body = bytearray()
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnected
        body += message.get("body", b"")
        if len(body) > most:
            raise TooLarge
        more = message.get("more_body", False)
    return bytes(body)


async def read_fields(scope: Scope, receive: Receive) -> Fields:
    """The text fields of a form, urlencoded or multipart; empty for anything else."""
    body = await read_body(scope, receive)

    async def replay() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    fields: dict[str, tuple[str, ...]] = {}
    try:
        async with Request(scope, replay).form(max_files=1, max_fields=MAX_FIELDS) as form:
            for name, value in form.multi_items():
                if isinstance(value, str):
                    fields[name] = (*fields.get(name, ()), value)
    except MultiPartException:
        return {}
    return fields


def first_value(fields: Fields, name: str) -> str:
    """The first value of a field; "" for none."""
    return fields.get(name, ("",))[0]


def to_say(message: str) -> str:
    """Marks an English message for `make messages`. The template that shows it translates it."""
    return message


def negotiate_language(scope: Scope, languages: Sequence[str]) -> str:
    """The one of `languages` (BCP 47, the default first) that the Accept-Language of a request prefers
    (RFC 9110 12.5.4); the default if it names none of them. "pt" and "pt-BR" match each other (RFC 4647
    3.3.1, 3.4).
    """
    header = b",".join(value for name, value in scope["headers"] if name == b"accept-language")
    wanted = {tag.decode("ascii").lower(): weight for tag, weight in quality_values(header).items()}
    best, most = languages[0], 0.0
    for language in languages:
        own = language.lower()
        weights = [
            weight
            for tag, weight in wanted.items()
            if term_matches(TermKind.LANGUAGE, tag, own) or term_matches(TermKind.LANGUAGE, own, tag)
        ]
        if max(weights, default=0.0) > most:
            best, most = language, max(weights)
    return best


_ERRORS = {
    400: (
        to_say("Invalid request"),
        to_say("Your browser sent something this page cannot read. Please go back and try again."),
    ),
    404: (
        to_say("Not found"),
        to_say("We could not find this page. The link may be incomplete."),
    ),
    405: (to_say("Not allowed"), to_say("This page cannot be used that way.")),
    410: (to_say("No longer available"), to_say("This page has been removed.")),
    413: (to_say("Too large"), to_say("You sent more data than this page accepts.")),
    500: (to_say("Something went wrong"), to_say("This is not your fault. Please try again later.")),
}
_LIST_CLOSED = (
    to_say("This list has ended"),
    to_say("It sends no more emails, so there is nothing to confirm or change here."),
)
_LIST_REMOVED = (
    to_say("Nothing to change right now"),
    to_say("This list is not sending emails right now. The unsubscribe links in its emails still work."),
)
_NOTHING = (to_say("Nothing yet"), to_say("Nothing has been published here yet. Come back soon."))


class PageResponses:
    """Makes responses for one site."""

    def __init__(self, deps: Deps) -> None:
        self.deps = deps
        self.base = urlsplit(deps.rules.site.public_url).path
        lists = (deps.rules.language(spec) for spec in deps.rules.lists)
        self._languages = tuple(dict.fromkeys([deps.rules.site.language, *lists]))

    async def page(
        self,
        name: str,
        values: Mapping[str, object] | None = None,
        *,
        language: str = "",
        status: int = 200,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        """templates/web/<name>.html, rendered in a thread. The default `language` is the site's. Raises
        TemplateError.
        """
        given = {"site": self.deps.rules.site, "language": language, **(values or {})}
        html = await run_in_threadpool(self.deps.adapters.renderer.page, name, given)
        return HTMLResponse(html, status, {**HEADERS, **(headers or {})})

    def language(self, scope: Scope, lists: Sequence[MailingList] = ()) -> str:
        """The language of a page for an unknown visitor: of the languages of `lists`, or of the whole site
        without them, the one that the browser prefers.
        """
        own = tuple(dict.fromkeys(self.deps.rules.language(spec) for spec in lists)) or self._languages
        usual = self.deps.rules.site.language
        return negotiate_language(scope, sorted(own, key=lambda language: language != usual))

    def language_for(self, subscription: Subscription) -> str:
        """The language of pages for a subscriber: that of their mails."""
        spec = self.deps.rules.list(subscription.list)
        return (
            self.deps.rules.language(spec, subscription.choices.content)
            if spec
            else self.deps.rules.site.language
        )

    async def error(self, status: int, scope: Scope, headers: Mapping[str, str] | None = None) -> Response:
        """The page for an HTTP status of 400 and above; plain text if its template fails too."""
        return await self._error_page(status, *_ERRORS[status], scope, headers)

    async def refused(self, error: TokenError, scope: Scope) -> Response:
        """The page for a token that is refused: 404 without a hint. Links of a list that settings no longer
        name say what became of it: it was closed (410), or nothing is decided yet (503).
        """
        if not isinstance(error, ListGoneError):
            return await self.error(404, scope)
        closed = await run_in_threadpool(is_closed, self.deps.rules, self.deps.adapters.store, error.list)
        if closed:
            return await self._error_page(410, *_LIST_CLOSED, scope, None)
        return await self._error_page(503, *_LIST_REMOVED, scope, {"Retry-After": "3600"})

    async def nothing_yet(self, scope: Scope) -> Response:
        """The start page of a site that has published nothing."""
        return await self._error_page(404, *_NOTHING, scope, None)

    async def _error_page(
        self, status: int, title: str, message: str, scope: Scope, headers: Mapping[str, str] | None
    ) -> Response:
        values = {"status": status, "title": title, "message": message}
        language = self.language(scope)
        try:
            return await self.page("error", values, language=language, status=status, headers=headers)
        except TemplateError as error:
            log.error("page_failed", extra={"reason": str(error)})
            return PlainTextResponse(f"{title}. {message}\n", status, {**HEADERS, **(headers or {})})

    def action(self, *steps: str) -> str:
        """The URL that a form posts to: a path under that of web.public_url, which works for every host
        name.
        """
        return self.base + "/".join(steps)
