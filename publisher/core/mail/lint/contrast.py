"""Whether words can be read: the contrast of each run of text with what stands behind it (WCAG 2.2, 1.4.3).

In light, what is inlined counts; in the dark, the rules of `prefers-color-scheme: dark` overrule it.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from publisher.core.colors import MIN_CONTRAST, contrast
from publisher.core.mail.lint.css import Declarations, compounds, declarations, means, rules
from publisher.core.mail.lint.css import StyleRule as CssRule
from publisher.core.mail.lint.problem import LintProblem, LintRule
from publisher.core.mail.lint.tree import Element, Tree

MIN_LARGE_CONTRAST = 3.0
"""The least contrast of large words: from 24 px, or 18.66 px where bold."""

_NAMES = {"white": "#ffffff", "black": "#000000"}
_HEX = re.compile(r"#([0-9a-f]{6}|[0-9a-f]{3})\b")
_RGB = re.compile(r"rgba?\(\s*(\d+)[\s,]+(\d+)[\s,]+(\d+)")
_BOLD = frozenset({"b", "strong", "th", "h1", "h2", "h3", "h4", "h5", "h6"})


@dataclass(frozen=True, slots=True)
class TextStyle:
    """What an element's words look like."""

    ink: str
    paper: str
    size: float
    bold: bool
    hidden: bool


def contrast_problems(tree: Tree) -> Iterator[LintProblem]:
    """Each combination of colors that cannot be read, once for light and once for dark."""
    dark = [rule for sheet in tree.sheets for rule in rules(sheet) if "prefers-color-scheme: dark" in rule.at]
    yield from _unreadable(tree, (), TextStyle("#000000", "#ffffff", 16, bold=False, hidden=False), "light")
    yield from _unreadable(tree, dark, TextStyle("#ffffff", "#121212", 16, bold=False, hidden=False), "dark")


def _unreadable(tree: Tree, dark: Sequence[CssRule], root: TextStyle, mode: str) -> Iterator[LintProblem]:
    last = _rules_by_last_part(dark)
    looks: dict[int, TextStyle] = {}
    for element in tree.elements:
        above = looks[id(element.parent)] if element.parent is not None else root
        looks[id(element)] = _text_style(element, above, _declarations(element, last), dark=mode == "dark")
    seen: set[tuple[str, str]] = set()
    for element, text in tree.texts:
        look = looks[id(element)]
        if (
            look.hidden
            or not text.strip()
            or element.within("title", "style")
            or (look.ink, look.paper) in seen
        ):
            continue
        least = MIN_LARGE_CONTRAST if look.size >= (18.66 if look.bold else 24) else MIN_CONTRAST
        reached = contrast(look.ink, look.paper)
        if reached < least:
            seen.add((look.ink, look.paper))
            shown = " ".join(text.split())[:40]
            what = f"{look.ink} on {look.paper} has contrast {reached:.2f} of {least} in {mode}: {shown!r}"
            yield LintProblem(rule=LintRule.CONTRAST, where="html", what=what)


def _rules_by_last_part(dark: Sequence[CssRule]) -> dict[str, list[CssRule]]:
    """Rules by what their last part asks for first: a class, else a tag, else anything."""
    found: dict[str, list[CssRule]] = {}
    for rule in dark:
        parts = compounds(rule.selector)
        if parts:
            key = next((f".{name}" for name in sorted(parts[-1].classes)), parts[-1].tag or "*")
            found.setdefault(key, []).append(rule)
    return found


def _declarations(element: Element, dark: dict[str, list[CssRule]]) -> Declarations:
    style = declarations(element.attrs.get("style", ""))
    if "bgcolor" in element.attrs:
        style.setdefault("background-color", element.attrs["bgcolor"])
    for key in (*(f".{name}" for name in element.classes), element.tag, "*") if dark else ():
        for rule in dark.get(key, ()):
            if means(rule.selector, element):
                style |= {name: value for name, value in rule.style.items() if "!important" in value}
    return style


def _text_style(element: Element, above: TextStyle, style: Declarations, *, dark: bool) -> TextStyle:
    ink = above.ink
    if element.tag == "a" and "href" in element.attrs:
        ink = "#9e9eff" if dark else "#0000ee"
    size = re.match(r"([\d.]+)px", style.get("font-size", ""))
    weight = style.get("font-weight", "")
    bold = above.bold or element.tag in _BOLD
    return TextStyle(
        ink=_color(style.get("color", "")) or ink,
        paper=_color(style.get("background-color", style.get("background", ""))) or above.paper,
        size=float(size.group(1)) if size else above.size,
        bold=bold if not weight else weight.startswith(("bold", "6", "7", "8", "9")),
        hidden=above.hidden or style.get("display", "").startswith("none"),
    )


def _color(value: str) -> str:
    text = value.lower()
    if match := _HEX.search(text):
        digits = match.group(1)
        return "#" + (digits if len(digits) == 6 else "".join(d * 2 for d in digits))
    if match := _RGB.search(text):
        return "#" + "".join(f"{min(255, int(n)):02x}" for n in match.groups())
    return next((color for name, color in _NAMES.items() if re.search(rf"\b{name}\b", text)), "")
