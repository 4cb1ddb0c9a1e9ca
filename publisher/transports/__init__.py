"""The ways out of the house. A new one is a file here and a line in TRANSPORTS.

Little is loaded with this: it is also the door of the process that signs, and messages wait for that.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from publisher.core.delivery.relays import Relay
    from publisher.ports import RelayQuotas, Transport


class Make(Protocol):
    """Makes a transport."""

    def __call__(
        self, folder: Path, relays: "Sequence[Relay]", quotas: "RelayQuotas | None" = None
    ) -> "Transport": ...


def _outbox(folder: Path, relays: "Sequence[Relay]", quotas: "RelayQuotas | None" = None) -> "Transport":
    from publisher.transports.outbox import Outbox

    return Outbox(folder)


def _smtp(folder: Path, relays: "Sequence[Relay]", quotas: "RelayQuotas | None" = None) -> "Transport":
    from publisher.transports.smtp import Smtp  # TLS takes some milliseconds to load; the outbox has none

    return Smtp(relays, quotas)


TRANSPORTS: "Mapping[str, Make]" = MappingProxyType({"outbox": _outbox, "smtp": _smtp})
"""Transports by the name that `mail.transport` gives; made from an outbox folder, relays and their quotas."""
