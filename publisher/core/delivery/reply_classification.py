"""Whether a 5xx reply is about the reader's address or about us, judged by its code and its words.

"Us" is our sender, our server, our login or our message: the next reader would be refused as well. The
enhanced code of RFC 3463 says most, but many servers send none, and some send the same one for everything. If
neither code nor words tell, nobody is blamed, and the refusal counts only together with others.
"""

import re
from enum import StrEnum

from publisher.core.patterns import lazy


class Blame(StrEnum):
    """What a refusal is about."""

    READER = "reader"  # the address, or its mailbox: to try again changes nothing
    US = "us"  # who sends, from where, and what
    NOBODY = "nobody"  # it does not say


_CODE = lazy(r"\b5\.(\d{1,3})\.(\d{1,3})\b")

_READER_TOO = frozenset({"7.2", "7.17", "7.18"})
"""Policy that is about one mailbox: expansion of a list (RFC 3463 3.8), a new owner (RFC 7293 6)."""

SENDER_CODES = frozenset({"1.7", "1.8"})
"""Addresses that are our sender's (RFC 3463 3.2)."""

_OURS = frozenset({"3", "5", "6", "7"})
"""RFC 3463 3: the mail system, the protocol, the content, security or policy."""

SENDER_WORDS = lazy(r"\bsender|\bfrom address", re.IGNORECASE)
"""Words that make a 5.1.0 one about our sender."""

_CERTAIN = lazy(
    r"\bsender (?:address|identity|signature|domain|is rejected)|\bfrom address|\b(?:not |un)verified"
    r"|\bnot allowed to send|\bunauthenticated|\bsending (?:limit|quota|rate)|\bclient host|\bspamhaus"
    r"|\b(?:rbl|dnsbl|spf|dkim|dmarc)\b|\b(?:black|block|deny)[ -]?list|\bbanned|\bservice unavailable"
    r"|\brelay(?:ing)?\b[^.;]{0,20}\b(?:denied|not permitted|prohibited)|\bunable to relay",
    re.IGNORECASE,
)
"""Words about who sends, from where, and by whose leave."""

_LIKELY = lazy(r"\b(?:blocked|spam|policy|reputation|unsolicited|abuse)", re.IGNORECASE)
"""Words that are about us where none is about a reader."""

_READER = lazy(
    r"\b(?:user|mailbox|recipient|account|inbox|invalid address|no such|over ?quota)", re.IGNORECASE
)

_ADDRESS = lazy(r"\b(?:address|unknown|exist|inactive|disabled)", re.IGNORECASE)
"""Words that are about a reader where none is about us."""


def classify_reply(reply: str) -> Blame:
    """Whose fault a 5xx is. Addresses in it are ignored: a reader may be called spam@..."""
    words = " ".join(word for word in reply.split() if "@" not in word)
    found = _CODE.search(words)
    if found is None:
        return blame_by_words(words)
    detail = f"{found[1]}.{found[2]}"
    if found[1] in ("1", "2") or detail in _READER_TOO:
        ours = detail in SENDER_CODES or (detail == "1.0" and SENDER_WORDS.search(words))
        return Blame.US if ours else Blame.READER
    if _CERTAIN.search(words):
        return Blame.US
    ours = found[1] in _OURS or _LIKELY.search(words)
    return Blame.US if ours and not _READER.search(words) else Blame.NOBODY


def blame_by_words(words: str) -> Blame:
    """Whose fault a reply without an enhanced code is."""
    if _CERTAIN.search(words):
        return Blame.US
    if _READER.search(words):
        return Blame.READER
    if _LIKELY.search(words):
        return Blame.US
    return Blame.READER if _ADDRESS.search(words) else Blame.NOBODY
