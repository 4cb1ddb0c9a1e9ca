"""Posts, inlined once and set into every mail that shows them.

A template says what is the same in many mails by the filter `apart`; a mark stands in its place. What is
left is small, and inlined for each mail. What stands apart is inlined in a shell of the elements and rules
around its mark, and kept: the cohorts of a mailing show the same posts over and over. What comes of it is
what inlining the whole mail gives, as long as no rule asks what stands beside the mark.
"""

import re
from dataclasses import dataclass, field
from functools import lru_cache
from html import escape
from typing import Any

from lxml import etree

from publisher.rendering.inlining import inline

KEPT = 1024
"""How many inlined posts are kept, for all mails of the process."""

_MARK = '<post-part n="{}"></post-part>'
_FOUND = re.compile(r'<post-part n="(\d+)"[^>]*></post-part>')
_BEGIN, _END = "<!--post-part-->", "<!--/post-part-->"
_COMMENT = re.compile(r"(?s)<!--.*?-->")
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
    sheet = "".join(_SHEET.findall(_COMMENT.sub("", rendered)))
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
