"""/metrics for Prometheus, in its text format or in OpenMetrics, as the client asks.

A scrape reads the store (`services.operations.measures`) and what this process counted of feeds. One that
comes while another is answered, or soon after it, gets the same numbers: many at once cost no more than one.
"""

import logging
from collections.abc import Iterator
from threading import Lock

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import CollectorRegistry

from publisher import __version__
from publisher.app import App
from publisher.core.errors import PublisherError
from publisher.services.operations.measures import (
    Measure,
    MeasureKind,
    counter,
    feed_namer,
    gauge,
    measures,
    sum_by,
)
from publisher.web.documents.feed_counts import FeedCounts

log = logging.getLogger(__name__)

PREFIX = "publisher_"

KEPT_SECONDS = 10.0
"""How long numbers are used again: with a million readers it takes up to half a second to find them."""


class Metrics:
    """The metrics of a site. Safe to use from several threads."""

    def __init__(self, app: App, counts: FeedCounts) -> None:
        self._app, self._counts = app, counts
        self._feed_of = feed_namer(app.deps)
        self._lock = Lock()
        self._read_at = float("-inf")
        self._measures: list[Measure] = []
        self._registry = CollectorRegistry()
        self._registry.register(self)
        ProcessCollector(namespace="publisher_web", registry=self._registry)

    def text(self, accept: str) -> tuple[bytes, str]:
        """The metrics and their media type, of those that an Accept header names."""
        encode, media_type = choose_encoder(accept)
        return encode(self._registry), media_type

    def describe(self) -> list[Metric]:
        """No names beforehand: which there are depends on the store."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Everything, as prometheus-client has it."""
        yield InfoMetricFamily(f"{PREFIX}build", "This version of Publisher.", {"version": __version__})
        for one in self._current():
            family = CounterMetricFamily if one.kind is MeasureKind.COUNTER else GaugeMetricFamily
            metric = family(PREFIX + one.name, one.help, labels=one.labels)
            for labels, number in sorted(one.samples.items()):
                metric.add_metric(labels, number)
            yield metric

    def _current(self) -> list[Measure]:
        with self._lock:
            if self._app.monotonic() - self._read_at >= KEPT_SECONDS:
                self._measures = [*self._of_feeds(), *self._of_store()]
                self._read_at = self._app.monotonic()
            return self._measures

    def _of_store(self) -> list[Measure]:
        help = "Whether the store could be read. If not, what it tells is missing."
        try:
            return [gauge("store_up", help, 1), *measures(self._app.deps, self._app.clock())]
        except PublisherError as error:
            log.error("metrics_incomplete", extra={"reason": str(error)})
            return [gauge("store_up", help, 0)]

    def _of_feeds(self) -> list[Measure]:
        requests = self._counts.requests()
        answered = sum_by(((kind, str(status)), number) for (_, kind, status), number in requests.items())
        polls = self._counts.polls(self._app.clock())
        readers = sum_by(((self._feed_of(poll.path),), poll.readers) for poll in polls)
        help = "Requests for feeds, by the format of the feed and the HTTP status of the response."
        told = "Readers of a feed, as services that poll it for many tell their number."
        return [
            counter("feed_requests", help, answered, "format", "status"),
            gauge("feed_readers", told, readers, "feed"),
        ]
