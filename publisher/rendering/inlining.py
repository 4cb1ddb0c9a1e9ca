"""Styles of a mail moved onto its elements (premailer); and the faults of a stylesheet that make a browser or
the inliner lose rules (CSS Syntax Level 3, 5), found in its source: Jinja's expressions count as words.

The inliner is kept from the network and from files: linked sheets and @import are refused before it
starts, and its style parser is given a fetcher that fetches nothing. Rules that must stay rules (@media,
:hover, [data-ogsc]) are in `<style data-premailer="ignore">`.

Posts are inlined once and inserted into every mail that shows them: the cohorts of a mailing show the same
posts over and over. A template sets HTML apart with the filter `apart`, and a mark takes its place. The
rest is small and inlined for each mail. What is set apart is inlined in a shell of the elements and rules
around its mark, and cached. The result is the same as inlining the whole mail, as long as no rule depends
on the siblings of the mark.
"""

import logging
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache, lru_cache
from html import escape
from importlib import import_module
from typing import Any

from lxml import etree

from publisher.core.errors import TemplateError

_STYLE = re.compile(r"(?is)<style\b[^>]*>(.*?)</style\s*>")
_AT_RULE = re.compile(r"@(?!media\b|supports\b|page\b)([^\s;{(\"']*)", re.IGNORECASE)
_CSS_COMMENT = re.compile(r"(?s)/\*.*?\*/")
_FORBIDDEN = re.compile(r"(?i)<(script|form|iframe|link|object|embed|base|frame|frameset)\b")
_TAG = re.compile(r"""<[a-zA-Z](?:[^<>"']|"[^"]*"|'[^']*')*+>""")
_ATTRIBUTE = re.compile(r"""(\s([^\s"'<>/=]+)\s*=\s*)("[^"]*"|'[^']*')""")
_lock = threading.Lock()  # cssutils keeps global state

MAX_CHARACTERS, MAX_STYLES = 1_000_000, 100_000
"""Characters of a mail and of its styles before they are inlined. Mailboxes cut mails far below these."""

CACHED_PARTS = 1024
"""Inlined parts that are cached, for all mails of the process."""

_MARK = '<post-part n="{}"></post-part>'
_FOUND_MARK = re.compile(r'<post-part n="(\d+)"[^>]*></post-part>')
_PART_BEGIN, _PART_END = "<!--post-part-->", "<!--/post-part-->"
_HTML_COMMENT = re.compile(r"(?s)<!--.*?-->")
_INLINED_STYLE = re.compile(r"(?is)<style>.*?</style\s*>")

_JINJA = re.compile(r"(?s)\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}")
_EXPRESSION = "\ue000"  # stands for one, which may make a word or whole declarations
_LOST_SEMICOLON = re.compile(r":[^:]*\n\s*[a-z-]+\s*:(?!:)")

_OPTIONS: dict[str, Any] = {
    "allow_network": False,
    "allow_loading_external_files": False,
    "disable_link_rewrites": True,
    "disable_validation": True,
    "cache_css_parsing": True,
    "disable_leftover_css": True,
    "strip_important": False,
    "align_floating_images": False,
    "remove_classes": False,
    "disable_basic_attributes": ["align", "valign", "bgcolor", "width", "height"],
}


def inline(html: str, where: str) -> str:
    """`html` with its styles inlined, in standards mode. `where` names it in errors. Raises TemplateError."""
    _refuse_unsafe(html, where)
    with _lock:
        try:
            return _inliner()(_TAG.sub(_without_invalid_style, html))
        except Exception as error:  # the inliner and its parsers raise anything: only this mail fails
            what = " ".join(f"{type(error).__name__}: {error}".split())[:200]
            raise TemplateError(where, f"the styles cannot be inlined ({what})", "simplify it") from error


def _without_invalid_style(tag: re.Match[str]) -> str:
    """A tag whose style attribute is emptied if it has no declaration: premailer fails on those."""

    def emptied(attribute: re.Match[str]) -> str:
        before, name, value = attribute.groups()
        return f'{before}""' if name.lower() == "style" and ":" not in value else attribute[0]

    return _ATTRIBUTE.sub(emptied, tag[0]) if "style" in tag[0].lower() else tag[0]


