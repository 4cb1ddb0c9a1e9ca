"""A preview as a reader is the message that reader then gets, byte for byte, whatever has changed."""

import quopri
import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from publisher.app import App
from publisher.config import load
from publisher.core.errors import Refused
from publisher.core.subscribers.subscription import ContentPreference, Preferences, SchedulePreference
from publisher.services.subscribers import departures, signup, subscribe
from publisher.services.subscribers.subscribe import next_due_of

TOML = """
[site]
title = "The Harbour"
url = "https://harbour.example/"
id_authority = "harbour.example,2024"
postal_address = "1 Quay Street"
[[lists]]
slug = "first"
from = "The Harbour <news@harbour.example>"
[[lists]]
slug = "daily"
title = "The Harbour, daily"
from = "The Harbour <news@harbour.example>"
cadence = "daily"
at = "08:00"
max_posts = 2
readers_choose = ["topics", "language", "cadence"]
"""
START = datetime(2024, 10, 20, 8, tzinfo=UTC)
DAY = timedelta(days=1)
ONCE = (b"Message-ID: ", b"X-Publisher-Delivery: ")
"""What is made when a message is sent: these two lines name its delivery."""


class Desk:
    """A site, its readers, and a clock."""

    def __init__(self, folder: Path, toml: str = TOML) -> None:
        (folder / "posts").mkdir(parents=True)
        (folder / "publisher.toml").write_text(toml, encoding="utf-8")
        self.folder, self.now, self.names = folder, START, list[str]()
        self.app = App(load(folder), clock=lambda: self.now, environ={})
        self.spec = self.app.settings.lists[-1]
        self.app.publish()

    def post(
        self, name: str, *, topic: str = "boats", lang: str = "en", body: str = "Words.", **more: str
    ) -> None:
        front = {"title": name.title(), "date": f"{START:%Y-%m-%d}", "categories": f"[{topic}]", "lang": lang}
        lines = "".join(f"{key}: {value}\n" for key, value in (front | more).items())
        (self.folder / "posts" / f"{name}.md").write_text(f"---\n{lines}---\n{body}\n", encoding="utf-8")

    def reader(self, name: str, *topics: str, spec: Any = None, **choices: Any) -> None:
        deps, spec = self.app.deps, spec or self.spec
        subscribe.add(deps, spec, self.address(name), self.now, confirmed=True)
        self.names = [*dict.fromkeys([*self.names, name])]
        if topics or choices:
            taste = ContentPreference(topics=topics, language=choices.get("language", ""))
            pace = SchedulePreference(cadence=choices.get("cadence", ""))
            self.choose(name, Preferences(content=taste, schedule=pace, paused=choices.get("paused", False)))

    def choose(self, name: str, choices: Preferences) -> None:
        found = self.found(name)
        due = next_due_of(self.spec, found, self.now, choices.schedule)
        assert self.app.store.set_preferences(found.id, found.generation, choices, due)

    def found(self, name: str) -> Any:
        key = departures.key_of(self.app.ring, self.address(name))
        return next(s for s in self.app.store.subscriptions_of(key) if s.list == self.spec.slug)

    def back(self, name: str) -> None:
        """Leaves, and comes back in person."""
        departures.unsubscribe(self.app.deps, self.address(name), self.spec, self.now)
        signup.sign_up(self.app.deps, [self.spec], self.address(name), "", self.now)
        found = self.found(name)
        assert self.app.store.confirm(found.id, found.generation, self.now, self.now)

    def address(self, name: str) -> str:
        return f"{name}@example.org"

    def previews(self) -> dict[str, bytes]:
        """What each reader would get, by name; nothing for who gets nothing."""
        drawn: dict[str, bytes] = {}
        for name in self.names:
            try:
                shown = self.app.preview(self.spec, self.address(name))
            except Refused:
                continue
            drawn[name] = shown.files()["message.eml"]
            assert bool(shown.note) is (self.found(name).next_due_at > self.now)
        return drawn

    def mailed(self, send: Sequence[str] = ()) -> dict[str, bytes]:
        """Publishes and delivers; what came to each reader of the list."""
        for old in self.app.outbox.glob("*.eml"):
            old.unlink()
        self.app.publish(send=send)
        self.app.deliver()
        found: dict[str, bytes] = {}
        for file in self.app.outbox.glob("*.eml"):
            data = file.read_bytes()
            if b"List-Id: " in data and f"<{self.spec.slug}.".encode() in data:
                [to] = [line for line in data.split(b"\r\n") if line.startswith(b"To: ")]
                assert found.setdefault(to[4:].split(b"@")[0].decode(), data) is data
        return found


def plain(data: bytes) -> list[bytes]:
    return [line for line in data.split(b"\r\n") if not line.startswith(ONCE)]


def compare(desk: Desk, send: Sequence[str] = ()) -> dict[str, bytes]:
    """What readers get; each message is the preview, and who has no preview gets nothing."""
    drawn, rows = desk.previews(), desk.app.store.head()
    assert desk.previews() == drawn
    assert desk.app.store.head() == rows
    if not send:
        drawn = {name: data for name, data in drawn.items() if desk.found(name).next_due_at <= desk.now}
    came = desk.mailed(send)
    assert set(came) == set(drawn)
    for name, data in came.items():
        assert plain(data) == plain(drawn[name]), name
    return came


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    opened = Desk(tmp_path)
    yield opened
    opened.app.close()


