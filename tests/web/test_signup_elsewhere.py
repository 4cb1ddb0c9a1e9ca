"""Sign-up from other sites: pasted forms, pages they end on, and POST /api/subscribe with the same limits."""

import json
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from a_browser import launched
from axe_playwright_python.sync_playwright import Axe
from click.testing import CliRunner
from signing_up import Form, mails, state

from publisher.cli import publisher
from publisher.config.sections.web import read_origins
from publisher.config.types import InvalidValue
from publisher.core.site import web_origin
from publisher.core.subscribers.subscription import SubscriptionState
from publisher.web.pages import signup

BLOG = "https://blog.example"
TOML = f"""
[site]
title = "Der Hafen"
url = "https://harbour.example/"
id_authority = "harbour.example,2024"
language = "de"

[[lists]]
slug = "daily"
title = "Der Hafen, täglich"
from = "The Harbour <news@harbour.example>"

[web]
public_url = "https://readers.example/"
allowed_origins = ["{BLOG}", "https://Bücher.example:443", "http://127.0.0.1:4000"]
"""


@pytest.fixture
def site(start: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(signup, "RESPONSE_INTERVAL", 0.001)
    return start(TOML)


def call(site: Any, *, origin: str | None = BLOG, **fields: object) -> Any:
    headers = {"Origin": origin} if origin else {}
    return site.http.post("/api/subscribe", json={"list": "daily", **fields}, headers=headers)


def form_token(site: Any, **fields: object) -> str:
    answer = call(site, **fields)
    assert (answer.status_code, answer.json()["status"], answer.json()["wait"]) == (200, "form", 0)
    site.clock.move(seconds=2)
    return str(answer.json()["token"])


def test_two_calls_sign_up_and_a_token_works_once(site: Any) -> None:
    token = form_token(site, address="bo@example.org")
    assert state(site) is None
    first = call(site, address="bo@example.org", token=token)
    assert first.status_code == 200
    assert first.json()["status"] == "accepted"
    assert first.json()["message"].startswith("Falls eine Mail")
    assert call(site, address="bo@example.org", token=token).json() == first.json()  # a double click
    other = call(site, address="eve@example.org", token=token).json()
    assert other["status"] == "form"
    assert other["token"] != token
    assert (state(site), state(site, "eve@example.org")) == (SubscriptionState.PENDING, None)
    assert len(mails(site)) == 1
    known = call(site, address="bo@example.org", token=form_token(site))
    assert known.json() == first.json()  # nothing tells whether an address is known


def test_what_is_wrong_is_said_in_the_language_of_the_list(site: Any) -> None:
    wrong = call(site, address="bo", token=form_token(site))
    assert wrong.status_code == 400
    assert wrong.json()["status"] == "invalid"
    assert wrong.json()["message"].startswith("Diese Adresse kann nicht")
    site.clock.move(seconds=2)
    assert call(site, address="bo@example.org", token=wrong.json()["token"]).json()["status"] == "accepted"
    assert call(site, list="none", token="").status_code == 404
    assert call(site, list=["daily"], token="").json()["status"] == "form"


def test_a_robot_gets_the_same_answer_and_no_mail(site: Any) -> None:
    trapped = call(site, address="bo@example.org", token=form_token(site), website="https://spam.example")
    assert trapped.json() == call(site, address="cy@example.org", token=form_token(site)).json()
    assert [mail["To"] for mail in mails(site)] == ["cy@example.org"]
    pasted = site.http.post("/subscribe/daily", data={"address": "bo@example.org", "website": "spam"})
    form = Form(pasted.text)
    site.clock.move(seconds=2)
    assert "Sehen Sie in Ihr Postfach" in site.http.post(form.action, data=form.fields).text
    assert state(site) is None


def test_forms_and_calls_share_their_limits(site: Any) -> None:
    tokens = []
    for n in range(30):
        form = Form(site.http.get("/subscribe/daily").text)
        tokens.append(call(site).json()["token"])
        site.clock.move(seconds=2)
        if n % 2:
            site.http.post(form.action, data={**form.fields, "address": f"r{n}@gmail.com"})
        else:
            assert call(site, address=f"r{n}@gmail.com", token=tokens[-1]).json()["status"] == "accepted"
        site.clock.move(seconds=-2)
    site.clock.move(seconds=3)
    late = call(site, address="bo@example.org", token=tokens[1])
    assert (late.status_code, late.headers["Retry-After"]) == (429, "20")
    assert (late.json()["status"], late.json()["wait"]) == ("wait", 20)
    assert late.json()["message"].startswith("Gerade gehen")
    site.clock.move(seconds=19)
    early = call(site, address="bo@example.org", token=late.json()["token"]).json()
    assert (early["status"], early["wait"], early["token"]) == ("wait", 1, late.json()["token"])
    site.clock.move(seconds=1)
    done = call(site, address="bo@example.org", token=early["token"])
    assert done.json()["status"] == "accepted"
    assert state(site) is SubscriptionState.PENDING


def test_browsers_may_call_from_allowed_origins_only(site: Any) -> None:
    asks = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
    own = "https://readers.example"
    for origin in (BLOG, "https://xn--bcher-kva.example", "http://127.0.0.1:4000", own):
        before = site.http.options("/api/subscribe", headers={"Origin": origin, **asks})
        after = call(site, origin=origin)
        assert (before.status_code, after.status_code) == (204, 200), origin
        assert before.headers["Access-Control-Allow-Methods"] == "POST"
        assert before.headers["Access-Control-Allow-Headers"] == "Content-Type"
        for answer in (before, after):
            assert answer.headers["Access-Control-Allow-Origin"] == origin
            assert "Access-Control-Allow-Credentials" not in answer.headers
            assert "Origin" in answer.headers["Vary"]
    for origin in (
        "null",
        "*",
        "http://blog.example",
        f"{BLOG}.evil.example",
        f"{BLOG}:8443",
        "https://evil.example",
        "",
    ):
        before = site.http.options("/api/subscribe", headers={"Origin": origin, **asks})
        after = site.http.post("/api/subscribe", json={"list": "daily"}, headers={"Origin": origin})
        assert (before.status_code, after.status_code) == (403, 403), origin
        assert not [name for answer in (before, after) for name in answer.headers if "access-control" in name]
        assert "token" not in after.text
    assert call(site, origin=None).status_code == 200  # a program
    assert "access-control-allow-origin" not in call(site, origin=None).headers
    assert site.http.get("/api/subscribe").status_code == 405


def test_bad_calls_are_answered_and_change_nothing(site: Any) -> None:
    good = {"Content-Type": "application/json"}
    deep = "[" * 9000 + "]" * 1000
    for body in (
        "",
        "[]",
        "1",
        '{"list": 1}',
        '{"list": [["a"]]}',
        '{"address": {"a": 1}}',
        "{",
        deep,
        "\xff",
    ):
        answer = site.http.post("/api/subscribe", content=body.encode("latin-1"), headers=good)
        assert (answer.status_code, answer.json()["status"]) == (400, "error"), body[:40]
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""):
        answer = site.http.post(
            "/api/subscribe", content=b'{"list": "daily"}', headers={"Content-Type": kind}
        )
        assert answer.status_code == 415, kind
    large = json.dumps({"list": "daily", "address": "a" * 20_000})
    assert site.http.post("/api/subscribe", content=large, headers=good).status_code == 413
    assert site.http.post("/api/other", json={}).status_code in {404, 405}
    assert site.app.store.subscriber_counts() == {}


