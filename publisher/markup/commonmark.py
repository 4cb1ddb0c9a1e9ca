"""Markdown -> HTML by comrak (CommonMark and GitHub's extensions). The result is not yet safe."""

import re
from functools import cache

import comrak

from publisher.markup.limits import MAX_ADDRESSES, MAX_HEADINGS

_ANCHOR = re.compile(
    r'<a href="#[^"]*" aria-label="[^"]*" data-heading-content="[^"]*" class="anchor"></a>(?=</h[1-6]>)'
)
_TASK = re.compile(r'<input type="checkbox"( checked="")? disabled="" />')


@cache
def _options(*, autolink: bool, header_ids: bool) -> comrak.ExtensionOptions:
    options = comrak.ExtensionOptions()
    options.table = options.strikethrough = options.footnotes = options.tasklist = True
    options.cjk_friendly_emphasis = True
    options.autolink = autolink
    options.header_id_prefix = "" if header_ids else None
    return options


def _unsafe() -> comrak.RenderOptions:
    options = comrak.RenderOptions()
    options.unsafe_ = True  # raw HTML passes: the sanitiser decides, as it must for HTML bodies too
    return options


_RENDER = _unsafe()


def to_html(source: str) -> str:
    """HTML of a Markdown source; heading ids sit on the headings, task boxes are signs."""
    # comrak's autolinker recurses for each mail address of a paragraph: too many end the process.
    # It also tries every number for each repeated heading: too many headings get no ids.
    headings = source.count("\n#") + source.count("\n=") + source.count("\n-")
    options = _options(autolink=source.count("@") < MAX_ADDRESSES, header_ids=headings < MAX_HEADINGS)
    html = comrak.render_markdown(source, options, None, _RENDER)
    html = _ANCHOR.sub("", html)
    return _TASK.sub(lambda match: "☑" if match[1] else "☐", html) if "<input" in html else html
