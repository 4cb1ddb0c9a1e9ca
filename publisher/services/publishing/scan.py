"""Gathering: what a publish must look at, and the plan made of it. Only files that changed are read.

    files -> seen -> changed | touched | gone | as they were
    changed, and what is not settled -> whatever bears their names, to a fixed point -> make_plan

What is left out is settled (core.settling): the plan is the one that everything would have made.

The rules of a plan: from the settings, the command line, and what was kept of the last publish.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from publisher.core.errors import UsageError
from publisher.core.posts.post import BadPost, FileStat, Post, WaitReason, why_not
from publisher.core.publishing.guards import NO_ANSWERS, Guard, HeldFileAnswers
from publisher.core.publishing.ids import Naming
from publisher.core.publishing.incremental import IndexUpdate, PostKeys, as_published, names_of, unchanged
from publisher.core.publishing.log import LogKind, PublishedPost
from publisher.core.publishing.plan import Plan, Rules, of_kind
from publisher.core.publishing.planner import make_plan
from publisher.services.deps import Deps
from publisher.services.publishing.adoption import recovered
from publisher.services.publishing.body_writer import BodyWriter
from publisher.services.publishing.clock_checks import stays_ahead
from publisher.services.publishing.folder_snapshot import FolderSnapshot, readings_of
from publisher.services.publishing.renames import verdicts_of

AUTHORITY = "id_authority"
"""The fact that says with which authority ids were last made."""


def rules_of(
    parts: Deps,
    now: datetime,
    *,
    backfill: bool = False,
    meant: frozenset[Guard] = frozenset(),
    answers: HeldFileAnswers = NO_ANSWERS,
) -> Rules:
    """What make_plan needs to know of this site at `now`. Raises StoreError."""
    return Rules(
        naming=parts.naming,
        max_age=parts.max_age,
        backfill=backfill,
        meant=meant,
        authority_before=parts.store.fact(AUTHORITY),
        log_ahead=stays_ahead(parts.store, now),
        answers=answers,
        pages=parts.pages,
    )


def must_be_heeded(answers: HeldFileAnswers, plan: Plan) -> None:
    """Raises UsageError: an answer is about a file that it says nothing of; nobody would notice otherwise."""
    new = {change.post.path for change in of_kind(plan, LogKind.PUBLISHED)}
    for path in sorted(answers.new - new):
        raise UsageError("--as-new", f"{path} is not a new post", "`publisher plan` names what is held")
    followed = {(move.old, move.new) for move in plan.renamed}
    for path, old in sorted(answers.renamed.items()):
        if (old, path) not in followed:
            what = f"{old} is not a published post whose file is gone, or {path} is not a new file"
            raise UsageError("--as-rename", what, "`publisher plan` names what is held")


def keep_rules(parts: Deps, rules: Rules) -> None:
    """What the next plan is measured by."""
    if rules.authority_before != rules.naming.authority:
        parts.store.keep_fact(AUTHORITY, rules.naming.authority)


Read = tuple[FileStat, str]
"""A file that was read, and the hash of its bytes; "" where it must be read again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanResult:
    """A plan; what is to be remembered before it is carried out, and when it is. `page_only` are the posts
    that have a page and no part in the log, by path.
    """

    plan: Plan
    page_only: Sequence[Post]
    rules: Rules
    before: IndexUpdate
    memory: IndexUpdate


@dataclass(slots=True, kw_only=True)
class _Found:
    """What is gathered: of remembered files the unsettled ones, beside the files that were read. `standing`
    are the last good versions of posts that are page only and cannot be read now; of others the log has them.
    """

    look: FolderSnapshot
    posts: dict[str, Post] = field(default_factory=dict[str, Post])
    known: dict[str, PublishedPost] = field(default_factory=dict[str, PublishedPost])
    bad: list[BadPost] = field(default_factory=list[BadPost])
    read: dict[str, Read] = field(default_factory=dict[str, Read])
    hashes: dict[str, str] = field(default_factory=dict[str, str])
    touched: dict[str, FileStat] = field(default_factory=dict[str, FileStat])
    gone: list[str] = field(default_factory=list[str])
    standing: list[Post] = field(default_factory=list[Post])

    def same(self, path: str) -> bool:
        """Whether the file's bytes are as they are remembered."""
        return path in self.touched or self.look.same(path)


