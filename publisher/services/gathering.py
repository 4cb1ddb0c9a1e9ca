"""Gathering: what a publish must look at, and the plan made of it. Only files that changed are read.

    files -> seen -> changed | touched | gone | as they were
    changed, and what is not settled -> whatever bears their names, to a fixed point -> make_plan

What is left out is settled (core.settling): the plan is the one that everything would have made.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from publisher.core.guards import Guard
from publisher.core.identity import Naming
from publisher.core.log import Known
from publisher.core.planning import make_plan
from publisher.core.plans import Plan, Rules
from publisher.core.posts import BadPost, FileStat, Post
from publisher.core.settling import Memory, Names, names_of, settled
from publisher.services.parts import Parts
from publisher.services.ruling import rules_of

BODIES = 8_000_000
"""Characters of bodies that are held before they are stored."""

Read = tuple[FileStat, str]
"""A file that was read, and the hash of its bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """A plan; what is to be remembered before it is carried out, and when it is."""

    plan: Plan
    rules: Rules
    before: Memory
    memory: Memory


@dataclass(slots=True, kw_only=True)
class _Look:
    """One look at the folder. `same` are the remembered files that are as they were; of those, `posts` has
    the unsettled ones, beside the files that were read."""

    rules: str
    same: dict[str, FileStat]
    posts: dict[str, Post] = field(default_factory=dict[str, Post])
    known: dict[str, Known] = field(default_factory=dict[str, Known])
    bad: list[BadPost] = field(default_factory=list[BadPost])
    read: dict[str, Read] = field(default_factory=dict[str, Read])
    touched: list[FileStat] = field(default_factory=list[FileStat])
    gone: list[str] = field(default_factory=list[str])


def gather(
    parts: Parts,
    now: datetime,
    *,
    backfill: bool = False,
    meant: frozenset[Guard] = frozenset(),
    keep: bool = False,
) -> Gathered:
    """Reads what changed in the folder, and decides. With `keep` bodies are stored while they are read;
    without it nothing is written. Raises SourceError, StoreError.
    """
    rules = rules_of(parts, backfill=backfill, meant=meant)
    look = _look(parts, keep=keep)
    files, loose = parts.store.unsettled(now)
    look.known = {k.id: k for k in loose}
    look.posts.update((post.path, post) for post, _ in files if post.path in look.same)
    _widen(parts, look, rules.naming)
    posts, known = list(look.posts.values()), list(look.known.values())
    moved = rules.authority_before not in ("", rules.naming.authority)
    many = moved or sum(k.live for k in known) > 1  # one alone is no accident
    live = parts.store.live() if many else 0
    plan = make_plan(parts.store.head(), known, posts, look.bad, now, rules, live)
    quiet = settled(plan, known, posts, now, rules.naming)
    for path, (_, hash) in look.read.items():
        if not hash:  # never remembered
            quiet.pop(path, None)
    open_files = {post.path for post, is_settled in files if not is_settled}
    return _gathered(look, plan, rules, quiet, open_files, {k.id for k in loose})


def _look(parts: Parts, *, keep: bool) -> _Look:
    """The folder beside what is remembered of it; changed files are read."""
    listed = list(parts.source.files())
    here = {file.path: file for file in listed if isinstance(file, FileStat)}
    rules = parts.source.fingerprint(sorted(here))
    seen = parts.store.seen(rules)
    look = _Look(rules=rules, same={path: file for path, file in here.items() if seen.get(path) == file})
    look.bad = [file for file in listed if isinstance(file, BadPost)]
    changed = sorted(path for path in here if path not in look.same)
    _read(parts, look, changed, parts.store.hashes([p for p in changed if p in seen], rules), keep=keep)
    again = {bad.path for bad in look.bad} | {path for path, (_, hash) in look.read.items() if not hash}
    look.gone = [path for path in seen if path not in here or path in again]
    return look


def _read(
    parts: Parts, look: _Look, changed: Sequence[str], hashes: Mapping[str, str], *, keep: bool
) -> None:
    bodies: dict[str, str] = {}
    size = 0
    for reading in parts.source.read_many(changed, hashes):
        stat, result = reading.stat, reading.result
        if result is None:
            look.same[stat.path] = stat
            look.touched.append(stat)
        elif isinstance(result, BadPost):
            look.bad.append(result)
        else:
            look.posts[stat.path] = result.post
            look.read[stat.path] = (stat, reading.hash)
            if keep and result.post.hidden is None:
                bodies[result.post.body_hash] = result.body
                size += len(result.body)
        if size > BODIES:
            parts.store.keep_bodies(bodies)
            bodies, size = {}, 0
    if bodies:
        parts.store.keep_bodies(bodies)


def _widen(parts: Parts, look: _Look, naming: Naming) -> None:
    """Brings in whatever bears a name of what is looked at, until nothing more does."""
    if parts.store.head().seq == 0:
        return  # nothing is known
    asked = Names()
    names = names_of(look.posts.values(), naming)
    names |= Names(paths=frozenset((*look.gone, *(bad.path for bad in look.bad))))
    while names := names.but(asked):
        asked |= names
        new = [k for k in parts.store.known_by(names) if k.id not in look.known]
        look.known.update((k.id, k) for k in new)
        files = _settled_files(look, look.known.values())
        look.posts.update((post.path, post) for post in files)
        names = names_of(files, naming)


def _settled_files(look: _Look, known: Iterable[Known]) -> list[Post]:
    """The files of known posts that were left out so far: being settled, they equal them."""
    return [k.post for k in known if k.post.path in look.same and k.post.path not in look.posts]


def _gathered(
    look: _Look, plan: Plan, rules: Rules, quiet: Mapping[str, str], open_files: set[str], open_ids: set[str]
) -> Gathered:
    """What is to be written so that the next look finds what this one left. `open_files` and `open_ids` are
    what was not settled. A file that ceases to be is opened before the plan is carried out: its row has no
    post, and the known post at its path may then be another.
    """
    published = {change.id for change in plan.changes}
    ids = (look.known.keys() | published) - set(quiet.values())
    known_before = {path: post for path, post in look.posts.items() if path not in look.read}
    opened = [(p, False) for path, p in known_before.items() if path not in quiet and path not in open_files]
    closed = [(p, True) for path, p in known_before.items() if path in quiet and path in open_files]
    memory = Memory(
        rules=look.rules,
        read=[(*read, look.posts[path], path in quiet) for path, read in look.read.items() if read[1]],
        touched=look.touched,
        turned=closed,
        gone=look.gone,
        unsettled=None if plan.nothing and ids == open_ids else ids,
    )
    return Gathered(plan=plan, rules=rules, before=Memory(rules=look.rules, turned=opened), memory=memory)