def test_corrections_topics_language_and_posts_to_come_are_as_they_then_are(desk: Desk) -> None:
    for name in ("ann", "bo", "eve"):
        desk.reader(name)
    desk.post("old", body="First words.")
    desk.post("away")
    desk.now += DAY
    desk.app.publish()
    desk.app.deliver()
    desk.back("eve")
    desk.post("away", draft="true")
    desk.choose("bo", Preferences(content=ContentPreference(topics=("fish",))))
    desk.reader("cy", language="de")
    desk.reader("dee", cadence="weekly")
    desk.reader("fay", paused=True)
    desk.reader("gus", spec=desk.app.settings.lists[0])  # whose list has a mailing first
    desk.names.remove("gus")
    for name, topic, lang in (("one", "boats", "en"), ("two", "fish", "de"), ("three", "fish", "en")):
        desk.post(name, topic=topic, lang=lang)
    desk.app.publish(mail=False)
    desk.post("old", body="Second words.", mail="correction")
    desk.post("one", body="Edited meanwhile.")
    desk.post("two", topic="boats", lang="de")  # a change that is no news
    desk.post("four", body="New: [one](one.md).")
    desk.post("hidden", draft="true")
    desk.post("later", date="2024-10-30")
    desk.now += DAY
    came = compare(desk)
    assert set(came) == {"ann", "bo", "cy", "eve"}
    read = {name: quopri.decodestring(data) for name, data in came.items()}
    assert b"Feedback-ID: 4:daily:" in came["ann"]
    assert {name for name, data in read.items() if b"Second words." in data} == {"ann", "bo"}
    own = {name for name, data in read.items() if b"/view/" in data}
    assert own == {"ann", "bo", "cy"}  # the page of the mailing shows eve's
    assert b"New: " in read["eve"]


def test_who_is_not_due_sees_what_sending_now_would_bring(desk: Desk) -> None:
    desk.reader("ann", cadence="weekly")
    desk.reader("bo")
    desk.post("one")
    desk.now += timedelta(hours=2)
    assert set(compare(desk, ["daily"])) == {"ann", "bo"}


def test_a_post_that_its_author_may_think_over_is_not_in_it(tmp_path: Path) -> None:
    desk = Desk(tmp_path, TOML + 'delay = "1h"\nmin_posts = 2\n')
    desk.reader("ann")
    desk.post("one")
    desk.now += DAY
    shown = desk.app.preview(desk.spec, "ann@example.org")
    assert (
        "nothing is due for ann@example.org yet; this is what `publisher publish --send daily`" in shown.note
    )
    desk.app.publish(mail=False)
    desk.now += timedelta(hours=2)
    assert "min_posts = 2" in desk.app.preview(desk.spec, "ann@example.org").note
    desk.app.close()


@pytest.mark.parametrize(("name", "why"), [("fay", "has paused emails"), ("leo", "has left it")])
def test_who_gets_no_mail_is_told_why(desk: Desk, name: str, why: str) -> None:
    desk.post("one")
    desk.reader(name, paused=name == "fay")
    if name == "leo":
        departures.unsubscribe(desk.app.deps, desk.address(name), None, desk.now)
    with pytest.raises(Refused, match=f"preview daily: {name}@example.org {why}"):
        desk.app.preview(desk.spec, desk.address(name))


@pytest.mark.parametrize("seed", range(8))
def test_whatever_happens_between_mails_a_preview_is_the_mail(desk: Desk, seed: int) -> None:
    """Four days of small accidents, by chance."""
    dice = random.Random(seed)  # noqa: S311  # a history, no secret
    for name in ("ann", "bo", "cy"):
        desk.reader(name)
    written: list[str] = []
    for day in range(4):
        written += [f"p{day}{n}" for n in range(dice.randint(0, 3))]
        for name in written[-3:] if dice.random() < 0.8 else ():
            front = {"mail": dice.choice(["correction", "never"])} if dice.random() < 0.4 else {}
            front |= {"draft": "true"} if dice.random() < 0.2 else {}
            topic, lang = dice.choice(["boats", "fish"]), dice.choice(["en", "de"])
            desk.post(name, topic=topic, lang=lang, body=f"Words {dice.randint(0, 2)}.", **front)
            if dice.random() < 0.3:
                desk.app.publish(mail=False)
        who = dice.choice(desk.names)
        deed = dice.choice(["topics", "language", "weekly", "back", "new", "nothing"])
        if deed == "back":
            desk.back(who)
        elif deed == "new":
            desk.reader(f"new{day}")
        elif deed != "nothing":
            taste = ContentPreference(
                topics=("fish",) if deed == "topics" else (), language="de" if deed == "language" else ""
            )
            desk.choose(
                who,
                Preferences(
                    content=taste, schedule=SchedulePreference(cadence="weekly" if deed == "weekly" else "")
                ),
            )
        desk.now += DAY
        compare(desk, ["daily"] if dice.random() < 0.3 else ())
