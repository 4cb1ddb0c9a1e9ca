"""Text of authors, readers and servers on a terminal."""

import json
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from publisher.cli.help import printable, printable_json


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "[31mred[0m"),
        ("\x1b]0;title\x07", "]0;title"),
        ("\x9b2Jgone", "2Jgone"),
        ("a\rb\x08c\x7f", "abc"),
        ("evil\u202etxt.exe\u202c", "eviltxt.exe"),
        ("\u2066a\u2069\u2028b", "ab"),
        ("one\ttwo\nthree", "one\ttwo\nthree"),
        ("straße, Ελλάδα, שלום\u200f, مرحبا, नमस्ते, 日本, می\u200cخواهم", None),
        ("👩\u200d👩\u200d👧 e\u0301", None),
    ],
)
def test_what_a_terminal_obeys_goes_and_letters_of_all_scripts_stay(text: str, shown: str | None) -> None:
    assert printable(text) == (text if shown is None else shown)


@given(st.text())
def test_no_control_character_is_left_of_any_text(text: str) -> None:
    left = [c for c in printable(text) if unicodedata.category(c) == "Cc"]
    assert set(left) <= {"\t", "\n"}
    assert printable(printable(text)) == printable(text)


@example("\x7f")  # the one control character that json.dumps leaves
@given(st.text())
def test_json_means_the_same_and_holds_none(text: str) -> None:
    written = printable_json(json.dumps({"a": text}, ensure_ascii=False))
    assert json.loads(written) == {"a": text}
    assert not [c for c in written if unicodedata.category(c) == "Cc" or c in "\u202e\u2066\u2028"]
