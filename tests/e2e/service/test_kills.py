"""kill -9 at random moments of reloads, changes of the transport and take-overs, in mid-mailing."""

import random
import signal
import sqlite3
import time
from collections import Counter
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import pytest
from smtp_server import Slow, on
from trial import Bench, Trial, write_post

KILLS = 50
NUMBER = 400
NAMES = [f"r{number:03}@example.org" for number in range(NUMBER)]


def everybody(bench: Bench) -> Counter[str]:
    """How many copies each address has, by SMTP and in the outbox."""
    return Counter({name: number for name, number in bench.copies("mid").items() if name in NAMES})


def pretend_elsewhere(bench: Bench) -> None:
    """The service that was killed looks as if another machine had it, and lived."""
    now = int(datetime.now(UTC).timestamp() * 1000)
    with closing(sqlite3.connect(bench.path(".publisher/publisher.db"), timeout=20)) as store:
        store.execute("UPDATE service SET host = 'elsewhere', heartbeat_at = ?", (now,))
        store.commit()


@pytest.mark.soak
def test_kills_while_settings_transport_and_service_change_repeat_nothing_and_lose_nothing_silently(
    bench: Any, wait_for: Any
) -> None:
    chance = random.Random(2024)  # noqa: S311  # chance, not secrets
    trial = Trial("", "", [], rules=[on("dot", Slow(0.03))])
    at_work: Bench = bench(trial)
    at_work.path("more.csv").write_text("email\n" + "\n".join(NAMES) + "\n")
    imported = ("subscribers", "import", str(at_work.path("more.csv")), "--list", "daily", "--confirmed")
    at_work.site.run(*imported)
    at_work.values["mail.relays.connections"] = 1
    at_work.write()
    write_post(at_work, "mid")
    wait_for(lambda: at_work.relay.accepted)
    for number in range(KILLS):
        at_work.values |= {"site.description": f"Number {number}"}
        if chance.random() < 0.3:
            transport = at_work.values["mail.transport"]
            at_work.values["mail.transport"] = "outbox" if transport == "smtp" else "smtp"
        at_work.write()
        until = time.monotonic() + chance.uniform(0.0, 1.2)
        wait_for(lambda until=until: time.monotonic() >= until)
        with at_work.unasked():
            assert at_work.down(signal.SIGKILL) == -signal.SIGKILL
            if number % 4 == 0:
                pretend_elsewhere(at_work)
                refused = at_work.site.run("run", code=1).stderr
                assert "on elsewhere) works on this site" in refused
                at_work.up("--take-over")
            else:
                at_work.up()
    at_work.values["mail.transport"] = "smtp"
    at_work.write()
    at_work.unknown = KILLS
    wait_for(lambda: not any(it["state"] == "ready" for it in at_work.site.json("mailings", "list")))
    [counts] = [it["counts"] for it in at_work.site.json("mailings", "list")]
    copies = everybody(at_work)
    assert max(copies.values()) == 1
    assert counts["accepted"] + counts["unknown"] == NUMBER + 3
    assert counts["unknown"] <= KILLS
    assert NUMBER - counts["unknown"] <= len(copies) <= NUMBER
    wait_for(lambda: at_work.site.json("status")["service"]["problem"] == "")
    found = at_work.service()
    wait_for(lambda: at_work.site.feed()["description"] == f"Number {KILLS - 1}")
    with closing(sqlite3.connect(at_work.path(".publisher/publisher.db"))) as store:
        [(rows,)] = store.execute("SELECT count(*) FROM service")
        [(newest,)] = store.execute("SELECT max(number) FROM settings_generations")
    assert (rows, found["alive"], found["generation"]) == (1, True, newest)
    assert at_work.failed == []
