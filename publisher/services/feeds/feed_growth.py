"""What a feed shows after its `limit` grew or its filter changed: what it showed before, and what came since.
Otherwise readers would see posts of years ago as new. `publish --widen` takes the older ones in.

The rules by which feeds were written last, the log's head at that time, and what each feed may show since are
one value in the store, so that no crash comes between them.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from publisher.core.feeds.feed import AllowedEntries, CombinedFilter, FeedSpec
from publisher.core.posts.filters import EVERYTHING, PostFilter
from publisher.core.publishing.log import PublishedPost
from publisher.ports import Store
from publisher.services.feeds.feed_views import FeedView

FACT = "feed_rules"
"""The key of that value, as JSON."""

MAX_NEW = 1000
"""How many posts published since the last publish are looked behind."""


def with_allowed_entries(store: Store, views: Sequence[FeedView]) -> list[FeedView]:
    """The views with what each may show. Saves it when rules changed since the last call."""
    saved = _saved(store)
    head, rules = store.head().seq, {view.spec.slug: _rules_of(view.spec) for view in views}
    allowed: dict[str, Any] = {}
    found: list[FeedView] = []
    for view in views:
        was, window = saved["feeds"].get(view.spec.slug), _window(saved["allowed"].get(view.path))
        now = rules[view.spec.slug]
        if was and was["split_by"] == now["split_by"]:
            if was["where"] != now["where"] or was["limit"] < now["limit"]:
                window = _shown_before(store, view, was, window, saved["head"])
                if not any(seq in window.kept for seq, _ in store.members(view.filters)):
                    window = None  # nothing that readers know is left: it has become another feed
            if window and not _hides_any(store, view, window):
                window = None  # everything that is hidden is older than the feed reaches back
        else:
            window = None
        if window:
            allowed[view.path] = {"after": window.after, "kept": sorted(window.kept)}
        found.append(replace(view, allowed=window))
    value = {"head": head, "feeds": rules, "allowed": allowed}
    if value != saved:
        store.set_meta(FACT, json.dumps(value))
    return found


def widen(store: Store, views: Sequence[FeedView], slugs: Collection[str]) -> Mapping[str, int]:
    """Lets the feeds of `slugs` show all that their rules say from the next publish on. Returns, by the path
    of each feed, how many posts join it.
    """
    joining: dict[str, int] = {}
    saved = _saved(store)
    for view in views:
        if view.spec.slug in slugs and view.allowed:
            whole = store.newest_of(view.filters, view.spec.limit)
            joining[view.path] = sum(not view.allowed.has(known.first_seq) for known in whole)
            saved["allowed"].pop(view.path, None)
    if joining:
        store.set_meta(FACT, json.dumps(saved))
    return joining


def newest_allowed(store: Store, view: FeedView, limit: int) -> tuple[Sequence[PublishedPost], bool]:
    """The newest `limit` posts that a feed may show, last first, and whether it hides any among or below
    them.
    """
    if view.allowed is None:
        return store.newest_of(view.filters, limit), False
    found, shown = _newest(store, view.filters, view.allowed, limit)
    return shown, len(shown) < len(found)


def _newest(
    store: Store, filters: CombinedFilter, allowed: AllowedEntries, limit: int
) -> tuple[Sequence[PublishedPost], list[PublishedPost]]:
    """The newest posts that match, enough for `limit` that are allowed, if there are as many; and these."""
    number = limit
    while True:
        found = store.newest_of(filters, number)
        shown = [known for known in found if allowed.has(known.first_seq)][:limit]
        if len(shown) == limit or len(found) < number:
            return found, shown
        number *= 4


def _hides_any(store: Store, view: FeedView, window: AllowedEntries) -> bool:
    return any(not window.has(known.first_seq) for known in store.newest_of(view.filters, view.spec.limit))


def _shown_before(
    store: Store, view: FeedView, was: Mapping[str, Any], window: AllowedEntries | None, head: int
) -> AllowedEntries:
    """What a feed showed by its earlier rules, when the log ended at `head`; and all that came later."""
    where = PostFilter(**{kind: tuple(values) for kind, values in was["where"].items()})
    part = view.filters[-1:] if view.spec.split_by else ()
    filters: CombinedFilter = (*(() if where == EVERYTHING else (where,)), *part)
    new = min(max(0, store.head().seq - head), MAX_NEW)
    everything = AllowedEntries(after=0, kept=frozenset())
    _, found = _newest(store, filters, window or everything, was["limit"] + new)
    shown = [known.first_seq for known in found if known.first_seq <= head]
    return AllowedEntries(after=head, kept=frozenset(shown[: was["limit"]]))


def _rules_of(spec: FeedSpec) -> dict[str, Any]:
    where = {kind: list(values) for kind, values in asdict(spec.where).items()}
    return {"limit": spec.limit, "where": where, "split_by": spec.split_by.value if spec.split_by else ""}


def _window(saved: Mapping[str, Any] | None) -> AllowedEntries | None:
    return AllowedEntries(after=saved["after"], kept=frozenset(saved["kept"])) if saved else None


def _saved(store: Store) -> dict[str, Any]:
    return json.loads(store.meta(FACT) or "null") or {"head": 0, "feeds": {}, "allowed": {}}
