"""Which feeds exist now: one for each `[[feeds]]`, or one for each value it is split by; and their archives.

A view is computed again only when one of its posts changed. Then its archive pages are brought up to date in
the store, before any document of them is written.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from publisher.core.feeds.feed import (
    AllowedEntries,
    ArchivePage,
    CombinedFilter,
    FeedSpec,
    FeedState,
    update_pages,
)
from publisher.core.posts.filters import EVERYTHING, PostFilter, feed_part_name, term_matches
from publisher.core.publishing.log import LogHead
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
