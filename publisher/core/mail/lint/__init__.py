"""The lint: what is wrong with a message, judged by the bytes that would be sent.

problem      findings, and the names of rules         tree, css       HTML and CSS, as far as they are needed
headers      the header fields of the message         html            the HTML: its size, structure and links
contrast     whether text is readable                 client_support  styles that mail clients support
author_text  a digest without its authors' text; placeholders that a template should have filled in
"""

import re
from collections.abc import Iterator

from publisher.core.mail.lint.problem import Letterhead, LintProblem, LintRule

__all__ = ["MAX_TEXT_COLUMNS", "Letterhead", "LintProblem", "LintRule", "lint"]

MAX_TEXT_COLUMNS = 78
"""Characters in a line of the text part; a URL may be longer."""

_CODE = re.compile(r"<pre\b[^>]*>(.*?)</pre>", re.DOTALL)
_TAG = re.compile("<[^>]*>")


def lint(data: bytes, head: Letterhead) -> tuple[LintProblem, ...]:
    """All problems of the message `data`, in the order headers, text, HTML. Never raises, whatever it
    contains.
    """
    # Imported here because every command loads the names of the rules, and few commands lint a mail.
    from email import message_from_bytes, policy

    from publisher.core.mail.lint.author_text import line_leftovers
    from publisher.core.mail.lint.client_support import client_problems
    from publisher.core.mail.lint.contrast import contrast_problems
    from publisher.core.mail.lint.headers import header_problems
    from publisher.core.mail.lint.html import page_problems
    from publisher.core.mail.lint.tree import Tree

    message = message_from_bytes(data, policy=policy.default)
    parts = (message.get_body((kind,)) for kind in ("plain", "html"))
    text, html = ("" if part is None else part.get_content() for part in parts)
    tree = Tree(html)
    subject = str(message["subject"] or "")
    found = [*header_problems(data, subject, head), *line_leftovers("subject", subject)]
    found += [*_text_problems(text, html, head), *line_leftovers("text", text)]
    found += [*page_problems(html, tree, head), *contrast_problems(tree), *client_problems(tree)]
    return tuple(found)


def _text_problems(text: str, html: str, head: Letterhead) -> Iterator[LintProblem]:
    from html import unescape

    if not text.strip():
        yield LintProblem(rule=LintRule.TEXT, where="text", what="there is no text part")
    # Lines of code are in the text part as they are, however long.
    code = {line for block in _CODE.findall(html) for line in unescape(_TAG.sub("", block)).splitlines()}
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
