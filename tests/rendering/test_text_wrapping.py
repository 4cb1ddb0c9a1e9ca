"""Plain text in columns."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from publisher.core.mail.message import END_CODE, HANGING_INDENT, START_CODE, VERBATIM, finish_text
from publisher.rendering.display_text import display_width, wrap


def test_words_move_to_the_next_line() -> None:
    assert wrap("one two three four", 9) == "one two\nthree\nfour"


def test_paragraphs_and_short_lines_stay() -> None:
    assert wrap("one\ntwo\n\nthree", 20) == "one\ntwo\n\nthree"


def test_an_address_is_never_broken() -> None:
    url = "https://example.org/" + "a-very/long_path?x=1&y=2/" * 6
    assert wrap(f"see {url} now", 30) == f"see\n{url}\nnow"


@pytest.mark.parametrize(
    ("line", "wrapped"),
    [
        ("- one two three", "- one two\n  three"),
        ("12. one two three", "12. one\n    two\n    three"),
        ("> one two three", "> one two\n> three"),
        ("> - one two three", "> - one\n>   two\n>   three"),
        ("- > one two three", "- > one\n  > two\n  > three"),
    ],
)
def test_lists_and_quotations_hang(line: str, wrapped: str) -> None:
    assert wrap(line, 9) == wrapped


def test_chinese_breaks_between_characters_but_not_before_a_stop() -> None:
    lines = wrap("湄公河流經六個國家，沿岸居住著數百萬人。", 18).split("\n")
    assert lines == ["湄公河流經六個國", "家，沿岸居住著數百", "萬人。"]
    assert max(map(display_width, lines)) <= 18


def test_khmer_breaks_at_spaces_and_zero_width_spaces() -> None:
    assert wrap("ទន្លេ មេគង្គ ហូរ", 12) == "ទន្លេ មេគង្គ\nហូរ"
    assert wrap("ទន្លេ\u200bមេគង្គ\u200bហូរ", 9).split("\n") == ["ទន្លេ\u200b", "មេគង្គ\u200b", "ហូរ"]


def test_a_khmer_run_longer_than_a_line_never_breaks_inside_a_cluster() -> None:
    lines = wrap("ជីវភាពរស់នៅប្រចាំថ្ងៃ" * 5, 30).split("\n")
    assert max(map(display_width, lines)) <= 30
    assert not any(line[0] in "្ាិីំះ់" or line.endswith("្") for line in lines)


def test_words_that_only_look_like_a_list_do_not_hang() -> None:
    assert wrap(f"{HANGING_INDENT}- one two three", 9) == "- one two\nthree"
    assert wrap(f"Note 1: {HANGING_INDENT}one two three", 13) == "Note 1: one\n        two\n        three"


def test_a_verbatim_line_is_left_alone() -> None:
    line = f"{VERBATIM}  a very\tlong line of code that goes on  "
    assert wrap(f"one two\n{line}\nthree", 5) == f"one\ntwo\n{line}\nthree"
    assert finish_text(f"{line}\n{VERBATIM}\n{VERBATIM}\nb  \n\n\nc") == f"{line[1:]}\n\n\nb\n\nc\n"


def test_code_within_a_sentence_is_never_broken() -> None:
    assert wrap(f"see ({START_CODE}ls -l a b{END_CODE}) now", 8) == "see\n(ls -l a b)\nnow"
    assert wrap(f"用{START_CODE}ls -l{END_CODE}。看", 9) == "用ls -l。\n看"


def test_a_no_break_space_holds_words_together() -> None:
    assert wrap("about 10\xa0km away", 10) == "about\n10\xa0km away"


@given(
    st.text(
        alphabet=st.characters(exclude_categories=["Cs", "Cc", "Cn", "Zs", "Zl", "Zp"])
        | st.sampled_from(" \n")
    )
)
def test_wrapping_loses_no_character(text: str) -> None:
    assert "".join(wrap(text, 20).split()).replace(">", "") == "".join(text.split()).replace(">", "")


@given(st.lists(st.text(alphabet="abc字。", min_size=1, max_size=12)))
def test_no_line_is_wider_than_asked(words: list[str]) -> None:
    assert all(display_width(line) <= 40 for line in wrap(" ".join(words), 40).split("\n"))
