"""The pages that links in mails open. They show a button first, because mail scanners open links too.

Drafts that an author shares, by links that end.

Unsubscribing by address: where links in mails that another service sent lead (`web.legacy_unsubscribe`).

Such a link does not say who follows it, so the page asks for the address, and a link to unsubscribe is mailed
to it if it is subscribed. The answer is the same, and takes the same time, whoever asks.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from threading import Lock

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from publisher.app import App
from publisher.core.addresses import Address, parse_address
from publisher.core.errors import AddressError, SourceError, TemplateError, TokenError
from publisher.core.feeds.documents import content_type
from publisher.core.posts.post import ASSETS_FOLDER, BadPost, ParsedPost, wait_reason
from publisher.core.subscribers.subscription import MailingList, Subscription, SubscriptionState
from publisher.core.tokens import Purpose, verify_draft
from publisher.services.digests.compose import reader_page
from publisher.services.mail.messages import joined_titles
from publisher.services.posts.content import draft_content, whole_post
from publisher.services.subscribers import account, signup, subscribe
from publisher.services.subscribers.lists import ListGoneError, current_subscription, title_of
from publisher.web.pages.base import HEADERS, PageResponses, first_value, read_body, read_fields, to_say
from publisher.web.pages.signup import (
    Problem,
    TokenUse,
    UsedTokens,
    address_problem,
    form_wait_remaining,
    issue_form_token,
    pad_response_time,
    token_made_at,
)
from publisher.web.rate_limits import RefusalLog, SignUpLimits

_PICTURES = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' https: http: data:; base-uri 'none'"
)


class TokenPages:
    """/confirm/<token>, /never-ask/<token>, /unsubscribe/<token> and /view/<token>. Every invalid token gets
    404.
    """

    def __init__(self, app: App, responses: PageResponses) -> None:
        self._app, self._responses = app, responses

    async def confirm(self, request: Request) -> Response:
        """GET shows the button; POST confirms. Idempotent."""
        token, now = request.path_params["token"], self._app.clock()
        deps = self._responses.deps
        try:
            await read_body(request.scope, request.receive)
            subscription = await self._find(token, Purpose.CONFIRM, now)
            if request.method == "POST":
                lists = await run_in_threadpool(
                    subscribe.lists_to_confirm, deps.rules, deps.adapters.store, subscription
                )
                subscription = await run_in_threadpool(subscribe.confirm, deps, token, now)
                self._app.wake()  # a welcome may be due
                return await self._page("confirmed", subscription, lists)
        except TokenError as error:
            return await self._responses.refused(error, request.scope)
        if deps.rules.list(subscription.list) is None:
            return await self._responses.refused(ListGoneError(subscription.list), request.scope)
        if subscription.state is SubscriptionState.UNSUBSCRIBED:
            return await self._responses.error(404, request.scope)
        if subscription.state is SubscriptionState.ACTIVE:  # a change of address, confirmed before
            return await self._page("confirmed", subscription)
        lists = await run_in_threadpool(
            subscribe.lists_to_confirm, deps.rules, deps.adapters.store, subscription
        )
        return await self._button("confirm", token, subscription, lists)

    async def never_ask(self, request: Request) -> Response:
        """GET shows the button; POST stops all confirmation mails to this mailbox. Idempotent."""
        token, now = request.path_params["token"], self._app.clock()
        deps, done = self._responses.deps, request.method == "POST"
        try:
            if done:
                await read_body(request.scope, request.receive)
                await run_in_threadpool(signup.never_ask, deps, token, now)
            else:
                signup.mailbox_of_token(deps.process.keyring(), token, now)
        except TokenError as error:
            return await self._responses.refused(error, request.scope)
        values = {"done": done, "action": self._responses.action("never-ask", token)}
        language = self._responses.language(request.scope)
        return await self._responses.page("never-ask", values, language=language)

    async def unsubscribe(self, request: Request) -> Response:
        """GET shows the button; POST, with any body or none, ends the subscription at once (RFC 8058)."""
        token, now = request.path_params["token"], self._app.clock()
        deps = self._responses.deps
        try:
            if request.method == "POST":
                await read_body(request.scope, request.receive)
                subscription = await run_in_threadpool(subscribe.unsubscribe, deps, token, now)
            else:
                subscription = await self._find(token, Purpose.UNSUBSCRIBE, now)
        except TokenError as error:
            return await self._responses.refused(error, request.scope)
        if subscription.state is SubscriptionState.UNSUBSCRIBED:
            link = ""
            if deps.rules.list(subscription.list) is not None:  # settings may no longer have it
                account_token = account.account_token(deps.process.keyring(), subscription, now)
                link = self._responses.action("account", account_token)
            return await self._page("unsubscribed", subscription, account=link)
        return await self._button("unsubscribe", token, subscription)

    async def view(self, request: Request) -> Response:
        """A digest as its subscriber got it, as a page. Only its URL is personal."""
        token, now = request.path_params["token"], self._app.clock()
        try:
            html = await run_in_threadpool(reader_page, self._responses.deps, token, now)
        except TokenError as error:
            return await self._responses.refused(error, request.scope)
        return HTMLResponse(html, headers={**HEADERS, "Content-Security-Policy": _PICTURES})

    async def _find(self, token: str, purpose: Purpose, now: datetime) -> Subscription:
        """The subscription that a token leads to. Raises TokenError."""
        deps = self._responses.deps

        def find() -> Subscription:
            ring = deps.process.keyring()
            found = subscribe.find_by_token(deps.adapters.store, ring, token, purpose, now)
            return current_subscription(deps, found)

        return await run_in_threadpool(find)

    async def _button(
        self, name: str, token: str, subscription: Subscription, lists: Sequence[MailingList] = ()
    ) -> Response:
        action = self._responses.action(name, token)
        return await self._page(
            name, subscription, lists, address=parse_address(subscription.address).masked(), action=action
        )

    async def _page(
        self, name: str, subscription: Subscription, lists: Sequence[MailingList] = (), **values: str
    ) -> Response:
        """A page about one list or several. A list that was removed from the settings can still be left."""
        rules, store = self._responses.deps.rules, self._responses.deps.adapters.store
        spec: object = rules.list(subscription.list)
        if spec is None:
            title = await run_in_threadpool(title_of, rules, store, subscription.list)
            spec = {"title": title, "description": ""}
        if len(lists) > 1:
            spec = {"title": joined_titles(lists), "description": ""}
        language = self._responses.language_for(subscription)
        return await self._responses.page(name, {"spec": spec, **values}, language=language)


class DraftPages:
    """/share/<token>: a draft that its author shares, as the file is now, with the files beside it."""

    def __init__(self, app: App, responses: PageResponses) -> None:
        self._app, self._responses = app, responses
        self._reading = Lock()  # one draft at a time: reading one looks at the whole folder

    async def page(self, request: Request) -> Response:
        """The draft's page; once it is public, a redirect to where it is."""
        token, now = request.path_params["token"], self._app.clock()
        try:
            draft, expires = await run_in_threadpool(self._draft, token, now)
            if wait_reason(draft.post, now) is None and not draft.post.options.mail_only:
                return RedirectResponse(draft.post.url, 302, HEADERS)
            html = await run_in_threadpool(self._render, draft, token, expires, now)
        except TokenError:
            return await self._responses.error(404, request.scope)
        return HTMLResponse(html, headers={**HEADERS, "Content-Security-Policy": _PICTURES})

    async def file(self, request: Request) -> Response:
        """A file beside the draft."""
        name = f"{ASSETS_FOLDER}{request.path_params['name']}"
        try:
            draft, _ = await run_in_threadpool(self._draft, request.path_params["token"], self._app.clock())
        except TokenError:
            return await self._responses.error(404, request.scope)
        shown = (asset for asset in draft.post.assets if name in (asset.document, asset.small_document))
        asset = next(shown, None)
        source = self._app.source.as_it_is()
        data = await run_in_threadpool(source.file, asset.path) if asset else None
        if data is not None and asset is not None and name == asset.small_document:
            data = await run_in_threadpool(source.smaller_picture, data)
        if data is None:
            return await self._responses.error(404, request.scope)
        return Response(data, media_type=content_type(name), headers=HEADERS)

    def _draft(self, token: str, now: datetime) -> tuple[ParsedPost, datetime]:
        """The draft, and until when it is shared. Raises TokenError, also where the file is no post now."""
        path, expires = verify_draft(token, self._responses.deps.process.keyring(), now)
        try:
            with self._reading:
                found = self._app.source.as_it_is().draft(path)
        except SourceError:
            raise TokenError("token", "not valid") from None
        if isinstance(found, BadPost):
            raise TokenError("token", "not valid")
        return found, expires

    def _render(self, draft: ParsedPost, token: str, expires: datetime, now: datetime) -> str:
        deps = self._responses.deps
        content = draft_content(deps, draft, f"{deps.rules.site.public_url}share/{token}/", now)
        values: dict[str, object] = {
            "site": deps.rules.site,
            "post": whole_post(content),
            "tags": draft.post.tags,
            "toc": draft.post.options.toc,
            "series": None,
            "updated": content.known.instant,
            "previous": None,
            "next": None,
            "feeds": [],
            "shared_until": expires,
        }
        try:
            return deps.adapters.renderer.page("post", values)
        except TemplateError:  # of the site's own page
            with deps.adapters.renderer.packaged_documents():
                return deps.adapters.renderer.page("post", values)