def test_a_sign_up_ends_on_pages_of_allowed_origins_only(site: Any) -> None:
    def ends_on(success: str) -> Any:
        site.clock.move(minutes=3)  # enough for one network
        given = {"address": "bo@example.org", "list": "daily", "success": success}
        shown = site.http.post("/subscribe/daily", data=given)
        form = Form(shown.text)
        site.clock.move(seconds=2)
        assert form.fields["address"] == "bo@example.org"
        done = site.http.post(form.action, data={**form.fields, "success": success}, follow_redirects=False)
        called = call(site, address="bo@example.org", token=form_token(site), success=success).json()
        return shown, form, done, called

    for good in (f"{BLOG}/thanks?a=b#c", BLOG, "HTTPS://Blog.Example:443/", "http://127.0.0.1:4000/x"):
        shown, form, done, called = ends_on(good)
        assert form.fields["success"] == good
        policy = shown.headers["Content-Security-Policy"]
        assert f"form-action 'self' {web_origin(good)};" in policy
        assert (done.status_code, done.headers["Location"]) == (303, good)
        assert called["success"] == good
    for bad in (
        "https://evil.example/",
        "//evil.example/",
        "javascript:alert(1)",
        f"{BLOG}@evil.example/",
        f"{BLOG}:443@evil.example/",
        f"{BLOG}\\@evil.example/",
        f"{BLOG}.evil.example/",
        f"{BLOG}:8443/",
        f"{BLOG}/\r\nSet-Cookie: a=b",
        f"{BLOG}\n",
        f"\t{BLOG}/",
        "http://blog.example/",
        "https:/blog.example/",
        "/thanks",
    ):
        shown, form, done, called = ends_on(bad)
        assert "success" not in form.fields, bad
        assert "form-action 'self';" in shown.headers["Content-Security-Policy"], bad
        assert (done.status_code, "Sehen Sie in Ihr Postfach" in done.text) == (200, True), bad
        assert "success" not in called, bad


