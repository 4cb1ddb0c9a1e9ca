"""Checks that links in mails lead to this site: Publisher probes web.public_url before it plans a mailing, at
most once a day.

If another site answers, no mail is planned, because unsubscribe links would be dead. No answer, or a server
error, is only a warning: a proxy may be starting, or this machine cannot resolve the name.
"""

import json
from datetime import datetime
from urllib.parse import urlsplit

from publisher.core.errors import Refused
from publisher.core.tokens import LINK_RULE, PROOF_PATH, ProofAnswer, SiteIdentity, verifies_proof
from publisher.ports import Store
from publisher.services.deps import Deps

FACT = "public_url"
"""The key, in the store, of the last answer, as JSON."""

SETTING = "web.public_url"

_RESERVED = ("example", "invalid", "test", "example.com", "example.net", "example.org")
"""Reserved names (RFC 2606, RFC 6761), which are not probed, nor are names below them."""


def last_answer(store: Store) -> ProofAnswer | None:
    """The last answer; None if web.public_url was never probed."""
    try:
        kept = json.loads(store.meta(FACT) or "null")
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
        deps.adapters.store.set_meta(FACT, json.dumps(kept))
        problem = [f"{SETTING}: {seen.words}"] if seen.words else []
        deps.adapters.store.set_problems("public url", problem, now)
    if seen.answer is not SiteIdentity.OTHER or LINK_RULE in deps.process.overridden_rules:
        return None
    what = f"no mail is sent, for its links would be dead: {seen.words}"
    do = f"set it to where this Publisher is reached, or `publisher publish --force {LINK_RULE}`"
    return Refused(SETTING, what, do)


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
