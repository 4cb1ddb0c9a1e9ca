"""Status: where the site stands, in one look."""

from collections import Counter
from datetime import datetime
from typing import Any

from publisher.core.mailings import MailingState, State
from publisher.services.parts import Parts


def status(parts: Parts, now: datetime) -> dict[str, Any]:
    """Log head, readers by state, what is due, what is queued or in doubt, and the last errors."""
    head = parts.store.head()
    mailings = parts.store.mailings()
    states = Counter[str]()
    for mailing in mailings:
        states.update({state.value: number for state, number in mailing.counts.items()})
    active = [m for m in mailings if m.state not in (MailingState.DONE, MailingState.CANCELLED)]
    readers = Counter[str]()
    for (spec, state), number in parts.store.subscriber_counts().items():
        readers[f"{state} on {spec}"] += number
    return {
        "log_head": head.seq,
        "head_at": head.at,
        "baseline_at": head.baseline_at,
        "now": now,
        "next_due": parts.store.next_due(),
        "next_batch": parts.store.next_batch_at(),
        "readers": dict(readers),
        "mailings": {"all": len(mailings), "under way": len(active)},
        "deliveries": {state.value: states[state.value] for state in State if states[state.value]},
        "hubs": {"to tell": len(parts.store.pings())} if parts.hubs else {},
        "problems": [{"area": a, "since": at, "text": text} for a, at, text in parts.store.problems()],
    }
