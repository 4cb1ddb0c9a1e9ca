"""How a body becomes safe HTML: resolve template code, render Markdown, sanitize, drop a repeated title. And
which of its pictures and links readers cannot use, by line of the source, for the author.

Rendering the body tells what is wrong with it; its source only tells where. Most bodies are not rendered for
this: one whose addresses all look like web addresses has nothing wrong.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from html import unescape
from typing import NamedTuple
from urllib.parse import unquote

from publisher.core.mail.lint.html import why_unreachable, why_unusable
from publisher.core.posts.markdown_regions import blank_code, remove_private_passages
from publisher.core.posts.post import AssetLocation, MarkdownExtension, MarkupLanguage
from publisher.markup.html import fragments
from publisher.markup.html.fragments import pieces, reveal_html, reveal_text, without_placeholders
from publisher.markup.html.media_fallbacks import UnusableMedia
from publisher.markup.html.sanitize import absolute, sanitize, without_illegal
from publisher.markup.markdown import commonmark, dialects
from publisher.markup.markdown.commonmark import (
    Meanings,
    explain_abbreviations,
    take_abbreviations,
    to_html,
    with_emoji,
)
from publisher.markup.markdown.dialects import quote_admonitions
from publisher.markup.markdown.tex import Formula, hide_math, set_math, written_math
from publisher.markup.templating.block_shortcodes import replace_block_shortcodes
from publisher.markup.templating.mdx import resolve_mdx, without_jsx
from publisher.markup.templating.mdx_components import render_one_line_elements, replace_components
from publisher.markup.templating.shortcodes import ShortcodeContext, expand_element
from publisher.markup.templating.templates import resolve, without_tags

_TYPOGRAPHIC = str.maketrans(
    {"‘": "'", "’": "'", "‛": "'", "“": '"', "”": '"', "–": "-", "—": "-", "…": "..."}
)
_MARKS = re.compile(r"[*_`\\~^]+")
_SPACE = re.compile(r"\s+")

MediaFault = tuple[int, str]
"""(line of the body from 1, 0 if unknown; what is wrong, with the value and what to do)."""

MAX_FAULTS = 50
"""The most faults reported for one post."""

_TARGET = re.compile(
    r"""(?P<inline>\]\(\s*<?(?P<t1>[^\s)>]*))|^[ ]{0,3}\[[^\]\n]+\]:\s*<?(?P<t2>\S*)"""
    r"""|\b(?P<name>src|href)\s*=\s*(?:"(?P<t3>[^"]*)"|'(?P<t4>[^']*)'|(?P<t5>[^\s>"']*))"""
    r"""|<(?P<t6>[a-z][a-z0-9+.-]*:[^\s>]*)>|\b(?P<t7>https?://[^\s<>)"'\]]+)"""
    r"""|(?P<bare><img\b(?![^>]*\ssrc\s*=))""",
    re.IGNORECASE | re.MULTILINE,
)

_LEFT_OUT = re.compile(
    r"<(form|input|select|textarea|object|embed|applet|canvas|script|[a-z]+-[a-z][a-z0-9-]*)(?=[\s/>])",
    re.IGNORECASE,
)
_COMPONENT = re.compile(r"<([A-Z][\w.]{0,60})((?:\s[^<>]{0,500})?)/>")
_FOREIGN_SCRIPT = re.compile(r"(?<!</blockquote>)<script\b[^<>]*\ssrc\s*=", re.IGNORECASE)
"""A script from elsewhere, unless it only dresses a quotation, as those of social networks do."""

_TARGET_GROUPS = tuple(f"t{n}" for n in range(1, 8))
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*):", re.IGNORECASE)
_ANY_PAGE = "https://post.example/"

_LABEL_LENGTH = 500
"""Characters before a target in which the words of its link begin."""


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
    # Of new posts they are cut earlier; revisions from before that may still have them.
    source, _ = remove_private_passages(body, markdown=markdown)
    if commonmark.too_odd(source):
        return commonmark.as_plain(without_tags(source))
    meanings: Meanings = {}
    formulas: Mapping[str, Formula] = {}
    if markdown:
        if MarkdownExtension.ABBREVIATIONS in extensions:
            source, meanings = take_abbreviations(source)
        source, formulas = hide_math(source, extensions)
        source = dialects.as_commonmark(source)
    source = replace_block_shortcodes(source, markdown=markdown)
    html = source = resolve(source, context, markdown=markdown)
    if markdown:
        source = _as_plain_markdown(source, context)
        html = dialects.without_empty_headers(to_html(source, extensions))
    if commonmark.too_deep(html):
        return commonmark.as_plain(reveal_text(written_math(without_tags(source), formulas)))
    html = sanitize(html, context.base_url, dict(files), unusable)
    if files:
        places = [place for _, place in files]
        html = fragments.with_originals(fragments.with_sizes(html, places), places)
    if MarkdownExtension.CAPTIONS in extensions:
        html = fragments.with_captions(html)
    html = fragments.with_folds(html)
    if rtl or 'dir="rtl"' in html:
        html = _with_ltr_code(html)
    html = _with_plain_words(html, meanings, emoji=MarkdownExtension.EMOJI in extensions)
    html = set_math(html, formulas, lambda math: sanitize(math, context.base_url))
    return _without_repeated_title(reveal_html(html), context.title).strip()


