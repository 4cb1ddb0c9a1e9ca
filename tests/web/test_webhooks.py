"""POST /hooks/PROVIDER on a real server over a real site: only the right request acts, and once."""

import base64
import json
import re
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from mailsite import MailSite, readers
from provided import (
    CERTIFICATE,
    EVENTS,
    SECRET,
    TOPIC,
    Told,
    keys,
    labeled,
    mailgun,
    postmark,
    request_of,
    secret_of,
    ses_bounce,
    sns_message,
)
from smtp_server import SmtpServer

from publisher.app import App
from publisher.app.webhooks import Webhooks, confirm_subscription
from publisher.core.delivery.bounces import ReportKind
from publisher.core.delivery.mailing import DeliveryState
from publisher.core.delivery.relays import MailProvider
from publisher.core.delivery.webhooks.events import WebhookOutcome, WebhookRequest
from publisher.core.errors import OutputError, Refused
from publisher.core.tokens import opaque_id
from publisher.ports.adapters import HttpReply
from publisher.services.subscribers.departures import erase, export_data, key_of
from publisher.services.subscribers.signup import allow
from publisher.web.pages import webhooks
from publisher.web.server import Server

HOOKS = "[mail.bounces.webhooks]\n" + "".join(
    f'{name.value} = {{topic = "{TOPIC}"}}\n'
    if name is MailProvider.SES
    else f'{name.value} = {{secret_file = "{name.value}.key"}}\n'
    for name in MailProvider
)


@dataclass
class Amazon:
    """Amazon SNS, as far as it is asked: certificates, and confirmations."""

    replies: dict[str, HttpReply] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def get_once(self, url: str, largest: int) -> HttpReply:
        self.asked.append(url)
        return self.replies.get(url, HttpReply(url, 404, "", "404 Not Found"))


@dataclass
class Hooked:
    """A site whose mailing 1 was delivered, served."""

    site: MailSite
    app: App
    http: httpx.Client
    amazon: Amazon

    def id(self, n: int, mailing: int = 1) -> str:
        return f"{mailing}.{n}.{opaque_id(self.app.ring, mailing, n)}"

    def post(self, provider: MailProvider, told: Told, n: int, **how: str) -> int:
        body, headers = request_of(provider, labeled(told, self.id(n)), self.site.now, **how)  # type: ignore[arg-type]
        return self.send(provider, body, headers)

    def send(self, provider: MailProvider, body: bytes, headers: dict[str, str]) -> int:
        return self.http.post(f"/hooks/{provider.value}", content=body, headers=headers).status_code

    def blocks(self, n: int) -> list[str]:
        key = key_of(self.app.ring, f"reader{n:03}@example.org")
        return [kind for _, kind, _ in self.app.store.suppressions_of(key)]

    def nothing_happened(self) -> bool:
        counted = self.app.store.count_reports(self.site.now - timedelta(days=1))
        return not counted and not any(self.blocks(n + 1) for n in range(len(self.site.addresses)))


Hook = Callable[..., Hooked]


@pytest.fixture
def hook(tmp_path: Path) -> Iterator[Hook]:
    stops: list[Callable[[], None]] = []

    def begin(number: int = 20, mail: str = HOOKS, secrets: dict[MailProvider, str] | None = None) -> Hooked:
        site = MailSite(tmp_path / "site", readers(number), mail=mail)
        for provider in MailProvider:
            (site.folder / f"{provider.value}.key").write_text(
                (secrets or {}).get(provider, secret_of(provider))
            )
        site.deliver()
        app = site.app()
        pem = keys("right").certificate.decode()
        amazon = Amazon({CERTIFICATE: HttpReply(CERTIFICATE, 200, pem, "200 OK")})
        app.deps = replace(app.deps, adapters=replace(app.deps.adapters, http_client=lambda: amazon))
        server = Server(app, "127.0.0.1:0")
        thread = threading.Thread(target=server.serve, daemon=True)
        thread.start()
        http = httpx.Client(base_url=server.url, trust_env=False, timeout=20)

        def stop() -> None:
            http.close()
            server.stop()
            thread.join(timeout=40)
            app.close()

        stops.append(stop)
        return Hooked(site, app, http, amazon)

    yield begin
    for stop in stops:
        stop()


