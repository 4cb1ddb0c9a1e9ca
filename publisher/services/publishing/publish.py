"""Publish: from the folder to the log, then to the documents.

    scan -> [publish:planned] -> apply -> [publish:applied] -> remember -> [publish:remembered] -> journal
    -> documents

The process may die at any arrow: the next publish finds the same plan, or an applied one, and goes on.
Nothing is written before the plan is complete.

Withdrawals are kept in the journal beside the store too, so that a store from an old backup, or a new one,
does not show a post again that was withdrawn since. A withdrawal is in the log first; if a crash keeps it out
of the journal, the next publish appends it. After a restore they go the other way, from the journal to the
log.
"""

import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from publisher.core.delivery.reconciliation import JournaledWithdrawal, summarize_journal
from publisher.core.errors import Refused
from publisher.core.posts.page_paths import page_path
from publisher.core.posts.post import Post
from publisher.core.publishing.incremental import IndexUpdate, PostKeys
from publisher.core.publishing.log import LogHead, LogKind, PublishedPost
from publisher.core.publishing.plan import (
    NO_ANSWERS,
    Change,
    Guard,
    HeldFileAnswers,
    HoldReason,
    Plan,
    describe_held,
    remedies,
)
from publisher.ports import Store
from publisher.services.deps import Adapters, Deps
from publisher.services.feeds.documents import DocumentSpec, static_documents, write_documents
from publisher.services.feeds.feeds import current_feeds, feed_documents
from publisher.services.feeds.pages import feed_pages, home_page
from publisher.services.feeds.post_pages import (
    OWNED_FOLDERS,
    asset_documents,
    page_paths,
    post_pages,
    posts_with_pages,
    redirect_pages,
)
from publisher.services.feeds.redirects import (
    mark_withdrawn_pages,
    recover_former_addresses,
    sync_redirects,
    update_page_redirects,
)
from publisher.services.feeds.retired_feeds import (
    RetiredFeed,
    remember_feeds,
    retired_documents,
    retired_feeds,
)
from publisher.services.posts.content import Finding
from publisher.services.publishing.folder_snapshot import FolderSnapshot, SnapshotCache
from publisher.services.publishing.preflight import remember_accepted
from publisher.services.publishing.scan import ScanResult, remember_rules, scan_folder

JOURNALED, PAGES = "journaled_withdrawals", "journaled_pages"
"""Keys in the store: the seq of the log up to which the journal has withdrawals, and the pages of withdrawn
posts that the store does not know, as JSON.
"""

FEW_ROWS = 1000
"""Up to this many rows of the log are read again, to save writing how far the journal is."""

NEXT_POST = "next_post"
"""The fact of when the next known post becomes public: an ISO instant, or ""."""


def journal_withdrawals(adapters: Adapters) -> None:
    """Appends to the journal which posts were withdrawn or restored since the last call. Raises OutputError,
    StoreError.
    """
    store = adapters.store
    head, journaled = store.head().seq, int(store.meta(JOURNALED) or 0)
    if head <= journaled:  # less, if a restored backup has an older log
        return
    rows = store.rows_of_kinds((LogKind.WITHDRAWN, LogKind.RESTORED), journaled)
    if rows:
        known = {k.id: k for k in store.posts_matching(PostKeys(ids=frozenset(row.post_id for row in rows)))}
        entries: list[tuple[str, dict[str, object]]] = []
        for row in rows:
            fields: dict[str, object] = {"at": row.at.isoformat(), "post": row.post_id, "seq": row.seq}
            if row.kind is LogKind.WITHDRAWN:
                fields["page"] = page_path(known[row.post_id].post.permalink)
            entries.append((row.kind.value, fields))
        adapters.journal.append_all(entries)
    if rows or head > journaled + FEW_ROWS:
        store.set_meta(JOURNALED, str(head))


def missing_withdrawals(
    store: Store, journaled: Sequence[JournaledWithdrawal], *, after: int
) -> tuple[JournaledWithdrawal, ...]:
    """The journaled withdrawals in rows of the log beyond `after` whose posts are still live in this
    store.
    """
    later = {it.post: it for it in journaled if it.seq > after}
    known = store.posts_matching(PostKeys(ids=frozenset(later))) if later else ()
    return tuple(later[k.id] for k in known if k.live)


