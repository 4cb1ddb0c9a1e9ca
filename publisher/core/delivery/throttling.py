"""Throttling: how fast mail may leave, what slows it down, and when it stops by itself.

A refusal is a reply that is not about the reader (`bounces.classify_reply`): a 4xx, or a 5xx about us or with
no clear cause. Several in a row, with no acceptance between them, open the circuit breaker of a domain or of
the whole server: nothing is tried there for a while, and messages that were not tried lose no attempt. Then
one message goes as a probe (half-open); one more refusal opens the breaker for longer.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from publisher.core.delivery.bounces import Blame, classify_reply
from publisher.core.delivery.relays import DomainLimit, Quota, Relay
from publisher.core.mail.message import Outcome, SendVerdict
from publisher.core.times import local_time

SERVER_SCOPE = "*"
"""The scope of the breaker for all mail; no domain has this name."""


def mailing_scope(id: int) -> str:
    """The scope of one mailing's breaker: no domain has such a name."""
    return f"#{id}"


def scope_mailing(scope: str) -> int | None:
    """The mailing of a scope; None if the scope is a domain or the server."""
    return int(scope[1:]) if scope.startswith("#") else None


DOMAIN_REFUSALS, SERVER_REFUSALS = 5, 20
"""How many refusals in a row open the breaker of a domain, and that of the server or of one mailing."""

SENDER_FAULT_WEIGHT = 4
"""A refusal that is clearly about us counts this many times: five in a row stop a mailing."""

DOUBTFUL_REFUSALS = 2
"""From this refusal in a row on, a 5xx with no clear cause defers the message instead of ending it."""

_OPEN_TIMES = tuple(timedelta(minutes=m) for m in (1, 2, 5, 10, 20, 40, 60))


def open_time(failures: int) -> timedelta:
    """How long a breaker that opens for the `failures`-th time in a row (from 1) stays open."""
    return _OPEN_TIMES[min(failures, len(_OPEN_TIMES)) - 1]


@dataclass(frozen=True, slots=True, kw_only=True)
class CircuitBreaker:
    """How a domain, or the server (`SERVER_SCOPE`), has answered lately. `refusals` counts refusals in a row;
    `failures` counts how often the breaker opened since the last acceptance; it is open until `until`,
    because of `reply`.
    """

    scope: str
    refusals: int = 0
    failures: int = 0
    until: datetime | None = None
    reply: str = ""

    def stopped(self, now: datetime) -> bool:
        """Whether it is open: nothing may be tried at `now`."""
        return self.until is not None and now < self.until

    @property
    def probing(self) -> bool:
        """Whether only one message at a time may go: it was open, and nothing has been accepted since."""
        return self.failures > 0


def record_outcome(breaker: CircuitBreaker, outcome: Outcome, now: datetime) -> CircuitBreaker:
    """The breaker after one more outcome. Unknown ones and refusals of one address say nothing about the
    server.
    """
    if outcome.verdict is SendVerdict.ACCEPTED:
        return CircuitBreaker(scope=breaker.scope) if breaker.refusals or breaker.failures else breaker
    if not is_refusal(outcome):
        return breaker
    wide = breaker.scope[0] in f"{SERVER_SCOPE}#"
    seen = breaker.refusals + (SENDER_FAULT_WEIGHT if wide and _is_about_us(outcome) else 1)
    if seen < (SERVER_REFUSALS if wide else DOMAIN_REFUSALS) and not breaker.probing:
        return replace(breaker, refusals=seen)
    return trip_breaker(breaker, outcome.reply, now)


def trip_breaker(breaker: CircuitBreaker, reply: str, now: datetime) -> CircuitBreaker:
    """The breaker, opened for a while. One that is open already stays as it is."""
    if breaker.stopped(now):
        return breaker
    failures = breaker.failures + 1
    until = now + open_time(failures)
    return replace(breaker, refusals=breaker.refusals + 1, failures=failures, until=until, reply=reply)


