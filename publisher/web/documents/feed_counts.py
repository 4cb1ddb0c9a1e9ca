"""How feeds are read: requests by status, and readers as services that poll for many tell their number.

A service such as Feedly or Feedbin fetches a feed once for all its readers, and says in its User-Agent how
many these are: "Feedbin feed-id:81 - 42 subscribers". Anybody may say so, and nothing depends on it. Counts
are in memory, so they begin again with the process, as counters of Prometheus may.
"""

from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta

from publisher.web.documents.file_cache import CachedFile
from publisher.web.documents.request import AGENT, TOLD_READERS, DocumentRequest

STALE = timedelta(days=3)
"""A service that has not polled for so long no longer counts."""

MAX_POLLS = 2_000
"""Services that are remembered, each with a feed; the one not heard of for the longest is forgotten first."""

MAX_READERS = 10_000_000
"""More than that nobody is believed."""


@dataclass(frozen=True, slots=True)
class FeedPoll:
    """The last poll of a feed by a service: how many `readers` it said it has there. `agent` is what it calls
    itself, without that number.
    """

    path: str
    agent: str
    readers: int
    at: datetime


class FeedCounts:
    """Counts requests for feeds. Only the event loop's thread counts; any thread may read."""

    def __init__(self) -> None:
        self._requests: dict[tuple[str, int], int] = {}
        self._kinds: dict[str, str] = {}
        self._polls = OrderedDict[tuple[str, str], FeedPoll]()

    def count(self, file: CachedFile, status: int, request: DocumentRequest, now: datetime) -> None:
        """Counts a response to a request for `file`, if it is a feed; it is on the fast path."""
        if file.feed is None:
            return
        key = (file.relative, status)
        number = self._requests.get(key)
        if number is None:
            number, self._kinds[file.relative] = 0, file.feed.kind.value
        self._requests[key] = number + 1
        agent = request.headers.get(AGENT)
        if agent is not None and status in {200, 226, 304}:
            self._poll(file.relative, agent, now)

    def _poll(self, path: str, agent: bytes, now: datetime) -> None:
        told = TOLD_READERS.search(agent)
        if told is None or int(told[1]) > MAX_READERS:
            return
        name = (agent[: told.start(1)] + agent[told.end(1) :]).decode("latin-1")[:200]
        key = (path, name)
        self._polls[key] = FeedPoll(path, name, int(told[1]), now)
        self._polls.move_to_end(key)
        if len(self._polls) > MAX_POLLS:
            self._polls.popitem(last=False)

    def requests(self) -> dict[tuple[str, str, int], int]:
        """(path of a feed under public/, format, status) -> number of responses."""
        found = self._requests.copy()
        return {(path, self._kinds[path], status): number for (path, status), number in found.items()}

    def polls(self, now: datetime) -> list[FeedPoll]:
        """The last poll of each service for each feed, those of long ago left out."""
        return [poll for poll in self._polls.copy().values() if now - poll.at < STALE]