def replay_withdrawals(store: Store, missing: Sequence[JournaledWithdrawal]) -> None:
    """Withdraws the posts of missing withdrawals. Their rows get the time of the log's last row, because the
    rows that follow may be earlier than now. Raises StoreError.
    """
    head = store.head()
    known = store.posts_matching(PostKeys(ids=frozenset(it.post for it in missing)))
    changes = tuple(Change(kind=LogKind.WITHDRAWN, id=k.id, post=k.post) for k in known if k.live)
    if changes:
        at = head.at or head.baseline_at or missing[0].at
        store.apply(Plan(head=head.seq, baseline=False, changes=changes), {}, at)


def recall_withdrawn_pages(adapters: Adapters) -> None:
    """Records, for a new or restored store, the pages of withdrawn posts that only the journal knows, so that
    they still answer 410. Raises OutputError, StoreError.
    """
    entries, _ = adapters.journal.since(0)
    withdrawn = {it.post: it.page for it in summarize_journal(entries).withdrawn if it.page}
    known = adapters.store.posts_matching(PostKeys(ids=frozenset(withdrawn)))
    pages = sorted({*withdrawn.values()} - {withdrawn[k.id] for k in known})
    if pages or adapters.store.meta(PAGES):
        adapters.store.set_meta(PAGES, json.dumps(pages))


def recalled_pages(store: Store) -> frozenset[str]:
    """The pages that `recall_withdrawn_pages` recorded."""
    return frozenset(json.loads(store.meta(PAGES) or "[]"))


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishResult:
    """What a publish did: the plan it carried out, the log's head after it, and the documents rewritten.
    `retired` names feeds that the settings no longer name and that an operator has to move or end.
    """

    plan: Plan
    head: LogHead
    written: tuple[str, ...]
    retired: tuple[Finding, ...] = ()


def publish(
    deps: Deps,
    now: datetime,
    *,
    backfill: bool = False,
    expect: str | None = None,
    overrides: frozenset[Guard] = frozenset(),
    answers: HeldFileAnswers = NO_ANSWERS,
    cache: SnapshotCache | None = None,
    changed_paths: Collection[str] | None = None,
    wait_for: Callable[[Collection[str]], None] | None = None,
) -> PublishResult:
    """Brings log and documents up to `now`. With `expect`, only if the plan's hash is still that one. Guards
    in `overrides` do not stop it; `answers` are the author's decisions about held files. If `changed_paths`
    names everything that may have changed since the last publish with this `cache`, only that is looked at;
    None: the whole folder is. `wait_for` is called with files that are being written, and waits for them;
    then everything is looked at once more.

    Raises Refused (plan changed, or the churn guard), UsageError (answers about other files), Conflict,
    SourceError, StoreError, OutputError.
    """
    cache = cache or SnapshotCache()
    if deps.adapters.store.head().baseline_at is None:
        recall_withdrawn_pages(deps.adapters)
    scan = update_log(
        deps,
        now,
        cache,
        changed_paths,
        backfill=backfill,
        expect=expect,
        overrides=overrides,
        answers=answers,
        wait_for=wait_for,
    )
    plan = scan.plan
    journal_withdrawals(deps.adapters)
    deps.adapters.store.set_problems("posts", [str(b) for b in plan.bad], now)
    deps.adapters.store.set_problems(
        "held posts", describe_held([h for h in plan.held if h.reason is not HoldReason.MISSING]), now
    )
    # The web server caches no document past the moment the next post becomes public.
    next_at = plan.next_at.isoformat() if plan.next_at else ""
    if deps.adapters.store.meta(NEXT_POST) != next_at:
        deps.adapters.store.set_meta(NEXT_POST, next_at)
    retired = retired_feeds(deps)
    written = write_site(deps, now, scan.page_only, retired)
    deps.adapters.store.set_problems("feeds", [feed.finding.reason for feed in retired], now)
    findings = tuple(feed.finding for feed in retired)
    return PublishResult(plan=plan, head=deps.adapters.store.head(), written=written, retired=findings)


