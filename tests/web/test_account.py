"""Links that work once: to see what is kept, to be forgotten, to have mail elsewhere."""

import email
import email.policy
import json
import re
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from typing import Any

import httpx
import pytest

from publisher.core.subscribers.import_rows import ImportOutcome
from publisher.core.subscribers.subscription import (
    ContentPreference,
    Preferences,
    SchedulePreference,
    SubscriptionState,
)
from publisher.core.tokens import Claim, Purpose, sign
from publisher.services.subscribers import account, departures, signup, subscribe
from publisher.services.subscribers.import_csv import import_readers

TOML = """
[site]
title = "The Harbour"
url = "https://harbour.example/"

[[lists]]
slug = "daily"
title = "The Harbour, daily"
from = "The Harbour <news@harbour.example>"
welcome = "latest"
readers_choose = ["cadence", "language"]
"""
DIFFERENT = Preferences(
    schedule=SchedulePreference(cadence="weekly", on="fri"), content=ContentPreference(language="de")
)


@pytest.fixture
def site(start: Any) -> Any:
    running = start(TOML)
    running.app.publish()
    return running


def reader(site: Any, name: str = "ann", choices: Preferences | None = None) -> Any:
    deps = site.app.deps
    subscribe.add(deps, deps.rules.lists[0], f"{name}@example.org", site.clock.now, confirmed=True)
    found = of(site, name)
    if choices:
        assert site.app.store.set_preferences(found.id, 1, choices, site.clock.now + timedelta(days=1))
    return of(site, name)


def post(site: Any, name: str, lang: str = "en") -> None:
    text = f"---\ntitle: {name}\ndate: 2026-05-01\nlang: {lang}\n---\nWords.\n"
    (site.app.settings.posts.dir / f"{name}.md").write_text(text, encoding="utf-8")


def of(site: Any, name: str) -> Any:
    found = site.app.store.subscriptions_of(departures.key_of(site.app.ring, f"{name}@example.org"))
    return found[0] if found else None


def ask(site: Any, found: Any, link: str) -> Any:
    """As the form on the page of preferences does, which the reader opens first."""
    token = sign(
        Claim(purpose=Purpose.PREFERENCES, subscription=found.id, generation=found.generation), site.app.ring
    )
    page = site.http.get(f"/preferences/{token}").text
    [action] = re.findall(r'action="(/account/[\w-]+)"', page)
    return site.http.post(action, data={"link": link})


def mails(site: Any) -> list[Any]:
    """What is new in the outbox after everything due was delivered."""
    site.app.deliver()
    found = []
    for file in sorted(site.app.outbox.glob("*.eml")):
        found.append(email.message_from_bytes(file.read_bytes(), policy=email.policy.SMTP))
        file.unlink()
    return found


def path(mail: Any, word: str = "account/[a-z]+") -> str:
    text = mail.get_body(("plain",)).get_content()
    [found] = re.findall(rf"https://harbour\.example(/{word}/[\w-]+)", text)
    return str(found)


def link(site: Any, found: Any, word: str) -> str:
    assert ask(site, found, word).status_code == 200
    [mail] = mails(site)
    assert mail["To"] == found.address
    assert mail["List-Unsubscribe"] is None
    opened = path(mail)
    assert opened.startswith(f"/account/{word}/")
    return opened


def imported(site: Any, address: str) -> ImportOutcome:
    """What becomes of an address that an operator imports."""
    deps = site.app.deps
    *_, done = import_readers(deps, deps.rules.lists[0], [(1, address)], site.clock.now, confirmed=True)
    return next(outcome for outcome, number in done.counts.items() if number)


def dump(site: Any) -> str:
    with closing(sqlite3.connect(site.app.state / "publisher.db")) as store:
        return "\n".join(store.iterdump())


def test_what_is_kept_comes_as_a_file_once(site: Any) -> None:
    found = reader(site)
    opened = link(site, found, "export")
    before = dump(site)
    for _ in range(2):  # as mail scanners do
        page = site.http.get(opened)
        assert page.status_code == 200
        assert "ann@example.org" not in page.text
    assert site.http.head(opened).status_code == 200
    assert dump(site) == before
    for name, value in (("referrer-policy", "no-referrer"), ("cache-control", "no-store")):
        assert page.headers[name] == value
    assert "noindex" in page.headers["x-robots-tag"]
    answer = site.http.post(opened)
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.headers["cache-control"] == "no-store"
    kept = json.loads(answer.text)
    assert kept["address"] == "ann@example.org"
    assert [one["list"] for one in kept["subscriptions"]] == ["daily"]
    assert [site.http.post(opened).status_code, site.http.get(opened).status_code] == [404, 404]


