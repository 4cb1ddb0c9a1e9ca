"""More deliveries in doubt than are held at a time: each is asked about, none is passed over."""

import re
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from mailsite import MailSite, readers
from smtp_server import Drop, SmtpServer, on
from stores import mark_sending

from publisher.core.delivery.mailing import MailingKind, Route, Transition, TransitionCause
from publisher.core.errors import OutputError
from publisher.services.delivery.deliver import PART
from publisher.services.subscribers import signup
from publisher.stores.sql.store import SqlStore

MANY = 2 * PART + 300


def _in_doubt(site: MailSite, route: Route | None = None) -> None:
    """A run made every intent durable, and died."""
    app = site.app()
    while batch := app.store.claim_batch("dead", site.now, site.now):
        rows = [(row.mailing, row.n) for row in app.store.claimed_deliveries(batch)]
        assert mark_sending(app.store, "dead", rows, site.now, route) == set(rows)
    app.close()


def test_the_outbox_is_asked_about_each(tmp_path: Path) -> None:
    site = MailSite(tmp_path / "site", readers(MANY))
    _in_doubt(site, Route("outbox"))
    outbox = site.folder / "outbox"
    outbox.mkdir()
    there = [outbox / f"000001-{n:08}.eml" for n in range(1, MANY + 1, 3)]
    for file in there:
        file.write_bytes(b"as it was written")
    assert site.deliver().accepted == MANY - len(there)
    assert site.counts() == {"accepted": MANY}
    assert len(list(outbox.iterdir())) == MANY
    assert {file.read_bytes() for file in there} == {b"as it was written"}


def test_what_an_older_version_sent_is_accepted_where_the_outbox_has_it_and_else_in_doubt(
    tmp_path: Path,
) -> None:
    site = MailSite(tmp_path / "site", readers(3))
    _in_doubt(site)
    (site.folder / "outbox").mkdir()
    (site.folder / "outbox/000001-00000002.eml").write_bytes(b"as it was written")
    assert site.deliver().total == 0
    assert site.counts() == {"accepted": 1, "unknown": 2}


def test_a_server_cannot_be_asked_and_nothing_is_sent_again(tmp_path: Path) -> None:
    with SmtpServer() as server:
        site = MailSite(tmp_path / "site", readers(MANY), port=server.port)
        _in_doubt(site)
        app = site.app()
        tally, unknown = app.deliver()
        app.close()
        assert (tally.total, unknown) == (0, MANY)
        assert server.accepted == []
    assert site.counts() == {"unknown": MANY}


def test_a_run_that_cannot_record_its_last_outcome_fails_and_it_is_in_doubt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No connection waits for that outcome, so the run itself must notice."""
    record = SqlStore.record_transitions

    def full(self: SqlStore, transitions: Sequence[Transition], now: datetime, *, run: str = "") -> Any:
        if any(one.cause is TransitionCause.ACCEPT for one in transitions):
            raise OutputError("publisher.db", "does not fit on the disk", "free some space and run again")
        return record(self, transitions, now, run=run)

    with SmtpServer() as server:
        site = MailSite(tmp_path / "site", readers(1), port=server.port)
        with monkeypatch.context() as patched:
            patched.setattr(SqlStore, "record_transitions", full)
            with pytest.raises(OutputError, match="does not fit on the disk"):
                site.deliver()
        assert len(server.accepted) == 1
        assert site.deliver().total == 0
        assert site.counts() == {"unknown": 1}


def test_what_one_person_waits_for_is_sent_twice_at_most_and_then_in_doubt(tmp_path: Path) -> None:
    """The line dies with each answer: nobody can tell whether the confirmation arrived."""
    with SmtpServer(on("taken", Drop())) as server:
        site = MailSite(tmp_path / "site", [], port=server.port)
        app = site.app()
        signup.sign_up(app.deps, [app.settings.lists[0]], "ann@example.org", "", site.now)
        app.close()
        sent = [(site.deliver(minutes=60).unknown, len(server.accepted)) for _ in range(4)]
        assert sent == [(1, 1), (1, 2), (0, 2), (0, 2)]
        app = site.app()
        [mailing] = app.store.mailings()
        [doubt] = app.store.unknown_deliveries(mailing.id, limit=9)
        app.close()
        assert (mailing.kind, doubt.address, doubt.attempts) == (MailingKind.CONFIRM, "ann@example.org", 2)
        first, second = (re.search(rb"(?m)^Message-ID: (.*)\r$", one.data) for one in server.accepted)
        assert first
        assert second
        assert first[1] == second[1]
