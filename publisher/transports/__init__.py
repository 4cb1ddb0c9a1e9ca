"""The ways out of the house. A new one is a file here and a line in TRANSPORTS."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from publisher.core.relays import Relay
from publisher.ports import Transport
from publisher.transports.outbox import Outbox


def _outbox(folder: Path, _: Sequence[Relay]) -> Transport:
    return Outbox(folder)


def _smtp(_: Path, relays: Sequence[Relay]) -> Transport:
    from publisher.transports.smtp import Smtp  # TLS takes some milliseconds to load; the outbox has none

    return Smtp(relays)


TRANSPORTS: Mapping[str, Callable[[Path, Sequence[Relay]], Transport]] = MappingProxyType(
    {"outbox": _outbox, "smtp": _smtp}
)
"""Transports by the name that `mail.transport` gives; made from the site's outbox folder and its relays."""
