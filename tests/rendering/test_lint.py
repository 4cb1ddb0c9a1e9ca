"""The lint judges the bytes that would be sent: our own mails pass, and each mistake is found by its name."""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from publisher.core.digests.digest import Digest, DigestLinks, DigestPost, Layout
from publisher.core.mail.lint import lint
from publisher.core.mail.lint.client_support_table import SUPPORT, TESTED
from publisher.core.mail.message import EmailContent, Letterhead, LintProblem, LintRule, Placeholder, fill
from publisher.core.mail.mime import compose
from publisher.core.site import Palette
from publisher.rendering import JinjaRenderer

MakePost = Callable[..., DigestPost]
MakeDigest = Callable[..., Digest]
Judge = Callable[..., Sequence[LintProblem]]

URL = "https://river.example/unsubscribe/" + "x" * 46
LINKS = DigestLinks(
    unsubscribe=URL,
    preferences="https://river.example/preferences/abc",
    archive="https://river.example/digests/daily/",
)


def message(html: str, text: str, subject: str = "A subject") -> bytes:
    letter = EmailContent(
        subject=subject,
        html=html,
        text=text,
        sender="News <news@river.example>",
        list_id="daily.river.example",
        list_title="Daily",
        unsubscribe=URL,
        help="https://river.example/",
        feedback_id="1:daily:digest:p",
    )
    values = {
        Placeholder.TO: b"ann@example.org",
        Placeholder.DATE: b"Mon, 05 Oct 2026 08:00:00 +0000",
        Placeholder.MESSAGE_ID: b"1",
    }
    return fill(compose(letter), values)


@pytest.fixture
def judge(digest: MakeDigest, renderer: JinjaRenderer) -> Judge:
    def run(
        edit: Callable[[str], str] = str, *, text: str | None = None, head: Letterhead | None = None
    ) -> Sequence[LintProblem]:
        content = renderer.digest(digest(), LINKS)
        data = message(edit(content.html), content.text if text is None else text)
        return lint(data, head or Letterhead(bulk=True, unsubscribe=URL))

    return run


@pytest.mark.parametrize("language", ["en", "de", "fr", "es", "ja", "zh", "ar", "he", "km"])
@pytest.mark.parametrize("layout", list(Layout))
def test_our_own_mails_have_nothing_wrong_with_them(
    layout: Layout, language: str, post: MakePost, digest: MakeDigest, renderer: JinjaRenderer
) -> None:
    rich = "<h2>Head</h2><p>Words <a href='https://example.org/'>there</a>, <code>{{ code }}</code></p>"
    rich += "<blockquote><p>Said.</p></blockquote><table><tr><th>a<td align=right>1</table><pre>x</pre>"
    posts = [
        post(html=rich, cut=True),
        post(title="مرحبا", url="https://river.example/ar/", language="ar", html=rich),
    ]
    content = renderer.digest(replace(digest(*posts, more=2), language=language, layout=layout), LINKS)
    data = message(content.html, content.text, content.subject)
    assert lint(data, Letterhead(bulk=True, unsubscribe=URL)) == ()


def put(inside: str) -> Callable[[str], str]:
    return lambda html: html.replace('<p style="margin:0 0 20px">Water', f"{inside}<p>Water", 1)


@pytest.mark.parametrize(
    ("edit", "rule", "says"),
    [
        (put("<p>" + "word " * 20_000 + "</p>"), LintRule.SIZE, "mailboxes hide the end"),
        (
            lambda html: html.replace("</style>", ".x { color: red }" * 1000 + "</style>", 1),
            LintRule.SIZE,
            "of styles",
        ),
        (lambda html: html.replace("<!DOCTYPE html>", ""), LintRule.STRUCTURE, "quirks mode"),
        (lambda html: html.replace(' dir="ltr"', "", 1), LintRule.STRUCTURE, "no lang and dir"),
        (lambda html: html.replace('role="article"', ""), LintRule.STRUCTURE, "role=article"),
        (
            put('<p style="color:#999999">pale</p>'),
            LintRule.CONTRAST,
            "#999999 on #fdfcfa has contrast 2.78 of 4.5 in light",
        ),
        (put('<p style="background-color:#ffffff">glare</p>'), LintRule.CONTRAST, "in dark: 'glare'"),
        (put("<img src='https://river.example/a.png'>"), LintRule.ALT, "no alt: https://river.example/a.png"),
        (put("<img src='a.png' alt=''>"), LintRule.LINK, "not absolute: 'a.png'"),
        (
            put("<a href='/about'>about</a>"),
            LintRule.LINK,
            "relative link does not work in a mail: '/about'",
        ),
        (put("<a href='javascript:x()'>go</a>"), LintRule.LINK, "mail clients do not follow javascript:"),
        (put("<a href='http://127.0.0.1:8000/'>go</a>"), LintRule.LINK, "only this machine or network"),
        (put("<a href='https://blog.local/'>go</a>"), LintRule.LINK, "only this machine or network"),
        (put("<a href='https://intranet/'>go</a>"), LintRule.LINK, "not a host on the internet"),
        (put("<p>Dear {{ name }}</p>"), LintRule.PLACEHOLDER, "'{{' in 'Dear {{ name }}'"),
        (put("<a href='https://river.example/{% url %}'>go</a>"), LintRule.PLACEHOLDER, "'{%' in href"),
        (put("<p>mark0123456789abcdef01234567</p>"), LintRule.PLACEHOLDER, "a reader's own link"),
        (put('<p style="display:grid">grid</p>'), LintRule.CLIENTS, "display: grid: 41 % of mail programs"),
        (put('<p style="color:var(--x)">x</p>'), LintRule.CLIENTS, "color: var(--x): 23 %"),
        (put("<script>x</script>"), LintRule.CONTENT, "<script> is not allowed in a mail"),
        (
            put('<p style="background-image:url(https://x.example/a)">x</p>'),
            LintRule.CONTENT,
            "loads an external",
        ),
        (put("<p>\x85</p>"), LintRule.CONTENT, "U+0085"),
        (
            lambda html: html.replace(URL, "https://river.example/"),
            LintRule.UNSUBSCRIBE,
            "unsubscribe link is missing",
        ),
    ],
)
def test_a_mistake_in_the_html_is_found(
    edit: Callable[[str], str], rule: LintRule, says: str, judge: Judge
) -> None:
    found = [problem for problem in judge(edit) if problem.error]
    assert {problem.rule for problem in found} == {rule}
    assert says in found[0].what


