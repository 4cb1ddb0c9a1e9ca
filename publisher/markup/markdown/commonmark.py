"""Markdown -> HTML by comrak (CommonMark and GitHub's extensions). The result is not yet safe."""

import re
from collections.abc import Collection
from functools import cache

import comrak

from publisher.core.posts.post import MarkdownExtension
from publisher.markup.markdown.extensions import (
    fix_footnote_links,
    has_definitions,
    separate_definitions,
    split_terms,
)
from publisher.markup.markdown.limits import MAX_ADDRESSES, MAX_HEADINGS

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
