"""How often anybody is asked to confirm, whoever types their address; and what requests at once come to."""

import asyncio
import re
import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from email.message import EmailMessage
from typing import Any

import httpx
import pytest
from signing_up import Form, confirm_path, mails, reader, sign_up, state, text, token

from publisher.core import errors
from publisher.core.addresses import parse_address
from publisher.core.subscribers.subscription import SubscriptionState
from publisher.core.tokens import Purpose, mailbox_key
from publisher.services.subscribers import departures, subscribe
from publisher.services.subscribers import signup as services_signup
from publisher.web.pages import signup
from publisher.web.rate_limits import RefusalLog

TOML = """
[site]
title = "The Harbour"
url = "https://harbour.example/"
id_authority = "harbour.example,2024"

[[lists]]
slug = "daily"
title = "The Harbour, daily"
from = "The Harbour <news@harbour.example>"

[web]
public_url = "https://readers.example/"
"""


def test_too_many_sign_ups_from_one_network_wait_20_seconds(
    site: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signup, "RESPONSE_INTERVAL", 0.001)
    for n in range(30):
        assert "Check your inbox" in sign_up(site, f"r{n}@gmail.com", wait=2).text
        site.clock.move(seconds=-2)
    form = Form(site.http.get("/subscribe/daily").text)
    site.clock.move(seconds=2)
    data = {**form.fields, "address": "bo@example.org"}
    answer = site.http.post(form.action, data=data)
    assert "Check your inbox" not in site.http.post(form.action, data=data).text  # nor where it is sent twice
    assert answer.status_code == 200
    assert "Please wait 20 seconds" in answer.text
    assert "Check your inbox" not in answer.text
    button = Form(answer.text)
    site.clock.move(seconds=19, milliseconds=999)
    early = site.http.post(button.action, data=button.fields)
    assert "That was too soon" in early.text
    assert Form(early.text).fields["token"] == button.fields["token"]
    assert state(site) is None
    site.clock.move(milliseconds=1)
    assert "Check your inbox" in site.http.post(button.action, data=button.fields).text
    assert state(site) is SubscriptionState.PENDING
    site.clock.move(hours=1)
    late = site.http.post(button.action, data=button.fields)
    assert 'name="address"' in late.text
    assert "Check your inbox" not in late.text


def test_others_sign_up_while_one_network_waits(start: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signup, "RESPONSE_INTERVAL", 0.001)
    site = start()
    for n in range(31):
        sign_up(site, f"r{n}@gmail.com")
        site.clock.move(seconds=-3)
    assert "Please wait" in sign_up(site, "bo@example.org").text
    form = Form(site.http.get("/subscribe/daily").text)
    site.clock.move(seconds=3)
    data = {**form.fields, "address": "bo@example.org"}
    answer = site.http.post(form.action, data=data, headers={"X-Forwarded-For": "203.0.113.9"})
    assert "Check your inbox" in answer.text
    assert state(site) is SubscriptionState.PENDING


def test_only_proxies_that_settings_name_are_believed(start: Any) -> None:
    site = start(f"{TOML}trusted_proxies = []\n")
    form = Form(site.http.get("/subscribe/daily").text)
    site.clock.move(seconds=3)
    data = {**form.fields, "address": "bo@example.org"}
    site.http.post("/subscribe/daily", data=data, headers={"X-Forwarded-For": "203.0.113.9"})
    [found] = site.app.store.subscriptions("daily", None)
    assert site.app.store.consent_of(found.id)["origin"] == "127.0.0.1"


def test_a_form_works_once_and_comes_back_with_a_fresh_token(site: Any) -> None:
    form = Form(site.http.get("/subscribe/daily").text)
    site.clock.move(seconds=3)
    wrong = Form(site.http.post(form.action, data={**form.fields, "address": "bo"}).text)
    assert wrong.fields["token"] != form.fields["token"]
    site.clock.move(seconds=3)
    data = {**wrong.fields, "address": "bo@example.org"}
    first, again = site.http.post(form.action, data=data), site.http.post(form.action, data=data)
    assert first.text == again.text
    assert "Check your inbox" in first.text
    other = site.http.post(form.action, data={**data, "address": "eve@example.org"})
    assert Form(other.text).fields["token"] not in {form.fields["token"], wrong.fields["token"]}
    assert (state(site), state(site, "eve@example.org")) == (SubscriptionState.PENDING, None)
    assert len(mails(site)) == 1


