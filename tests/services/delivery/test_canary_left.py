"""A sample's answers decide about the rest, also when nobody was there to hear the last of them."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from killing import Runner
from mailsite import MailSite, readers
from smtp_server import Act, Moment, Say, SmtpServer, on
from stores import mark_sending

from publisher.core.delivery.holds import MailingCommand
from publisher.core.delivery.mailing import MailingHold, MailingState, Transition, TransitionCause

CANARY = 'canary = {share = "10%", limit = "20%", over = 100}'


@pytest.fixture(scope="module")
def runner() -> Iterator[Runner]:
    with Runner() as runner:
        yield runner


def _answered(site: MailSite, cause: TransitionCause) -> int:
    """All of the sample, by a run that is gone before it could say what comes of it; how many they were."""
    app, number = site.app(), 0
    while batch := app.store.claim_batch("dead", site.now, site.now + timedelta(minutes=1)):
        assert batch.canary
        rows = [(row.mailing, row.n) for row in app.store.claimed_deliveries(batch)]
        mark_sending(app.store, "dead", rows, site.now)
        answers = [Transition(mailing=m, n=n, cause=cause) for m, n in rows]
        app.store.record_transitions(answers, site.now, run="dead")
        number += len(rows)
    app.close()
    return number


def test_the_rest_follows_a_sample_whose_run_died_with_its_last_answer(tmp_path: Path) -> None:
    site = MailSite(tmp_path / "site", readers(300), mail=CANARY, batch=20)
    number = _answered(site, TransitionCause.ACCEPT)
    assert site.deliver().accepted == 300 - number


def test_the_rest_is_held_by_a_sample_whose_run_died_with_its_last_answer(tmp_path: Path) -> None:
    site = MailSite(tmp_path / "site", readers(300), mail=CANARY, batch=20)
    number = _answered(site, TransitionCause.REJECT)
    assert site.deliver().total == 0
    assert site.mailing().hold is MailingHold.CANARY
    assert site.counts() == {"rejected": number, "queued": 300 - number}


@pytest.mark.parametrize("step", ["settled", "finished"])
def test_a_kill_at_any_of_the_last_steps_of_a_sample_loses_nobody(
    tmp_path: Path, runner: Runner, step: str
) -> None:
    site = MailSite(tmp_path / "site", readers(120), mail=CANARY, batch=5)
    app = site.app()
    sampled = app.store.canary_sample(1).untried
    app.close()
    assert sampled
    passes = sampled if step == "settled" else -(-sampled // 5)
    died = runner.deliver(site.folder, site.now, step=step, times=passes)
    assert died["code"] != 0
    assert runner.deliver(site.folder, site.now)["code"] == 0
    assert site.counts() == {"accepted": 120}
    assert len(list((site.folder / "outbox").iterdir())) == 120


def test_a_sample_refused_while_its_mailing_was_paused_holds_the_rest_after_all(tmp_path: Path) -> None:
    site: MailSite

    def pause(moment: Moment) -> Act | None:
        if moment.step == "RCPT" and moment.nth == size:  # the last of the sample
            app = site.app()
            app.store.apply_command(1, MailingCommand.PAUSE, site.now)
            app.close()
        return Say("550 5.1.1 nobody here") if moment.step == "RCPT" else None

    with SmtpServer(pause) as server:
        site = MailSite(tmp_path / "site", readers(300), port=server.port, mail=CANARY, batch=500)
        app = site.app()
        size = app.store.canary_sample(1).untried
        app.close()
        assert site.deliver().rejected == size
        assert site.mailing().hold is MailingHold.OPERATOR
        server.rules = ()
        site.app().store.apply_command(1, MailingCommand.RESUME, site.now)
        assert site.deliver().total == 0
    assert (site.mailing().state, site.mailing().hold) == (MailingState.PAUSED, MailingHold.CANARY)


def test_the_rest_follows_a_sample_of_whom_all_have_left(tmp_path: Path) -> None:
    site = MailSite(tmp_path / "site", readers(300), mail=CANARY, batch=500)
    app = site.app()
    batch = app.store.claim_batch("look", site.now, site.now + timedelta(minutes=1))
    assert batch is not None
    rows = app.store.claimed_deliveries(batch)
    app.store.release_dead_runs("other", site.now, alone=True)
    for row in rows:
        app.store.unsubscribe(row.subscription, row.generation, site.now)
    app.close()
    tally = site.deliver()
    assert (tally.skipped, tally.accepted) == (len(rows), 300 - len(rows))


def test_a_sample_in_doubt_does_not_keep_the_rest(tmp_path: Path) -> None:
    with SmtpServer(on("dot", Say("250 ok"))) as server:
        site = MailSite(tmp_path / "site", readers(300), port=server.port, mail=CANARY, batch=500)
        app = site.app()
        batch = app.store.claim_batch("dead", site.now, site.now + timedelta(minutes=1))
        assert batch is not None
        rows = [(row.mailing, row.n) for row in app.store.claimed_deliveries(batch)]
        mark_sending(app.store, "dead", rows, site.now)
        app.close()
        assert site.deliver().accepted == 300 - len(rows)
    assert site.counts() == {"accepted": 300 - len(rows), "unknown": len(rows)}
