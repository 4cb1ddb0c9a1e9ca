"""Template code that generators would have run: resolved where that is plain, else taken away.

A reader never sees `{%`, `{{<` or `{{%`. What stands in `{% raw %}` is shown as it is: its braces travel
as two noncharacters until the body is safe HTML (`reveal`).
"""

import re
from collections.abc import Callable

from publisher.markup.code import outside_code

_OPEN, _CLOSE = "\ufdd0", "\ufdd1"
_HIDE = str.maketrans({"{": _OPEN, "}": _CLOSE})
_REVEAL = str.maketrans({_OPEN: "{", _CLOSE: "}"})

_RAW = re.compile(r"\{%-?\s*(end)?raw\s*-?%\}")
_COMMENT = re.compile(r"\{%-?\s*(end)?comment\b[^{}]*%\}")
_HIGHLIGHT = re.compile(
    r"^[ \t]*\{(?:%-?|\{[<%])\s*(?:highlight|codeblock|code)\b[ \t]*\"?([\w+#-]*)[^{}]*\}+[ \t]*\n?(.*?)"
    r"\n?[ \t]*\{(?:%-?|\{[<%])\s*/?\s*(?:end)?(?:highlight|codeblock|code)\s*-?[>%]\}+",
    re.DOTALL | re.MULTILINE,
)
_ARGUMENT = re.compile(r"""([\w-]+)\s*=\s*("[^"]*"|'[^']*'|[^\s"'{}]+)|("[^"]*"|'[^']*'|[^\s"'{}<>%]+)""")
_QUOTED_URL = re.compile(
    r"""\{\{-?\s*(["'])([^"'{}]*)\1\s*\|\s*(?:relative_url|absolute_url|url)\b[^{}]*\}\}"""
)
_VARIABLE = re.compile(
    r"""\{\{-?\s*(?:site|page|post|layout|include|content|paginator|forloop|collections?|metadata"""
    r"""|pkg|eleventy|["'])[^{}\n]{0,400}?-?\}\}"""
)
_PAIRS = (("{{<", ">}}"), ("{{%", "%}}"), ("{%", "%}"))
_ATTRIBUTES = re.compile(
    r"^[ \t]*\{:[ \t]*:?/?[.#\w=:][^{}\n]*\}[ \t]*$\n?"  # a line of its own
    r"|(?<=[)`*_\"\]])\{:[ \t]*[.#\w][^{}\n]*\}|\A\{:[ \t]*[.#\w][^{}\n]*\}"  # after a span
    r"|^\{::[^{}\n]*\}"  # {::options /}
    r"|(?<=\S)[ \t]*\{:?[ \t]?[.#][A-Za-z][\w:.-]*[^{}\n]*\}[ \t]*$",  # at the end of a heading
    re.MULTILINE,
)


def resolve(source: str, *, markdown: bool) -> str:
    """A body source without template code, and in Markdown without kramdown's attribute lists."""
    source = source.translate({ord(_OPEN): None, ord(_CLOSE): None})
    if "{" not in source:
        return source
    if "{%" in source or "{{" in source:
        source = _paired(source)
    return outside_code(source, _change_markdown) if markdown else _change(source)


def reveal(html: str) -> str:
    """Shows the braces that stood in `{% raw %}`."""
    return html.translate(_REVEAL) if _OPEN in html or _CLOSE in html else html


def without_marks(text: str) -> str:
    """Text with every remaining template tag taken away, closed or not."""
    for opening, closing in _PAIRS:
        if opening in text:
            text = _between(text, opening, closing, lambda inside: "")
            while opening in text:
                text = text.replace(opening, "")
    return text


def _paired(source: str) -> str:
    if "endraw" in source:
        source = _pairs(source, _RAW, lambda inside: inside.translate(_HIDE))
    if "endcomment" in source:
        source = _pairs(source, _COMMENT, lambda inside: "")
    if ("highlight" in source or "code" in source) and source.count("{") < 2000:
        source = _HIGHLIGHT.sub(_fenced, source)
    return source


