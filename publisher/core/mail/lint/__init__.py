"""The lint: what is wrong with a message, judged by the bytes that would be sent.

dom             the HTML as elements, and which style rules apply to them
html            rules for the HTML: size, structure, links, pictures, contrast, styles that clients support
author_text     a digest without its authors' text, and placeholders that a template should have filled in

The rules for the header are those of RFC 5322 3.6, RFC 8058, RFC 2919 and large mailbox providers.
"""

import re
from collections.abc import Iterator

from publisher.core.mail.message import Letterhead, LintProblem, LintRule

__all__ = ["MAX_TEXT_COLUMNS", "Letterhead", "LintProblem", "LintRule", "lint"]

MAX_TEXT_COLUMNS = 78
"""Characters in a line of the text part; a URL may be longer."""

_CODE = re.compile(r"<pre\b[^>]*>(.*?)</pre>", re.DOTALL)
_TAG = re.compile("<[^>]*>")
REQUIRED_ONCE = ("from", "to", "subject", "date", "message-id", "mime-version", "content-type")
REQUIRED_IN_BULK = ("list-id", "list-unsubscribe", "list-unsubscribe-post")

MAX_LINE_OCTETS = 998
"""Octets in a line (RFC 5322 2.1.1)."""

_SUBJECT = 150
_BARE = re.compile(rb"(?<!\r)\n|\r(?!\n)|\0")


def lint(data: bytes, head: Letterhead) -> tuple[LintProblem, ...]:
    """All problems of the message `data`, in the order headers, text, HTML. Never raises, whatever it
    contains.
    """
    # Imported here because every command loads the names of the rules, and few commands lint a mail.
    from email import message_from_bytes, policy

    from publisher.core.mail.lint.author_text import line_leftovers
    from publisher.core.mail.lint.dom import Tree
    from publisher.core.mail.lint.html import client_problems, contrast_problems, page_problems

    message = message_from_bytes(data, policy=policy.default)
    parts = (message.get_body((kind,)) for kind in ("plain", "html"))
    text, html = ("" if part is None else part.get_content() for part in parts)
    tree = Tree(html)
    subject = str(message["subject"] or "")
    found = [*_header_problems(data, subject, head), *line_leftovers("subject", subject)]
    found += [*_text_problems(text, html, head), *line_leftovers("text", text)]
    found += [*page_problems(html, tree, head), *contrast_problems(tree), *client_problems(tree)]
    return tuple(found)


def _header_problems(data: bytes, subject: str, head: Letterhead) -> Iterator[LintProblem]:
    """`data` is the whole message, `subject` what readers see of it."""

    def problem(what: str, *, error: bool = True) -> LintProblem:
        return LintProblem(rule=LintRule.HEADERS, where="headers", what=what, error=error)

    top = data.partition(b"\r\n\r\n")[0]
    names = [
        line.partition(b":")[0].lower().decode("latin-1") for line in top.split(b"\r\n") if line[:1].strip()
    ]
    for name in (*REQUIRED_ONCE, *(REQUIRED_IN_BULK if head.bulk else ())):
        if (count := names.count(name)) != 1:
            yield problem(f"{name}: {count or 'none'}; there must be exactly one")
    if bare := _BARE.search(data):
        yield problem(f"{bare.group()!r} at octet {bare.start()}: lines must end in CRLF, without NUL")
    longest = max(map(len, data.split(b"\r\n")))
    if longest > MAX_LINE_OCTETS:
        yield problem(f"a line of {longest} octets; {MAX_LINE_OCTETS} at most")
    if head.bulk and b"\r\nlist-unsubscribe: <https://" not in top.lower() and not head.local:
        yield problem("list-unsubscribe has no https URL first: one click does not work")
    if not subject.strip():
        yield problem("the subject is empty")
    if len(subject) > _SUBJECT:
        yield problem(f"a subject of {len(subject)} characters; few mailboxes show more than 70", error=False)


def _text_problems(text: str, html: str, head: Letterhead) -> Iterator[LintProblem]:
    from html import unescape

    if not text.strip():
        yield LintProblem(rule=LintRule.TEXT, where="text", what="the text part is missing")
    # Lines of code are in the text part as they are, however long.
    code = {line for block in _CODE.findall(html) for line in unescape(_TAG.sub("", block)).splitlines()}
    prose = (line for line in text.splitlines() if "://" not in line and line not in code)
    long = max(map(len, prose), default=0)
    if long > MAX_TEXT_COLUMNS:
        what = f"a line of {long} characters; {MAX_TEXT_COLUMNS} can be read everywhere"
        yield LintProblem(rule=LintRule.TEXT, where="text", what=what, error=False)
    for where, part in (("text", text), ("html", html)) if head.bulk else ():
        if not head.unsubscribe or head.unsubscribe not in part:
            yield LintProblem(rule=LintRule.UNSUBSCRIBE, where=where, what="the unsubscribe link is missing")
