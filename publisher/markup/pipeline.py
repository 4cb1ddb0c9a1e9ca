"""How a body becomes safe HTML: resolve template code, render Markdown, sanitize, drop a repeated title."""

import re
import unicodedata

from publisher.core.posts.assets import AssetLocation
from publisher.core.posts.post import MarkdownExtension, MarkupLanguage
from publisher.core.posts.private_passages import remove_private_passages
from publisher.markup.html import fragments
from publisher.markup.html.media_fallbacks import UnusableMedia
from publisher.markup.html.placeholders import reveal_html, reveal_text, without_placeholders
from publisher.markup.html.sanitize import sanitize, without_illegal
from publisher.markup.markdown import dialects, limits
from publisher.markup.markdown.admonitions import quote_admonitions
from publisher.markup.markdown.commonmark import to_html
from publisher.markup.markdown.extensions import (
    Meanings,
    explain_abbreviations,
    take_abbreviations,
    with_emoji,
)
from publisher.markup.markdown.math import hide_math
from publisher.markup.templating.block_shortcodes import replace_block_shortcodes
from publisher.markup.templating.mdx import resolve_mdx, without_jsx
from publisher.markup.templating.mdx_components import render_one_line_elements, replace_components
from publisher.markup.templating.shortcodes import ShortcodeContext
from publisher.markup.templating.templates import resolve, without_tags

_TYPOGRAPHIC = str.maketrans(
    {"‘": "'", "’": "'", "‛": "'", "“": '"', "”": '"', "–": "-", "—": "-", "…": "..."}
)
_MARKS = re.compile(r"[*_`\\~^]+")
_SPACE = re.compile(r"\s+")


def safe_html(
    body: str,
    language: MarkupLanguage,
    context: ShortcodeContext,
    files: tuple[tuple[str, AssetLocation], ...],
    *,
    rtl: bool = False,
    unusable: list[UnusableMedia] | None = None,
) -> str:
    """The body as safe HTML. `rtl`: its text is written from right to left. Pictures and links without a
    usable address are added to `unusable`.
    """
    extensions = context.extensions
    markdown = language is MarkupLanguage.MARKDOWN
    body = without_placeholders(without_illegal(body))
    source, _ = remove_private_passages(
        body, markdown=markdown
    )  # of revisions from before they were cut earlier
    if limits.too_odd(source):
        return limits.as_plain(without_tags(source))
    meanings: Meanings = {}
    if markdown:
        if MarkdownExtension.ABBREVIATIONS in extensions:
            source, meanings = take_abbreviations(source)
        source = dialects.as_commonmark(hide_math(source, extensions))
    source = replace_block_shortcodes(source, markdown=markdown)
    html = source = resolve(source, context, markdown=markdown)
    if markdown:
        source = _as_plain_markdown(source, context)
        html = dialects.without_empty_headers(to_html(source, extensions))
    if limits.too_deep(html):
        return limits.as_plain(reveal_text(without_tags(source)))
    html = sanitize(html, context.base_url, dict(files), unusable)
    if files:
        html = fragments.with_sizes(html, [place for _, place in files])
    if rtl or 'dir="rtl"' in html:
        html = _with_ltr_code(html)
    if "{%" in html or "{{" in html:
        html = fragments.map_prose(html, _without_escaped_tags)
    if meanings:
        html = explain_abbreviations(html, meanings)
    if MarkdownExtension.EMOJI in extensions and ":" in html:
        html = fragments.map_prose(html, with_emoji)
    return _without_repeated_title(reveal_html(html), context.title).strip()


def _as_plain_markdown(source: str, context: ShortcodeContext) -> str:
    """A Markdown source as CommonMark, without MDX and without what other engines read."""
    mdx = MarkdownExtension.MDX in context.extensions
    if mdx:
        source = resolve_mdx(source, context)
    source = replace_components(without_jsx(source), mdx=mdx)
    if mdx:
        source = render_one_line_elements(source, lambda text: to_html(text, context.extensions))
    source = dialects.split_after_comments(source)
    if MarkdownExtension.AFTER_HTML in context.extensions:
        source = dialects.split_after_html(source)
    if MarkdownExtension.TABLES in context.extensions:
        source = dialects.as_github_tables(source)
    return quote_admonitions(source)


def _with_ltr_code(html: str) -> str:
    """Code is written from left to right in every language. A key to press is a word like others."""
    if "<pre" not in html and "<code" not in html and "<samp" not in html:
        return html
    parts: list[str] = []
    depth = 0
    for piece in fragments.pieces(html):
        raw = piece.raw
        if piece.tag in ("pre", "code", "samp"):
            if not piece.closing and not depth and not piece.get("dir"):
                raw = f'<{piece.tag} dir="ltr"{raw[len(piece.tag) + 1 :]}'
            depth += -1 if piece.closing else 1
        parts.append(raw)
    return "".join(parts)


def _without_escaped_tags(text: str) -> str:
    """A text of safe HTML without the template tags that are left in it."""
    if "{%" not in text and "{{&lt;" not in text and "{{%" not in text:
        return text
    bare = without_tags(text.replace("{{&lt;", "{{<").replace("&gt;}}", ">}}"))
    return bare.replace("<", "&lt;").replace(">}}", "&gt;}}")


def _without_repeated_title(html: str, title: str) -> str:
    """`html` without a first heading that only repeats the title. A heading that is a link, or has words
    above it, stays: it says more."""
    heading = fragments.first_heading(html) if title else None
    if heading is None:
        return html
    start, end, words = heading
    if _comparable(words) != _comparable(title):
        return html
    if "<a href" in html[start:end] or fragments.words(html[:start]):
        return html
    return html[:start] + html[end:].lstrip("\n")


def _comparable(title: str) -> str:
    """A title without differences in case, quotes, dashes, Markdown and spaces."""
    text = unicodedata.normalize("NFKC", title.translate(_TYPOGRAPHIC)).casefold()
    return _SPACE.sub(" ", _MARKS.sub("", text)).strip()
