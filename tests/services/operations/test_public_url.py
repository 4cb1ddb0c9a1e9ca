"""Links in mails lead here: who answers at web.public_url is asked before mail is planned."""

import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from mailsite import TOML, MailSite
from servers import Answer as Http
from servers import Asked, Server
from smtp_server import SmtpServer

from publisher.app import App
from publisher.cli import publisher
from publisher.core.tokens import KeyRing, SiteIdentity, is_challenge, prove_site, verifies_proof
from publisher.ticker import Ticker
from publisher.web.server import Server as Publisher

ANN = "ann@example.org"
RING = KeyRing(current=2, keys={1: b"one", 2: b"two"})


@pytest.fixture
def relay() -> Iterator[SmtpServer]:
    with SmtpServer() as server:
        yield server


@pytest.fixture
def site(tmp_path: Path, relay: SmtpServer) -> MailSite:
    """A site that sends by SMTP, at the address of a test; its first digest has gone out."""
    site = MailSite(tmp_path / "site", [ANN], port=relay.port)
    site.deliver()
    return site


def move(site: MailSite, url: str) -> None:
    """The site's public address is another."""
    file = site.folder / "publisher.toml"
    text = file.read_text().partition("[web]")[0]
    file.write_text(f'{text}[web]\npublic_url = "{url}"\nlisten = "127.0.0.1:0"\n')


def publish(site: MailSite, *args: str) -> Result:
    """A new post, and the real command; a link to this machine is dead elsewhere, and here that is meant."""
    site.now += timedelta(days=1)
    name = f"post{site.now:%j}.md"
    text = f"---\ntitle: {name}\ndate: {site.now:%Y-%m-%d}\n---\nWords of {name}.\n"
    (site.folder / "posts" / name).write_text(text, encoding="utf-8")
    return again(site, *args)


def again(site: MailSite, *args: str) -> Result:
    local = ["--force", "link", "--force", "headers"]  # an address of this machine is no address of a site
    command = ["publish", *local, *args, "--at", site.now.isoformat(), "--site", str(site.folder)]
    result = CliRunner().invoke(publisher, command)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def sent(relay: SmtpServer) -> int:
    return len(relay.accepted)


def asked(server: Server) -> list[str]:
    return [one.path.partition("?")[0] for one in server.asked]


def ours(site: MailSite) -> Any:
    """What the site's own server says, however it is reached."""
    app = site.app()
    ring = app.ring
    app.close()

    def answer(request: Asked) -> Http:
        challenge = request.path.partition("challenge=")[2]
        return Http(200, f"alive\n{prove_site(challenge, ring)}\n".encode())

    return answer


def elsewhere(_: Asked) -> Http:
    return Http(404, b"<h1>The blog knows no such page</h1>")


def test_the_site_s_own_server_is_asked_once_a_day_and_mail_goes(site: MailSite, relay: SmtpServer) -> None:
    with Server(ours(site)) as server:
        move(site, server.url)
        assert publish(site).exit_code == 0
        (site.folder / "posts" / "extra.md").write_text("---\ntitle: Extra\ndate: 2020-10-07\n---\nMore.\n")
        site.now += timedelta(hours=20)
        assert again(site, "--send", "daily").exit_code == 0
        assert asked(server) == ["/healthz"]
        site.now += timedelta(hours=4)
        publish(site)
        assert asked(server) == ["/healthz"] * 2
        assert sent(relay) == 4
        app = site.app()
        assert app.status()["public_url"]["answer"] is SiteIdentity.OURS
        app.close()


def test_the_real_server_proves_it(site: MailSite, relay: SmtpServer) -> None:
    app = site.app()
    server = Publisher(app, "127.0.0.1:0")
    serving = threading.Thread(target=server.serve)
    serving.start()
    try:
        move(site, f"http://127.0.0.1:{server.port}/")
        done = publish(site)
        assert (done.exit_code, sent(relay)) == (0, 2), done.stderr
        assert "warning: web.public_url" not in done.stderr
    finally:
        server.stop()
        serving.join()
        app.close()


