"""make_plan: the log, the folder and the rules in, a Plan out. Pure: everything it knows is an argument."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from publisher.core.assets import carried
from publisher.core.identity import mint
from publisher.core.log import Head, Kind, Known
from publisher.core.matching import Matches, match
from publisher.core.plans import Change, Held, Hold, Plan, Rename, Rules
from publisher.core.posts import BadPost, Post, next_instant, public

MISSING_SCANS = 2
MISSING_FOR = timedelta(minutes=10)
"""Editors, rsync and git delete first: a file is gone only after two scans and ten minutes."""

MANY, MANY_SHARE = 5, 0.2
"""More than 5 and more than 20 % of the live posts missing at once: an accident, not a wish."""


def make_plan(
    head: Head,
    known: Sequence[Known],
    posts: Sequence[Post],
    bad: Sequence[BadPost],
    now: datetime,
    rules: Rules,
) -> Plan:
    """What a publish at `now` would do. Never raises: what cannot be done is in `bad`, `held` or `stop`."""
    visible = public(posts, now)
    taken = frozenset(p.path for p in posts) | {b.path for b in bad}
    matches = match(posts, known, taken, rules.authority)
    visible, clashes = _unclash(visible, matches)
    baseline = head.baseline_at is None
    fresh = [p for p in visible if p.path not in matches.of and p.path not in matches.unsure]
    new, twins = _new(fresh, known, now, replace(rules, backfill=rules.backfill or baseline))
    changes, touched, renamed = _known(visible, posts, matches)
    missing, gone, found = _missing(known, matches, taken, now)
    return Plan(
        head=head.seq,
        baseline=baseline,
        changes=(*gone, *changes, *new),
        touched=tuple(touched),
        renamed=tuple(renamed),
        missing=tuple(missing),
        found=tuple(found),
        held=_holds(visible, known, matches, missing),
        bad=(*bad, *clashes, *twins),
        next_at=next_instant(posts, now),
        stop=_stop(known, missing, gone),
    )


def _unclash(visible: Sequence[Post], matches: Matches) -> tuple[list[Post], list[BadPost]]:
    """Of several files that claim one known post, the one at its known path keeps it; the others are bad."""
    claims: defaultdict[str, list[Post]] = defaultdict(list)
    for post in visible:
        hit = matches.of.get(post.path)
        if hit is not None:
            claims[hit.id].append(post)
    bad = []
    for id, group in claims.items():
        home = next(k.post.path for k in matches.of.values() if k.id == id)
        if len(group) > 1:
            bad += [_clash(p, id, group) for p in group if p.path != home]
    refused = {b.path for b in bad}
    return [p for p in visible if p.path not in refused], bad


def _clash(post: Post, id: str, group: Iterable[Post]) -> BadPost:
    others = ", ".join(sorted(p.path for p in group if p.path != post.path))
    return BadPost(
        path=post.path, reason=f"its id {id} is also claimed by {others}; give one of them another id"
    )


def _new(
    fresh: Sequence[Post], known: Sequence[Known], now: datetime, rules: Rules
) -> tuple[list[Change], list[BadPost]]:
    """The posts that enter the log. Two explicit ids alike: neither enters; two permalinks alike: the
    files' paths make the ids, whichever comes first.
    """
    used = {k.id for k in known}
    by_id: defaultdict[str, list[Post]] = defaultdict(list)
    for post in fresh:
        by_id[mint(post, rules.authority)].append(post)
    named: dict[str, str] = {}
    bad: list[BadPost] = []
    for id, group in by_id.items():
        explicit = [p for p in group if p.explicit_id]
        if len(explicit) > 1:
            bad += [_clash(p, id, explicit) for p in explicit]
        elif len(group) == 1 and id not in used:
            named[group[0].path] = id
        else:
            named |= {p.path: id if p.explicit_id else mint(p, rules.authority, by_path=True) for p in group}
    new = [_publish(post, named[post.path], now, rules) for post in fresh if post.path in named]
    return new, bad


def _publish(post: Post, id: str, now: datetime, rules: Rules) -> Change:
    assert post.instant is not None  # noqa: S101  # the gate let it pass
    backfill = rules.backfill or post.instant < now - rules.max_age
    return Change(kind=Kind.PUBLISHED, id=id, post=post, backfill=backfill)


def _known(
    visible: Sequence[Post], posts: Sequence[Post], matches: Matches
) -> tuple[list[Change], list[tuple[str, Post]], list[Rename]]:
    """What happened to posts of the log whose files are here: updated, restored, hidden, moved, touched."""
    changes: list[Change] = []
    touched: list[tuple[str, Post]] = []
    renamed: list[Rename] = []
    seen = {p.path for p in visible}
    for post in visible:
        hit = matches.of.get(post.path)
        if hit is None:
            continue
        post = replace(post, assets=carried(hit.post.assets, post.assets))
        if hit.post.path != post.path:
            renamed.append(Rename(id=hit.id, old=hit.post.path, new=post.path))
        if not hit.live:
            changes.append(Change(kind=Kind.RESTORED, id=hit.id, post=post))
        elif hit.post.revision != post.revision:
            changes.append(Change(kind=Kind.UPDATED, id=hit.id, post=post))
        elif hit.post != post:
            touched.append((hit.id, post))
    claimed = {matches.of[path].id for path in seen if path in matches.of}
    for post in posts:
        hit = matches.of.get(post.path)
        if hit is not None and hit.live and hit.id not in claimed:
            changes.append(Change(kind=Kind.WITHDRAWN, id=hit.id, post=hit.post))
            claimed.add(hit.id)
    return changes, touched, renamed


def _missing(
    known: Sequence[Known], matches: Matches, taken: frozenset[str], now: datetime
) -> tuple[list[str], list[Change], list[str]]:
    """Live posts without a file: those to wait for, those to withdraw; and those that came back."""
    here = {hit.id for hit in matches.of.values()}
    here |= {hit.id for hits in matches.unsure.values() for hit in hits}
    missing: list[str] = []
    gone: list[Change] = []
    found: list[str] = []
    for k in known:
        if k.id in here or k.post.path in taken:
            if k.missing_since is not None:
                found.append(k.id)
        elif k.live and _long_gone(k, now):
            gone.append(Change(kind=Kind.WITHDRAWN, id=k.id, post=k.post))
        elif k.live:
            missing.append(k.id)
    return missing, gone, found


def _long_gone(k: Known, now: datetime) -> bool:
    return (
        k.missing_since is not None
        and k.missing_scans + 1 >= MISSING_SCANS
        and now - k.missing_since >= MISSING_FOR
    )


def _holds(
    visible: Sequence[Post], known: Sequence[Known], matches: Matches, missing: Sequence[str]
) -> tuple[Hold, ...]:
    unsure = [Hold(path=p.path, why=Held.AMBIGUOUS) for p in visible if p.path in matches.unsure]
    away = set(missing)
    return (*unsure, *(Hold(path=k.post.path, why=Held.MISSING) for k in known if k.id in away))


def _stop(known: Sequence[Known], missing: Sequence[str], gone: Sequence[Change]) -> str:
    live = sum(k.live for k in known)
    away = len(missing) + len(gone)
    if away > MANY and away > live * MANY_SHARE:
        return f"{away} of {live} published posts are missing at once; is the folder whole?"
    return ""
