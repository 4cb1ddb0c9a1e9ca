"""Filling segments, and cutting marks out of text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from publisher.core.mail.message import Placeholder, fill, split_at_marks


def test_a_reader_s_values_stand_in_their_places() -> None:
    segments = (b"To: ", Placeholder.TO, b"\r\nx ", Placeholder.UNSUBSCRIBE, b" ", Placeholder.UNSUBSCRIBE)
    filled = fill(segments, {Placeholder.TO: b"a@example.com", Placeholder.UNSUBSCRIBE: b"tok"})
    assert filled == b"To: a@example.com\r\nx tok tok"


def test_a_missing_value_makes_no_message() -> None:
    with pytest.raises(KeyError):
        fill((b"To: ", Placeholder.TO), {})


def test_marks_are_cut_out_and_nothing_else() -> None:
    marks = {"[[u]]": Placeholder.UNSUBSCRIBE, "[[c]]": Placeholder.CONFIRM}
    assert split_at_marks("[[u]]a [[c]][[u]]\nb", marks) == [
        Placeholder.UNSUBSCRIBE, "a ", Placeholder.CONFIRM, Placeholder.UNSUBSCRIBE, "\nb",
    ]  # fmt: skip
    assert split_at_marks("", marks) == []
    assert split_at_marks("plain", {}) == ["plain"]


def test_a_mark_within_a_longer_mark_does_not_spoil_it() -> None:
    marks = {"XX": Placeholder.CONFIRM, "XXX": Placeholder.UNSUBSCRIBE}
    assert split_at_marks("aXXXb", marks) == ["a", Placeholder.UNSUBSCRIBE, "b"]


@given(st.lists(st.text() | st.sampled_from([Placeholder.UNSUBSCRIBE, Placeholder.CONFIRM])))
def test_cut_pieces_join_to_the_text_they_came_from(pieces: list[str | Placeholder]) -> None:
    marks = {"\x00u\x00": Placeholder.UNSUBSCRIBE, "\x00c\x00": Placeholder.CONFIRM}
    names = {place: mark for mark, place in marks.items()}
    text = "".join(names[p] if isinstance(p, Placeholder) else p for p in pieces)
    assert "".join(names[p] if isinstance(p, Placeholder) else p for p in split_at_marks(text, marks)) == text