@pytest.mark.parametrize(
    "answer",
    [
        elsewhere,
        lambda _: Http(200, b"alive\n"),
        lambda _: Http(200, b"alive\n" + b"0" * 32 + b"\n"),
        lambda _: Http(200, b"<html>" + b"x" * 100_000),
        lambda _: Http(403, b"go away"),
        lambda _: Http(204),
    ],
)
def test_another_site_s_answer_holds_the_mailing_and_says_why(
    site: MailSite, relay: SmtpServer, answer: Any
) -> None:
    with Server(answer) as server:
        move(site, server.url)
        done = publish(site)
        assert done.exit_code == 1
        held = "publisher: web.public_url: no mail is sent, for its links would be dead: another"
        who = "Publisher" if answer(Asked("GET", "/", {}, {})).body.startswith(b"alive") else "site"
        assert f"{held} {who} answers at {server.url}" in done.stderr
        way_on = "set it to where this Publisher is reached, or `publisher publish --force public-url`"
        assert way_on in done.stderr
        assert sent(relay) == 1
        app = site.app()
        status = app.status()
        app.close()
        assert status["public_url"]["answer"] is SiteIdentity.OTHER
        assert any("would be dead" in problem["text"] for problem in status["problems"])
        forced = again(site, "--force", "public-url")
        assert (forced.exit_code, sent(relay)) == (0, 2)
        assert f"warning: web.public_url: another {who} answers" in forced.stderr


def test_run_holds_it_too_asks_at_each_tick_and_logs_it_once(
    site: MailSite, relay: SmtpServer, caplog: pytest.LogCaptureFixture
) -> None:
    with Server(elsewhere) as server:
        move(site, server.url)
        site.now += timedelta(days=1)
        text = f"---\ntitle: New\ndate: {site.now:%Y-%m-%d}\n---\nWords.\n"
        (site.folder / "posts" / "new-one.md").write_text(text, encoding="utf-8")
        app = site.app()
        ticker = Ticker(app)
        ticker.publish()
        ticker.publish()
        assert asked(server) == ["/healthz"] * 2
        app.deliver()
        app.close()
    reasons = [vars(record)["reason"] for record in caplog.records if record.message == "mail_not_sent"]
    assert len(reasons) == 1
    assert "web.public_url: no mail is sent, for its links would be dead" in reasons[0]
    assert sent(relay) == 1


def test_as_soon_as_it_is_mended_what_was_held_goes_once(site: MailSite, relay: SmtpServer) -> None:
    at: list[Any] = [elsewhere]
    with Server(lambda request: at[0](request)) as server:
        move(site, server.url)
        publish(site)
        assert sent(relay) == 1
        at[0] = ours(site)
        assert again(site).exit_code == 0
        assert again(site).exit_code == 0
    assert sent(relay) == 2
    move(site, "http://127.0.0.1:9/")  # another address is asked, however fresh the answer of the one before
    assert "warning: web.public_url: nobody answers at http://127.0.0.1:9/" in publish(site).stderr


def test_an_answer_that_was_recorded_proves_nothing(site: MailSite, relay: SmtpServer) -> None:
    app = site.app()
    recorded = f"alive\n{prove_site('', app.ring)}\n{prove_site('aaaa', app.ring)}\n".encode()
    app.close()
    with Server(lambda _: Http(200, recorded)) as server:
        move(site, server.url)
        assert publish(site).exit_code == 1
    assert sent(relay) == 1


@pytest.mark.parametrize("status", [0, 429, 500, 502, 503, 521])
def test_no_answer_is_a_warning_only(site: MailSite, relay: SmtpServer, status: int) -> None:
    with Server(lambda _: Http(status, b"busy")) as server:
        move(site, server.url if status else "http://127.0.0.1:9/")
        done = publish(site)
        assert (done.exit_code, sent(relay)) == (0, 2)
        assert "warning: web.public_url: nobody answers at http://127.0.0.1:" in done.stderr
        app = site.app()
        assert app.status()["public_url"]["answer"] is SiteIdentity.NONE
        assert [p["area"] for p in app.status()["problems"]] == ["public url"]
        app.close()


