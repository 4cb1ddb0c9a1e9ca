"""Filling segments, and cutting marks out of text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from publisher.core.mail.message import Place, cut, fill


def test_a_reader_s_values_stand_in_their_places() -> None:
    segments = (b"To: ", Place.TO, b"\r\nx ", Place.UNSUBSCRIBE, b" ", Place.UNSUBSCRIBE)
    filled = fill(segments, {Place.TO: b"a@example.com", Place.UNSUBSCRIBE: b"tok"})
    assert filled == b"To: a@example.com\r\nx tok tok"


def test_a_missing_value_makes_no_message() -> None:
    with pytest.raises(KeyError):
        fill((b"To: ", Place.TO), {})


def test_marks_are_cut_out_and_nothing_else() -> None:
    marks = {"[[u]]": Place.UNSUBSCRIBE, "[[c]]": Place.CONFIRM}
    assert cut("[[u]]a [[c]][[u]]\nb", marks) == [
        Place.UNSUBSCRIBE, "a ", Place.CONFIRM, Place.UNSUBSCRIBE, "\nb",
    ]  # fmt: skip
    assert cut("", marks) == []
    assert cut("plain", {}) == ["plain"]


def test_a_mark_within_a_longer_mark_does_not_spoil_it() -> None:
    marks = {"XX": Place.CONFIRM, "XXX": Place.UNSUBSCRIBE}
    assert cut("aXXXb", marks) == ["a", Place.UNSUBSCRIBE, "b"]


@given(st.lists(st.text() | st.sampled_from([Place.UNSUBSCRIBE, Place.CONFIRM])))
def test_cut_pieces_join_to_the_text_they_came_from(pieces: list[str | Place]) -> None:
    marks = {"\x00u\x00": Place.UNSUBSCRIBE, "\x00c\x00": Place.CONFIRM}
    names = {place: mark for mark, place in marks.items()}
    text = "".join(names[p] if isinstance(p, Place) else p for p in pieces)
    assert "".join(names[p] if isinstance(p, Place) else p for p in cut(text, marks)) == text
