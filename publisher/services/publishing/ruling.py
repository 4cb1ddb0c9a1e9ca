"""The rules of a plan: from the settings, the command line, and what was kept of the last publish."""

from datetime import datetime

from publisher.core.errors import UsageError
from publisher.core.publishing.guards import NO_ANSWERS, Answers, Guard
from publisher.core.publishing.log import Kind
from publisher.core.publishing.plan import Plan, Rules, of_kind
from publisher.services.deps import Parts
from publisher.services.publishing.clock_checks import stays_ahead

AUTHORITY = "id_authority"
"""The fact that says with which authority ids were last made."""


def rules_of(
    parts: Parts,
    now: datetime,
    *,
    backfill: bool = False,
    meant: frozenset[Guard] = frozenset(),
    answers: Answers = NO_ANSWERS,
) -> Rules:
    """What make_plan needs to know of this site at `now`. Raises StoreError."""
    return Rules(
        naming=parts.naming,
        max_age=parts.max_age,
        backfill=backfill,
        meant=meant,
        authority_before=parts.store.fact(AUTHORITY),
        log_ahead=stays_ahead(parts.store, now),
        answers=answers,
        pages=parts.pages,
    )


def must_be_heeded(answers: Answers, plan: Plan) -> None:
    """Raises UsageError: an answer is about a file that it says nothing of; nobody would notice otherwise."""
    new = {change.post.path for change in of_kind(plan, Kind.PUBLISHED)}
    for path in sorted(answers.new - new):
        raise UsageError("--as-new", f"{path} is not a new post", "`publisher plan` names what is held")
    followed = {(move.old, move.new) for move in plan.renamed}
    for path, old in sorted(answers.renamed.items()):
        if (old, path) not in followed:
            what = f"{old} is not a published post whose file is gone, or {path} is not a new file"
            raise UsageError("--as-rename", what, "`publisher plan` names what is held")


def keep_rules(parts: Parts, rules: Rules) -> None:
    """What the next plan is measured by."""
    if rules.authority_before != rules.naming.authority:
        parts.store.keep_fact(AUTHORITY, rules.naming.authority)
