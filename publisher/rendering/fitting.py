"""The size limit of a mail: beyond 102 kB Gmail hides the end of it, and with it the way out.

Bodies come here within their share already; this is the last guard. Where a mail is too large after
all, the largest posts are cut to their first paragraphs, with a link to the rest.
"""

from collections.abc import Callable
from dataclasses import replace
from html import escape

from publisher.core.digests import Digest, DigestPost

LIMIT = 90_000
"""Bytes of HTML after inlining."""

_SHARES = (0.6, 0.4, 0.2, 0.05, 0.0)  # of LIMIT, for the bodies of all posts together


def fit(digest: Digest, render: Callable[[Digest], str]) -> tuple[Digest, str]:
    """The digest and its HTML by `render`, with as little cut as makes it at most LIMIT bytes."""
    html = render(digest)
    for share in _SHARES:
        if len(html.encode()) <= LIMIT:
            break
        digest = _shortened(digest, int(share * LIMIT))
        html = render(digest)
    return digest, html


def _shortened(digest: Digest, room: int) -> Digest:
    """`digest` with bodies of at most `room` bytes together: small ones stay, large ones share the rest."""
    each, left = room, len(digest.posts)
    for size in sorted(len(post.html.encode()) for post in digest.posts):
        each = room // left
        if size > each:
            break
        room, left = room - size, left - 1
        if not left:
            return digest
    return replace(digest, posts=tuple(_cut(post, each) for post in digest.posts))


def _cut(post: DigestPost, limit: int) -> DigestPost:
    if len(post.html.encode()) <= limit:
        return post
    html, size = "", 0
    text: list[str] = []
    for paragraph in post.text.split("\n\n"):
        block = f"<p>{escape(paragraph)}</p>"
        size += len(block.encode())
        if size > limit:
            break
        html += block
        text.append(paragraph)
    return replace(post, html=html, text="\n\n".join(text), cut=True)
