"""What became of addresses that readers know: moved for ever, ended, or taken back with their post."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Fate(StrEnum):
    """Why there is no document at an address any more, and the status of HTTP that says so (RFC 9110 15)."""

    MOVED = "moved"
    ENDED = "ended"
    WITHDRAWN = "withdrawn"


STATUS = {Fate.MOVED: 301, Fate.ENDED: 410, Fate.WITHDRAWN: 410}


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """One address: `path` is relative to public/. `target` is where a moved one is now: an absolute URL, or
    a path relative to public/; "" for the others.
    """

    path: str
    fate: Fate
    at: datetime
    target: str = ""
