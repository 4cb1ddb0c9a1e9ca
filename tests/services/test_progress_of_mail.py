"""What is seen of a mailing while it goes out: events, a rate, what is left, when it ends."""

import json
from datetime import timedelta
from pathlib import Path

from click.testing import CliRunner
from mailsite import START, MailSite, readers
from smtp_server import Say, SmtpServer, on, unused_port

from publisher.cli import publisher
from publisher.core.holds import Order


def run(site: MailSite, *args: str) -> tuple[str, str]:
    result = CliRunner().invoke(publisher, [*args, "--site", str(site.folder)])
    if result.exception:
        raise result.exception
    return result.stdout, result.stderr


def test_json_events_tell_how_far_it_is(tmp_path: Path) -> None:
    site = MailSite(tmp_path / "site", readers(250))
    out, err = run(site, "deliver", "--json", "--at", START.isoformat())
    assert json.loads(out)["accepted"] == 250
    events = [json.loads(line) for line in err.splitlines() if line.startswith("{")]
    assert [event["done"] for event in events] == [100, 200]
    assert all(event["of"] == 250 and event["per_second"] > 0 for event in events)


def test_status_tells_rate_remaining_and_estimated_end(tmp_path: Path) -> None:
    site = MailSite(tmp_path / "site", readers(60), batch=20)
    app = site.app()
    sent = 0

    def stopping() -> bool:
        return sent >= 20

    def progress(_: object) -> None:
        nonlocal sent
        sent += 1

    app.deliver(stopping=stopping, progress=progress)
    app.close()
    site.now += timedelta(minutes=1)
    app = site.app()
    [going] = app.status()["sending"]
    done = going["planned"] - going["left"]
    assert 20 <= done < 60
    assert going["per_second"] == round(done / 60, 2)
    assert going["ends_at"] == site.now + timedelta(seconds=going["left"] / (done / 60))
    app.store.order(1, Order.PAUSE, site.now)
    [held] = app.status()["sending"]
    assert (held["hold"], held["ends_at"]) == ("operator", None)
    app.close()
    out, _ = run(site, "status")
    assert f"sending     mailing 1 of daily: {done} of 60, held (operator)" in out
    shown = json.loads(run(site, "status", "--json")[0])
    assert shown["sending"][0]["left"] == 60 - done


def test_status_counts_mailings_and_not_readers(tmp_path: Path) -> None:
    site = MailSite(tmp_path / "site", readers(30))
    assert "\nmailings    1 all, 1 under way\n" in run(site, "status")[0]


def test_status_tells_why_a_mailing_is_held(tmp_path: Path) -> None:
    with unused_port() as port:
        site = MailSite(tmp_path / "site", readers(30), port=port)
        site.deliver()
        out, _ = run(site, "status", "--at", site.now.isoformat())
    why = f"held (server): 127.0.0.1:{port}: connection refused; goes on by itself at "
    why += "2020-10-06 09:01:00 UTC; `publisher mailings resume 1` tries at once"
    assert f"\nsending     mailing 1 of daily: 0 of 30, {why}\n" in out


def test_status_tells_where_nothing_is_tried_for_a_while_and_why(tmp_path: Path) -> None:
    with SmtpServer(on("RCPT", Say("452 4.3.1 full"))) as server:
        site = MailSite(tmp_path / "site", readers(30), port=server.port)
        site.deliver()
    out, _ = run(site, "status", "--at", site.now.isoformat())
    assert "\nstopped     example.org until 2020-10-06 09:01:00 UTC: 452 4.3.1 full\n" in out
    out, _ = run(site, "status", "--at", (site.now + timedelta(minutes=1)).isoformat())
    assert "stopped" not in out, "it may be tried again"


def test_the_estimated_end_is_not_before_the_last_may_go(tmp_path: Path) -> None:
    rules = [on("RCPT", Say("452 4.2.2 mailbox full"), recipient="reader003@example.org")]
    with SmtpServer(*rules) as server:
        site = MailSite(tmp_path / "site", readers(30), port=server.port)
        site.deliver()
    [going] = site.app().status()["sending"]
    assert (going["left"], going["ends_at"]) == (1, site.now + timedelta(minutes=1))
