"""The socket of what a store keeps so that addresses stay right and hubs are told."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from publisher.core.feeds.redirects import Move
from publisher.core.feeds.websub import Ping


class PromiseStore(Protocol):
    """What outlives a publish: facts of the last one, addresses that moved or ended, hubs to be told."""

    def fact(self, name: str) -> str:
        """What was kept under that name; "" where nothing was."""
        ...

    def keep_fact(self, name: str, value: str) -> None: ...
    def moves(self) -> Sequence[Move]:
        """By path."""
        ...

    def move(self, path: str) -> Move | None: ...
    def save_moves(self, new: Sequence[Move], gone: Sequence[str] = ()) -> None: ...
    def former_addresses(self) -> Mapping[str, str]:
        """The paths under public/ that pages of posts had before, each with the id of its post."""
        ...

    def add_former_addresses(self, found: Mapping[str, str]) -> None:
        """More of them, path to post id; what is known already stays."""
        ...

    def redirects(self) -> Mapping[str, str]:
        """Where former addresses and aliases of posts lead: path to path, both relative to public/."""
        ...

    def set_redirects(self, wanted: Mapping[str, str], now: datetime) -> None:
        """`redirects` are these and no others."""
        ...

    def set_withdrawn(self, paths: Iterable[str], now: datetime) -> None:
        """The addresses of withdrawn posts are these and no others."""
        ...

    def pings(self) -> Sequence[Ping]:
        """All that are queued, placed or not, given up or not."""
        ...

    def place_pings(self) -> None:
        """The documents that pings were queued with can be fetched now."""
        ...

    def claim_pings(self, now: datetime, until: datetime) -> Sequence[Ping]:
        """Those placed whose time has come; nobody else gets them before `until`."""
        ...

    def end_ping(self, ping: Ping) -> None:
        """Told; one queued meanwhile for newer bytes stays."""
        ...

    def defer_ping(self, ping: Ping) -> None:
        """Not told: to be tried again at its `next_at`, or given up."""
        ...