def describe_stop(breaker: CircuitBreaker, zone: str) -> str:
    """The message while the server fails and nothing is tried, with times by the clock of `zone`."""
    again = (
        f"it is tried again at {local_time(breaker.until, zone)}" if breaker.until else "it is tried again"
    )
    return f"the server fails: {breaker.reply}; {again}, or at once after `publisher mailings resume`"


def is_refusal(outcome: Outcome) -> bool:
    """Whether the server refused for a reason that is not about the reader."""
    match outcome.verdict:
        case SendVerdict.DEFERRED:
            return True
        case SendVerdict.REJECTED:
            return classify_reply(outcome.reply) is not Blame.READER
        case _:
            return False


def fair_outcome(outcome: Outcome, *breakers: CircuitBreaker) -> Outcome:
    """The outcome to record. A 5xx about us becomes a deferral, and so does one with no clear cause after
    other refusals: readers must not suffer for either.
    """
    if outcome.verdict is not SendVerdict.REJECTED:
        return outcome
    doubtful = any(breaker.refusals >= DOUBTFUL_REFUSALS or breaker.probing for breaker in breakers)
    if _is_about_us(outcome) or (doubtful and is_refusal(outcome)):
        return replace(outcome, verdict=SendVerdict.DEFERRED)
    return outcome


def _is_about_us(outcome: Outcome) -> bool:
    return outcome.verdict is SendVerdict.REJECTED and classify_reply(outcome.reply) is Blame.US


SLOT_SLACK = 0.05
"""Seconds that a message may be late without delaying those after it."""


def next_slot(last: float, now: float, rate: float | None) -> float:
    """When the next message may start, in seconds on the clock of `now`, if the last one's slot was at
    `last`. Slots are evenly spaced; unused ones are not saved up.
    """
    return now if rate is None else max(last + 1 / rate, now - SLOT_SLACK)


@dataclass(frozen=True, slots=True, kw_only=True)
class QuietHours:
    """Every day from `start` to `end` by the wall clock of the list, over midnight if `end` is earlier."""

    start: time
    end: time


def quiet_until(hours: QuietHours, zone: str, now: datetime) -> datetime | None:
    """When the quiet hours that include `now` end (UTC); None outside of quiet hours."""
    return next((end for start, end in _quiet_periods(hours, zone, now) if start <= now < end), None)


def quiet_from(hours: QuietHours, zone: str, now: datetime) -> datetime:
    """When the next quiet hours after `now` begin (UTC)."""
    return next(start for start, _ in _quiet_periods(hours, zone, now) if start > now)


