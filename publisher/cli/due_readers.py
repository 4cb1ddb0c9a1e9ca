"""Output about readers: who gets a list's next digest, why others do not, and who waits for how long."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from publisher.app import App
from publisher.cli.common import count, echo, say, utc
from publisher.core.digests.digest import CohortKey, ReaderStatus
from publisher.core.times import local_time
from publisher.services.digests.due_readers import DueDecision, DueReaderGroup, DueReport

if TYPE_CHECKING:
    from publisher.services.digests.due_readers import Waiting
    from publisher.services.digests.planner import Skipped


ReaderPlace = tuple[int, CohortKey, bool]
"""What readers are grouped by: their schedule, their cohort, and whether their last digest was skipped."""

LEFT_OUT = {
    "later": "not due yet",
    "paused": "paused",
    "pending": "yet to confirm",
    "unsubscribed": "gone",
    "suppressed": "suppressed",
}


SHORT = {
    DueDecision.WAITS: "waiting for more posts",
    DueDecision.NOTHING: "due, with nothing new for them",
    DueDecision.LATE: "due too long ago",
}


def print_due_report(
    report: DueReport, left_out: Mapping[str, int], who: Iterable[ReaderStatus] | None, next_at: str = ""
) -> None:
    """Prints a line for a list, one with the numbers of readers who get nothing by reason, and one for each
    reader of `who`. The next of those not due yet is due at `next_at`.
    """
    spec = report.spec
    nobody = f"nobody is due before {next_at}" if next_at and "later" in left_out else "nobody is due"
    posts = max((len(group.selection.posts) for group in report.of(DueDecision.MAIL)), default=0)
    text = f"{count(posts, 'post')} to {count(report.readers, 'reader')}" if report.readers else nobody
    note = ", to be approved" if report.readers and spec.approve else ""
    echo(f"digest     {spec.slug}: {text}{note}")
    others = [f"{number:,} {words}" for words, number in left_out_in_words(report, left_out).items()]
    if others:
        echo(f"           left out: {', '.join(others)}")
    groups = groups_by_place(report)
    for reader in who or ():
        group = (
            None if reader.left_out else groups.get((reader.schedule_id, reader.cohort_key, reader.skipped))
        )
        why = (
            reason_in_words(report, group) if group else LEFT_OUT[reader.left_out or "later"]
        )  # or due since we looked
        echo(f"           {reader.address}: {why}")


def left_out_in_words(report: DueReport, left_out: Mapping[str, int]) -> Mapping[str, int]:
    """Reason -> number of readers who get nothing, first of those who are due."""
    found: dict[str, int] = {}
    for group in report.groups:
        if group.decision is not DueDecision.MAIL:
            words = SHORT[group.decision]
            found[words] = found.get(words, 0) + group.due.readers
    return found | {words: left_out[why] for why, words in LEFT_OUT.items() if why in left_out}


def groups_by_place(report: DueReport) -> Mapping[ReaderPlace, DueReaderGroup]:
    """Each group of readers by its place."""
    return {
        (group.due.schedule_id, group.due.cohort_key, group.due.skipped): group for group in report.groups
    }


def reason_in_words(report: DueReport, group: DueReaderGroup) -> str:
    """What the readers of a group get, or why they get nothing."""
    number = len(group.selection.posts)
    match group.decision:
        case DueDecision.MAIL:
            wish = [*group.content.topics, *filter(None, [group.content.language])]
            return count(number, "post") + (f" ({', '.join(wish)})" if wish else "")
        case DueDecision.WAITS:
            return f"{count(number, 'post')}, which waits for more (min_posts = {report.spec.min_posts})"
        case DueDecision.NOTHING:
            return "nothing new for them"
        case DueDecision.LATE:
            return "due too long ago (max_late): the posts wait for the next digest"


def due_report_json(
    report: DueReport, left_out: Mapping[str, int], who: Iterable[ReaderStatus] | None
) -> dict[str, Any]:
    """The output of `print_due_report` as JSON."""
    groups = [
        {
            "due": utc(group.due.oldest),
            "readers": group.due.readers,
            "posts": [known.id for known in group.selection.posts],
            "topics": list(group.content.topics),
            "language": group.content.language,
            "verdict": group.decision.value,
        }
        for group in report.groups
    ]
    late = bool(report.of(DueDecision.LATE))
    value: dict[str, Any] = {"list": report.spec.slug, "readers": report.readers, "late": late}
    value |= {"groups": groups, "left_out": dict(left_out)}
    places = groups_by_place(report)
    if who is None:
        return value
    rows: list[dict[str, Any]] = []
    for reader in who:
        group = (
            None if reader.left_out else places.get((reader.schedule_id, reader.cohort_key, reader.skipped))
        )
        verdict = group.decision.value if group else reader.left_out or "later"
        posts = [known.id for known in group.selection.posts] if group else []
        rows.append({"address": reader.address, "verdict": verdict, "posts": posts})
    return value | {"who": rows}


def say_skipped(app: App, skipped: "Iterable[Skipped]") -> None:
    """Prints a line for each digest that was too late."""
    zone = app.settings.site.timezone
    for one in skipped:
        say(
            f"skipped: the digest of {one.list} for {count(one.readers, 'reader')}, due "
            f"{local_time(one.due, zone)}, is too late (max_late): its posts go "
            f"{local_time(one.next_at, zone)}; {how_to_send_now(one.list)}"
        )


def say_waiting(app: App, waiting: "Iterable[Waiting]") -> None:
    """Prints a line for each list and time that readers wait for."""
    for one in waiting:
        say(f"waiting: {wait_in_words(one, app.settings.site.timezone)}")


def wait_in_words(one: "Waiting", zone: str) -> str:
    """ "2 posts for 3 readers of daily go 2026-12-01 08:00 CET; to send them now: ..."."""
    from publisher.services.digests.due_readers import Reason

    whom = f"{count(one.readers, 'reader')} of {one.list}"
    what = f"{count(one.posts, 'post')} for {whom}"
    until = local_time(one.until, zone) if one.until else ""
    match one.reason:
        case Reason.PAUSED:
            return f"{whom} paused, and posts wait until they resume"
        case Reason.MIN_POSTS:
            text = f"{what}, until there are more (min_posts)"
        case Reason.DELAY:
            text = f"{what}, until {until} (delay)"
        case Reason.SKIPPED:
            text = f"{what}, until {until}; the last digest was too late and was skipped"
        case Reason.DUE:
            text = f"{what}, until the next `publisher publish`"
        case Reason.SCHEDULED:
            text = f"{what}, until {until}"
    return f"{text}; {how_to_send_now(one.list)}"


def how_to_send_now(spec: str) -> str:
    """How to send without waiting."""
    return f"to send now: publisher publish --send {spec}"


def waiting_json(one: "Waiting") -> dict[str, Any]:
    """A wait as JSON."""
    return {
        "list": one.list,
        "why": one.reason,
        "readers": one.readers,
        "posts": one.posts,
        "until": utc(one.until),
        "send_now": f"publisher publish --send {one.list}",
    }


def skipped_json(one: "Skipped") -> dict[str, Any]:
    """A digest that was skipped, as JSON."""
    return {
        "list": one.list,
        "readers": one.readers,
        "due": utc(one.due),
        "until": utc(one.next_at),
        "send_now": f"publisher publish --send {one.list}",
    }
