"""What is seen of a mailing while it goes out: events, a rate, what is left, when it ends."""

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

from click.testing import CliRunner
from mailsite import START, MailSite, readers
from smtp_server import Say, SmtpServer, on, unused_port

from publisher.cli import publisher
from publisher.core.delivery.holds import MailingCommand


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
    seen: list[dict[str, Any]] = []
    sent = 0

    def stopping() -> bool:
        return sent >= 20

    def progress(_: object) -> None:
        nonlocal sent
        sent += 1
        if sent == 20:
            site.now += timedelta(minutes=1)
            seen.extend(app.status()["sending"])

    app.deliver(stopping=stopping, progress=progress)
    app.close()
    [going] = seen
    done = going["planned"] - going["left"]
    assert 10 <= done < 60
    assert going["per_second"] == round(done / 60, 2)
    assert going["ends_at"] == site.now + timedelta(seconds=going["left"] / (done / 60))
    app = site.app()
    [resting] = app.status()["sending"]
    done = resting["planned"] - resting["left"]
    assert 20 <= done < 60
    assert (resting["per_second"], resting["ends_at"]) == (0.0, None), "nothing is being sent"
    app.store.apply_command(1, MailingCommand.PAUSE, site.now)
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
    why += "2020-10-06 09:01 UTC; `publisher mailings resume 1` tries at once"
    assert f"\nsending     mailing 1 of daily: 0 of 30, {why}\n" in out


def test_status_tells_where_nothing_is_tried_for_a_while_and_why(tmp_path: Path) -> None:
    with SmtpServer(on("RCPT", Say("452 4.3.1 full"))) as server:
        site = MailSite(tmp_path / "site", readers(30), port=server.port)
        site.deliver()
    out, _ = run(site, "status", "--at", site.now.isoformat())
    assert "\nstopped     example.org until 2020-10-06 09:01 UTC: 452 4.3.1 full\n" in out
    out, _ = run(site, "status", "--at", (site.now + timedelta(minutes=1)).isoformat())
    assert "stopped" not in out, "it may be tried again"


def test_status_shows_every_time_by_the_clock_of_the_site_and_json_in_utc(tmp_path: Path) -> None:
    with SmtpServer(on("RCPT", Say("452 4.3.1 full"))) as server:
        site = MailSite(tmp_path / "site", readers(30), port=server.port)
        site.deliver()
    file = site.folder / "publisher.toml"
    file.write_text(
        re.sub(
            r"(?m)^timezone = .*\n|(?<=^\[site\]\n)", 'timezone = "Asia/Tokyo"\n', file.read_text(), count=1
        )
    )
    out, _ = run(site, "status", "--at", site.now.isoformat())
    assert "\nnow         2020-10-06 18:00 JST, the time in Asia/Tokyo\n" in out
    assert "\nstopped     example.org until 2020-10-06 18:01 JST: 452 4.3.1 full\n" in out
    assert "UTC" not in out
    assert out.count("Asia/Tokyo") == 1
    shown = json.loads(run(site, "status", "--at", site.now.isoformat(), "--json")[0])
    assert (shown["now"], shown["stopped"][0]["until"]) == ("2020-10-06T09:00:00Z", "2020-10-06T09:01:00Z")


def test_what_waits_for_its_next_attempt_says_until_when_and_shows_no_rate(tmp_path: Path) -> None:
    rules = [on("RCPT", Say("452 4.2.2 mailbox full"), recipient="reader003@example.org")]
    with SmtpServer(*rules) as server:
        site = MailSite(tmp_path / "site", readers(30), port=server.port)
        site.deliver()
    [waiting] = site.app().status()["sending"]
    again = site.now + timedelta(minutes=1)
    assert (waiting["left"], waiting["per_second"], waiting["waits_until"]) == (1, 0.0, again)
    out, _ = run(site, "status", "--at", site.now.isoformat())
    assert "\nsending     mailing 1 of daily: 29 of 30, waits until 2020-10-06 09:01 UTC\n" in out