def _quiet_periods(hours: QuietHours, zone: str, now: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Start and end of the quiet hours from yesterday on, over the next days."""
    local = ZoneInfo(zone)
    today = now.astimezone(local).date()
    for offset in range(-1, 4):
        first = today + timedelta(days=offset)
        last = first if hours.start < hours.end else first + timedelta(days=1)
        start, end = datetime.combine(first, hours.start, local), datetime.combine(last, hours.end, local)
        yield start.astimezone(UTC), end.astimezone(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class WarmUp:
    """A new sender starts slowly: from the day `start` (UTC) on, at most `days[n]` messages on day n."""

    start: date
    days: tuple[int, ...]


def warm_up_allowance(warm_up: WarmUp, now: datetime) -> int | None:
    """How many messages may leave on the day of `now` (UTC); None: as many as there are."""
    day = (utc_day(now) - warm_up.start).days
    return None if day >= len(warm_up.days) else warm_up.days[max(day, 0)]


def next_midnight(now: datetime) -> datetime:
    """When the next UTC day begins."""
    return datetime.combine(utc_day(now) + timedelta(days=1), time(0), UTC)


def utc_day(now: datetime) -> date:
    """The UTC day of an instant."""
    return now.astimezone(UTC).date()


@dataclass(frozen=True, slots=True, kw_only=True)
class Canary:
    """The sample of a mailing to `over` readers or more that goes first: one in `one_in`, chosen by hash. The
    rest is held when more than `limit` (0 to 1) of it is refused.
    """

    one_in: int = 100
    limit: float = 0.05
    over: int = 5_000


def canary_failed(canary: Canary, settled: int, refused: int) -> bool:
    """Whether so many refusals among the settled of a sample hold the rest."""
    return settled > 0 and refused / settled > canary.limit


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryRate:
    """The outcomes of a mailing's deliveries in whole minutes from `since` on."""

    accepted: int
    refused: int
    deferred: int
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """A mailing's progress: how many are left, recent messages a second, and when it ends at that rate."""

    left: int
    rate: float
    ends_at: datetime | None


def forecast(left: int, lately: DeliveryRate | None, now: datetime, last: datetime | None = None) -> Forecast:
    """The forecast from the recent rate; without one the end is unknown. `last` is the earliest time for the
    last message: a deferred one waits, however fast the rest is.
    """
    if lately is None:
        return Forecast(left=left, rate=0.0, ends_at=None)
    seconds = max((now - lately.since).total_seconds(), 1.0)
    rate = (lately.accepted + lately.refused) / seconds
    ends = now + timedelta(seconds=left / rate) if rate and left else None
    return Forecast(left=left, rate=rate, ends_at=max(ends, last) if ends and last else ends)


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchPlan:
    """How a mailing is divided into batches: one for each of these domains and one for the rest. If it has
    `over` readers or more, one reader in `one_in` goes first; None: nobody does.
    """

    domains: tuple[str, ...] = ()
    one_in: int | None = None
    over: int = 0


UNDIVIDED = BatchPlan()
"""No domain has limits of its own, and no sample goes first."""

_NO_LIMIT = DomainLimit()


@dataclass(frozen=True, slots=True, kw_only=True)
class ThrottlingRules:
    """The rules of one site. `total` is for the whole transport, `groups` for the domains named in settings;
    a batch's group is one of these names, or "" for all other domains. `quotas` are the relays'.
    """

    total: DomainLimit = _NO_LIMIT
    groups: Mapping[str, DomainLimit] = field(default_factory=dict[str, DomainLimit])
    quiet: QuietHours | None = None
    warm_up: WarmUp | None = None
    canary: Canary | None = None
    quotas: tuple[Quota, ...] = ()

    @property
    def batch_plan(self) -> BatchPlan:
        """How mailings are divided into batches."""
        if self.canary is None:
            return BatchPlan(domains=tuple(self.groups))
        return BatchPlan(domains=tuple(self.groups), one_in=self.canary.one_in, over=self.canary.over)

    def limit(self, group: str) -> DomainLimit:
        """The limits of a group."""
        return self.groups.get(group, _NO_LIMIT)


def combined_limits(relays: Sequence[Relay]) -> tuple[DomainLimit, Mapping[str, DomainLimit]]:
    """What several relays take together: the sum of their rates, in total and for each domain that any of
    them names. A relay without a limit for such a domain contributes its own limits; one without a rate makes
    the sum unlimited.
    """
    by_domain: dict[str, DomainLimit] = {}
    for domain in sorted({domain for relay in relays for domain in relay.per_domain}):
        limits = [(relay, relay.per_domain.get(domain, _NO_LIMIT)) for relay in relays]
        by_domain[domain] = DomainLimit(
            connections=sum(r.connections if it.connections is None else it.connections for r, it in limits),
            rate=_sum([r.rate if it.rate is None else it.rate for r, it in limits]),
        )
    return DomainLimit(rate=_sum([relay.rate for relay in relays])), by_domain


def _sum(rates: Sequence[float | None]) -> float | None:
    known = [rate for rate in rates if rate is not None]
    return sum(known) if rates and len(known) == len(rates) else None
