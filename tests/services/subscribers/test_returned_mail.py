"""Mail that came back, read into a real store: who is suppressed, who is not, and what is kept."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from mailsite import MailSite, readers
from returned import SAMPLES, fields, report

from publisher.app import App
from publisher.core.addresses import parse_address
from publisher.core.delivery.bounces import ReportEffect, ReportKind, return_path, unsubscribe_tag
from publisher.core.delivery.mailing import DeliveryState, RefusalRuling
from publisher.core.errors import Refused, UsageError
from publisher.core.subscribers.subscription import SubscriptionState
from publisher.core.tokens import KeyRing, opaque_id
from publisher.imports.returned_mail import legacy_verdict
from publisher.services.delivery.returned_mail import read_mailbox, read_returned_mail, rule_on_refusals
from publisher.services.subscribers.departures import erase, export_data, key_of

MAIL = '[mail.bounces]\naddress = "back@harbour.example"\n'
NOBODY = fields("5.1.1", "smtp; 550 5.1.1 no such user")
FULL = fields("5.2.2", "smtp; 552 5.2.2 mailbox full")
DAY = timedelta(days=1)
ADDRESS = "reader001@example.org"
Make = Callable[..., MailSite]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    def made(number: int = 3, mail: str = MAIL) -> MailSite:
        site = MailSite(tmp_path / "site", readers(number), mail=mail)
        site.deliver()
        return site

    return made


def written(text: str, ring: KeyRing, mailing: int, n: int) -> bytes:
    """A message about the delivery, with all that names it signed by `ring`."""
    path = return_path(parse_address("back@harbour.example"), mailing, n, ring)
    left = f"{mailing}.{n}.{opaque_id(ring, mailing, n)}"
    values = {
        "to": path,
        "path": path,
        "id": f"{left}@harbour.example",
        "reader": f"reader{n:03}@example.org",
    }
    return text.format(**values).encode()


def bounced(app: App, mailing: int, n: int, status: str = NOBODY) -> bytes:
    return written(report("undeliverable", status), app.ring, mailing, n)


def next_mailing(site: MailSite, days: float = 1) -> None:
    site.now += timedelta(days=days)
    site.post(f"{site.now:%Y%m%d}.md")
    site.deliver()


def blocks(app: App, address: str = ADDRESS) -> list[str]:
    return [kind for _, kind, _ in app.store.suppressions_of(key_of(app.ring, address))]


def test_two_hard_bounces_of_two_days_suppress_whenever_they_are_read(make: Make) -> None:
    site = make()
    next_mailing(site)
    app = site.app()
    first, second = bounced(app, 1, 1), bounced(app, 2, 1)
    assert app.read_bounce(first).effect is ReportEffect.COUNTED
    assert app.read_bounce(first).again
    assert blocks(app) == []
    app.read_bounce(second)
    app.read_bounce(second)
    assert blocks(app) == ["bounce"]
    journal = [json.loads(line) for line in (site.folder / ".publisher/journal").read_text().splitlines()]
    assert [one["kind"] for one in journal if one.get("kind") == "bounce"] == ["bounce"]
    data = export_data(app.deps, ADDRESS)
    assert [(one["kind"], one["severity"]) for one in data["reports"]] == [("bounce", "hard")] * 2
    assert "The harbour was empty" in data["reports"][0]["message"]
    assert app.status()["bounces"]["read"] == {"bounce": 2}
    app.close()
    next_mailing(site)
    assert site.mailed(f"{site.now:%Y%m%d}.md").keys() == {"reader002@example.org", "reader003@example.org"}


def test_what_this_site_did_not_sign_changes_nothing(make: Make) -> None:
    site = make()
    app = site.app()
    others = KeyRing(current=1, keys={1: b"x" * 32})
    for name, sample in SAMPLES.items():
        for mailing in (1, 2):
            raw = written(sample.text, others, mailing, 1)
            assert app.read_bounce(raw).effect is ReportEffect.KEPT, name
    assert blocks(app) == []
    assert export_data(app.deps, ADDRESS)["refusals"] == export_data(app.deps, ADDRESS)["reports"] == []
    assert app.status()["bounces"]["kept"] == 2 * len(SAMPLES)
    assert app.read_bounce(bounced(app, 9, 9)).effect is ReportEffect.NOTHING  # signed, and of no delivery
    app.close()


def test_each_sample_that_is_signed_changes_what_its_kind_may_and_no_more(make: Make) -> None:
    site = make(len(SAMPLES))
    app = site.app()
    for n, (name, sample) in enumerate(SAMPLES.items(), 1):
        done = app.read_bounce(written(sample.text, app.ring, 1, n))
        assert (done.kind, done.severity) == (sample.kind, sample.severity), name
        address = f"reader{n:03}@example.org"
        complaint = sample.kind is ReportKind.COMPLAINT
        assert blocks(app, address) == (["complaint"] if complaint else []), name
        found = export_data(app.deps, address)
        assert len(found["refusals"]) == (sample.severity is not None), name
        assert found["subscriptions"][0]["state"] == ("unsubscribed" if complaint else "active"), name
    app.close()


def test_soft_bounces_count_though_the_relay_accepted_each_message(make: Make) -> None:
    site = make()
    for mailing in range(1, 6):
        app = site.app()
        app.read_bounce(bounced(app, mailing, 2, FULL))
        assert blocks(app, "reader002@example.org") == (["bounce"] if mailing == 5 else [])
        app.close()
        next_mailing(site)


def test_a_later_message_that_did_not_come_back_ends_what_counted_softly(make: Make) -> None:
    site = make()
    app = site.app()
    app.read_bounce(bounced(app, 1, 2, FULL))
    app.close()
    next_mailing(site)  # did not come back
    for mailing, days in ((3, 1), (4, 1), (5, 1), (6, 4)):
        next_mailing(site, days)
        app = site.app()
        app.read_bounce(bounced(app, mailing, 2, FULL))
        app.close()
    app = site.app()
    assert [one.mailing for one in app.store.refusals_of(key_of(app.ring, "reader002@example.org"))] == [
        3,
        4,
        5,
        6,
    ]
    assert blocks(app, "reader002@example.org") == []
    app.close()


def test_very_many_at_once_suppress_nobody_until_an_operator_decides(make: Make) -> None:
    site = make(25)
    next_mailing(site)
    app = site.app()
    finished: list[bool] = []
    for mailing in (1, 2):
        messages = [(bounced(app, mailing, n), finished.append) for n in range(1, 26)]
        tally = read_mailbox(app.deps, messages, site.now, legacy_verdict)
        assert (tally.read.total(), tally.suppressed) == (25, 0)
    assert finished == [True] * 50
    waiting = app.status()["bounces"]["to_decide"]
    assert waiting == [{"mailing": 1, "refused": 25}, {"mailing": 2, "refused": 25}]
    assert rule_on_refusals(app.deps, 1, RefusalRuling.COUNT, site.now) == 0
    assert rule_on_refusals(app.deps, 2, RefusalRuling.IGNORE, site.now) == 0
    assert app.status()["bounces"]["to_decide"] == []
    assert blocks(app) == []
    next_mailing(site)
    app.read_bounce(bounced(app, 3, 1))
    assert blocks(app) == ["bounce"]  # the first of them counted, and so does this
    with pytest.raises(UsageError, match="no mailing 99"):
        rule_on_refusals(app.deps, 99, RefusalRuling.COUNT, site.now)
    app.close()


def test_a_mailing_under_way_is_paused_when_very_many_come_back(make: Make) -> None:
    site = make(25)
    for name in ("two.md", "three.md"):
        site.now += DAY
        site.post(name)
    app = site.app()
    for n in range(1, 21):
        app.read_bounce(bounced(app, 2, n))
        app.read_bounce(written(SAMPLES["complaint"].text, app.ring, 3, n))
    assert (site.mailing(2).hold, site.mailing(3).hold) == ("refusals", "refusals")
    assert site.mailing(3).hold_why.startswith("20 readers called it spam")
    with pytest.raises(Refused, match="is held because of them"):
        rule_on_refusals(app.deps, 2, RefusalRuling.COUNT, site.now)
    app.close()


def test_mail_about_an_earlier_life_does_not_end_the_present_one(make: Make) -> None:
    site = make()
    app = site.app()
    tag = unsubscribe_tag(1, 1, app.ring)
    leave = f"From: {ADDRESS}\nTo: back+{tag}@harbour.example\nSubject: unsubscribe\n\n".encode()
    assert app.read_bounce(leave).effect is ReportEffect.UNSUBSCRIBED
    [subscription] = app.store.subscriptions_of(key_of(app.ring, ADDRESS))
    assert subscription.state is SubscriptionState.UNSUBSCRIBED
    with app.store._db.write() as connection:  # type: ignore[attr-defined]  # as if they had come back
        connection.exec_driver_sql("UPDATE subscriptions SET state = 'active', generation = 2 WHERE id = 1")
        connection.exec_driver_sql("DELETE FROM suppressions")
    for raw in (
        written(SAMPLES["complaint"].text, app.ring, 1, 1),
        leave.replace(b"Subject: ", b"Subject: Re: "),
    ):
        assert app.read_bounce(raw).effect is ReportEffect.NOTHING
    assert blocks(app) == []
    [subscription] = app.store.subscriptions_of(key_of(app.ring, ADDRESS))
    assert subscription.state is SubscriptionState.ACTIVE
    app.close()


def test_a_delivery_that_was_archived_still_names_its_reader(make: Make) -> None:
    site = make()
    site.now += timedelta(days=500)
    app = site.app()
    assert app.archive_deliveries() == 3
    done = app.read_bounce(written(SAMPLES["complaint"].text, app.ring, 1, 2))
    assert done.delivery is not None
    assert done.delivery.address == "reader002@example.org"
    assert blocks(app, "reader002@example.org") == ["complaint"]
    app.close()


def test_a_bounce_settles_a_delivery_in_doubt(make: Make) -> None:
    site = make()
    site.now += DAY
    site.post("new2.md")
    app = site.app()
    assert app.store.claim_batch("dead", site.now, site.now) is not None
    with app.store._db.write() as connection:  # type: ignore[attr-defined]  # as a run that died left it
        connection.exec_driver_sql("UPDATE deliveries SET state = 'sending' WHERE mailing = 2")
    app.store.release_dead_runs("me", site.now, alone=True)
    app.read_bounce(bounced(app, 2, 1))
    app.read_bounce(written(SAMPLES["out of office"].text, app.ring, 2, 2))
    app.read_bounce(written(SAMPLES["a person"].text, app.ring, 2, 3))
    states = [(DeliveryState.REJECTED, 1), (DeliveryState.ACCEPTED, 1), (DeliveryState.UNKNOWN, 1)]
    counts = site.mailing(2).counts
    assert [(state, counts.get(state, 0)) for state, _ in states] == states
    assert [one.counts for one in app.store.refusals_of(key_of(app.ring, ADDRESS))] == [True]
    app.close()


def test_erasing_forgets_what_came_back_and_what_comes_back_later_is_not_kept(make: Make) -> None:
    site = make()
    app = site.app()
    app.read_bounce(bounced(app, 1, 1))
    app.read_bounce(f"From: {ADDRESS}\nTo: back@harbour.example\n\nHello\n".encode())
    app.read_bounce(b"From: other@example.org\nTo: back@harbour.example\n\nHello\n")
    erase(app.deps, ADDRESS, site.now)
    app.read_bounce(bounced(app, 1, 1, FULL))
    app.read_bounce(written(SAMPLES["complaint"].text, app.ring, 1, 1))
    with app.store._db.read() as connection:  # type: ignore[attr-defined]  # what no door shows
        rows = connection.exec_driver_sql("SELECT message FROM bounce_reports").all()
        refusals = connection.exec_driver_sql("SELECT count(*) FROM bounces").scalar()
    assert [row[0][:25] for row in rows] == [b"From: other@example.org\nT"]
    assert refusals == 0
    app.close()


def test_messages_are_forgotten_after_their_time_and_what_they_told_after_half_a_year(make: Make) -> None:
    site = make(mail=MAIL + 'retention = "10d"\n')
    app = site.app()
    app.read_bounce(bounced(app, 1, 1))
    app.read_bounce(b"To: back@harbour.example\n\nHello\n")
    start = site.now
    for days, messages, reports, kept in ((10, 1, 1, 1), (11, 0, 1, 0), (181, 0, 0, 0)):
        site.now = start + timedelta(days=days)
        app.housekeeping()
        found = app.store.reports_of(key_of(app.ring, ADDRESS))
        assert (len(found), sum(one.message is not None for one in found)) == (reports, messages), days
        assert app.store.count_reports(start).get((ReportKind.OTHER, ReportEffect.KEPT), 0) == kept, days
    app.close()


class Killed(Exception):
    """Stands for a kill."""


STEPS = {
    "bounce": ("bounce:recorded", "suppress:journaled", "suppress:committed", "bounces:suppressed"),
    "complaint": ("suppress:journaled", "suppress:committed", "bounce:recorded"),
}


@pytest.mark.parametrize("kind", STEPS)
def test_killed_at_any_step_the_same_message_read_again_does_the_rest(make: Make, kind: str) -> None:
    site = make(len(STEPS[kind]))
    next_mailing(site)
    app = site.app()
    for n, step in enumerate(STEPS[kind], 1):
        raw = bounced(app, 2, n) if kind == "bounce" else written(SAMPLES["complaint"].text, app.ring, 2, n)
        if kind == "bounce":
            app.read_bounce(bounced(app, 1, n))

        def kill(at: str, step: str = step) -> None:
            if at == step:
                raise Killed

        deps = replace(app.deps, process=replace(app.deps.process, failpoint=kill))
        with pytest.raises(Killed):
            read_returned_mail(deps, raw, site.now, legacy_verdict)
        app.read_bounce(raw)
        address = f"reader{n:03}@example.org"
        assert blocks(app, address) == [kind], step
        assert len(app.store.reports_of(key_of(app.ring, address))) == (2 if kind == "bounce" else 1), step
    app.close()
