"""Planning a publish: from the log, the folder and the rules to a Plan. Everything it uses is an argument."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from publisher.core.posts.page_paths import is_reserved, page_path
from publisher.core.posts.post import (
    BadPost,
    Post,
    PostMailOptions,
    WaitReason,
    merge_assets,
    next_publication,
    public_posts,
    wait_reason,
)
from publisher.core.publishing.incremental import FileReadings
from publisher.core.publishing.log import LogHead, LogKind, PublishedPost, mint
from publisher.core.publishing.matching import NO_VERDICTS, Matches, Verdicts, match_posts
from publisher.core.publishing.plan import (
    Change,
    Guard,
    HeldPost,
    HoldReason,
    Plan,
    PlanRules,
    RecoveredFeeds,
    Rename,
    Stop,
    check_authority,
    check_churn,
    check_missing,
)

MIN_MISSING_SCANS = 2
MIN_MISSING_TIME = timedelta(minutes=10)
"""Editors, rsync and git delete a file before they write it anew, so a post is withdrawn only once two scans,
ten minutes apart, did not find its file.
"""

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

    If `known` and `posts` leave out unchanged pairs (see `incremental`), `live` is the number of all live
    posts. `recovered` are the feeds of a lost store, `readings` is what is known about the files' bytes, and
    `verdicts` come from comparing bodies.
    """
    posts = sorted(posts, key=lambda post: post.path)  # whatever the order of files, the plan is the same
    known = sorted(known, key=lambda k: k.first_seq)
    stays = _staying_public(posts, known, now, readings, head)
    visible = [*public_posts([p for p in posts if p.path not in stays], now), *stays.values()]
    waiting = [post for post in posts if post.path not in stays and wait_reason(post, now) is not None]
    unreadable = frozenset(b.path for b in bad)
    matches = match_posts(visible, waiting, known, unreadable, rules.naming, verdicts, rules.answers)
    clashes = [_clash(path, id, rivals) for path, (id, rivals) in matches.refused.items()]
    baseline = head.baseline_at is None
    fresh = [p for p in visible if not matches.knows(p) and p.path not in matches.unsure]
    old = {p.path for p in fresh if readings.is_old(p, head)}
    # A live post whose file cannot be used keeps its last good version, and with it its address.
    unusable = unreadable | matches.refused.keys()
    files = {k.id: k.post for k in known if k.live and k.post.path in unusable}
    files |= {matches.of[p.path].id: p for p in visible if p.path in matches.of}
    rules_now = replace(rules, backfill=rules.backfill or baseline)
    new, same_address = _new(fresh, known, files, now, rules_now, recovered, old)
    changes, touched, renamed = _changed(visible, matches, readings)
    before = {hit.id: hit.post for hit in matches.of.values()}
    withdrawn, followed, early = _hidden(waiting, matches, now, rules, head)
    absent = _absent(known, bad, matches, now, rules)
    count = sum(k.live for k in known) if live is None else live
    missing = [k.post for k in absent.waiting] + [change.post for change in absent.withdrawn]
    return Plan(
        head=head.seq,
        baseline=baseline,
        changes=(*absent.withdrawn, *withdrawn, *changes, *new),
        touched=(*touched, *followed),
        renamed=tuple(renamed),
        missing=(*(k.id for k in absent.waiting), *absent.emptied),
        found=tuple(k.id for k in known if k.missing_since is not None and k.id not in absent.ids),
        held=_holds(visible, matches, absent.waiting),
        bad=(*sorted(absent.bad, key=lambda b: (b.path, b.line)), *clashes, *same_address),
        unsettled=tuple(sorted(absent.unsettled)),
        next_at=next_publication(posts, now),
        stops=(
            *_stops(count, missing, early, changes, rules),
            *(() if Guard.CHURN in rules.confirmed else recovered.stops(new, rules.naming.authority)),
        ),
        recovered=recovered.count_known(new, rules.naming.authority),
        read_anew=tuple(id for id, post in touched if post.revision != before[id].revision),
        sources=_sources(matches, new, readings),
        reader=readings.version,
        kept_dates=tuple(post for id, post in touched if post.dated not in (None, before[id].dated)),
        readdressed=_moved_pages(posts, matches) if rules.pages else (),
        not_public=tuple(p for p in waiting if not p.page_only and not matches.knows(p)),
    )


@dataclass(frozen=True, slots=True)
class _Absent:
    """Posts of the log without a file, or whose file is empty. Of the live ones without a file, those in
    `waiting` stay public for now and those in `withdrawn` do not. `emptied` are the ids of those whose empty
    file may still be filled. `ids` are all of them, `bad` the files to report, and `unsettled` the paths of
    files to look at again soon.
    """

    ids: Collection[str]
    waiting: Sequence[PublishedPost]
    withdrawn: Sequence[Change]
    emptied: Sequence[str]
    bad: Sequence[BadPost]
    unsettled: Collection[str]


