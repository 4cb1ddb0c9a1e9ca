"""Holds new posts for their author: copies of other posts, and more new posts at once than anybody writes.

People copy a file to start a new post, and a restored backup or a wrong branch brings in hundreds. Neither
should be mailed.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from publisher.core.caching import lazy
from publisher.core.posts.post import Post
from publisher.core.publishing.log import LogKind
from publisher.core.publishing.matching import (
    MIN_WORDS,
    SAME_SHARE,
    ShingledText,
    shingle_overlap,
)
from publisher.core.publishing.plan import HeldPost, HoldReason, Plan

MIN_MAX_NEW, MAX_NEW_SHARE = 20, 0.1
"""`posts.max_new` where it is not set: 20 posts, or a tenth of the live ones if that is more."""

ARRIVAL_WINDOW = timedelta(minutes=10)
"""Posts published within this time count as one arrival: a large folder takes minutes to copy."""

_COPIES = (
    lazy(r"copy (?:\(\d+\) )?of (?P<name>.+)", re.IGNORECASE),
    lazy(r"(?P<name>.+?) (?:- )?copy(?: ?\(?\d+\)?)?", re.IGNORECASE),
    lazy(r"(?P<name>.+?) ?\((?:copy|another copy|\d+)\)", re.IGNORECASE),
)
"""What file managers and browsers call a copy."""


def copy_origin(path: str) -> str | None:
    """The path of what the file at `path` is a copy of, as far as its name or that of its folder tells; None:
    of nothing. What programs call the versions they could not merge is known by `sources.ignored_files`.
    """
    parts = path.split("/")
    for n in range(len(parts) - 1, -1, -1):
        stem, dot, ending = parts[n].rpartition(".") if n == len(parts) - 1 else (parts[n], "", "")
        for pattern in _COPIES:
            if found := pattern.fullmatch(stem):
                return "/".join([*parts[:n], found["name"] + dot + ending, *parts[n + 1 :]])
    return None


def is_same_text(one: ShingledText, other: ShingledText) -> bool:
    """Whether two bodies are one text, nine tenths of it at least, and long enough to tell."""
    if min(len(one.words), len(other.words)) < MIN_WORDS:
        return False
    return one.words == other.words or shingle_overlap(one, other) >= SAME_SHARE


def max_new_posts(setting: int | None, live: int) -> int:
    """How many new posts may be published at once, on a site of so many live ones."""
    return max(MIN_MAX_NEW, int(live * MAX_NEW_SHARE)) if setting is None else setting


def new_posts(plan: Plan) -> list[Post]:
    """The posts that a plan would publish for the first time."""
    return [change.post for change in plan.changes if change.kind is LogKind.PUBLISHED]


def hold_copies(plan: Plan, copies: Mapping[str, Sequence[str]]) -> Plan:
    """The plan without the new posts in `copies`, which has for each path those that it is a copy of."""
    held = [
        HeldPost(path=path, reason=HoldReason.COPY, may_be=tuple(of)) for path, of in sorted(copies.items())
    ]
    return _without(plan, copies.keys(), held)


def hold_arrivals(plan: Plan, *, but: Collection[str] = ()) -> Plan:
    """The plan without new posts, which are held as one batch, `but` those that the author confirmed."""
    paths = [post.path for post in new_posts(plan) if post.path not in but]
    held = [HeldPost(path=path, reason=HoldReason.MANY_NEW) for path in sorted(paths)]
    return _without(plan, paths, held)


def _without(plan: Plan, paths: Collection[str], held: Sequence[HeldPost]) -> Plan:
    if not held:
        return plan
    gone = {c.id for c in plan.changes if c.kind is LogKind.PUBLISHED and c.post.path in paths}
    return replace(
        plan,
        changes=tuple(change for change in plan.changes if change.id not in gone),
        sources=tuple(pair for pair in plan.sources if pair[0] not in gone),
        held=(*plan.held, *held),
    )