class LeavePage:
    """GET shows the form, POST mails the link. One click of a mail program (RFC 8058) fails, because nobody
    can tell who it was for.
    """

    def __init__(
        self,
        app: App,
        responses: PageResponses,
        limits: SignUpLimits,
        used: UsedTokens,
        refused: RefusalLog,
    ) -> None:
        self._app, self._responses = app, responses
        self._limits, self._used, self._refused = limits, used, refused

    async def __call__(self, request: Request) -> Response:
        if request.method not in ("GET", "HEAD", "POST"):
            return await self._responses.error(405, request.scope)
        if request.method != "POST":
            return await self._form(request)
        fields = await read_fields(request.scope, request.receive)
        if "List-Unsubscribe" in fields:
            return await self._responses.error(404, request.scope)
        token, typed = first_value(fields, "token"), first_value(fields, "address")
        ring, now = self._responses.deps.process.keyring(), self._app.clock()
        wait = form_wait_remaining(token, ring, now)
        if wait is None:  # a copy of the form, or a program: show ours first
            return await self._form(request, typed)
        try:
            address = parse_address(typed)
        except AddressError as error:
            return await self._form(request, typed, address_problem(error))
        use = self._used.use(token, token_made_at(token, ring, now), hash(("leave", typed)), now)
        client = request.client.host if request.client else ""
        if use is TokenUse.SPENT:
            return await self._form(request, typed)
        # Counted whether a mail is sent or not: what the limit says must not tell who is subscribed.
        if use is TokenUse.FIRST and not self._limits.take(client, now, waited=False):
            self._used.invalidate(token)
            self._refused.count("unsubscribes_by_address_over_the_limit")
            return await self._form(
                request, typed, (to_say("This is not your fault. Please try again later."), "")
            )
        await asyncio.sleep(wait.total_seconds())
        trapped = bool(first_value(fields, "website"))  # hidden from people; robots get the same answer
        await pad_response_time(self._mail_links(None if trapped or use is TokenUse.SAME else address, now))
        language = self._responses.language(request.scope)
        return await self._responses.page("leave", {"sent": True, "problem": ""}, language=language)

    async def _mail_links(self, address: Address | None, now: datetime) -> None:
        if address is not None:
            deps = self._responses.deps
            if await run_in_threadpool(account.send_leave_links, deps, address, now):
                self._app.wake()

    async def _form(self, request: Request, typed: str = "", problem: Problem = ("", "")) -> Response:
        """The form with a fresh token; it is sent to the address it is shown at."""
        deps = self._responses.deps
        values = {
            "sent": False,
            "address": typed,
            "token": issue_form_token(deps.process.keyring(), self._app.clock(), deps.process.nonce()),
            "problem": problem[0],
            "detail": problem[1],
        }
        language = self._responses.language(request.scope)
        status = 400 if problem[0] else 200
        return await self._responses.page("leave", values, language=language, status=status)
