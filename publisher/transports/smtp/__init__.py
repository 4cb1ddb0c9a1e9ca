"""SMTP (RFC 5321): relays, connections to them, and messages sent over a connection one after another."""

from publisher.transports.smtp.transport import Smtp

__all__ = ["Smtp"]
