"""Publish: from the folder to the log, then to the documents.

    gather -> [publish:planned] -> apply -> [publish:applied] -> remember -> [publish:remembered] -> documents

Each arrow may be the last one before a crash: the next publish finds the same plan, or an applied one,
and goes on. Nothing is written before the plan is whole.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from publisher.core.errors import Refused
from publisher.core.posts.post import Post
from publisher.core.publishing.guards import NO_ANSWERS, Guard, HeldFileAnswers, ways_out
from publisher.core.publishing.incremental import IndexUpdate
from publisher.core.publishing.log import LogHead, PublishedPost
from publisher.core.publishing.plan import HoldReason, Plan
from publisher.services.deps import Deps
from publisher.services.feeds.documents import write
from publisher.services.feeds.feed_pages import feed_pages
from publisher.services.feeds.feed_views import feed_views
from publisher.services.feeds.feeds import current, feed_documents
from publisher.services.feeds.home_page import home_page
from publisher.services.feeds.post_pages import (
    OWNED,
    asset_documents,
    moved_pages,
    only_pages,
    places_of,
    post_pages,
)
from publisher.services.feeds.redirects import follow, learn_addresses, settle_pages, settle_redirects
from publisher.services.publishing.folder_snapshot import FolderSnapshot, SnapshotCache, keep_reader
from publisher.services.publishing.scan import ScanResult, keep_rules, scan_folder

NEXT_POST = "next_post"
"""The fact of when the next known post becomes public: an ISO instant, or ""."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """What a publish did: the plan it carried out, the log's head after it, and the documents rewritten."""

    plan: Plan
    head: LogHead
    written: tuple[str, ...]


def publish(
    parts: Deps,
    now: datetime,
    *,
    backfill: bool = False,
    expect: str | None = None,
    meant: frozenset[Guard] = frozenset(),
    answers: HeldFileAnswers = NO_ANSWERS,
    last: SnapshotCache | None = None,
    named: Collection[str] | None = None,
) -> Published:
    """Brings log and documents up to `now`. With `expect`, only if the plan's hash is still that one. What
    `meant` names does not stop it; `answers` are the author's to what was held. What `last` keeps of the last
    publish is built upon if all that may have changed since is `named`.

    Raises Refused (plan changed, or the churn guard), UsageError (answers about other files), Conflict,
    SourceError, StoreError, OutputError.
    """
    last = last or SnapshotCache()
    gathered = enter(parts, now, last, named, backfill=backfill, expect=expect, meant=meant, answers=answers)
    plan = gathered.plan
    parts.store.set_problems("posts", [str(b) for b in plan.bad], now)
    parts.store.set_problems("held posts", [str(h) for h in plan.held if h.why is HoldReason.AMBIGUOUS], now)
    _foretell(parts, plan)
    written = _documents(parts, now, gathered.page_only)
    return Published(plan=plan, head=parts.store.head(), written=written)


def enter(
    parts: Deps,
    now: datetime,
    last: SnapshotCache,
    named: Collection[str] | None,
    *,
    backfill: bool = False,
    expect: str | None = None,
    meant: frozenset[Guard] = frozenset(),
    answers: HeldFileAnswers = NO_ANSWERS,
) -> ScanResult:
    """Brings the log, and what is remembered of files, up to `now`; as in `publish`."""
    look = last.look(parts.source(), parts.store, named)
    gathered = scan_folder(parts, now, look, backfill=backfill, meant=meant, answers=answers, keep=True)
    plan = gathered.plan
    _check(plan, expect)
    parts.reach("publish:planned")
    good = _remember(parts, look, gathered.before)
    if plan.sources or not plan.nothing:
        parts.store.apply(plan, {}, now)
    keep_rules(parts, gathered.rules)
    keep_reader(parts)
    parts.reach("publish:applied")
    if _remember(parts, look, gathered.memory) and good:
        last.keep(look)
    parts.reach("publish:remembered")
    return gathered


def _remember(parts: Deps, look: FolderSnapshot, memory: IndexUpdate) -> bool:
    """Whether `look` still is what the store remembers."""
    return memory.nothing or look.remembered(memory, parts.store.remember(memory))


def _foretell(parts: Deps, plan: Plan) -> None:
    """Keeps when the next post is due for whoever serves: caches must not keep a document past it."""
    next_at = plan.next_at.isoformat() if plan.next_at else ""
    if parts.store.fact(NEXT_POST) != next_at:
        parts.store.keep_fact(NEXT_POST, next_at)


def _documents(parts: Deps, now: datetime, page_only: Sequence[Post]) -> tuple[str, ...]:
    """Pages and assets before the feeds that speak of them."""
    moved = follow(parts)
    known: Sequence[PublishedPost] = parts.store.known() if parts.pages else ()
    live = [k for k in known if k.live]
    shown = [*live, *only_pages(parts, page_only)]
    places, problems = places_of(shown)
    pages = post_pages(parts, shown, places)
    feeds = [current(parts, view) for view in feed_views(parts)]
    documents = [wanted for feed in feeds for wanted in feed_documents(parts, feed)]
    more = [*documents, *feed_pages(parts, feeds), home_page(parts)]
    wanted = [*asset_documents(parts, shown), *pages, *more]
    taken = {want.path for want in wanted} | moved
    learn_addresses(parts, places)
    redirects, wrong = settle_redirects(parts, shown, places, taken, now)
    parts.store.set_problems("pages", [*problems, *wrong], now)
    settle_pages(parts, known, taken | redirects.keys(), now)
    wanted += moved_pages(parts, shown, places, redirects, taken)
    return write(parts, [want for want in wanted if want.path not in moved], now, owned=OWNED)


def _check(plan: Plan, expect: str | None) -> None:
    if expect is not None and expect != plan.hash:
        raise Refused(
            "publish", f"the plan is now {plan.hash}, not {expect}", "look at `publisher plan` again"
        )
    if plan.stops:
        why = "; ".join(map(str, plan.stops))
        raise Refused("posts", why, f"nothing was changed; {ways_out(plan.stops)}")