def test_what_is_only_not_nice_stops_nothing(judge: Judge) -> None:
    found = judge(
        put("<a href='#here'>here</a><a href='https://a.example/'>x</a><a href='https://b.example/'>x</a>")
    )
    assert [(p.rule, p.error) for p in found] == [(LintRule.LINK, False)] * 2
    notes = (
        "<sup><a href='https://a.example/#fn-1'>1</a></sup><sup><a href='https://b.example/#fn-1'>1</a></sup>"
    )
    named = notes.replace("'>1<", "' aria-label='Same'>1<")
    assert judge(put(notes)) == ()
    assert [p.what for p in judge(put(named))] == ["two different links have the text 'Same'"]


def test_code_may_show_placeholders(judge: Judge) -> None:
    assert judge(put("<p><code>{{ name }}</code></p><pre>{% if %}</pre>")) == ()


def test_an_address_of_this_machine_is_no_mistake_while_mail_stays_here(judge: Judge) -> None:
    edit = put("<a href='http://127.0.0.1:8000/'>go</a>")
    assert judge(edit, head=Letterhead(bulk=True, unsubscribe=URL, local=True)) == ()


def test_a_text_part_is_asked_for_with_its_way_out(judge: Judge) -> None:
    found = judge(text="")
    assert {(p.rule, p.where) for p in found} == {(LintRule.TEXT, "text"), (LintRule.UNSUBSCRIBE, "text")}
    [wide] = judge(text=f"{'wide ' * 20}\n{URL}\n")
    assert (wide.rule, wide.error) == (LintRule.TEXT, False)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (b"To: ", b"X-To: ", "to: none; there must be"),
        (b"Precedence: ", b"Date: x\r\nPrecedence: ", "date: 2; there must be"),
        (b"List-Unsubscribe-Post: ", b"X-Post: ", "list-unsubscribe-post: none"),
        (b"Precedence: bulk", b"X-Long: " + b"x" * 1000, "octets; 998 at most"),
        (b"Precedence: bulk", b"Precedence: bulk\nX: y", "lines must end in CRLF"),
        (b"Subject: A subject", b"Subject: ", "the subject is empty"),
        (b"List-Unsubscribe: <https:", b"List-Unsubscribe: <http:", "one click does not work"),
    ],
)
def test_a_mistake_in_the_headers_is_found(
    old: bytes, new: bytes, says: str, digest: MakeDigest, renderer: JinjaRenderer
) -> None:
    content = renderer.digest(digest(), LINKS)
    data = message(content.html, content.text)
    assert data.count(old) == 1
    found = lint(data.replace(old, new), Letterhead(bulk=True, unsubscribe=URL))
    assert {p.rule for p in found} == {LintRule.HEADERS}
    assert any(says in p.what for p in found)


def test_an_authors_palette_is_judged_in_both_modes(digest: MakeDigest, renderer: JinjaRenderer) -> None:
    pale = replace(
        digest(), site=replace(digest().site, palette=Palette(accent="#ffd400", dark_quiet="#333333"))
    )
    content = renderer.digest(pale, LINKS)
    found = lint(message(content.html, content.text), Letterhead(bulk=True, unsubscribe=URL))
    said = " ".join(p.what for p in found)
    assert {p.rule for p in found} == {LintRule.CONTRAST}
    assert "#ffd400 on #fdfcfa has contrast 1.4" in said
    assert "#333333 on #17181b" in said


def test_nothing_in_a_mail_makes_the_lint_raise() -> None:
    for html in (
        "",
        "<",
        "<a href='http://[x'>y</a>",
        "<p style='color:#12345;;:;font-size:px'>x",
        "<style>{{}}}</style>",
    ):
        assert lint(message(html, "text"), Letterhead(bulk=True, unsubscribe=URL))


def test_the_table_of_mail_programs_is_whole() -> None:
    assert re.fullmatch(r"20\d\d-\d\d", TESTED)
    assert len(SUPPORT) > 100
    assert all(0 <= known < 100 and lacking for known, lacking in SUPPORT.values())
    assert SUPPORT["display-grid"][0] < SUPPORT["display-flex"][0]
