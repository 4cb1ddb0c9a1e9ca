"""The summary of a post: the author's own, else what stands before the mark, else the first paragraph."""

from publisher.core.posts.post import Post
from publisher.ports import Markup
from publisher.services.posts.rendered import html_of


def summary_of(markup: Markup, post: Post, body: str, html: str) -> str:
    """Plain text, may be empty. `html` is the whole body, already made safe."""
    if post.summary:
        return post.summary
    if 0 < post.lead < len(body):
        lead = html_of(markup, post, body[: post.lead])
        if found := markup.summary(lead, whole=True):
            return found
    return markup.summary(html)
