"""The license that a site names, text direction, and contrast of colors."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from publisher.core.site import (
    MIN_CONTRAST,
    Palette,
    contrast,
    lighten_for_dark,
    readable_ink,
    text_direction,
)


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("en", "ltr"),
        ("km-KH", "ltr"),
        ("ar", "rtl"),
        ("he-IL", "rtl"),
        ("FA_ir", "rtl"),
        ("ku-Arab", "rtl"),
        ("ku", "ltr"),
        ("ks-Arab-IN", "rtl"),
        ("ar-Latn", "ltr"),
        ("zh-Hant-TW", "ltr"),
        ("", "ltr"),
    ],
)
def test_the_script_decides_then_the_language(language: str, expected: str) -> None:
    assert text_direction(language) == expected


COLOURS = st.integers(0, 0xFFFFFF).map(lambda n: f"#{n:06x}")


def test_black_on_white_is_21_and_a_colour_on_itself_1() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#0b5a70", "#0b5a70") == pytest.approx(1)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


def test_the_packaged_colours_are_readable_in_light_and_dark() -> None:
    it = Palette()
    light = [(front, back) for front in (it.ink, it.quiet, it.accent) for back in (it.paper, it.tint)]
    dark = [
        (f, b) for f in (it.dark_ink, it.dark_quiet, it.dark_accent) for b in (it.dark_paper, it.dark_tint)
    ]
    buttons = [(it.on_accent, it.accent), (it.dark_on_accent, it.dark_accent)]
    assert [pair for pair in light + dark + buttons if contrast(*pair) < MIN_CONTRAST] == []


@given(COLOURS)
def test_words_on_any_button_are_readable(colour: str) -> None:
    assert contrast(readable_ink(colour), colour) >= MIN_CONTRAST - 0.25


@given(COLOURS)
def test_any_accent_is_lightened_until_it_reads_in_the_dark(colour: str) -> None:
    made = lighten_for_dark(colour, Palette().dark_paper)
    assert contrast(made, Palette().dark_paper) >= MIN_CONTRAST
    if contrast(colour, Palette().dark_paper) >= 7:
        assert made == colour
