"""Files of readers are read however they were written."""

import io
import json
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from publisher.core.errors import PublisherError, Refused, UsageError
from publisher.imports.subscriber_files import (
    AnySubscriberFile,
    ListmonkPages,
    SubscriberFile,
    choose_list,
    missing_pages,
    opened,
)

HEAD = "Email,Name"
ROWS = [["ann@example.org", "Ann"], ["bo@example.org", "Bö"]]


def read(tmp_path: Path, data: bytes | str) -> SubscriberFile:
    path = tmp_path / "readers.csv"
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return SubscriberFile(path, "readers.csv")


def cells(file: AnySubscriberFile) -> list[list[str]]:
    return [list(row) for _, row in file.rows()]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_any_encoding_separator_and_line_end(encoding: str, separator: str, end: str, tmp_path: Path) -> None:
    lines = [["Email", "Name"], *ROWS]
    text = end.join(separator.join(line) for line in lines) + end
    file = read(tmp_path, text.encode(encoding))
    assert (file.head, file.separator) == (("Email", "Name"), separator)
    assert cells(file) == ROWS
    assert file.guessed is (encoding == "cp1252")


@pytest.mark.parametrize(
    ("first", "separator"),
    [("sep=;", ";"), ("sep=,", ","), ("SEP=\t", "\t"), ('"sep=;"', ";"), ("sep=~", "~")],
)
def test_a_first_line_may_name_the_separator(first: str, separator: str, tmp_path: Path) -> None:
    text = f"{first}\r\nEmail{separator}Name\r\nann@example.org{separator}a,b;c\r\n".replace(
        "a,b;c", "Ann" if separator in ",;" else "a,b;c"
    )
    file = read(tmp_path, text)
    assert file.head == ("Email", "Name")
    assert [(line, row[0]) for line, row in file.rows()] == [(3, "ann@example.org")]


def test_rows_are_numbered_by_the_line_they_begin_in(tmp_path: Path) -> None:
    text = '\n\nemail,note\nann@example.org,"two\nlines"\n\nbo@example.org,\n'
    assert [line for line, _ in read(tmp_path, text).rows()] == [4, 7]


def test_a_separator_inside_quotes_is_none(tmp_path: Path) -> None:
    file = read(tmp_path, 'EMAIL;NAME\nann@example.org;"A; B, C"\n')
    assert cells(file) == [["ann@example.org", "A; B, C"]]


def test_addresses_alone_need_no_head(tmp_path: Path) -> None:
    file = read(tmp_path, 'ann@example.org\nBo B <bo@example.org>\n"Li, L" <li@example.org>\n')
    assert file.head == ()
    assert [row[0] for row in cells(file)] == [
        "ann@example.org",
        "Bo B <bo@example.org>",
        "Li, L <li@example.org>",
    ]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "readers.csv: the file is empty; name a CSV file"),
        (b" \r\n\n", "readers.csv: the file is empty; name a CSV file"),
        (
            b"name,phone\nAnn,12\n",
            "readers.csv: there is no column `email`; name the column of addresses `email` in the first line",
        ),
        (
            b"PK\x03\x04....",
            "readers.csv: a ZIP archive or an Excel workbook; unpack it, or save the sheet as CSV",
        ),
        (b"\x00\x01\x02\x03\xff" * 50, "readers.csv: not a text file; save it as CSV in UTF-8"),
    ],
)
def test_what_is_no_file_of_readers_is_refused(data: bytes, said: str, tmp_path: Path) -> None:
    with pytest.raises(Refused) as error:
        read(tmp_path, data)
    assert str(error.value) == said


def test_a_quotation_mark_that_is_not_closed_is_found_where_it_stands(tmp_path: Path) -> None:
    file = read(tmp_path, 'email,note\nann@example.org,"\n' + "x" * 70 + ("y" * 99 + "\n") * 12_000)
    with pytest.raises(
        PublisherError, match=r"readers.csv:2: not valid CSV \(a quotation mark is not closed\); fix"
    ):
        cells(file)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        PublisherError, match="cannot be read \\(No such file or directory\\); name a CSV file"
    ):
        SubscriberFile(tmp_path / "none.csv", "none.csv")


def test_standard_input_can_be_read_twice() -> None:
    with opened("-", io.BytesIO(b"email\nann@example.org\n")) as file:
        assert cells(file) == cells(file) == [["ann@example.org"]]