def _pairs(source: str, tag: re.Pattern[str], show: Callable[[str], str]) -> str:
    """`source` with each pair of tags and its inside replaced, in one pass; `tag[1]` marks the end."""
    parts: list[str] = []
    at = 0
    opened: re.Match[str] | None = None
    for match in tag.finditer(source):
        if match[1] is None:
            opened = opened or match
        elif opened is not None:
            parts += [source[at : opened.start()], show(source[opened.end() : match.start()])]
            at, opened = match.end(), None
    return "".join([*parts, source[at:]])


def _fenced(match: re.Match[str]) -> str:
    inside = match[2].strip("\n")
    fence = "````" if "```" in inside else "```"
    return f"\n\n{fence}{match[1]}\n{inside.translate(_HIDE)}\n{fence}\n\n"


def _change_markdown(text: str) -> str:
    if "{" not in text:
        return text
    text = _change(text)
    return _ATTRIBUTES.sub("", text) if "{:" in text or "{#" in text else text


def _change(text: str) -> str:
    if "{{" in text:
        text = _QUOTED_URL.sub(lambda match: match[2], text)
        text = _VARIABLE.sub("", text)
    for opening, closing in _PAIRS:
        if opening in text:
            text = _between(text, opening, closing, _tag)
    return text


def _between(text: str, opening: str, closing: str, show: Callable[[str], str]) -> str:
    """`text` with each opening...closing replaced by `show(what is between)`, in one pass."""
    parts: list[str] = []
    at = 0
    while (start := text.find(opening, at)) >= 0:
        end = text.find(closing, start + len(opening))
        if end < 0:
            break
        parts += [text[at:start], show(text[start + len(opening) : end])]
        at = end + len(closing)
    return "".join([*parts, text[at:]])


def _tag(inside: str) -> str:
    """What a tag becomes: a row of TAGS, or nothing."""
    name, _, rest = inside.strip("-").strip().partition(" ")
    show = TAGS.get(name)
    if show is None:
        return ""
    named: dict[str, str] = {}
    for match in _ARGUMENT.finditer(rest[:2000]):
        key, value = (match[1].lower(), match[2]) if match[1] else (str(len(named)), match[3])
        named.setdefault(key, value.strip("\"'"))
    return show(named)


def _reference(arguments: dict[str, str]) -> str:
    """`ref`, `relref`, `link`, `post_url`: the other post's path without its suffix."""
    target, mark, fragment = arguments.get("0", arguments.get("path", "")).partition("#")
    stem = re.sub(r"(?:/?_?index)?\.(?:md|markdown|html)$", "", target)
    return (stem + mark + fragment).replace(" ", "%20")


def _figure(arguments: dict[str, str]) -> str:
    src = arguments.get("src") or arguments.get("0", "")
    if not src or "{" in src:
        return ""
    alt = _escaped(arguments.get("alt") or arguments.get("1", ""))
    caption = _escaped(arguments.get("caption") or arguments.get("title", ""))
    image = f'<img src="{_escaped(src)}" alt="{alt}">'
    return f"<figure>{image}<figcaption>{caption}</figcaption></figure>" if caption else image


def _youtube(arguments: dict[str, str]) -> str:
    video = arguments.get("id") or arguments.get("0", "")
    url = f"https://www.youtube.com/watch?v={_escaped(video)}"
    return f'<a href="{url}">Video on YouTube</a>' if re.fullmatch(r"[\w-]{6,20}", video) else ""


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;").replace(">", "&gt;")


TAGS: dict[str, Callable[[dict[str, str]], str]] = {
    "ref": _reference,
    "relref": _reference,
    "link": _reference,
    "figure": _figure,
    "img": _figure,
    "image": _figure,
    "image_with_class": _figure,
    "youtube": _youtube,
}