def _with_plain_words(html: str, meanings: Meanings, *, emoji: bool) -> str:
    """Safe HTML whose words are what readers should see: without template tags that are left in it, with
    abbreviations explained, and with emoji for their names.
    """
    if "{%" in html or "{{" in html:
        html = fragments.map_prose(html, _without_escaped_tags)
    if meanings:
        html = explain_abbreviations(html, meanings)
    if emoji and ":" in html:
        html = fragments.map_prose(html, with_emoji)
    return html


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
    above it, stays: it says more.
    """
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


class SuspectAddress(NamedTuple):
    """An address in the source that may be unusable: its position, the element it belongs to ("img", "a", or
    "" if the source does not tell), and its text.
    """

    position: int
    tag: str
    target: str


def media_faults(
    body: str,
    language: MarkupLanguage,
    context: ShortcodeContext,
    files: tuple[tuple[str, AssetLocation], ...],
) -> list[MediaFault]:
    """Each picture and link that readers cannot use, once, ordered by line; at most MAX_FAULTS."""
    source = blank_code(body) if language is MarkupLanguage.MARKDOWN else body
    suspects = list(_suspects(source))
    if not suspects:
        return []
    found_unusable: list[UnusableMedia] = []
    html = safe_html(body, language, context, files, unusable=found_unusable)
    found: list[tuple[int, str]] = []  # position, or -1; what is wrong
    for tag in ("img", "a"):
        candidates = [suspect for suspect in suspects if suspect.tag in (tag, "")]
        for media in (media for media in found_unusable if media.tag == tag):
            suspect = _take_suspect(candidates, media.url)
            written = media.url or (suspect.target if suspect else "")
            value = f"{' '.join(written.split())[:60]!r}" if written.strip() else "it is empty"
            what, shown = ("picture", "alt text is") if tag == "img" else ("link", "words are")
            fault = f"{what} without an address that readers can use ({value}): its {shown} shown; correct it"
            found.append((suspect.position if suspect else -1, fault))
    is_local_site = bool(why_unreachable(context.site_url))
    found += [(source.find(url), what) for url, what in _faults_of_html(html, is_local_site=is_local_site)]
    faults = [(source.count("\n", 0, at) + 1 if at >= 0 else 0, what) for at, what in found]
    return sorted(dict.fromkeys(faults))[:MAX_FAULTS]


def _suspects(source: str) -> Iterator[SuspectAddress]:
    """The addresses in the source that are not plainly good."""
    for match in _TARGET.finditer(source):
        target = next((match[name] for name in _TARGET_GROUPS if match[name] is not None), "")
        target = unescape(target).strip()
        scheme = _SCHEME.match(target)
        odd = not target or "{" in target or (scheme and scheme[1].lower() not in {"http", "https", "mailto"})
        if odd or (scheme and (why_unusable(target) or why_unreachable(target))):
            yield SuspectAddress(match.start(), _tag_of(source, match), target)


def _tag_of(source: str, match: re.Match[str]) -> str:
    """The element that an address belongs to; "" if the source does not tell that there."""
    if match["bare"] is not None:
        return "img"
    if match["name"] is not None:
        return "img" if match["name"].lower() == "src" else "a"
    if match["inline"] is None:
        return ""
    depth = 0
    for at in range(match.start(), max(match.start() - _LABEL_LENGTH, -1), -1):
        depth += {"]": 1, "[": -1}.get(source[at], 0)
        if not depth:
            return "img" if source[at - 1 : at] == "!" else "a"
    return "a"


def _take_suspect(suspects: list[SuspectAddress], url: str) -> SuspectAddress | None:
    """The first one that says `url`, else the first that is no address at all; removed from `suspects`."""
    spellings = {url, unquote(url)}
    same = [one for one in suspects if url and {one.target, unquote(one.target)} & spellings]
    for suspect in same or suspects:
        is_image = suspect.tag == "img"
        if same or "{" in suspect.target or absolute(suspect.target, _ANY_PAGE, image=is_image) is None:
            suspects.remove(suspect)
            return suspect
    return None


def left_out_elements(body: str, *, markdown: bool) -> list[MediaFault]:
    """The first of each kind of element that no feed reader and no mail program shows: forms, what only a
    script fills, plugins, and components that nobody here knows.
    """
    if "<" not in body:
        return []
    source = blank_code(body) if markdown else body
    found: dict[str, MediaFault] = {}
    for match in _LEFT_OUT.finditer(source):
        name = match[1].lower()
        if name == "script" and not _FOREIGN_SCRIPT.match(source, match.start()):
            continue
        what = (
            f"<{name[:40]}> works in no feed reader and no mail, and is left out; link to a page that has it"
        )
        found.setdefault(name, (source.count("\n", 0, match.start()) + 1, what))
    for match in _COMPONENT.finditer(source) if markdown else ():
        if not (match[1].islower() or match[1].isupper() or expand_element(match[1], match[2])):
            what = f"<{match[1][:40]}> is an unknown component and is left out; write what it shows"
            found.setdefault(match[1], (source.count("\n", 0, match.start()) + 1, what))
    return sorted(found.values())


def _faults_of_html(html: str, *, is_local_site: bool) -> Iterator[tuple[str, str]]:
    """(address, what is wrong) of what stays in feeds and on pages although not every reader can use it."""
    for piece in pieces(html):
        if piece.closing or piece.tag not in {"a", "img"}:
            continue
        address = piece.get("href" if piece.tag == "a" else "src")
        shown = f"{address[:60]!r}"
        if piece.tag == "a" and address[:1] != "#" and why_unusable(address):
            scheme = address.partition(":")[0]
            yield address, f"mail programs do not follow {scheme}: links ({shown}): mails show only its words"
        elif not is_local_site and why_unreachable(address):
            what = "picture" if piece.tag == "img" else "link"
            yield address, f"{what} that only this machine or network can reach ({shown}): readers cannot"
        elif piece.tag == "img" and piece.get("width") == piece.get("height") == "1":
            yield address, f"picture of one pixel ({shown}): it is left out of mails"
