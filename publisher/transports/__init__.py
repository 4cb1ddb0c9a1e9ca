"""How mail leaves: the outbox folder, or SMTP. A new transport is a file here and a line in TRANSPORTS.

Little is loaded with this: the process that signs imports it too, and messages wait for that process.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol

from publisher.core.mail.message import MailTransport

if TYPE_CHECKING:
    from publisher.core.delivery.relays import Relay
    from publisher.ports import RelayQuotas, Transport


class TransportFactory(Protocol):
    """Makes a transport."""

    def __call__(
        self, folder: Path, relays: "Sequence[Relay]", quotas: "RelayQuotas | None" = None
    ) -> "Transport": ...


def make_outbox(folder: Path, relays: "Sequence[Relay]", quotas: "RelayQuotas | None" = None) -> "Transport":
    """Files in `folder`; relays have no meaning here."""
    from publisher.transports.outbox import Outbox

    return Outbox(folder)


def make_smtp(folder: Path, relays: "Sequence[Relay]", quotas: "RelayQuotas | None" = None) -> "Transport":
    """Over `relays`, within their quotas."""
    from publisher.transports.smtp import Smtp  # TLS takes some milliseconds to load; the outbox has none

    return Smtp(relays, quotas)


TRANSPORTS: Mapping[MailTransport, TransportFactory] = MappingProxyType(
    {MailTransport.OUTBOX: make_outbox, MailTransport.SMTP: make_smtp}
)
"""What makes each transport that `mail.transport` may name, of an outbox folder, relays and their quotas."""
