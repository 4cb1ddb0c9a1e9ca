"""One rendering for a cohort, not for a reader; and what comes out is what each would get alone."""

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest

from publisher.app import App, fixed
from publisher.config import load
from publisher.core.delivery.mailing import MailingState
from publisher.core.mail.message import Placeholder, fill
from publisher.core.subscribers.subscription import (
    Consent,
    ContentPreference,
    ListChoice,
    NewReader,
    Preferences,
    SchedulePreference,
    normalize_topics,
)
from publisher.services.digests.compose import digest_message, digest_of
from publisher.services.digests.planner import plan_mail
from publisher.services.operations.mailings import verify_rebuild
from publisher.services.subscribers.subscribe import next_due_after

JOINED = datetime(2026, 10, 20, 9, tzinfo=UTC)
NOW = datetime(2026, 10, 26, 23, tzinfo=UTC)
TOPICS, LANGUAGES = ("art", "boats", "fish"), ("", "de", "en")
TOML = f"""
[site]
title = "The Quay"
url = "https://quay.example/"
postal_address = "1 Quay Street"
[[lists]]
slug = "l"
from = "l@quay.example"
max_late = "40d"
readers_choose = {[choice.value for choice in ListChoice]}
[mail]
canary = {{over = 1000000}}
"""
SAMPLE = 12
VALUES = {place: place.value.encode() for place in Placeholder}


class Counting:
    """The real renderer, and which digests it was asked for."""

    def __init__(self, inner: Any) -> None:
        self.inner, self.asked = inner, set[tuple[tuple[str, ...], str]]()

    def digest(self, digest: Any, links: Any) -> Any:
        self.asked.add((tuple(post.id for post in digest.posts), digest.language))
        return self.inner.digest(digest, links)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


def _site(folder: Path, readers: int) -> App:
    """Readers who joined at two moments, and posts of every topic and language."""
    (folder / "posts").mkdir()
    (folder / "publisher.toml").write_text(TOML, encoding="utf-8")
    dice = random.Random(3)  # noqa: S311  # chance, not secrets
    for day in range(2):
        at = JOINED + timedelta(days=day)
        _post(folder, day, at)
        app = App(load(folder), clock=fixed(at))
        app.publish(mail=False)
        _join(app, [_choices(dice) for _ in range(readers // 2)], day, at)
        app.close()
    for n in range(2, 6):
        _post(folder, n, NOW - timedelta(hours=n))
    app = App(load(folder), clock=fixed(NOW))
    app.publish(mail=False)
    return app


def _post(folder: Path, n: int, at: datetime) -> None:
    about = f"categories: [{TOPICS[n % 3]}]\nlang: {LANGUAGES[1 + n % 2]}"
    front = f"title: Post {n}\ndate: {at.isoformat()}\n{about}"
    (folder / "posts" / f"p{n}.md").write_text(f"---\n{front}\n---\nWords of {n}.\n", encoding="utf-8")


def _choices(dice: random.Random) -> Preferences:
    pace = SchedulePreference(cadence=dice.choice(("", "immediate", "weekly")), at=time(dice.randrange(24)))
    topics = normalize_topics(dice.sample(TOPICS, dice.randint(0, 2)))
    return Preferences(
        schedule=pace, content=ContentPreference(topics=topics, language=dice.choice(LANGUAGES))
    )


def _join(app: App, wishes: Sequence[Preferences], day: int, at: datetime) -> None:
    spec = app.deps.rules.lists[0]
    readers = [
        NewReader(
            address=f"r{day}-{n}@example.org",
            key=f"{day}{n:063x}",
            active=True,
            own_wish=False,
            next_due_at=next_due_after(spec, wish.schedule, at),
            choices=wish,
        )
        for n, wish in enumerate(wishes)
    ]
    for begin in range(0, len(readers), 10_000):
        consent = Consent(at=at, origin="", form="import", wording="w")
        app.store.subscribe("l", readers[begin : begin + 10_000], consent)


def _naive(app: App, reader: Any) -> tuple[tuple[tuple[str, str], ...], str]:
    """What a reader gets, told for them alone: what came after their place, of their topics and language."""
    taste = reader.choices.content
    posts = [
        known
        for known in sorted(app.store.all_posts(), key=lambda known: known.first_seq)
        if known.first_seq > reader.offset
        and (not taste.language or known.post.language == taste.language)
        and (not taste.topics or set(taste.topics) & set(known.post.categories))
    ]
    return tuple((known.id, known.post.revision) for known in posts), taste.language or "en"


def _cohorts_are_what_each_would_get_alone(folder: Path, number: int) -> None:
    app = _site(folder, number)
    before = {reader.id: reader for reader in app.store.subscriptions("l", None)}
    renderer = Counting(app.deps.adapters.renderer)
    deps = replace(app.deps, adapters=replace(app.deps.adapters, renderer=renderer))
    [mailing] = plan_mail(deps, NOW).ready

    wants = {id: _naive(app, reader) for id, reader in before.items()}
    asked, made = set(renderer.asked), deps.adapters.store.cohorts(mailing)
    assert deps.adapters.store.mailing(mailing).state is MailingState.READY
    batch = deps.adapters.store.claim_batch("run", NOW, NOW + timedelta(hours=1))
    rows = []
    while batch is not None:
        rows += deps.adapters.store.claimed_deliveries(batch)
        batch = deps.adapters.store.claim_batch("run", NOW, NOW + timedelta(hours=1))
    distinct = {wants[row.subscription] for row in rows}
    assert len(made) == len(asked) == len(distinct)
    assert {row.subscription for row in rows} == {id for id, (posts, _) in wants.items() if posts}
    for row in random.Random(5).sample(rows, SAMPLE):  # noqa: S311  # chance, not secrets
        pairs, language = wants[row.subscription]
        alone = digest_of(deps, deps.rules.lists[0], pairs, NOW, language=language)
        _, segments = digest_message(deps, alone, mailing, own=row.cohort > 1)
        assert fill(deps.adapters.store.segments(mailing, row.cohort), VALUES) == fill(segments, VALUES)
    found = deps.adapters.store.mailing(mailing)
    assert found is not None
    assert not any(proof.differs for proof in verify_rebuild(deps, found)), "a rebuild makes other bytes"
    app.close()


def test_each_distinct_digest_is_rendered_once_and_is_what_a_reader_would_get_alone(tmp_path: Path) -> None:
    _cohorts_are_what_each_would_get_alone(tmp_path, 200)


@pytest.mark.soak
def test_a_hundred_thousand_readers_of_random_preferences_are_a_few_dozen_renderings(tmp_path: Path) -> None:
    _cohorts_are_what_each_would_get_alone(tmp_path, 100_000)