def test_only_the_right_request_acts_and_only_once(hook: Hook) -> None:
    site = hook()
    for number, (provider, cases) in enumerate(EVENTS.items(), 1):
        told = cases[0][0]  # a hard bounce
        assert site.post(provider, told, number, secret="wrong-" * 8, by="wrong") in (401, 403)
        assert site.nothing_happened() or number > 1
        assert site.blocks(number) == []
        assert site.post(provider, told, number) == 200
        assert site.blocks(number) == ["bounce"], provider  # at once, by the provider's own word
        allow(site.app.deps, f"reader{number:03}@example.org", site.site.now)
        assert site.post(provider, told, number) == 200  # it comes again, and is known
        assert site.blocks(number) == [], provider
        complaint = next(told for told, kind, *_ in cases if kind is ReportKind.COMPLAINT)
        n = number + 5
        assert site.post(provider, complaint, n, nonce="2") == 200
        assert site.blocks(n) == ["complaint"], provider
    journal = [
        json.loads(line) for line in (site.site.folder / ".publisher/journal").read_text().splitlines()
    ]
    assert [one.get("kind") for one in journal].count("bounce") == len(MailProvider)
    data = export_data(site.app.deps, "reader004@example.org")
    assert [(one["kind"], one["provider"]) for one in data["reports"]] == [("bounce", "postmark")]
    assert "no such user" in data["reports"][0]["message"]
    erase(site.app.deps, "reader004@example.org", site.site.now)
    kept = {one.n for one in site.app.store.reports_of(key_of(site.app.ring, "reader004@example.org"))}
    assert not kept
    assert site.post(MailProvider.POSTMARK, EVENTS[MailProvider.POSTMARK][1][0], 4) == 200
    assert not site.app.store.reports_of(key_of(site.app.ring, "reader004@example.org"))


def test_mail_of_others_old_requests_other_topics_and_other_tokens_change_nothing(hook: Hook) -> None:
    site = hook(3)
    now = site.site.now
    for provider, cases in EVENTS.items():
        for id in ("1.1.0123456789abcdef", ""):  # other mail of the same account, or of another site
            body, headers = request_of(provider, labeled(cases[0][0], id), now, nonce=f"foreign{id}")
            assert site.send(provider, body, headers) == 200
    for provider in (MailProvider.SES, MailProvider.MAILGUN, MailProvider.SENDGRID):
        body, headers = request_of(
            provider, labeled(EVENTS[provider][0][0], site.id(1)), now - timedelta(days=2)
        )
        assert site.send(provider, body, headers) == 406
    message = json.dumps(labeled(EVENTS[MailProvider.SES][0][0], site.id(1)))
    other = sns_message(message, now, TopicArn=TOPIC.replace("123456789012", "999999999999"))
    assert site.send(MailProvider.SES, json.dumps(other).encode(), {}) == 403
    assert site.amazon.asked == [CERTIFICATE]  # once for all, and never for a stranger
    quiet = labeled(mailgun("delivered"), site.id(1))
    body, _ = request_of(MailProvider.MAILGUN, quiet, now, nonce="once")
    assert site.send(MailProvider.MAILGUN, body, {}) == 200
    forged = json.loads(body) | {"event-data": labeled(EVENTS[MailProvider.MAILGUN][0][0], site.id(1))}
    assert (
        site.send(MailProvider.MAILGUN, json.dumps(forged).encode(), {}) == 406
    )  # the HMAC says nothing of it
    assert site.send(MailProvider.MAILGUN, body, {}) == 200
    assert site.nothing_happened()
    site.app.store.forget_webhooks(now + timedelta(days=3))
    site.http.get("/readyz")


