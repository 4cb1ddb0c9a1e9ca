"""Formulas in TeX: found in a Markdown source, and set as MathML.

$$a_1 \\\\ b_2$$            in kramdown always, elsewhere if the blog enables it
$a_1$  \\(a_1\\)  \\[a_1\\]  if the blog enables it

In Markdown a backslash would escape and `_` would be emphasis. So a token that no parser changes stands for
each formula until the body is safe HTML. It names the formula by its hash: an author who writes such a token
gets a formula of the same body.

latex2mathml makes the MathML, and leaves commands that it does not know as words. A formula that has some, or
that is no TeX, is shown as its author wrote it, with its delimiters.
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import lru_cache
from hashlib import sha256
from html import escape
from typing import NamedTuple

from publisher.core.posts.markdown_regions import blank_code, blank_text
from publisher.core.posts.post import MarkdownExtension
from publisher.markup.html.fragments import hide, pieces, replace_spans, without_placeholders

MAX_FORMULA_LENGTH = 5_000
"""Characters of one formula."""

MAX_SET_LENGTH, MAX_SET_FORMULAS = 2_000, 2_000
"""Characters of a formula, and formulas of a body, that are set; what is longer or more stays TeX."""

MAX_BRACES = 60
"""How deep braces and commands may stand in each other in a formula that is set."""

MAX_MATHML = 50_000
"""Characters of MathML of one formula."""

ENVIRONMENTS = {
    **{name: name for name in ("align", "align*", "array", "cases", "equation", "equation*", "split")},
    **{f"{kind}matrix": f"{kind}matrix" for kind in ("", "b", "B", "p", "small", "v", "V")},
    "aligned": "align*",
    **dict.fromkeys(("gather", "gather*", "gathered", "multline", "multline*"), "matrix"),
}
"""Those that can be set, and what latex2mathml calls them; it takes any other for a group."""

MAX_MATH_DELIMITERS = 20_000
"""In one body; with more it is not prose."""

_MATH_DELIMITERS = {
    MarkdownExtension.MATH: ("$$",),
    MarkdownExtension.DOLLARS: ("$",),
    MarkdownExtension.BRACKETS: ("\\(", "\\["),
}
_MATH_CLOSING = {"$$": "$$", "$": "$", "\\(": "\\)", "\\[": "\\]"}

# In a Markdown source
_DELIMITER_OR_PARAGRAPH_END = re.compile(r"\\[\\()\[\]$]|\$+|\n[ \t]*(?=\n)")
_BLANK_LINE = re.compile(r"\n[ \t]*(?=\n)")
_QUOTATION_MARKS = re.compile(r"(?<=\n)[ \t]*(?:>[ \t]?)+")
_LIQUID_RAW_TAG = re.compile(r"\{%-?\s{0,9}(?:end)?raw\s{0,9}-?%\}")

# Tokens that stand for formulas: in text, as a name alone, and in the id that a heading gets from its words
_HIDDEN_DOLLAR = hide("$")
_TOKEN = re.compile(rf"[{_HIDDEN_DOLLAR}$]math([0-9a-f]{{16}})[{_HIDDEN_DOLLAR}$]")
_TOKEN_NAME = re.compile(r"math([0-9a-f]{16})")
_ID_WITH_TOKEN = re.compile(r'\sid="[^"]*math[0-9a-f]{16}[^"]*"')

# In TeX
_ENVIRONMENT = re.compile(r"\\(begin|end)\s*\{([^{}]*)\}")
_DEFINITION = re.compile(r"\\(?:(?:re)?newcommand|def|let|DeclareMathOperator)\b")
_ESCAPED_BRACE_OR_LINE_END = re.compile(r"\\\\|\\[{}]")

# In the MathML of latex2mathml: a command that it took for a name, and upright letters as it writes them
_UNKNOWN_COMMAND = re.compile(r"<m[ion]>\\")
_UPRIGHT_LETTER = re.compile(r"<mi>&#x000([4-7][0-9A-F]);</mi>")


class Formula(NamedTuple):
    """A formula: its TeX without delimiters, how it stood in the source, and whether it has a line of its
    own.
    """

    tex: str
    written: str
    display: bool


def hide_math(source: str, extensions: Collection[MarkdownExtension]) -> tuple[str, Mapping[str, Formula]]:
    """`source` with a token for each formula, and the formulas by the names in their tokens. One with
    template code stays, because that must be removed. Code stays as it is.
    """
    found: dict[str, Formula] = {}
    spans: list[tuple[int, int, str]] = []
    for start, end, formula in find_formulas(source, extensions):
        if "{%" in formula.tex:
            continue
        name = sha256(formula.written.encode("utf-8", "surrogatepass")).hexdigest()[:16]
        found[name] = formula
        spans.append((start, end, f"{_HIDDEN_DOLLAR}math{name}{_HIDDEN_DOLLAR}"))
    return (replace_spans(source, spans), found) if found else (source, {})


def set_math(html: str, formulas: Mapping[str, Formula], clean: Callable[[str], str]) -> str:
    """Safe HTML with each formula in place of its token: as MathML that is `clean`, else as it was written.
    In an attribute it is always as written.
    """
    if not formulas or "math" not in html:
        return html
    left = MAX_SET_FORMULAS

    def shown(match: re.Match[str]) -> str:
        nonlocal left
        formula, left = formulas.get(match[1]), left - 1
        if formula is None:
            return match[0]
        made = to_mathml(formula.tex, display=formula.display) if left >= 0 else ""
        return clean(made) if made else escape(formula.written, quote=False)

    def in_tag(raw: str) -> str:
        raw = _ID_WITH_TOKEN.sub(
            lambda found: _TOKEN_NAME.sub(lambda name: _slug(formulas.get(name[1])), found[0]), raw
        )
        return _TOKEN.sub(lambda name: escape(_written(formulas.get(name[1]), name[0])), raw)

    return "".join(in_tag(p.raw) if p.tag else _TOKEN.sub(shown, p.raw) for p in pieces(html))


def written_math(text: str, formulas: Mapping[str, Formula]) -> str:
    """A text with each formula as it was written in place of its token."""
    return _TOKEN.sub(lambda name: _written(formulas.get(name[1]), name[0]), text) if formulas else text


def unset_formulas(source: str, extensions: Collection[MarkdownExtension]) -> list[tuple[int, str]]:
    """(line from 1, TeX) of formulas that cannot be set."""
    return [
        (source.count("\n", 0, start) + 1, formula.tex.strip())
        for start, _, formula in find_formulas(source, extensions)
        if "{%" not in formula.tex and not to_mathml(formula.tex, display=formula.display)
    ]


@lru_cache(maxsize=2048)
def to_mathml(tex: str, *, display: bool) -> str:
    """TeX as a <math> element with the TeX as its alternative text; "" if it cannot be set. Not yet safe."""
    tex = " ".join(tex.split()) if "%" not in tex else tex.strip()
    if not tex or len(tex) > MAX_SET_LENGTH or not _is_well_formed(tex):
        return ""
    known = _ENVIRONMENT.sub(lambda found: f"\\{found[1]}{{{ENVIRONMENTS.get(found[2], '')}}}", tex)
    if "{}" in known and "{}" not in tex:
        return ""
    from latex2mathml.converter import convert  # only bodies with formulas need it

    try:
        made = convert(known, display="block" if display else "inline")
    except Exception:  # of whatever kind: it is the author's TeX that is wrong
        return ""
    separators = made.count("<mi>&</mi>")  # outside of what they separate they are signs
    if _UNKNOWN_COMMAND.search(made) or len(made) > MAX_MATHML or separators > tex.count("\\&"):
        return ""
    made = made.replace("<mi>&</mi>", "<mo>&amp;</mo>")
    made = _UPRIGHT_LETTER.sub(lambda found: f'<mi mathvariant="normal">{chr(int(found[1], 16))}</mi>', made)
    return made.replace("<math ", f'<math alttext="{escape(tex)}" ', 1)


def _is_well_formed(tex: str) -> bool:
    """Whether braces are in pairs and not too deep, and nothing is defined."""
    if _DEFINITION.search(tex):
        return False
    depth = 0
    for sign in _ESCAPED_BRACE_OR_LINE_END.sub("", tex):
        depth += (sign == "{") - (sign == "}")
        if not 0 <= depth <= MAX_BRACES:
            return False
    return not depth and max(tex.count("\\sqrt"), tex.count("\\left")) <= MAX_BRACES


def _slug(formula: Formula | None) -> str:
    """A formula in an id: the letters and digits of its TeX, as the Markdown parser would have it."""
    words = re.sub(r"[^\w\s]|_", "", formula.tex) if formula else ""
    return re.sub(r"\s", "-", words.strip().lower())


def _written(formula: Formula | None, token: str) -> str:
    return formula.written if formula else token


def blank_math(prose: str, extensions: Collection[MarkdownExtension]) -> str:
    """`prose` with its formulas as spaces: every other character keeps its place."""
    return replace_spans(
        prose,
        ((start, end, blank_text(prose[start:end])) for start, end, _ in _spans(prose, extensions)),
    )


def find_formulas(
    source: str, extensions: Collection[MarkdownExtension]
) -> Iterator[tuple[int, int, Formula]]:
    """(start, end, formula) of each formula in a Markdown source, with its delimiters; not in code."""
    for start, end, mark in _spans(source, extensions, blank_code):
        length = len(mark)
        inside = _LIQUID_RAW_TAG.sub("", source[start + length : end - length])
        inside = _BLANK_LINE.sub("", without_placeholders(inside))
        if ">" in source[source.rfind("\n", 0, start) + 1 : start]:
            inside = _QUOTATION_MARKS.sub("", inside)
        display = mark == "\\[" or (mark == "$$" and _is_alone(source, start, end))
        yield start, end, Formula(inside, mark + inside + _MATH_CLOSING[mark], display)


def _is_alone(source: str, start: int, end: int) -> bool:
    """Whether nothing else stands on the lines of a formula."""
    before = source[source.rfind("\n", 0, start) + 1 : start]
    after = source[end:].partition("\n")[0] if end < len(source) else ""
    return not before.strip(" \t>") and not after.strip()


def _spans(
    source: str,
    extensions: Collection[MarkdownExtension],
    prose_of: Callable[[str], str] = str,
) -> Iterator[tuple[int, int, str]]:
    """(start, end, opening delimiter) of each formula with its delimiters. They are looked for in
    `prose_of(source)`, which is as long.
    """
    delimiters = {mark for extension in extensions for mark in _MATH_DELIMITERS.get(extension, ())}
    if sum(source.count(mark) for mark in delimiters) in range(1, MAX_MATH_DELIMITERS):
        yield from _formulas(prose_of(source), delimiters)


def _formulas(text: str, delimiters: Collection[str]) -> Iterator[tuple[int, int, str]]:
    """(start, end, opening delimiter) of each formula with its delimiters. A single dollar may be money: one
    that begins a formula is before it and not after a word, one that ends it not before a digit.
    """
    opened: re.Match[str] | None = None
    for token in _DELIMITER_OR_PARAGRAPH_END.finditer(text):
        mark = token[0]
        before, after = text[token.start() - 1 : token.start()], text[token.end() : token.end() + 1]
        is_single = mark == "$"
        if opened is not None and token.start() - opened.end() > MAX_FORMULA_LENGTH:
            opened = None
        if mark[0] == "\n":
            if opened is not None and not _is_on_own_line(text, opened):
                opened = None  # a formula within a line ends with its paragraph
        elif (
            opened is not None
            and mark == _MATH_CLOSING[opened[0]]
            and (not is_single or (before.strip() and not after.isdigit()))
        ):
            yield opened.start(), token.end(), opened[0]
            opened = None
        elif (
            mark in delimiters
            and (opened is None or opened[0] == "$")
            and (not is_single or (not before.isalnum() and after.strip()))
        ):
            opened = token


def _is_on_own_line(text: str, mark: re.Match[str]) -> bool:
    line = text[text.rfind("\n", 0, mark.start()) + 1 : mark.start()]
    return mark[0] == "$$" and not line.strip(" \t>") and text[mark.end() : mark.end() + 1] == "\n"
