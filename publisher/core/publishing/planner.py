"""make_plan: the log, the folder and the rules in, a Plan out. Pure: everything it knows is an argument."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from publisher.core.posts.assets import merge_assets
from publisher.core.posts.permalinks import page_path
from publisher.core.posts.post import (
    BadPost,
    Post,
    PostMailOptions,
    WaitReason,
    next_publication,
    public_posts,
    wait_reason,
)
from publisher.core.publishing.guards import Guard, Stop, check_authority, check_churn, check_missing
from publisher.core.publishing.ids import mint
from publisher.core.publishing.incremental import FileReadings
from publisher.core.publishing.log import LogHead, LogKind, PublishedPost
from publisher.core.publishing.matching import NO_VERDICTS, Matches, Verdicts, match_posts
from publisher.core.publishing.plan import Change, HeldPost, HoldReason, Plan, PlanRules, Rename
from publisher.core.publishing.recovery import RecoveredFeeds

MIN_MISSING_SCANS = 2
MIN_MISSING_TIME = timedelta(minutes=10)
"""Editors, rsync and git delete first: a file is gone only after two scans and ten minutes."""

NOTHING_RECOVERED = RecoveredFeeds()
NO_READINGS = FileReadings()


def make_plan(
    head: LogHead,
    known: Sequence[PublishedPost],
    posts: Sequence[Post],
    bad: Sequence[BadPost],
    now: datetime,
    rules: PlanRules,
    live: int | None = None,
    recovered: RecoveredFeeds = NOTHING_RECOVERED,
    readings: FileReadings = NO_READINGS,
    verdicts: Verdicts = NO_VERDICTS,
) -> Plan:
    """What a publish at `now` would do. Never raises: what cannot be done is in `bad`, `held` or `stops`.

    Where `known` and `posts` lack settled pairs (core.settling), `live` is the number of all live posts.
    `recovered` is what feeds say that outlived the store; `readings` what is known of the files' bytes, and
    `verdicts` of bodies that were compared.
    """
    posts = sorted(posts, key=lambda post: post.path)  # a plan depends on no order but these
    known = sorted(known, key=lambda k: k.first_seq)
    stays = _out_already(posts, known, now, readings, head)
    visible = [*public_posts([p for p in posts if p.path not in stays], now), *stays.values()]
    waiting = [post for post in posts if post.path not in stays and wait_reason(post, now) is not None]
    spoilt = frozenset(b.path for b in bad)
    matches = match_posts(visible, waiting, known, spoilt, rules.naming, verdicts, rules.answers)
    clashes = [_clash(path, id, rivals) for path, (id, rivals) in matches.refused.items()]
    baseline = head.baseline_at is None
    fresh = [p for p in visible if not matches.knows(p) and p.path not in matches.unsure]
    old = {p.path for p in fresh if readings.is_old(p, head)}
    homes = {matches.of[p.path].id: p for p in visible if p.path in matches.of}
    as_now = replace(rules, backfill=rules.backfill or baseline)
    new, twins = _new(fresh, known, homes, now, as_now, recovered, old)
    changes, touched, renamed = _changed(visible, matches, readings)
    withdrawn, followed, early = _hidden(waiting, matches, now, rules, head)
    away = _vanished(matches)
    emptied = {k.id: k for k in known if k.live and k.post.path in {b.path for b in bad if b.empty}}
    lost = {k.post.path for k in emptied.values() if _long_gone(k, now)}
    missing, gone = _missing(away, now, meant=Guard.MISSING in rules.meant)
    count = sum(k.live for k in known) if live is None else live
    wrong = [b for b in bad if not b.unsettled and (not b.empty or b.path in lost)]
    waits = {k.post.path for k in emptied.values()} - lost | {b.path for b in bad if b.unsettled}
    return Plan(
        head=head.seq,
        baseline=baseline,
        changes=(*gone, *withdrawn, *changes, *new),
        touched=(*touched, *followed),
        renamed=tuple(renamed),
        missing=(*(k.id for k in missing), *(k.id for k in emptied.values() if k.post.path not in lost)),
        found=tuple(
            k.id for k in known if k.missing_since is not None and k.id not in away and k.id not in emptied
        ),
        held=_holds(visible, matches, missing),
        bad=(*sorted(wrong, key=lambda b: (b.path, b.line)), *clashes, *twins),
        unsettled=tuple(sorted(waits)),
        next_at=next_publication(posts, now),
        stops=(
            *_stops(count, [*(k.post for k in missing), *(c.post for c in gone)], early, changes, rules),
            *(() if Guard.CHURN in rules.meant else recovered.stops(new, rules.naming.authority)),
        ),
        recovered=recovered.known(new, rules.naming.authority),
        read_anew=_read_anew(touched, matches),
        sources=_sources(matches, new, readings),
        reader=readings.version,
        kept_dates=_kept_dates(touched, matches),
        readdressed=_readdressed(posts, matches) if rules.pages else (),
    )


def _out_already(
    posts: Sequence[Post],
    known: Sequence[PublishedPost],
    now: datetime,
    readings: FileReadings,
    head: LogHead,
) -> dict[str, Post]:
    """Live posts whose files are as they were published and would begin later now, by path: a setting or this
    version says so, not the author. What is out stays out.
    """
    live = {k.post.path: k for k in known if k.live}
    ahead = (post for post in posts if post.path in live and wait_reason(post, now) is WaitReason.FUTURE)
    return {
        post.path: post
        for post in ahead
        if readings.stays_out(live[post.path], post, now) and not _fell_back(live[post.path], post, now, head)
    }


def _read_anew(touched: Iterable[tuple[str, Post]], matches: Matches) -> tuple[str, ...]:
    before = {hit.id: hit.post.revision for hit in matches.of.values()}
    return tuple(id for id, post in touched if post.revision != before[id])


def _kept_dates(touched: Iterable[tuple[str, Post]], matches: Matches) -> tuple[Post, ...]:
    before = {hit.id: hit.post.dated for hit in matches.of.values()}
    return tuple(post for id, post in touched if post.dated not in (None, before[id]))


def _sources(matches: Matches, new: Iterable[Change], readings: FileReadings) -> tuple[tuple[str, str], ...]:
    """What the log does not know yet of the files that its posts stand for."""
    stale = {
        hit.id: readings.hashes[path]
        for path, hit in matches.of.items()
        if path in readings.hashes
        and (hit.file_hash, hit.reader) != (readings.hashes[path], readings.version)
    }
    stale |= {c.id: readings.hashes[c.post.path] for c in new if c.post.path in readings.hashes}
    return tuple(sorted(stale.items()))


def _readdressed(posts: Iterable[Post], matches: Matches) -> tuple[tuple[str, str], ...]:
    """Pages that readers know under another address than the one they have now."""
    pairs = ((matches.of[post.path], post) for post in posts if post.path in matches.of)
    moved = {
        (page_path(hit.post.permalink), hit.id) for hit, post in pairs if hit.post.permalink != post.permalink
    }
    return tuple(sorted(moved))


def _clash(path: str, id: str, paths: Iterable[str]) -> BadPost:
    others = ", ".join(sorted(set(paths) - {path})) or "a post that moved"
    return BadPost(path=path, reason=f"its id {id} is also claimed by {others}; give one of them another id")


def _new(
    fresh: Sequence[Post],
    known: Sequence[PublishedPost],
    homes: Mapping[str, Post],
    now: datetime,
    rules: PlanRules,
    recovered: RecoveredFeeds,
    old: Collection[str],
) -> tuple[list[Change], list[BadPost]]:
    """The posts that enter the log. Two explicit ids alike: neither enters; two permalinks alike: the one
    that is in the log (`homes`: its file now, by id), else the first, has the address, and the other waits
    for one of its own. Where the post that an id was made for has moved on, the file's path makes the id. A
    post of an adopted feed keeps its id. Those whose paths are in `old` are no news.
    """
    owners: defaultdict[str, list[str]] = defaultdict(list, {k.id: [k.post.path] for k in known})
    adopted = {it.post.path: it.entry.id for it in rules.naming.adopted.found(fresh, owners)}
    rest = [post for post in fresh if post.path not in adopted]
    adopted |= recovered.ids(rest, {*owners, *adopted.values()})
    rest = [post for post in fresh if post.path not in adopted]
    twins = _same_address(rest, homes, owners.keys(), rules)
    held = {twin.path for twin in twins}
    fresh = [post for post in fresh if post.path not in held]
    ids = {post.path: adopted.get(post.path) or mint(post, rules.naming) for post in fresh}
    crowd = Counter((*ids.values(), *owners))
    for post in fresh:
        if crowd[ids[post.path]] > 1 and not (post.explicit_id or post.path in adopted):
            ids[post.path] = mint(post, rules.naming, by_path=True)
    for path, id in ids.items():
        owners[id].append(path)
    bad = [_clash(path, id, owners[id]) for path, id in ids.items() if len(owners[id]) > 1]
    refused = {b.path for b in bad}
    made = [_publish(p, ids[p.path], now, rules, p.path in old) for p in fresh if p.path not in refused]
    return recovered.settled(made, rules.naming.authority), [*bad, *twins]


def _same_address(
    fresh: Sequence[Post], homes: Mapping[str, Post], ids: Collection[str], rules: PlanRules
) -> list[BadPost]:
    """The new posts whose page or link would be another's. Posts that are read elsewhere (a canonical address
    in their front matter) share none. Like all that is asked of known posts this goes by names
    (core.settling), and the address of a post with an id of its own is none: of two that want one page
    `services.feeds.post_pages` tells.
    """
    first: dict[str, Post] = {}
    found: list[BadPost] = []
    for post in fresh:
        id = mint(post, rules.naming)
        if post.explicit_id or post.url != post.base_url or (id in ids and id not in homes):
            continue
        home = homes[id] if id in homes else first.setdefault(post.permalink, post)
        if home is not post and home.permalink == post.permalink:
            why = (
                f"its address {post.permalink} is that of {home.path}; "
                "give one of them another slug or permalink"
            )
            found.append(BadPost(path=post.path, reason=why))
    return found


def _publish(post: Post, id: str, now: datetime, rules: PlanRules, old: bool) -> Change:
    assert post.due is not None  # noqa: S101  # the gate let it pass
    backfill = old or rules.backfill or now - post.due > rules.max_age
    return Change(kind=LogKind.PUBLISHED, id=id, post=post, backfill=backfill)


def _changed(
    visible: Sequence[Post], matches: Matches, readings: FileReadings
) -> tuple[list[Change], list[tuple[str, Post]], list[Rename]]:
    """What happened to posts of the log that may be seen: updated, restored, moved, touched. One that says no
    title keeps the one it had.
    """
    changes: list[Change] = []
    touched: list[tuple[str, Post]] = []
    renamed: list[Rename] = []
    for post in visible:
        hit = matches.of.get(post.path)
        if hit is None:
            continue
        post = replace(
            post, assets=merge_assets(hit.post.assets, post.assets), title=post.title or hit.post.title
        )
        if hit.post.path != post.path:
            renamed.append(Rename(id=hit.id, old=hit.post.path, new=post.path))
        if not hit.live:
            changes.append(Change(kind=LogKind.RESTORED, id=hit.id, post=post))
        elif readings.read_anew(hit, post):
            if hit.post != post:
                touched.append((hit.id, post))
        elif (
            post.mail is PostMailOptions.CORRECTION and hit.post.mail is not PostMailOptions.CORRECTION
        ):  # newly marked: once
            changes.append(Change(kind=LogKind.CORRECTED, id=hit.id, post=post))
        elif hit.post.revision != post.revision:
            changes.append(Change(kind=LogKind.UPDATED, id=hit.id, post=post))
        elif hit.post != post:
            touched.append((hit.id, post))
    return changes, touched, renamed


def _hidden(
    waiting: Sequence[Post], matches: Matches, now: datetime, rules: PlanRules, head: LogHead
) -> tuple[list[Change], list[tuple[str, Post]], list[Post]]:
    """Posts of the log whose files may not be seen now: withdrawn, and followed while they change, so that
    they are known when they come back. And those of them that fell back into the future: their time had come
    by the clock that published them. They stay as they are where `rules.log_ahead`.
    """
    pairs = [(matches.of[post.path], post) for post in waiting if post.path in matches.of]
    early = {post.path for hit, post in pairs if _fell_back(hit, post, now, head)}
    if rules.log_ahead:
        pairs, early = [(hit, post) for hit, post in pairs if post.path not in early], set()
    withdrawn = [_withdraw(hit) for hit, _ in pairs if hit.live]
    followed = [(hit.id, post) for hit, post in pairs if hit.post != post]
    return withdrawn, followed, [hit.post for hit, post in pairs if post.path in early]


def _fell_back(hit: PublishedPost, post: Post, now: datetime, head: LogHead) -> bool:
    """Whether a live post waits for its time only because the clock went back: the log was there already. One
    that its author gave a later date had its time before.
    """
    due = hit.post.due
    if not hit.live or due is None or head.at is None or wait_reason(post, now) is not WaitReason.FUTURE:
        return False
    return now < due <= head.at


def _vanished(matches: Matches) -> dict[str, PublishedPost]:
    """The known posts without a file, by id, in log order; one that is held is a file."""
    held = {hit.id for hits in matches.unsure.values() for hit in hits}
    return {id: k for id, k in matches.free.items() if id not in held and matches.is_away(k)}


def _missing(
    away: Mapping[str, PublishedPost], now: datetime, *, meant: bool
) -> tuple[list[PublishedPost], list[Change]]:
    """Live posts without a file: those to wait for, and those to withdraw; all, where that is meant."""
    live = [k for k in away.values() if k.live]
    missing = [k for k in live if not (meant or _long_gone(k, now))]
    return missing, [_withdraw(k) for k in live if meant or _long_gone(k, now)]


def _withdraw(k: PublishedPost) -> Change:
    return Change(kind=LogKind.WITHDRAWN, id=k.id, post=k.post)


def _long_gone(k: PublishedPost, now: datetime) -> bool:
    return (
        k.missing_since is not None
        and k.missing_scans + 1 >= MIN_MISSING_SCANS
        and now - k.missing_since >= MIN_MISSING_TIME
    )


def _holds(
    visible: Sequence[Post], matches: Matches, missing: Sequence[PublishedPost]
) -> tuple[HeldPost, ...]:
    unsure = [
        HeldPost(
            path=p.path,
            why=HoldReason.AMBIGUOUS,
            may_be=tuple(sorted(k.post.path for k in matches.unsure[p.path])),
        )
        for p in visible
        if p.path in matches.unsure
    ]
    return (*unsure, *(HeldPost(path=k.post.path, why=HoldReason.MISSING) for k in missing))


def _stops(
    live: int, away: Sequence[Post], early: Sequence[Post], changes: Sequence[Change], rules: PlanRules
) -> tuple[Stop, ...]:
    """What must not be carried out unless its author says so."""
    updated = [change.post.path for change in changes if change.kind is LogKind.UPDATED]
    found = (
        *check_missing(live, [post.path for post in away], [post.path for post in early]),
        *check_churn(live, updated),
        *check_authority(live, rules.authority_before, rules.naming.authority),
    )
    return tuple(stop for stop in found if stop.guard not in rules.meant)
