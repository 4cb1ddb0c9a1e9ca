"""Feeds of others: Atom, RSS and JSON Feed to the entries that readers know."""

from publisher.foreign.reading import Reader

__all__ = ["Reader"]
