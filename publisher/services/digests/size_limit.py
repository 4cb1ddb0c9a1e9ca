"""The size of a mail: Gmail hides what comes after 102 kB, and with it the unsubscribe link.

Small posts stay whole; large ones share the remaining room, end after a whole block, and link to the rest.
Where even that is too much, the oldest posts are only counted.
"""

from dataclasses import replace
from functools import partial

from publisher.core.digests.digest import Digest, DigestContent, DigestLinks, DigestPost
from publisher.services.deps import Deps

LIMIT = 90_000
"""Bytes of HTML in a mail, styles inlined, as it is sent."""

TOKENS = 500
"""Bytes that the tokens in a reader's links take beyond the marks that stand for them."""

_BUDGETS = (62_000, 45_000, 30_000, 15_000, 5_000, 0)
"""Bytes of post HTML to try, before styles are inlined."""

_CUT_SIZES = (
    0,
    500,
    700,
    1000,
    1400,
    2000,
    2800,
    4000,
    5600,
    8000,
    11_000,
    16_000,
    22_000,
    32_000,
    45_000,
    62_000,
)
"""Bytes at which posts are cut: few sizes, so that what is cut and inlined for one cohort serves the next."""


def fit_content(deps: Deps, digest: Digest, links: DigestLinks) -> DigestContent:
    """The digest as finished content whose HTML is at most LIMIT bytes. Raises TemplateError."""
    content = DigestContent(subject="", text="", html="")
    total = sum(len(post.html.encode()) for post in digest.posts)
    for budget in (_BUDGETS[0], *(budget for budget in _BUDGETS[1:] if budget < total)):
        shown = shorten(deps, digest, budget)
        content = deps.adapters.renderer.digest(shown, links)
        # In a reader's mail lines end in CRLF.
        if len(content.html.encode()) + content.html.count("\n") + TOKENS <= LIMIT:
            return content
    if len(digest.posts) < 2:
        return content  # the frame alone is too large: the lint names it
    half = (len(digest.posts) + 1) // 2
    fewer = replace(digest, posts=digest.posts[-half:], more=digest.more + len(digest.posts) - half)
    return fit_content(deps, fewer, links)


def shorten(deps: Deps, digest: Digest, budget: int) -> Digest:
    """`digest` with bodies of at most `budget` bytes of HTML together."""
    sizes = [len(post.html.encode()) for post in digest.posts]
    if sum(sizes) <= budget:
        return digest
    room = max(size for size in _CUT_SIZES if size <= _share_of_large(sizes, budget))

    def shortened(post: DigestPost, size: int) -> DigestPost:
        if size <= room:
            return post
        return deps.process.render_cache.get_or_make(("cut", post, room), partial(_cut, deps, post, room))

    return replace(digest, posts=tuple(map(shortened, digest.posts, sizes)))


def _share_of_large(sizes: list[int], budget: int) -> int:
    """The most bytes that each large post may have when the small ones stay whole."""
    left = len(sizes)
    for size in sorted(sizes):
        if size > budget // left:
            break
        budget, left = budget - size, left - 1
    return budget // left if left else budget


def _cut(deps: Deps, post: DigestPost, room: int) -> DigestPost:
    html, _ = deps.adapters.markup.excerpt(post.html, room)
    return replace(
        post, html=html, text=deps.adapters.markup.text(html, post.title) or post.summary, cut=True
    )
