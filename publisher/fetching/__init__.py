"""HTTP to other servers: fetch a document, notify a hub. Bounded, polite, and never into private networks
that nobody named.
"""

from publisher.fetching.http_client import HttpClient

__all__ = ["HttpClient"]
