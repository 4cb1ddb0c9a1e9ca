"""What a run lets go of is never ended: a message that may not go, and lines when the run itself fails."""

import asyncio
from pathlib import Path

import pytest
from mailsite import MailSite, readers
from smtp_server import Act, Moment, Say, SmtpServer

from publisher.core.delivery.holds import MailingCommand
from publisher.services.delivery.outcomes import DeliveryStats
from publisher.services.delivery.worker import DeliveryWorker


class Stopped(Exception):
    """What went wrong in the middle of a run."""


def test_a_run_that_fails_leaves_no_line_open(tmp_path: Path) -> None:
    def fail(tally: DeliveryStats) -> None:
        if tally.total > 10:
            raise Stopped

    with SmtpServer() as server:
        site = MailSite(tmp_path / "site", readers(60), port=server.port, relay="connections = 3")
        app = site.app()
        drain = DeliveryWorker(app.deps, lambda: False, fail)

        async def work() -> list[asyncio.Transport]:
            with pytest.raises(BaseExceptionGroup) as raised:
                await drain.run()
            assert raised.group_contains(Stopped)
            return [one for one in left_open() if not one.is_closing()]

        assert asyncio.run(work()) == []
        app.close()


def left_open() -> list[asyncio.Transport]:
    """The connections of the loop that runs."""
    import gc

    return [one for one in gc.get_objects() if isinstance(one, asyncio.Transport)]


@pytest.mark.parametrize("smtp", [True, False])
def test_a_message_that_may_no_longer_go_is_let_go_of_before_its_end(smtp: bool, tmp_path: Path) -> None:
    """Each of two connections, or the outbox, has offered one when the mailing is paused."""
    site: MailSite

    def pause(tally: DeliveryStats) -> None:
        if tally.accepted == 5:
            app = site.app()
            app.store.apply_command(1, MailingCommand.PAUSE, site.now)
            app.close()

    with SmtpServer() as server:
        port = server.port if smtp else 0
        site = MailSite(tmp_path / "site", readers(40), port=port, relay="connections = 2")
        app = site.app()
        app.deliver(progress=pause)
        app.close()
        sent = site.counts()["accepted"]
        assert 5 <= sent < 20
        assert site.counts() == {"accepted": sent, "queued": 40 - sent}
        if smtp:
            assert len(server.accepted) == sent
        else:
            names = [file.name for file in (site.folder / "outbox").iterdir()]
            assert len([name for name in names if name.endswith(".eml")]) == sent == len(names)


def test_a_batch_opened_while_its_domain_is_braked_waits_with_it(tmp_path: Path) -> None:
    """Small batches: most are claimed after the fifth refusal, and none of theirs is tried."""

    def tired(moment: Moment) -> Act | None:
        slow = moment.step == "RCPT" and "@slow.example>" in moment.line
        return Say("451 4.7.1 too fast") if slow else None

    mixed = [a for pair in zip(readers(40, "slow.example"), readers(40), strict=True) for a in pair]
    with SmtpServer(tired) as server:
        site = MailSite(tmp_path / "site", mixed, port=server.port, relay="connections = 1", batch=8)
        assert site.deliver().accepted == 40
        asked = sum("@slow.example" in line for line in server.commands)
    assert asked == 5
    assert site.attempts().count(0) == 35
