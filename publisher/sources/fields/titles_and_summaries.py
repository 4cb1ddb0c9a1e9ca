"""Titles and summaries as plain text: entities decoded once, no tags, and no Markdown except where the text
would mean something else without it: "~~free~~ paid", "10^6".
"""

import html
import re

from publisher.core.caching import lazy
from publisher.sources.frontmatter.values import legal

_TAG = lazy(
    r"</?(?:a|abbr|b|bdi|bdo|big|br|center|cite|code|del|dfn|div|em|font|h[1-6]|i|img|ins|kbd|mark|nobr|p|q|s|samp"
    r"|small|span|strike|strong|sub|sup|tt|u|var|wbr)(?:\s[^<>]*)?/?>",
    re.IGNORECASE,
)
_PAIRED = lazy(
    r"(?P<code>(?<!`)(?P<ticks>`+)[^`]+(?P=ticks))"
    r"|<(?P<end>/)?(?P<name>a|abbr|b|bdi|bdo|big|center|cite|code|del|dfn|div|em|font|h[1-6]|i|ins|kbd|mark|nobr|p"
    r"|q|s|samp|small|span|strike|strong|sub|sup|tt|u|var)"
    r"(?:\s+[\w:-]+(?:\s*=\s*(?:\"[^\"<>]*\"|'[^'<>]*'|[^\s\"'<>=]+))?)*\s*>",
    re.IGNORECASE,
)
_GLUED = lazy(r"(?<=[^\W_])<br\s*/?>|<br\s*/?>(?=[^\W_])", re.IGNORECASE)
_PICTURE = lazy(r"<img\s[^<>]*=[^<>]*>|(?<=\w)<wbr\s*/?>(?=\w)", re.IGNORECASE)
_TAGS_OF_TEMPLATES = lazy(r"\{%[^{}]*%\}")
_EXPRESSION = lazy(r"\{\{[^{}]*\}\}")
_MARKS = (
    (lazy(r"!?\[([^\[\]]*)\]\((?:[^()\s]|\([^()\s]*\))*(?:\s+\"[^\"]*\")?\)"), r"\1"),
    (lazy(r"(`+)([^`]+)\1"), r"\2"),
    (lazy(r"\*\*(?=\S)([^*]+?)(?<=\S)\*\*"), r"\1"),
    (lazy(r"(?<![\w*])\*(?=\S)([^*]+?)(?<=\S)\*(?![\w*])"), r"\1"),
    (lazy(r"(?<![\w_])__(?=\S)([^_]*\s[^_]*)(?<=\S)__(?![\w_])"), r"\1"),
    (lazy(r"(?<![\w_])_(?=[^\s_])([^_]+?)(?<=\S)_(?![\w_])"), r"\1"),
    (lazy(r"\\([!-/:-@\[-`{-~])"), r"\1"),
)
_POWER = lazy(r"(?<=\w)<sup>([-+\u2212]?\d{1,6})</sup>", re.IGNORECASE)
_EXPONENT = lazy(r"[-+\u2212]?\d{1,6}")
_STRUCK = lazy(r"</?(?:del|s|strike)(?:\s[^<>]*)?>", re.IGNORECASE)
_ENTITY = lazy(r"&(?:#\w{1,8}|\w{1,32})$")
_MARK_SIGNS = frozenset("[`*_~\\")
_SPACE = lazy(r"[ \t\n\r\f\v\u2028\u2029]+")  # a no-break space is meant
_ATX = lazy(r"#{1,6}[ \t]+(.*?)(?:[ \t]+#+)?[ \t]*$")
_ATTRIBUTES = lazy(r"\s*\{[:#][^{}]*\}\s*$")
_UNSEEN = lazy(r"\s*(?:(?:import|export)\s.*|\{%.*%\}|\{:.*\}|\{/\*.*\*/\})\s*$")
_HTML_OPENING = lazy(
    r"(?:\s|<(?:article|body|div|header|main|section)\b[^<>]*>)*<h([1-6])(?:\s[^<>]*)?>(.*?)</h\1\s*>",
    re.IGNORECASE | re.DOTALL,
)
_MORE = lazy(
    r"<!--\s*(?:more|truncate|excerpt|end[ _-]?excerpt|read[ _-]?more)\s*-->|\{/\*\s*truncate\s*\*/\}",
    re.IGNORECASE,
)
_FENCE = lazy(r"^[ \t]*(?:`{3,}(?=[^`\n]*$)|~~~)", re.MULTILINE)
_SIMPLE = lazy(r"(?:[!-%'-)+-;=-Z^a-z|}\]]+(?: |$))*")  # nothing here that could be a mark
_LIMIT = 10_000  # the most characters of a title or summary


def literal_line(text: str) -> str:
    """One line of a text that its generator takes literally, not as HTML or Markdown; entities are
    decoded.
    """
    text = html.unescape(text[:_LIMIT]) if "&" in text else text[:_LIMIT]
    return _SPACE.sub(" ", legal(text)).strip()


