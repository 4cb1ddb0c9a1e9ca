"""TLS that is never given up, and passwords that go nowhere else."""

import asyncio
import base64
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import declared
import pytest
from certificates import Authority
from smtp_server import Drop, Rule, Say, SmtpServer, on

from publisher.core.delivery.relays import Relay, Security
from publisher.core.mail.message import Envelope, Message, Outcome, Phase, SendVerdict
from publisher.transports.smtp import Smtp

pytestmark = pytest.mark.usefixtures("each_loop")

MESSAGE = Message(
    key="1-1",
    message_id="<a@example.com>",
    envelope=Envelope(mail_from="news@example.com", rcpt_to="ana@example.org"),
    data=b"Subject: x\r\n\r\nHello.\r\n",
)
USERS = {"ann": "pässword"}
Send = Callable[..., Outcome]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def send(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> Send:
    """One message by a relay that trusts the test's authority, as SSL_CERT_FILE makes it."""
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))

    async def work(relay: Relay) -> Outcome:
        session = await Smtp([relay]).connect()
        if isinstance(session, Outcome):
            return session
        outcome = await session.offer(MESSAGE) or await session.commit()
        await session.close()
        return outcome

    def run(server: SmtpServer, **given: object) -> Outcome:
        values = {"host": "127.0.0.1", "port": server.port} | given
        return asyncio.run(work(declared.relay(**values)))

    return run


@pytest.mark.parametrize(("security", "implicit"), [(Security.STARTTLS, False), (Security.TLS, True)])
def test_mail_and_password_go_through_tls(
    authority: Authority, send: Send, security: Security, implicit: bool
) -> None:
    with SmtpServer(tls=authority.server("127.0.0.1"), implicit=implicit, users=USERS) as server:
        outcome = send(server, security=security, username="ann", password="pässword")
        assert outcome.verdict is SendVerdict.ACCEPTED
        (taken,) = server.accepted
        assert (taken.tls, taken.user, taken.data) == (True, "ann", MESSAGE.data)


@pytest.mark.parametrize("implicit", [False, True])
@pytest.mark.parametrize(
    ("host", "expired", "why"),
    [
        ("127.0.0.1", True, "its certificate is not trusted (certificate has expired)"),
        ("127.0.0.2", False, "its certificate is not trusted (IP address mismatch"),
        ("example.org", False, "its certificate is not trusted (IP address mismatch"),
    ],
)
def test_a_certificate_that_is_not_the_host_s_gets_no_mail(
    authority: Authority, send: Send, host: str, expired: bool, why: str, implicit: bool
) -> None:
    context = authority.server(host, expired=expired)
    with SmtpServer(tls=context, implicit=implicit, users=USERS) as server:
        security = Security.TLS if implicit else Security.STARTTLS
        outcome = send(server, security=security, username="ann", password="pässword")
        assert (outcome.verdict, outcome.phase) == (SendVerdict.DEFERRED, Phase.CONNECT)
        assert why in outcome.reply
        assert server.accepted == []
        assert not any("AUTH" in command for command in server.commands)


@pytest.mark.parametrize("implicit", [False, True])
@pytest.mark.parametrize(
    ("named", "good"), [("localhost", True), ("127.0.0.1", False), ("example.org", False)]
)
def test_the_name_that_is_checked_is_the_relay_s(
    authority: Authority, send: Send, named: str, good: bool, implicit: bool
) -> None:
    with SmtpServer(tls=authority.server(named), implicit=implicit) as server:
        security = Security.TLS if implicit else Security.STARTTLS
        outcome = send(server, host="localhost", security=security)
        assert outcome.verdict is (SendVerdict.ACCEPTED if good else SendVerdict.DEFERRED)
        assert good or "its certificate is not trusted (hostname mismatch" in outcome.reply.lower()


def test_a_certificate_of_an_authority_nobody_trusts_gets_no_mail(
    authority: Authority, send: Send, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(Authority(tmp_path).file))
    with SmtpServer(tls=authority.server("127.0.0.1")) as server:
        outcome = send(server)
        assert "its certificate is not trusted (certificate signature failure)" in outcome.reply
        assert server.accepted == []


def test_a_server_without_starttls_gets_no_mail(send: Send) -> None:
    with SmtpServer(users=USERS) as server:
        outcome = send(server, username="ann", password="pässword")
        assert (outcome.verdict, outcome.phase) == (SendVerdict.DEFERRED, Phase.CONNECT)
        assert outcome.reply == (
            f"127.0.0.1:{server.port}: offers no STARTTLS, and mail.relays.security is "
            '"starttls"; mail is not sent without it'
        )
        assert server.commands == ["EHLO [127.0.0.1]"]


