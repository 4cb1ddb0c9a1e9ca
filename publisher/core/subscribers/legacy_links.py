"""Unsubscribe links in mails that another service sent before: which requests are for one of them.

A pattern is a path, and a query if the service uses one: "/unsubscribe/?uuid=", "/subscription/*". A star in
the path stands for anything. Of the query the named parameters must be there, whatever their values.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import parse_qs

from publisher.core.posts.page_paths import APP_NAMES


@dataclass(frozen=True, slots=True)
class LegacyLink:
    """A pattern of unsubscribe links: the path, without a slash at its end, and the names of parameters."""

    path: str
    parameters: frozenset[str] = frozenset()

    def matches(self, path: str, query: bytes) -> bool:
        """Whether a request is for such a link."""
        wanted = ".+".join(map(re.escape, self.path.split("*")))
        if not re.fullmatch(wanted, path.rstrip("/"), re.DOTALL):
            return False
        return not self.parameters or self.parameters <= _names(query)


def parse_legacy_link(text: str) -> LegacyLink:
    """The link that a pattern is for. Raises ValueError with what is wrong: no path, or one that would take
    the place of the start page or of Publisher's own links.
    """
    path, _, query = text.partition("?")
    link = LegacyLink(path=path.rstrip("/"), parameters=_names(query.encode()))
    if not path.startswith("/") or not link.path.strip("/*"):
        raise ValueError('must be a path such as "/subscription/*"')
    if any(link.matches(f"/{word}/x", b"") or link.matches(f"/{word}", b"") for word in APP_NAMES):
        raise ValueError(
            "would take the place of Publisher's own links; name the parameters of the query too"
        )
    return link


def first_names(links: Sequence[LegacyLink]) -> tuple[str, ...]:
    """The first parts of the paths of such links, where these are plain names."""
    firsts = dict.fromkeys(link.path.strip("/").partition("/")[0] for link in links)
    return tuple(first for first in firsts if re.fullmatch(r"[\w-]+", first))


def is_legacy_link(links: Sequence[LegacyLink], path: str, query: bytes) -> bool:
    """Whether a request is for an unsubscribe link of the old service."""
    return any(link.matches(path, query) for link in links)


def _names(query: bytes) -> frozenset[str]:
    try:
        return frozenset(parse_qs(query.decode("latin-1"), keep_blank_values=True, max_num_fields=50))
    except ValueError:  # more fields than that
        return frozenset()