@given(st.binary(max_size=300) | st.text(alphabet='ab@.,;"\n\r\t=', max_size=80).map(str.encode))
def test_no_bytes_break_the_reader(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_bytes(data)
    with suppress(PublisherError):
        assert all(line > 0 and any(row) for line, row in SubscriberFile(path, "any.csv").rows())


def pages(tmp_path: Path, text: str, name: str = "page.json") -> ListmonkPages:
    (tmp_path / name).write_text(text, encoding="utf-8")
    with opened(str(tmp_path / name), io.BytesIO()) as file:
        assert isinstance(file, ListmonkPages)
    return file


def subscriber(name: str, **status_of: str) -> dict[str, object]:
    """A subscriber of lists `l1`, `l2`, ... as listmonk's API writes one."""
    lists = [
        {"subscription_status": status, "id": int(slug[1:]), "name": f"List {slug[1:]}", "optin": "single"}
        for slug, status in status_of.items()
    ]
    return {"email": f"{name}@example.org", "status": "enabled", "attribs": {}, "lists": lists}


def page_of(*subscribers: dict[str, object], total: int = 0) -> str:
    return json.dumps({"data": {"results": subscribers, "total": total, "per_page": 1000, "page": 1}})


def test_pages_of_listmonk_are_read_however_they_were_saved(tmp_path: Path) -> None:
    ann, bo = subscriber("ann", l3="confirmed"), subscriber("bo", l3="unconfirmed")
    wanted = [("ann@example.org", "confirmed"), ("bo@example.org", "unconfirmed (single opt-in)")]
    for text in (
        page_of(ann, bo),
        f"\ufeff{page_of(ann)}\n\n{page_of(bo)}\n",
        f"[{page_of(ann)}, {page_of(bo)}]",
        json.dumps([ann, bo], indent=2),
        f"{json.dumps(ann)}\n{json.dumps(bo)}",
        json.dumps({"results": [ann, bo]}),
    ):
        file = pages(tmp_path, text)
        choose_list([file], "")
        assert [(row[0], row[2]) for _, row in file.rows()] == wanted, text


def test_pages_of_listmonk_say_which_list_they_are_about(tmp_path: Path) -> None:
    blocked: dict[str, object] = {"email": "no@example.org", "status": "blocklisted", "lists": []}
    first = pages(tmp_path, page_of(subscriber("ann", l1="confirmed", l2="unsubscribed"), blocked, total=4))
    last = pages(tmp_path, page_of(subscriber("bo", l1="confirmed", l2="confirmed"), total=4), "last.json")
    other = pages(tmp_path, page_of(subscriber("cy", l2="confirmed"), total=4), "other.json")
    with pytest.raises(UsageError, match=r"on several lists: 1 \(List 1\), 2 \(List 2\)"):
        choose_list([first, last], "")
    choose_list([first, last, other], "")
    assert [row[2] for file in (first, other) for _, row in file.rows()] == [
        "unsubscribed",
        "none",
        "confirmed",
    ]
    choose_list([first, last, other], "List 1")
    assert [row[2] for file in (first, other) for _, row in file.rows()] == ["confirmed", "none", "none"]
    with pytest.raises(UsageError, match="no list is called 'List 9'"):
        choose_list([first], "List 9")
    assert missing_pages([first, last, other]) == ""
    assert "4 subscribers, and these pages hold 3" in missing_pages([first, last])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"data": {', r"page.json:1: not valid JSON"),
        ('{"posts": []}', "no page of listmonk's subscribers"),
        ("[" * 100_000, "nested too deeply"),
        ("[1]", "no page of listmonk's subscribers"),
    ],
)
def test_other_json_is_refused_by_name(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(PublisherError, match=said):
        pages(tmp_path, text)


FIELDS = st.sampled_from(["data", "results", "email", "status", "lists", "id", "total"])
JSON = st.recursive(
    st.none() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(FIELDS, inner)
)


@given(JSON)
def test_no_json_breaks_the_reading(value: object) -> None:
    with tempfile.NamedTemporaryFile("w", suffix=".json") as kept, suppress(PublisherError):
        kept.write(json.dumps([value]))
        kept.flush()
        with opened(kept.name, io.BytesIO()) as file:
            assert isinstance(file, ListmonkPages)
            choose_list([file], "")
            assert all(len(row) == len(file.head) for _, row in file.rows())