def test_what_is_huge_slow_malformed_or_beside_the_point_is_refused(
    hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks, "BODY_TIMEOUT", 0.2)
    monkeypatch.setattr(webhooks, "OF_NETWORK", 2)
    site = hook(3)
    basic = request_of(MailProvider.POSTMARK, {}, site.site.now)[1]
    huge = b'{"x": "' + b"x" * 2**20 + b'"}'
    assert [site.send(provider, huge, basic) for provider in MailProvider] == [413] * 5
    for body in (b"", b"[", b"[" * 100_000, b"\xff", b"{}", b"[]", b"null"):
        statuses = [site.send(provider, body, basic) for provider in MailProvider]
        assert set(statuses) <= {200, 400, 403}, (body, statuses)
        assert 200 not in statuses
    told = labeled(EVENTS[MailProvider.POSTMARK][0][0], site.id(1))
    asked = site.http.post(f"/hooks/postmark?token={SECRET}", json=told)
    assert asked.status_code == 400
    with_both = site.http.post(f"/hooks/postmark?token={SECRET}", json=told, headers=basic)
    assert with_both.status_code == 400
    assert site.http.post("/hooks/postmark", json=told).headers["www-authenticate"].startswith("Basic")
    assert site.http.get("/hooks/postmark").status_code == 405
    for path in ("/hooks/gmail", "/hooks/", "/hooks", "/hooks/postmark/x"):
        assert site.http.post(path, json=told, headers=basic).status_code == 404, path
    host, port = str(site.http.base_url.host), site.http.base_url.port or 0
    lines = [f"{name}: {value}" for name, value in basic.items()]
    head = "\r\n".join(["POST /hooks/postmark HTTP/1.1", "Host: x", "Content-Length: 50", *lines, "", "{"])
    slow = [socket.create_connection((host, port)) for _ in range(2)]
    for one in slow:
        one.sendall(head.encode())
    assert {one.recv(20) for one in slow} == {b"HTTP/1.1 408 Request"}
    for one in slow:
        one.close()
    assert site.nothing_happened()
    assert site.post(MailProvider.POSTMARK, EVENTS[MailProvider.POSTMARK][0][0], 1) == 200
    assert site.blocks(1) == ["bounce"]


def test_requests_at_once_are_limited_before_anything_is_read(
    hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks, "MOST_AT_ONCE", 3)
    site = hook(3)
    host, port = str(site.http.base_url.host), site.http.base_url.port or 0
    head = b"POST /hooks/mailgun HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\n{"
    held = [socket.create_connection((host, port)) for _ in range(6)]
    for one in held:
        one.sendall(head)
        one.settimeout(20)
    busy = 0
    while busy < 3:  # three wait for the rest, and three are told to come later
        for one in held:
            one.setblocking(False)
            try:
                busy += one.recv(12) == b"HTTP/1.1 503"
            except BlockingIOError:
                continue
    told = request_of(MailProvider.MAILGUN, labeled(mailgun("delivered"), site.id(1)), site.site.now)
    assert site.send(MailProvider.MAILGUN, *told) == 503
    for one in held:
        one.close()
    while site.send(MailProvider.MAILGUN, *told) == 503:
        pass
    assert site.send(MailProvider.MAILGUN, *told) == 200


def test_a_provider_that_calls_very_many_bounces_hard_is_asked_about(hook: Hook) -> None:
    site = hook(40)
    for n in range(1, 31):
        told = postmark("Bounce", Type="HardBounce", ID=n, Details="smtp;550 5.1.1 no such user")
        assert site.post(MailProvider.POSTMARK, told, n) == 200
    gone = [n for n in range(1, 31) if site.blocks(n)]
    assert gone == list(range(1, 20))  # then it is a fifth of all, and more than twenty
    asked = site.app.status()["bounces"]["to_decide"]
    assert [one["mailing"] for one in asked] == [1]
    from publisher.core.delivery.mailing import RefusalRuling
    from publisher.services.delivery.returned_mail import rule_on_refusals

    rule_on_refusals(site.app.deps, 1, RefusalRuling.COUNT, site.site.now)
    assert all(site.blocks(n) == ["bounce"] for n in range(1, 31))  # one is still enough
    assert site.blocks(31) == []


