"""What the admin pages show and do: through the services of the commands, and safe from what they show."""

import re
import sqlite3
from contextlib import closing

from admin_login import EVIL, Begin, act, filled, form_token, paths_of

from publisher.core.delivery.mailing import DeliveryState, MailingState
from publisher.core.subscribers.subscription import SubscriptionState


def test_every_page_answers_and_no_text_of_others_becomes_markup(begin: Begin) -> None:
    site, http = filled(begin)
    site.app.set_problem("mail", EVIL)
    for name, path in paths_of(site).items():
        page = http.get(path)
        assert page.status_code == 200, (name, page.text)
        assert "<script" not in page.text, name
        assert "onerror=alert" not in page.text.replace("&gt;&lt;img src=x onerror=alert", ""), name
        assert not re.search(r"<[^>]+ (?:style|on\w+)=", page.text), name
    assert "&lt;script&gt;" in http.get("/admin").text
    with closing(sqlite3.connect(site.app.state / "publisher.db")) as store, store:
        store.execute("update deliveries set reply = ?, state = 'unknown'", [EVIL])  # as a server said it
        store.execute("update batches set unknown = 2, queued = 0")
    page = http.get(paths_of(site)["mailing"])
    assert page.text.count("&lt;script&gt;") > 3
    assert "<script" not in page.text
    assert "<img" not in page.text
    for path in (f"{paths_of(site)['mailing']}/preview", "/admin/lists/daily/preview"):
        mail = http.get(path)
        assert "sandbox" in mail.headers["content-security-policy"]
        assert "<script" not in mail.text
    for path in ("/admin/mailings/99", "/admin/mailings/x", "/admin/subscribers/99", "/admin/lists/none"):
        assert http.get(path).status_code == 404, path


def test_a_digest_is_approved_paused_and_cancelled_and_each_is_recorded(begin: Begin) -> None:
    site, http = filled(begin)
    path = paths_of(site)["mailing"]
    id = int(path.rpartition("/")[2])

    def state() -> MailingState:
        return site.app.store.mailing(id).state

    assert "Approve" in http.get(path).text
    assert http.post(path, data={"order": "approve"}).status_code == 403
    assert state() is MailingState.PAUSED
    woken = len(site.woken)
    assert "is ready now" in act(http, path, order="approve").text
    assert len(site.woken) == woken + 1
    assert "is paused now" in act(http, path, order="pause").text
    assert "is ready now" in act(http, path, order="resume").text
    assert "tick the box" in act(http, path, order="cancel").text
    assert state() is MailingState.READY
    assert "is cancelled now" in act(http, path, order="cancel", sure="yes").text
    assert site.app.store.mailing(id).counts == {DeliveryState.CANCELLED: 2}
    act(http, path, order="approve")  # too late
    recorded = [(one.who, one.via, one.act, one.about, one.done) for _, one in site.app.store.acts(limit=9)]
    assert recorded[:5] == [
        ("ann", "admin", "mailings approve", str(id), False),
        ("ann", "admin", "mailings cancel", str(id), True),
        ("ann", "admin", "mailings resume", str(id), True),
        ("ann", "admin", "mailings pause", str(id), True),
        ("ann", "admin", "mailings approve", str(id), True),
    ]


def test_a_subscriber_is_found_without_an_address_in_any_url_and_erased(begin: Begin) -> None:
    site, http = filled(begin)
    page = http.get("/admin/subscribers")
    fields = {"form_token": form_token(page), "back": "/admin/subscribers"}
    whole = http.post("/admin/subscribers", data={**fields, "text": "ANN@example.org"})
    assert whole.headers["location"] == "/admin/subscribers/1"
    part = http.post("/admin/subscribers", data={**fields, "text": "bo@"})
    assert "/admin/subscribers/2" in part.text
    assert "/admin/subscribers/1" not in part.text
    assert "No address has that in it" in http.post("/admin/subscribers", data={**fields, "text": "%_%"}).text
    story = http.get("/admin/subscribers/1")
    assert "ann@example.org" in story.text
    kept = http.get("/admin/subscribers/1/export")
    assert kept.json()["address"] == "ann@example.org"
    assert "gets no mail from now on" in act(http, "/admin/subscribers/1", order="suppress").text
    assert "Lifted: operator" in act(http, "/admin/subscribers/1", order="allow").text
    act(http, "/admin/subscribers/2", order="unsubscribe", list="daily")
    assert [s.state for s in site.app.store.subscriptions(None, None)][1] is SubscriptionState.UNSUBSCRIBED
    assert "tick the box" in act(http, "/admin/subscribers/1", order="erase").text
    fields["form_token"] = form_token(http.get("/admin/subscribers/1"))
    gone = http.post("/admin/subscribers/1", data={**fields, "order": "erase", "sure": "yes"})
    assert gone.headers["location"] == "/admin/subscribers"
    assert http.get("/admin/subscribers/1").status_code == 404
    assert "ann@" not in http.get("/admin/audit").text
    assert {one.act for _, one in site.app.store.acts(limit=20)} == {
        "subscribers show",
        "subscribers suppress",
        "subscribers allow",
        "subscribers unsubscribe",
        "subscribers erase",
    }


def test_a_test_message_is_sent_and_an_odd_address_is_refused(begin: Begin) -> None:
    site, http = filled(begin)
    assert "test message was accepted" in act(http, "/admin/lists/daily", address="me@example.org").text
    assert list(site.app.outbox.rglob("*.eml"))
    assert 'class="problem"' in act(http, "/admin/lists/daily", address="no address").text


def test_a_form_leads_nowhere_else(begin: Begin) -> None:
    _, http = filled(begin)
    path = "/admin/subscribers/1"
    token = form_token(http.get(path))
    for back in ("//evil.example", "https://evil.example/", "/admin/\\evil", "/admin/\r\nX: y"):
        answer = http.post(path, data={"form_token": token, "back": back, "order": "nothing"})
        assert answer.headers["location"] == "/admin", back


def test_rows_in_doubt_are_decided_one_by_one(begin: Begin) -> None:
    site, http = filled(begin)
    path = paths_of(site)["mailing"]
    id = int(path.rpartition("/")[2])
    act(http, path, order="approve")
    with (
        closing(sqlite3.connect(site.app.state / "publisher.db")) as store,
        store,
    ):  # as a killed run leaves it
        store.execute("update deliveries set state = 'unknown', attempts = 1")
        store.execute("update batches set unknown = 2, queued = 0")
    assert "In doubt" in http.get(path).text
    assert "tick the rows" in act(http, path, order="accept").text
    assert "1 message counted as accepted" in act(http, path, order="accept", n="1").text
    assert "1 message will be sent again" in act(http, path, order="resend", n="2").text
    assert site.app.store.mailing(id).counts == {DeliveryState.ACCEPTED: 1, DeliveryState.QUEUED: 1}
    assert [one.about for _, one in site.app.store.acts(limit=2)] == [
        f"{id} --resend (1)",
        f"{id} --accept (1)",
    ]
