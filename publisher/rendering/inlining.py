"""premailer's one door: the rules of a mail's style element move onto its elements.

The inliner is kept from the network and from files: linked sheets and @import are refused before it
starts, and its style parser is given a fetcher that fetches nothing. What must stay a rule (@media,
:hover, [data-ogsc]) stands in `<style data-premailer="ignore">`.

Posts, inlined once and set into every mail that shows them.

A template says what is the same in many mails by the filter `apart`; a mark stands in its place. What is
left is small, and inlined for each mail. What stands apart is inlined in a shell of the elements and rules
around its mark, and kept: the cohorts of a mailing show the same posts over and over. What comes of it is
what inlining the whole mail gives, as long as no rule asks what stands beside the mark.
"""

import logging
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache, lru_cache
from html import escape
from importlib import import_module
from typing import Any

from lxml import etree

from publisher.core.errors import TemplateError

_STYLE = re.compile(r"(?is)<style\b[^>]*>(.*?)</style\s*>")
_AT_RULE = re.compile(r"@(?!media\b|supports\b|page\b)([^\s;{(\"']*)", re.IGNORECASE)
_COMMENT = re.compile(r"(?s)/\*.*?\*/")
_FORBIDDEN = re.compile(r"(?i)<(script|form|iframe|link|object|embed|base|frame|frameset)\b")
_TAG = re.compile(r"""<[a-zA-Z](?:[^<>"']|"[^"]*"|'[^']*')*+>""")
_ATTRIBUTE = re.compile(r"""(\s([^\s"'<>/=]+)\s*=\s*)("[^"]*"|'[^']*')""")
_lock = threading.Lock()  # cssutils keeps global state


def inline(html: str, where: str) -> str:
    """`html` with its styles inlined, in standards mode. `where` names it in errors. Raises TemplateError."""
    _refuse(html, where)
    with _lock:
        try:
            return _transform()(_TAG.sub(_empty_style, html))
        except Exception as error:  # the inliner and its parsers raise what they like: it holds one mail
            said = " ".join(f"{type(error).__name__}: {error}".split())[:200]
            raise TemplateError(where, f"its styles cannot be inlined ({said})", "simplify it") from error


def _empty_style(tag: re.Match[str]) -> str:
    """A tag whose style attribute is emptied where it holds no declaration: premailer fails on one."""

    def emptied(attribute: re.Match[str]) -> str:
        before, name, value = attribute.groups()
        return f'{before}""' if name.lower() == "style" and ":" not in value else attribute[0]

    return _ATTRIBUTE.sub(emptied, tag[0]) if "style" in tag[0].lower() else tag[0]


def _refuse(html: str, where: str) -> None:
    for match in _STYLE.finditer(html):
        if rule := _AT_RULE.search(_COMMENT.sub("", match.group(1))):
            raise TemplateError(
                where, f"@{rule.group(1)} may not stand in a mail's styles", "use @media only"
            )
    if element := _FORBIDDEN.search(html):
        raise TemplateError(where, f"<{element.group(1)}> may not stand in a mail", "remove it")


@cache
def _transform() -> Callable[[str], str]:
    """premailer, imported when first needed and set up as it must be."""
    cssutils: Any = import_module("cssutils")  # by name: both have no types, and are slow to import
    premailer: Any = import_module("premailer")

    cssutils.log.setLevel(logging.CRITICAL)
    parser = cssutils.CSSParser(fetcher=_fetch_nothing, validate=False)
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


def _fetch_nothing(url: str) -> tuple[None, bytes]:
    return None, b""


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


KEPT = 1024
"""How many inlined posts are kept, for all mails of the process."""

_MARK = '<post-part n="{}"></post-part>'
_FOUND = re.compile(r'<post-part n="(\d+)"[^>]*></post-part>')
_BEGIN, _END = "<!--post-part-->", "<!--/post-part-->"
_MARK_COMMENT = re.compile(r"(?s)<!--.*?-->")
_SHEET = re.compile(r"(?is)<style>.*?</style\s*>")


@dataclass(slots=True)
class Marks:
    """What a template set apart while it was rendered."""

    parts: list[str] = field(default_factory=list[str])

    def mark(self, html: str) -> str:
        """What stands for `html` until it is inlined."""
        self.parts.append(html)
        return _MARK.format(len(self.parts) - 1)

    def whole(self, rendered: str) -> bool:
        """Whether each mark is where it was put, unchanged."""
        return all(rendered.count(_MARK.format(n)) == 1 for n in range(len(self.parts)))


def assemble(rendered: str, marks: Marks, where: str) -> str:
    """A mail with its styles inlined, from what was rendered with `marks`. Raises TemplateError."""
    frame = inline(rendered, where)
    if not marks.parts:
        return frame
    shells = _shells(rendered)

    def part(match: re.Match[str]) -> str:
        n = int(match.group(1))
        return _inlined(marks.parts[n], *shells[n], where)

    return _FOUND.sub(part, frame)


def _shells(rendered: str) -> dict[int, tuple[str, str]]:
    """By the number of each mark: the document that stands before and after it, with nothing else in it."""
    sheet = "".join(_SHEET.findall(_MARK_COMMENT.sub("", rendered)))
    shells: dict[int, tuple[str, str]] = {}
    for mark in etree.HTML(rendered).iter("post-part"):
        around = [element for element in mark.iterancestors() if element.tag != "html"][::-1]
        root = next(mark.iterancestors("html"))
        before = f"<!DOCTYPE html>\n{_opening(root)}<head>{sheet}</head>" + "".join(map(_opening, around))
        after = "".join(f"</{element.tag}>" for element in reversed(around)) + "</html>"
        shells[int(mark.get("n", "0"))] = before, after
    return shells


def _opening(element: Any) -> str:
    given = "".join(f' {name}="{escape(str(value))}"' for name, value in element.attrib.items())
    return f"<{element.tag}{given}>"


@lru_cache(maxsize=KEPT)
def _inlined(html: str, before: str, after: str, where: str) -> str:
    made = inline(f"{before}{_BEGIN}{html}{_END}{after}", where)
    return made.partition(_BEGIN)[2].partition(_END)[0]
