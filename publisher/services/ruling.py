"""The rules of a plan: from the settings, the command line, and what was kept of the last publish."""

from datetime import datetime

from publisher.core.guards import Guard
from publisher.core.plans import Rules
from publisher.services.clocks import stays_ahead
from publisher.services.parts import Parts

AUTHORITY = "id_authority"
"""The fact that says with which authority ids were last made."""


def rules_of(
    parts: Parts, now: datetime, *, backfill: bool = False, meant: frozenset[Guard] = frozenset()
) -> Rules:
    """What make_plan needs to know of this site at `now`. Raises StoreError."""
    return Rules(
        naming=parts.naming,
        max_age=parts.max_age,
        backfill=backfill,
        meant=meant,
        authority_before=parts.store.fact(AUTHORITY),
        log_ahead=stays_ahead(parts.store, now),
    )


def keep_rules(parts: Parts, rules: Rules) -> None:
    """What the next plan is measured by."""
    if rules.authority_before != rules.naming.authority:
        parts.store.keep_fact(AUTHORITY, rules.naming.authority)
