"""Leases are renewed while a server is slow: a run that lives is never taken for dead."""

import threading
import time
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from mailsite import MailSite, readers
from smtp_server import Hold, SmtpServer, on

from publisher.services.delivery import deliver, worker
from publisher.services.delivery.outcomes import DeliveryStats
from publisher.transports.smtp import transport

SHORT = timedelta(seconds=0.6)


def until(done: Callable[[], bool]) -> None:
    """Returns when that is so; a test that waits in vain fails."""
    end = time.monotonic() + 30
    while not done():
        assert time.monotonic() < end, "in vain"
        threading.Event().wait(0.01)


def leased_until(site: MailSite) -> list[datetime]:
    app = site.app()
    with app.store._db.read() as connection:  # type: ignore[attr-defined]  # what no door shows
        rows = connection.exec_driver_sql("SELECT lease_until FROM batches WHERE state = 'leased'").all()
    app.close()
    return [datetime.fromtimestamp(row[0] / 1000, tz=site.now.tzinfo) for row in rows]


def test_a_lease_is_longer_than_a_server_may_take_and_renewed_in_time() -> None:
    """RFC 5321 4.5.3.2.6: ten minutes for the answer to the final dot. A third of the lease may have gone."""
    assert timedelta(minutes=15) == worker.LEASE
    assert timedelta(seconds=transport.ANSWER) <= worker.LEASE * 2 / 3


def test_a_run_that_waits_for_longer_than_its_lease_keeps_it_and_nothing_is_sent_by_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "LEASE", SHORT)
    slow = Hold()
    with SmtpServer(on("dot", slow, nth=2)) as server:
        site = MailSite(tmp_path / "site", readers(6), port=server.port, relay="connections = 1")
        tallies: list[DeliveryStats] = []
        run = threading.Thread(target=lambda: tallies.append(site.deliver()))
        run.start()
        assert slow.reached.wait(30)
        begun = site.now
        for _ in range(4):
            site.now += SHORT * 0.9
            until(lambda: all(lease > site.now for lease in leased_until(site)))
        assert site.now - begun > 3 * SHORT
        other = site.app()
        assert deliver.recover(other.deps, site.now, alone=False) == 0
        assert deliver.deliver(other.deps).total == 0, "every batch is the first run's"
        other.close()
        slow.go.set()
        run.join()
        assert [tally.accepted for tally in tallies] == [6]
        assert Counter(message.rcpt_to for message in server.accepted) == Counter(site.addresses)
        assert site.counts() == {"accepted": 6}


def test_a_run_whose_lease_ends_is_taken_for_dead_and_its_late_answer_counts(tmp_path: Path) -> None:
    """The same without renewing: it shows that the test above can fail."""
    slow = Hold()
    with SmtpServer(on("dot", slow, nth=2)) as server:
        site = MailSite(tmp_path / "site", readers(6), port=server.port, relay="connections = 1")
        run = threading.Thread(target=site.deliver)
        run.start()
        assert slow.reached.wait(30)
        site.now += worker.LEASE + timedelta(minutes=1)
        other = site.app()
        assert deliver.recover(other.deps, site.now, alone=False) == 1
        other.close()
        slow.go.set()
        run.join()
        assert site.counts().get("unknown", 0) == 0, "the late answer settled it"
        site.deliver()  # what was taken from the run and is queued again
        assert Counter(message.rcpt_to for message in server.accepted) == Counter(site.addresses)
        assert site.counts() == {"accepted": 6}
