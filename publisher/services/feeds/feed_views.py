"""Which feeds there are now: one for each `[[feeds]]`, or one for each value it is split by; their archives.

A view is looked at again only when one of its posts changed; then its archive documents are brought up to
date in the store, before any of them is written.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from publisher.core.feeds.feed import FeedSpec
from publisher.core.feeds.paging import ArchivePage, FeedState, Filter, paged
from publisher.core.posts.filters import EVERYTHING, PostFilter, Term, TermKind, bears, part_name
from publisher.core.publishing.log import LogHead
from publisher.services.deps import Deps
from publisher.services.feeds.documents import fingerprint

EMPTY = datetime(1970, 1, 1, tzinfo=UTC)
"""When a feed changed before the first run; after it, an empty feed has the time of the baseline."""

LOOKED_AT = 1000
"""Withdrawn posts that are looked at, for the time they went or a tombstone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedView:
    """A feed as it stands. `meant` is its filter, `name` its part of a split feed in file names ("" for a
    whole one), `version` the state of its posts, `pages` its archive documents, oldest first. It last
    changed for its readers at `updated`.
    """

    spec: FeedSpec
    meant: Filter
    version: int
    updated: datetime = EMPTY
    label: str = ""
    name: str = ""
    pages: Sequence[ArchivePage] = ()

    @property
    def path(self) -> str:
        """ "<slug>" or "<slug>/<name>": what its documents begin with."""
        return f"{self.spec.slug}/{self.name}" if self.name else self.spec.slug

    @property
    def title(self) -> str:
        """What readers call it."""
        return f"{self.spec.title}: {self.label}" if self.label else self.spec.title


def feed_views(parts: Deps) -> list[FeedView]:
    """Every feed there is, in the order of the settings, parts by value."""
    known, pages = parts.store.views(), parts.store.pages()
    head = parts.store.head()
    shown: list[FeedView] = []
    changed: list[tuple[FeedState, Sequence[ArchivePage]]] = []
    for spec in parts.feeds:
        for part, label, view in _views(parts, spec, known):
            old = known.get((spec.slug, part), FeedState(feed=spec.slug, part=part, label=label))
            has = pages.get((spec.slug, part), ())
            rules = _rules(parts, view)
            updated = old.updated_at
            if (old.version, old.rules) != (view.version, rules) or updated is None:
                anew = old.rules.partition(" ")[0] != rules.partition(" ")[0]
                has = _pages(parts, view, has, anew=anew)
                updated = _updated(parts, view, old, head, shown_before=(spec.slug, part) in known)
                now = replace(old, rules=rules, version=view.version, updated_at=updated, counted=head.seq)
                changed.append((now, has))
            shown.append(replace(view, pages=has, updated=updated))
    parts.store.save_views(changed)
    return shown


def _updated(parts: Deps, view: FeedView, old: FeedState, head: LogHead, *, shown_before: bool) -> datetime:
    """When the feed last changed for its readers (RFC 4287 4.2.15): its entries, or which they are, be it
    that a post got or lost the tag it is found by. It never goes back, and depends on the store alone.
    """
    gone = parts.store.withdrawn(old.counted, LOOKED_AT) if shown_before else ()
    moved = parts.store.retagged(old.updated_at, LOOKED_AT) if old.updated_at else ()
    times = [
        *(one.at for one in moved if one.moves(view.meant)),
        *(known.updated_at for known in gone if all(where.matches(known.post) for where in view.meant)),
        parts.store.last_change(view.meant, view.spec.limit, old.counted),
        old.updated_at,
    ]
    return max(filter(None, times), default=head.baseline_at or EMPTY)


def forget_archives(parts: Deps, slugs: Sequence[str]) -> None:
    """The archive documents of these feeds are made anew by the next publish, as their posts are then."""
    pages = parts.store.pages()
    views = [view for (feed, _), view in parts.store.views().items() if feed in slugs]
    again = [replace(view, rules="again", version=-1) for view in views]
    parts.store.save_views([(view, pages.get((view.feed, view.part), ())) for view in again])


def _rules(parts: Deps, view: FeedView) -> str:
    """By what archives are made: anew where the first word changes (posts have other addresses, or others
    are meant); where the second does, they go on.
    """
    if not view.spec.archive:
        return ""
    return f"{fingerprint(parts.site.url, parts.site.public_url, view.meant)[:40]} {view.spec.limit}"


def _pages(parts: Deps, view: FeedView, old: Sequence[ArchivePage], *, anew: bool) -> Sequence[ArchivePage]:
    if not view.spec.archive:
        return ()
    members = parts.store.members(view.meant)
    edition = old[0].edition + anew if old else 0
    head = parts.store.head().seq
    return paged(() if anew else old, members, view.spec.limit, head, edition)


def _views(
    parts: Deps, spec: FeedSpec, known: Mapping[tuple[str, str], FeedState]
) -> Iterator[tuple[str, str, FeedView]]:
    """(folded value, value, view) of each part; of a whole feed the values are empty."""
    meant: Filter = () if spec.where == EVERYTHING else (spec.where,)
    state = parts.store.content_of(meant)
    if spec.split_by is None:
        yield "", "", FeedView(spec=spec, meant=meant, version=state)
        return
    terms = {term.key: term for term in parts.store.terms(spec.split_by)}
    been = {part: view.label for (feed, part), view in known.items() if feed == spec.slug and part}
    for key in sorted({*been, *(key for key, term in terms.items() if term.borne)}):
        part = (*meant, PostFilter(**{spec.split_by.value: (key,)}))
        if key in been or not meant or parts.store.newest_of(part, 1):
            version = _state(spec.split_by, key, terms)
            label = been.get(key) or terms[key].label
            view = FeedView(
                spec=spec,
                meant=part,
                version=min(state, version) if meant else version,
                label=label,
                name=part_name(key),
            )
            yield key, label, view


def _state(kind: TermKind, key: str, terms: Mapping[str, Term]) -> int:
    return max((term.version for other, term in terms.items() if bears(kind, key, other)), default=0)
