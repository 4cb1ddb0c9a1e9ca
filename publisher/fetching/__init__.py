"""HTTP requests to other servers: fetch a document, notify a hub. Everything is limited, and private networks
are out of reach unless a setting names a host there.
"""

from publisher.fetching.http_client import HttpClient

__all__ = ["HttpClient"]
