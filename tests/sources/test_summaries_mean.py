"""An author's summary as plain text still says what it said."""

import pytest

from publisher.sources.words import plain, plain_summary


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("Now ~~free~~ paid", "Now ~~free~~ paid"),
        ("Now <del>free</del> <b>paid</b>, <s>or</s> *not*", "Now ~~free~~ paid, ~~or~~ not"),
        ("10<sup>6</sup> riders, 10<sup>-3</sup>, the 4<sup>th</sup>", "10^6 riders, 10^-3, the 4th"),
        ("a `~~` b", "a ~~ b"),
    ],
)
def test_a_summary_means_what_its_author_wrote(written: str, shown: str) -> None:
    assert plain_summary(written) == shown


def test_a_title_has_no_marks() -> None:
    assert plain("Now ~~free~~ paid") == "Now free paid"
