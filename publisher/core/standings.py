"""What a file of readers says of each: whether they get mail where it comes from, and since when not."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from types import MappingProxyType


class Standing(StrEnum):
    """Where a reader stands at the service a file comes from, mildest first: of several that a row states,
    the last one counts.
    """

    SUBSCRIBED = "subscribed"
    OFF = "off"  # gets no mail there, and nobody knows why
    UNCONFIRMED = "unconfirmed"
    NEVER = "never"  # a contact who never asked for mail
    LEFT = "left"
    BOUNCED = "bounced"
    COMPLAINED = "complained"
    BLOCKED = "blocked"  # by the operator of that service


_SEVERITY = {standing: number for number, standing in enumerate(Standing)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What a row says of its reader. `reason` is for a person ("status is unsubscribed"), "" where the row
    says nothing; `at` is when they left or bounced, None where it does not tell.
    """

    standing: Standing
    reason: str = ""
    at: datetime | None = None


SUBSCRIBED = Statement(standing=Standing.SUBSCRIBED)
"""What a row says that says nothing: it is in a list of readers."""


def worse(one: Statement, other: Statement) -> Statement:
    """Of two statements about one reader, the one that counts."""
    if one.standing is other.standing:
        return one if other.at is None else other
    return other if _SEVERITY[other.standing] > _SEVERITY[one.standing] else one


_WORDS: Mapping[Standing, str] = {
    Standing.SUBSCRIBED: "active|subscribed|confirmed|enabled|regular|opted in|opt in",
    Standing.OFF: "disabled|invalid|archived|paused|needs attention|needs approval",
    Standing.UNCONFIRMED: "unconfirmed|pending|unactivated|unverified|not confirmed|validating",
    Standing.NEVER: "non subscribed|nonsubscribed|never subscribed",
    Standing.LEFT: "unsubscribed|unsubscribe|cancelled|canceled|opted out|opt out|inactive|removed|left"
    "|deleted",
    Standing.BOUNCED: "bounced|bounce|hard bounce|hard bounced|cleaned|undeliverable|unreachable",
    Standing.COMPLAINED: "complained|complaint|junk|spam|marked as spam",
    Standing.BLOCKED: "blocklisted|blocked|blacklisted|suppressed",
}

WORDS: Mapping[str, Standing] = MappingProxyType(
    {word: standing for standing, words in _WORDS.items() for word in words.split("|")}
)
"""Words of a state column that mean the same wherever they stand, as `plain` spells them. "inactive" is who
left at beehiiv and who never confirmed at Kit: of the two, the one that keeps mail away longer."""

YES, NO = frozenset({"true", "yes", "y", "1", "t"}), frozenset({"false", "no", "n", "0", "f", ""})

_GAPS = re.compile(r"[\s_\-]+")


def plain(text: str) -> str:
    """The head of a column, or a word in one, for comparison: "Email_Address" and "email address" are one."""
    return _GAPS.sub(" ", text.strip("\ufeff \t\r\n\u00a0")).strip().casefold()


_INSTANT = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d)?)(?:[.,]\d+)?"
    r"(?: ?(Z|UTC|GMT|[+-]\d\d:?\d\d))?(?: UTC| \w{3,5})?)?"
)


def instant(text: str) -> datetime | None:
    """A date as exports write it: ISO 8601, "2024-03-13 11:33:53 UTC", Go's "2024-01-01 00:00:00 +0000 UTC".
    Without a zone it is UTC. None for anything else: 03/04/2024 is March to one and April to another.
    """
    found = _INSTANT.fullmatch(text.strip())
    if found is None:
        return None
    day, clock, zone = found.groups()
    offset = "+00:00" if zone in (None, "Z", "UTC", "GMT") else zone
    try:
        return datetime.fromisoformat(f"{day}T{clock or '00:00'}{offset}").astimezone(UTC)
    except (ValueError, OverflowError):
        return None