@pytest.mark.parametrize(
    "address",
    [
        "root@localhost",
        "a@b.localhost",
        "news@harbour.example",
        "News+x@harbour.example",
        "troll@example.org",
        "t.r.o.l.l+1@gmail.com",
        "x@spam.example",
        "x@deep.spam.example",
    ],
)
def test_blocked_addresses_cannot_be_signed_up(start: Any, address: str) -> None:
    blocked = '"troll@example.org", "troll@googlemail.com", "Spam.example"'
    site = start(f"{TOML}blocked = [{blocked}]\n")
    answer = sign_up(site, address)
    assert answer.status_code == 400
    assert "This address cannot be signed up here. Please use another one." in answer.text
    assert "Check your inbox" in sign_up(site, "x@notspam.example").text
    assert [mail["To"] for mail in mails(site)] == ["x@notspam.example"]


THREE = TOML.replace(
    "[web]",
    "".join(
        f'[[lists]]\nslug = "{slug}"\ntitle = "{slug.title()}"\nfrom = "news@harbour.example"\n\n'
        for slug in ("weekly", "monthly")
    )
    + "[web]",
)


def test_one_mail_asks_about_all_lists_that_were_ticked(start: Any) -> None:
    site = start(THREE)
    form = Form(site.http.get("/subscribe").text)
    site.clock.move(seconds=3)
    data = {**form.fields, "address": "bo@example.org", "list": ["daily", "monthly"]}
    site.http.post(form.action, data=data)
    [ask] = mails(site)
    assert ask["Subject"] == "Please confirm your subscription to The Harbour, daily, Monthly"
    page = site.http.get(confirm_path(ask))
    assert "The Harbour, daily, Monthly" in page.text
    assert "The Harbour, daily, Monthly" in site.http.post(confirm_path(ask)).text
    states = {s.list: s.state for s in site.app.store.subscriptions(None, None)}
    assert states == {"daily": SubscriptionState.ACTIVE, "monthly": SubscriptionState.ACTIVE}


def test_a_confirmation_confirms_nothing_that_its_mail_did_not_ask_about(start: Any) -> None:
    site = start(THREE)
    for slug in ("daily", "weekly"):
        form = Form(site.http.get(f"/subscribe/{slug}").text)
        site.clock.move(seconds=3)
        site.http.post(form.action, data={**form.fields, "address": "bo@example.org"})
    first, _ = mails(site)
    site.http.post(confirm_path(first))
    states = {s.list: s.state for s in site.app.store.subscriptions(None, None)}
    assert states == {"daily": SubscriptionState.ACTIVE, "weekly": SubscriptionState.PENDING}


def test_a_mailbox_is_asked_three_times_however_it_is_spelled(start: Any) -> None:
    site = start(THREE)
    spellings = [
        "bo.x@gmail.com",
        "b.ox@gmail.com",
        "BOX+1@gmail.com",
        "b.o.x@googlemail.com",
        "box@gmail.com",
    ]
    for address in spellings:
        assert "Check your inbox" in sign_up(site, address).text
    assert len(mails(site)) == 3
    assert len(list(site.app.store.subscriptions(None, None))) == 3  # and nothing else is kept
    for _ in range(2):
        site.clock.move(days=30)
        site.app.housekeeping()
        for address in spellings:
            sign_up(site, address)
        mails(site)
    assert len(mails(site)) == 5


def test_a_domain_is_asked_twenty_times_an_hour(site: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signup, "RESPONSE_INTERVAL", 0.001)
    for n in range(22):
        sign_up(site, f"r{n}@village.example")
        sign_up(site, f"r{n}@gmail.com")
        site.clock.move(seconds=60)
    to = [mail["To"].partition("@")[2] for mail in mails(site)]
    assert (to.count("village.example"), to.count("gmail.com")) == (20, 22)
    site.clock.move(hours=1)
    sign_up(site, "late@village.example")
    assert mails(site)[-1]["To"] == "late@village.example"


def never_path(mail: EmailMessage) -> str:
    found = re.search(r"https://readers\.example(/never-ask/[\w-]+)", text(mail))
    assert found is not None
    html = mail.get_body(("html",))
    assert html is not None
    assert found[1] in html.get_content()
    return found[1]


