"""A post's body is read as its generator reads it, wherever it is shown."""

from plans import post

from publisher.core.mail.message import finish_text
from publisher.core.posts.post import MarkdownExtension
from publisher.markup import SafeMarkup
from publisher.services.posts.content import post_summary, render_html

BODY = "Term\n: meaning\n"


def test_what_a_post_says_of_its_generator_decides_how_its_body_is_read() -> None:
    plain, mine = post("a"), post("a", extensions=(MarkdownExtension.DEFINITIONS,))
    markup = SafeMarkup()
    assert render_html(markup, plain, BODY) == "<p>Term\n: meaning</p>"
    assert render_html(markup, mine, BODY) == "<dl>\n<dt>Term</dt>\n<dd>meaning</dd>\n</dl>"
    assert finish_text(markup.text(render_html(markup, mine, BODY))) == "Term\n  meaning\n"


def test_a_marked_summary_is_read_so_too() -> None:
    mine = post("a", extensions=(MarkdownExtension.DEFINITIONS,), lead=len(BODY))
    assert post_summary(SafeMarkup(), mine, BODY + "<!-- more -->\n\nRest", "") == "Term meaning"


def test_the_language_of_a_post_decides_which_way_its_code_runs() -> None:
    markup = SafeMarkup()
    assert render_html(markup, post("a", language="ar"), "`ls`") == '<p><code dir="ltr">ls</code></p>'
    assert render_html(markup, post("a", language="de"), "`ls`") == "<p><code>ls</code></p>"
