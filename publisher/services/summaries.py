"""The summary of a post: the author's own, else what stands before the mark, else the first paragraph."""

from publisher.core.posts import Post
from publisher.ports import Markup


def summary_of(markup: Markup, post: Post, body: str, html: str) -> str:
    """Plain text, may be empty. `html` is the whole body, already made safe."""
    if post.summary:
        return post.summary
    if 0 < post.lead < len(body):
        lead = markup.html(body[: post.lead], post.markup, base_url=post.base_url, title=post.title)
        if found := markup.summary(lead, whole=True):
            return found
    return markup.summary(html)
