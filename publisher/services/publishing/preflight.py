"""Checks before anything is written or mailed: that the clock is not behind the log, that links in mails lead
to this site, and that new posts are neither copies nor too many at once.

Nothing is written while the clock is behind the last entry of the log; commands that only read report it.

Publisher probes web.public_url before it plans a mailing, at most once a day. If another site answers, no
mail is planned, because unsubscribe links would be dead. No answer, or a server error, is only a warning: a
proxy may be starting, or this machine cannot resolve the name.

New posts that look like copies, and too many new posts at once, are held until the author decides.
"""

import json
from collections.abc import Collection, Sequence
from datetime import datetime
from urllib.parse import urlsplit

from publisher.core.errors import ClockBehind, Refused
from publisher.core.posts.post import BadPost, Post
from publisher.core.publishing.incremental import PostKeys
from publisher.core.publishing.log import LogKind
from publisher.core.publishing.matching import MIN_WORDS, shingled_text
from publisher.core.publishing.new_post_guards import (
    ARRIVAL_WINDOW,
    MIN_MAX_NEW,
    copy_origin,
    hold_arrivals,
    hold_copies,
    is_same_text,
    max_new_posts,
    new_posts,
)
from publisher.core.publishing.plan import Guard, Plan, PlanRules
from publisher.core.times import (
    NOW_LEEWAY,
    AheadCause,
    ClockLag,
    LogAhead,
    accepted_log_ahead,
    clock_lag,
    local_time,
    log_ahead_after,
    log_ahead_from,
)
from publisher.core.tokens import LINK_RULE, PROOF_PATH, ProofAnswer, SiteIdentity, verifies_proof
from publisher.ports import Store
from publisher.services.deps import Adapters, Deps

LOG_AHEAD = "log_ahead"
"""The key, in the store, of why the log is ahead of a correct clock: a `core.times.LogAhead`, or ""."""

PUBLIC_URL_ANSWER = "public_url"
"""Key of the last answer in the store, which is JSON."""

PUBLIC_URL_SETTING = "web.public_url"

_RESERVED = ("example", "invalid", "test", "example.com", "example.net", "example.org")
"""Reserved names (RFC 2606, RFC 6761), which are not probed, nor are names below them."""


def log_ahead(store: Store) -> LogAhead | None:
    """Why the log is ahead of the clock, if that is known."""
    return log_ahead_from(store.meta(LOG_AHEAD))


def clock_behind(store: Store, now: datetime) -> ClockLag | None:
    """How far a clock that shows `now` is behind; None if it can be trusted."""
    last = store.last_entry()
    if clock_lag(now, last, None) is None:
        return None
    return clock_lag(now, last, log_ahead(store))


def check_clock(store: Store, zone: str, now: datetime, real: datetime) -> None:
    """Checks the clock; call it before anything is written at `now`, with the machine's time as `real`. If
    `now` is pretended with `--at`, the store records that. Raises ClockBehind.
    """
    last, ahead = store.last_entry(), log_ahead(store)
    lag = clock_lag(now, last, ahead)
    if lag is not None:
        if abs(now - real) > NOW_LEEWAY:
            raise ClockBehind("--at", lag.in_words(zone), "nothing was changed; give a later time")
        do = "nothing was changed; set the clock, or accept it as it is with `publisher reconcile --clock`"
        raise ClockBehind("clock", lag.in_words(zone), do)
    new = log_ahead_after(now, real, last, ahead)
    if new != ahead:
        store.set_meta(LOG_AHEAD, new.to_text() if new else "")


def accept_clock(store: Store, now: datetime) -> ClockLag | None:
    """Trusts the clock from now on; returns how far it was behind, None if it was right."""
    lag, last = clock_behind(store, now), store.last_entry()
    if lag is None or last is None:
        return None
    store.set_meta(LOG_AHEAD, accepted_log_ahead(now, last).to_text())
    return lag


def log_stays_ahead(store: Store, now: datetime) -> bool:
    """Whether posts that are public in the log but due after `now` stay public, because a command was run
    with a later --at or the clock was set back a little.
    """
    head = store.head().at
    if head is None or head <= now or clock_behind(store, now) is not None:
        return False
    ahead = log_ahead(store)
    return ahead is None or ahead.cause is AheadCause.PRETENDED


