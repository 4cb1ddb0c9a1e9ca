"""SMTP (RFC 5321): relays, lines to them, and the messages that go over a line one after another."""

from publisher.transports.smtp.relay_pool import Smtp

__all__ = ["Smtp"]
