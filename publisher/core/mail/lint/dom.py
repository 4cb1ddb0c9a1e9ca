"""A mail's HTML as elements in document order, and just enough CSS to tell which rules apply to an element:
declarations, rules inside and outside of media queries, and selectors.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from html.parser import HTMLParser

_VOID = frozenset("area base br col embed hr img input link meta param source track wbr".split())  # noqa: SIM905  # HTML's own list reads better so
_COMMENT = re.compile(r"(?s)/\*.*?\*/")
_COMPOUND = re.compile(r"([a-zA-Z*][\w-]*)?((?:\.[\w-]+|#[\w-]+|\[[^\]]+\]|::?[\w-]+(?:\([^)]*\))?)*)$")
_PART = re.compile(r"\.([\w-]+)|\[\s*([\w-]+)\s*(?:=\s*[\"']?([^\"'\]]*)[\"']?)?\s*\]|(#[\w-]+|::?[\w-]+)")
Declarations = dict[str, str]


@dataclass(slots=True, eq=False)
class Element:
    """One element. `text` is all text in it, as far as it was read."""

    tag: str
    attrs: dict[str, str]
    parent: "Element | None"
    classes: frozenset[str] = frozenset()
    words: list[str] = field(default_factory=list[str])

    @property
    def text(self) -> str:
        """Its text on one line."""
        return " ".join("".join(self.words).split())

    def within(self, *tags: str) -> bool:
        """Whether it is an element of one of `tags`, or inside one."""
        at: Element | None = self
        while at is not None:
            if at.tag in tags:
                return True
            at = at.parent
        return False


class Tree(HTMLParser):
    """`elements` in document order; `texts`: each run of text with the element it stands in; `sheets`: the
    contents of style elements; `doctype` as written.
    """

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[Element] = []
        self.texts: list[tuple[Element, str]] = []
        self.sheets: list[str] = []
        self.doctype = ""
        self._open: list[Element] = []
        self.feed(html)
        self.close()

    def handle_decl(self, decl: str) -> None:
        """The doctype."""
        self.doctype = self.doctype or decl

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Opens an element."""
        given = {name: value or "" for name, value in attrs}
        above = self._open[-1] if self._open else None
        element = Element(tag, given, above, frozenset(given.get("class", "").split()))
        self.elements.append(element)
        if tag not in _VOID:
            self._open.append(element)

    def handle_endtag(self, tag: str) -> None:
        """Closes the innermost open element of that name, and what was left open in it."""
        for n in range(len(self._open) - 1, -1, -1):
            if self._open[n].tag == tag:
                del self._open[n:]
                return

    def handle_data(self, data: str) -> None:
        """Text."""
        if not self._open:
            return
        if self._open[-1].tag == "style":
            self.sheets.append(data)
            return
        self.texts.append((self._open[-1], data))
        for element in self._open:
            element.words.append(data)

    def named(self, *tags: str) -> list[Element]:
        """The elements of those names."""
        return [element for element in self.elements if element.tag in tags]


@dataclass(frozen=True, slots=True)
class StyleRule:
    """A selector of one rule, what it declares, and the at-rule around it ("" for none)."""

    selector: str
    style: Declarations
    at: str


@lru_cache(maxsize=4096)
def _pairs(style: str) -> tuple[tuple[str, str], ...]:
    found = (part.partition(":") for part in style.split(";"))
    return tuple((name.strip().lower(), value.strip()) for name, colon, value in found if colon)


def declarations(style: str) -> Declarations:
    """ "color: red" as {"color": "red"}; the last of a name counts. Values keep "!important"."""
    return dict(_pairs(style))


def style_rules(sheet: str) -> Iterator[StyleRule]:
    """The rules of a style sheet, one for each selector of a group."""
    yield from _rules(_COMMENT.sub("", sheet), "")


def _rules(css: str, at: str) -> Iterator[StyleRule]:
    position = 0
    while (start := css.find("{", position)) >= 0:
        prelude, end = css[position:start].strip(), _close(css, start)
        inside = css[start + 1 : end]
        if prelude.startswith("@"):
            yield StyleRule("", {}, prelude)
            yield from _rules(inside, f"{at} {prelude}".strip())
        else:
            style = declarations(inside)
            yield from (StyleRule(selector.strip(), style, at) for selector in prelude.split(","))
        position = end + 1


def _close(css: str, start: int) -> int:
    depth = 0
    for match in re.compile("[{}]").finditer(css, start):
        depth += 1 if match.group() == "{" else -1
        if depth == 0:
            return match.start()
    return len(css)


@dataclass(frozen=True, slots=True)
class Compound:
    """One part of a selector: "td.head[dir=rtl]". `never`: it uses something that is not supported here, so
    it never matches.
    """

    tag: str
    classes: frozenset[str]
    attrs: tuple[tuple[str, str | None], ...]
    never: bool

    def matches(self, element: Element) -> bool:
        """Whether `element` matches it."""
        return (
            not self.never
            and self.tag in ("", "*", element.tag)
            and self.classes <= element.classes
            and all(n in element.attrs and v in (None, element.attrs[n]) for n, v in self.attrs)
        )


@lru_cache(maxsize=1024)
def compounds(selector: str) -> tuple[Compound, ...]:
    """The parts of a descendant selector, outermost first."""
    return tuple(_compound(part) for part in selector.replace(">", " ").split())


def _compound(text: str) -> Compound:
    match = _COMPOUND.match(text)
    if match is None:
        return Compound("", frozenset(), (), never=True)
    classes: set[str] = set()
    attrs: list[tuple[str, str | None]] = []
    never = False
    for name, attr, value, other in _PART.findall(match.group(2)):
        if name:
            classes.add(name)
        elif attr:
            attrs.append((attr, value or None))
        elif other:
            never = True
    return Compound((match.group(1) or "").lower(), frozenset(classes), tuple(attrs), never)


def selects(selector: str, element: Element) -> bool:
    """Whether the descendant selector matches `element`. Pseudo-classes never do."""
    parts = compounds(selector)
    if not parts or not parts[-1].matches(element):
        return False
    at, left = element.parent, len(parts) - 2
    while left >= 0 and at is not None:
        if parts[left].matches(at):
            left -= 1
        at = at.parent
    return left < 0