def scan_folder(
    parts: Deps,
    now: datetime,
    look: FolderSnapshot | None = None,
    *,
    backfill: bool = False,
    meant: frozenset[Guard] = frozenset(),
    answers: HeldFileAnswers = NO_ANSWERS,
    keep: bool = False,
) -> ScanResult:
    """Reads what changed in the folder, and decides. With `keep` bodies are stored while they are read;
    without it nothing is written. `look` is one taken just now. `answers` are the author's to what
    was held. Raises SourceError, StoreError; UsageError: answers about other files.
    """
    rules = rules_of(parts, now, backfill=backfill, meant=meant, answers=answers)
    look = look or FolderSnapshot(parts.source(), parts.store)
    found = _Found(look=look)
    _read_changed(parts, found, keep=keep)
    files, loose = parts.store.unsettled(now)
    found.known = {k.id: k for k in loose}
    for post, _, name in files:
        if found.same(post.path):
            found.posts[post.path] = post
            found.hashes[post.path] = name
    _widen(parts, found, rules.naming)
    readings = readings_of(parts, found.hashes)
    found.posts = as_published(found.posts.values(), found.known.values(), readings, now)
    posts, known = list(found.posts.values()), list(found.known.values())
    moved = rules.authority_before not in ("", rules.naming.authority)
    many = moved or sum(k.live for k in known) > 1  # one alone is no accident
    live = parts.store.live() if many else 0
    head = parts.store.head()
    told = recovered(parts, head)
    plan = make_plan(head, known, posts, found.bad, now, rules, live, told, readings)
    verdicts = verdicts_of(parts, plan, known, posts)
    if verdicts:
        plan = make_plan(head, known, posts, found.bad, now, rules, live, told, readings, verdicts)
    must_be_heeded(rules.answers, plan)
    quiet = unchanged(plan, known, posts, now, rules.naming)
    for path, (_, hash) in found.read.items():
        if not hash:  # never remembered
            quiet.pop(path, None)
    open_files = {post.path for post, is_settled, _ in files if not is_settled}
    shown = [post for post in (*posts, *found.standing) if why_not(post, now) is WaitReason.PAGE_ONLY]
    shown.sort(key=lambda post: post.path)
    return _gathered(found, plan, shown, rules, quiet, open_files, {k.id for k in loose})


def _read_changed(parts: Deps, found: _Found, *, keep: bool) -> None:
    """Reads the files that are not as they are remembered."""
    look = found.look
    found.bad = list(look.wrong.values())
    changed = sorted(path for path in look.odd if path in look.here)
    hashes = parts.store.hashes([path for path in changed if path in look.seen], look.rules)
    _read(parts, found, changed, hashes, keep=keep)
    again = {bad.path for bad in found.bad} | {path for path, (_, hash) in found.read.items() if not hash}
    forgotten = (path for path in look.odd if path in look.seen)
    before = parts.store.unpublished([bad.path for bad in found.bad if bad.path in look.here])
    found.standing = [post for _, post in before.values() if post.page_only]
    kept = {post.path for post in found.standing}
    gone = (path for path in forgotten if path not in look.here or path in again)
    found.gone = sorted(path for path in gone if path not in kept)


def _read(
    parts: Deps, found: _Found, changed: Sequence[str], hashes: Mapping[str, str], *, keep: bool
) -> None:
    with BodyWriter(parts.store) as keeper:
        for reading in parts.source().read_many(changed, hashes):
            stat, result = reading.stat, reading.result
            found.hashes[stat.path] = reading.hash
            if result is None:
                found.touched[stat.path] = stat
            elif isinstance(result, BadPost):
                found.bad.append(result)
            else:
                found.posts[stat.path] = result.post
                found.read[stat.path] = (stat, reading.hash if reading.alone else "")
                if keep and result.post.hidden is None:
                    keeper.keep(result.post.body_hash, result.body)


def _widen(parts: Deps, found: _Found, naming: Naming) -> None:
    """Brings in whatever bears a name of what is looked at, until nothing more does."""
    if parts.store.head().seq == 0:
        return  # nothing is known
    asked = PostKeys()
    names = names_of(found.posts.values(), naming)
    names |= PostKeys(paths=frozenset((*found.gone, *(bad.path for bad in found.bad))))
    while names := names.but(asked):
        asked |= names
        new = [k for k in parts.store.known_by(names) if k.id not in found.known]
        found.known.update((k.id, k) for k in new)
        files = _settled_files(found, found.known.values())
        found.posts.update((post.path, post) for post in files)
        names = names_of(files, naming)


def _settled_files(found: _Found, known: Iterable[PublishedPost]) -> list[Post]:
    """The files of known posts that were left out so far: being settled, they equal them."""
    return [k.post for k in known if found.same(k.post.path) and k.post.path not in found.posts]


def _gathered(
    found: _Found,
    plan: Plan,
    page_only: Sequence[Post],
    rules: Rules,
    quiet: Mapping[str, str],
    open_files: set[str],
    open_ids: set[str],
) -> ScanResult:
    """What is to be written so that the next look finds what this one left. `open_files` and `open_ids` are
    what was not settled. A file that ceases to be is opened before the plan is carried out: its row has no
    post, and the known post at its path may then be another.
    """
    published = {change.id for change in plan.changes}
    ids = (found.known.keys() | published) - set(quiet.values())
    known_before = {path: post for path, post in found.posts.items() if path not in found.read}
    opened = [(p, False) for path, p in known_before.items() if path not in quiet and path not in open_files]
    closed = [(p, True) for path, p in known_before.items() if path in quiet and path in open_files]
    memory = IndexUpdate(
        rules=found.look.rules,
        read=[(*read, found.posts[path], path in quiet) for path, read in found.read.items() if read[1]],
        touched=list(found.touched.values()),
        turned=closed,
        gone=found.gone,
        unsettled=None if plan.nothing and ids == open_ids else ids,
    )
    before = IndexUpdate(rules=found.look.rules, turned=opened)
    return ScanResult(plan=plan, page_only=page_only, rules=rules, before=before, memory=memory)
