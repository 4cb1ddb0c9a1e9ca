"""The canary: a sample of a large mailing goes first, and its answers decide about the rest."""

from publisher.core.delivery.mailing import Hold
from publisher.core.delivery.throttling import refused_too_many
from publisher.services.deps import Parts


def judge(parts: Parts, mailing: int) -> str:
    """Lets the rest of a mailing go, or holds it, once all of its sample has been tried. Returns why it is
    held; empty where it is not.
    """
    sample = parts.store.sample(mailing)
    rule = parts.pacing.canary
    if sample.untried:
        return ""
    if rule is not None and refused_too_many(rule, sample.settled, sample.refused):
        why = f"{sample.refused:,} of the first {sample.settled:,} were refused: look at the replies"
        parts.store.hold(mailing, Hold.CANARY, why, None)
        return why
    parts.store.pass_canary(mailing)
    return ""


def judge_left(parts: Parts) -> None:
    """`judge` for each mailing whose sample is out: the run that got its last answer may have died before it
    did, or the mailing was paused then.
    """
    for mailing in parts.store.sampling():
        judge(parts, mailing)
