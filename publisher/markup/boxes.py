"""Notes set apart by template tags become quotations, as `:::note` does: Hexo's `{% note info %}`, Hugo's
`{{< notice tip >}}`, `{{% callout type="warning" title="Mind" %}}`. Only what is closed and begins a line.
"""

import re

from publisher.markup.code import without_code
from publisher.markup.stream import names

_KINDS = names("note info tip hint warning caution danger important error success question example abstract")
BOXES = _KINDS | names("notice admonition callout alert aside box hint-box infobox")
"""What notes are called."""

_TAG = re.compile(
    r"(?P<open>\{\{[<%]|\{%-?)[ \t]*(?P<end>/[ \t]*|end)?(?P<name>[a-z]+)\b(?P<rest>[^{}\n]{0,300}?)"
    r"(?:[>%]\}\}|-?%\})",
    re.IGNORECASE,
)
_CLOSED = re.compile(rf"(?:\{{%-?[ \t]*end|[<%][ \t]*/[ \t]*)(?:{'|'.join(sorted(BOXES))})\b", re.IGNORECASE)
_NAMED = re.compile(r"""\b(title|type)\s*=\s*(?:"([^"]*)"|'([^']*)'|(\S+))""", re.IGNORECASE)
_QUOTED = re.compile(r"""(?<![=\w])(?:"([^"]*)"|'([^']*)')""")
_FIRST = re.compile(r"""\s*["']?([A-Za-z]+)["']?(?=\s|$)""")
MANY = 1_000


def with_boxes(source: str) -> str:
    """`source` with the notes as HTML quotations around their Markdown, headed by their title or kind."""
    if ("{%" not in source or "end" not in source) and "{{" not in source:
        return source
    if not _CLOSED.search(source):
        return source
    waiting: list[re.Match[str]] = []
    pairs: list[tuple[re.Match[str], re.Match[str]]] = []
    for number, match in enumerate(_TAG.finditer(without_code(source))):
        if number > MANY:
            return source
        if match["name"].lower() not in BOXES:
            continue
        if not match["end"]:
            if match.start() == 0 or source[match.start() - 1] == "\n":
                waiting.append(match)
        elif waiting and waiting[-1]["name"].lower() == match["name"].lower():
            pairs.append((waiting.pop(), match))
    return _replaced(source, pairs) if pairs else source


def _replaced(source: str, pairs: list[tuple[re.Match[str], re.Match[str]]]) -> str:
    marks = [(opening.start(), opening.end(), _head(opening)) for opening, _ in pairs]
    marks += [(closing.start(), closing.end(), "\n\n</blockquote>\n\n") for _, closing in pairs]
    parts: list[str] = []
    at = 0
    for start, end, shown in sorted(marks):
        parts += [source[at:start], shown]
        at = end
    return "".join([*parts, source[at:]])


def _head(opening: re.Match[str]) -> str:
    title = heading(opening["name"].lower(), opening["rest"])
    return "\n\n<blockquote>\n\n" + (f"{title}\n\n" if title else "")


def heading(name: str, rest: str) -> str:
    """The title in bold of the note that is called `name` and has the attributes `rest`; "" for none."""
    title = _title(name, rest)
    return f"**{title}**" if title else ""


def _title(name: str, rest: str) -> str:
    given = {match[1].lower(): match[2] or match[3] or match[4] or "" for match in _NAMED.finditer(rest)}
    first = _FIRST.match(rest)
    kind = given.get("type", "").lower() or (first[1].lower() if first else "")
    quoted = [match[1] or match[2] or "" for match in _QUOTED.finditer(rest)]
    spoken = next((text for text in quoted if text.lower() != kind and name != "alert"), "")
    kind = kind if kind in _KINDS else name if name in _KINDS else ""
    return (given.get("title") or spoken or kind.capitalize()).replace("*", "").strip()
