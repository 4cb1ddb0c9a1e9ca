"""Markdown -> HTML by comrak (CommonMark and GitHub's extensions), and what only some engines read. The
result is not yet safe.

Term                      definition lists, as PHP Markdown Extra introduced them; comrak reads them, but
: what it means           each line above the colon is a term, and several paragraphs need a blank line
*[HTML]: long form        abbreviations (PHP Markdown Extra): each HTML in the text is explained
#fn:name #fnref:name      footnotes of kramdown and Python-Markdown by label; of goldmark (Hugo) by number
#fn1 #fnref1              footnotes of markdown-it by number; #user-content-fn-name is GitHub's
:smile:                   an emoji by GitHub's name; not in code, URLs or times (10:30:45)

A body that is too large or too odd to parse in reasonable time is shown as plain text. Measured: comrak takes
3 s for 5 MB of "[", and 100,000 mail addresses in a text overflow its stack; html5ever (in nh3) is quadratic
in the depth of elements and in the length of a run of entities.
"""

import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from functools import cache, lru_cache
from html import escape

import comrak

from publisher.core.posts.markdown_regions import blank_code
from publisher.core.posts.post import MarkdownExtension
from publisher.markup.html.fragments import names, pieces, replace_spans

MAX_SOURCE = 1_000_000
MAX_HTML = 6_000_000
MAX_DEPTH = 256
MAX_ADDRESSES = 2_000
MAX_HEADINGS = 3_000
MAX_ENTITIES = 100_000
MAX_SHOWN = 2_000_000
MAX_NODES = 250_000
_ANY_TAG = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9]*)")
_NOT_NESTED = names(
    "area base br col embed hr img input link meta param source track wbr p li dt dd tr td th option"
)
_BLANK_LINES = re.compile(r"\n\s*\n")
_ITEM = re.compile(r"^[ \t>]*:[ \t]", re.MULTILINE)
_ITEM_LINE = re.compile(r"([ \t]*):[ \t]+\S")
_TERMS = re.compile(r"<dt>(.*?)</dt>", re.DOTALL)
_TAG = re.compile(r"<(/?)[a-z][^<>]*>")

MAX_DEFINITIONS = 2_000
"""With more it is no definition list: comrak's time grows with the square of their number."""

_ABBREVIATION = re.compile(
    r"^ {0,3}\*\[(?P<short>[^\]\\\n]{1,100})\][ \t]?:[ \t]*"
    r"(?P<long>[^\n]*(?:(?<=:)\n {4,}\S[^\n]*)?)(?:\n|\Z)",
    re.MULTILINE,
)

_WORD = re.compile(r"&#?\w+;|\w+|[^\w\s]")
_SKIPPED = names("abbr code kbd pre samp")

MAX_ABBREVIATIONS = 500
"""Abbreviations of one body."""

MAX_ALIKE = 20
"""Abbreviations that begin with the same word."""

Meanings = Mapping[str, str]
"""What each abbreviation stands for: plain text."""

_FOOTNOTE_LINK = re.compile(r'href="#(?:user-content-)?(fnref|fn)[:-]?([^"]+)"')
_FOOTNOTE = re.compile(r'<li id="fn-([^"]+)"')
_EMOJI_NAME = re.compile(r"[a-z]{2,9}://[^\s<>]*|(?<![0-9/]):([a-z0-9+_-]{1,40}):(?![0-9])")

MAX_COLONS = 20_000
"""In one text; with more it is not prose."""

_HEADING_ANCHOR = re.compile(
    r'<a href="#[^"]*" aria-label="[^"]*" data-heading-content="[^"]*" class="anchor"></a>(?=</h[1-6]>)'
)

_HEADING_WITH_ID = re.compile(r'<h([1-6])(?: id="[^"]*")?>([^\n]*?)[ \t]*<a id="([^"<>]*)"></a></h\1>')
_CHECKBOX = re.compile(r'<input type="checkbox"( checked="")? disabled="" />')