def test_a_delivered_event_settles_a_row_in_doubt_and_a_soft_one_counts_softly(hook: Hook) -> None:
    site = hook(3)
    store = site.app.store
    mailing = store.mailing(1)
    assert mailing is not None
    with store._db.write() as connection:  # type: ignore[attr-defined]  # as a line that died leaves it
        connection.exec_driver_sql("UPDATE deliveries SET state = 'unknown' WHERE n IN (1, 2)")
    assert site.post(MailProvider.SENDGRID, EVENTS[MailProvider.SENDGRID][10][0], 1) == 200
    assert (
        site.post(MailProvider.SES, ses_bounce("Transient", "MailboxFull", "smtp; 552 5.2.2 full"), 2) == 200
    )
    states = [store.reported_delivery(1, n) for n in (1, 2)]
    assert [one.state for one in states if one] == [DeliveryState.ACCEPTED, DeliveryState.REJECTED]
    assert site.blocks(2) == []
    data = export_data(site.app.deps, "reader002@example.org")
    assert [one["severity"] for one in data["refusals"]] == ["soft"]


def test_amazons_subscription_is_confirmed_by_command_at_its_own_host_alone(hook: Hook) -> None:
    site = hook(1)
    with pytest.raises(Refused):
        confirm_subscription(site.app)
    asked = sns_message(
        "You have chosen", site.site.now, kind="SubscriptionConfirmation", Token="t 0", SubscribeURL="https://evil.example/"
    )  # fmt: skip
    assert site.send(MailProvider.SES, json.dumps(asked).encode(), {}) == 200
    assert any("bounce --confirm" in one["text"] for one in site.app.status()["problems"])
    with pytest.raises(OutputError):
        confirm_subscription(site.app)
    [_, url] = site.amazon.asked
    assert url.startswith(
        "https://sns.eu-central-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn=arn%3A"
    )
    assert url.endswith("&Token=t%200")
    site.amazon.replies[url] = HttpReply(url, 200, "<ConfirmSubscriptionResponse>", "200 OK")
    assert confirm_subscription(site.app) == TOPIC
    assert not any("--confirm" in one["text"] for one in site.app.status()["problems"])
    with pytest.raises(Refused):
        confirm_subscription(site.app)


def test_a_certificate_that_cannot_be_had_makes_amazon_come_again(hook: Hook) -> None:
    site = hook(1)
    told = EVENTS[MailProvider.SES][0][0]
    site.amazon.replies = {}
    assert [site.post(MailProvider.SES, told, 1) for _ in range(8)] == [503] * 8
    assert len(site.amazon.asked) == 5
    assert site.nothing_happened()


def test_a_weak_or_missing_secret_is_told_and_nothing_is_heard(hook: Hook) -> None:
    site = hook(
        1, secrets={MailProvider.POSTMARK: "hunter2", MailProvider.BREVO: "", MailProvider.SENDGRID: "no key"}
    )
    basic = base64.b64encode(b"x:hunter2").decode()
    told = labeled(EVENTS[MailProvider.POSTMARK][0][0], site.id(1))
    body = json.dumps(told).encode()
    assert site.send(MailProvider.POSTMARK, body, {"Authorization": f"Basic {basic}"}) == 503
    assert site.send(MailProvider.BREVO, body, {"Authorization": "Bearer x"}) == 503
    assert site.post(MailProvider.SENDGRID, EVENTS[MailProvider.SENDGRID][0][0], 1) == 503
    assert site.nothing_happened()


