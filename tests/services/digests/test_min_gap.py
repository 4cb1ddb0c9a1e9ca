"""Readers who get each post at once: the first goes out at once, and what follows soon comes together."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mailsite import START, MailSite, readers
from properties import examples

from publisher.core.subscribers.cadences import TIME_STEP

TWO = readers(2)


def immediate(folder: Path, gap: str = "") -> MailSite:
    site = MailSite(folder, TWO)
    toml = site.folder / "publisher.toml"
    text = toml.read_text().replace('cadence = "daily"\nat = "08:00"', f'cadence = "immediate"\n{gap}')
    toml.write_text(text, encoding="utf-8")
    site.deliver()
    return site


def new(site: MailSite, minutes: float, *names: str) -> list[str]:
    """These posts appear after so many minutes; the subjects of the mails to the first reader since."""
    before = {file.name for file in (site.folder / "outbox").glob("*.eml")}
    site.now += minutes * (TIME_STEP * 60_000)
    for name in names:
        text = f"---\ntitle: {name}\ndate: {site.now:%Y-%m-%d}\n---\nWords of {name}.\n"
        (site.folder / f"posts/{name}.md").write_text(text, encoding="utf-8")
    app = site.app()
    app.publish()
    app.deliver()
    app.close()
    files = sorted(file for file in (site.folder / "outbox").glob("*.eml") if file.name not in before)
    return [file.read_text() for file in files if f"To: {TWO[0]}" in file.read_text()]


def test_the_first_goes_at_once_and_what_follows_within_ten_minutes_comes_in_one_mail(tmp_path: Path) -> None:
    site = immediate(tmp_path / "site")
    assert len(new(site, 60, "one")) == 1
    assert new(site, 3, "two") == []
    assert new(site, 3, "three") == []
    app = site.app()
    [waiting] = app.backlog()
    assert (waiting.posts, waiting.readers) == (2, 2)
    assert app.next_due() == waiting.until == START + 70 * (TIME_STEP * 60_000)
    app.close()
    [mail] = new(site, 4)
    assert all(f"Words of {name}." in mail for name in ("two", "three"))
    assert "Words of one." not in mail
    assert new(site, 4) == []
    assert len(new(site, 10, "four")) == 1, "the gap is over"


def test_a_reader_who_had_no_mail_waits_for_nothing(tmp_path: Path) -> None:
    site = immediate(tmp_path / "site")
    for n in range(5):
        assert len(new(site, 11, f"post-{n}")) == 1
    assert [len(new(site, 11)) for _ in range(2)] == [0, 0]
    assert len(new(site, 0.1, "late")) == 1


def test_the_gap_is_a_setting_and_send_goes_on_without_it(tmp_path: Path) -> None:
    site = immediate(tmp_path / "site", 'min_gap = "0m"')
    assert [len(new(site, 1, f"post-{n}")) for n in range(3)] == [1, 1, 1]
    toml = site.folder / "publisher.toml"
    toml.write_text(toml.read_text().replace('"0m"', '"1h"'), encoding="utf-8")
    assert len(new(site, 1, "last-at-once")) == 1
    assert new(site, 50, "waits") == []
    app = site.app()
    app.publish(send=["daily"])
    app.deliver()
    app.close()
    assert site.mailed("waits") == dict.fromkeys(TWO, 1)


@settings(max_examples=examples(15))
@given(steps=st.lists(st.tuples(st.integers(0, 15), st.integers(0, 2)), min_size=3, max_size=8))
def test_each_post_comes_once_and_never_two_mails_within_the_gap(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[int, int]]
) -> None:
    site = immediate(tmp_path_factory.mktemp("gap") / "site")
    site.now += 60 * (TIME_STEP * 60_000)
    mailed: list[Any] = []
    names: list[str] = []
    for minutes, number in [*steps, (11, 0)]:
        fresh = [f"post-{len(names) + n:02}" for n in range(number)]
        names += fresh
        if new(site, minutes, *fresh):
            mailed.append(site.now)
    gaps = [later - earlier for earlier, later in pairwise(mailed)]
    assert all(gap >= 10 * (TIME_STEP * 60_000) for gap in gaps), gaps
    assert [name for name in names if set(site.mailed(name).values()) != {1}] == []
