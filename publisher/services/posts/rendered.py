"""Bodies of posts through Markup: what each post says of how its own is to be read."""

from collections.abc import Mapping, Sequence

from publisher.core.posts.assets import NO_FILES, Placed
from publisher.core.posts.post import Post
from publisher.ports import Markup


def html_of(markup: Markup, post: Post, body: str, files: Mapping[str, Placed] = NO_FILES) -> str:
    """The body, or a part of it, as safe HTML."""
    return markup.html(
        body,
        post.markup,
        base_url=post.base_url,
        title=post.title,
        files=files,
        extensions=post.extensions,
        values=post.values,
        language=post.language,
    )


def removed_of(markup: Markup, post: Post, body: str) -> Sequence[tuple[int, str]]:
    """(line, code) of what is taken away from the body."""
    return markup.removed(body, post.markup, post.extensions, post.values)


def faults_of(
    markup: Markup, post: Post, body: str, files: Mapping[str, Placed] = NO_FILES
) -> Sequence[tuple[int, str]]:
    """(line of the body, what is wrong) of pictures and links in the body that readers cannot use."""
    return markup.faults(
        body,
        post.markup,
        base_url=post.base_url,
        title=post.title,
        files=files,
        extensions=post.extensions,
        values=post.values,
    )
