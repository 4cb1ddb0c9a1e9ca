"""Publish: from the folder to the log, then to the documents.

    scan -> make_plan -> [publish:planned] -> apply -> [publish:applied] -> documents

Each arrow may be the last one before a crash: the next publish finds the same plan, or an applied one,
and goes on. Nothing is written before the plan is whole.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from publisher.core.errors import Refused
from publisher.core.log import Head
from publisher.core.planning import make_plan
from publisher.core.plans import Plan, Rules
from publisher.core.posts import BadPost, Post
from publisher.services.assets import asset_documents
from publisher.services.documents import write
from publisher.services.feeds import feed_documents
from publisher.services.pages import home_page
from publisher.services.parts import Parts
from publisher.services.postpages import OWNED, post_pages


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """A plan, and the bodies (by hash) of the posts it may store."""

    plan: Plan
    bodies: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """What a publish did: the plan it carried out, the log's head after it, and the documents rewritten."""

    plan: Plan
    head: Head
    written: tuple[str, ...]


def gather(parts: Parts, now: datetime, *, backfill: bool = False) -> Gathered:
    """Reads the folder and the log and decides; writes nothing. Raises SourceError, StoreError."""
    posts: list[Post] = []
    bad: list[BadPost] = []
    bodies: dict[str, str] = {}
    for item in parts.source.scan():
        if isinstance(item, BadPost):
            bad.append(item)
        else:
            posts.append(item.post)
            bodies[item.post.body_hash] = item.body
    rules = Rules(authority=parts.site.id_authority, max_age=parts.max_age, backfill=backfill)
    plan = make_plan(parts.store.head(), parts.store.known(), posts, bad, now, rules)
    return Gathered(plan=plan, bodies=bodies)


def publish(parts: Parts, now: datetime, *, backfill: bool = False, expect: str | None = None) -> Published:
    """Brings log and documents up to `now`. With `expect`, only if the plan's hash is still that one.

    Raises Refused (plan changed, or too much is missing), Conflict, SourceError, StoreError, OutputError.
    """
    gathered = gather(parts, now, backfill=backfill)
    plan = gathered.plan
    _check(plan, expect)
    parts.reach("publish:planned")
    head = parts.store.head()
    if not plan.nothing:
        head = parts.store.apply(plan, gathered.bodies, now)
    parts.reach("publish:applied")
    parts.store.set_problems("posts", [str(b) for b in plan.bad], now)
    written = _documents(parts, now)
    return Published(plan=plan, head=head, written=written)


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
    if plan.stop:
        raise Refused("posts", plan.stop, "nothing was changed; mend the folder and publish again")
