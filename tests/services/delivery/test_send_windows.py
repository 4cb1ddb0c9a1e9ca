"""Gates hold what nobody waits for, and only that: a confirmation passes each and is counted by none."""

from datetime import timedelta
from pathlib import Path

from mailsite import START, MailSite, readers

from publisher.core.delivery.mailing import Batch, MailingHold, MailingKind
from publisher.services.delivery.safeguards import SendWindows
from publisher.services.subscribers import signup

FEW = 'warm_up = {from = "2020-10-06", days = [5, 8]}'
QUIET = 'quiet_hours = "08:30-10:00"'


def ask(site: MailSite, *names: str) -> None:
    """Each is somebody who has signed up, and waits for the mail that asks to confirm."""
    app = site.app()
    for name in names:
        signup.sign_up(app.deps, [app.settings.lists[0]], f"{name}@example.org", "", site.now)
    app.close()


def batch(kind: MailingKind) -> Batch:
    return Batch(id=1, mailing=1, lo=1, hi=1, group="", run="r", date=START, list="daily", kind=kind)


def test_who_waits_for_a_confirmation_gets_it_in_quiet_hours(tmp_path: Path) -> None:
    site = MailSite(tmp_path / "site", readers(3), mail=QUIET)
    ask(site, "ann", "bob")
    assert site.deliver().accepted == 2
    assert site.mailing().hold is MailingHold.QUIET
    assert [site.counts(id) for id in (1, 2, 3)] == [{"queued": 3}, {"accepted": 1}, {"accepted": 1}]


def test_quiet_hours_that_begin_stop_no_confirmation(tmp_path: Path) -> None:
    site = MailSite(tmp_path / "site", readers(3), mail=QUIET)
    app = site.app()
    gates, before = SendWindows(app.deps.rules, app.store), START - timedelta(hours=1)
    assert gates.stops_at(batch(MailingKind.DIGEST), before) == START - timedelta(minutes=30)
    assert gates.stops_at(batch(MailingKind.CONFIRM), before) is None
    app.close()


def test_who_waits_for_a_confirmation_gets_it_when_a_new_sender_has_sent_enough(tmp_path: Path) -> None:
    site = MailSite(tmp_path / "site", readers(20), mail=FEW)
    assert site.deliver().accepted == 5
    ask(site, "ann", "bob")
    assert site.deliver().accepted == 2
    assert site.mailing().hold is MailingHold.WARM_UP


def test_what_a_new_sender_may_send_today_is_counted_in_digests_alone(tmp_path: Path) -> None:
    site = MailSite(tmp_path / "site", readers(20), mail=FEW)
    ask(site, "ann", "bob", "cy")
    assert site.deliver().accepted == 3 + 5
    assert site.counts() == {"accepted": 5, "queued": 15}


def test_confirmations_of_earlier_today_take_nothing_from_the_digests(tmp_path: Path) -> None:
    site = MailSite(tmp_path / "site", readers(20), mail=FEW)
    site.app().store.pause(1, MailingHold.SERVER, "", START + timedelta(minutes=30))
    ask(site, "ann", "bob", "cy")
    assert site.deliver().accepted == 3
    assert site.deliver(minutes=30).accepted == 5


def test_digests_of_earlier_today_count_whichever_run_sent_them(tmp_path: Path) -> None:
    site = MailSite(tmp_path / "site", readers(3), mail=FEW)
    assert site.deliver().accepted == 3
    site.now += timedelta(hours=1)
    site.post("second.md")
    app = site.app()
    assert app.publish(send=["daily"]).mailings == (2,)
    app.close()
    assert site.deliver().accepted == 2
    assert (site.mailing(2).hold, site.counts(2)) == (MailingHold.WARM_UP, {"accepted": 2, "queued": 1})
    assert site.deliver(minutes=24 * 60).accepted == 1