def test_who_is_forgotten_by_their_link_is_in_no_table(site: Any) -> None:
    found = reader(site)
    opened = link(site, found, "erase")
    assert "This cannot be undone" in site.http.get(opened).text
    assert of(site, "ann").state is SubscriptionState.ACTIVE
    assert "Your data is deleted" in site.http.post(opened).text
    assert "ann@example.org" not in dump(site)
    assert site.http.post(opened).status_code == 404
    assert imported(site, "ann@example.org") is ImportOutcome.BARRED


def test_a_link_works_for_thirty_minutes(site: Any) -> None:
    opened = link(site, reader(site), "export")
    site.clock.move(minutes=29, seconds=59)
    assert site.http.get(opened).status_code == 200
    site.clock.move(seconds=1)
    assert [site.http.get(opened).status_code, site.http.post(opened).status_code] == [404, 404]


def test_a_link_is_for_one_thing_and_for_nobody_else(site: Any) -> None:
    found, other = reader(site), reader(site, "bo")
    opened = link(site, found, "export")
    token = opened.rpartition("/")[2]
    for word in ("erase", "address", "export/x", "other"):
        assert site.http.post(f"/account/{word}/{token}").status_code == 404
    for path in ("account", "preferences", "unsubscribe", "confirm", "view"):
        assert site.http.get(f"/{path}/{token}").status_code == 404
    [mailing] = site.app.store.mailings()
    for who, purpose, number in (
        (other, Purpose.EXPORT, mailing.id),
        (found, Purpose.EXPORT, mailing.id + 1),
        (found, Purpose.ACCOUNT, mailing.id),
        (found, Purpose.PREFERENCES, mailing.id),
    ):
        other_token = sign(Claim(purpose=purpose, subscription=who.id, generation=number), site.app.ring)
        assert site.http.post(f"/account/export/{other_token}").status_code == 404
    assert of(site, "ann").state is SubscriptionState.ACTIVE


def test_only_the_last_link_works_and_they_do_not_come_fast(site: Any) -> None:
    found = reader(site)
    first = link(site, found, "export")
    said = ask(site, found, "erase")
    assert mails(site) == []
    site.clock.move(minutes=5)
    answer = ask(site, found, "erase")
    assert answer.text.replace("\n", "") == said.text.replace("\n", "")
    [mail] = mails(site)
    assert site.http.post(first).status_code == 404
    assert site.http.get(path(mail)).status_code == 200
    for _ in range(10):
        site.clock.move(minutes=6)
        assert ask(site, found, "export").status_code == 200
    assert len(mails(site)) == account.MAX_LINKS - 2
    site.clock.move(days=1)
    ask(site, found, "export")
    assert len(mails(site)) == 1


def test_a_new_life_or_a_lost_right_ends_a_link(site: Any) -> None:
    found = reader(site)
    opened = link(site, found, "export")
    departures.unsubscribe(site.app.deps, found.address, None, site.clock.now)
    assert site.http.get(opened).status_code == 200  # owed to those who left
    signup.sign_up(site.app.deps, [site.app.deps.rules.lists[0]], found.address, "", site.clock.now)
    assert site.http.get(opened).status_code == 404


def test_who_has_left_may_ask_what_is_kept(site: Any) -> None:
    found = reader(site)
    leaving = Claim(purpose=Purpose.UNSUBSCRIBE, subscription=found.id, generation=found.generation)
    page = site.http.post(f"/unsubscribe/{sign(leaving, site.app.ring)}").text
    [action] = re.findall(r'href="(/account/[\w-]+)"', page)
    page = site.http.get(action).text
    assert 'value="export"' in page
    assert 'value="address"' not in page
    site.http.post(action, data={"link": "address"})
    assert mails(site) == []
    site.http.post(action, data={"link": "erase"})
    [mail] = mails(site)
    assert site.http.post(path(mail)).status_code == 200
    assert "ann@example.org" not in dump(site)
    assert site.http.get(action).status_code == 404


def test_a_new_address_takes_over_once_it_is_confirmed(site: Any) -> None:
    found = reader(site, choices=DIFFERENT)
    unsubscribing = Claim(purpose=Purpose.UNSUBSCRIBE, subscription=found.id, generation=found.generation)
    opened = link(site, found, "address")
    assert site.http.post(opened, data={"address": "no address"}).status_code == 400
    same = site.http.post(opened, data={"address": "Ann@example.org"})
    assert "An diese Adresse gehen die E-Mails schon" in same.text
    answer = site.http.post(opened, data={"address": "new@example.org"})
    assert "Noch ein Schritt" in answer.text
    assert site.http.post(opened, data={"address": "new@example.org"}).status_code == 404
    [asking] = mails(site)
    assert asking["To"] == "new@example.org"
    confirming = path(asking, "confirm")
    site.http.get(confirming)
    assert of(site, "ann") is not None
    assert site.http.post(confirming).status_code == 200
    moved = of(site, "new")
    assert of(site, "ann") is None
    kept = ("id", "generation", "offset", "next_due_at", "choices", "confirmed_at")
    assert all(getattr(moved, name) == getattr(found, name) for name in kept)
    assert "ann@example.org" not in dump(site)
    assert mails(site) == []  # no welcome: nothing began
    assert imported(site, "ann@example.org") is ImportOutcome.BARRED
    post(site, "new", lang="de")
    site.clock.move(days=7)
    site.app.publish()
    assert [mail["To"] for mail in mails(site)] == ["new@example.org"]
    assert site.http.post(f"/unsubscribe/{sign(unsubscribing, site.app.ring)}").status_code == 200
    assert of(site, "new").state is SubscriptionState.UNSUBSCRIBED


