"""WebSub: notifies hubs of changed feeds, once the new bytes can be fetched (W3C WebSub 6).

    queue with the documents -> place -> release -> claim -> [websub:claimed] -> post -> [websub:told] -> end

After a crash before the post, the ping is sent once its claim has run out. A crash after it may notify a hub
twice: it fetches the feed once more, and nobody sees anything new. A hub that does not answer is tried again,
after a longer delay each time.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import groupby

from publisher.core.feeds.websub import Ping, next_attempt
from publisher.core.publishing.adoption import host_of
from publisher.core.times import local_time
from publisher.services.deps import Deps, SiteRules

CLAIM = timedelta(minutes=2)
"""How long a claimed ping is left to the process that claimed it: longer than a hub may take to answer."""

AREA = "websub"


@dataclass(frozen=True, slots=True, kw_only=True)
class PingReport:
    """The pings that hubs accepted, and those they did not."""

    notified: tuple[Ping, ...] = ()
    failed: tuple[Ping, ...] = ()


def pings_for(rules: SiteRules, topics: Sequence[tuple[str, str]], now: datetime) -> list[Ping]:
    """A ping to each hub for each changed feed, given as (URL, hash of the new bytes)."""
    return [
        Ping(hub=hub, topic=topic, version=version, since=now, next_at=now)
        for hub in rules.hubs
        for topic, version in topics
    ]


def send_pings(deps: Deps, now: datetime) -> PingReport:
    """Notifies the hubs that are due. The failure of a hub is a result. Raises StoreError."""
    claimed = deps.adapters.store.claim_pings(now, now + CLAIM)
    if not claimed:
        return PingReport()
    deps.process.failpoint("websub:claimed")
    notified: list[Ping] = []
    failed: list[Ping] = []
    for hub, queued in groupby(claimed, key=lambda ping: ping.hub):
        if hub not in deps.rules.hubs:  # it was removed from the settings
            for ping in queued:
                deps.adapters.store.complete_ping(ping)
        else:
            _ping_hub(deps, list(queued), notified, failed)
    deps.adapters.store.set_problems(
        AREA, hub_problems(deps.adapters.store.pings(), deps.rules.site.timezone), now
    )
    return PingReport(notified=tuple(notified), failed=tuple(failed))


def _ping_hub(deps: Deps, queued: Sequence[Ping], notified: list[Ping], failed: list[Ping]) -> None:
    """Notifies one hub. If it cannot be reached, its other pings wait too."""
    web, unreachable = deps.adapters.http_client(), ""
    for ping in queued:
        wait: timedelta | None = None
        if not unreachable:
            form = {"hub.mode": "publish", "hub.url": ping.topic}
            answer = web.post(ping.hub, form, {host_of(ping.hub)})
            if answer.ok:
                deps.process.failpoint("websub:told")
                deps.adapters.store.complete_ping(ping)
                notified.append(ping)
                continue
            wait = answer.wait
            unreachable = "" if answer.reply[:3].isdecimal() else answer.reply
            ping = replace(ping, reply=answer.reply)
        later = replace(ping, attempts=ping.attempts + 1, reply=unreachable or ping.reply)
        later = replace(later, next_at=next_attempt(later.attempts, deps.process.clock(), wait))
        deps.adapters.store.defer_ping(later)
        failed.append(later)


def hub_problems(pings: Iterable[Ping], zone: str) -> list[str]:
    """A line for each hub that has not accepted its pings yet; times in `zone`."""
    late = [ping for ping in pings if ping.attempts]
    lines: list[str] = []
    for hub, group in groupby(late, key=lambda ping: ping.hub):
        feeds = list(group)
        times = max(ping.attempts for ping in feeds)
        again = min((ping.next_at for ping in feeds if ping.next_at), default=None)
        then = f"asked again at {local_time(again, zone)}" if again else "given up until the feed changes"
        what = f"{len(feeds)} feed{'s' if len(feeds) > 1 else ''}"
        lines.append(f"{hub}: not told of {what} ({feeds[0].reply}); asked {times} times, {then}")
    return lines
