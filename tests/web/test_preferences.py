"""The page of preferences: a link in a mail, a form, and a reader who gets what they chose."""

import email
import email.policy
import re
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest

from publisher.core.subscribers.subscription import (
    NO_CHOICES,
    ContentPreference,
    Preferences,
    SchedulePreference,
)
from publisher.core.tokens import Claim, Purpose, sign
from publisher.services.subscribers import signup, subscribe

TOML = """
[site]
title = "The Harbour"
url = "https://harbour.example/"

[[lists]]
slug = "daily"
title = "The Harbour, daily"
from = "The Harbour <news@harbour.example>"
welcome = "latest"
readers_choose = ["cadence", "hour", "topics", "language"]
"""
POSTS = (("boats", "Boats", "en"), ("fish", "Fish", "en"), ("wetter", "Weather", "de"))
WHOLE = {
    "cadence": "weekly",
    "weekday": "fri",
    "monthday": "3",
    "hour": "18:00",
    "timezone": "Asia/Kathmandu",
    "topic": ["Boats", "fish"],
    "language": "de",
}


@pytest.fixture
def site(start: Any) -> Any:
    running = start(TOML)
    for name, topic, language in POSTS:
        front = f"title: {name}\ndate: 2026-04-30\ncategories: [{topic}]\nlang: {language}"
        (running.app.settings.posts.dir / f"{name}.md").write_text(f"---\n{front}\n---\nWords.\n")
    running.app.publish()
    return running


def reader(site: Any, name: str = "ann") -> Any:
    spec = site.app.deps.rules.lists[0]
    subscribe.add(site.app.deps, spec, f"{name}@example.org", site.clock.now, confirmed=True)
    return next(s for s in site.app.store.subscriptions(None, None) if s.address.startswith(name))


def token(site: Any, found: Any, purpose: Purpose = Purpose.PREFERENCES, **more: Any) -> str:
    given = {"subscription": found.id, "generation": found.generation}
    return sign(Claim(purpose=purpose, **(given | more)), site.app.ring)


def plain(file: Any) -> str:
    """The text part of a message in the outbox."""
    mail: Any = email.message_from_bytes(file.read_bytes(), policy=email.policy.SMTP)
    return str(mail.get_body(("plain",)).get_content())


def again(site: Any, found: Any) -> Any:
    return site.app.store.subscription(found.id)


def test_the_page_shows_what_there_is_to_choose_and_no_address(site: Any) -> None:
    found = reader(site)
    answer = site.http.get(f"/preferences/{token(site, found)}")
    assert answer.status_code == 200
    assert "ann@example.org" not in answer.text
    for words in ("Once a week", "Boats", "Deutsch", "Kathmandu", "Pause my emails for now"):
        assert words in answer.text
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cache-control"] == "no-store"
    assert "noindex" in answer.headers["x-robots-tag"]
    assert "script-src" not in answer.headers["content-security-policy"]
    assert again(site, found) == found


def test_what_is_saved_counts_from_now_on_and_loses_nothing(site: Any) -> None:
    found = reader(site)
    answer = site.http.post(f"/preferences/{token(site, found)}", data=WHOLE)
    assert answer.status_code == 200
    assert "Gespeichert." in answer.text  # the reader chose German
    pace = SchedulePreference(cadence="weekly", on="fri", at=time(18, 0), timezone="Asia/Kathmandu")
    now = again(site, found)
    assert now.choices == Preferences(
        schedule=pace, content=ContentPreference(topics=("Boats", "fish"), language="de")
    )
    assert now.next_due_at == datetime(2026, 5, 1, 12, 15, tzinfo=UTC)  # 18:00 in Kathmandu, in 15 minutes
    assert now.offset == found.offset
    assert "8 May 2026" not in answer.text


def test_a_pause_holds_mail_back_and_ends_by_the_same_page(site: Any) -> None:
    found = reader(site)
    url = f"/preferences/{token(site, found)}"
    assert "You will get no emails until you resume" in site.http.post(url, data={"paused": "yes"}).text
    assert (again(site, found).choices.paused, again(site, found).next_due_at) == (True, None)
    site.http.post(url, data={})
    assert (again(site, found).choices, again(site, found).offset) == (NO_CHOICES, found.offset)


