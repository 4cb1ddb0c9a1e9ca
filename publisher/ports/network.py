"""The sockets to the world outside: documents of others are fetched and read, hubs are told."""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple, Protocol

from publisher.core.feeds.redirects import Redirect
from publisher.core.feeds.websub import PingResult
from publisher.core.publishing.adoption import OldEntry, OldFeed


class HttpReply(NamedTuple):
    """What a server said: the address where it was at last, the status (0: there was no answer), the first of
    its text, and status or failure in a person's words.
    """

    url: str
    status: int
    text: str
    why: str


class Web(Protocol):
    """HTTP. Hosts in private networks are reached only where they are `trusted`: named by the author."""

    def get(self, url: str, trusted: Collection[str]) -> tuple[str, bytes]:
        """Where it was at last, and the document. Raises OutputError, Refused."""
        ...

    def ask(self, url: str, trusted: Collection[str]) -> HttpReply:
        """Who answers there, redirects followed; never raises for what the network or the server does."""
        ...

    def post(self, url: str, form: Mapping[str, str], trusted: Collection[str]) -> PingResult:
        """One form; never raises for what the network or the server does."""
        ...


class FeedReader(Protocol):
    """Feeds of others."""

    def feed(self, data: bytes, where: str) -> OldFeed:
        """The feed fetched from `where`. Raises Refused: it is none."""
        ...

    def related(self, data: bytes, where: str) -> str:
        """The feed that a web page names; "" where it names none."""
        ...


class Adoptions(Protocol):
    """The file of adopted ids beside publisher.toml. Raises OutputError, SettingsError."""

    name: str

    def entries(self) -> Sequence[OldEntry]: ...
    def save(self, entries: Sequence[OldEntry]) -> None: ...


class Moves(Protocol):
    """The file of feeds that moved or ended, beside publisher.toml. Raises OutputError, SettingsError."""

    def moves(self) -> Sequence[Redirect] | None:
        """By path; None where there is no file."""
        ...

    def save(self, moves: Sequence[Redirect]) -> None: ...
