"""Markdown -> HTML by comrak (CommonMark and GitHub's extensions). The result is not yet safe."""

import re
from collections.abc import Collection
from functools import cache

import comrak

from publisher.core.posts.post import MarkdownExtension
from publisher.markup.markdown.definition_lists import has_definitions, loosened, with_single_terms
from publisher.markup.markdown.extensions import with_notes
from publisher.markup.markdown.limits import MAX_ADDRESSES, MAX_HEADINGS

_ANCHOR = re.compile(
    r'<a href="#[^"]*" aria-label="[^"]*" data-heading-content="[^"]*" class="anchor"></a>(?=</h[1-6]>)'
)
_NAMED = re.compile(r'<h([1-6])(?: id="[^"]*")?>([^\n]*?)[ \t]*<a id="([^"<>]*)"></a></h\1>')
_TASK = re.compile(r'<input type="checkbox"( checked="")? disabled="" />')


@cache
def _options(
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
def _render(*, breaks: bool) -> comrak.RenderOptions:
    options = comrak.RenderOptions()
    options.unsafe_ = True  # raw HTML passes: the sanitiser decides, as it must for HTML bodies too
    options.hardbreaks = breaks
    return options


def to_html(source: str, extensions: Collection[MarkdownExtension] = ()) -> str:
    """HTML of a Markdown source; heading ids sit on the headings, task boxes are signs."""
    # comrak's autolinker recurses for each mail address of a paragraph: too many end the process.
    # It also tries every number for each repeated heading: too many headings get no ids.
    headings = source.count("\n#") + source.count("\n=") + source.count("\n-")
    definitions = MarkdownExtension.DEFINITIONS in extensions and has_definitions(source)
    read = frozenset(extensions) - (frozenset() if definitions else {MarkdownExtension.DEFINITIONS})
    options = _options(read, autolink=source.count("@") < MAX_ADDRESSES, header_ids=headings < MAX_HEADINGS)
    render = _render(breaks=MarkdownExtension.BREAKS in extensions)
    html = comrak.render_markdown(loosened(source) if definitions else source, options, None, render)
    html = _ANCHOR.sub("", html).replace(' id="">', ">")  # of a heading without a letter
    if '<a id="' in html:  # a heading that its author gave an id
        html = _NAMED.sub(r'<h\1 id="\3">\2</h\1>', html)
    html = with_notes(html) if 'href="#' in html and 'id="fn-' in html else html
    html = with_single_terms(html) if definitions else html
    return _TASK.sub(lambda match: "☑" if match[1] else "☐", html) if "<input" in html else html
