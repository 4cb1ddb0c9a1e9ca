"""The service that works on a site, as its store knows it, and the settings that it goes by."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

HEARTBEAT = timedelta(seconds=5)
"""How often a service says that it lives."""

SILENT = timedelta(seconds=30)
"""A service that has said nothing for this long is not counted on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsGeneration:
    """Settings that were found good. `values` are (hash of the value, where it was written) by full names;
    no secret is among them, and `digest` is one of the hashes.
    """

    number: int
    digest: str
    at: datetime
    version: str
    values: Mapping[str, tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceRecord:
    """A `publisher run`. `token` is different for each; `store` is the path of its store, and `inode` the
    number of that file. The times of publishing, delivering and serving are those of the last success.
    `problem` is why its settings on the disk are not in force, `restart` those that need a new process.
    Whoever asks for a reload counts `asked` up; the service sets `answered` to what it has seen.
    """

    token: str
    host: str
    pid: int
    version: str
    store: str
    inode: int
    web_only: bool
    generation: int
    started_at: datetime
    heartbeat_at: datetime
    stopped_at: datetime | None = None
    published_at: datetime | None = None
    delivered_at: datetime | None = None
    served_at: datetime | None = None
    problem: str = ""
    problem_since: datetime | None = None
    restart: tuple[str, ...] = ()
    asked: int = 0
    answered: int = 0

    def is_alive(self, now: datetime) -> bool:
        """Whether it has not stopped, and was heard of lately. A clock that differs a little does no harm."""
        return self.stopped_at is None and abs(now - self.heartbeat_at) < SILENT

    @property
    def name(self) -> str:
        """ "`publisher run` (pid 12 on web1)"."""
        return f"`publisher run` (pid {self.pid} on {self.host})"


def differences(
    theirs: Mapping[str, tuple[str, str]], ours: Mapping[str, tuple[str, str]]
) -> list[tuple[str, str, str]]:
    """(setting, where they have it, where we have it) of each with another value, by name."""
    nowhere = ("", "nowhere")
    pairs = {key: (theirs.get(key, nowhere), ours.get(key, nowhere)) for key in theirs.keys() | ours.keys()}
    return [(key, their[1], our[1]) for key, (their, our) in sorted(pairs.items()) if their[0] != our[0]]
