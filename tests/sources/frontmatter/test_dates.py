"""Dates: their forms, where they are looked for, and the zone of those without one."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from declared import source_rules
from hypothesis import given
from hypothesis import strategies as st

from publisher.core.posts.post import ParsedPost, Post
from publisher.sources.frontmatter.dates import DateOrder, parse_date, read_date
from publisher.sources.parse_post import read_post

PHNOM_PENH = source_rules(site_url="https://blog.example/", timezone="Asia/Phnom_Penh")


def post(front: str, path: str = "a.md") -> Post:
    result = read_post(path, f"---\ntitle: A\n{front}\n---\n".encode(), PHNOM_PENH)
    assert isinstance(result, ParsedPost), str(result)
    return result.post


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2024-10-25T08:38:59.880Z", "2024-10-25T08:38:59.880000"),
        ("2024-10-25 08:38:59 +0200", "2024-10-25T06:38:59"),
        ("2024-10-25 08:38:59+02:00", "2024-10-25T06:38:59"),
        ("2024-10-25 08:38 -6", "2024-10-25T14:38:00"),
        ("2024-1-2 3:04", "2024-01-02T08:04:00"),
        ("2024/01/02", "2024-01-02T05:00:00"),
        ("2024-07-02", "2024-07-02T04:00:00"),
        ("October 14, 2015", "2015-10-14T04:00:00"),
        ("14 October 2015 10:30 pm", "2015-10-15T02:30:00"),
        ("Wed, 14 Oct 2015 14:00:00 +0000", "2015-10-14T14:00:00"),
        ("2016-07-19 (optional)", "2016-07-19T04:00:00"),
        ("2016-07-19 14:00 EDT", "2016-07-19T18:00:00"),
        ("2016-07-19 14:00 America/Los_Angeles", "2016-07-19T21:00:00"),
        ("\u00a02016-07-19 14:00 UTC", "2016-07-19T14:00:00"),
        ("2026-07-20 18h30", "2026-07-20T22:30:00"),
        ("2026-07-20 18h", "2026-07-20T22:00:00"),
        ("2026-07-20 6pm", "2026-07-20T22:00:00"),
        ("2026-07-20 6:30 p.m. CEST", "2026-07-20T16:30:00"),
        ("November 12, 2026 3pm", "2026-11-12T20:00:00"),
        ("2019-12-01-19:48", "2019-12-02T00:48:00"),
        ("2026-07-20 18.30", "2026-07-20T22:30:00"),
        ("2026-07-20 1830", "2026-07-20T22:30:00"),
        ("2026-07-20T18", "2026-07-20T22:00:00"),
        ("25.12.2026 20h15", "2026-12-26T01:15:00"),
    ],
)
def test_every_form_of_a_date_is_understood(text: str, utc: str) -> None:
    found = parse_date(text, ZoneInfo("America/New_York"))
    assert found == datetime.fromisoformat(utc).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    ["2024-02-30", "2024-13-01", "0000-01-01", "2024-01-01 25:00", "tomorrow", "", "12:00",
     "0001-01-01 00:00 +14", "2016-06-17 12:00-400", "2024-01-01 13:00 pm", "99999-01-01"],
)  # fmt: skip
def test_an_impossible_date_is_none(text: str) -> None:
    assert parse_date(text, UTC) is None


def test_a_date_without_a_zone_is_in_the_sites() -> None:
    assert post("date: 2024-10-25 15:00").instant == datetime(2024, 10, 25, 8, 0, tzinfo=UTC)


def test_front_matter_wins_over_the_name_and_the_name_over_the_path() -> None:
    assert post("date: 2024-10-25T00:00Z", "2020-01-01-a.md").instant == datetime(2024, 10, 25, tzinfo=UTC)
    assert post("x: y", "2019/03/04/2020-01-02-a.md").instant == datetime(2020, 1, 1, 17, tzinfo=UTC)
    assert post("x: y", "2019/03/04/a.md").instant == datetime(2019, 3, 3, 17, tzinfo=UTC)
    assert post("path: 2014/12/12/x", "a.md").instant == datetime(2014, 12, 11, 17, tzinfo=UTC)


def test_a_dated_bundle_dates_its_index_file() -> None:
    found = post("x: y", "2020-01-02-trip/index.md")
    assert (found.instant, found.slug) == (datetime(2020, 1, 1, 17, tzinfo=UTC), "trip")


def test_an_impossible_day_falls_back_with_a_warning() -> None:
    found = post("date: 2024-02-30", "2024-02-28-a.md")
    assert found.instant == datetime(2024, 2, 27, 17, tzinfo=UTC)
    assert found.warnings == ("line 3: date: '2024-02-30' is not a date; write it as 2024-10-25 08:38",)


def test_published_is_a_date_unless_it_is_a_boolean() -> None:
    assert post("published: 2024-01-02T00:00Z").instant == datetime(2024, 1, 2, tzinfo=UTC)
    assert post("published: true", "2024-01-02-a.md").hidden is None


def test_a_post_without_a_date_is_hidden_and_says_so() -> None:
    found = post("x: y")
    assert (found.instant, found.hidden) == (None, "no date")


def test_modified_and_expiry_are_read_under_their_many_names() -> None:
    found = post("date: 2024-01-01\nlast_modified_at: 2024-02-01T00:00Z\nexpiryDate: 2024-03-01T00:00Z")
    assert found.modified == datetime(2024, 2, 1, tzinfo=UTC)
    assert found.expires == datetime(2024, 3, 1, tzinfo=UTC)


_CLOCKS = st.builds("{:02}:{:02}:{:02}".format, st.integers(0, 25), st.integers(0, 61), st.integers(0, 61))
_OFFSETS = st.sampled_from(("", "Z")) | st.builds(
    "{}{:02}:{:02}".format, st.sampled_from("+-"), st.integers(0, 26), st.integers(0, 70)
)


@given(
    st.integers(0, 9999), st.integers(0, 13), st.integers(0, 32), st.sampled_from("T "), _CLOCKS, _OFFSETS,
    st.sampled_from(("UTC", "America/New_York", "Asia/Phnom_Penh")),
)  # fmt: skip
def test_the_quick_way_says_what_the_patterns_say(
    year: int, month: int, day: int, between: str, clock: str, offset: str, zone: str
) -> None:
    text = f"{year:04}-{month:02}-{day:02}{between}{clock}{offset}"
    # Words after a date are passed over, and not the quick way.
    assert parse_date(text, ZoneInfo(zone)) == parse_date(f"{text} (or so)", ZoneInfo(zone))


@pytest.mark.parametrize("text", ["05/11/2026", "05-11-2026", "05.11.2026"])
def test_a_date_of_numbers_is_read_as_the_generator_reads_it(text: str) -> None:
    read = {order: read_date(text, UTC, order).at for order in DateOrder}
    assert read[DateOrder.DAY_FIRST] == datetime(2026, 11, 5, tzinfo=UTC)
    assert read[DateOrder.MONTH_FIRST] == datetime(2026, 5, 11, tzinfo=UTC)
    assert read[DateOrder.NONE] == (read[DateOrder.MONTH_FIRST] if "/" in text else None)


def test_a_date_of_numbers_that_could_be_another_is_said() -> None:
    for order, said in ((DateOrder.DAY_FIRST, False), (DateOrder.MONTH_FIRST, True), (DateOrder.NONE, True)):
        assert bool(read_date("05/11/2026", UTC, order).doubt) is said
        assert not read_date("05/05/2026", UTC, order).doubt
        assert not read_date("25/11/2026", UTC, order).doubt


@given(
    rest=st.sampled_from(["noon", "at 7 in the evening", "18?30", "in the p.m.", "(12)"]),
    day=st.sampled_from(["2026-11-20", "November 20, 2026", "20/11/2026"]),
)
def test_a_time_that_is_not_understood_is_never_midnight_in_silence(rest: str, day: str) -> None:
    found = post(f"date: {day} {rest}")
    assert any("line 3: date:" in warning for warning in found.warnings)


def test_a_time_that_jekyll_passes_over_is_waited_for_and_said() -> None:
    text = b"---\ntitle: A\ndate: 2026-11-20 18.30\n---\n"
    for profile, said in (("jekyll", 1), ("none", 0)):
        found = read_post("a.md", text, source_rules(site_url="https://blog.example/", profile=profile))
        assert isinstance(found, ParsedPost)
        assert found.post.instant == datetime(2026, 11, 20, 18, 30, tzinfo=UTC)
        assert len(found.post.warnings) == said


def test_hugos_publish_date_is_the_instant_and_its_date_makes_the_address() -> None:
    rules = source_rules(site_url="https://blog.example/", profile="hugo", permalink="/:year/:month/:slug/")
    text = b"---\ntitle: A\ndate: 2025-03-01\npublishDate: 2026-01-05\n---\n"
    found = read_post("a.md", text, rules)
    assert isinstance(found, ParsedPost)
    assert (found.post.instant, found.post.permalink) == (datetime(2026, 1, 5, tzinfo=UTC), "/2025/03/a/")
