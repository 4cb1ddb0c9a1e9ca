"""Shortcodes that are opened and closed: notes and quotations become quotations, buttons become links.

Only those that are closed, and notes only at the beginning of a line.

{% note info %} ... {% endnote %}                     Hexo
{{< notice tip >}}, {{% callout title="Mind" %}},
{{< details "More" >}}, {{< button href="/a" >}}      Hugo's themes, up to {{< /notice >}}
{% quote(author="A") %} ... {% end %}                 Zola
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from html import escape

from publisher.core.posts.markdown_regions import blank_code
from publisher.markup.html.fragments import FOLDED, UNFOLDED, names, replace_spans

_NOTE_TYPES = names(
    "note info tip hint warning caution danger important error success question example abstract"
)
_FOLDED_NOTES = names("details expand collapse spoiler accordion")
NOTES = _NOTE_TYPES | names("notice admonition callout alert aside box hint-box infobox") | _FOLDED_NOTES
"""What notes are called."""

QUOTES = names("blockquote quote pullquote")
BUTTONS = names("button btn")
_PAIRED = NOTES | QUOTES | BUTTONS
_TAG = re.compile(
    r"(?P<open>\{\{[<%]|\{%-?)[ \t]*(?P<end>/[ \t]*|end)?(?P<name>[a-z]+)\b(?P<rest>[^{}\n]{0,300}?)"
    r"(?:[>%]\}\}|-?%\})",
    re.IGNORECASE,
)
_CLOSED = re.compile(
    rf"(?:\{{%-?[ \t]*end|[<%][ \t]*/[ \t]*)(?:{'|'.join(sorted(_PAIRED))})\b|\{{%-?[ \t]*end[ \t(]",
    re.IGNORECASE,
)
_ATTRIBUTE = re.compile(
    r"""\b(title|type|summary|href|url|link|relref|text|label)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s()]+))""",
    re.IGNORECASE,
)
_QUOTED = re.compile(r"""(?<![=\w])(?:"([^"]*)"|'([^']*)')""")
_OPEN = re.compile(r"""\bopen(?:ed)?\s*=\s*["']?(?:true|1|open)\b""", re.IGNORECASE)
_FIRST_WORD = re.compile(r"""[\s(]*["']?([A-Za-z]+)["']?(?=[\s)]|$)""")
MAX_TAGS = 1_000


def replace_block_shortcodes(source: str, *, markdown: bool) -> str:
    """`source` with HTML around the text between the tags; notes are headed by their title or type."""
    if ("{%" not in source or "end" not in source) and "{{" not in source:
        return source
    if not _CLOSED.search(source):
        return source
    tags = [*_TAG.finditer(blank_code(source) if markdown else source)]
    if len(tags) > MAX_TAGS:
        return source
    replacements: list[tuple[int, int, str]] = []
    for opening, closing in _pairs(tags, source):
        name, attributes = opening["name"].lower(), opening["rest"]
        if name in BUTTONS:
            target = button_target(_attributes(attributes))
            before, after = (f'<a href="{escape(target)}">', "</a>") if target else ("", "")
        else:
            title = note_title(name, attributes, markdown=markdown) if name in NOTES else ""
            before = "\n\n<blockquote>\n\n" + (f"{title}\n\n" if title else "")
            after = "\n\n</blockquote>\n\n"
        replacements += [(*opening.span(), before), (*closing.span(), after)]
    return replace_spans(source, sorted(replacements))


def _pairs(tags: list[re.Match[str]], source: str) -> Iterator[tuple[re.Match[str], re.Match[str]]]:
    """(opening, closing) tags of the names that are known."""
    waiting: list[re.Match[str]] = []
    waiting_names: Counter[str] = Counter()
    for tag in tags:
        name = tag["name"].lower()
        if not tag["end"] and name != "end":
            if name in _PAIRED or _is_zola(tag):
                waiting.append(tag)
                waiting_names[name] += 1
            continue
        if name == "end":  # Zola's `end` closes what was opened last
            name = waiting[-1]["name"].lower() if waiting and _is_zola(waiting[-1]) else ""
        opening = None
        while waiting_names[name] and opening is None:
            last = waiting.pop()
            waiting_names[last["name"].lower()] -= 1
            opening = last if last["name"].lower() == name else None
        if opening is None or name not in _PAIRED:
            continue
        begins_line = opening.start() == 0 or source[opening.start() - 1] == "\n"
        if begins_line or name not in NOTES:
            yield opening, tag


def _is_zola(tag: re.Match[str]) -> bool:
    return tag["open"][:2] == "{%" and tag["rest"].lstrip().startswith("(")


def button_target(attributes: Mapping[str, str]) -> str:
    """Where a button leads; "" if that cannot be known."""
    keys = ("href", "url", "link", "relref")
    target = next((attributes[key] for key in keys if attributes.get(key)), "")
    return "" if "{" in target else target


def note_title(name: str, rest: str, *, markdown: bool = True) -> str:
    """The title, in bold, of a note called `name` with the attributes `rest`; "" for none. That of a note
    that readers unfold is marked for `with_folds`.
    """
    attributes = _attributes(rest)
    first = _FIRST_WORD.match(rest)
    kind = attributes.get("type", "").lower() or (first[1].lower() if first else "")
    kind = kind if kind in _NOTE_TYPES else name if name in _NOTE_TYPES else ""
    quoted = [match[1] or match[2] or "" for match in _QUOTED.finditer(rest)]
    spoken = next((text for text in quoted if text.lower() != kind and name != "alert"), "")
    named = attributes.get("title") or attributes.get("summary") or attributes.get("label")
    title = (named or spoken or kind.capitalize()).replace("*", "").strip()
    if not title:
        return ""
    fold = "" if name not in _FOLDED_NOTES else UNFOLDED if _OPEN.search(rest) else FOLDED
    return f"**{fold}{title}**" if markdown else f"<p><strong>{fold}{escape(title)}</strong></p>"


def _attributes(rest: str) -> dict[str, str]:
    return {match[1].lower(): match[2] or match[3] or match[4] or "" for match in _ATTRIBUTE.finditer(rest)}
