"""What a row of a file comes to, for a reader who may be here already."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from publisher.core.importing import OURS, Effect, Held, Outcome, Row, RowReader, depart
from publisher.core.judging import Look, Wishes
from publisher.core.lists import State
from publisher.core.rhythms import Choices, Taste
from publisher.core.standings import Standing, Statement

JOINED = datetime(2026, 5, 1, 12, tzinfo=UTC)
CLICKED = JOINED + timedelta(hours=1)
BEFORE, AFTER = JOINED - timedelta(days=90), CLICKED + timedelta(days=1)
LEFT = Statement(standing=Standing.LEFT, reason="left")
BOUNCED = Statement(standing=Standing.BOUNCED, reason="bounced")


def held(form: str, confirmed_at: datetime | None, state: State = State.ACTIVE, **more: Any) -> Held:
    values: dict[str, Any] = {"subscription": 7, "list": "daily", "generation": 1, "consent_at": JOINED}
    return Held(form=form, confirmed_at=confirmed_at, state=state, **(values | more))


def said(standing: Standing, at: datetime | None) -> Statement:
    return Statement(standing=standing, reason="r", at=at)


ENDED = Effect(Outcome.ENDED, ends=True, kind="left")
KEPT = Effect(Outcome.KEPT)


@pytest.mark.parametrize(
    ("here", "at", "wanted"),
    [
        (held("import", JOINED), None, ENDED),  # a file said so, and another says otherwise
        (held("import", JOINED), BEFORE, ENDED),
        (held("import", CLICKED), None, KEPT),  # asked by an import, and confirmed by the reader
        (held("import", CLICKED), BEFORE, KEPT),
        (held("import", CLICKED), AFTER, ENDED),
        (held("form", CLICKED), None, KEPT),
        (held("form", CLICKED), BEFORE, KEPT),
        (held("form", CLICKED), AFTER, ENDED),
        (held("address", CLICKED), None, KEPT),
        (held("cli", JOINED), None, ENDED),  # added by the operator: not by the reader
        (held("cli", JOINED), BEFORE, KEPT),
        (held("cli", JOINED), AFTER, ENDED),
        (held("cli", CLICKED), None, KEPT),
        (held("import", None, State.PENDING), None, ENDED),
        (held("cli", None, State.PENDING), None, ENDED),
        (held("form", None, State.PENDING), None, Effect(Outcome.RECORDED, kind="left")),
        (held("form", CLICKED, State.UNSUBSCRIBED), None, Effect(Outcome.KNOWN)),
        (held("import", JOINED, State.UNSUBSCRIBED), None, Effect(Outcome.RECORDED, kind="left")),
        (None, None, Effect(Outcome.RECORDED, kind="left", record=True)),
        (None, BEFORE, Effect(Outcome.RECORDED, kind="left", record=True)),
    ],
)
def test_a_departure_ends_what_the_reader_did_not_confirm_since(
    here: Held | None, at: datetime | None, wanted: Effect
) -> None:
    assert depart(said(Standing.LEFT, at), "daily", [here] if here else [], ()) == wanted


def test_who_is_known_to_have_left_is_listed_and_who_was_erased_is_not() -> None:
    assert depart(LEFT, "daily", [], {"left"}) == Effect(Outcome.KNOWN, record=True)
    assert depart(LEFT, "daily", [], {"erased"}) == Effect(Outcome.KNOWN)
    assert depart(BOUNCED, "daily", [], {"erased"}) == Effect(Outcome.RECORDED, kind="bounce")
    assert depart(LEFT, "daily", [], {"bounce"}) == Effect(Outcome.RECORDED, kind="left", record=True)


@pytest.mark.parametrize(
    ("standing", "kind"),
    [(Standing.BOUNCED, "bounce"), (Standing.COMPLAINED, "complaint"), (Standing.BLOCKED, "operator")],
)
def test_what_holds_on_every_list_spares_who_confirmed_on_another(standing: Standing, kind: str) -> None:
    statement = said(standing, None)
    ends = Effect(Outcome.ENDED, ends=True, kind=kind)
    assert depart(statement, "daily", [held("import", JOINED)], ()) == ends
    assert depart(statement, "daily", [held("import", JOINED, list="other")], ()).kind == kind
    elsewhere = held("form", CLICKED, list="other")
    assert depart(statement, "daily", [elsewhere], ()) == KEPT
    assert depart(LEFT, "daily", [elsewhere], ()).kind == "left"


def rows(head: str, *lines: str, **more: Any) -> list[Row | None]:
    look = Look("readers.csv", head.split(","), more.pop("wishes", Wishes()))
    cells = [line.split(",") for line in lines]
    for line in cells:
        look.row(line)
    reader = RowReader(look, "daily", ("daily", "weekly"), **more)
    return [reader(number, line) for number, line in enumerate(cells, 2)]


def test_a_row_whose_cells_moved_is_not_guessed_at() -> None:
    good, bad = rows("email,name,status", "ann@example.org,Ann,active,,", "bo@example.org,Doe, Bo,active")
    assert good == Row(2, "ann@example.org")
    assert bad is not None
    assert bad.wrong == "has 4 cells where the first line has 3"


def test_tags_become_the_topics_that_are_offered() -> None:
    look = Look("readers.csv", ["email", "TAGS"], Wishes())
    reader = RowReader(look, "daily", (), topics="Tags", offered={"boats": "Boats", "art": "art"})
    row = reader(2, ["ann@example.org", '"BOATS","Lorem Editors", "art"'])
    assert row is not None
    assert row.choices == Choices(taste=Taste(topics=("art", "Boats")))
    assert reader.unoffered == {"Lorem Editors": 1}
    assert reader.ignored == ()


def test_the_columns_that_say_nothing_are_named() -> None:
    look = Look("readers.csv", ["id", "email", "Full Name", "status"], Wishes())
    look.row(["1", "ann@example.org", "Ann", "active"])
    assert RowReader(look, "daily", ()).ignored == ("id", "Full Name")


OWN = "email,list,state,since,confirmed,cadence,on,at,timezone,topics,language,paused"


def test_our_own_export_says_more() -> None:
    one, two, three, four = rows(
        OWN,
        "'=a@example.org,daily,active,,,weekly,,,,,,",
        "b@example.org,daily,pending,,,,,,,,,",
        "c@example.org,daily,unsubscribed,,,,,,,,,",
        "d@example.org,other,active,,,,,,,,,",
    )
    assert one is not None
    assert two is not None
    assert three is not None
    assert (one.address, one.choices.pace.cadence, one.pending) == ("=a@example.org", "weekly", False)
    assert (two.pending, three.said.standing, four) == (True, Standing.LEFT, None)
    assert RowReader(Look("f", OWN.split(","), Wishes()), "daily", ()).provider == OURS


def test_a_word_that_is_no_state_of_ours_refuses_the_row() -> None:
    [row] = rows(OWN, "a@example.org,daily,odd,,,,,,,,,")
    assert row is not None
    assert row.wrong == "state is 'odd'; use one of pending, active, unsubscribed"