def test_status_tells_how_much_came(hook: Hook) -> None:
    from publisher.cli.site import bounces_in_words

    site = hook(3)
    told = EVENTS[MailProvider.POSTMARK][0][0]
    site.post(MailProvider.POSTMARK, told, 1)
    site.post(MailProvider.POSTMARK, told, 1, secret="wrong-" * 8)
    body, headers = request_of(MailProvider.POSTMARK, labeled(told, "none"), site.site.now)
    site.send(MailProvider.POSTMARK, body, headers)
    while not site.app.status()["bounces"]["webhooks"]:
        pass
    rows = site.app.status()["bounces"]
    assert rows["webhooks"] == [{"provider": "postmark", "read": 1, "foreign": 1, "refused": 1}]
    lines = list(bounces_in_words(rows))
    assert lines[1] == "webhook of postmark: 1 event in 7 days, 1 about other mail, 1 request refused"


def test_the_label_of_a_message_names_its_delivery_when_it_comes_back(tmp_path: Path) -> None:
    for provider in (MailProvider.MAILGUN, MailProvider.SENDGRID, MailProvider.POSTMARK, MailProvider.BREVO):
        with SmtpServer() as smtp:
            relay = f'provider = "{provider.value}"\n'
            folder = tmp_path / provider.value
            site = MailSite(folder, readers(2), port=smtp.port, mail=HOOKS, relay=relay)
            (folder / f"{provider.value}.key").write_text(secret_of(provider))
            site.deliver()
            taken = next(one for one in smtp.accepted if one.rcpt_to == "reader002@example.org")
        header = taken.data.partition(b"\r\n")[0].partition(b": ")[2].decode()
        id = re.search(r"\d+\.\d+\.[0-9a-f]{16}", header)
        assert id is not None
        assert f"Message-ID: <{id[0]}@".encode() in taken.data
        app = site.app()
        body, headers = request_of(provider, labeled(EVENTS[provider][0][0], id[0]), site.now)
        lower = {name.lower(): value for name, value in headers.items()}
        outcomes = Webhooks(app).receive(provider, WebhookRequest(body=body, headers=lower))
        assert outcomes == {WebhookOutcome.READ: 1}
        key = key_of(app.ring, "reader002@example.org")
        assert [kind for _, kind, _ in app.store.suppressions_of(key)] == ["bounce"]
        app.close()


class Killed(BaseException):
    """The process died."""


KILLS = {
    "Bounce": (("bounce:recorded", "suppress:journaled", "bounces:suppressed"), "bounce", "active"),
    "SpamComplaint": (
        ("suppress:journaled", "suppress:committed", "bounce:recorded"),
        "complaint",
        "unsubscribed",
    ),
    "SubscriptionChange": (("leave:journaled", "leave:committed", "bounce:recorded"), "left", "unsubscribed"),
}
"""RecordType -> the steps on the way, and what has become of the reader in the end."""


def test_killed_at_any_step_the_event_that_comes_again_does_the_rest(hook: Hook) -> None:
    site = hook(40)
    usual, n = site.app.deps, 0
    left = {"SuppressSending": True, "SuppressionReason": "ManualSuppression"}
    for record, (steps, block, state) in KILLS.items():
        for step in steps:
            n += 1
            more = {"Bounce": {"Type": "HardBounce"}, "SubscriptionChange": left}.get(record, {})
            told = labeled(postmark(record, ID=n, Details="smtp;550 5.1.1 no user", **more), site.id(n))
            body, headers = request_of(MailProvider.POSTMARK, told, site.site.now)
            lower = {name.lower(): value for name, value in headers.items()}
            request = WebhookRequest(body=body, headers=lower)

            def die(reached: str, at: str = step) -> None:
                if reached == at:
                    raise Killed

            site.app.deps = replace(usual, process=replace(usual.process, failpoint=die))
            with pytest.raises(Killed):
                Webhooks(site.app).receive(MailProvider.POSTMARK, request)
            site.app.deps = usual
            Webhooks(site.app).receive(MailProvider.POSTMARK, request)
            data = export_data(usual, f"reader{n:03}@example.org")
            assert (site.blocks(n), data["subscriptions"][0]["state"]) == ([block], state), (record, step)
            assert len(data["reports"]) == 1
