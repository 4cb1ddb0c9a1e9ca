"""Bodies of vanished posts beside those of new files: is one the other, renamed?

They are read only where a plan has both; any other publish costs nothing more.
"""

from collections.abc import Iterator, Mapping, Sequence

from publisher.core.posts.post import ParsedPost, Post
from publisher.core.publishing.body_similarity import (
    RenameVerdict,
    ShingledText,
    candidates,
    like_a_series,
    text_of,
    verdict,
)
from publisher.core.publishing.log import LogKind, PublishedPost
from publisher.core.publishing.matching import Verdicts, has_text, kept_only_its_body
from publisher.core.publishing.plan import Plan, of_kind
from publisher.services.deps import Deps

NEARBY = 1000
"""How many posts on either side in the log are asked whether they are of the same series."""


def verdicts_of(parts: Deps, plan: Plan, known: Sequence[PublishedPost], posts: Sequence[Post]) -> Verdicts:
    """What the bodies say of each pair that `plan`, made of `known` and `posts` without them, left open or
    decided by an equal body alone. Raises SourceError, StoreError.
    """
    moved = {move.new: move.id for move in plan.renamed}
    paths = {post.path for post in posts}
    by_id = {k.id: k for k in known}
    weak = {p.path for p in posts if p.path in moved and kept_only_its_body(p, by_id[moved[p.path]].post)}
    strong = {id for path, id in moved.items() if path not in weak}
    new = {change.post.path for change in of_kind(plan, LogKind.PUBLISHED)} | weak
    fresh = [post for post in posts if post.path in new and has_text(post)]
    vanished = [k for k in known if k.post.path not in paths and k.id not in strong and has_text(k.post)]
    pairs = list(candidates(vanished, fresh))
    if not pairs:
        return {}
    olds = {k.id: k for k, _ in pairs}
    news = {post.path: post for _, post in pairs}
    old_texts = _old_texts(parts, olds)
    new_texts = _new_texts(parts, news)
    open_pairs = [
        (k, post, (old_texts[k.id], new_texts[post.path]))
        for k, post in pairs
        if k.id in old_texts and post.path in new_texts
    ]
    close = [
        (k, post, texts)
        for k, post, texts in open_pairs
        if verdict(k.post, post, texts, crowded=False) is not RenameVerdict.OTHER
    ]
    crowded = _crowded(parts, close, old_texts, new_texts)
    return {
        (k.id, post.path): verdict(k.post, post, texts, crowded=(k.id, post.path) in crowded)
        for k, post, texts in open_pairs
    }


def _old_texts(parts: Deps, olds: Mapping[str, PublishedPost]) -> dict[str, ShingledText]:
    bodies = parts.store.bodies({k.post.body_hash for k in olds.values()})
    return {id: text_of(bodies[k.post.body_hash]) for id, k in olds.items() if k.post.body_hash in bodies}


def _new_texts(parts: Deps, news: Mapping[str, Post]) -> dict[str, ShingledText]:
    """As the store has them, where this publish keeps bodies; else from the files."""
    bodies = parts.store.bodies({post.body_hash for post in news.values()})
    texts = {path: text_of(bodies[p.body_hash]) for path, p in news.items() if p.body_hash in bodies}
    for reading in parts.source().read_many([path for path in news if path not in texts], {}):
        if isinstance(reading.result, ParsedPost):
            texts[reading.stat.path] = text_of(reading.result.body)
    return texts


def _crowded(
    parts: Deps,
    close: Sequence[tuple[PublishedPost, Post, tuple[ShingledText, ShingledText]]],
    old_texts: Mapping[str, ShingledText],
    new_texts: Mapping[str, ShingledText],
) -> set[tuple[str, str]]:
    """The pairs whose new body is of one template with a third one: of another vanished post, of another new
    file, or of a post near the old one in the log.
    """
    found: set[tuple[str, str]] = set()
    for k, post, (_, text) in close:
        others = [other for id, other in old_texts.items() if id != k.id]
        others += [other for path, other in new_texts.items() if path != post.path]
        if any(like_a_series(text, other) for other in others):
            found.add((k.id, post.path))
    for k, post, (_, text) in close:
        if (k.id, post.path) not in found and any(like_a_series(text, it) for it in _nearby(parts, k)):
            found.add((k.id, post.path))
    return found


def _nearby(parts: Deps, k: PublishedPost) -> Iterator[ShingledText]:
    for id, body in parts.store.bodies_near(k.first_seq, NEARBY):
        if id != k.id:
            yield text_of(body)
