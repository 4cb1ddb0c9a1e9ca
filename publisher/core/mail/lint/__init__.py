"""The lint: what is wrong with a message, judged on the bytes that would be sent.

problems  what is found, and the names of rules        tree, sheets  HTML and CSS, as far as they are asked
headers   the head of the message                      pages         the HTML
colours   contrast in light and in the dark            clients       styles against what mail programs know
leftovers what a template should have filled in        targets       addresses, and where they lead
neutral   a digest without the text of its authors
"""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from publisher.core.mail.lint.problem import Letterhead, LintProblem, LintRule

if TYPE_CHECKING:
    from email.message import EmailMessage

__all__ = ["MAX_TEXT_COLUMNS", "Letterhead", "LintProblem", "LintRule", "lint"]

MAX_TEXT_COLUMNS = 78
"""Characters in a line of the text part; a URL may be longer."""

_CODE = re.compile(r"<pre\b[^>]*>(.*?)</pre>", re.DOTALL)
_TAG = re.compile("<[^>]*>")


def lint(data: bytes, head: Letterhead) -> tuple[LintProblem, ...]:
    """Everything wrong with the whole message `data`, in the order headers, text, HTML. Never raises for
    content.
    """
    # Every command knows the names of the rules; few judge a mail.
    from email import message_from_bytes, policy

    from publisher.core.mail.lint.author_text import line_leftovers
    from publisher.core.mail.lint.client_support import client_problems
    from publisher.core.mail.lint.contrast import contrast_problems
    from publisher.core.mail.lint.headers import header_problems
    from publisher.core.mail.lint.html import page_problems
    from publisher.core.mail.lint.tree import Tree

    message = message_from_bytes(data, policy=policy.default)
    text, html = (_part(message, kind) for kind in ("plain", "html"))
    tree = Tree(html)
    subject = str(message["subject"] or "")
    found = [*header_problems(data, subject, head), *line_leftovers("subject", subject)]
    found += [*_text(text, html, head), *line_leftovers("text", text)]
    found += [*page_problems(html, tree, head), *contrast_problems(tree), *client_problems(tree)]
    return tuple(found)


def _part(message: "EmailMessage", kind: str) -> str:
    part = message.get_body((kind,))
    content: object = part.get_content() if part is not None else ""
    return content if isinstance(content, str) else ""


def _code_of(html: str) -> frozenset[str]:
    """The lines of code in the HTML: they stand in the text part as they are, however long."""
    from html import unescape

    blocks = (unescape(_TAG.sub("", block)) for block in _CODE.findall(html))
    return frozenset(line for block in blocks for line in block.splitlines())


def _text(text: str, html: str, head: Letterhead) -> Iterator[LintProblem]:
    if not text.strip():
        yield LintProblem(rule=LintRule.TEXT, where="text", what="there is no text part")
    code = _code_of(html)
    prose = (line for line in text.splitlines() if "://" not in line and line not in code)
    long = max(map(len, prose), default=0)
    if long > MAX_TEXT_COLUMNS:
        what = f"a line of {long} characters; {MAX_TEXT_COLUMNS} can be read everywhere"
        yield LintProblem(rule=LintRule.TEXT, where="text", what=what, error=False)
    for where, part in (("text", text), ("html", html)) if head.bulk else ():
        if not head.unsubscribe or head.unsubscribe not in part:
            yield LintProblem(
                rule=LintRule.UNSUBSCRIBE, where=where, what="the link to unsubscribe is not in it"
            )
