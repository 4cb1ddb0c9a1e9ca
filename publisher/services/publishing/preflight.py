"""Checks before anything is written or mailed: that the clock is not behind the log, and that links in mails
lead to this site.

Nothing is written while the clock is behind the last entry of the log; commands that only read report it.

Publisher probes web.public_url before it plans a mailing, at most once a day. If another site answers, no
mail is planned, because unsubscribe links would be dead. No answer, or a server error, is only a warning: a
proxy may be starting, or this machine cannot resolve the name.
"""

import json
from datetime import datetime
from urllib.parse import urlsplit

from publisher.core.errors import ClockBehind, Refused
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
from publisher.services.deps import Deps

LOG_AHEAD = "log_ahead"
"""The key, in the store, of why the log is ahead of a correct clock: a `core.times.LogAhead`, or ""."""

PUBLIC_URL_ANSWER = "public_url"
"""The key, in the store, of the last answer, as JSON."""

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
        words = f"nobody answers at {url} ({host} is a name for examples, and no site's)"
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
        else f"{url} redirects to {final_url}, and one-click unsubscribes follow no redirect"
    )
    return ProofAnswer(url=url, at=now, answer=SiteIdentity.OURS, words=words)