def _refuse_unsafe(html: str, where: str) -> None:
    """Raises TemplateError for rules and elements that would fetch something or that no mail may contain, and
    for a mail that would take minutes to inline."""
    if len(html) > MAX_CHARACTERS:
        what = f"makes a mail of {len(html):,} characters; {MAX_CHARACTERS:,} are inlined at most"
        raise TemplateError(where, what, "show less")
    if (size := sum(len(match[1]) for match in _STYLE.finditer(html))) > MAX_STYLES:
        what = f"has {size:,} characters of styles; {MAX_STYLES:,} are inlined at most"
        raise TemplateError(where, what, "leave out rules")
    for match in _STYLE.finditer(html):
        if rule := _AT_RULE.search(_CSS_COMMENT.sub("", match.group(1))):
            raise TemplateError(
                where, f"@{rule.group(1)} is not allowed in a mail's styles", "use @media only"
            )
    if element := _FORBIDDEN.search(html):
        raise TemplateError(where, f"<{element.group(1)}> is not allowed in a mail", "remove it")


@cache
def _inliner() -> Callable[[str], str]:
    """premailer, imported when first needed, with no access to the network."""
    cssutils: Any = import_module("cssutils")  # by name: both have no types, and are slow to import
    premailer: Any = import_module("premailer")

    cssutils.log.setLevel(logging.CRITICAL)

    def fetch_nothing(url: str) -> tuple[None, bytes]:
        return None, b""

    parser = cssutils.CSSParser(fetcher=fetch_nothing, validate=False)
    reader = premailer.Premailer("", **_OPTIONS)

    def parse(css: str, validate: bool) -> Any:
        return parser.parseString(css, validate=validate)

    reader._parse_css_string = parse  # premailer has no setting for the fetcher
    rules = lru_cache(maxsize=32)(reader._parse_style_rules)  # of a style element: the same for every mail

    def transform(html: str) -> str:
        mailer = premailer.Premailer(html, **_OPTIONS)
        mailer._parse_style_rules = rules
        inlined: str = mailer.transform(pretty_print=False)
        return inlined

    return transform


@dataclass(slots=True)
class Marks:
    """What a template set apart while it was rendered; a numbered mark takes the place of each part."""

    parts: list[str] = field(default_factory=list[str])

    def mark(self, html: str) -> str:
        """The mark that takes the place of `html` until it is inlined."""
        self.parts.append(html)
        return _MARK.format(len(self.parts) - 1)

    def whole(self, rendered: str) -> bool:
        """Whether each mark is still there, once and unchanged."""
        return all(rendered.count(_MARK.format(n)) == 1 for n in range(len(self.parts)))


def assemble(rendered: str, marks: Marks, where: str) -> str:
    """A mail with its styles inlined, from HTML that was rendered with `marks`. Raises TemplateError."""
    frame = inline(rendered, where)
    if not marks.parts:
        return frame
    shells = _shells(rendered)

    def part(match: re.Match[str]) -> str:
        n = int(match.group(1))
        return _inlined_part(marks.parts[n], *shells[n], where)

    return _FOUND_MARK.sub(part, frame)


def _shells(rendered: str) -> dict[int, tuple[str, str]]:
    """By the number of each mark: the HTML before and after it, of the elements and styles around it only."""
    sheet = "".join(_INLINED_STYLE.findall(_HTML_COMMENT.sub("", rendered)))
    shells: dict[int, tuple[str, str]] = {}
    for mark in etree.HTML(rendered).iter("post-part"):
        around = [element for element in mark.iterancestors() if element.tag != "html"][::-1]
        root = next(mark.iterancestors("html"))
        before = f"<!DOCTYPE html>\n{_opening_tag(root)}<head>{sheet}</head>" + "".join(
            map(_opening_tag, around)
        )
        after = "".join(f"</{element.tag}>" for element in reversed(around)) + "</html>"
        shells[int(mark.get("n", "0"))] = before, after
    return shells


def _opening_tag(element: Any) -> str:
    attributes = "".join(f' {name}="{escape(str(value))}"' for name, value in element.attrib.items())
    return f"<{element.tag}{attributes}>"


@lru_cache(maxsize=CACHED_PARTS)
def _inlined_part(html: str, before: str, after: str, where: str) -> str:
    inlined = inline(f"{before}{_PART_BEGIN}{html}{_PART_END}{after}", where)
    return inlined.partition(_PART_BEGIN)[2].partition(_PART_END)[0]


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
        return line, f"{_short(text)} is not a declaration: it has no colon"
    if found := _LOST_SEMICOLON.search(text):
        return _line(css, start + found.start()), f"a ; is missing after {_short(text.partition(chr(10))[0])}"
    return None


def _short(text: str) -> str:
    return f"`{' '.join(text.replace(_EXPRESSION, '{{...}}').split())[:40]}`"


def _line(css: str, at: int) -> int:
    return css.count("\n", 0, at) + 1
