"""premailer's one door: the rules of a mail's style element move onto its elements.

The inliner is kept from the network and from files: linked sheets and @import are refused before it
starts, and its style parser is given a fetcher that fetches nothing. What must stay a rule (@media,
:hover, [data-ogsc]) stands in `<style data-premailer="ignore">`.
"""

import logging
import re
import threading
from collections.abc import Callable
from functools import cache, lru_cache
from importlib import import_module
from typing import Any

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
