"""What the cells of other services' exports mean: whether a subscriber still gets mail there, dates, and
tags.
"""

import csv
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import cast

from publisher.core.patterns import lazy


class SourceStatus(StrEnum):
    """The status of a subscriber at the service a file comes from, from the mildest to the most severe: when
    a row states several, the most severe one counts.
    """

    SUBSCRIBED = "subscribed"
    INACTIVE = "inactive"  # gets no mail there, for a reason the file does not give
    UNCONFIRMED = "unconfirmed"
    NOT_SUBSCRIBED = "not subscribed"  # a contact who never opted in
    LEFT = "left"
    BOUNCED = "bounced"
    COMPLAINED = "complained"
    BLOCKED = "blocked"  # by the operator of that service


_SEVERITY = {status: number for number, status in enumerate(SourceStatus)}


@dataclass(frozen=True, slots=True, kw_only=True)
class RowStatus:
    """What a row says about its subscriber. `reason` is shown to people ("status is unsubscribed") and empty
    for SUBSCRIBED. `at` is when they left or bounced, None where the file does not say.
    """

    status: SourceStatus
    reason: str = ""
    at: datetime | None = None


SUBSCRIBED = RowStatus(status=SourceStatus.SUBSCRIBED)
"""The status of a row that says nothing else: it is on a list of subscribers."""


def more_severe(one: RowStatus, other: RowStatus) -> RowStatus:
    """The more severe of two statuses of one row; of equal ones, the one with a date."""
    if one.status is other.status:
        return one if other.at is None else other
    return other if _SEVERITY[other.status] > _SEVERITY[one.status] else one


_WORDS: Mapping[SourceStatus, str] = {
    SourceStatus.SUBSCRIBED: "active|subscribed|confirmed|enabled|regular|opted in|opt in",
    SourceStatus.INACTIVE: "disabled|invalid|archived|paused|needs attention|needs approval",
    SourceStatus.UNCONFIRMED: "unconfirmed|pending|unactivated|unverified|not confirmed|validating",
    SourceStatus.NOT_SUBSCRIBED: "non subscribed|nonsubscribed|never subscribed",
    SourceStatus.LEFT: "unsubscribed|unsubscribe|cancelled|canceled|opted out|opt out|inactive|removed|left"
    "|deleted",
    SourceStatus.BOUNCED: "bounced|bounce|hard bounce|hard bounced|cleaned|undeliverable|unreachable",
    SourceStatus.COMPLAINED: "complained|complaint|junk|spam|marked as spam",
    SourceStatus.BLOCKED: "blocklisted|blocked|blacklisted|suppressed",
}

STATUS_WORDS: Mapping[str, SourceStatus] = MappingProxyType(
    {word: status for status, words in _WORDS.items() for word in words.split("|")}
)
"""Status words that mean the same everywhere, normalized by `plain`. "inactive" means unsubscribed at
beehiiv and unconfirmed at Kit; in an unknown file the stricter reading counts."""

YES_WORDS, NO_WORDS = frozenset({"true", "yes", "y", "1", "t"}), frozenset({"false", "no", "n", "0", "f", ""})

_GAPS = lazy(r"[\s_\-]+")


def normalized(text: str) -> str:
    """A column name or a status word, normalized: "Email_Address" and "email address" are the same."""
    return _GAPS.sub(" ", text.strip("\ufeff \t\r\n\u00a0")).strip().casefold()


_INSTANT = lazy(
    r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d)?)(?:[.,]\d+)?"
    r"(?: ?(Z|UTC|GMT|[+-]\d\d:?\d\d))?(?: UTC| \w{3,5})?)?"
)


def parse_date(text: str) -> datetime | None:
    """A date as exports write it: ISO 8601, "2024-03-13 11:33:53 UTC", Go's "2024-01-01 00:00:00 +0000 UTC".
    UTC where no zone is given. None for anything else, including ambiguous dates such as 03/04/2024.
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


def parse_tags(cell: str) -> list[str]:
    """The tags in a cell, separated by commas or semicolons, quoted or not (Mailchimp writes `"News","Art"`),
    or a JSON list. Empty ones are dropped.
    """
    text = cell.strip()
    if text.startswith("["):
        try:
            read: object = json.loads(text)
        except ValueError:
            read = None
        if isinstance(read, list):
            tags: list[str] = []
            for item in cast("list[object]", read):
                if isinstance(item, dict):  # an object with a name
                    item = cast("dict[str, object]", item).get("name", "")
                tags.append(str(item).strip())
            return [tag for tag in tags if tag]
    separator = ";" if ";" in text and not text.startswith('"') else ","
    rows = csv.reader([text.replace("\n", " ")], delimiter=separator, skipinitialspace=True)
    words: list[str] = next(rows, [""])
    return [word.strip() for word in words if word.strip()]
