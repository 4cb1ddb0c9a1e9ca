"""The operators' API: what a token may do, what a program is told, and that it does what the commands do."""

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from publisher.app.secret_files import add_admin_token, token_digest
from publisher.core.subscribers.subscription import SubscriptionState
from publisher.services.operations.api_tokens import (
    MAX_TOKENS,
    ApiScope,
    add_api_token,
    api_tokens,
    revoke_api_token,
)
from publisher.services.subscribers import departures
from publisher.web.admin.api import MAX_PAGE, PER_TOKEN, Problem, check_fields, json_body
from publisher.web.admin.openapi import describe, operations
from publisher.web.rate_limits import Rate

TOML = """
[site]
title = "The Harbour"
url = "https://harbour.example/"
id_authority = "harbour.example,2024"
postal_address = "1 Quay Street"

[[lists]]
slug = "daily"
title = "The Harbour, daily"
from = "The Harbour <news@harbour.example>"
approve = true

[[lists]]
slug = "weekly"
title = "The Harbour, weekly"
from = "The Harbour <news@harbour.example>"
cadence = "weekly"

[web]
admin_listen = "127.0.0.1:0"
admin_token_file = "tokens"
"""
POST = "---\ntitle: {title}\ndate: {date}\n---\n\nWords.\n"
SUBSCRIBERS, MAILINGS, POSTS = "/api/v1/subscribers", "/api/v1/mailings", "/api/v1/posts"
CONSENT = {"wording": "Yes, mail me", "at": "2026-04-01T10:00:00Z", "origin": "https://shop.example/join"}


class Client:
    """A program with tokens for one site's API."""

    def __init__(self, site: Any, http: httpx.Client) -> None:
        self.site, self.http = site, http
        self.document: dict[str, Any] = http.get("/api/v1/openapi.json").json()

    def token(self, name: str, *scopes: ApiScope) -> str:
        token = f"token-of-{name}"
        digest, now = token_digest(token), self.site.clock.now
        add_api_token(self.site.app.store, name, digest, scopes or tuple(ApiScope), now)
        return token

    def ask(self, method: str, path: str, token: str = "", **more: Any) -> httpx.Response:
        """A response, which is as the description says."""
        headers = {"authorization": f"Bearer {token}"} if token else {}
        answer = self.http.request(method, path, headers=headers, **more)
        media_type = answer.headers["content-type"]
        assert media_type == ("application/json" if answer.is_success else "application/problem+json")
        assert answer.headers["cache-control"] == "no-store"
        if answer.is_error:
            assert answer.json().keys() == {"title", "status", "detail"}
            assert answer.json()["status"] == answer.status_code
        self.check(method, answer)
        return answer

    def check(self, method: str, answer: httpx.Response) -> None:
        parts = answer.request.url.path.split("/")
        for path, methods in self.document["paths"].items():
            wanted = path.split("/")
            fits = len(parts) == len(wanted) and all(
                a == b or b.startswith("{") for a, b in zip(parts, wanted, strict=True)
            )
            if fits and method.lower() in methods and "find" not in set(parts) ^ set(wanted):
                described = methods[method.lower()]["responses"][str(answer.status_code)]
                [schema] = [one["schema"] for one in described["content"].values()]
                jsonschema.validate(answer.json(), {**schema, "components": self.document["components"]})
                return


Begin = Callable[..., Client]


@pytest.fixture
def begin(start: Any, tmp_path: Path) -> Iterator[Begin]:
    """Starts a site with two posts and an API."""
    with ExitStack() as opened:

        def begun(toml: str = TOML) -> Client:
            folder = tmp_path / "harbour"
            (folder / "posts").mkdir(parents=True)
            for number, date in enumerate(("2026-04-29T08:00:00Z", "2026-04-30T08:00:00Z"), 1):
                (folder / "posts" / f"{number}.md").write_text(POST.format(title=f"Tide {number}", date=date))
            add_admin_token(folder / "tokens", "ann")
            site = start(toml, folder)
            site.app.publish()
            url = f"http://127.0.0.1:{site.server.admin_port}"
            http = opened.enter_context(httpx.Client(base_url=url, trust_env=False, timeout=20))
            return Client(site, http)

        yield begun


