"""What the outbox took, once mail leaves this machine: it counts as accepted, and nobody got it. An operator
sends it after all, or leaves it there.
"""

from collections.abc import Iterable
from datetime import datetime

from publisher.core.mail.message import MailTransport
from publisher.ports import Store
from publisher.services.deps import Deps
from publisher.services.digests.planner import remake_before_sending

MAX_NAMED = 10
"""Mailings that a message names; it counts the others."""


def describe_outbox(store: Store, transport: str) -> str:
    """How many messages lie in the outbox, of which mailings, and what to do with them now that mail leaves
    by `transport`; "" if there are none, or if that is the outbox.
    """
    waiting = store.count_in_outbox() if transport != MailTransport.OUTBOX else dict[int, int]()
    if not waiting:
        return ""
    number, several = sum(waiting.values()), len(waiting) > 1
    names = ", ".join(map(str, [*waiting][:MAX_NAMED]))
    more = f" and {len(waiting) - MAX_NAMED:,} more" if len(waiting) > MAX_NAMED else ""
    return (
        f"{number:,} message{'s' * (number > 1)} of mailing{'s' * several} {names}{more} count as accepted "
        "but were only written to outbox/; send them with `publisher mailings outbox send`, or leave them "
        "there with `publisher mailings outbox keep`"
    )


def send_from_outbox(deps: Deps, ids: Iterable[int], now: datetime) -> int:
    """Queues what the outbox took of these mailings, for the transport that sends now, with the same
    Message-IDs and without posts withdrawn since; returns how many messages. Raises Refused if a mail cannot
    be made without such a post.
    """
    sent = 0
    for id in ids:
        remake_before_sending(deps, id, now)
        deps.adapters.journal.append("outbox", {"mailing": id, "at": now.isoformat()})
        deps.process.failpoint("outbox:journaled")
        sent += deps.adapters.store.send_from_outbox(id, now)
        deps.process.failpoint("outbox:queued")
    return sent


def keep_in_outbox(deps: Deps, ids: Iterable[int]) -> int:
    """Leaves what the outbox took of these mailings there for good; returns how many messages."""
    return sum(deps.adapters.store.keep_in_outbox(id) for id in ids)
