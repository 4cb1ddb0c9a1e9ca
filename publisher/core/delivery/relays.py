"""Mail servers that take our mail, and how much of it they take."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum


class Security(StrEnum):
    """How the line to a relay is protected. It is never less than what is asked for."""

    STARTTLS = "starttls"  # RFC 3207: TLS after EHLO, or no mail
    TLS = "tls"  # RFC 8314 3.3: TLS from the first byte
    NONE = "none"  # for a server on this machine or behind a tunnel


PORTS: Mapping[Security, int] = {Security.STARTTLS: 587, Security.TLS: 465, Security.NONE: 25}
"""The usual port of each (RFC 8314 7.3, RFC 5321 4.5.4.2)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainLimit:
    """What one recipient domain is given at most: connections, messages a second. None: no limit."""

    connections: int | None = None
    rate: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Relay:
    """One mail server. `weight` is its share of the connections; `rate` is messages a second, None: no
    limit; so are `per_hour` and `per_day`, in any hour and any 24 hours. `per_domain` maps recipient domains
    (A-labels, lower case) to their limits. `timeout` is the longest wait for an answer, but for the answer to
    a whole message. The password is never shown by repr.
    """

    host: str
    port: int
    weight: int = 1
    security: Security = Security.STARTTLS
    username: str = ""
    password: str = field(default="", repr=False)
    connections: int = 4
    rate: float | None = None
    per_hour: int | None = None
    per_day: int | None = None
    per_domain: Mapping[str, DomainLimit] = field(default_factory=dict[str, DomainLimit])
    timeout: timedelta = timedelta(minutes=5)

    @property
    def name(self) -> str:
        """ "smtp.example.org:587", for people."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"
