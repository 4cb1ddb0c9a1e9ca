"""Holds new posts that look like copies, and too many new posts at once, until the author decides."""

from collections.abc import Collection, Sequence
from datetime import datetime

from publisher.core.posts.post import BadPost, Post
from publisher.core.publishing.arrivals import (
    ARRIVAL_WINDOW,
    MIN_MAX_NEW,
    copy_origin,
    hold_arrivals,
    hold_copies,
    is_same_text,
    max_new_posts,
    new_posts,
)
from publisher.core.publishing.incremental import PostKeys
from publisher.core.publishing.log import LogKind
from publisher.core.publishing.matching import MIN_WORDS, shingled_text
from publisher.core.publishing.plan import Guard, Plan, PlanRules
from publisher.ports import Store
from publisher.services.deps import Adapters

ACCEPTED = "arrivals_accepted"
"""The key in the store of when the author last let many new posts out: those before do not count."""

COMPARED_NEW, COMPARED_OLD = 50, 200
"""Bodies are compared of at most so many new posts, with those of the posts published last."""

SIMILAR_LENGTH = 0.8
"""Bodies whose lengths differ more cannot share nine tenths of their text."""


def hold_new_posts(
    adapters: Adapters,
    plan: Plan,
    rules: PlanRules,
    max_new: int | None,
    on_disk: Collection[str],
    now: datetime,
) -> Plan:
    """The plan without new posts that the author has to confirm. `on_disk` are the paths of all files of the
    folder. Raises SourceError, StoreError.
    """
    if not new_posts(plan) or plan.stops:
        return plan
    plan = hold_copies(plan, _copies(adapters, plan, rules, on_disk))
    if plan.baseline or rules.backfill or Guard.CHURN in rules.confirmed:
        return plan
    number = sum(post.path not in rules.answers.new for post in new_posts(plan))
    most = MIN_MAX_NEW if max_new is None else max_new
    if not number or number + (recent := _published_lately(adapters.store, now)) <= most:
        return plan
    if max_new is None and number + recent <= max_new_posts(None, adapters.store.count_live_posts()):
        return plan
    return hold_arrivals(plan, but=rules.answers.new)


def remember_accepted(store: Store, plan: Plan, rules: PlanRules, now: datetime) -> None:
    """Records that the author let many new posts out, so that the next one is not held with them."""
    if (rules.backfill or Guard.CHURN in rules.confirmed) and not plan.baseline and new_posts(plan):
        store.set_meta(ACCEPTED, now.isoformat())


def _published_lately(store: Store, now: datetime) -> int:
    """How many posts were published a short while ago, without those that the author confirmed."""
    head = store.head()
    since = [now - ARRIVAL_WINDOW, *([head.baseline_at] if head.baseline_at else [])]
    if accepted := store.meta(ACCEPTED):
        since.append(datetime.fromisoformat(accepted))
    return len(store.rows_of_kinds((LogKind.PUBLISHED,), store.seq_at(max(since))))


def _copies(
    adapters: Adapters, plan: Plan, rules: PlanRules, on_disk: Collection[str]
) -> dict[str, Sequence[str]]:
    """New posts that are copies, by their paths: the paths of what they are copies of."""
    found: dict[str, Sequence[str]] = {}
    new = [post for post in new_posts(plan) if post.path not in rules.answers.new]
    for post in new:
        origin = copy_origin(post.path)
        if origin is not None and origin in on_disk:
            found[post.path] = (origin,)
    rest = [post for post in new if post.path not in found]
    if plan.baseline or plan.recovered or not 0 < len(rest) <= COMPARED_NEW or not plan.head:
        return found
    return found | _same_texts(adapters, plan, rest, on_disk)


def _same_texts(
    adapters: Adapters, plan: Plan, new: Sequence[Post], on_disk: Collection[str]
) -> dict[str, Sequence[str]]:
    """The new posts with the text of a post published lately, whose file is still there. What several posts
    say is a template.
    """
    store, bodies = adapters.store, _bodies(adapters, new)
    texts = {post.path: shingled_text(bodies[post.body_hash]) for post in new if post.body_hash in bodies}
    posts = [post for post in new if post.path in texts and len(texts[post.path].words) >= MIN_WORDS]
    like: dict[str, list[str]] = {post.path: [] for post in posts}
    for id, body in store.bodies_near(plan.head, COMPARED_OLD) if posts else ():
        near = [post for post in posts if _may_be_same(body, bodies[post.body_hash])]
        text = shingled_text(body) if near else None
        for post in near:
            if text is not None and is_same_text(text, texts[post.path]):
                like[post.path].append(id)
    alone = {path: ids[0] for path, ids in like.items() if len(ids) == 1}
    known = {k.id: k for k in store.posts_matching(PostKeys(ids=frozenset(alone.values())))}
    return {
        post.path: (known[alone[post.path]].post.path,)
        for post in posts
        if (id := alone.get(post.path, "")) in known
        and known[id].live
        and known[id].post.path in on_disk
        and known[id].post.language == post.language
    }


def _may_be_same(one: str, other: str) -> bool:
    """Whether two bodies are of about one length."""
    shorter, longer = sorted((len(one), len(other)))
    return shorter >= longer * SIMILAR_LENGTH


def _bodies(adapters: Adapters, posts: Sequence[Post]) -> dict[str, str]:
    """Bodies by their hash: from the store, where they are while a publish reads them, else from the
    files.
    """
    bodies = dict(adapters.store.bodies({post.body_hash for post in posts}))
    unread = sorted(post.path for post in posts if post.body_hash not in bodies)
    for reading in adapters.source().read_many(unread, {}) if unread else ():
        if reading.result is not None and not isinstance(reading.result, BadPost):
            bodies[reading.result.post.body_hash] = reading.result.body
    return bodies
