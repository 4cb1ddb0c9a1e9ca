"""Rules for the HTML of a mail: its size, structure, pictures and links, what it must not contain, whether
its text has enough contrast with its background (WCAG 2.2, 1.4.3), and styles that too few mail clients
support.

In light mode the inlined styles count; in dark mode the rules of `prefers-color-scheme: dark` override them.

A style that few clients support is fine if the mail only looks plainer without it. Otherwise support by less
than half of the clients in `client_support_table` is an error, by less than three quarters a warning.
Authors' own styles are removed before this runs.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_address
from itertools import pairwise
from urllib.parse import urlsplit

from publisher.core.mail.lint.author_text import page_leftovers
from publisher.core.mail.lint.client_support_table import SUPPORT, TESTED
from publisher.core.mail.lint.dom import (
    Declarations,
    Element,
    StyleRule,
    Tree,
    compounds,
    declarations,
    selects,
    style_rules,
)
from publisher.core.mail.message import Letterhead, LintProblem, LintRule
from publisher.core.site import MIN_CONTRAST, contrast

LINK_SCHEMES = frozenset({"https", "http", "mailto", "tel", "sms", "geo", "xmpp", "irc", "magnet"})
"""Schemes of links that mail clients follow."""

PICTURE_PREFIXES = ("https://", "http://", "cid:", "data:image/")
"""What a picture's address must begin with."""


MAX_HTML_BYTES = 90_000
"""Bytes of HTML: Gmail hides everything beyond 102 kB, the unsubscribe link included."""

MAX_STYLE_BYTES = 16_000
"""Bytes of all style elements: Gmail drops longer ones."""

PREHEADER_LENGTH = (40, 130)
_FORBIDDEN = ("script", "form", "iframe", "object", "embed", "base", "link", "frame", "frameset")
_LOADS = re.compile(r"@import|@font-face|url\(\s*['\"]?(?!data:)", re.IGNORECASE)
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_FILLER = re.compile(
    "[\u034f\u200c\u00a0 ]{3,}"
)  # padding, so that mailboxes do not show what follows as the preview
_ANCHOR = "leads to a place in the mail, which many mailboxes take away"

MIN_LARGE_CONTRAST = 3.0
"""The least contrast of large text: from 24 px, or from 18.66 px if it is bold."""

_NAMES = {"white": "#ffffff", "black": "#000000"}
_HEX = re.compile(r"#([0-9a-f]{6}|[0-9a-f]{3})\b")
_RGB = re.compile(r"rgba?\(\s*(\d+)[\s,]+(\d+)[\s,]+(\d+)")
_BOLD = frozenset({"b", "strong", "th", "h1", "h2", "h3", "h4", "h5", "h6"})


def why_unusable(target: str) -> str:
    """Why a link works for nobody; "" if it may work."""
    scheme, host = _scheme_and_host(target)
    if scheme is None:
        return "no address"
    if not scheme:
        return "a relative link does not work in a mail"
    if scheme not in LINK_SCHEMES:
        return f"mail clients do not follow {scheme}:"
    if scheme in {"http", "https"} and not host:
        return "not a host on the internet"
    return ""


def _scheme_and_host(target: str) -> tuple[str | None, str]:
    """The scheme and host of a URL, "" for a missing one; the scheme is None if the URL is malformed."""
    try:
        parts = urlsplit(target)
        return parts.scheme, parts.hostname or ""
    except ValueError:
        return None, ""


def why_unreachable(target: str) -> str:
    """Why only the author's own machine or network can follow a link; "" if everybody can."""
    scheme, host = _scheme_and_host(target)
    if scheme not in {"http", "https"}:
        return ""
    if "." not in host and ":" not in host and host != "localhost":
        return "not a host on the internet"
    private = host == "localhost" or host.endswith((".localhost", ".local", ".internal", ".lan"))
    with suppress(ValueError):  # not an IP address
        private = private or not ip_address(host).is_global
    return "only this machine or network knows that host" if private else ""


def sent_bytes(html: str) -> int:
    """The bytes of HTML in a mail, whose lines end in CRLF."""
    return len(html.encode()) + html.count("\n") - html.count("\r\n")


def page_problems(html: str, tree: Tree, head: Letterhead) -> Iterator[LintProblem]:
    """All problems of the HTML except contrast and unsupported styles."""
    yield from _sizes(html, tree)
    yield from _structure(tree)
    yield from _pictures(tree)
    yield from _links(tree, head)
    yield from _content(html, tree)
    yield from page_leftovers(html, tree)


def _html_problem(rule: LintRule, what: str, *, error: bool = True) -> LintProblem:
    return LintProblem(rule=rule, where="html", what=what, error=error)


