"""Publish: from the folder to the log, then to the documents.

    gather -> [publish:planned] -> apply -> [publish:applied] -> remember -> [publish:remembered] -> documents

Each arrow may be the last one before a crash: the next publish finds the same plan, or an applied one,
and goes on. Nothing is written before the plan is whole.
"""

from dataclasses import dataclass
from datetime import datetime

from publisher.core.errors import Refused
from publisher.core.guards import Guard, ways_out
from publisher.core.log import Head
from publisher.core.plans import Plan
from publisher.core.settling import Memory
from publisher.services.assets import asset_documents
from publisher.services.documents import write
from publisher.services.feeds import feed_documents
from publisher.services.gathering import gather
from publisher.services.pages import home_page
from publisher.services.parts import Parts
from publisher.services.postpages import OWNED, post_pages
from publisher.services.ruling import keep_rules


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """What a publish did: the plan it carried out, the log's head after it, and the documents rewritten."""

    plan: Plan
    head: Head
    written: tuple[str, ...]


def publish(
    parts: Parts,
    now: datetime,
    *,
    backfill: bool = False,
    expect: str | None = None,
    meant: frozenset[Guard] = frozenset(),
) -> Published:
    """Brings log and documents up to `now`. With `expect`, only if the plan's hash is still that one. What
    `meant` names does not stop it.

    Raises Refused (plan changed, or the churn guard), Conflict, SourceError, StoreError, OutputError.
    """
    gathered = gather(parts, now, backfill=backfill, meant=meant, keep=True)
    plan = gathered.plan
    _check(plan, expect)
    parts.reach("publish:planned")
    _remember(parts, gathered.before)
    head = parts.store.head()
    if not plan.nothing:
        head = parts.store.apply(plan, {}, now)
    keep_rules(parts, gathered.rules)
    parts.reach("publish:applied")
    _remember(parts, gathered.memory)
    parts.reach("publish:remembered")
    parts.store.set_problems("posts", [str(b) for b in plan.bad], now)
    written = _documents(parts, now)
    return Published(plan=plan, head=head, written=written)


def _remember(parts: Parts, memory: Memory) -> None:
    if not memory.nothing:
        parts.store.remember(memory)


def _documents(parts: Parts, now: datetime) -> tuple[str, ...]:
    """Pages and assets before the feeds that speak of them."""
    live = [known for known in parts.store.known() if known.live] if parts.pages else []
    pages, problems = post_pages(parts, live)
    parts.store.set_problems("pages", problems, now)
    wanted = [*asset_documents(parts, live), *pages, *feed_documents(parts), home_page(parts)]
    return write(parts, wanted, now, owned=OWNED)


def _check(plan: Plan, expect: str | None) -> None:
    if expect is not None and expect != plan.hash:
        raise Refused(
            "publish", f"the plan is now {plan.hash}, not {expect}", "look at `publisher plan` again"
        )
    if plan.stops:
        why = "; ".join(map(str, plan.stops))
        raise Refused("posts", why, f"nothing was changed; {ways_out(plan.stops)}")