def test_values_that_no_form_of_ours_has_are_not_taken(site: Any) -> None:
    found = reader(site)
    odd = {"cadence": "hourly", "hour": "25:00", "timezone": "../etc", "language": "<b>", "weekday": "fri"}
    site.http.post(f"/preferences/{token(site, found)}", data=odd | {"topic": "x" * 300})
    assert again(site, found).choices == Preferences()
    site.http.post(
        f"/preferences/{token(site, found)}", data={"topic": ["Boats", "Trains"], "language": "fr"}
    )
    assert again(site, found).choices == Preferences(content=ContentPreference(topics=("Boats",)))


def test_what_the_list_does_not_leave_to_readers_stays(start: Any) -> None:
    site = start(TOML.replace('readers_choose = ["cadence", "hour", "topics", "language"]', ""))
    site.app.publish()
    found = reader(site)
    url = f"/preferences/{token(site, found)}"
    assert "How often?" not in site.http.get(url).text
    site.http.post(url, data=WHOLE | {"paused": "yes"})
    assert again(site, found).choices == Preferences(paused=True)


@pytest.mark.parametrize("purpose", [Purpose.UNSUBSCRIBE, Purpose.CONFIRM])
def test_a_token_for_something_else_opens_nothing(site: Any, purpose: Purpose) -> None:
    found = reader(site)
    bad = token(site, found, purpose)
    assert site.http.get(f"/preferences/{bad}").status_code == 404
    assert site.http.post(f"/preferences/{bad}", data={"paused": "yes"}).status_code == 404
    assert not again(site, found).choices.paused


def test_a_link_ends_with_its_time_and_with_the_subscription(site: Any) -> None:
    found = reader(site)
    short = token(site, found, expires=site.clock.now + timedelta(minutes=5))
    whole = token(site, found)
    assert site.http.get(f"/preferences/{short}").status_code == 200
    site.clock.move(minutes=6)
    assert site.http.get(f"/preferences/{short}").status_code == 404
    site.app.store.unsubscribe(found.id, found.generation, site.clock.now)
    assert site.http.get(f"/preferences/{whole}").status_code == 404


def test_the_link_stands_in_every_digest_and_lasts_90_days(site: Any) -> None:
    reader(site)
    (site.app.settings.posts.dir / "new.md").write_text("---\ntitle: New\ndate: 2026-05-01\n---\nWords.\n")
    site.clock.move(hours=24)
    site.app.publish()
    site.app.deliver()
    [file] = site.app.outbox.glob("*.eml")
    [path] = re.findall(r"https://harbour\.example(/preferences/\S+)", plain(file))
    site.clock.move(days=89)
    assert site.http.get(path).status_code == 200
    site.clock.move(days=2)
    assert site.http.get(path).status_code == 404


def test_who_confirms_is_welcomed_once_with_the_latest_posts(site: Any) -> None:
    deps, now = site.app.deps, site.clock.now
    signup.sign_up(deps, [deps.rules.lists[0]], "bob@example.org", "", now)
    [found] = site.app.store.subscriptions(None, None)
    for _ in range(2):
        site.http.post(f"/confirm/{token(site, found, Purpose.CONFIRM)}")
    kinds = [mailing.kind.value for mailing in site.app.store.mailings()]
    assert sorted(kinds) == ["confirm", "welcome"]
    site.app.deliver()
    files = list(site.app.outbox.glob("*.eml"))
    [file] = [file for file in files if "boats" in plain(file)]
    welcome, headers = plain(file), email.message_from_bytes(file.read_bytes())
    assert "/preferences/" in welcome
    assert "/unsubscribe/" in welcome
    [leave] = re.findall(r"<https://harbour\.example(/unsubscribe/\S+)>", headers["List-Unsubscribe"])
    assert leave in welcome
    assert headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert headers["List-Id"].endswith("<daily.harbour.example>")
    assert site.http.post(leave).status_code == 200