def describe_log_ahead(store: Store, zone: str, now: datetime) -> str:
    """A sentence about a log that is ahead of `now`; "" if it is not."""
    ahead = log_ahead(store)
    if ahead is None or now >= ahead.until:
        return ""
    until = local_time(ahead.until, zone)
    if ahead.cause is AheadCause.PRETENDED:
        why = "because a command was run with --at: what it published stays, and is not mailed again"
    else:
        why = "because it was written while the clock was wrong"
    return f"the log is ahead of the clock until {until}, {why}"


def last_answer(store: Store) -> ProofAnswer | None:
    """The last answer; None if web.public_url was never probed."""
    try:
        kept = json.loads(store.meta(PUBLIC_URL_ANSWER) or "null")
        at = datetime.fromisoformat(kept["at"])
        return ProofAnswer(url=kept["url"], at=at, answer=SiteIdentity(kept["answer"]), words=kept["words"])
    except (TypeError, KeyError, ValueError):
        return None


def check_public_url(deps: Deps, now: datetime) -> Refused | None:
    """Returns why no mail may be planned if its links would lead to another site, unless the operator
    overrides the rule. Probes web.public_url and stores the answer, unless today's is known or mail does not
    leave this machine.
    """
    if not deps.rules.checked_public_url:
        return None
    seen = last_answer(deps.adapters.store)
    if seen is None or not seen.holds(deps.rules.checked_public_url, now):
        seen = _probe(deps, now)
        kept = {"url": seen.url, "at": seen.at.isoformat(), "answer": seen.answer, "words": seen.words}
        deps.adapters.store.set_meta(PUBLIC_URL_ANSWER, json.dumps(kept))
        problem = [f"{PUBLIC_URL_SETTING}: {seen.words}"] if seen.words else []
        deps.adapters.store.set_problems("public url", problem, now)
    if seen.answer is not SiteIdentity.OTHER or LINK_RULE in deps.process.overridden_rules:
        return None
    what = f"no mail is sent, for its links would be dead: {seen.words}"
    do = f"set it to where this Publisher is reached, or `publisher publish --force {LINK_RULE}`"
    return Refused(PUBLIC_URL_SETTING, what, do)


def _probe(deps: Deps, now: datetime) -> ProofAnswer:
    """Asks web.public_url to prove that it knows this site's secret key."""
    url, challenge = deps.rules.checked_public_url, deps.process.nonce()
    host = urlsplit(url).hostname or ""
    if f".{host}".endswith(tuple(f".{name}" for name in _RESERVED)):
        words = f"nobody answers at {url} ({host} is reserved for examples)"
        return ProofAnswer(url=url, at=now, answer=SiteIdentity.NONE, words=words)
    reply = deps.adapters.http_client().ask(f"{url}{PROOF_PATH}?challenge={challenge}", {host})
    if reply.status == 0 or reply.status == 429 or reply.status >= 500:
        return ProofAnswer(
            url=url, at=now, answer=SiteIdentity.NONE, words=f"nobody answers at {url} ({reply.summary})"
        )
    if not verifies_proof(reply.text, challenge, deps.process.keyring()):
        words = f"another site answers at {url} ({reply.summary} for {url}{PROOF_PATH})"
        if reply.text.startswith("alive\n"):
            words = f"another Publisher answers at {url}: its secret is another, or its version older"
        return ProofAnswer(url=url, at=now, answer=SiteIdentity.OTHER, words=words)
    final_url = reply.url.partition("?")[0].removesuffix(PROOF_PATH)
    words = (
        ""
        if final_url == url
        else f"{url} redirects to {final_url}, and one-click unsubscribes do not follow redirects"
    )
    return ProofAnswer(url=url, at=now, answer=SiteIdentity.OURS, words=words)


ACCEPTED = "arrivals_accepted"
"""The key in the store of when the author last let many new posts out: those before do not count."""

COMPARED_NEW, COMPARED_OLD = 50, 200
"""Bodies are compared of at most so many new posts, with those of the posts published last."""

SIMILAR_LENGTH = 0.8
"""Bodies whose lengths differ more cannot share nine tenths of their text."""


