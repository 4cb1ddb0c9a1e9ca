"""The journal: what it says happened, survives."""

import json
import multiprocessing
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from publisher.core.errors import OutputError
from publisher.stores.files.journal import FileJournal


def test_events_come_back_in_order_as_they_were_given(tmp_path: Path) -> None:
    journal = FileJournal(tmp_path / "journal")
    assert journal.read() == []
    journal.append("unsubscribed", {"at": "2024-10-25T09:00:00Z", "list": "daily", "generation": 3})
    journal.append("mailing", {"title": "ខ្មែរ\u2028\n\ud800", "none": None})
    assert journal.read() == [
        ("unsubscribed", {"at": "2024-10-25T09:00:00Z", "list": "daily", "generation": 3}),
        ("mailing", {"title": "ខ្មែរ\u2028\n\ud800", "none": None}),
    ]
    assert len((tmp_path / "journal").read_bytes().splitlines()) == 2


def test_an_entry_holds_what_was_given_and_nothing_else(tmp_path: Path) -> None:
    FileJournal(tmp_path / "journal").append("left", {"n": 1})
    assert json.loads((tmp_path / "journal").read_text()) == {"event": "left", "n": 1}


def test_instants_are_written_in_utc(tmp_path: Path) -> None:
    journal = FileJournal(tmp_path / "journal")
    journal.append("a", {"at": datetime(2024, 10, 25, 16, tzinfo=timezone(timedelta(hours=7)))})
    journal.append("b", {"at": datetime(2024, 10, 25, 9, 0, 0, 5, tzinfo=UTC)})
    assert [fields["at"] for _, fields in journal.read()] == [
        "2024-10-25T09:00:00Z",
        "2024-10-25T09:00:00.000005Z",
    ]
    with pytest.raises(TypeError, match="a journal cannot hold datetime"):
        journal.append("c", {"at": datetime(2024, 10, 25)})  # noqa: DTZ001  # naive on purpose


@pytest.mark.parametrize("torn", [b'{"event":"unsub', b'{"event":"a"}', b"\xff\xfe", b"{", b"[1]", b"7"])
def test_a_torn_last_line_is_passed_over_and_swallows_no_later_event(tmp_path: Path, torn: bytes) -> None:
    journal = FileJournal(tmp_path / "journal")
    journal.append("first", {})
    with (tmp_path / "journal").open("ab") as file:
        file.write(torn)
    before = [event for event, _ in journal.read()]
    assert before[0] == "first"
    journal.append("second", {})
    assert [event for event, _ in journal.read()] == [*before, "second"]


def test_every_cut_of_the_file_reads_as_the_events_before_it(tmp_path: Path) -> None:
    journal = FileJournal(tmp_path / "journal")
    for n in range(5):
        journal.append("e", {"n": n})
    whole = (tmp_path / "journal").read_bytes()
    for length in range(len(whole)):
        (tmp_path / "cut").write_bytes(whole[:length])
        read = [fields["n"] for _, fields in FileJournal(tmp_path / "cut").read()]
        assert read == list(range(len(read)))
        assert len(read) in {whole[:length].count(b"\n"), whole[: length + 1].count(b"\n")}


def test_only_the_owner_may_read_it(tmp_path: Path) -> None:
    FileJournal(tmp_path / "journal").append("a", {})
    assert (tmp_path / "journal").stat().st_mode & 0o777 == 0o600


def test_the_event_s_name_cannot_be_given_twice(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^a journal's field cannot be called event$"):
        FileJournal(tmp_path / "journal").append("a", {"event": "b"})


def _append_many(path: Path, name: str) -> None:
    for n in range(200):
        FileJournal(path).append(name, {"n": n, "padding": "x" * 300})


def test_processes_that_write_at_once_tear_nothing(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_append_many, args=(tmp_path / "journal", name)) for name in "ab"]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    read = FileJournal(tmp_path / "journal").read()
    for name in "ab":
        assert [fields["n"] for event, fields in read if event == name] == list(range(200))


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    journal = FileJournal(tmp_path / "file" / "journal")
    with pytest.raises(OutputError, match=r"file/journal: is below a file, not a folder; move that file a"):
        journal.append("a", {})
    with pytest.raises(OutputError, match=r"file/journal: cannot be read \(Not a directory\)"):
        journal.read()
    with pytest.raises(OutputError, match=r"gone/journal: is missing; create its folder"):
        FileJournal(tmp_path / "gone" / "journal").append("a", {})