def to_html(source: str, extensions: Collection[MarkdownExtension] = ()) -> str:
    """HTML of a Markdown source; ids are on the headings themselves, checkboxes are characters."""
    # comrak's autolinker recurses for each mail address of a paragraph: too many crash the process. It also
    # tries every number for each repeated heading, which is quadratic: too many headings get no ids.
    headings = source.count("\n#") + source.count("\n=") + source.count("\n-")
    definitions = MarkdownExtension.DEFINITIONS in extensions and has_definitions(source)
    read = frozenset(extensions) - (frozenset() if definitions else {MarkdownExtension.DEFINITIONS})
    options = _extension_options(
        read, autolink=source.count("@") < MAX_ADDRESSES, header_ids=headings < MAX_HEADINGS
    )
    render = _render_options(breaks=MarkdownExtension.BREAKS in extensions)
    html = comrak.render_markdown(
        separate_definitions(source) if definitions else source, options, None, render
    )
    html = _HEADING_ANCHOR.sub("", html).replace(' id="">', ">")  # of a heading without a letter
    if '<a id="' in html:  # a heading that its author gave an id
        html = _HEADING_WITH_ID.sub(r'<h\1 id="\3">\2</h\1>', html)
    html = fix_footnote_links(html) if 'href="#' in html and 'id="fn-' in html else html
    html = split_terms(html) if definitions else html
    return _CHECKBOX.sub(lambda match: "☑" if match[1] else "☐", html) if "<input" in html else html


@cache
def _extension_options(
    extensions: frozenset[MarkdownExtension], *, autolink: bool, header_ids: bool
) -> comrak.ExtensionOptions:
    options = comrak.ExtensionOptions()
    options.table = options.strikethrough = options.footnotes = options.tasklist = True
    options.cjk_friendly_emphasis = True
    options.autolink = autolink
    options.header_id_prefix = "" if header_ids else None
    options.description_lists = MarkdownExtension.DEFINITIONS in extensions
    options.highlight = MarkdownExtension.HIGHLIGHT in extensions
    options.insert = MarkdownExtension.INSERTED in extensions
    options.subscript = MarkdownExtension.SUBSCRIPT in extensions
    options.superscript = MarkdownExtension.SUPERSCRIPT in extensions
    return options


@cache
def _render_options(*, breaks: bool) -> comrak.RenderOptions:
    options = comrak.RenderOptions()
    options.unsafe_ = True  # raw HTML passes: the sanitizer decides, as for HTML bodies
    options.hardbreaks = breaks
    return options


def too_odd(source: str) -> bool:
    """Whether a body source should not be parsed at all: it is too long, or mostly punctuation, as nobody
    writes. Small bodies are quick whatever they contain.
    """
    if len(source) > MAX_SOURCE:
        return True
    if len(source) < 50_000:
        return False
    marks = sum(source.count(mark) for mark in "[*_`<&|>~")
    return marks > 20_000 and marks * 5 > len(source)


def too_deep(html_source: str) -> bool:
    """Whether HTML should not be given to the sanitizer."""
    if len(html_source) > MAX_HTML or html_source.count("&") > MAX_ENTITIES:
        return True
    if html_source.count("<") <= MAX_DEPTH:
        return False
    depth = nodes = 0
    for match in _ANY_TAG.finditer(html_source):
        if match[2].lower() in _NOT_NESTED:
            continue
        nodes += 1
        depth = max(0, depth - 1) if match[1] else depth + 1
        if depth > MAX_DEPTH or nodes > MAX_NODES:
            return True
    return False


def as_plain(source: str) -> str:
    """The source itself as escaped paragraphs, which is safe without any parser."""
    shown = source[:MAX_SHOWN]
    blocks = _BLANK_LINES.split(shown) if shown.count("\n") < 100_000 else [shown]
    return "\n".join(f"<p>{escape(block.strip(), quote=False)}</p>" for block in blocks if block.strip())


def has_definitions(source: str) -> bool:
    """Whether a Markdown source has definitions, and not too many of them."""
    if "\n:" not in source and "\n " not in source and "\n>" not in source and "\n\t" not in source:
        return False
    return 0 < sum(1 for _ in _ITEM.finditer(source)) <= MAX_DEFINITIONS


def separate_definitions(source: str) -> str:
    """`source` with a blank line above its definitions if one of them has several paragraphs: without, comrak
    runs them together.
    """
    lines = source.split("\n")
    prose = blank_code(source).split("\n")
    items = [(number, match) for number, line in enumerate(prose) if (match := _ITEM_LINE.match(line))]
    if not any(_has_paragraphs(lines, number, len(match[1].expandtabs(4))) for number, match in items):
        return source
    numbers = {number for number, _ in items}
    for number in sorted(numbers, reverse=True):
        if number - 1 not in numbers:
            lines[number] = "\n" + lines[number]
    return "\n".join(lines)