def hold_new_posts(
    adapters: Adapters,
    plan: Plan,
    rules: PlanRules,
    max_new: int | None,
    on_disk: Collection[str],
    now: datetime,
) -> Plan:
    """The plan without new posts that the author has to confirm. `on_disk` are the paths of all files of the
    folder. Raises SourceError, StoreError.
    """
    if not new_posts(plan) or plan.stops:
        return plan
    plan = hold_copies(plan, _copies(adapters, plan, rules, on_disk))
    if plan.baseline or rules.backfill or Guard.CHURN in rules.confirmed:
        return plan
    number = sum(post.path not in rules.answers.new for post in new_posts(plan))
    most = MIN_MAX_NEW if max_new is None else max_new
    if not number or number + (recent := _published_lately(adapters.store, now)) <= most:
        return plan
    if max_new is None and number + recent <= max_new_posts(None, adapters.store.count_live_posts()):
        return plan
    return hold_arrivals(plan, but=rules.answers.new)


def remember_accepted(store: Store, plan: Plan, rules: PlanRules, now: datetime) -> None:
    """Records that the author let many new posts out, so that the next one is not held with them."""
    if (rules.backfill or Guard.CHURN in rules.confirmed) and not plan.baseline and new_posts(plan):
        store.set_meta(ACCEPTED, now.isoformat())


def _published_lately(store: Store, now: datetime) -> int:
    """How many posts were published a short while ago, without those that the author confirmed."""
    head = store.head()
    since = [now - ARRIVAL_WINDOW, *([head.baseline_at] if head.baseline_at else [])]
    if accepted := store.meta(ACCEPTED):
        since.append(datetime.fromisoformat(accepted))
    return len(store.rows_of_kinds((LogKind.PUBLISHED,), store.seq_at(max(since))))


def _copies(
    adapters: Adapters, plan: Plan, rules: PlanRules, on_disk: Collection[str]
) -> dict[str, Sequence[str]]:
    """New posts that are copies, by their paths: the paths of what they are copies of."""
    found: dict[str, Sequence[str]] = {}
    new = [post for post in new_posts(plan) if post.path not in rules.answers.new]
    for post in new:
        origin = copy_origin(post.path)
        if origin is not None and origin in on_disk:
            found[post.path] = (origin,)
    rest = [post for post in new if post.path not in found]
    if plan.baseline or plan.recovered or not 0 < len(rest) <= COMPARED_NEW or not plan.head:
        return found
    return found | _same_texts(adapters, plan, rest, on_disk)


def _same_texts(
    adapters: Adapters, plan: Plan, new: Sequence[Post], on_disk: Collection[str]
) -> dict[str, Sequence[str]]:
    """The new posts with the text of a post published lately, whose file is still there. What several posts
    say is a template.
    """
    store, bodies = adapters.store, _bodies(adapters, new)
    texts = {post.path: shingled_text(bodies[post.body_hash]) for post in new if post.body_hash in bodies}
    posts = [post for post in new if post.path in texts and len(texts[post.path].words) >= MIN_WORDS]
    like: dict[str, list[str]] = {post.path: [] for post in posts}
    for id, body in store.bodies_near(plan.head, COMPARED_OLD) if posts else ():
        near = [post for post in posts if _may_be_same(body, bodies[post.body_hash])]
        text = shingled_text(body) if near else None
        for post in near:
            if text is not None and is_same_text(text, texts[post.path]):
                like[post.path].append(id)
    alone = {path: ids[0] for path, ids in like.items() if len(ids) == 1}
    known = {k.id: k for k in store.posts_matching(PostKeys(ids=frozenset(alone.values())))}
    return {
        post.path: (known[alone[post.path]].post.path,)
        for post in posts
        if (id := alone.get(post.path, "")) in known
        and known[id].live
        and known[id].post.path in on_disk
        and known[id].post.language == post.language
    }


def _may_be_same(one: str, other: str) -> bool:
    """Whether two bodies are of about one length."""
    shorter, longer = sorted((len(one), len(other)))
    return shorter >= longer * SIMILAR_LENGTH


def _bodies(adapters: Adapters, posts: Sequence[Post]) -> dict[str, str]:
    """Bodies by their hash: from the store, where they are while a publish reads them, else from the
    files.
    """
    bodies = dict(adapters.store.bodies({post.body_hash for post in posts}))
    unread = sorted(post.path for post in posts if post.body_hash not in bodies)
    for reading in adapters.source().read_many(unread, {}) if unread else ():
        if reading.result is not None and not isinstance(reading.result, BadPost):
            bodies[reading.result.post.body_hash] = reading.result.body
    return bodies