def update_log(
    deps: Deps,
    now: datetime,
    cache: SnapshotCache,
    changed_paths: Collection[str] | None,
    *,
    backfill: bool = False,
    expect: str | None = None,
    overrides: frozenset[Guard] = frozenset(),
    answers: HeldFileAnswers = NO_ANSWERS,
    wait_for: Callable[[Collection[str]], None] | None = None,
) -> ScanResult:
    """Brings the log and the file index up to `now`, and writes no document; as in `publish`."""

    def scanned(paths: Collection[str] | None) -> tuple[FolderSnapshot, ScanResult]:
        snapshot = cache.take(deps.adapters.source(), deps.adapters.store, paths)
        found = scan_folder(
            deps, now, snapshot, backfill=backfill, overrides=overrides, answers=answers, keep_bodies=True
        )
        return snapshot, found

    snapshot, scan = scanned(changed_paths)
    if scan.plan.unsettled and wait_for is not None:
        wait_for(scan.plan.unsettled)
        snapshot, scan = scanned(None)
    plan = scan.plan
    if expect is not None and expect != plan.hash:
        raise Refused(
            "publish", f"the plan is now {plan.hash}, not {expect}", "look at `publisher plan` again"
        )
    if plan.stops:
        why = "; ".join(map(str, plan.stops))
        raise Refused("posts", why, f"nothing was changed; {remedies(plan.stops)}")
    deps.process.failpoint("publish:planned")
    alone = _update_index(deps.adapters.store, snapshot, scan.index_before)
    if plan.sources or not plan.nothing:
        deps.adapters.store.apply(plan, {}, now)
    remember_rules(deps.adapters, scan.rules)
    remember_accepted(deps.adapters.store, plan, scan.rules, now)
    deps.process.failpoint("publish:applied")
    if _update_index(deps.adapters.store, snapshot, scan.index_after) and alone:
        cache.keep(snapshot)
    deps.process.failpoint("publish:remembered")
    return scan


def _update_index(store: Store, snapshot: FolderSnapshot, update: IndexUpdate) -> bool:
    """Writes `update`; returns whether `snapshot` still agrees with the store's file index."""
    return update.nothing or snapshot.mark_indexed(update, store.update_index(update))


def write_site(
    deps: Deps, now: datetime, page_only: Sequence[Post], retired: Sequence[RetiredFeed]
) -> tuple[str, ...]:
    """Brings every document under public/ up to date with the log, pages and assets before the feeds that
    link to them; `page_only` are posts that have a page and no part in the log, `retired` feeds that are
    written on until an operator decides. Returns the paths whose bytes changed.
    """
    moved = sync_redirects(deps)
    known: Sequence[PublishedPost] = deps.adapters.store.all_posts() if deps.rules.post_pages else ()
    shown = posts_with_pages(deps.rules, known, page_only)
    specs, paths, clashes = site_documents(deps, shown, retired)
    taken = {spec.path for spec in specs} | moved
    recover_former_addresses(deps, paths)
    redirects, bad_aliases = update_page_redirects(deps, shown, paths, taken, now)
    deps.adapters.store.set_problems("pages", [*clashes, *bad_aliases], now)
    mark_withdrawn_pages(
        deps.adapters.store, known, taken | redirects.keys(), now, recalled_pages(deps.adapters.store)
    )
    specs += redirect_pages(deps, shown, paths, redirects, taken)
    ours = {spec.path for spec in specs} | moved
    static, not_copied = static_documents(deps, ours)
    deps.adapters.store.set_problems("static files", not_copied, now)
    specs += static
    specs = [spec for spec in specs if spec.path not in moved]
    written = write_documents(deps, specs, now, owned=OWNED_FOLDERS, copies=True)
    remember_feeds(deps, retired)
    return written


def site_documents(
    deps: Deps, shown: Sequence[PublishedPost], retired: Sequence[RetiredFeed]
) -> tuple[list[DocumentSpec], dict[str, str], list[str]]:
    """The assets and pages of the posts `shown`, the feeds with their pages, and the home page, not yet made;
    where the pages stand, and why some posts have none (`page_paths`).
    """
    feeds = current_feeds(deps)
    specs = [
        *(spec for feed in feeds for spec in feed_documents(deps, feed)),
        *feed_pages(deps, feeds),
        home_page(deps),
    ]
    others = {*(spec.path for spec in specs), *(path for feed in retired for path in feed.paths)}
    paths, clashes = page_paths(shown, others)
    specs = [*asset_documents(deps, shown), *post_pages(deps, shown, paths), *specs]
    return specs + retired_documents(deps, retired, {spec.path for spec in specs}), paths, clashes