def test_tls_at_the_wrong_time_says_which_setting_may_be_wrong(authority: Authority, send: Send) -> None:
    with SmtpServer(tls=authority.server("127.0.0.1"), implicit=True) as server:
        outcome = send(server, timeout=timedelta(seconds=0.3))
        assert outcome.reply.endswith(
            "no answer in 0.3 s; it did not even greet: if it waits for TLS, "
            'mail.relays.security must be "tls"'
        )
    with SmtpServer() as server:
        outcome = send(server, security=Security.TLS)
        assert outcome.reply.endswith(
            'it does not begin with TLS: mail.relays.security may have to be "starttls"'
        )


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        (on("STARTTLS", Say("454 4.7.0 no TLS today")), "STARTTLS was refused: 454 4.7.0 no TLS today"),
        (on("STARTTLS", Say("220 go ahead\r\n250 slipped in")), "sent data between STARTTLS and TLS"),
        (on("STARTTLS", Say("220 go ahead\r\n250 half")), "sent data between STARTTLS and TLS"),
        (on("STARTTLS", Say(b"220 go ahead\r\nnot TLS at all\r\n")), "sent no SMTP reply"),
        (on("STARTTLS", Drop()), "closed the connection"),
        (on("EHLO", Say("250-x\r\n250 STARTTLS\r\n220 go ahead"), nth=1), "sent an unexpected reply"),
        (on("EHLO", Say("502 what?"), nth=1), "502 what?"),
        (on("EHLO", Say("451 no"), nth=2), "451 no"),
    ],
)
def test_tls_that_does_not_come_about_gets_no_mail(
    authority: Authority, send: Send, rule: Rule, why: str
) -> None:
    with SmtpServer(rule, tls=authority.server("127.0.0.1")) as server:
        outcome = send(server)
        assert (outcome.verdict, outcome.phase) == (SendVerdict.DEFERRED, Phase.CONNECT)
        assert why in outcome.reply
        assert not any("MAIL" in command for command in server.commands)


def test_a_server_that_stops_talking_in_the_middle_of_tls_gets_no_mail(
    authority: Authority, send: Send
) -> None:
    rule = on("STARTTLS", Say("220 go ahead", close=True))
    with SmtpServer(rule, tls=authority.server("127.0.0.1")) as server:
        outcome = send(server)
        assert (outcome.verdict, outcome.phase) == (SendVerdict.DEFERRED, Phase.CONNECT)


def test_what_was_offered_before_tls_counts_no_more(authority: Authority, send: Send) -> None:
    """EHLO is said again after TLS; extensions only the first answer had are not used."""
    with SmtpServer(
        on("EHLO", Say("250-x\r\n250 SIZE 99"), nth=2), tls=authority.server("127.0.0.1")
    ) as server:
        assert send(server).verdict is SendVerdict.ACCEPTED
        assert [c for c in server.commands if c.startswith(("EHLO", "MAIL"))][1:] == [
            "EHLO [127.0.0.1]",
            "MAIL FROM:<news@example.com> SIZE=22",
        ]


@pytest.mark.parametrize(("logins", "first"), [("PLAIN LOGIN", "AUTH PLAIN"), ("LOGIN", "AUTH LOGIN")])
def test_the_login_is_one_the_server_offers(send: Send, logins: str, first: str) -> None:
    with SmtpServer(users=USERS, logins=logins) as server:
        outcome = send(server, security=Security.NONE, username="ann", password="pässword")
        assert outcome.verdict is SendVerdict.ACCEPTED
        assert server.accepted[0].user == "ann"
        assert server.commands[1].startswith(first)


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"logins": "CRAM-MD5"}, "offers CRAM-MD5; Publisher knows PLAIN and LOGIN"),
        (
            {"users": {"ann": "another"}},
            "the login was refused (check username and password in mail.relays): 535 5.7.8 no",
        ),
        ({"users": None}, "offers no login; Publisher knows PLAIN and LOGIN"),
    ],
)
def test_a_login_that_fails_is_nobody_s_rejection(send: Send, given: dict[str, object], why: str) -> None:
    values = {"users": USERS} | given
    with SmtpServer(**values) as server:  # type: ignore[arg-type]  # the tests' own values
        outcome = send(server, security=Security.NONE, username="ann", password="pässword")
        assert (outcome.verdict, outcome.phase) == (SendVerdict.DEFERRED, Phase.CONNECT)
        assert why in outcome.reply


def test_a_password_that_a_server_repeats_is_not_told_on(send: Send) -> None:
    word = base64.b64encode("\0ann\0pässword".encode()).decode()
    for echo in ("pässword", word, base64.b64encode("pässword".encode()).decode()):
        rule = on("AUTH", Say(f"535 5.7.8 bad: {echo}"))
        with SmtpServer(rule, users=USERS) as server:
            outcome = send(server, security=Security.NONE, username="ann", password="pässword")
            assert outcome.reply.startswith(f"127.0.0.1:{server.port}: the login was refused (check username")
            assert outcome.reply.endswith("): 535 5.7.8 bad: …")


def test_a_relay_is_shown_without_its_password() -> None:
    account = declared.relay(host="mail.example.org", port=587, username="ann", password="pässword")
    assert "pässword" not in repr(account)