def _absent(
    known: Sequence[PublishedPost],
    bad: Sequence[BadPost],
    matches: Matches,
    now: datetime,
    rules: PlanRules,
) -> _Absent:
    unsure = {hit.id for hits in matches.unsure.values() for hit in hits}
    away = {id: k for id, k in matches.free.items() if id not in unsure and matches.is_away(k)}
    empty_paths = {b.path for b in bad if b.empty}
    emptied = {k.id: k for k in known if k.live and k.post.path in empty_paths}
    given_up = {k.post.path for k in emptied.values() if _long_gone(k, now)}
    withdraw_all = Guard.MISSING in rules.confirmed
    gone = [k for k in away.values() if k.live and (withdraw_all or _long_gone(k, now))]
    return _Absent(
        ids={*away, *emptied},
        waiting=[k for k in away.values() if k.live and not (withdraw_all or _long_gone(k, now))],
        withdrawn=[_withdraw(k) for k in gone],
        emptied=[k.id for k in emptied.values() if k.post.path not in given_up],
        bad=[b for b in bad if not b.unsettled and (not b.empty or b.path in given_up)],
        unsettled={k.post.path for k in emptied.values()} - given_up | {b.path for b in bad if b.unsettled},
    )


def _staying_public(
    posts: Sequence[Post],
    known: Sequence[PublishedPost],
    now: datetime,
    readings: FileReadings,
    head: LogHead,
) -> dict[str, Post]:
    """Live posts, by path, whose files have not changed but now have a future date: a setting or this version
    of Publisher moved it, not the author. What is public stays public.
    """
    live = {k.post.path: k for k in known if k.live}
    ahead = (post for post in posts if post.path in live and wait_reason(post, now) is WaitReason.FUTURE)
    return {
        post.path: post
        for post in ahead
        if readings.stays_public(live[post.path], post, now)
        and not _only_the_clock_went_back(live[post.path], post, now, head)
    }


def _sources(matches: Matches, new: Iterable[Change], readings: FileReadings) -> tuple[tuple[str, str], ...]:
    """(post id, file hash) of posts for which the log does not have the file's hash and reader yet."""
    stale = {
        hit.id: readings.hashes[path]
        for path, hit in matches.of.items()
        if path in readings.hashes
        and (hit.file_hash, hit.reader) != (readings.hashes[path], readings.version)
    }
    stale |= {c.id: readings.hashes[c.post.path] for c in new if c.post.path in readings.hashes}
    return tuple(sorted(stale.items()))


def _moved_pages(posts: Iterable[Post], matches: Matches) -> tuple[tuple[str, str], ...]:
    """(old path under public/, post id) of pages whose address changed. Before posts had pages, their links
    led there all the same.
    """
    pairs = ((matches.of[post.path], post) for post in posts if post.path in matches.of)
    moved = {
        (page_path(hit.post.permalink), hit.id) for hit, post in pairs if hit.post.permalink != post.permalink
    }
    return tuple(sorted((path, id) for path, id in moved if not is_reserved(path)))


def _clash(path: str, id: str, paths: Iterable[str]) -> BadPost:
    others = ", ".join(sorted(set(paths) - {path})) or "a post that moved"
    return BadPost(path=path, reason=f"its id {id} is also claimed by {others}; give one of them another id")


def _new(
    fresh: Sequence[Post],
    known: Sequence[PublishedPost],
    files: Mapping[str, Post],
    now: datetime,
    rules: PlanRules,
    recovered: RecoveredFeeds,
    old: Collection[str],
) -> tuple[list[Change], list[BadPost]]:
    """The posts that enter the log, and those that cannot. Of two posts with one explicit id, neither enters.
    Of two with one permalink, the one already in the log (`files` maps ids to the current file) or else the
    first has the address, and the other waits until it gets its own. If the id made from a permalink belongs
    to a post that has moved, the new post's id is made from its path. Posts of an adopted feed keep their
    ids. Posts whose paths are in `old` are not news.
    """
    owners: defaultdict[str, list[str]] = defaultdict(list, {k.id: [k.post.path] for k in known})
    adopted = {it.post.path: it.entry.id for it in rules.naming.adopted.found(fresh, owners)}
    rest = [post for post in fresh if post.path not in adopted]
    adopted |= recovered.ids(rest, {*owners, *adopted.values()})
    rest = [post for post in fresh if post.path not in adopted]
    same_address = _same_address(rest, files, owners.keys(), rules)
    held = {bad.path for bad in same_address}
    fresh = [post for post in fresh if post.path not in held]
    ids = {post.path: adopted.get(post.path) or mint(post, rules.naming) for post in fresh}
    uses = Counter((*ids.values(), *owners))
    for post in fresh:
        if uses[ids[post.path]] > 1 and not (post.explicit_id or post.path in adopted):
            ids[post.path] = mint(post, rules.naming, by_path=True)
    for path, id in ids.items():
        owners[id].append(path)
    bad = [_clash(path, id, owners[id]) for path, id in ids.items() if len(owners[id]) > 1]
    refused = {b.path for b in bad}
    made: list[Change] = []
    for post in fresh:
        if post.path in refused:
            continue
        assert post.due is not None  # noqa: S101  # wait_reason let it pass
        backfill = post.path in old or rules.backfill or now - post.due > rules.max_age
        made.append(Change(kind=LogKind.PUBLISHED, id=ids[post.path], post=post, backfill=backfill))
    return recovered.in_old_order(made, rules.naming.authority), [*bad, *same_address]


