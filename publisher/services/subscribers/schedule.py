"""When readers are due: each when their rhythm is, by the settings and the zone data of this moment."""

from datetime import datetime

from publisher.core.subscribers.preferences import SchedulePreference
from publisher.core.subscribers.subscription import MailingList, Subscription, schedule_for
from publisher.services.deps import Deps


def due_after(parts: Deps, spec: MailingList, pace: SchedulePreference, now: datetime) -> datetime:
    """When a reader of that pace is due next after `now`."""
    rhythm = schedule_for(spec, pace)
    return parts.cadences[rhythm.cadence].after(now, rhythm)


def due_of(
    parts: Deps, spec: MailingList, found: Subscription, now: datetime, pace: SchedulePreference | None = None
) -> datetime:
    """When a subscription is due next after `now`: by its own pace, or by another it is to have."""
    return due_after(parts, spec, pace or found.choices.pace, now)