def plain_line(text: str) -> str:
    """One line of plain text. Well-formed pairs of tags are removed. Any other "<" stays, and so does what
    looks like template code, which no generator runs in front matter.
    """
    if text.isascii() and _SIMPLE.fullmatch(text):
        return text[:_LIMIT].rstrip()
    text = text[:_LIMIT]
    if "<" in text:
        text = _PICTURE.sub("", _GLUED.sub(" ", strip_tag_pairs(text)))
    if not _MARK_SIGNS.isdisjoint(text):
        for pattern, shown in _MARKS:
            text = pattern.sub(shown, text)
    if "&" in text:
        text = html.unescape(text)
    return _SPACE.sub(" ", legal(text)).strip()


def split_terms(text: str, sign: str) -> list[str]:
    """`text` split at each `sign`, except the ";" of an entity: `Ann &amp; Bob` is one term."""
    if sign != ";" or "&" not in text:
        return text.split(sign)
    parts = [""]
    for part in text.split(sign):
        entity = _ENTITY.search(parts[-1])
        if entity and html.unescape(f"{entity[0]};") != f"{entity[0]};":
            parts[-1] += f";{part}"
        else:
            parts.append(part)
    return parts[1:]


def plain_summary(text: str) -> str:
    """A summary as one line of plain text; tags are removed even if they are not in pairs."""
    if "<" in text:
        text = _TAG.sub("", _STRUCK.sub("~~", _POWER.sub(r"^\1", text[:_LIMIT])))
    return plain_line(text)


def strip_tag_pairs(text: str) -> str:
    """`text` without pairs of HTML tags; tags in code and unpaired ones stay. Struck-out words and powers
    stay marked.
    """
    opened: list[re.Match[str]] = []
    gone: list[tuple[re.Match[str], str]] = []  # with what stands in its place
    for tag in _PAIRED.finditer(text):
        if tag["code"]:
            continue
        if not tag["end"]:
            opened.append(tag)
            continue
        name = tag["name"].lower()
        at = next((n for n in range(len(opened) - 1, -1, -1) if opened[n]["name"].lower() == name), -1)
        if at >= 0:
            begin, mark = opened[at], "~~" if name in ("del", "s", "strike") else ""
            power = name == "sup" and _EXPONENT.fullmatch(text, begin.end(), tag.start())
            gone += ((begin, "^" if power and text[: begin.start()][-1:].isalnum() else mark), (tag, mark))
            del opened[at:]
    for tag, shown in sorted(gone, key=lambda it: it[0].start(), reverse=True):
        text = text[: tag.start()] + shown + text[tag.end() :]
    return text


def lead_length(body: str, separator: str = "") -> int:
    """How many characters of `body` are before the mark that ends its summary; 0 if there is none.

    Marks are `<!-- more -->` and the like, and `separator` unless it is blank. Marks in code blocks do not
    count.
    """
    if separator.strip() and (at := body.find(separator)) > 0 and body[:at].strip():
        return at
    if not (("<" in body and "<!--" in body) or ("{" in body and "{/*" in body)):
        return 0
    for match in _MORE.finditer(body):
        before = body[: match.start()]
        line = before.rpartition("\n")[2]
        if "`" not in line and len(_FENCE.findall(before)) % 2 == 0:
            return match.start() if before.strip() else 0
    return 0


def first_heading(body: str, *, is_html: bool, templates: bool) -> str:
    """The heading at the beginning of the body, as plain text; "" if it begins with anything else. Comments,
    MDX imports and template tags on lines of their own are skipped. `templates`: the generator runs every
    `{{ expression }}` in a body.
    """
    start = body[:20_000]
    while (rest := start.lstrip()).startswith("<!--") and (end := rest.find("-->")) > 0:
        start = rest[end + 3 :]
    if is_html:
        match = _HTML_OPENING.match(start)
        text = re.sub(r"<[^<>]*>", "", strip_tag_pairs(match[2])) if match else ""
    else:
        lines = start.split("\n")[:200]
        at = next((n for n, line in enumerate(lines) if line.strip() and not _UNSEEN.match(line)), len(lines))
        text = _ATTRIBUTES.sub("", markdown_heading(*([*lines[at : at + 2], "", ""])[:2]))
    text = _TAGS_OF_TEMPLATES.sub("", text)  # its page does not show them either
    return plain_line(_EXPRESSION.sub("", text) if templates else text)


def markdown_heading(line: str, below: str) -> str:
    """The text of the heading in `line`: "# Words", or words underlined with "=" or "-" in `below`."""
    text, under = line.strip(), below.strip()
    if match := _ATX.match(text):
        return match[1] if not line.startswith(("    ", "\t")) else ""
    underlined = text and under and (set(under) == {"="} or (set(under) == {"-"} and len(under) > 1))
    return text if underlined and not text.startswith((">", "-", "*", "|", "#", "<", "+")) else ""
