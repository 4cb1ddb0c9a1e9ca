"""Faults of a stylesheet that make a browser or the inliner lose rules, found in its source: a template whose
expressions count as words. CSS Syntax Level 3, 5.
"""

import re
from collections.abc import Iterator

_JINJA = re.compile(r"(?s)\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}")
_STYLE = re.compile(r"(?is)<style\b[^>]*>(.*?)</style\s*>")
_EXPRESSION = "\ue000"  # stands for one, which may make a word or whole declarations
_LOST_SEMICOLON = re.compile(r":[^:]*\n\s*[a-z-]+\s*:(?!:)")


def sheets_in(html: str) -> Iterator[tuple[str, int]]:
    """The style elements of a template, each with the number of lines before it."""
    plain = _without_jinja(html)
    for match in _STYLE.finditer(plain):
        yield match[1], plain.count("\n", 0, match.start(1))


def css_fault(source: str) -> tuple[int, str] | None:
    """(line, what is wrong) of the first fault in a stylesheet; None if no rule is lost."""
    css = _without_jinja(source)
    open_braces: list[int] = []
    rule_start = at = 0
    while at < len(css):
        char = css[at]
        if css.startswith("/*", at):
            end = css.find("*/", at + 2)
            if end < 0:
                return _line(css, at), "a comment /* is never closed, so every rule after it is lost"
            css = css[:at] + re.sub(r"[^\n]", " ", css[at : end + 2]) + css[end + 2 :]
            at = end + 2
            continue
        if char in "\"'":
            end = _string_end(css, at)
            if end < 0:
                return _line(css, at), f"a string {char} is never closed, so rules after it are lost"
            at = end
        elif char == "(":
            end = _bracket_end(css, at)
            if end < 0:
                return _line(css, at), "a ( is never closed, so rules after it are lost"
            at = end
        elif char == "{":
            if not css[rule_start:at].strip():
                return _line(css, at), "a rule has no selector before {"
            open_braces.append(at)
            rule_start = at + 1
        elif char == "}":
            if not open_braces:
                return _line(css, at), "there is a } too many, so the rule after it is lost"
            if fault := _declaration_fault(css, rule_start, at):
                return fault
            open_braces.pop()
            rule_start = at + 1
        elif char == ";":
            if open_braces and (fault := _declaration_fault(css, rule_start, at)):
                return fault
            rule_start = at + 1
        at += 1
    if open_braces:
        return _line(css, open_braces[-1]), "a { is never closed, so rules after it are lost"
    if css[rule_start:].replace(_EXPRESSION, "").strip():
        start = rule_start + len(css[rule_start:]) - len(css[rule_start:].lstrip())
        return _line(css, start), f"{_short(css[rule_start:])} has no {{ }}"
    return None


def _without_jinja(source: str) -> str:
    """`source` with a word for each expression, and nothing for statements and comments; lines stay."""

    def plain(match: re.Match[str]) -> str:
        lines = "\n" * match[0].count("\n")
        return f"{_EXPRESSION}{lines}" if match[0].startswith("{{") else lines

    return _JINJA.sub(plain, source)


def _string_end(css: str, start: int) -> int:
    """The place of the quote that ends the string from `start`; -1 if its line ends first."""
    at = start + 1
    while at < len(css) and css[at] != "\n":
        if css[at] == "\\":
            at += 1
        elif css[at] == css[start]:
            return at
        at += 1
    return -1


def _bracket_end(css: str, start: int) -> int:
    """The place of the bracket that closes the one at `start`; -1 if its block ends first."""
    depth, at = 0, start
    while at < len(css) and css[at] not in "{}":
        if css[at] in "\"'":
            at = _string_end(css, at)
            if at < 0:
                return -1
        depth += (css[at] == "(") - (css[at] == ")")
        if not depth:
            return at
        at += 1
    return -1


def _declaration_fault(css: str, start: int, end: int) -> tuple[int, str] | None:
    text = css[start:end]
    if not text.strip() or text.lstrip().startswith("@") or _EXPRESSION in text.partition(":")[0]:
        return None
    line = _line(css, start + len(text) - len(text.lstrip()))
    if ":" not in text:
        return line, f"{_short(text)} is no declaration: it has no colon"
    if found := _LOST_SEMICOLON.search(text):
        return _line(css, start + found.start()), f"a ; is missing after {_short(text.partition(chr(10))[0])}"
    return None


def _short(text: str) -> str:
    return f"`{' '.join(text.replace(_EXPRESSION, '{{...}}').split())[:40]}`"


def _line(css: str, at: int) -> int:
    return css.count("\n", 0, at) + 1
