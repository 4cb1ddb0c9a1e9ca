"""A post's body is read as its generator reads it, wherever it is shown."""

from typing import Any

from plans import known, post

from publisher.core.mail.message import finish_text
from publisher.core.posts.post import MarkdownExtension
from publisher.markup import SafeMarkup
from publisher.services.posts.content import PostContent

BODY = "Term\n: meaning\n"


def content(body: str, **changes: Any) -> PostContent:
    found = known("a", post=post("a", **changes))
    return PostContent(known=found, body=body, files={}, markup=SafeMarkup())


def test_what_a_post_says_of_its_generator_decides_how_its_body_is_read() -> None:
    mine = content(BODY, extensions=(MarkdownExtension.DEFINITIONS,)).html
    assert content(BODY).html == "<p>Term\n: meaning</p>"
    assert mine == "<dl>\n<dt>Term</dt>\n<dd>meaning</dd>\n</dl>"
    assert finish_text(SafeMarkup().text(mine)) == "Term\n  meaning\n"


def test_a_marked_summary_is_read_so_too() -> None:
    body = BODY + "<!-- more -->\n\nRest"
    mine = content(body, extensions=(MarkdownExtension.DEFINITIONS,), lead=len(BODY))
    assert mine.summary == "Term meaning"


def test_a_summary_is_what_the_author_wrote_or_else_how_the_post_begins() -> None:
    assert content("One.\n\nTwo.").summary == "One."
    assert content("One.\n\nTwo.", summary="Mine.").summary == "Mine."
    assert content("").summary == ""


def test_an_untitled_post_is_linked_by_the_beginning_of_its_text() -> None:
    assert content("One.\n\nTwo.", title="").stand_in_title == "One."
    assert content("", title="").stand_in_title == "a"
    assert len(content("Word " * 40, title="").stand_in_title) <= 60


def test_the_language_of_a_post_decides_which_way_its_code_runs() -> None:
    assert content("`ls`", language="ar").html == '<p><code dir="ltr">ls</code></p>'
    assert content("`ls`", language="de").html == "<p><code>ls</code></p>"