def test_a_new_address_confirmed_many_times_at_once_takes_over_once(site: Any) -> None:
    found = reader(site)
    site.http.post(link(site, found, "address"), data={"address": "new@example.org"})
    [asking] = mails(site)
    confirming = f"{site.server.url}{path(asking, 'confirm')}"
    with ThreadPoolExecutor(16) as pool:
        answers = list(
            pool.map(lambda _: httpx.post(confirming, trust_env=False, timeout=60).status_code, range(16))
        )
    assert answers == [200] * 16
    assert httpx.get(confirming, trust_env=False).status_code == 200
    assert (of(site, "new").id, of(site, "ann")) == (found.id, None)
    assert mails(site) == []
    site.clock.move(days=8)
    site.app.housekeeping()
    assert httpx.post(confirming, trust_env=False).status_code == 404


def test_an_address_that_gets_the_list_already_is_answered_alike_and_not_asked(site: Any) -> None:
    found, other, third = reader(site), reader(site, "bo"), reader(site, "cy")
    departures.suppress(site.app.deps, "cy@example.org", None, site.clock.now)
    said = []
    for name in ("bo", "cy", "free"):
        opened = link(site, found, "address")
        said.append(site.http.post(opened, data={"address": f"{name}@example.org"}).text)
        assert [mail["To"] for mail in mails(site)] == ["free@example.org"] * (name == "free")
        site.clock.move(minutes=6)
    assert len(set(said)) == 1
    assert (of(site, "ann"), of(site, "bo")) == (found, other)
    assert of(site, "cy").id == third.id


def test_an_address_that_had_the_list_before_goes_on_where_the_reader_stood(site: Any) -> None:
    old = reader(site, "bo")
    post(site, "a")
    site.clock.move(days=1)
    site.app.publish()
    departures.unsubscribe(site.app.deps, "bo@example.org", None, site.clock.now)
    found = reader(site, "ann", DIFFERENT)
    mails(site)
    opened = link(site, found, "address")
    site.http.post(opened, data={"address": "bo@example.org"})
    [asking] = mails(site)
    post(site, "b")
    site.app.publish(mail=False)
    confirming = path(asking, "confirm")
    assert [site.http.post(confirming).status_code for _ in range(2)] == [200, 200]
    moved = of(site, "bo")
    assert (moved.id, moved.generation, moved.state) == (old.id, 2, SubscriptionState.ACTIVE)
    kept = ("offset", "choices", "next_due_at")
    assert all(getattr(moved, name) == getattr(found, name) for name in kept)
    assert of(site, "ann").state is SubscriptionState.UNSUBSCRIBED


def test_a_change_of_address_that_comes_too_late_is_a_sign_up(site: Any) -> None:
    found = reader(site)
    opened = link(site, found, "address")
    site.http.post(opened, data={"address": "new@example.org"})
    [asking] = mails(site)
    departures.unsubscribe(site.app.deps, found.address, None, site.clock.now)
    assert site.http.post(path(asking, "confirm")).status_code == 200
    assert (of(site, "ann").state, of(site, "new").state) == (
        SubscriptionState.UNSUBSCRIBED,
        SubscriptionState.ACTIVE,
    )
    assert of(site, "new").id != found.id


def test_the_link_comes_in_the_readers_language(site: Any) -> None:
    found = reader(site, choices=DIFFERENT)
    ask(site, found, "erase")
    [mail] = mails(site)
    assert mail["Subject"] == "Bitte bestätigen: diese Adresse vergessen"
    assert "30 Minuten" in mail.get_body(("plain",)).get_content()


def test_a_page_that_asks_for_links_works_for_a_day(site: Any) -> None:
    found = reader(site)
    action = f"/account/{account.account_token(site.app.ring, found, site.clock.now)}"
    assert site.http.get(action).status_code == 200
    site.clock.move(days=1, seconds=1)
    assert site.http.get(action).status_code == 404
