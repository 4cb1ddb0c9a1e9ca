"""What is seen of a mailing while it goes out: events, a rate, what is left, when it ends."""

import json
from datetime import timedelta
from pathlib import Path

from click.testing import CliRunner
from mailsite import START, MailSite, readers

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
