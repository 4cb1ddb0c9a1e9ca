"""The ways out of the house. A new one is a file here and a line in TRANSPORTS.

Little is loaded with this: it is also the door of the process that signs, and messages wait for that.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from publisher.core.relays import Relay
    from publisher.ports import Transport


def _outbox(folder: Path, _: "Sequence[Relay]") -> "Transport":
    from publisher.transports.outbox import Outbox

    return Outbox(folder)


def _smtp(_: Path, relays: "Sequence[Relay]") -> "Transport":
    from publisher.transports.smtp import Smtp  # TLS takes some milliseconds to load; the outbox has none

    return Smtp(relays)


TRANSPORTS: "Mapping[str, Callable[[Path, Sequence[Relay]], Transport]]" = MappingProxyType(
    {"outbox": _outbox, "smtp": _smtp}
)
"""Transports by the name that `mail.transport` gives; made from the site's outbox folder and its relays."""
