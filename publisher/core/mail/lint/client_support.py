"""Styles that too few mail clients support, by the table in `client_support_table`.

A style that few clients support is fine if the mail only looks plainer without it. Otherwise support by less
than half of the clients is an error, by less than three quarters a warning. Authors' own styles are removed
before this runs.
"""

import re
from collections.abc import Iterator

from publisher.core.mail.lint.client_support_table import SUPPORT, TESTED
from publisher.core.mail.lint.dom import Tree, declarations, style_rules
from publisher.core.mail.lint.problem import LintProblem, LintRule

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
