"""What should have been filled in, and stands in the mail as it was: a leftover of a template.

Text of authors may say `{{ name }}`: whoever judges a mail takes it out first
(publisher.core.mail.lint.author_text).
"""

import re
from collections.abc import Iterator

from publisher.core.mail.lint.problem import Problem, Rule
from publisher.core.mail.lint.tree import Tree

OPEN = re.compile(r"\{\{|\{%|%\(\w+\)s")
"""How what a template should have filled in begins."""

MARK = re.compile(r"mark[0-9a-f]{24}")
"""Where a link of one reader goes (services.compose)."""

_CODE = ("code", "pre", "kbd", "samp", "var")


def line_leftovers(where: str, text: str) -> Iterator[Problem]:
    """The first leftover of the subject or of the text part."""
    if found := OPEN.search(text):
        yield _found(where, f"{found.group()!r} in {_around(text, found.start())!r}")
    if MARK.search(text):
        yield _found(where, "a mark that was to become a reader's own link")


def page_leftovers(html: str, tree: Tree) -> Iterator[Problem]:
    """Leftovers in the addresses, alternative words and text of the HTML. Code may show them."""
    if MARK.search(html):
        yield _found("html", "a mark that was to become a reader's own link")
    for element in tree.elements:
        for name in ("href", "src", "alt"):
            if found := OPEN.search(element.attrs.get(name, "")):
                at = element.attrs[name][max(0, found.start() - 20) :][:60]
                yield _found("html", f"{found.group()!r} in {name}: {at!r}")
    for element, text in tree.texts:
        if (found := OPEN.search(text)) and not element.within(*_CODE, "title"):
            yield _found("html", f"{found.group()!r} in {_around(text, found.start())!r}")
            return


def _found(where: str, what: str) -> Problem:
    return Problem(rule=Rule.PLACEHOLDER, where=where, what=what)


def _around(text: str, at: int) -> str:
    """What stands around a place, on one line."""
    return " ".join(text[max(0, at - 30) : at + 50].split())
