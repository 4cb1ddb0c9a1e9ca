"""What stands between two template tags: notes and quotations become quotations, as `:::note` does, buttons
links. Only what is closed, and notes only where they begin a line.

{% note info %} ... {% endnote %}                     Hexo
{{< notice tip >}}, {{% callout title="Mind" %}},
{{< details "More" >}}, {{< button href="/a" >}}      Hugo's themes, to {{< /notice >}}
{% quote(author="A") %} ... {% end %}                 Zola
"""

import re
from collections import Counter
from collections.abc import Iterator
from html import escape

from publisher.core.posts.code_regions import without_code
from publisher.markup.html.fragments import names

_KINDS = names("note info tip hint warning caution danger important error success question example abstract")
BOXES = _KINDS | names(
    "notice admonition callout alert aside box hint-box infobox details expand collapse spoiler accordion"
)
"""What notes are called."""

QUOTES = names("blockquote quote pullquote")
BUTTONS = names("button btn")
_PAIRED = BOXES | QUOTES | BUTTONS
_TAG = re.compile(
    r"(?P<open>\{\{[<%]|\{%-?)[ \t]*(?P<end>/[ \t]*|end)?(?P<name>[a-z]+)\b(?P<rest>[^{}\n]{0,300}?)"
    r"(?:[>%]\}\}|-?%\})",
    re.IGNORECASE,
)
_CLOSED = re.compile(
    rf"(?:\{{%-?[ \t]*end|[<%][ \t]*/[ \t]*)(?:{'|'.join(sorted(_PAIRED))})\b|\{{%-?[ \t]*end[ \t(]",
    re.IGNORECASE,
)
_NAMED = re.compile(
    r"""\b(title|type|summary|href|url|link|relref|text|label)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s()]+))""",
    re.IGNORECASE,
)
_QUOTED = re.compile(r"""(?<![=\w])(?:"([^"]*)"|'([^']*)')""")
_FIRST = re.compile(r"""[\s(]*["']?([A-Za-z]+)["']?(?=[\s)]|$)""")
MANY = 1_000

_Pair = tuple[re.Match[str], re.Match[str]]


def with_boxes(source: str, *, markdown: bool) -> str:
    """`source` with these as HTML around what stands in them, notes headed by their title or kind."""
    if ("{%" not in source or "end" not in source) and "{{" not in source:
        return source
    if not _CLOSED.search(source):
        return source
    tags = [*_TAG.finditer(without_code(source) if markdown else source)]
    pairs = [*_pairs(tags, source)] if len(tags) <= MANY else []
    return _replaced(source, pairs, markdown=markdown) if pairs else source


def _pairs(tags: list[re.Match[str]], source: str) -> Iterator[_Pair]:
    """What opens and what closes it, of the names that are known."""
    waiting: list[re.Match[str]] = []
    open_names: Counter[str] = Counter()
    for tag in tags:
        name = tag["name"].lower()
        if not tag["end"] and name != "end":
            if name in _PAIRED or _is_zolas(tag):
                waiting.append(tag)
                open_names[name] += 1
            continue
        if name == "end":  # Zola's closes what was opened last
            name = waiting[-1]["name"].lower() if waiting and _is_zolas(waiting[-1]) else ""
        opening = None
        while open_names[name] and opening is None:
            last = waiting.pop()
            open_names[last["name"].lower()] -= 1
            opening = last if last["name"].lower() == name else None
        if opening and name in _PAIRED and (name not in BOXES or _begins_line(opening, source)):
            yield opening, tag


def _is_zolas(tag: re.Match[str]) -> bool:
    return tag["open"][:2] == "{%" and tag["rest"].lstrip().startswith("(")


def _begins_line(tag: re.Match[str], source: str) -> bool:
    return tag.start() == 0 or source[tag.start() - 1] == "\n"


def _replaced(source: str, pairs: list[_Pair], *, markdown: bool) -> str:
    marks: list[tuple[int, int, str]] = []
    for opening, closing in pairs:
        head, foot = _around(opening, markdown=markdown)
        marks += [(opening.start(), opening.end(), head), (closing.start(), closing.end(), foot)]
    parts: list[str] = []
    at = 0
    for start, end, shown in sorted(marks):
        parts += [source[at:start], shown]
        at = end
    return "".join([*parts, source[at:]])


def _around(opening: re.Match[str], *, markdown: bool) -> tuple[str, str]:
    """What stands for a tag and for the one that closes it."""
    name, rest = opening["name"].lower(), opening["rest"]
    if name in BUTTONS:
        to = linked(_given(rest))
        return (f'<a href="{escape(to)}">', "</a>") if to else ("", "")
    title = heading(name, rest, markdown=markdown) if name in BOXES else ""
    return "\n\n<blockquote>\n\n" + (f"{title}\n\n" if title else ""), "\n\n</blockquote>\n\n"


def linked(given: dict[str, str]) -> str:
    """Where a button leads, by its attributes; "" where that cannot be known."""
    to = next((given[key] for key in ("href", "url", "link", "relref") if given.get(key)), "")
    return "" if "{" in to else to


def heading(name: str, rest: str, *, markdown: bool = True) -> str:
    """The title in bold of the note that is called `name` and has the attributes `rest`; "" for none."""
    title = _title(name, rest)
    if not title:
        return ""
    return f"**{title}**" if markdown else f"<p><strong>{escape(title)}</strong></p>"


def _given(rest: str) -> dict[str, str]:
    return {match[1].lower(): match[2] or match[3] or match[4] or "" for match in _NAMED.finditer(rest)}


def _title(name: str, rest: str) -> str:
    given = _given(rest)
    first = _FIRST.match(rest)
    kind = given.get("type", "").lower() or (first[1].lower() if first else "")
    kind = kind if kind in _KINDS else name if name in _KINDS else ""
    quoted = [match[1] or match[2] or "" for match in _QUOTED.finditer(rest)]
    spoken = next((text for text in quoted if text.lower() != kind and name != "alert"), "")
    said = given.get("title") or given.get("summary") or given.get("label") or spoken or kind.capitalize()
    return said.replace("*", "").strip()
