"""The world outside: a document is fetched, a hub is told. Bounded, polite, and never into private networks
that nobody named.
"""

from publisher.fetching.http_client import HttpClient

__all__ = ["HttpClient"]
