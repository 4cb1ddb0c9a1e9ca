"""Bodies of posts, inlined once and set into every mail that shows them.

A mail is rendered with a mark where each body goes: that is small, and inlined each time. A body is inlined
alone, in a shell of the elements and rules that stand around its mark, and kept: the cohorts of a mailing
show the same posts over and over. What comes of it is what inlining the whole mail gives, as long as no rule
asks what stands beside a body. A template that changes a body's HTML gets it whole instead.
"""

import re
from dataclasses import dataclass, field
from functools import lru_cache
from html import escape
from typing import Any

from lxml import etree

from publisher.rendering import bodies, filters
from publisher.rendering.inlining import inline

KEPT = 1024
"""How many inlined bodies are kept, for all mails of the process."""

_MARK = '<post-body n="{}"></post-body>'
_FOUND = re.compile(r'<post-body n="(\d+)"[^>]*></post-body>')
_BEGIN, _END = "<!--post-body-->", "<!--/post-body-->"
_COMMENT = re.compile(r"(?s)<!--.*?-->")
_SHEET = re.compile(r"(?is)<style>.*?</style\s*>")


@dataclass(slots=True)
class Marks:
    """The bodies that a template asked for while it was rendered: (a post's HTML, its top heading)."""

    asked: list[tuple[str, int]] = field(default_factory=list[tuple[str, int]])

    def mark(self, html: str, top: int) -> str:
        """What stands for a body until it is inlined."""
        self.asked.append((html, top))
        return _MARK.format(len(self.asked) - 1)

    def whole(self, rendered: str) -> bool:
        """Whether each mark is where it was put, unchanged."""
        return all(rendered.count(_MARK.format(n)) == 1 for n in range(len(self.asked)))


def assemble(rendered: str, marks: Marks, where: str) -> str:
    """A mail with its styles inlined, from what was rendered with `marks`. Raises TemplateError."""
    frame = inline(rendered, where)
    if not marks.asked:
        return frame
    shells = _shells(rendered)

    def body(match: re.Match[str]) -> str:
        n = int(match.group(1))
        return _inlined(*marks.asked[n], *shells[n])

    return _FOUND.sub(body, frame)


def _shells(rendered: str) -> dict[int, tuple[str, str]]:
    """By the number of each mark: the document that stands before and after it, with nothing else in it."""
    sheet = "".join(_SHEET.findall(_COMMENT.sub("", rendered)))
    shells: dict[int, tuple[str, str]] = {}
    for mark in etree.HTML(rendered).iter("post-body"):
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
def _inlined(html: str, top: int, before: str, after: str) -> str:
    body = filters.clean(bodies.body(html, top))
    made = inline(f"{before}{_BEGIN}{body}{_END}{after}", "a post's HTML")
    return made.partition(_BEGIN)[2].partition(_END)[0]
