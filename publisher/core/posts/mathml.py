"""MathML: the elements and attributes of Presentation MathML (MathML Core) that bodies may contain, and a
formula as text for places that show no MathML, such as mails.
"""

import re
from collections.abc import Iterator

from publisher.core.caching import lazy

_TAGS = """
    math merror mfrac mi mmultiscripts mn mo mover mpadded mphantom mprescripts mroot mrow ms mspace msqrt
    mstyle msub msubsup msup mtable mtd mtext mtr munder munderover none semantics
"""
_ATTRIBUTES = """
    accent accentunder alttext columnalign columnspan depth dir display displaystyle fence form height largeop
    linethickness lspace mathvariant maxsize minsize movablelimits rowspan rspace scriptlevel separator
    stretchy symmetric voffset width
"""

MATH_TAGS = frozenset(_TAGS.split())
"""No element that can hold a link, a script or a copy of the formula in another language."""

MATH_ATTRIBUTES = dict.fromkeys(MATH_TAGS, frozenset(_ATTRIBUTES.split()))
"""The attributes that each of them may have."""

_MATH = lazy(r"<math\b(?:[^<>\"]|\"[^\"]*\")*>.*?</math\s*>", re.DOTALL)
_PIECE = lazy(r"<(/?)([a-z]+)((?:[^<>\"]|\"[^\"]*\")*?)(/?)>|([^<]+)")
_ALTTEXT = lazy(r'\balttext="([^"]*)"')
_OPERATORS = frozenset("=<>≤≥≠≈≡→⇒⇔∈∉⊂⊆+−±×÷·") | {"&lt;", "&gt;", "-"}
_SINGLE = lazy(r"[\d.,]+|\w|&\w+;|\W")

_Node = tuple[str, "list[_Node]", str]
"""A tag with its children, or "" with a text."""


def without_mathml(html: str) -> str:
    """Safe HTML with each formula as text: x² is "x^2", a fraction "a/b", √ "√(a + b)"."""
    return _MATH.sub(lambda found: formula_as_text(found[0]), html) if "<math" in html else html


def mathml_as_marked_text(html: str) -> str:
    """Safe HTML with each formula as text that looks like a formula: TeX as code, a single letter slanted."""

    def marked(found: re.Match[str]) -> str:
        text = formula_as_text(found[0])
        if len(text) == 1:
            return f"<i>{text}</i>" if text.isalpha() else text
        return f'<code dir="ltr">{text}</code>' if "\\" in text else text

    return _MATH.sub(marked, html) if "<math" in html else html


def formula_as_text(math: str) -> str:
    """The text of a <math> element, escaped for HTML: the author's `alttext` if there is one."""
    pieces = _PIECE.finditer(math)
    if (found := _ALTTEXT.search(math.partition(">")[0])) and found[1].strip():
        return " ".join(found[1].split())
    return " ".join(_text_of(("", _children(pieces), "")).split())


def _children(pieces: Iterator[re.Match[str]]) -> "list[_Node]":
    """The nodes up to the tag that closes the element they are in."""
    found: list[_Node] = []
    for piece in pieces:
        closing, tag, _, alone, text = piece.groups()
        if text is not None:
            found.append(("", [], text))
        elif closing:
            break
        else:
            found.append((tag, [] if alone else _children(pieces), ""))
    return found


def _text_of(node: "_Node") -> str:
    tag, children, text = node
    if text:
        return text
    if tag == "mphantom":
        return ""
    if tag == "mspace":
        return " "
    # Between the parts of a formula white space in the source means nothing.
    parts = [_text_of(one) for one in children if one[0] or one[2].strip()]
    one, two, three = [part.strip() for part in (*parts, "", "", "")][:3]
    match tag:
        case "mo":
            sign = "".join(parts).strip()
            return f" {sign} " if sign in _OPERATORS else sign
        case "mfrac":
            return f"{_grouped(one)}/{_grouped(two)}"
        case "msqrt":
            return f"√{_grouped(''.join(parts).strip())}"
        case "mroot":
            return f"{_grouped(one)}^(1/{two})"
        case "msup" | "mover":
            return f"{_grouped(one)}^{_grouped(two)}" if tag == "msup" else one + two
        case "msub" | "munder":
            return f"{one}_{_grouped(two)}"
        case "msubsup" | "munderover":
            return f"{one}_{_grouped(two)}^{_grouped(three)}"
        case "mtr":
            return ", ".join(part.strip() for part in parts)
        case "mtable":
            return "; ".join(parts)
        case _:
            return "".join(parts)


def _grouped(text: str) -> str:
    """`text`, in parentheses if it is more than one number or name."""
    return text if not text or _SINGLE.fullmatch(text) else f"({text})"
