"""Properties: whatever a body holds, what comes out is safe, legal and self-contained."""

import re

from hypothesis import given
from hypothesis import strategies as st

from publisher.core.posts.post import MarkdownExtension, MarkupLanguage
from publisher.markup import SafeMarkup
from publisher.markup.html.fragments import pieces, words

BASE = "https://blog.example/2024/a/"
LEGAL = re.compile("[\t\n\r\x20-\x7e\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]*")
URLS = re.compile(r'\s(?:href|src|poster|cite)="([^"]*)"')
ABSOLUTE = re.compile(r"(?:https?://[^/]|mailto:|tel:|sms:|xmpp:|geo:|data:image/)")
markup = SafeMarkup()

SCRAPS = st.sampled_from(
    ["<script>", "</script>", "<a href=", "'x y'", '"', ">", "<", "javascript:", "//h", "/p", "http:",
     "https://[", "<img srcset='a 1x,b' src=", "<iframe src=", "</iframe>", "![", "](", ")", "{%",
     "%}", "{{<", ">}}", "{{%", "%}}", "{% raw %}", "{% endraw %}", "`", "```\n", "\n\n", "    ", "# ",
     "- ", "> ", "|a|\n|-|\n", "<svg>", "<style>", "<!--", "-->", "&#1;", "&lt;", "{: .x}", "[^1]",
     "\n[^1]: ", "<p onclick=x>", "<table><td>", "<base href=/x>", "mailto:", "#f", "\x00", "\x85",
     "\ud800", "\ufffe", "<h1>t</h1>", "<title>", "<textarea>", "{{< figure src=",
     "{", "}", "<A b={", "/>", "<>", "export const a = ", "\n*[a]: ", "> [!NOTE] ",
     "{:#a}", "<div>", "</div>", "<td>"]
)  # fmt: skip


READ = st.sampled_from([(), (MarkdownExtension.MDX,), tuple(MarkdownExtension)])
"""What a generator reads: nothing beyond CommonMark, MDX, all of it."""


def check(body: str, kind: MarkupLanguage, extensions: tuple[MarkdownExtension, ...]) -> None:
    made = markup.html(body, kind, base_url=BASE, title="t", extensions=extensions)
    assert LEGAL.fullmatch(made)
    assert not re.search(r"<(?:script|style|iframe|form|object|embed|base|svg|textarea)", made)
    code = 0
    for piece in pieces(made):
        code += {True: -1, False: 1}[piece.closing] if piece.tag in ("code", "pre") else 0
        if piece.tag:
            assert not re.search(r"\s(?:on\w+|style)=", re.sub(r'"[^"]*"', '""', piece.raw))
            assert all(ABSOLUTE.match(url) for url in URLS.findall(piece.raw))
        elif not code and "raw" not in body:
            assert "{%" not in piece.raw
            assert "{{&lt;" not in piece.raw
    assert "".join(piece.raw for piece in pieces(made)) == made
    assert len(markup.summary(made)) <= 300
    assert LEGAL.fullmatch(markup.text(made))
    short, cut = markup.excerpt(made, 50)
    assert words(made).startswith(words(short))
    assert cut == (len(made.encode()) > 50)


@given(st.text(max_size=200), st.sampled_from(MarkupLanguage), READ)
def test_any_text_renders_safe(
    body: str, kind: MarkupLanguage, extensions: tuple[MarkdownExtension, ...]
) -> None:
    check(body, kind, extensions)


@given(
    st.lists(st.one_of(SCRAPS, st.text(max_size=5)), max_size=25).map("".join),
    st.sampled_from(MarkupLanguage),
    READ,
)
def test_scraps_of_markup_render_safe(
    body: str, kind: MarkupLanguage, extensions: tuple[MarkdownExtension, ...]
) -> None:
    check(body, kind, extensions)
