"""Files that Git could not merge, or that have nothing in them: what was published of them stays."""

import pytest
from folders import RULES
from hypothesis import given
from hypothesis import strategies as st

from publisher.core.posts.post import BadPost, ParsedPost
from publisher.sources.file_reading import find_conflict, is_blank
from publisher.sources.parse_post import read_post

HEAD = "---\ntitle: A\ndate: 2026-11-05\n---\n"
CONFLICT = "<<<<<<< HEAD\nOne\n=======\nTwo\n>>>>>>> branch\n"
DIFF3 = "<<<<<<< HEAD\nOne\n||||||| base\nZero\n=======\nTwo\n>>>>>>> branch\n"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (HEAD + CONFLICT, 5),
        (HEAD + DIFF3, 5),
        (HEAD.replace("title: A\n", CONFLICT), 2),
        (HEAD + "```\ncode\n```\n" + CONFLICT, 8),
        (HEAD + "<<<<<<<\nOne\n=======\nTwo\n>>>>>>>\n", 5),
        (HEAD + "<<<<<<< a\n<<<<<<< b\nOne\n=======\nTwo\n>>>>>>> c\n", 6),
        (HEAD + "```\n" + CONFLICT + "```\n", 0),
        (HEAD + "~~~~ diff\n~~~\n" + CONFLICT + "~~~~\n", 0),
        (HEAD + "{% highlight diff %}\n" + CONFLICT + "{% endhighlight %}\n", 0),
        (HEAD + "<pre>\n" + CONFLICT + "</pre>\n", 0),
        (HEAD + CONFLICT.replace("\n", "\n    ").replace("<<<<", "    <<<<", 1), 0),
        (HEAD + "Title\n=======\nText\n", 0),
        (HEAD + ">>>>>>> b\n=======\n<<<<<<< a\n", 0),
        (HEAD + "<<<<<<< a\nOne\n>>>>>>> b\n=======\n", 0),
        (HEAD + "<<<<<<<< a\n=======\n>>>>>>>> b\n", 0),
        (HEAD + "We write `<<<<<<<`, then\n=======\n>>>>>>> so\n", 0),
    ],
)
def test_a_conflict_is_three_marks_in_order_that_begin_lines_outside_of_code(text: str, line: int) -> None:
    assert find_conflict(text) == line


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_file_with_a_conflict_is_no_post_and_says_where(end: str) -> None:
    found = read_post("a.md", (HEAD + CONFLICT).replace("\n", end).encode(), RULES)
    assert isinstance(found, BadPost)
    assert (found.line, found.empty) == (5, False)
    assert "Git could not merge" in found.reason


@given(st.lists(st.sampled_from(["<<<<<<< a", "=======", ">>>>>>> b", "text", "```"]), max_size=8))
def test_without_all_three_marks_there_is_no_conflict(lines: list[str]) -> None:
    at = find_conflict("\n".join(lines))
    assert at == 0 or lines[at - 1] == "<<<<<<< a"
    marks = [line for line in lines if line not in ("text", "```")]
    if not {"<<<<<<< a", "=======", ">>>>>>> b"} <= set(marks):
        assert at == 0


@pytest.mark.parametrize("data", [b"", b"\n", b" \r\n\t", b"\xef\xbb\xbf", b"\xef\xbb\xbf\n", b"\0" * 4096])
def test_a_file_with_nothing_in_it_is_empty(data: bytes) -> None:
    found = read_post("a.md", data, RULES)
    assert isinstance(found, BadPost)
    assert found.empty


@pytest.mark.parametrize("data", [b"---\ntitle: A\ndate: 2026-11-05\n---\n", b"a"])
def test_a_file_with_a_word_in_it_is_not_empty(data: bytes) -> None:
    assert not is_blank(data)
    assert isinstance(read_post("a.md", data, RULES), ParsedPost)