def test_a_redirect_to_this_site_is_named_because_one_click_unsubscribes_follow_none(
    site: MailSite, relay: SmtpServer
) -> None:
    with Server(ours(site)) as target:
        location = {"Location": f"{target.url}healthz"}

        def moved(request: Asked) -> Http:
            challenge = request.path.partition("?")[2]
            return Http(301, b"", {"Location": f"{location['Location']}?{challenge}"})

        with Server(moved) as server:
            move(site, server.url)
            done = publish(site)
    assert (done.exit_code, sent(relay)) == (0, 2)
    assert (
        f"{server.url} redirects to {target.url}, and one-click unsubscribes do not follow redirects"
        in done.stderr
    )


@pytest.mark.parametrize("host", ["harbour.example", "example.org", "news.example.com", "a.test"])
def test_a_name_for_examples_is_asked_nothing_and_mail_goes_with_a_warning(
    site: MailSite, relay: SmtpServer, host: str
) -> None:
    move(site, f"https://{host}/")
    done = publish(site)
    assert (done.exit_code, sent(relay)) == (0, 2)
    assert f"nobody answers at https://{host}/ ({host} is reserved for examples" in done.stderr


def test_nothing_is_asked_where_nobody_is_mailed_or_mail_goes_to_the_outbox(
    site: MailSite, tmp_path: Path
) -> None:
    with Server(elsewhere) as server:
        move(site, server.url)
        assert again(site).exit_code == 0
        outbox = MailSite(tmp_path / "outbox", [ANN])
        move(outbox, server.url)
        assert publish(outbox).exit_code == 0
        assert asked(server) == []


def test_several_lists_ask_once_and_say_it_once(site: MailSite, relay: SmtpServer) -> None:
    file = site.folder / "publisher.toml"
    more = TOML.partition("[[lists]]")[2].replace('"daily"', '"second"', 1)
    file.write_text(f"{file.read_text()}[[lists]]{more}")
    app = site.app()
    from publisher.services.subscribers.import_csv import import_readers

    list(import_readers(app.deps, app.settings.lists[1], [(1, ANN)], site.now, confirmed=True))
    app.close()
    with Server(elsewhere) as server:
        move(site, server.url)
        done = publish(site)
        assert asked(server) == ["/healthz"]
        assert done.stderr.count("no mail is sent") == 1


def test_check_says_that_the_address_is_not_set(site: MailSite, tmp_path: Path) -> None:
    def found(one: MailSite) -> list[str]:
        app: App = one.app()
        reasons = [finding.reason for finding in app.check().findings if "web.public_url" in finding.reason]
        app.close()
        return reasons

    assert found(site) == [
        "web.public_url is not set, so links in mails lead to site.url (https://harbour.example/); set it to "
        "where this Publisher is reached, also where that is the same"
    ]
    assert found(MailSite(tmp_path / "outbox", [ANN])) == []
    move(site, "https://harbour.example/")
    assert found(site) == []


def test_status_of_the_command_line_shows_who_answered(site: MailSite) -> None:
    with Server(elsewhere) as server:
        move(site, server.url)
        publish(site)
        said = CliRunner().invoke(publisher, ["status", "--site", str(site.folder)]).stdout
        assert f"public url  {server.url}: another site answered at " in said
        told = json.loads(
            CliRunner().invoke(publisher, ["status", "--json", "--site", str(site.folder)]).stdout
        )
        assert told["public_url"]["url"] == server.url


def test_a_proof_is_of_one_challenge_and_of_one_site_s_keys() -> None:
    said = f"alive\n{prove_site('abc', RING)}\n"
    assert verifies_proof(said, "abc", RING)
    assert verifies_proof(said.replace("\n", "\r\n"), "abc", RING)
    assert verifies_proof(said, "abc", KeyRing(current=1, keys={1: b"one"})), "before the key was rotated"
    assert not verifies_proof(said, "abd", RING)
    assert not verifies_proof(said, "abc", KeyRing(current=1, keys={1: b"another"}))
    assert not verifies_proof("alive\n", "abc", RING)
    assert len({prove_site(text, RING) for text in ("", "a", "b")}) == 3


@pytest.mark.parametrize(
    ("text", "fits"), [("a" * 64, True), ("a" * 65, False), ("", False), ("a\n", False), ("é", False)]
)
def test_a_challenge_is_short_and_plain(text: str, fits: bool) -> None:
    assert is_challenge(text) == fits
