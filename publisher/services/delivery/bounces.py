"""Bounces: when refusals by mailboxes count, and which addresses get no more mail because of them.

    refused, not decided -> journal -> suppressed [bounces:suppressed] -> counted [bounces:counted]

A refusal is decided once its mailing was tried at every reader, and was not stopped because too many refused
it. Undecided ones are looked at again after each run and before the next, so a kill between two of these
steps counts nothing twice.
"""

from datetime import datetime, timedelta
from itertools import islice

from publisher.core.delivery.bounces import is_mass_refusal, limit_reached, refusal_ruling
from publisher.core.delivery.mailing import MailingHold, MailingState, RefusalRuling
from publisher.core.subscribers.subscription import ALL_LISTS, BOUNCE
from publisher.ports import Store
from publisher.services.deps import Deps
from publisher.services.subscribers.admin import suppress_keys

RECENT = timedelta(hours=24)
"""Transactional mails of this time are judged together: do very many mailboxes refuse them?"""

CHUNK = 500
"""Addresses decided in one transaction."""


def hold_if_too_many_refused(store: Store, mailing: int) -> str:
    """Holds a mailing that so many mailboxes refuse that the relay must be wrong. Returns why, or ""."""
    seen = store.refused_mailing(mailing)
    if seen.canary or seen.ruling is not None or not is_mass_refusal(seen.share):
        return ""
    why = (
        f"{seen.share.refused:,} of {seen.share.tried:,} mailboxes refused it, so the relay may be wrong: "
        "look at the replies"
    )
    return why if store.pause(mailing, MailingHold.REFUSALS, why, None) else ""


def count_bounces(deps: Deps, now: datetime) -> int:
    """Decides the refusals that can be decided; returns how many addresses were suppressed."""
    store, suppressed = deps.adapters.store, 0
    for refused in store.mailings_with_undecided_refusals(now - RECENT):
        if refused.state is MailingState.READY and hold_if_too_many_refused(store, refused.mailing):
            continue
        ruling = refusal_ruling(refused)
        if ruling is RefusalRuling.IGNORE:
            store.decide_refusals(refused.mailing, count=False)
        elif ruling is RefusalRuling.COUNT:
            suppressed += _count_refusals(deps, refused.mailing, now)
    return suppressed


def _count_refusals(deps: Deps, mailing: int, now: datetime) -> int:
    suppressed, by_key = 0, iter(deps.adapters.store.undecided_refusals(mailing))
    while chunk := list(islice(by_key, CHUNK)):
        gone = [
            (key, ALL_LISTS)
            for key, refusals in chunk
            if limit_reached(refusals, deps.rules.bounce_limits)
            and not any(kind == BOUNCE for _, kind, _ in deps.adapters.store.suppressions_of(key))
        ]
        # First suppressed, then counted: in this order a kill loses no suppression.
        suppress_keys(deps, gone, BOUNCE, now)
        deps.process.failpoint("bounces:suppressed")
        suppressed += len(gone)
        deps.adapters.store.decide_refusals(mailing, count=True, keys=[key for key, _ in chunk])
        deps.process.failpoint("bounces:counted")
    return suppressed
