"""Which way a language is written."""

import pytest

from publisher.core.site import text_direction


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
