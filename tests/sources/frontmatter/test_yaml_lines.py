"""The quick reader of front matter agrees with the whole of YAML wherever it says anything at all."""

from hypothesis import given
from hypothesis import strategies as st

from publisher.sources.frontmatter.values import FrontMatterError
from publisher.sources.frontmatter.yaml import load_yaml, read_simple_yaml

SCRAPS = st.sampled_from(
    ["title: ", "date:", "a: ", "b-c: ", "- ", "  - ", "\n", "\n", "'", '"', ": ", " #", "#", "[", "]", ", ",
     "null", "~", "2024-05-01", "word", "two words", "é", "\u3042", "'it''s'", '"x"', "'y'", "[a, b]",
     '["x", c]', "[]", " ", "  ", "http://x.example/a#b", "12:30", "a:", ":", "<<: ", "{", "}", "&a", "*a",
     "!t", "|", ">", "%", "@", "\t", "-", "?", "\xa0", "...", "---", "\\", "😀", "=", "<b>"]
)  # fmt: skip


def agree(text: str) -> bool:
    quick = read_simple_yaml(text, 2)
    if quick is None:
        return False
    try:
        whole = load_yaml(text, 2)
    except FrontMatterError as error:
        raise AssertionError(f"{text!r}: {error.reason}") from None
    assert (quick.values, quick.lines, quick.warnings) == (whole.values, whole.lines, whole.warnings), text
    return True


@given(st.lists(SCRAPS, max_size=14).map("".join))
def test_what_the_quick_reader_understands_is_what_yaml_says(text: str) -> None:
    agree(text)
    agree(f"title: {text}\n")
    agree(f"tags:\n  - {text}\n")
    agree(f"tags: [{text}]\n")


def test_plain_front_matter_takes_the_quick_way() -> None:
    assert agree(
        'title: "A: b"\ndate: 2024-05-01 10:00:00 +0200\ntags:\n  - a\n  - \'b c\'\nc: [x, "y"]\nd:\n# e\n'
    )
    assert not agree("title: |\n  x\n")
    assert not agree("a: {b: c}\n")
