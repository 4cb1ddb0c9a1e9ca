"""Scans the folder: reads the files that changed, adds the posts they could affect, and makes the plan.

    files on disk, file index -> changed | touched | gone | unchanged
    changed, and what is not settled -> posts that share a key with them, to a fixed point -> make_plan

Settled files (core.publishing.incremental) are left out, because the plan is the same without them. Bodies go
to the store while files are read: one batch is written while the next is filled.
"""

from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import datetime
from types import TracebackType

from publisher.core.errors import UsageError
from publisher.core.posts.post import BadPost, FileStat, Post, WaitReason, wait_reason
from publisher.core.publishing.incremental import (
    FileReadings,
    IndexUpdate,
    PostKeys,
    keys_of,
    unchanged_files,
    with_published_dates,
)
from publisher.core.publishing.log import IdRules, LogKind, PublishedPost
from publisher.core.publishing.plan import (
    NO_ANSWERS,
    Guard,
    HeldFileAnswers,
    Plan,
    PlanRules,
    changes_of_kind,
)
from publisher.core.publishing.planner import make_plan
from publisher.ports import Progress, Store
from publisher.services.deps import Adapters, Deps, SiteRules
from publisher.services.publishing.folder_snapshot import FolderSnapshot
from publisher.services.publishing.post_ids import recover_history, rename_verdicts
from publisher.services.publishing.preflight import hold_new_posts, log_stays_ahead

AUTHORITY = "id_authority"
"""The key, in the store, of the authority that ids were last made with."""

READER = "reader"
"""The key, in the store, of the version of the reader at the last publish."""