def test_a_program_adds_finds_lists_and_unsubscribes_readers_as_the_commands_do(begin: Begin) -> None:
    api = begin()
    shop = api.token("shop", ApiScope.SUBSCRIBERS_READ, ApiScope.SUBSCRIBERS_WRITE)

    def add(address: str, **more: Any) -> tuple[int, str]:
        answer = api.ask("POST", SUBSCRIBERS, shop, json={"address": address, "list": "daily", **more})
        return answer.status_code, answer.json().get("result", answer.json().get("detail"))

    assert add("ann@example.org", confirmed=True, consent=CONSENT) == (201, "added")
    assert add("ann@example.org", confirmed=True, consent=CONSENT) == (200, "already")
    assert add("bob@example.org") == (201, "added")
    assert len(api.site.woken) == 1  # somebody waits for a mail
    assert add("cy@example.org", confirmed=True)[0] == 422
    status, why = add("no address")
    assert (status, "no address" in why) == (422, True)
    assert add("dee@example.org", list="none")[0] == 422
    assert add("dee@example.org", consent={"wording": "x", "at": "2036-01-01T00:00:00Z"})[0] == 422
    assert add("dee@example.org", more=1)[0] == 422

    found = api.ask("POST", f"{SUBSCRIBERS}/find", shop, json={"address": "ann@example.org"}).json()
    consent = found["subscriptions"][0]["consent"]
    assert (consent["wording"], consent["origin"], consent["form"]) == (
        "Yes, mail me",
        CONSENT["origin"],
        "api",
    )
    stored = departures.export_data(api.site.app.deps, "ann@example.org")
    assert found["subscriptions"][0]["state"] == stored["subscriptions"][0]["state"] == "active"
    assert (
        api.ask("POST", f"{SUBSCRIBERS}/find", shop, json={"address": "eve@example.org"}).status_code == 404
    )

    def listed(**query: Any) -> tuple[list[str], int | None]:
        page = api.ask("GET", SUBSCRIBERS, shop, params=query).json()
        return [one["address"] for one in page["subscribers"]], page["next"]

    assert listed() == (["ann@example.org", "bob@example.org"], None)
    assert listed(limit=1) == (["ann@example.org"], 1)
    assert listed(limit=1, after=1) == (["bob@example.org"], None)
    assert listed(state="pending") == (["bob@example.org"], None)
    assert listed(list="weekly") == ([], None)
    for wrong in ({"limit": 0}, {"limit": MAX_PAGE + 1}, {"after": "x"}, {"state": "gone"}, {"page": 2}):
        assert api.ask("GET", SUBSCRIBERS, shop, params=wrong).status_code == 422

    left = api.ask("POST", f"{SUBSCRIBERS}/unsubscribe", shop, json={"address": "ann@example.org"})
    assert left.json() == {"left": ["daily"]}
    [one] = departures.export_data(api.site.app.deps, "ann@example.org")["subscriptions"]
    assert one["state"] == SubscriptionState.UNSUBSCRIBED
    status, why = add("ann@example.org", confirmed=True, consent=CONSENT)
    assert (status, "has left daily" in why) == (409, True)
    acts = [entry for _, entry in reversed(api.site.app.store.acts(limit=10))]
    assert [(one.who, one.via, one.act, one.about, one.done) for one in acts[-2:]] == [
        ("shop", "api", "subscribers unsubscribe", "", True),
        ("shop", "api", "subscribers add", "daily", False),
    ]
    assert {one.subscriber for one in acts[-2:]} == {1}
    assert "@" not in str(acts)