def _same_address(
    fresh: Sequence[Post], files: Mapping[str, Post], ids: Collection[str], rules: PlanRules
) -> list[BadPost]:
    """The new posts whose address belongs to another post. Posts with a canonical address on another site do
    not count.

    Known posts are found by their keys only (see `incremental`), and the address of a post with an explicit
    id is not a key, so such posts are left out here; `services.feeds.post_pages` reports two for one page.
    """
    first: dict[str, Post] = {}
    found: list[BadPost] = []
    for post in fresh:
        id = mint(post, rules.naming)
        if post.explicit_id or post.url != post.base_url or (id in ids and id not in files):
            continue
        owner = files[id] if id in files else first.setdefault(post.permalink, post)
        if owner is not post and owner.permalink == post.permalink:
            reason = (
                f"its address {post.permalink} is that of {owner.path}; "
                "give one of them another slug or permalink"
            )
            found.append(BadPost(path=post.path, reason=reason))
    return found


def _changed(
    visible: Sequence[Post], matches: Matches, readings: FileReadings
) -> tuple[list[Change], list[tuple[str, Post]], list[Rename]]:
    """What happened to posts of the log that are public: updated, restored, corrected, renamed or touched. A
    post without a title keeps its former one.
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
        # A correction is mailed once: when the mark is new.
        elif post.mail is PostMailOptions.CORRECTION and hit.post.mail is not PostMailOptions.CORRECTION:
            changes.append(Change(kind=LogKind.CORRECTED, id=hit.id, post=post))
        elif hit.post.revision != post.revision:
            changes.append(Change(kind=LogKind.UPDATED, id=hit.id, post=post))
        elif hit.post != post:
            touched.append((hit.id, post))
    return changes, touched, renamed


def _hidden(
    waiting: Sequence[Post], matches: Matches, now: datetime, rules: PlanRules, head: LogHead
) -> tuple[list[Change], list[tuple[str, Post]], list[Post]]:
    """Posts of the log whose files are not public now: the withdrawals; the posts to keep up to date, so that
    they are recognized when they come back; and the posts that are early because the clock was set back to
    before they were published. With `rules.log_ahead`, early posts stay as they are.
    """
    pairs = [(matches.of[post.path], post) for post in waiting if post.path in matches.of]
    early = {post.path for hit, post in pairs if _only_the_clock_went_back(hit, post, now, head)}
    if rules.log_ahead:
        pairs, early = [(hit, post) for hit, post in pairs if post.path not in early], set()
    withdrawn = [_withdraw(hit) for hit, _ in pairs if hit.live]
    followed = [(hit.id, post) for hit, post in pairs if hit.post != post]
    return withdrawn, followed, [hit.post for hit, post in pairs if post.path in early]


def _only_the_clock_went_back(hit: PublishedPost, post: Post, now: datetime, head: LogHead) -> bool:
    """Whether a live post is in the future only because the clock was set back: the log had already reached
    its due time. A post that its author gave a later date is not: its former due time has passed.
    """
    due = hit.post.due
    if not hit.live or due is None or head.at is None or wait_reason(post, now) is not WaitReason.FUTURE:
        return False
    return now < due <= head.at


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
            reason=HoldReason.AMBIGUOUS,
            may_be=tuple(sorted(k.post.path for k in matches.unsure[p.path])),
        )
        for p in visible
        if p.path in matches.unsure
    ]
    return (*unsure, *(HeldPost(path=k.post.path, reason=HoldReason.MISSING) for k in missing))


def _stops(
    live: int, away: Sequence[Post], early: Sequence[Post], changes: Sequence[Change], rules: PlanRules
) -> tuple[Stop, ...]:
    """Why the plan must not be carried out unless the author confirms it."""
    updated = [change.post.path for change in changes if change.kind is LogKind.UPDATED]
    found = (
        *check_missing(live, [post.path for post in away], [post.path for post in early]),
        *check_churn(live, updated),
        *check_authority(live, rules.authority_before, rules.naming.authority),
    )
    return tuple(stop for stop in found if stop.guard not in rules.confirmed)
