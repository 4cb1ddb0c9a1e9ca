"""Deliver: batches whose time has come go out, and the ledger knows who got what.

    claim [deliver:claimed] -> offer [deliver:offered] -> intent durable [deliver:intended]
      -> commit [deliver:committed] -> outcome durable [deliver:settled] -> finish [deliver:finished]

Up to the intent a crash repeats safely, for the message was not ended; from then to the outcome it is in
doubt, and listed, unless the transport can recall it. No transaction is open while talking to a server.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import cast

from publisher.core.mailings import Cause, InDoubt, Mailing, MailingKind, Result
from publisher.core.messages import Verdict
from publisher.services.bookkeeping import Tally
from publisher.services.draining import LEASE, Drain
from publisher.services.messages import message_id
from publisher.services.parts import Parts

__all__ = ["LEASE", "Tally", "deliver", "recover"]


def recover(parts: Parts, now: datetime, *, alone: bool) -> int:
    """Frees what dead runs held. What they left in doubt is settled where the transport can tell; returns
    how many deliveries remain unknown.
    """
    parts.store.go_on(now)
    parts.store.recover(parts.run, now, alone=alone)
    mailings: dict[int, Mailing | None] = {}
    left = 0
    for doubt in parts.store.in_doubt(None):
        if doubt.mailing not in mailings:
            mailings[doubt.mailing] = parts.store.mailing(doubt.mailing, counted=False)
        result = _late_word(parts, mailings[doubt.mailing], doubt)
        if result is None:
            left += 1
        else:
            parts.store.resolve(doubt.mailing, doubt.n, result, now)
    return left


def _late_word(parts: Parts, mailing: Mailing | None, doubt: InDoubt) -> Result | None:
    """What is to be done about a doubt; None: an operator decides."""
    if mailing is None:
        return None
    known = parts.transport.recall(*message_id(parts, mailing, doubt.n))
    if known is not None and known.verdict is not Verdict.UNKNOWN:
        cause = _FOUND[known.verdict]
        return Result(mailing=doubt.mailing, n=doubt.n, cause=cause, reply=known.reply)
    if mailing.kind is MailingKind.DIGEST or doubt.attempts >= TRIES:
        return None
    reply = f"in doubt: sent once more, somebody waits for it; before: {doubt.reply}"[:500]
    return Result(mailing=doubt.mailing, n=doubt.n, cause=Cause.RESEND, reply=reply)


TRIES = 2
"""How often a message that one person waits for may be sent when nobody can tell whether it arrived."""

_FOUND = {
    Verdict.ACCEPTED: Cause.FOUND_ACCEPTED,
    Verdict.REJECTED: Cause.FOUND_REJECTED,
    Verdict.DEFERRED: Cause.FOUND_ABSENT,
}


def deliver(
    parts: Parts,
    *,
    stopping: Callable[[], bool] = lambda: False,
    progress: Callable[[Tally], None] = lambda _: None,
) -> Tally:
    """Drains what is due now, over the transport's connections, then returns. `stopping` is asked before
    each message: what is in flight is finished. Call `recover` first.
    """
    try:
        return asyncio.run(Drain(parts, stopping, progress).run())
    except BaseExceptionGroup as several:  # one connection's error ends the run; it is the one to show
        raise _first(several) from several


def _first(error: BaseException) -> BaseException:
    inner = cast("tuple[BaseException, ...]", getattr(error, "exceptions", ()))  # of a group, however deep
    return _first(inner[0]) if inner else error