def test_whoever_did_not_sign_up_is_never_asked_again(site: Any) -> None:
    sign_up(site, "b.o+x@gmail.com")
    [ask] = mails(site)
    path = never_path(ask)
    for _ in range(2):
        page = site.http.get(path)
        assert "Never ask this address again?" in page.text
        assert state(site, "b.o+x@gmail.com") is SubscriptionState.PENDING
    for _ in range(2):
        assert "We won't ask again" in site.http.post(path).text
    assert list(site.app.store.subscriptions(None, None)) == []
    assert site.http.post(confirm_path(ask)).status_code == 404
    site.clock.move(days=400)
    site.app.housekeeping()
    answer = sign_up(site, "bo@gmail.com")
    assert "Check your inbox" in answer.text
    assert len(mails(site)) == 1
    with pytest.raises(
        errors.Refused, match="wants no more confirmation mails; `publisher subscribers allow"
    ):
        subscribe.add(
            site.app.deps, site.app.deps.rules.lists[0], "bo@gmail.com", site.clock.now, confirmed=False
        )
    kept = departures.export_data(site.app.deps, "BO@googlemail.com")["confirmation_mails"]
    assert kept["never_again_since"] is not None
    departures.erase(site.app.deps, "bo@gmail.com", site.clock.now)
    sign_up(site, "bo@gmail.com")
    assert len(mails(site)) == 1
    assert services_signup.allow(site.app.deps, "bo@gmail.com", site.clock.now) == ["never ask again"]
    sign_up(site, "bo@gmail.com")
    assert mails(site)[-1]["To"] == "bo@gmail.com"


def test_never_ask_again_leaves_what_its_owner_reads(start: Any) -> None:
    site = start(THREE)
    reader(site)
    form = Form(site.http.get("/subscribe/weekly").text)
    site.clock.move(seconds=3)
    site.http.post(form.action, data={**form.fields, "address": "bo@example.org"})
    site.http.post(never_path(mails(site)[-1]))
    assert [(s.list, s.state) for s in site.app.store.subscriptions(None, None)] == [
        ("daily", SubscriptionState.ACTIVE)
    ]


def test_every_bad_token_to_never_ask_again_gets_404(site: Any) -> None:
    sign_up(site, "bo@example.org")
    for each in (token(site, Purpose.CONFIRM), token(site, Purpose.UNSUBSCRIBE), "x"):
        assert site.http.get(f"/never-ask/{each}").status_code == 404
        assert site.http.post(f"/never-ask/{each}").status_code == 404
    assert state(site) is SubscriptionState.PENDING


def test_what_was_counted_is_forgotten_a_year_after_the_last_attempt(site: Any) -> None:
    sign_up(site, "bo@example.org")
    mailbox = mailbox_key(parse_address("bo@example.org"), site.app.ring)
    site.app.real = site.app.clock  # nothing is forgotten early because of --at
    site.clock.move(days=365)
    site.app.housekeeping()
    assert site.app.store.confirmation_history(mailbox) is not None
    site.clock.move(minutes=1)
    site.app.housekeeping()
    assert site.app.store.confirmation_history(mailbox) is None


def test_erasing_forgets_how_often_a_mailbox_was_asked(site: Any) -> None:
    reader(site)
    departures.erase(site.app.deps, "bo@example.org", site.clock.now)
    assert departures.export_data(site.app.deps, "bo@example.org")["confirmation_mails"] is None


def test_an_operator_asks_again_as_often_as_they_like(site: Any) -> None:
    sign_up(site, "bo@example.org")
    for _ in range(4):
        [spec] = services_signup.resend_confirmation(site.app.deps, "bo@example.org", None, site.clock.now)
        assert spec.slug == "daily"
    assert len(mails(site)) == 5
    assert services_signup.resend_confirmation(site.app.deps, "eve@example.org", None, site.clock.now) == []
    site.clock.move(minutes=15)
    sign_up(site, "bo@example.org")
    assert len(mails(site)) == 6


def at_once(site: Any, path: str, times: int) -> list[httpx.Response]:
    """POSTs `path` over as many connections, as nearly at once as they go."""

    def post(_: int) -> httpx.Response:
        return httpx.post(f"{site.server.url}{path}", timeout=60, trust_env=False)

    with ThreadPoolExecutor(times) as pool:
        return list(pool.map(post, range(times)))