def _has_paragraphs(lines: list[str], number: int, indent: int) -> bool:
    """Whether a paragraph that belongs to the definition on line `number` follows a blank line."""
    blank = False
    for line in lines[number + 1 : number + 100]:
        if not line.strip():
            blank = True
        elif _ITEM_LINE.match(line):
            return False
        elif blank:
            return line.expandtabs(4).startswith(" " * (indent + 2))
    return False


def split_terms(html: str) -> str:
    """comrak's HTML with each line of a term as a term of its own."""

    def split(match: re.Match[str]) -> str:
        terms = re.split(r"(?:<br />)?\n", match[1])
        if len(terms) == 1 or not all(map(_closes_its_elements, terms)):
            return match[0]
        return "\n".join(f"<dt>{term}</dt>" for term in terms)

    return _TERMS.sub(split, html) if "<dt>" in html else html


def _closes_its_elements(term: str) -> bool:
    tags = [match for match in _TAG.finditer(term) if not match[0].startswith(("<img", "<br", "<wbr"))]
    return sum(-1 if match[1] else 1 for match in tags) == 0


def take_abbreviations(source: str) -> tuple[str, Meanings]:
    """A Markdown source without the lines that define abbreviations, and what they say. Code stays."""
    if "*[" not in source:
        return source, {}
    found: dict[str, str] = {}
    lines: list[tuple[int, int, str]] = []
    for match in _ABBREVIATION.finditer(blank_code(source)):
        start, end = match.span("long")
        short = source[match.start("short") : match.end("short")]
        if short.strip() and len(found) < MAX_ABBREVIATIONS:
            found[short] = " ".join(source[start:end].split())
        lines.append((*match.span(), "\n"))
    return replace_spans(source, lines), found


def explain_abbreviations(html: str, meanings: Meanings) -> str:
    """Safe HTML with an <abbr> around each abbreviation of `meanings` that is a word of its own."""
    known = {short: long for short, long in meanings.items() if long}
    if not known:
        return html
    by_first_word: defaultdict[str, list[str]] = defaultdict(list)
    for short in sorted(known, key=len, reverse=True):
        if (first := _WORD.search(escape(short, quote=False))) and len(by_first_word[first[0]]) < MAX_ALIKE:
            by_first_word[first[0]].append(short)
    depth = 0
    parts: list[str] = []
    for piece in pieces(html):
        if piece.tag in _SKIPPED:
            depth += -1 if piece.closing else 1
        parts += [piece.raw] if piece.tag or depth else _explained(piece.raw, known, by_first_word)
    return "".join(parts)


def _explained(text: str, known: Meanings, by_first_word: Mapping[str, list[str]]) -> Iterator[str]:
    """A text in parts, its abbreviations explained."""
    at = 0
    for word in _WORD.finditer(text):
        start = word.start()
        for short in by_first_word.get(word[0], ()) if start >= at else ():
            shown = escape(short, quote=False)
            end = start + len(shown)
            around = text[start - 1 : start] + text[end : end + 1]
            in_word = any(sign.isalnum() or sign == "_" for sign in around)
            if not in_word and text.startswith(shown, start):
                yield f'{text[at:start]}<abbr title="{escape(known[short])}">{shown}</abbr>'
                at = end
                break
    yield text[at:]


def fix_footnote_links(html: str) -> str:
    """comrak's HTML with links to footnotes, as other engines name them, leading to comrak's own places."""
    labels = _FOOTNOTE.findall(html)
    known = set(labels)

    def fixed(match: re.Match[str]) -> str:
        kind, name = match[1], match[2]
        if name not in known and name.isdecimal() and 0 < int(name) <= len(labels):
            name = labels[int(name) - 1]
        exists_as_it_is = f'id="{match[0][7:-1]}"' in html
        return f'href="#{kind}-{name}"' if name in known and not exists_as_it_is else match[0]

    return _FOOTNOTE_LINK.sub(fixed, html)


def with_emoji(text: str) -> str:
    """The text of safe HTML with its emoji."""
    if text.count(":") not in range(2, MAX_COLONS):
        return text
    return _EMOJI_NAME.sub(lambda match: _emoji(match[1]) if match[1] else match[0], text)


@lru_cache(maxsize=4096)
def _emoji(name: str) -> str:
    """The emoji of that name, as comrak knows it; the name between its colons if there is none."""
    html = comrak.render_markdown(f":{name}:", _emoji_options()).removeprefix("<p>").removesuffix("</p>\n")
    return f":{name}:" if html.isascii() else html


@cache
def _emoji_options() -> comrak.ExtensionOptions:
    options = comrak.ExtensionOptions()
    options.shortcodes = True
    return options
