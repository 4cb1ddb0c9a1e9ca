"""Posts, logs and plans as short to write as they are to read."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from publisher.core.posts.post import BadPost, Post, body_hash
from publisher.core.publishing.log import IdRules, LogHead, LogKind, PublishedPost
from publisher.core.publishing.plan import Plan, PlanRules
from publisher.core.publishing.planner import make_plan

NOW = datetime(2024, 10, 25, 9, 0, tzinfo=UTC)
DAY, MINUTE, MOMENT = timedelta(days=1), timedelta(minutes=1), timedelta(microseconds=1)
RULES = PlanRules(naming=IdRules(authority="example.org,2024"), max_age=30 * DAY)


def tag(specific: str) -> str:
    return f"tag:example.org,2024:{specific}"


def post(name: str, **changes: Any) -> Post:
    made = Post(
        path=f"{name}.md",
        title=f"Title of {name}",
        instant=NOW - DAY,
        permalink=f"/{name}/",
        url=f"https://example.org/{name}/",
        base_url=f"https://example.org/{name}/",
        slug=name,
        language="en",
        body_hash=body_hash(f"body of {name}"),
    )
    return replace(made, **changes)


def known(name: str, seq: int = 1, **changes: Any) -> PublishedPost:
    """The post `name` as the log has it; `changes` are of the log's fields."""
    made = PublishedPost(id=tag(f"/{name}/"), post=post(name), live=True, first_seq=seq, updated_at=NOW - DAY)
    return replace(made, **changes)


def plan(
    posts: Sequence[Post],
    log: Sequence[PublishedPost] = (),
    *,
    bad: Sequence[BadPost] = (),
    now: datetime = NOW,
    baseline_at: datetime | None = NOW - 9 * DAY,
    rules: PlanRules = RULES,
    head_at: datetime | None = None,
) -> Plan:
    head = LogHead(seq=len(log), at=head_at, baseline_at=baseline_at)
    return make_plan(head, log, posts, bad, now, rules)


def told(made: Plan) -> list[tuple[LogKind, str]]:
    return [(change.kind, change.id) for change in made.changes]
