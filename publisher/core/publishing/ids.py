"""Ids of posts: minted once, kept forever."""

import re
from dataclasses import dataclass
from urllib.parse import quote

from publisher.core.patterns import lazy
from publisher.core.posts.post import Post
from publisher.core.publishing.adoption import NOTHING_ADOPTED, AdoptedEntries

_IRI = lazy(r"(?:https?|ftp|gemini|ipfs|at|did|doi|info|tag|urn|uuid|oai|ni|hdl):\S+", re.IGNORECASE)
# Only schemes that name things: "ART:17" or "note:2024" is an author's own code, not an IRI.

_SPECIFIC = "/?:@!$&'()*+,;=-._~"  # RFC 4151 2.1: specific = *( pchar / "/" / "?" )
_PLAIN = lazy(r"[A-Za-z0-9/?:@!$&'()*+,;=._~-]*")
"""Text that needs no quoting."""


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
    """The id of a post that has none yet: an explicit id as it is if that is an absolute IRI, else a tag: URI
    (RFC 4151) made from the explicit id, the permalink or, with `by_path`, the file's path.
    """
    if post.explicit_id and _IRI.fullmatch(post.explicit_id):
        return post.explicit_id
    if post.explicit_id:
        return f"tag:{naming.authority}:{_quoted(post.explicit_id)}"
    if by_path:
        return f"tag:{naming.authority}:{_quoted('/' + post.path)}"
    if naming.by_permalink:
        return post.base_url
    return f"tag:{naming.authority}:{_quoted(post.permalink, escaped=True)}"


_ABSOLUTE = lazy(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s<>\"{}|\\^`]+")


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
