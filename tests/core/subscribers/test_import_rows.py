"""What a row of a file comes to, for a reader who may be here already."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from publisher.core.subscribers.csv_cells import RowStatus, SourceStatus
from publisher.core.subscribers.import_columns import FileScan, ScanOptions
from publisher.core.subscribers.import_rows import (
    OWN_EXPORT,
    DepartureEffect,
    ExistingSubscription,
    ImportOutcome,
    ImportRow,
    RowParser,
    departure_effect,
)
from publisher.core.subscribers.subscription import ContentPreference, Preferences, SubscriptionState

JOINED = datetime(2026, 5, 1, 12, tzinfo=UTC)
CLICKED = JOINED + timedelta(hours=1)
BEFORE, AFTER = JOINED - timedelta(days=90), CLICKED + timedelta(days=1)
LEFT = RowStatus(status=SourceStatus.LEFT, reason="left")
BOUNCED = RowStatus(status=SourceStatus.BOUNCED, reason="bounced")


def held(
    form: str, confirmed_at: datetime | None, state: SubscriptionState = SubscriptionState.ACTIVE, **more: Any
) -> ExistingSubscription:
    values: dict[str, Any] = {"subscription": 7, "list": "daily", "generation": 1, "consent_at": JOINED}
    return ExistingSubscription(form=form, confirmed_at=confirmed_at, state=state, **(values | more))


def said(status: SourceStatus, at: datetime | None) -> RowStatus:
    return RowStatus(status=status, reason="r", at=at)


ENDED = DepartureEffect(ImportOutcome.ENDED, ends=True, kind="left")
KEPT = DepartureEffect(ImportOutcome.KEPT)


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
        (held("import", None, SubscriptionState.PENDING), None, ENDED),
        (held("cli", None, SubscriptionState.PENDING), None, ENDED),
        (
            held("form", None, SubscriptionState.PENDING),
            None,
            DepartureEffect(ImportOutcome.RECORDED, kind="left"),
        ),
        (held("form", CLICKED, SubscriptionState.UNSUBSCRIBED), None, DepartureEffect(ImportOutcome.KNOWN)),
        (
            held("import", JOINED, SubscriptionState.UNSUBSCRIBED),
            None,
            DepartureEffect(ImportOutcome.RECORDED, kind="left"),
        ),
        (None, None, DepartureEffect(ImportOutcome.RECORDED, kind="left", record=True)),
        (None, BEFORE, DepartureEffect(ImportOutcome.RECORDED, kind="left", record=True)),
    ],
)
def test_a_departure_ends_what_the_reader_did_not_confirm_since(
    here: ExistingSubscription | None, at: datetime | None, wanted: DepartureEffect
) -> None:
    assert departure_effect(said(SourceStatus.LEFT, at), "daily", [here] if here else [], ()) == wanted


def test_who_is_known_to_have_left_is_listed_and_who_was_erased_is_not() -> None:
    assert departure_effect(LEFT, "daily", [], {"left"}) == DepartureEffect(ImportOutcome.KNOWN, record=True)
    assert departure_effect(LEFT, "daily", [], {"erased"}) == DepartureEffect(ImportOutcome.KNOWN)
    assert departure_effect(BOUNCED, "daily", [], {"erased"}) == DepartureEffect(
        ImportOutcome.RECORDED, kind="bounce"
    )
    assert departure_effect(LEFT, "daily", [], {"bounce"}) == DepartureEffect(
        ImportOutcome.RECORDED, kind="left", record=True
    )


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (SourceStatus.BOUNCED, "bounce"),
        (SourceStatus.COMPLAINED, "complaint"),
        (SourceStatus.BLOCKED, "operator"),
    ],
)
def test_what_holds_on_every_list_spares_who_confirmed_on_another(status: SourceStatus, kind: str) -> None:
    row_status = said(status, None)
    ends = DepartureEffect(ImportOutcome.ENDED, ends=True, kind=kind)
    assert departure_effect(row_status, "daily", [held("import", JOINED)], ()) == ends
    assert departure_effect(row_status, "daily", [held("import", JOINED, list="other")], ()).kind == kind
    elsewhere = held("form", CLICKED, list="other")
    assert departure_effect(row_status, "daily", [elsewhere], ()) == KEPT
    assert departure_effect(LEFT, "daily", [elsewhere], ()).kind == "left"


def rows(head: str, *lines: str, **more: Any) -> list[ImportRow | None]:
    look = FileScan("readers.csv", head.split(","), more.pop("wishes", ScanOptions()))
    cells = [line.split(",") for line in lines]
    for line in cells:
        look.row(line)
    reader = RowParser(look, "daily", ("daily", "weekly"), **more)
    return [reader(number, line) for number, line in enumerate(cells, 2)]


def test_a_row_whose_cells_moved_is_not_guessed_at() -> None:
    good, bad = rows("email,name,status", "ann@example.org,Ann,active,,", "bo@example.org,Doe, Bo,active")
    assert good == ImportRow(2, "ann@example.org")
    assert bad is not None
    assert bad.wrong == "has 4 cells, but the header has 3"


def test_tags_become_the_topics_that_are_offered() -> None:
    look = FileScan("readers.csv", ["email", "TAGS"], ScanOptions())
    reader = RowParser(look, "daily", (), topics="Tags", offered={"boats": "Boats", "art": "art"})
    row = reader(2, ["ann@example.org", '"BOATS","Lorem Editors", "art"'])
    assert row is not None
    assert row.choices == Preferences(content=ContentPreference(topics=("art", "Boats")))
    assert reader.unoffered == {"Lorem Editors": 1}
    assert reader.ignored == ()


def test_the_columns_that_say_nothing_are_named() -> None:
    look = FileScan("readers.csv", ["id", "email", "Full Name", "status"], ScanOptions())
    look.row(["1", "ann@example.org", "Ann", "active"])
    assert RowParser(look, "daily", ()).ignored == ("id", "Full Name")


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
    assert (one.address, one.choices.schedule.cadence, one.pending) == ("=a@example.org", "weekly", False)
    assert (two.pending, three.said.status, four) == (True, SourceStatus.LEFT, None)
    assert RowParser(FileScan("f", OWN.split(","), ScanOptions()), "daily", ()).provider == OWN_EXPORT


def test_a_word_that_is_no_state_of_ours_refuses_the_row() -> None:
    [row] = rows(OWN, "a@example.org,daily,odd,,,,,,,,,")
    assert row is not None
    assert row.wrong == "state is 'odd'; use one of pending, active, unsubscribed"
