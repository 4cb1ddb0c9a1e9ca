"""An author's summary as plain text still says what it said."""

import pytest

from publisher.sources.fields.titles_and_summaries import first_heading, plain_line, plain_summary


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


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("Now ~~free~~ **paid**", "Now ~~free~~ paid"),
        ("Now <del>free</del> <b>paid</b>, <s class=x>or</s> *not*", "Now ~~free~~ paid, ~~or~~ not"),
        (
            "10<sup>6</sup> and 10<sup>-3</sup>, the 4<sup>th</sup>, H<sub>2</sub>O",
            "10^6 and 10^-3, the 4th, H2O",
        ),
        ("<sup>1</sup> x <sup>2</sup>", "1 x 2"),
        ("A lone <del> and <sup>", "A lone <del> and <sup>"),
        ("Why {{ name }} and {% raw %} stay, ${{ x }} and {{< fig >}} too", ""),
        ("`<del>x</del>` and `10<sup>6</sup>`", "<del>x</del> and 10<sup>6</sup>"),
    ],
)
def test_a_title_means_what_its_author_wrote(written: str, shown: str) -> None:
    assert plain_line(written) == (shown or written)


def test_template_code_goes_from_a_heading_only_where_the_generator_runs_it() -> None:
    body = "# Head {% x %}{{ y }} and ~~no~~ 2<sup>8</sup>\n"
    assert first_heading(body, is_html=False, templates=False) == "Head {{ y }} and ~~no~~ 2^8"
    assert first_heading(body, is_html=False, templates=True) == "Head and ~~no~~ 2^8"
    html = "<h1>Head {{ y }} <i>and</i> <del>no</del> 2<sup>8</sup></h1>"
    assert first_heading(html, is_html=True, templates=False) == "Head {{ y }} and ~~no~~ 2^8"
