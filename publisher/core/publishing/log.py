"""The publication log, the source of everything readers receive; its posts, and their ids, which are minted
once and kept forever.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from urllib.parse import quote

from publisher.core.caching import lazy
from publisher.core.posts.post import Post
from publisher.core.publishing.adoption import NOTHING_ADOPTED, AdoptedEntries

_IRI = lazy(r"(?:https?|ftp|gemini|ipfs|at|did|doi|info|tag|urn|uuid|oai|ni|hdl):\S+", re.IGNORECASE)
"""Only schemes that name things: "ART:17" or "note:2024" is an author's own code, not an IRI."""

_FORBIDDEN = lazy(r"[<>\"{}|\\^`]")
"""Characters that no IRI may hold (RFC 3987 2.2)."""

_OBJECT_ID = lazy(r"[0-9a-f]{24}")
"""The id that Ghost gives a post, and that its RSS feed has as it is."""

_SPECIFIC = "/?:@!$&'()*+,;=-._~"  # RFC 4151 2.1: specific = *( pchar / "/" / "?" )

_PLAIN = lazy(r"[A-Za-z0-9/?:@!$&'()*+,;=._~-]*")
"""Text that needs no quoting."""

_ABSOLUTE = lazy(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s<>\"{}|\\^`]+")


class LogKind(StrEnum):
    """What happened to a post, as readers see it."""

    PUBLISHED = "published"
    UPDATED = "updated"
    CORRECTED = "corrected"
    WITHDRAWN = "withdrawn"
    RESTORED = "restored"


@dataclass(frozen=True, slots=True, kw_only=True)
class LogHead:
    """The last row of the log: `seq` is 0 and `at` None while it is empty. `baseline_at` is None before the
    first run.
    """

    seq: int
    at: datetime | None
    baseline_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LogRow:
    """One line of the log. `seq` is gapless from 1, in commit order; `at` never goes back."""

    seq: int
    kind: LogKind
    post_id: str
    at: datetime
    revision: str
    backfill: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedPost:
    """A post of the log as it is now: its id, its last good version, and whether it is public.

    `missing_since` and `missing_scans` count the scans that did not find its file. `stored_as` is the name of
    its version in the store, "" if that is `post.revision`. `file_hash` is the hash of the bytes it was read
    from, `reader` the version of the reader; both are None if an older Publisher did not record them.
    `first`: nothing has happened to it since it was published as news, so `updated_at` is when that was.
    """

    id: str
    post: Post
    live: bool
    first_seq: int
    updated_at: datetime
    missing_since: datetime | None = None
    missing_scans: int = 0
    stored_as: str = ""
    file_hash: str | None = None
    reader: str | None = None
    first: bool = False

    @property
    def revision(self) -> str:
        """The name of this version in the store. It stays the same even if another version of Publisher would
        name the same text differently.
        """
        return self.stored_as or self.post.revision

    @property
    def instant(self) -> datetime:
        """When it was published, as readers see it (aware, UTC): its own date, which every post has that
        passes the gate.
        """
        return self.post.instant or self.updated_at

    @property
    def edited_at(self) -> datetime:
        """When it was last edited, as its author says: its own dates, where these are not in the future."""
        return min(max(self.instant, self.post.modified or self.instant), self.updated_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class IdRules:
    """How ids are made: `authority` is the "host,date" of a tag: URI (RFC 4151 2.1). With `by_permalink`, a
    post without an explicit id gets its absolute permalink (posts.ids = "permalink"). A post among the
    `adopted` entries keeps its id there, before any other rule.
    """

    authority: str
    by_permalink: bool = False
    adopted: AdoptedEntries = NOTHING_ADOPTED


def mint(post: Post, naming: IdRules, *, by_path: bool = False) -> str:
    """The id of a post that has none yet: an explicit id as it is if that is an absolute IRI or an id of
    Ghost's, else a tag: URI (RFC 4151) made from the explicit id, the permalink or, with `by_path`, the
    file's path. What no IRI may hold is percent-encoded, so that every format can write the same id.
    """
    if post.explicit_id and _IRI.fullmatch(post.explicit_id):
        return _FORBIDDEN.sub(lambda found: quote(found[0]), post.explicit_id)
    if post.explicit_id and _OBJECT_ID.fullmatch(post.explicit_id):
        return post.explicit_id
    if post.explicit_id:
        return f"tag:{naming.authority}:{_quoted(post.explicit_id)}"
    if by_path:
        return f"tag:{naming.authority}:{_quoted('/' + post.path)}"
    if naming.by_permalink:
        return post.base_url
    return f"tag:{naming.authority}:{_quoted(post.permalink, escaped=True)}"


def as_iri(id: str, authority: str) -> str:
    """`id` for places that take only an absolute IRI (RFC 4287 4.2.6): unchanged if it is one, else as a tag:
    URI. Minted ids always are; those of an adopted RSS feed may be anything.
    """
    return id if _ABSOLUTE.fullmatch(id) else f"tag:{authority}:{_quoted(id)}"


def possible_ids(post: Post, naming: IdRules) -> set[str]:
    """Every id that `post` could be given."""
    return {mint(post, naming), mint(post, naming, by_path=True)} | naming.adopted.options(post)


def _quoted(text: str, *, escaped: bool = False) -> str:
    """Percent-encoded; with `escaped` it is already, and stays as it is."""
    if _PLAIN.fullmatch(text):
        return text
    safe = _SPECIFIC + "%" if escaped else _SPECIFIC
    return quote(text, safe=safe, errors="surrogatepass")