def test_an_origin_is_written_as_browsers_write_it() -> None:
    assert read_origins(["https://Blog.example/", "http://[::1]:80", "https://bücher.example:8443"]) == (
        "https://blog.example",
        "http://[::1]",
        "https://xn--bcher-kva.example:8443",
    )
    for bad in (
        "blog.example",
        "https://blog.example/en",
        "https://*.example",
        "*",
        "null",
        "ftp://a.example",
    ):
        with pytest.raises(InvalidValue):
            read_origins([bad])


def printed(site: Any, *arguments: str) -> Any:
    folder = str(site.app.settings.folder)
    return CliRunner().invoke(publisher, ["signup-form", *arguments, "--site", folder])


def test_the_form_to_paste_is_in_the_language_of_the_list(site: Any) -> None:
    plain = printed(site, "daily")
    assert plain.exit_code == 0
    form = Form(plain.stdout)
    assert (form.action, form.method) == ("https://readers.example/subscribe/daily", "post")
    assert form.fields == {"address": "", "website": "", "list": "daily"}
    assert '<form method="post"' in plain.stdout
    assert 'lang="de"' in plain.stdout
    assert "Ihre E-Mail-Adresse" in plain.stdout
    assert not [word for word in ("<script", "style=", " id=", "onclick", "http://") if word in plain.stdout]
    scripted = printed(site, "daily", "--script", "--success", f"{BLOG}/danke")
    script = scripted.stdout.partition("<script>")[2].partition("</script>")[0]
    assert 0 < len(script.encode()) < 1024
    assert Form(scripted.stdout).fields["success"] == f"{BLOG}/danke"
    refused = printed(site, "daily", "--success", "https://evil.example/")
    assert "add https://evil.example to web.allowed_origins" in str(refused.exception)
    assert "dialy" in str(printed(site, "dialy").exception)


@pytest.fixture
def blog(tmp_path: Path) -> Iterator[ThreadingHTTPServer]:
    """A site of its own on another port of this machine: another origin."""
    folder = tmp_path / "blog"
    folder.mkdir()

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as server:
        (folder / "thanks.html").write_text("<!DOCTYPE html><title>Danke</title><p>Vielen Dank!")
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_forms_on_another_site_work_in_a_browser(
    start: Any, blog: ThreadingHTTPServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signup, "RESPONSE_INTERVAL", 0.001)
    monkeypatch.setattr(signup, "MIN_FORM_AGE", signup.timedelta())
    origin = f"http://127.0.0.1:{blog.server_address[1]}"
    toml = TOML.replace('"http://127.0.0.1:4000"', f'"{origin}"')
    site = start(toml)
    public = str(site.http.base_url)
    for name, arguments in {
        "plain": ["--success", f"{origin}/thanks.html"],
        "stays": ["--script"],
        "leads": ["--script", "--success", f"{origin}/thanks.html"],
    }.items():
        form = printed(site, "daily", *arguments).stdout.replace("https://readers.example/", f"{public}/")
        form = form.replace("//subscribe", "/subscribe").replace("//api", "/api")
        page = f'<!DOCTYPE html><html lang="de"><title>Blog</title><main><h1>Blog</h1>{form}</main></html>'
        (tmp_path / "blog" / f"{name}.html").write_text(page)
    with launched() as browser:
        page = browser.new_page()
        said: list[str] = []
        page.on("console", lambda message: said.append(message.text))
        page.goto(f"{origin}/plain.html")
        assert Axe().run(page, options={"rules": {"region": {"enabled": False}}}).violations_count == 0
        page.get_by_label("Ihre E-Mail-Adresse").fill("bo@example.org")
        page.keyboard.press("Enter")
        page.wait_for_url(f"{public.rstrip('/')}/subscribe/daily")
        assert page.get_by_label("Ihre E-Mail-Adresse").input_value() == "bo@example.org"
        page.get_by_role("button").click()
        page.wait_for_url(f"{origin}/thanks.html")
        page.goto(f"{origin}/stays.html")
        page.get_by_label("Ihre E-Mail-Adresse").fill("cy@example.org")
        page.get_by_role("button").click()
        page.get_by_role("status").filter(has_text="Falls eine Mail").wait_for()
        assert page.url == f"{origin}/stays.html"
        page.goto(f"{origin}/leads.html")
        page.get_by_label("Ihre E-Mail-Adresse").fill("di@example.org")
        page.get_by_role("button").click()
        page.wait_for_url(f"{origin}/thanks.html")
        page.goto(f"http://localhost:{blog.server_address[1]}/stays.html")  # an origin that is not allowed
        page.get_by_label("Ihre E-Mail-Adresse").fill("ed@example.org")
        page.get_by_role("button").click()
        page.wait_for_url(f"{public.rstrip('/')}/subscribe/daily")  # the form is sent after all
        assert page.get_by_label("Ihre E-Mail-Adresse").input_value() == "ed@example.org"
    assert [state(site, f"{name}@example.org") for name in ("bo", "cy", "di", "ed")] == [
        *[SubscriptionState.PENDING] * 3,
        None,
    ]
