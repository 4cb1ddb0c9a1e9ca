"""Instants as feeds write them: RFC 3339 in Atom and JSON Feed, RFC 822 in RSS."""

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_ISO = re.compile(r"\d{4}-\d{2}-\d{2}")


def instant(text: str) -> datetime | None:
    """Aware, UTC; a time without a zone is UTC. None: not understood."""
    text = text.strip()
    try:
        found = datetime.fromisoformat(text) if _ISO.match(text) else parsedate_to_datetime(text)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
