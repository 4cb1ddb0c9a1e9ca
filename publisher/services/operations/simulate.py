"""Simulates what would be published and mailed up to a future date, over a copy of the state.

    publish, without documents -> plan mail -> on to when the next post, digest or timer is due -> ...

The log, the planning and the rendering are the real ones; nothing is delivered. A mailing is reported for the
time it is planned. Quiet hours, warm-up and throttling may delay it further.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from publisher.core.delivery.mailing import Mailing
from publisher.core.publishing.plan import Change
from publisher.services.deps import Deps
from publisher.services.digests.due_readers import next_mail
from publisher.services.digests.planner import Skipped, plan_mail
from publisher.services.publishing.folder_snapshot import SnapshotCache
from publisher.services.publishing.publish import update_log

RETRY_AFTER = timedelta(minutes=10)
"""How soon something that is due and failed is tried again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedEvent:
    """What happens at an instant: changes of the log, planned mailings, digests skipped because they were too
    late, and why mail could not be made.
    """

    at: datetime
    changes: tuple[Change, ...]
    mailings: tuple[Mailing, ...]
    problem: str = ""
    skipped: tuple[Skipped, ...] = ()


def simulate(
    deps: Deps, start: datetime, end: datetime, every: timedelta | None = None
) -> Iterator[SimulatedEvent]:
    """Everything from `start` to `end`, inclusive, in order, as `publisher run` would do it or, with `every`,
    a timer that runs `publisher publish` at `start` and then at that interval. `deps` belong to the copy; the
    folder of posts is assumed not to change. Raises what a publish raises, such as Refused.
    """
    deps = replace(deps, process=replace(deps.process, run_is_active=lambda: every is None))
    last, now, first = SnapshotCache(), start, True
    while now <= end:
        plan = update_log(deps, now, last, None if first else ()).plan
        first, before = False, deps.adapters.store.next_mailing_id()
        mail = plan_mail(deps, now)
        problem, skipped = "; ".join(map(str, mail.unsent)), mail.skipped
        made = (
            deps.adapters.store.mailing(id, counted=False)
            for id in range(before, deps.adapters.store.next_mailing_id())
        )
        mailings = tuple(mailing for mailing in made if mailing is not None)
        if plan.changes or mailings or problem or skipped:
            yield SimulatedEvent(
                at=now, changes=plan.changes, mailings=mailings, problem=problem, skipped=skipped
            )
        if every is not None:
            now += every
            continue
        coming = [
            at for at in (plan.next_at, next_mail(deps.rules, deps.adapters.store, now)) if at is not None
        ]
        if not coming:
            return
        now = max(min(coming), now + RETRY_AFTER) if problem or min(coming) <= now else min(coming)