def test_a_program_reads_posts_and_mailings_and_approves_one(begin: Begin) -> None:
    api = begin()
    token = api.token("robot")
    body = {"address": "ann@example.org", "list": "daily", "confirmed": True, "consent": CONSENT}
    assert api.ask("POST", SUBSCRIBERS, token, json=body).status_code == 201
    posts = api.ask("GET", POSTS, token, params={"limit": 1}).json()
    assert [one["title"] for one in posts["posts"]] == ["Tide 2"]
    older = api.ask("GET", POSTS, token, params={"before": posts["next"]}).json()
    assert ([one["title"] for one in older["posts"]], older["next"]) == (["Tide 1"], None)

    folder = api.site.app.settings.posts.dir
    (folder / "3.md").write_text(POST.format(title="Tide 3", date="2026-05-01T13:00:00Z"))
    api.site.clock.move(days=1)
    api.site.app.publish()
    page = api.ask("GET", MAILINGS, token).json()
    [mailing] = page["mailings"]
    assert (mailing["state"], mailing["hold"], page["next"]) == ("paused", "approval", None)
    one = f"{MAILINGS}/{mailing['id']}"
    assert api.ask("GET", one, token).json()["replies"] == []
    assert api.ask("POST", f"{one}/approve", token).json()["state"] == "ready"
    assert api.ask("POST", f"{one}/approve", token).status_code == 409
    assert api.ask("POST", f"{one}/pause", token).json()["state"] == "paused"
    assert api.ask("POST", f"{one}/explode", token).status_code == 404
    assert api.ask("POST", f"{one}/cancel", token).json()["state"] == "cancelled"
    for id in ("0", "99", "x", "9" * 30, "-1"):
        assert api.ask("GET", f"{MAILINGS}/{id}", token).status_code == 404
    assert api.ask("GET", MAILINGS, token, params={"before": mailing["id"]}).json()["mailings"] == []


def test_a_token_opens_what_its_scopes_say_until_it_is_revoked_and_only_its_hash_is_kept(
    begin: Begin,
) -> None:
    api = begin()
    for one in operations(["daily"]):
        path = "/api/v1" + one.path.format(id=1, command="pause")
        assert api.ask(one.method, path).status_code == 401
        others = api.token(f"not-{one.id}", *[scope for scope in ApiScope if scope is not one.scope])
        assert api.ask(one.method, path, others).status_code == 403
    assert api.ask("GET", POSTS, "wrong").headers["www-authenticate"].startswith('Bearer realm="publisher"')
    reader = api.token("reader", ApiScope.POSTS_READ)
    assert api.ask("GET", POSTS, reader).status_code == 200
    revoke_api_token(api.site.app.store, "reader", api.site.clock.now)
    assert api.ask("GET", POSTS, reader).status_code == 401
    wrong = [api.ask("GET", POSTS, f"guess-{number}").status_code for number in range(8)]
    assert wrong[-1] == 429
    assert api.ask("GET", POSTS, api.token("other")).status_code == 200  # from the same address
    api.site.app.store.close()
    stored = b"".join(file.read_bytes() for file in api.site.app.state.glob("publisher.db*"))
    assert b"token-of-reader" not in stored
    assert token_digest(reader).encode() in stored


def test_requests_with_one_token_are_limited_even_at_once_and_others_are_not(begin: Begin) -> None:
    api = begin()
    busy, calm = api.token("busy"), api.token("calm")
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: api.ask("GET", POSTS, busy), range(PER_TOKEN.burst + 10)))
    limited = [one for one in answers if one.status_code == 429]
    assert len(limited) == 10
    assert limited[0].headers["retry-after"] == "1"
    assert api.ask("GET", POSTS, calm).status_code == 200
    api.site.clock.move(seconds=60)
    assert api.ask("GET", POSTS, busy).status_code == 200


