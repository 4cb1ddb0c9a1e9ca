"""Which feeds exist now: one for each `[[feeds]]`, or one for each value it is split by; and their archives.

A view is computed again only when one of its posts changed. Then its archive pages are brought up to date in
the store, before any document of them is written.

After its `limit` grew or its filter changed, a feed shows what it showed before, and what came since.
Otherwise readers would see posts of years ago as new. `publish --widen` takes the older ones in.

The rules by which feeds were written last, the log's head at that time, and what each feed may show since are
one value in the store, so that no crash comes between them.
"""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any

from publisher.core.feeds.feed import (
    AllowedEntries,
    ArchivePage,
    CombinedFilter,
    FeedSpec,
    FeedState,
    update_pages,
)
from publisher.core.posts.filters import EVERYTHING, PostFilter, feed_part_name, term_matches
from publisher.core.publishing.log import LogHead, PublishedPost
from publisher.ports import Store
from publisher.services.deps import SiteRules
from publisher.services.feeds.documents import fingerprint

NEVER_PUBLISHED = datetime(1970, 1, 1, tzinfo=UTC)
"""The time of a feed before the first publish; after it, an empty feed has the time of the baseline."""

MAX_CHANGES = 1000
"""How many withdrawn or retagged posts are looked at, for a feed's time or its tombstones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedView:
    """A feed as it stands. A post is in it when it matches all `filters`. `label` is the value of a split
    feed that it is about and `name` the same in file names, both "" for a whole feed. `version` is the state
    of its posts, `pages` its full archive documents, oldest first. It last changed for readers at `updated`.
    `allowed` is what it may show, None for all.
    """

    spec: FeedSpec
    filters: CombinedFilter
    version: int
    updated: datetime = NEVER_PUBLISHED
    label: str = ""
    name: str = ""
    pages: Sequence[ArchivePage] = ()
    allowed: AllowedEntries | None = None

    @property
    def path(self) -> str:
        """ "<slug>" or "<slug>/<name>": what the paths of its documents begin with."""
        return f"{self.spec.slug}/{self.name}" if self.name else self.spec.slug

    @property
    def title(self) -> str:
        """Its title for readers: "News", or "News: Weather"."""
        return f"{self.spec.title}: {self.label}" if self.label else self.spec.title


def feed_views(rules: SiteRules, store: Store) -> list[FeedView]:
    """Every feed that exists, in the order of the settings, parts of a split feed by value."""
    states, archives = store.feed_states(), store.archive_pages()
    head = store.head()
    views: list[FeedView] = []
    changed: list[tuple[FeedState, Sequence[ArchivePage]]] = []
    for spec in rules.feeds:
        for part, view in _views_of(store, spec, states):
            key = (spec.slug, part)
            state = states.get(key, FeedState(feed=spec.slug, part=part, label=view.label))
            pages, updated = archives.get(key, ()), state.updated_at
            archive_rules = _archive_rules(rules, view)
            if (state.version, state.rules) != (view.version, archive_rules) or updated is None:
                pages = _archive_pages(store, view, state, pages, archive_rules, head.seq)
                updated = _last_change(store, view, state, head, existed=key in states)
                state = replace(
                    state, rules=archive_rules, version=view.version, updated_at=updated, counted=head.seq
                )
                changed.append((state, pages))
            views.append(replace(view, pages=pages, updated=updated))
    store.save_feed_states(changed)
    return views


def _views_of(
    store: Store, spec: FeedSpec, states: Mapping[tuple[str, str], FeedState]
) -> Iterator[tuple[str, FeedView]]:
    """(folded value, view) of each part of a split feed; of a whole feed, "" and its view. A part that once
    existed stays, if only as an empty feed, because readers follow it.
    """
    own: CombinedFilter = () if spec.where == EVERYTHING else (spec.where,)
    version = store.content_version_of(own)
    if spec.split_by is None:
        yield "", FeedView(spec=spec, filters=own, version=version)
        return
    terms = {term.key: term for term in store.terms(spec.split_by)}
    labels = {part: state.label for (feed, part), state in states.items() if feed == spec.slug and part}
    for key in sorted({*labels, *(key for key, term in terms.items() if term.borne)}):
        filters = (*own, PostFilter(**{spec.split_by.value: (key,)}))
        if key in labels or not own or store.newest_of(filters, 1):
            bearing = [
                term.version for other, term in terms.items() if term_matches(spec.split_by, key, other)
            ]
            of_terms = max(bearing, default=0)
            view = FeedView(
                spec=spec,
                filters=filters,
                version=min(version, of_terms) if own else of_terms,
                label=labels.get(key) or terms[key].label,
                name=feed_part_name(key),
            )
            yield key, view


def _archive_rules(rules: SiteRules, view: FeedView) -> str:
    """What a feed's archives depend on, in two words. When the first changes (posts have other URLs, or other
    posts match), archives are made anew; when only the second does, they go on.
    """
    if not view.spec.archive:
        return ""
    return f"{fingerprint(rules.site.url, rules.site.public_url, view.filters)[:40]} {view.spec.limit}"


def _archive_pages(
    store: Store, view: FeedView, state: FeedState, pages: Sequence[ArchivePage], rules: str, head: int
) -> Sequence[ArchivePage]:
    """The archive pages at log row `head`: those before and what came since, or made anew by other rules."""
    if not view.spec.archive:
        return ()
    anew = state.rules.partition(" ")[0] != rules.partition(" ")[0]
    members = store.members(view.filters)
    edition = pages[0].edition + anew if pages else 0
    return update_pages(() if anew else pages, members, view.spec.limit, head, edition)


def _last_change(store: Store, view: FeedView, state: FeedState, head: LogHead, *, existed: bool) -> datetime:
    """When the feed last changed for its readers (RFC 4287 4.2.15): an entry changed, came or went, also
    because a post got or lost the tag that the feed is about. It never goes back, and depends on the store
    alone.
    """
    withdrawn = store.recently_withdrawn(state.counted, MAX_CHANGES) if existed else ()
    retagged = store.recently_retagged(state.updated_at, MAX_CHANGES) if state.updated_at else ()
    times = [
        *(one.at for one in retagged if one.changes_membership(view.filters)),
        *(known.updated_at for known in withdrawn if all(f.matches(known.post) for f in view.filters)),
        store.last_changed_at(view.filters, view.spec.limit, state.counted),
        state.updated_at,
    ]
    return max(filter(None, times), default=head.baseline_at or NEVER_PUBLISHED)


def forget_archives(store: Store, slugs: Sequence[str]) -> None:
    """The next publish makes the archive documents of these feeds anew, with their posts as they are then."""
    pages = store.archive_pages()
    states = [state for (feed, _), state in store.feed_states().items() if feed in slugs]
    forgotten = [replace(state, rules="again", version=-1) for state in states]
    store.save_feed_states([(state, pages.get((state.feed, state.part), ())) for state in forgotten])


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
