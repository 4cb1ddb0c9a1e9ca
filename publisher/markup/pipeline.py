"""The way of a body: template code out, Markdown to HTML, sanitised, the repeated title dropped."""

import re
import unicodedata

from publisher.core.posts.assets import Placed
from publisher.core.posts.post import MarkdownExtension
from publisher.core.posts.post import MarkupLanguage as Kind
from publisher.core.posts.private_passages import without_passages
from publisher.markup.html import fragments
from publisher.markup.html.media_fallbacks import UnusableMedia
from publisher.markup.html.placeholders import reveal, shown, without
from publisher.markup.html.sanitize import legal, sanitised
from publisher.markup.markdown import limits
from publisher.markup.markdown.admonitions import with_quotations
from publisher.markup.markdown.commonmark import to_html
from publisher.markup.markdown.dialects import as_commonmark
from publisher.markup.markdown.extensions import Meanings, defined, explained, with_emoji
from publisher.markup.markdown.kramdown import after_comments, after_html, with_tables, without_empty_heads
from publisher.markup.markdown.math import with_math
from publisher.markup.templating.block_shortcodes import with_boxes
from publisher.markup.templating.mdx import with_components, with_lines_read, without_jsx
from publisher.markup.templating.mdx_regions import without_expressions
from publisher.markup.templating.shortcodes import ShortcodeContext
from publisher.markup.templating.templates import resolve, without_marks

_QUOTES = str.maketrans({"‘": "'", "’": "'", "‛": "'", "“": '"', "”": '"', "–": "-", "—": "-", "…": "..."})
_MARKS = re.compile(r"[*_`\\~^]+")
_SPACE = re.compile(r"\s+")


def safe(
    body: str,
    kind: Kind,
    context: ShortcodeContext,
    files: tuple[tuple[str, Placed], ...],
    *,
    rtl: bool = False,
    lost: list[UnusableMedia] | None = None,
) -> str:
    """The body as safe HTML. `rtl`: its language is written from right to left. Pictures and links that have
    no address are added to `lost`.
    """
    source, _ = without_passages(without(legal(body)), markdown=kind is Kind.MARKDOWN)  # of old revisions
    if limits.too_odd(source):
        return limits.as_plain(without_marks(source))
    mdx = MarkdownExtension.MDX in context.extensions
    meanings: Meanings = {}
    if kind is Kind.MARKDOWN:
        if MarkdownExtension.ABBREVIATIONS in context.extensions:
            source, meanings = defined(source)
        source = as_commonmark(with_math(source, context.extensions))
    source = with_boxes(source, markdown=kind is Kind.MARKDOWN)
    resolved = resolve(source, context, markdown=kind is Kind.MARKDOWN)
    if kind is Kind.MARKDOWN:
        if mdx:
            resolved = without_expressions(resolved, context)
        resolved = with_components(without_jsx(resolved), mdx=mdx)
        if mdx:
            resolved = with_lines_read(resolved, lambda text: to_html(text, context.extensions))
        resolved = with_quotations(_as_engines_end_html(resolved, context))
    html = without_empty_heads(to_html(resolved, context.extensions)) if kind is Kind.MARKDOWN else resolved
    if limits.too_deep(html):
        return limits.as_plain(shown(without_marks(resolved)))
    html = sanitised(html, context.base_url, dict(files), lost)
    if files:
        html = fragments.sized(html, [place for _, place in files])
    if rtl or 'dir="rtl"' in html:
        html = _with_code_from_the_left(html)
    if "{%" in html or "{{" in html:
        html = fragments.map_prose(html, _scrubbed)
    if meanings:
        html = explained(html, meanings)
    if MarkdownExtension.EMOJI in context.extensions and ":" in html:
        html = fragments.map_prose(html, with_emoji)
    return _without_title(reveal(html), context.title).strip()


def _as_engines_end_html(source: str, context: ShortcodeContext) -> str:
    """A Markdown source with what its engine reads beside HTML, and as tables."""
    source = after_comments(source)
    if MarkdownExtension.AFTER_HTML in context.extensions:
        source = after_html(source)
    return with_tables(source) if MarkdownExtension.TABLES in context.extensions else source


def _with_code_from_the_left(html: str) -> str:
    """Code is written from left to right in every language. A key to press is a word like others."""
    if "<pre" not in html and "<code" not in html and "<samp" not in html:
        return html
    parts: list[str] = []
    inside = 0
    for piece in fragments.pieces(html):
        raw = piece.raw
        if piece.tag in ("pre", "code", "samp"):
            if not piece.closing and not inside and not piece.get("dir"):
                raw = f'<{piece.tag} dir="ltr"{raw[len(piece.tag) + 1 :]}'
            inside += -1 if piece.closing else 1
        parts.append(raw)
    return "".join(parts)


def _scrubbed(text: str) -> str:
    if "{%" not in text and "{{&lt;" not in text and "{{%" not in text:
        return text
    bare = without_marks(text.replace("{{&lt;", "{{<").replace("&gt;}}", ">}}"))
    return bare.replace("<", "&lt;").replace(">}}", "&gt;}}")


def _without_title(html: str, title: str) -> str:
    """`html` without a heading that opens it and only repeats the title. One that is a link, or below words,
    says more."""
    found = fragments.first_heading(html) if title else None
    if found is None or _normal(found[2]) != _normal(title):
        return html
    if "<a href" in html[found[0] : found[1]] or fragments.words(html[: found[0]]):
        return html
    return html[: found[0]] + html[found[1] :].lstrip("\n")


def _normal(text: str) -> str:
    """A title for comparison: case, quotes, dashes, marks and spaces do not count."""
    text = unicodedata.normalize("NFKC", text.translate(_QUOTES)).casefold()
    return _SPACE.sub(" ", _MARKS.sub("", text)).strip()
