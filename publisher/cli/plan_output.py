"""A plan as text and as JSON: what would change, what stops it, and which posts are not published."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from publisher.app import App
from publisher.cli.common import (
    count,
    echo,
    local,
    say,
    utc,
)
from publisher.core.posts.post import WaitReason, describe_wait, wait_reason
from publisher.core.publishing.log import LogKind
from publisher.core.publishing.plan import (
    REMEDIES,
    Plan,
    changes_of_kind,
    describe_held,
)
from publisher.core.times import local_time

if TYPE_CHECKING:
    from publisher.core.digests.digest import ReaderStatus
    from publisher.services.digests.due_readers import DueReport
    from publisher.services.posts.content import Finding


MAX_POSTS_NAMED = 20
"""How many posts that are withdrawn at once, or keep their date, are named; more are counted."""

MAX_OF_A_KIND = 10
"""How many posts of a kind are named when a plan is stopped, or posts are not published; more are counted."""


def exit_on_findings(publish_plan: Plan) -> None:
    """Names bad posts on stderr; exits with 1 where there are any, or a guard stopped the plan."""
    for bad in publish_plan.bad:
        say(f"bad post: {bad}")
    if publish_plan.bad or publish_plan.stops:
        raise SystemExit(1)


def print_plan(app: App, publish_plan: Plan, reports: "tuple[DueReport, ...]", *, who: bool) -> None:
    """Prints a plan: every change, what stops it, and who is due."""
    from publisher.cli.due_readers import print_due_report

    for stop in publish_plan.stops:
        echo(f"stop       {stop}; {REMEDIES[stop.guard]}")
    most = MAX_OF_A_KIND if publish_plan.stops else None
    for kind in LogKind:
        changes = changes_of_kind(publish_plan, kind)
        for change in changes[:most]:
            note = " (backfill: mails nobody)" if change.backfill else ""
            echo(f"{kind:<10} {change.post.path}: {change.post.title}{note}")
        if most and len(changes) > most:
            echo(f"{kind:<10} {count(len(changes) - most, 'more post')}; --json lists them all")
    for move in publish_plan.renamed[:most]:
        echo(f"renamed    {move.old} -> {move.new}")
    if most and len(publish_plan.renamed) > most:
        echo(f"renamed    {count(len(publish_plan.renamed) - most, 'more post')}; --json lists them all")
    if publish_plan.read_anew:
        echo(f"read anew  {read_anew_in_words(publish_plan)}")
    for line in kept_dates_in_words(app, publish_plan):
        echo(f"date kept  {line}")
    held = describe_held(publish_plan.held)
    for line in held[:most]:
        echo(f"held       {line}")
    if most and len(held) > most:
        echo(f"held       {count(len(held) - most, 'more post')}; --json lists them all")
    if publish_plan.nothing:
        echo("nothing to publish")
    for label, text in not_public_in_words(app, publish_plan):
        echo(f"{label:<10} {text}")
    for line in app.settings_changes():
        echo(f"settings   {line}")
    if documents := str(app.document_changes()):
        echo(f"documents  {documents}")
    for report in reports:
        times = [beat.next_at for beat in app.store.next_runs(report.spec.slug) if beat.next_at is not None]
        coming = [at for at in times if at > report.due.now]
        next_at = local_time(min(coming), app.settings.site.timezone) if coming else ""
        left_out = app.store.count_not_due(report.due)
        print_due_report(report, left_out, candidates_of(app, report, who=who), next_at)
    echo(f"plan       {publish_plan.hash}")


def candidates_of(app: App, report: "DueReport", *, who: bool) -> "Iterator[ReaderStatus] | None":
    """Each reader of a list if `who` is set, else None."""
    return app.store.candidates(report.due) if who else None


def not_public_in_words(app: App, publish_plan: Plan) -> Iterator[tuple[str, str]]:
    """Lines on posts that are not published, each with its label: which wait and until when, which have no
    date, and which their author hides or has let expire. At most MAX_OF_A_KIND of each are named.
    """
    now, zone = app.clock(), app.settings.site.timezone
    kinds: dict[str, list[str]] = {"waits": [], "no date": [], "skipped": []}
    for post in sorted(publish_plan.not_public, key=lambda post: (post.due or now, post.path)):
        if wait_reason(post, now) is WaitReason.FUTURE and post.due is not None:
            kinds["waits"].append(f"{post.path} until {local_time(post.due, zone)}")
        elif (why := describe_wait(post, now)) == "no date":
            kinds["no date"].append(f"{post.path}; give it a `date` in its front matter to publish it")
        else:
            kinds["skipped"].append(f"{post.path}: {why}")
    for label, lines in kinds.items():
        yield from ((label, line) for line in lines[:MAX_OF_A_KIND])
        if (more := len(lines) - MAX_OF_A_KIND) > 0:
            yield label, f"{count(more, 'more post')}; `publisher posts list` names them all"


def read_anew_in_words(publish_plan: Plan) -> str:
    """How many posts are refreshed because of an upgrade."""
    posts = count(len(publish_plan.read_anew), "post")
    return f"{posts} that this version of Publisher reads differently (not an update)"


def kept_dates_in_words(app: App, publish_plan: Plan) -> list[str]:
    """Posts whose date this version reads differently: which date readers see, and how to change it."""
    lines = [
        f"{post.path}: stays {local(app, post.instant)}, as it was published; its file is now read as "
        f"{local(app, post.dated)}: edit the file to take that"
        for post in publish_plan.kept_dates[:MAX_POSTS_NAMED]
    ]
    more = len(publish_plan.kept_dates) - MAX_POSTS_NAMED
    return [*lines, f"{count(more, 'more post')}"] if more > 0 else lines


def plan_json(publish_plan: Plan) -> dict[str, Any]:
    """A plan as JSON, whether it is carried out or not."""
    value: dict[str, Any] = {"hash": publish_plan.hash, "baseline": publish_plan.baseline}
    for kind in LogKind:
        value[kind] = [
            {"id": c.id, "path": c.post.path, "title": c.post.title, "backfill": c.backfill}
            for c in changes_of_kind(publish_plan, kind)
        ]
    value["renamed"] = [{"id": r.id, "old": r.old, "new": r.new} for r in publish_plan.renamed]
    value["read_anew"] = list(publish_plan.read_anew)
    value["kept_dates"] = [
        {"path": post.path, "date": utc(post.instant), "in_file": utc(post.dated)}
        for post in publish_plan.kept_dates
    ]
    value["held"] = [{"path": h.path, "why": h.reason, "may_be": list(h.may_be)} for h in publish_plan.held]
    value["bad"] = [{"path": b.path, "line": b.line, "reason": b.reason} for b in publish_plan.bad]
    stops = [
        {"guard": s.guard, "text": s.text, "examples": list(s.examples), "do": REMEDIES[s.guard]}
        for s in publish_plan.stops
    ]
    value["not_public"] = [
        {"path": post.path, "title": post.title, "until": utc(post.due), "hidden": post.hidden}
        for post in publish_plan.not_public
    ]
    return value | {"stop": publish_plan.stop, "stops": stops, "next_at": utc(publish_plan.next_at)}


def say_warnings(warnings: "Sequence[Finding]") -> None:
    """Prints each warning for authors on its own line."""
    for warning in warnings:
        say(str(warning))


def warnings_json(warnings: "Sequence[Finding]") -> list[dict[str, Any]]:
    """Warnings as JSON."""
    return [{"path": w.path, "line": w.line, "reason": w.reason} for w in warnings]
