"""Formulas as text, for mails and summaries."""

from hypothesis import given
from hypothesis import strategies as st

from publisher.core.posts.mathml import MATH_TAGS, without_mathml

FORMULAS = {
    "<mi>x</mi>": "x",
    "<mi>x</mi><mo>=</mo>\n<mn>1</mn>": "x = 1",
    "<mfrac><mn>1</mn><mn>2</mn></mfrac>": "1/2",
    "<mfrac><mrow><mi>a</mi><mo>+</mo><mi>b</mi></mrow><mi>c</mi></mfrac>": "(a + b)/c",
    "<msubsup><mi>x</mi><mi>i</mi><mn>10</mn></msubsup>": "x_i^10",
    "<munderover><mo>∑</mo><mrow><mi>n</mi><mo>=</mo><mn>1</mn></mrow><mi>N</mi></munderover>": "∑_(n = 1)^N",
    "<mroot><mi>x</mi><mn>3</mn></mroot><mo>&lt;</mo><msqrt><mi>y</mi></msqrt>": "x^(1/3) &lt; √y",
    "<mtable><mtr><mtd>1</mtd><mtd>2</mtd></mtr><mtr><mtd><mn>3</mn></mtd></mtr></mtable>": "1, 2; 3",
    "<mphantom><mi>x</mi></mphantom><mspace/><mtext>if </mtext><mi>y</mi>": "if y",
}


def test_a_formula_is_read_as_it_would_be_typed() -> None:
    for formula, text in FORMULAS.items():
        assert without_mathml(f"<p>a <math>{formula}</math> b</p>") == f"<p>a {text} b</p>", formula
    assert without_mathml('<math alttext="E = mc&sup2;"><mi>E</mi></math>') == "E = mc&sup2;"


TAGS = st.sampled_from([f"<{slash}{tag}>" for tag in sorted(MATH_TAGS) for slash in ("", "/")])


@given(st.lists(TAGS | st.sampled_from(["x", "&lt;", " ", '<mi dir="rtl">', "<mspace/>"])))
def test_no_markup_is_left_of_any_formula(parts: list[str]) -> None:
    inside = "".join(part for part in parts if part != "</math>")
    left = without_mathml(f"<math>{inside}</math>")
    assert "<" not in left
    assert left == left.strip()
