"""The ways out of the house. A new one is a file here and a line in TRANSPORTS."""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from publisher.ports import Transport
from publisher.transports.outbox import Outbox

TRANSPORTS: Mapping[str, Callable[[Path], Transport]] = MappingProxyType({Outbox.name: Outbox})
"""Transports by the name that `mail.transport` gives; each is made from the site's outbox folder."""
