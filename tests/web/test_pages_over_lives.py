"""The life of a subscription over HTTP: signing up, confirming, leaving; and what must not happen."""

import logging
import re
import socket
from datetime import timedelta
from typing import Any

import pytest
from signing_up import (
    Form,
    confirm_path,
    digest_for_reader,
    mails,
    one_click,
    reader,
    sign_up,
    state,
    text,
    token,
)

from publisher.core.errors import OutputError
from publisher.core.subscribers.subscription import SubscriptionState
from publisher.core.tokens import Claim, KeyRing, Purpose, sign
from publisher.web import application
from publisher.web.pages import signup

PRIVATE = {
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-robots-tag": "noindex",
}


def test_the_life_of_a_subscription(site: Any) -> None:
    site.app.publish()
    answer = sign_up(site, "bo@example.org")
    assert answer.status_code == 200
    assert "Check your inbox" in answer.text
    assert site.woken == [site.clock.now]
    assert state(site) is SubscriptionState.PENDING

    [ask] = mails(site)
    assert ask["To"] == "bo@example.org"
    path = confirm_path(ask)
    for _ in range(2):
        page = site.http.get(path)
        assert "The Harbour, daily" in page.text
        assert "b…@example.com" not in page.text
        assert "b…@example.org" in page.text
    assert site.http.head(path).status_code == 200
    assert state(site) is SubscriptionState.PENDING
    form = Form(page.text)
    assert form.method == "post"
    assert "Welcome" in site.http.post(form.action).text
    assert state(site) is SubscriptionState.ACTIVE
    assert site.http.post(path).status_code == 200

    digest = digest_for_reader(site)
    assert "Low tide" in text(digest)
    assert digest["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    leave = one_click(digest)
    page = site.http.get(leave)
    assert "b…@example.org" in page.text
    assert state(site) is SubscriptionState.ACTIVE
    done = site.http.post(leave, data={"List-Unsubscribe": "One-Click"})
    assert done.status_code == 200
    assert "You are unsubscribed" in done.text
    assert state(site) is SubscriptionState.UNSUBSCRIBED
    assert site.http.post(leave, data={"List-Unsubscribe": "One-Click"}).status_code == 200
    assert "You are unsubscribed" in site.http.get(leave).text


@pytest.mark.parametrize(
    "how",
    [
        {},
        {"data": {"List-Unsubscribe": "One-Click"}},
        {"files": {"List-Unsubscribe": (None, "One-Click")}},
        {"content": b"\0\xff", "headers": {"content-type": "multipart/form-data; boundary=x"}},
        {"content": b"{}", "headers": {"content-type": "application/json"}},
        {"data": {"x": "y"}, "headers": {"origin": "https://evil.example", "cookie": "a=b"}},
    ],
)
def test_one_click_needs_nothing_but_the_token(site: Any, how: dict[str, Any]) -> None:
    reader(site)
    answer = site.http.post(f"/unsubscribe/{token(site, Purpose.UNSUBSCRIBE)}", **how)
    assert answer.status_code == 200
    assert "set-cookie" not in answer.headers
    assert state(site) is SubscriptionState.UNSUBSCRIBED


def test_a_new_life_does_not_listen_to_the_tokens_of_the_old(site: Any) -> None:
    confirm = reader(site)
    old = f"/unsubscribe/{token(site, Purpose.UNSUBSCRIBE)}"
    site.http.post(old)
    assert site.http.post(confirm).status_code == 404
    assert site.http.get(confirm).status_code == 404
    site.clock.move(hours=1)
    sign_up(site, "bo@example.org")
    assert state(site) is SubscriptionState.PENDING
    assert site.http.post(confirm_path(mails(site)[-1])).status_code == 200
    assert state(site) is SubscriptionState.ACTIVE
    assert site.http.get(old).status_code == 404
    assert site.http.post(old).status_code == 404
    assert state(site) is SubscriptionState.ACTIVE


def test_every_bad_token_gets_the_same_answer(site: Any) -> None:
    reader(site)
    good = token(site, Purpose.UNSUBSCRIBE)
    foreign = KeyRing(current=1, keys={1: b"x" * 32})
    bad = [
        token(site, Purpose.CONFIRM),
        token(site, Purpose.SIGN_UP_FORM),
        token(site, Purpose.UNSUBSCRIBE, generation=99),
        token(site, Purpose.UNSUBSCRIBE, subscription=99_999),
        token(site, Purpose.UNSUBSCRIBE, ring=foreign),
        token(site, Purpose.UNSUBSCRIBE, expires=site.clock.now - timedelta(minutes=2)),
        good[:-1],
        good + "A",
        good[:-1] + ("A" if good[-1] != "A" else "B"),
        "x",
        "%00",
        "%ff",
        "a%2fb",
    ]
    pages = set()
    for each in bad:
        for answer in (site.http.get(f"/unsubscribe/{each}"), site.http.post(f"/unsubscribe/{each}")):
            assert answer.status_code == 404, each
            pages.add(answer.content)
    assert site.http.get(f"/confirm/{good}").status_code == 404
    assert len(pages) == 1
    assert state(site) is SubscriptionState.ACTIVE


def test_the_answer_never_tells_what_is_known_of_an_address(site: Any) -> None:
    reader(site, "active@example.org")
    reader(site, "left@example.org")
    [left] = [s for s in site.app.store.subscriptions("daily", None) if s.address == "left@example.org"]
    claim = Claim(purpose=Purpose.UNSUBSCRIBE, subscription=left.id, generation=left.generation)
    site.http.post(f"/unsubscribe/{sign(claim, site.app.ring)}")
    sign_up(site, "pending@example.org")
    answers = [
        sign_up(site, f"{who}@example.org") for who in ("new", "pending", "active", "left", "NEW", "active")
    ]
    trapped = sign_up(site, "robot@example.org", website="https://spam.example")
    seen = {
        (answer.status_code, answer.content, tuple((k, v) for k, v in answer.headers.items() if k != "date"))
        for answer in [*answers, trapped]
    }
    assert len(seen) == 1
    assert state(site, "robot@example.org") is None


def test_a_form_pasted_into_another_site_gets_a_button_first(site: Any) -> None:
    answer = site.http.post("/subscribe", data={"address": 'bo@example.org"><b>', "list": "daily"})
    assert answer.status_code == 200
    assert "<b>" not in answer.text
    answer = site.http.post("/subscribe", data={"address": "bo@example.org", "list": "daily"})
    form = Form(answer.text)
    assert form.fields["address"] == "bo@example.org"
    assert state(site) is None
    site.clock.move(seconds=2)
    assert "Check your inbox" in site.http.post(form.action, data=form.fields).text
    assert state(site) is SubscriptionState.PENDING


def test_a_form_kept_for_more_than_a_day_gets_a_button_first(site: Any) -> None:
    answer = sign_up(site, "bo@example.org", wait=25 * 3600)
    assert Form(answer.text).fields["address"] == "bo@example.org"
    assert state(site) is None


def test_a_form_works_as_multipart_too(site: Any) -> None:
    form = Form(site.http.get("/subscribe").text)
    site.clock.move(seconds=3)
    sent = {name: (None, value) for name, value in {**form.fields, "address": "bo@example.org"}.items()}
    assert "Check your inbox" in site.http.post(form.action, files=sent).text
    assert state(site) is SubscriptionState.PENDING


def test_an_address_that_cannot_be_is_shown_again_with_the_reason(site: Any) -> None:
    answer = sign_up(site, "bo at example.org")
    assert answer.status_code == 400
    assert Form(answer.text).fields["address"] == "bo at example.org"
    assert "Please enter a valid email address, such as name@example.com. (" in answer.text
    assert "has no @" in answer.text


def test_with_several_lists_one_must_be_chosen(start: Any) -> None:
    more = '\n[[lists]]\nslug = "weekly"\ntitle = "Weekly"\nfrom = "news@harbour.example"\n'
    toml = '[site]\ntitle = "T"\nurl = "https://readers.example/"\n' + more + more.replace("weekly", "daily")
    site = start(toml)
    form = Form(site.http.get("/subscribe").text)
    site.clock.move(seconds=3)
    answer = site.http.post("/subscribe", data={**form.fields, "address": "bo@example.org"})
    assert answer.status_code == 400
    assert "Please choose at least one list." in answer.text
    both = {**form.fields, "address": "bo@example.org", "list": ["weekly", "daily", "none"]}
    assert site.http.post("/subscribe", data=both).status_code == 200
    joined = [s.list for slug in ("daily", "weekly") for s in site.app.store.subscriptions(slug, None)]
    assert joined == ["daily", "weekly"]


def test_lists_that_are_not_there_have_no_page(start: Any, site: Any) -> None:
    assert site.http.get("/subscribe/monthly").status_code == 404
    assert site.http.post("/subscribe/monthly").status_code == 404
    none = start('[site]\ntitle = "T"\nurl = "https://readers.example/"\n')
    assert none.http.get("/subscribe").status_code == 404


def test_a_list_that_settings_lost_can_still_be_left(site: Any, start: Any) -> None:
    confirm = reader(site)
    path = f"/unsubscribe/{token(site, Purpose.UNSUBSCRIBE)}"
    site.stop()
    toml = '[site]\ntitle = "T"\nurl = "https://readers.example/"\n'
    later = start(toml, site.app.settings.folder)
    assert later.http.get(confirm).status_code == 503  # nothing is decided yet
    assert "daily" in later.http.get(path).text
    assert later.http.post(path).status_code == 200
    assert state(later) is SubscriptionState.UNSUBSCRIBED


def test_a_form_sent_faster_than_a_person_can_is_kept_waiting(
    site: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = site.clock.now
    token = signup.issue_form_token(site.app.ring, now, "0" * 24)
    waits = [
        signup.form_wait_remaining(token, site.app.ring, now + timedelta(seconds=s))
        for s in (-9, 0, 1.5, 2, 600)
    ]
    assert waits == [timedelta(seconds=s) for s in (2, 2, 0.5, 0, 0)]
    assert signup.form_wait_remaining(token, site.app.ring, now + timedelta(days=2)) is None
    assert signup.form_wait_remaining("x", site.app.ring, now) is None
    monkeypatch.setattr(signup, "MIN_FORM_AGE", timedelta(milliseconds=10))
    assert "Check your inbox" in sign_up(site, "bo@example.org", wait=0).text
    assert state(site) is SubscriptionState.PENDING


def test_consent_keeps_where_the_wish_came_from(site: Any) -> None:
    form = Form(site.http.get("/subscribe/daily").text)
    site.clock.move(seconds=3)
    data = {**form.fields, "address": "bo@example.org"}
    site.http.post("/subscribe/daily", data=data, headers={"X-Forwarded-For": "203.0.113.9"})
    database = (site.app.state / "publisher.db").read_bytes() + (
        site.app.state / "publisher.db-wal"
    ).read_bytes()
    assert b"203.0.113.9" in database


@pytest.mark.parametrize("path", ["/subscribe", "/subscribe/daily", "/confirm/x", "/unsubscribe/x"])
def test_a_body_that_is_too_large_is_refused(site: Any, path: str) -> None:
    assert site.http.post(path, content=b"x" * 16_384).status_code in {200, 404}
    assert site.http.post(path, content=b"x" * 16_385).status_code == 413
    chunks = (b"x" * 1000 for _ in range(17))
    assert site.http.post(path, content=chunks).status_code == 413


def test_pages_are_private_and_load_nothing_from_elsewhere(site: Any) -> None:
    path = reader(site)
    for answer in (
        site.http.get("/subscribe"),
        site.http.get(path),
        site.http.get(f"/unsubscribe/{token(site, Purpose.UNSUBSCRIBE)}"),
        site.http.get("/confirm/none"),
        sign_up(site, "bo@example.org"),
    ):
        assert {name: answer.headers[name] for name in PRIVATE} == PRIVATE
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; ")
        assert "script-src" not in policy
        assert "form-action 'self'" in policy
        assert "set-cookie" not in answer.headers
        assert not re.search(r"<script|\ssrc=|url\(|@import|\son\w+=", answer.text)
        assert not re.search(r'<link[^>]+rel="?stylesheet', answer.text)


def test_links_use_the_public_url_and_never_the_host_header(site: Any) -> None:
    form = Form(site.http.get("/subscribe", headers={"Host": "evil.example"}).text)
    assert form.action == "/subscribe"
    site.clock.move(seconds=3)
    data = {**form.fields, "address": "bo@example.org"}
    answer = site.http.post("/subscribe", data=data, headers={"Host": "evil.example"})
    assert "evil.example" not in answer.text
    [ask] = mails(site)
    assert b"evil.example" not in ask.as_bytes()


def test_nothing_typed_by_the_visitor_reaches_the_mail(site: Any) -> None:
    sign_up(site, "bo@example.org", name="Buy <b>now</b>", list="daily")
    [ask] = mails(site)
    assert b"Buy" not in ask.as_bytes()


def test_forms_stay_under_the_path_of_the_public_url(start: Any) -> None:
    lists = '[[lists]]\nslug = "daily"\nfrom = "news@t.example"\n'
    site = start(f'[site]\ntitle = "T"\nurl = "https://t.example/news/"\n{lists}')
    for path in ("/news/subscribe/daily", "/subscribe/daily", "/subscribe/daily/"):
        assert Form(site.http.get(path).text).action == "/news/subscribe/daily"


def test_a_failure_is_a_page_without_details_and_a_log_line_without_the_token(
    site: Any, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader(site)
    secret = token(site, Purpose.UNSUBSCRIBE)

    def fail(*_: object) -> None:
        raise RuntimeError("nothing at all")

    monkeypatch.setattr(type(site.app.store), "subscription", fail)
    with caplog.at_level(logging.INFO):
        answer = site.http.get(f"/unsubscribe/{secret}")
    assert answer.status_code == 500
    assert "Something went wrong" in answer.text
    assert "nothing" not in answer.text
    [line] = [record for record in caplog.records if record.message == "request_failed"]
    assert (line.__dict__["method"], line.__dict__["path"]) == ("GET", "/unsubscribe/…")
    ours = [record for record in caplog.records if not record.name.startswith("http")]  # httpx is the client
    assert secret not in " ".join(map(logging.Formatter().format, ours))
    assert application.mask_token(f"/news/confirm/{secret}") == "/news/confirm/…"
    assert application.mask_token(f"/account/{secret}") == "/account/…"
    assert application.mask_token(f"/news/account/erase/{secret}") == "/news/account/erase/…"


def full(*_: object, **__: object) -> None:
    raise OutputError("publisher.db", "does not fit on the disk", "free some space and run again")


def test_one_click_on_a_full_disk_is_done_once_it_is_in_the_journal(
    site: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader(site)
    leave = f"/unsubscribe/{token(site, Purpose.UNSUBSCRIBE)}"
    with monkeypatch.context() as broken:
        broken.setattr(type(site.app.store), "unsubscribe", full)
        answer = site.http.post(leave, data={"List-Unsubscribe": "One-Click"})
        assert (answer.status_code, "You are unsubscribed" in answer.text) == (200, True)
        assert state(site) is SubscriptionState.ACTIVE
    site.app.deliver()
    assert state(site) is SubscriptionState.UNSUBSCRIBED


def test_one_click_that_cannot_be_written_down_is_asked_for_again_and_logged_once(
    site: Any, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader(site)
    leave = f"/unsubscribe/{token(site, Purpose.UNSUBSCRIBE)}"
    with caplog.at_level(logging.INFO):
        with monkeypatch.context() as broken:
            broken.setattr(type(site.app.deps.adapters.journal), "append_all", full)
            for _ in range(3):
                answer = site.http.post(leave, data={"List-Unsubscribe": "One-Click"})
                assert (answer.status_code, answer.headers["retry-after"]) == (503, "300")
        assert state(site) is SubscriptionState.ACTIVE
        for _ in range(2):
            assert site.http.post(leave, data={"List-Unsubscribe": "One-Click"}).status_code == 200
    assert state(site) is SubscriptionState.UNSUBSCRIBED
    said = [record.message for record in caplog.records if record.message in ("not_served", "over")]
    assert said == ["not_served", "over"]


def test_an_error_page_that_fails_gives_way_to_the_packaged_one(site: Any) -> None:
    folder = site.app.settings.folder / "templates" / "web"
    folder.mkdir(parents=True)
    shown = '{% extends "packaged/web/error.html" %}{% block main %}{{ super() }}'
    not_of_the_sample = '{{ message.nothing.at.all if "incomplete" in message }}{% endblock %}'
    (folder / "error.html").write_text(shown + not_of_the_sample)
    answer = site.http.get("/nothing")
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("text/html")
    assert "<h1>Not found</h1>" in answer.text


def test_stopping_finishes_the_request_in_flight(site: Any) -> None:
    head = "POST /subscribe/daily HTTP/1.1\r\nHost: x\r\nContent-Length: 7\r\nConnection: close\r\n"
    site.http.get("/healthz")
    with socket.create_connection(("127.0.0.1", site.server.port), timeout=20) as line:
        line.sendall(f"{head}Expect: 100-continue\r\n\r\n".encode())
        assert line.recv(1000).startswith(b"HTTP/1.1 100 ")
        site.server.stop()
        site.http.close()
        line.sendall(b"address")
        answer = b"".join(iter(lambda: line.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.rstrip().endswith(b"</html>")
    site.thread.join(timeout=40)
    assert not site.thread.is_alive()
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", site.server.port), timeout=5)