def _sizes(html: str, tree: Tree) -> Iterator[LintProblem]:
    size, styles = sent_bytes(html), sum(len(sheet.encode()) for sheet in tree.sheets)
    if size > MAX_HTML_BYTES:
        yield _html_problem(
            LintRule.SIZE, f"{size:,} bytes; mailboxes hide the end of more than {MAX_HTML_BYTES:,}"
        )
    if styles > MAX_STYLE_BYTES:
        yield _html_problem(
            LintRule.SIZE, f"{styles:,} bytes of styles; mailboxes drop more than {MAX_STYLE_BYTES:,}"
        )


def _structure(tree: Tree) -> Iterator[LintProblem]:
    if tree.doctype != "DOCTYPE html":
        yield _html_problem(
            LintRule.STRUCTURE, "no <!DOCTYPE html> at the beginning: browsers use quirks mode"
        )
    root = next(iter(tree.named("html")), None)
    if root is None or not root.attrs.get("lang") or root.attrs.get("dir") not in {"ltr", "rtl"}:
        yield _html_problem(LintRule.STRUCTURE, "html has no lang and dir")
    if not any(e.attrs.get("role") == "article" and e.attrs.get("lang") for e in tree.elements):
        yield _html_problem(
            LintRule.STRUCTURE,
            "no element with role=article and a lang, which screen readers need",
        )
    levels = [int(e.tag[1]) for e in tree.elements if re.fullmatch("h[1-6]", e.tag)]
    if levels.count(1) != 1:
        yield _html_problem(
            LintRule.STRUCTURE, f"{levels.count(1)} h1 headings; there should be one", error=False
        )
    if any(after > before + 1 for before, after in pairwise(levels)):
        yield _html_problem(LintRule.STRUCTURE, "headings skip a level", error=False)
    yield from _preheader(tree)


def _preheader(tree: Tree) -> Iterator[LintProblem]:
    first = next(
        (e for e in tree.elements if "display:none" in e.attrs.get("style", "").replace(" ", "")), None
    )
    least, most = PREHEADER_LENGTH
    length = len(_FILLER.sub("", first.text)) if first else 0
    if not least <= length <= most:
        had = f"{length} characters" if first else "missing"
        yield _html_problem(
            LintRule.STRUCTURE, f"preheader: {had}; mailboxes show {least} to {most}", error=False
        )


def _pictures(tree: Tree) -> Iterator[LintProblem]:
    for picture in tree.named("img"):
        source = picture.attrs.get("src", "")
        if "alt" not in picture.attrs:
            yield _html_problem(LintRule.ALT, f"a picture has no alt: {source[:80]}")
        if not source.startswith(PICTURE_PREFIXES):
            yield _html_problem(LintRule.LINK, f"a picture's address is not absolute: {source[:80]!r}")
        if picture.attrs.get("width") == picture.attrs.get("height") == "1":
            yield _html_problem(LintRule.CONTENT, f"a picture of one pixel: {source[:80]}")


def _links(tree: Tree, head: Letterhead) -> Iterator[LintProblem]:
    texts: dict[str, str] = {}
    for link in tree.named("a"):
        if "href" not in link.attrs:
            continue
        target = link.attrs["href"].strip()
        if target.startswith("#"):
            why = _ANCHOR
        else:
            why = why_unusable(target) or ("" if head.local else why_unreachable(target))
        if why:
            yield _html_problem(
                LintRule.LINK, f"{why}: {target[:80]!r} ({link.text[:40]!r})", error=why != _ANCHOR
            )
        if not _has_words(link, tree):
            yield _html_problem(LintRule.LINK, f"a link has no text: {target[:80]!r}", error=False)
        name = link.attrs.get("aria-label") or link.text
        is_note = name.strip("[]").isdecimal()  # its sentence says what it is about
        if name and not is_note and texts.setdefault(name, target) != target:
            yield _html_problem(
                LintRule.LINK, f"two different links have the text {name[:40]!r}", error=False
            )


def _has_words(link: Element, tree: Tree) -> bool:
    """Whether a link has text, a label, or a picture with alternative text in it."""
    if link.text or link.attrs.get("aria-label"):
        return True
    for picture in tree.named("img"):
        at = picture.parent
        while at is not None and at is not link:
            at = at.parent
        if at is link and picture.attrs.get("alt"):
            return True
    return False


def _content(html: str, tree: Tree) -> Iterator[LintProblem]:
    for tag in sorted({e.tag for e in tree.named(*_FORBIDDEN)}):
        yield _html_problem(LintRule.CONTENT, f"<{tag}> is not allowed in a mail")
    styles = [*tree.sheets, *(e.attrs["style"] for e in tree.elements if "style" in e.attrs)]
    if loads := next((found for style in styles if (found := _LOADS.search(style))), None):
        yield _html_problem(LintRule.CONTENT, f"{loads.group()} loads an external resource")
    if bad := _CONTROL.search(html):
        yield _html_problem(LintRule.CONTENT, f"control character U+{ord(bad.group()):04X}")


@dataclass(frozen=True, slots=True)
class TextStyle:
    """How an element's text looks."""

    ink: str
    paper: str
    size: float
    bold: bool
    hidden: bool