def test_thirty_confirmations_at_once_bring_one_welcome(start: Any) -> None:
    site = start(TOML.replace("[web]", 'welcome = "latest"\n\n[web]'))
    site.app.publish()
    sign_up(site, "bo@example.org")
    [ask] = mails(site)
    answers = at_once(site, confirm_path(ask), 30)
    assert {answer.status_code for answer in answers} == {200}
    assert len(mails(site)) == 2


def test_sign_ups_at_once_bring_one_mail(site: Any) -> None:
    forms_ = [Form(site.http.get("/subscribe/daily").text) for _ in range(8)]
    site.clock.move(seconds=3)

    def post(form: Form) -> str:
        data = {**form.fields, "address": "bo@example.org"}
        return httpx.post(f"{site.server.url}{form.action}", data=data, timeout=60, trust_env=False).text

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(post, forms_))) == 1
    assert len(mails(site)) == 1


def test_the_33rd_connection_of_a_network_is_told_so_and_others_are_served(site: Any) -> None:
    address = ("127.0.0.1", site.server.port)
    asks = b"GET /healthz HTTP/1.1\r\nHost: x\r\n%s\r\n"
    with ExitStack() as stack:
        lines = [stack.enter_context(socket.create_connection(address, timeout=20)) for _ in range(33)]
        said = []
        for line in lines:
            line.sendall(asks % b"")
            said.append(line.recv(4096).split(b" ")[1])
        assert said == [b"200"] * 32 + [b"503"]
        proxied = stack.enter_context(socket.create_connection(address, timeout=20))
        proxied.sendall(asks % b"X-Forwarded-For: 203.0.113.9\r\n")
        assert proxied.recv(4096).startswith(b"HTTP/1.1 200 ")


def test_the_trap_answers_as_slowly_as_the_form(site: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    slept, evenly = asyncio.sleep, signup.pad_response_time

    async def sleep(seconds: float) -> None:
        waited.append(seconds)
        await slept(min(seconds, 0.05))

    async def even(work: Any) -> None:
        waited.append(signup.RESPONSE_INTERVAL)
        await evenly(work)

    forms = [Form(site.http.get("/subscribe/daily").text) for _ in range(2)]
    monkeypatch.setattr(asyncio, "sleep", sleep)
    monkeypatch.setattr(signup, "pad_response_time", even)
    for form, website in zip(forms, ("", "https://spam.example"), strict=True):
        waited.clear()
        data = {**form.fields, "address": f"bo{len(website)}@example.org", "website": website}
        assert "Check your inbox" in site.http.post(form.action, data=data).text
        assert {2.0, signup.RESPONSE_INTERVAL} <= {*waited}
    assert [s.address for s in site.app.store.subscriptions(None, None)] == ["bo0@example.org"]


def refusals(site: Any, caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    return [record.__dict__ for record in caplog.records if record.message == "requests_refused"]


def test_what_is_refused_is_logged_once_a_minute_and_a_flood_is_a_problem_until_it_is_over(
    site: Any, caplog: pytest.LogCaptureFixture
) -> None:
    site.stop()  # its own log would speak too
    refused = RefusalLog(site.app)
    problems = lambda: [text for area, _, text in site.app.store.problems() if area == "web"]  # noqa: E731
    site.app.store.set_problems("web", ["of a process before"], site.clock.now)
    for _ in range(3):
        refused.count("queries_too_long")
    refused.report()
    assert problems() == []
    for _ in range(30):
        refused.count("bodies_too_large")
        refused.report()
    assert len(refusals(site, caplog)) == 1
    assert problems() == [
        "a flood of requests: 30 refused (30 bodies too large); subscribers elsewhere are served"
    ]
    site.clock.move(minutes=1)
    refused.count("queries_too_long")
    refused.report()
    said = [
        (r["number"], r.get("queries_too_long"), r.get("bodies_too_large")) for r in refusals(site, caplog)
    ]
    assert said == [(3, 3, None), (31, 1, 30)]
    site.clock.move(minutes=9, seconds=59)
    refused.report()
    assert len(problems()) == 1
    site.clock.move(seconds=1)
    refused.report()
    assert problems() == []
    refused.count("queries_too_long")
    refused.report(last=True)
    assert len(refusals(site, caplog)) == 3
