"""Rules for the header of a message (RFC 5322 3.6, RFC 8058, RFC 2919; the rules of large providers)."""

import re
from collections.abc import Iterator

from publisher.core.mail.lint.problem import Letterhead, LintProblem, LintRule

REQUIRED_ONCE = ("from", "to", "subject", "date", "message-id", "mime-version", "content-type")
REQUIRED_IN_BULK = ("list-id", "list-unsubscribe", "list-unsubscribe-post")
MAX_LINE_OCTETS = 998
"""Octets in a line (RFC 5322 2.1.1)."""

_SUBJECT = 150
_BARE = re.compile(rb"(?<!\r)\n|\r(?!\n)|\0")


def header_problems(data: bytes, subject: str, head: Letterhead) -> Iterator[LintProblem]:
    """`data` is the whole message, `subject` what readers see of it."""
    top = data.partition(b"\r\n\r\n")[0]
    names = [
        line.partition(b":")[0].lower().decode("latin-1") for line in top.split(b"\r\n") if line[:1].strip()
    ]
    for name in (*REQUIRED_ONCE, *(REQUIRED_IN_BULK if head.bulk else ())):
        if (count := names.count(name)) != 1:
            yield _found(f"{name}: {count or 'none'}; exactly one is right")
    if bare := _BARE.search(data):
        yield _found(f"{bare.group()!r} at octet {bare.start()}: lines end in CRLF, and NUL is nothing")
    longest = max(map(len, data.split(b"\r\n")))
    if longest > MAX_LINE_OCTETS:
        yield _found(f"a line of {longest} octets; {MAX_LINE_OCTETS} at most")
    if head.bulk and b"\r\nlist-unsubscribe: <https://" not in top.lower() and not head.local:
        yield _found("list-unsubscribe has no https URL first: one click does not work")
    if not subject.strip():
        yield _found("the subject is empty")
    if len(subject) > _SUBJECT:
        yield _found(f"a subject of {len(subject)} characters; few mailboxes show more than 70", error=False)


def _found(what: str, *, error: bool = True) -> LintProblem:
    return LintProblem(rule=LintRule.HEADERS, where="headers", what=what, error=error)