def contrast_problems(tree: Tree) -> Iterator[LintProblem]:
    """Each unreadable combination of colors, once for light mode and once for dark mode."""
    dark = [
        rule
        for sheet in tree.sheets
        for rule in style_rules(sheet)
        if "prefers-color-scheme: dark" in rule.at
    ]
    yield from _unreadable(tree, (), TextStyle("#000000", "#ffffff", 16, bold=False, hidden=False), "light")
    yield from _unreadable(tree, dark, TextStyle("#ffffff", "#121212", 16, bold=False, hidden=False), "dark")


def _unreadable(tree: Tree, dark: Sequence[StyleRule], root: TextStyle, mode: str) -> Iterator[LintProblem]:
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


def _rules_by_last_part(dark: Sequence[StyleRule]) -> dict[str, list[StyleRule]]:
    """Rules by the class that the last part of their selector requires, else by its tag, else under "*"."""
    found: dict[str, list[StyleRule]] = {}
    for rule in dark:
        parts = compounds(rule.selector)
        if parts:
            key = next((f".{name}" for name in sorted(parts[-1].classes)), parts[-1].tag or "*")
            found.setdefault(key, []).append(rule)
    return found


def _declarations(element: Element, dark: dict[str, list[StyleRule]]) -> Declarations:
    style = declarations(element.attrs.get("style", ""))
    if "bgcolor" in element.attrs:
        style.setdefault("background-color", element.attrs["bgcolor"])
    for key in (*(f".{name}" for name in element.classes), element.tag, "*") if dark else ():
        for rule in dark.get(key, ()):
            if selects(rule.selector, element):
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


ERROR_BELOW, WARNING_BELOW = 50, 75
"""Percent of mail clients."""

DEGRADES_WELL = frozenset(
    {
        "accent-color", "animation", "at-media-hover", "at-media-prefers-color-scheme",
        "at-media-prefers-reduced-motion", "at-supports", "background-image", "background-size",
        "border-radius", "box-shadow", "caption-side", "color-scheme", "cursor", "hyphens", "linear-gradient",
        "list-style-image", "opacity", "orphans", "outline", "outline-offset", "overflow-wrap",
        "pseudo-class-active", "pseudo-class-focus", "pseudo-class-hover", "text-decoration-color",
        "text-decoration-skip-ink", "text-decoration-thickness", "text-overflow", "text-shadow",
        "text-underline-offset", "text-wrap", "transition", "user-select", "white-space-collapse", "widows",
        "word-break", "word-wrap",
    }
)  # fmt: skip
_AT = {
    "prefers-color-scheme": "at-media-prefers-color-scheme",
    "prefers-reduced": "at-media-prefers-reduced-motion",
}
_GROUPS = (
    (re.compile(r"(margin|padding|border)-(?:inline|block)"), r"\1-inline-block"),
    (re.compile(r"inset-.*"), "inset"),
    (re.compile(r"(?:top|right|bottom|left)"), "left-right-top-bottom"),
    (re.compile(r"grid(?:-.*)?"), "display-grid"),
    (re.compile(r"(?:inline|block)-size"), "block-inline-size"),
    (re.compile(r"animation-.*"), "animation"),
)
_PSEUDO = re.compile(r"(::?)([a-z-]+)")


def client_problems(tree: Tree) -> Iterator[LintProblem]:
    """Each style that too few mail clients support, once."""
    used: dict[str, str] = {}
    for element in tree.elements:
        if style := element.attrs.get("style"):
            for name, value in declarations(style).items():
                _add_features(used, name, value)
    for sheet in tree.sheets:
        for rule in style_rules(sheet):
            if rule.at and not rule.selector:
                known_at = next((feature for word, feature in _AT.items() if word in rule.at), "")
                used.setdefault(known_at or "at-" + re.sub(r"\W.*", "", rule.at[1:]), rule.at)
            for colons, name in _PSEUDO.findall(rule.selector):
                used.setdefault(f"pseudo-{'element' if len(colons) > 1 else 'class'}-{name}", rule.selector)
            for name, value in rule.style.items():
                _add_features(used, name, value)
    for feature, shown in sorted(used.items()):
        known, lacking = SUPPORT.get(feature, (100, ""))
        if known < WARNING_BELOW and feature not in DEGRADES_WELL:
            what = f"{shown}: {known} % of mail programs know it (tests to {TESTED}); not {lacking}"
            yield LintProblem(rule=LintRule.CLIENTS, where="html", what=what, error=known < ERROR_BELOW)


def _add_features(used: dict[str, str], name: str, value: str) -> None:
    if "var(" in value:
        used.setdefault("variables", f"{name}: {value}")
    if "calc(" in value:
        used.setdefault("unit-calc", f"{name}: {value}")
    if name == "display" and (found := re.match(r"(?:inline-)?(flex|grid)", value)):
        used.setdefault(f"display-{found.group(1)}", f"{name}: {value}")
    for pattern, group in _GROUPS:
        if match := pattern.match(name):
            used.setdefault(match.expand(group), name)
            return
    used.setdefault(name, name)
