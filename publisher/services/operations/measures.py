"""Metrics of a site for monitoring, read from the store and named by Prometheus' conventions.

The process that publishes and the one that serves share only the store. Numbers come from there, so both
processes report the same ones, also after a restart. Requests for feeds are the exception: the process that
answers them counts them (`web.documents.feed_counts`).

Labels hold names from the settings, states and areas of problems. Readers and clients cannot add values.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from publisher.core.delivery.mailing import DeliveryState
from publisher.core.feeds.feed import PART_PLACEHOLDER
from publisher.core.subscribers.subscription import SubscriptionState
from publisher.services.deps import Deps
from publisher.services.feeds.feeds import feed_path
from publisher.services.operations.status import BOUNCES_WINDOW, RATE_WINDOW

REMOVED, OTHER = "(removed)", "(other)"
"""The label of all lists that settings no longer name, and of all feeds that they do not name."""

_QUEUED = (DeliveryState.QUEUED, DeliveryState.CLAIMED, DeliveryState.SENDING, DeliveryState.UNKNOWN)
_SETTLED = (
    DeliveryState.ACCEPTED,
    DeliveryState.REJECTED,
    DeliveryState.SKIPPED,
    DeliveryState.CANCELLED,
)


class MeasureKind(StrEnum):
    """Whether a number goes up and down, or only up."""

    GAUGE = "gauge"
    COUNTER = "counter"


@dataclass(frozen=True, slots=True)
class Measure:
    """A measure: its name without "publisher_" and without a counter's "_total", what it counts, the names of
    its labels, and a number for the values of these.
    """

    name: str
    kind: MeasureKind
    help: str
    labels: tuple[str, ...]
    samples: Mapping[tuple[str, ...], float]


Samples = Mapping[tuple[str, ...], float]
"""Values of labels -> number."""


def gauge(name: str, help: str, samples: Samples | float, *labels: str) -> Measure:
    """A number that goes up and down; without labels it is one."""
    return Measure(name, MeasureKind.GAUGE, help, labels, _samples(samples))


def counter(name: str, help: str, samples: Samples | float, *labels: str) -> Measure:
    """A number that only goes up."""
    return Measure(name, MeasureKind.COUNTER, help, labels, _samples(samples))


def _samples(given: Samples | float) -> Samples:
    if isinstance(given, Mapping):
        return given
    one: dict[tuple[str, ...], float] = {(): given}
    return one


def measures(deps: Deps, now: datetime) -> Iterator[Measure]:
    """Everything that the store tells. Raises StoreError."""
    yield from _of_publishing(deps)
    yield from _of_readers(deps, now)
    yield from _of_delivery(deps, now)
    yield from _of_the_service(deps)


def _of_publishing(deps: Deps) -> Iterator[Measure]:
    store = deps.adapters.store
    head, (here, written) = store.head(), store.count_documents()
    yield gauge("post_files", "Files of posts that the last scan knew.", store.count_files())
    yield gauge("live_posts", "Posts that readers see.", store.count_live_posts())
    yield counter("log_entries", "Entries of the publication log: the position of its head.", head.seq)
    if head.at is not None:
        help = "When the last entry was added to the publication log."
        yield gauge("log_last_entry_timestamp_seconds", help, head.at.timestamp())
    yield gauge("documents", "Documents under public/.", here)
    yield counter("documents_written", "Documents written under public/.", written)


def _of_readers(deps: Deps, now: datetime) -> Iterator[Measure]:
    store, slugs = deps.adapters.store, deps.rules.slugs
    readers = Counter[tuple[str, ...]]()
    for slug in slugs:
        readers.update({(slug, SubscriptionState.ACTIVE): 0, (slug, SubscriptionState.PENDING): 0})
    for (slug, state), number in store.count_readers().items():
        readers[slug if slug in slugs else REMOVED, state.value] += number
    help = "Readers who get mail (active), and who were asked to confirm (pending)."
    yield gauge("subscribers", help, readers, "list", "state")
    due = store.next_due_at(None, slugs)
    help = "How long ago the reader who has waited longest for a scheduled digest was due."
    yield gauge("oldest_due_reader_age_seconds", help, _age(due, now))


def _of_delivery(deps: Deps, now: datetime) -> Iterator[Measure]:
    store = deps.adapters.store
    _, totals = store.delivery_totals()
    queued: dict[tuple[str, ...], float] = {(state.value,): totals.get(state, 0) for state in _QUEUED}
    settled: dict[tuple[str, ...], float] = {(state.value,): totals.get(state, 0) for state in _SETTLED}
    yield gauge("queued_deliveries", "Deliveries that are not settled, by state.", queued, "state")
    yield counter("deliveries", "Deliveries that are settled, by outcome.", settled, "outcome")
    unfinished = store.count_unfinished_mailings()
    under_way: dict[tuple[str, ...], float] = {(state.value,): n for state, n in unfinished.items()}
    yield gauge("unfinished_mailings", "Mailings that are not done, by state.", under_way, "state")
    rates = store.delivery_rates(now - RATE_WINDOW).values()
    seconds = RATE_WINDOW.total_seconds()
    of: dict[tuple[str, ...], float] = {
        (name,): sum(getattr(rate, name) for rate in rates) / seconds
        for name in ("accepted", "refused", "deferred")
    }
    help = f"Answers of mail servers per second, over {seconds / 60:.0f} minutes."
    yield gauge("delivery_answers_per_second", help, of, "answer")
    help = "How long ago the delivery that has waited longest could have been sent."
    yield gauge("oldest_due_delivery_age_seconds", help, _age(store.next_batch_at(deps.rules.slugs), now))
    came_back = store.count_reports(now - BOUNCES_WINDOW)
    help = f"Bounces, complaints and other mail that came back within {BOUNCES_WINDOW.days} days."
    reports: dict[tuple[str, ...], float] = {
        (kind.value, effect.value): number for (kind, effect), number in came_back.items()
    }
    yield gauge("returned_messages", help, reports, "kind", "effect")


def _of_the_service(deps: Deps) -> Iterator[Measure]:
    store = deps.adapters.store
    problems = Counter[tuple[str, ...]]((area,) for area, _, _ in store.problems())
    failures: dict[tuple[str, ...], float] = {
        (area,): number for area, number in store.count_failures().items()
    }
    for area in failures:
        problems[area] += 0
    help = "Problems that `publisher status` shows, by the part of Publisher that has them."
    yield gauge("problems", help, problems, "area")
    yield counter(
        "failures", "Problems that came up, by the part of Publisher that had them.", failures, "area"
    )
    service = store.service()
    if service is None:
        return
    times = {
        "web": service.served_at,
        "schedule": service.published_at,
        "mail": service.delivered_at,
        "heartbeat": service.heartbeat_at,
    }
    worked: dict[tuple[str, ...], float] = {
        (part,): at.timestamp() for part, at in times.items() if at is not None
    }
    yield gauge("last_work_timestamp_seconds", "When each part of the service last worked.", worked, "part")
    yield gauge("settings_generation", "The number of the settings in use.", service.generation)
    yield gauge("settings_are_bad", "1 while changed settings are refused.", bool(service.problem))


def _age(then: datetime | None, now: datetime) -> float:
    return 0.0 if then is None else max(now - then, timedelta()).total_seconds()


def feed_namer(deps: Deps) -> Callable[[str], str]:
    """A function that names the feed whose document stands at a path under public/: its slug, which all parts
    of a split feed share, or `OTHER`.
    """
    patterns = [
        (re.escape(feed_path(deps, spec, format, PART_PLACEHOLDER)), spec.slug)
        for spec in deps.rules.feeds
        for format in spec.formats
    ]
    part = re.escape(PART_PLACEHOLDER)
    compiled = [(re.compile(pattern.replace(part, "[^/]+")), slug) for pattern, slug in patterns]

    def name(path: str) -> str:
        return next((slug for pattern, slug in compiled if pattern.fullmatch(path)), OTHER)

    return name


def sum_by(pairs: Iterable[tuple[tuple[str, ...], float]]) -> dict[tuple[str, ...], float]:
    """The sums of numbers with the same labels."""
    found: dict[tuple[str, ...], float] = {}
    for labels, number in pairs:
        found[labels] = found.get(labels, 0) + number
    return found
