"""Detects renamed files by comparing the bodies of vanished posts with those of new files.

Bodies are read only if a plan has both, so other publishes cost nothing more.
"""

from collections.abc import Mapping, Sequence

from publisher.core.posts.post import ParsedPost, Post
from publisher.core.publishing.log import LogKind, PublishedPost
from publisher.core.publishing.matching import (
    RenameVerdict,
    ShingledText,
    Verdicts,
    has_comparable_body,
    matched_by_body_alone,
    may_share_template,
    rename_candidates,
    rename_verdict,
    shingled_text,
)
from publisher.core.publishing.plan import Plan, changes_of_kind
from publisher.ports import Store
from publisher.services.deps import Adapters

NEARBY_POSTS = 1000
"""How many posts before and after one in the log are compared, to find a series with the same template."""

Pair = tuple[PublishedPost, Post]
"""A post whose file vanished, and a new file that may be its file."""


def rename_verdicts(
    adapters: Adapters, plan: Plan, known: Sequence[PublishedPost], posts: Sequence[Post]
) -> Verdicts:
    """Compares the bodies of each pair that `plan`, made from `known` and `posts`, left open or matched by an
    equal body alone. Raises SourceError, StoreError.
    """
    pairs = _pairs_to_compare(plan, known, posts)
    if not pairs:
        return {}
    olds = {k.id: k for k, _ in pairs}
    news = {post.path: post for _, post in pairs}
    bodies = adapters.store.bodies({k.post.body_hash for k in olds.values()})
    old_texts = {
        id: shingled_text(bodies[k.post.body_hash]) for id, k in olds.items() if k.post.body_hash in bodies
    }
    new_texts = _new_texts(adapters, news)
    readable = [(k, post) for k, post in pairs if k.id in old_texts and post.path in new_texts]
    close = [
        (k, post)
        for k, post in readable
        if rename_verdict(k.post, post, (old_texts[k.id], new_texts[post.path]), crowded=False)
        is not RenameVerdict.OTHER
    ]
    crowded = _in_a_series(adapters.store, close, old_texts, new_texts)
    return {
        (k.id, post.path): rename_verdict(
            k.post,
            post,
            (old_texts[k.id], new_texts[post.path]),
            crowded=(k.id, post.path) in crowded,
        )
        for k, post in readable
    }


def _pairs_to_compare(plan: Plan, known: Sequence[PublishedPost], posts: Sequence[Post]) -> list[Pair]:
    """Vanished posts with new files, except renames that `plan` is sure of by more than an equal body."""
    moved = {move.new: move.id for move in plan.renamed}
    paths = {post.path for post in posts}
    by_id = {k.id: k for k in known}
    by_body = {
        p.path for p in posts if p.path in moved and matched_by_body_alone(p, by_id[moved[p.path]].post)
    }
    certain = {id for path, id in moved.items() if path not in by_body}
    new = {change.post.path for change in changes_of_kind(plan, LogKind.PUBLISHED)} | by_body
    fresh = [post for post in posts if post.path in new and has_comparable_body(post)]
    vanished = [
        k for k in known if k.post.path not in paths and k.id not in certain and has_comparable_body(k.post)
    ]
    return list(rename_candidates(vanished, fresh))


def _new_texts(adapters: Adapters, news: Mapping[str, Post]) -> dict[str, ShingledText]:
    """The texts of new files by path: from the store if this publish keeps bodies, otherwise from the
    files.
    """
    bodies = adapters.store.bodies({post.body_hash for post in news.values()})
    texts = {path: shingled_text(bodies[p.body_hash]) for path, p in news.items() if p.body_hash in bodies}
    for reading in adapters.source().read_many([path for path in news if path not in texts], {}):
        if isinstance(reading.result, ParsedPost):
            texts[reading.stat.path] = shingled_text(reading.result.body)
    return texts


def _in_a_series(
    store: Store,
    close: Sequence[Pair],
    old_texts: Mapping[str, ShingledText],
    new_texts: Mapping[str, ShingledText],
) -> set[tuple[str, str]]:
    """The (id, path) of pairs whose new body shares a template with a third: another vanished post, another
    new file, or a post near the old one in the log.
    """
    found: set[tuple[str, str]] = set()
    for k, post in close:
        others = [other for id, other in old_texts.items() if id != k.id]
        others += [other for path, other in new_texts.items() if path != post.path]
        if any(may_share_template(new_texts[post.path], other) for other in others):
            found.add((k.id, post.path))
    for k, post in close:
        if (k.id, post.path) in found:
            continue
        nearby = store.bodies_near(k.first_seq, NEARBY_POSTS)
        if any(
            id != k.id and may_share_template(new_texts[post.path], shingled_text(body))
            for id, body in nearby
        ):
            found.add((k.id, post.path))
    return found