def test_what_is_no_request_of_the_api_is_a_problem_and_changes_nothing(begin: Begin) -> None:
    api = begin()
    token = api.token("shop")
    send: Callable[..., httpx.Response] = lambda **more: api.ask("POST", SUBSCRIBERS, token, **more)  # noqa: E731
    json_type = {"content-type": "application/json"}

    def raw(body: bytes, headers: Mapping[str, str]) -> int:
        given = {"authorization": f"Bearer {token}", **headers}
        return api.http.post(SUBSCRIBERS, content=body, headers=given).status_code

    assert raw(b"{", json_type) == 400
    assert raw(b"[" * 60_000, json_type) == 400
    assert raw(b"\xff", json_type) == 400
    assert raw(b"{}", {"content-type": "application/x-www-form-urlencoded"}) == 415
    assert raw(b"{" + b" " * 70_000 + b"}", json_type) == 413
    assert send(json=[]).status_code == 422
    for address in ("a\nb@example.org", "x" * 2000, "", 7, None, True, "ann@example.org\0"):
        assert send(json={"address": address, "list": "daily"}).status_code == 422
    assert api.ask("PUT", SUBSCRIBERS, token).status_code == 405
    assert api.ask("PUT", SUBSCRIBERS, token).headers["allow"] == "GET, POST, HEAD"
    assert api.ask("GET", "/api/v2/x", token).status_code == 404
    cookie = api.http.get(POSTS, headers={"cookie": f"publisher-admin={token}"})
    assert cookie.status_code == 401
    assert api.http.get(POSTS, params={"access_token": token}).status_code == 401
    assert (
        "access-control-allow-origin"
        not in api.http.get(POSTS, headers={"origin": "https://x.example"}).headers
    )
    assert api.site.http.get("/api/v1/posts").status_code == 404  # nothing of it where readers are served
    assert list(api.site.app.store.subscriptions(None, None)) == []


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["address", "consent", "x"]), inner)
        ),
        max_leaves=8,
    )
)
def test_any_json_is_taken_as_the_description_says_or_is_a_problem(body: Any) -> None:
    [adding] = [one for one in operations(["daily"]) if one.id == "addSubscriber"]
    document = describe(operations(["daily"]), "x")
    schema = document["paths"]["/api/v1/subscribers"]["post"]["requestBody"]["content"]["application/json"][
        "schema"
    ]
    taken: Any = None
    with suppress(Problem):
        taken = check_fields(adding.body, json_body(json.dumps(body).encode()))
    if taken is not None:
        jsonschema.validate(body, schema)
        assert taken.keys() - {"confirmed"} <= body.keys()


def test_tokens_have_names_that_are_used_once_and_the_oldest_revoked_are_forgotten(begin: Begin) -> None:
    site = begin().site
    store, now = site.app.store, site.clock.now
    for number in range(MAX_TOKENS):
        add_api_token(store, f"t{number}", "00" * 32, [ApiScope.METRICS], now)
    with pytest.raises(Exception, match="revoke some first"):
        add_api_token(store, "more", "00" * 32, [], now)
    with pytest.raises(Exception, match="there is or was a token of this name"):
        add_api_token(store, "t3", "00" * 32, [], now)
    revoke_api_token(store, "t7", now)
    revoke_api_token(store, "t3", now + timedelta(days=1))
    add_api_token(store, "more", "11" * 32, [], now)
    assert "t7" not in {one.name for one in api_tokens(store)}
    with pytest.raises(Exception, match="no token of this name"):
        revoke_api_token(store, "t7", now)


@pytest.mark.soak
def test_schemathesis_finds_nothing(begin: Begin, tmp_path: Path) -> None:
    program = shutil.which("schemathesis")
    if program is None:
        pytest.skip("schemathesis is not installed (pip install schemathesis, in an environment of its own)")
    api = begin()
    token = api.token("schemathesis")
    many = Rate(burst=10**9, every=timedelta(seconds=1))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("publisher.web.admin.api.PER_TOKEN", many)
        patch.setattr("publisher.web.admin.sessions.FAILED_LOGINS", many)
        done = subprocess.run(
            [
                program,
                "run",
                f"{api.http.base_url}/api/v1/openapi.json",
                "--header",
                f"Authorization: Bearer {token}",
                "--max-examples=60",
                "--exclude-checks=positive_data_acceptance",
            ],
            capture_output=True,
            text=True,
            timeout=280,
            cwd=tmp_path,
        )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
