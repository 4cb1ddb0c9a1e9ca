"""mail.retention: the ledger of long ago is folded, nobody is mailed again for it, and nothing is forgotten
that decides who is.
"""

import signal
import threading
from collections import Counter
from datetime import timedelta
from pathlib import Path

from click.testing import CliRunner
from killing import Runner
from mailsite import MailSite, readers
from smtp_server import SmtpServer

from publisher.app import backup
from publisher.cli import publisher
from publisher.core.delivery.mailing import DeliveryState
from publisher.ticker import Ticker

TEN = readers(10)
KEEP = 'retention = "30d"'


def _rows(site: MailSite) -> int:
    app = site.app()
    with app.store._db.read() as connection:  # type: ignore[attr-defined]  # what no door shows
        number: int = connection.exec_driver_sql("SELECT count(*) FROM deliveries").scalar_one()
    app.close()
    return number


def _fold(site: MailSite) -> int:
    app = site.app()
    folded = app.archive_deliveries()
    app.close()
    return folded


def _publish(site: MailSite) -> None:
    app = site.app()
    app.publish()
    app.deliver()
    app.close()


def test_nobody_is_mailed_again_for_what_was_folded(tmp_path: Path) -> None:
    with SmtpServer() as server:
        site = MailSite(tmp_path / "site", TEN, port=server.port, mail=KEEP, batch=3)
        site.deliver()
        assert (_fold(site), _rows(site)) == (0, 10)
        site.now += timedelta(days=31)
        assert (_fold(site), _rows(site)) == (10, 0)
        for _ in range(3):
            _publish(site)
            site.now += timedelta(days=1)
        assert Counter(message.rcpt_to for message in server.accepted) == Counter(TEN)
        site.post("later.md")
        site.deliver()
        assert Counter(message.rcpt_to for message in server.accepted) == Counter(TEN * 2)
        assert all(b"later.md" in message.data for message in server.accepted[10:])
        assert (site.counts(1), site.counts(2)) == ({"accepted": 10}, {"accepted": 10})


def test_a_copy_of_a_folded_store_is_reconciled_and_sends_nothing_again(tmp_path: Path) -> None:
    with SmtpServer() as server:
        site = MailSite(tmp_path / "site", TEN, port=server.port, mail=KEEP)
        site.deliver()
        site.now += timedelta(days=31)
        assert _fold(site) == 10
        app = site.app()
        backup.save(app, tmp_path / "backup.tar")
        app.close()
        site.post("second.md")
        site.deliver()
        sent = Counter(message.rcpt_to for message in server.accepted)
        app = site.app()
        backup.restore(app, tmp_path / "backup.tar")
        app.close()
        app = site.app()
        backup.reconcile_store(app, dry_run=False)
        app.close()
        _publish(site)
        assert Counter(message.rcpt_to for message in server.accepted) == sent == Counter(TEN * 2)
        assert site.counts(1) == {"accepted": 10}


def test_a_command_folds_what_is_old_and_says_so(tmp_path: Path) -> None:
    site = MailSite(tmp_path / "site", TEN, mail=KEEP)
    site.deliver()
    at = (site.now + timedelta(days=31)).isoformat()
    result = CliRunner().invoke(publisher, ["deliver", "--at", at, "--site", str(site.folder)])
    assert result.exit_code == 0
    assert "folded: 10 deliveries older than mail.retention" in result.stderr
    assert _rows(site) == 0
    shown = CliRunner().invoke(publisher, ["status", "--at", at, "--site", str(site.folder)])
    assert "deliveries  10 accepted" in shown.stdout


def test_the_scheduler_folds_and_stops_when_it_is_asked_to(tmp_path: Path) -> None:
    site = MailSite(tmp_path / "site", TEN, mail=KEEP)
    site.deliver()
    site.now += timedelta(days=31)
    app = site.app()
    Ticker(app).archive()
    app.close()
    assert (_rows(site), site.counts()) == (0, {"accepted": 10})


def test_forever_keeps_everything(tmp_path: Path) -> None:
    site = MailSite(tmp_path / "site", TEN, mail='retention = "forever"')
    site.deliver()
    site.now += timedelta(days=36_000)
    assert (_fold(site), _rows(site)) == (0, 10)


def _large(site: MailSite) -> None:
    """As if all had been sent a month ago."""
    app = site.app()
    with app.store._db.write() as connection:  # type: ignore[attr-defined]  # what no door does at once
        connection.exec_driver_sql("UPDATE deliveries SET state = 'accepted', reply = '250 ok'")
        connection.exec_driver_sql("UPDATE mailings SET state = 'done'")
        over = "UPDATE batches SET state = 'done', queued = 0, accepted = hi - lo + 1, settled_at = next_at"
        connection.exec_driver_sql(over)
    app.close()
    site.now += timedelta(days=31)


def test_others_write_while_a_large_ledger_is_folded(tmp_path: Path) -> None:
    """Between two parts the writer is free."""
    site = MailSite(tmp_path / "site", readers(5_000), mail=KEEP, batch=100)
    _large(site)
    app, other = site.app(), site.app()
    written = parts = 0
    going = threading.Event()

    def write() -> None:
        nonlocal written
        while not going.is_set():
            other.store.set_meta("seen", str(written))
            written += 1

    def pause(seconds: float) -> bool:
        nonlocal parts
        parts += 1
        before = written
        while written == before:
            going.wait(max(seconds, 0.001))
        return False

    thread = threading.Thread(target=write)
    thread.start()
    try:
        assert app.archive_deliveries(pause=pause) == 5_000
    finally:
        going.set()
        thread.join()
    app.close()
    other.close()
    assert parts >= 3
    assert site.mailing().counts == {DeliveryState.ACCEPTED: 5_000}


def test_a_kill_while_it_folds_leaves_each_part_whole_or_as_it_was(tmp_path: Path) -> None:
    site = MailSite(tmp_path / "site", readers(5_000), mail=KEEP, batch=100)
    _large(site)
    kills = 0
    with Runner() as runner:
        runner.fold(site.folder, site.now - timedelta(days=20), 30.0)  # it begins with nothing to do
        for n in range(1, 60):  # the first kills come before the first part is through, however fast it goes
            code = runner.fold(site.folder, site.now, 0.004 * n)["code"]
            assert code in (0, -signal.SIGKILL)
            app = site.app()
            with app.store._db.read() as connection:  # type: ignore[attr-defined]  # what no door shows
                left = connection.exec_driver_sql("SELECT count(*) FROM deliveries").scalar_one()
                got = connection.exec_driver_sql("SELECT count(*) FROM receipts").scalar_one()
            app.close()
            assert left + got == 5_000
            assert site.mailing().counts == {DeliveryState.ACCEPTED: 5_000}
            kills += code != 0
            if not left:
                break
        assert kills, "every run was through before its kill"
        assert runner.fold(site.folder, site.now, 600.0)["code"] == 0  # on a busy machine none was through
    app = site.app()
    with app.store._db.read() as connection:  # type: ignore[attr-defined]  # what no door shows
        assert connection.exec_driver_sql("SELECT count(*) FROM deliveries").scalar_one() == 0
    app.close()