BATCH_CHARACTERS = 4_000_000
"""Characters of bodies written at once; memory holds up to twice as many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanResult:
    """A plan, and the updates of the file index before and after it is applied. `page_only` are the posts
    that have a page and are not in the log, sorted by path.
    """

    plan: Plan
    page_only: Sequence[Post]
    rules: PlanRules
    index_before: IndexUpdate
    index_after: IndexUpdate


def scan_folder(
    deps: Deps,
    now: datetime,
    snapshot: FolderSnapshot | None = None,
    *,
    backfill: bool = False,
    overrides: frozenset[Guard] = frozenset(),
    answers: HeldFileAnswers = NO_ANSWERS,
    keep_bodies: bool = False,
) -> ScanResult:
    """Reads what changed in the folder and makes the plan. With `keep_bodies`, bodies are stored while they
    are read; otherwise nothing is written. `snapshot` is one taken just now. `answers` are the author's
    decisions about held files. Raises SourceError, StoreError, or UsageError for answers about other files.
    """
    rules = plan_rules(
        deps.rules, deps.adapters.store, now, backfill=backfill, overrides=overrides, answers=answers
    )
    scan = FolderScan(deps.adapters, snapshot or FolderSnapshot(deps.adapters.source(), deps.adapters.store))
    scan.read_changed(keep_bodies=keep_bodies, progress=deps.process.progress)
    scan.add_unsettled(now)
    scan.add_related(rules.naming)
    readings = readings_of(deps.adapters, scan.hashes)
    scan.posts = with_published_dates(scan.posts.values(), scan.known.values(), readings, now)
    posts, known = list(scan.posts.values()), list(scan.known.values())
    authority_changed = rules.authority_before not in ("", rules.naming.authority)
    # The churn guard only needs the count if more than one post can be affected.
    guarded = authority_changed or sum(k.live for k in known) > 1
    live = deps.adapters.store.count_live_posts() if guarded else 0
    head = deps.adapters.store.head()
    given = (head, known, posts, scan.bad, now, rules, live, recover_history(deps, head), readings)
    plan = make_plan(*given)
    verdicts = rename_verdicts(deps.adapters, plan, known, posts)
    if verdicts:
        plan = make_plan(*given, verdicts)
    check_answers(answers, plan)
    on_disk = scan.on_disk
    plan = hold_new_posts(deps.adapters, plan, rules, deps.rules.max_new, on_disk, now)
    return scan.result(plan, rules, now)


def plan_rules(
    rules: SiteRules,
    store: Store,
    now: datetime,
    *,
    backfill: bool = False,
    overrides: frozenset[Guard] = frozenset(),
    answers: HeldFileAnswers = NO_ANSWERS,
) -> PlanRules:
    """What make_plan needs to know about the site: settings, options, and what the last publish stored.
    Raises StoreError.
    """
    return PlanRules(
        naming=rules.id_rules,
        max_age=rules.max_age,
        backfill=backfill,
        confirmed=overrides,
        authority_before=store.meta(AUTHORITY),
        log_ahead=log_stays_ahead(store, now),
        answers=answers,
        pages=rules.post_pages,
    )


def remember_rules(adapters: Adapters, rules: PlanRules) -> None:
    """Stores what the next publish compares with: the authority of ids and the version of the reader."""
    if rules.authority_before != rules.naming.authority:
        adapters.store.set_meta(AUTHORITY, rules.naming.authority)
    if adapters.store.meta(READER) != adapters.source().version:
        adapters.store.set_meta(READER, adapters.source().version)


def readings_of(adapters: Adapters, hashes: Mapping[str, str]) -> FileReadings:
    """Tells changes by the author from changes by an upgrade that reads the same bytes differently. `hashes`
    are of the files' bytes, by path, "" for a file that could not be read. Raises StoreError.
    """
    version, before = adapters.source().version, adapters.store.meta(READER)
    passed_over: set[str] = set()
    if before != version and adapters.store.head().baseline_at is not None:
        # Unchanged files that the previous version hid, or refused at its last publish.
        for path, (hash, post) in adapters.store.unpublished_files(list(hashes)).items():
            if post.hidden is not None and hashes[path] == hash:
                passed_over.add(path)
        refused = [text for area, _, text in adapters.store.problems() if area == "posts"]
        passed_over |= {path for path in hashes for text in refused if text.startswith(f"{path}:")}
    return FileReadings(
        hashes={path: hash for path, hash in hashes.items() if hash},
        version=version,
        before=before,
        passed_over=frozenset(passed_over),
    )


def check_answers(answers: HeldFileAnswers, plan: Plan) -> None:
    """Raises UsageError for an answer that no question in the plan asks for, instead of ignoring it."""
    new = {change.post.path for change in changes_of_kind(plan, LogKind.PUBLISHED)}
    for path in sorted(answers.new - new):
        raise UsageError("--as-new", f"{path} is not a new post", "`publisher plan` names what is held")
    followed = {(move.old, move.new) for move in plan.renamed}
    for path, old in sorted(answers.renamed.items()):
        if (old, path) not in followed:
            what = f"{old} is not a published post whose file is gone, or {path} is not a new file"
            raise UsageError("--as-rename", what, "`publisher plan` names what is held")


class FolderScan:
    """What one scan collects: posts of files that changed or are not settled, by path, and the known posts
    they could affect, by id. `read` has the stat and the hash of every file that was read, "" for one that
    must be read again. `last_good` are the last versions of page-only posts that cannot be read now; other
    posts have theirs in the log.
    """

    def __init__(self, adapters: Adapters, snapshot: FolderSnapshot) -> None:
        self._source, self._store, self._snapshot = adapters.source, adapters.store, snapshot
        self.posts: dict[str, Post] = {}
        self.known: dict[str, PublishedPost] = {}
        self.bad: list[BadPost] = list(snapshot.unreadable.values())
        self.read: dict[str, tuple[FileStat, str]] = {}
        self.hashes: dict[str, str] = {}
        self.touched: dict[str, FileStat] = {}
        self.gone: list[str] = []
        self.last_good: list[Post] = []
        self._open_files: set[str] = set()
        self._open_ids: set[str] = set()

    @property
    def on_disk(self) -> Collection[str]:
        """The paths of all files that can be read."""
        return self._snapshot.on_disk.keys()

    def read_changed(self, *, keep_bodies: bool, progress: Progress) -> None:
        """Reads the files that differ from the index and, with `keep_bodies`, stores their bodies."""
        snapshot = self._snapshot
        changed = sorted(path for path in snapshot.changed if path in snapshot.on_disk)
        hashes = self._store.file_hashes(
            [path for path in changed if path in snapshot.indexed], snapshot.rules
        )
        with BodyWriter(self._store) as writer:
            for number, reading in enumerate(self._source().read_many(changed, hashes), 1):
                progress("reading posts", number, len(changed))
                stat, result = reading.stat, reading.result
                self.hashes[stat.path] = reading.hash
                if result is None:
                    self.touched[stat.path] = stat
                elif isinstance(result, BadPost):
                    self.bad.append(result)
                else:
                    self.posts[stat.path] = result.post
                    self.read[stat.path] = (stat, reading.hash if reading.alone else "")
                    if keep_bodies and result.post.hidden is None:
                        writer.keep(result.post.body_hash, result.body)
        read_again = {bad.path for bad in self.bad} | {
            path for path, (_, hash) in self.read.items() if not hash
        }
        before = self._store.unpublished_files([bad.path for bad in self.bad if bad.path in snapshot.on_disk])
        self.last_good = [post for _, post in before.values() if post.page_only]
        kept = {post.path for post in self.last_good}
        self.gone = sorted(
            path
            for path in snapshot.changed
            if path in snapshot.indexed
            and path not in kept
            and (path not in snapshot.on_disk or path in read_again)
        )

    def add_unsettled(self, now: datetime) -> None:
        """Adds the files and known posts that a plan needs although they did not change."""
        files, known = self._store.posts_to_plan(now)
        self._open_files = {post.path for post, is_settled, _ in files if not is_settled}
        self._open_ids = {k.id for k in known}
        self.known = {k.id: k for k in known}
        for post, _, hash in files:
            if self._has_same_bytes(post.path):
                # As its file says: whether the post keeps the date that readers know is decided anew.
                self.posts[post.path] = replace(post, instant=post.dated, dated=None) if post.dated else post
                self.hashes[post.path] = hash

    def add_related(self, naming: IdRules) -> None:
        """Adds whatever shares a key with what is there, until nothing more does."""
        if self._store.head().seq == 0:
            return  # no post is known
        asked = PostKeys()
        keys = keys_of(self.posts.values(), naming)
        keys |= PostKeys(paths=frozenset((*self.gone, *(bad.path for bad in self.bad))))
        while keys := keys - asked:
            asked |= keys
            new = [k for k in self._store.posts_matching(keys) if k.id not in self.known]
            self.known.update((k.id, k) for k in new)
            # A settled file equals its known post, so it need not be read.
            settled = [
                k.post
                for k in self.known.values()
                if self._has_same_bytes(k.post.path) and k.post.path not in self.posts
            ]
            self.posts.update((post.path, post) for post in settled)
            keys = keys_of(settled, naming)

    def _has_same_bytes(self, path: str) -> bool:
        return path in self.touched or self._snapshot.is_unchanged(path)

    def result(self, plan: Plan, rules: PlanRules, now: datetime) -> ScanResult:
        """The plan, and how to update the index for the next scan. A file that is no longer settled is
        reopened before the plan is applied: its row has no post, and afterwards its path may belong to
        another known post.
        """
        posts, known = list(self.posts.values()), list(self.known.values())
        settled = unchanged_files(plan, known, posts, now, rules.naming)
        for path, (_, hash) in self.read.items():
            if not hash:  # must be read again, so it is not indexed
                settled.pop(path, None)
        open_ids = (self.known.keys() | {change.id for change in plan.changes}) - set(settled.values())
        unread = {path: post for path, post in self.posts.items() if path not in self.read}
        reopened = [
            (post, False)
            for path, post in unread.items()
            if path not in settled and path not in self._open_files
        ]
        closed = [
            (post, True) for path, post in unread.items() if path in settled and path in self._open_files
        ]
        shown = [post for post in (*posts, *self.last_good) if wait_reason(post, now) is WaitReason.PAGE_ONLY]
        return ScanResult(
            plan=plan,
            page_only=sorted(shown, key=lambda post: post.path),
            rules=rules,
            index_before=IndexUpdate(rules=self._snapshot.rules, turned=reopened),
            index_after=IndexUpdate(
                rules=self._snapshot.rules,
                read=[(*it, self.posts[path], path in settled) for path, it in self.read.items() if it[1]],
                touched=list(self.touched.values()),
                turned=closed,
                gone=self.gone,
                unsettled=None if plan.nothing and open_ids == self._open_ids else open_ids,
            ),
        )


class BodyWriter(AbstractContextManager["BodyWriter"]):
    """Stores bodies in batches; all are stored when the `with` block ends. Raises StoreError, OutputError
    there or in `keep`.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._bodies: dict[str, str] = {}
        self._size = 0
        self._pool: ThreadPoolExecutor | None = None
        self._writing: Future[None] | None = None

    def keep(self, hash: str, body: str) -> None:
        """Adds a body. A thread writes each full batch, so a folder that fits in one batch starts no
        thread.
        """
        self._bodies[hash] = body
        self._size += len(body)
        if self._size > BATCH_CHARACTERS:
            self._wait()
            self._pool = self._pool or ThreadPoolExecutor(max_workers=1, thread_name_prefix="bodies")
            self._writing = self._pool.submit(self._store.save_bodies, self._bodies)
            self._bodies, self._size = {}, 0

    def _wait(self) -> None:
        if self._writing is not None:
            self._writing.result()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                self._wait()
                if self._bodies:
                    self._store.save_bodies(self._bodies)
        finally:
            if self._pool is not None:
                self._pool.shutdown()
