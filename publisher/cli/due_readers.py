"""How a list's next digest is shown: who gets what, and why others are left out.

How it is said who waits for posts, until when, and how to send them now.
"""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from publisher.app import App
from publisher.cli.common import count, echo, say, utc
from publisher.core.digests.due import CohortKey, ReaderStatus
from publisher.core.times import local_time
from publisher.services.digests.due_readers import DueDecision, DueReaderGroup, DueReport

if TYPE_CHECKING:
    from publisher.services.digests.backlog import Waiting
    from publisher.services.digests.planner import Skipped


Place = tuple[int, CohortKey, bool]
"""Where a reader stands: the rhythm, the stand, and whether the last digest was skipped."""

LEFT_OUT = {
    "later": "not due yet",
    "paused": "taking a pause",
    "pending": "yet to confirm",
    "unsubscribed": "gone",
    "suppressed": "suppressed",
}


SHORT = {
    DueDecision.WAITS: "waiting for more posts",
    DueDecision.NOTHING: "due, with nothing new for them",
    DueDecision.LATE: "due too long ago",
}


def say_outlook(
    look: DueReport, left_out: Mapping[str, int], who: Iterable[ReaderStatus] | None, next_at: str = ""
) -> None:
    """A line for a list, one for the readers it leaves out, by why, and one for each reader of `who`. The
    next of those left out for now is due at `next_at`.
    """
    spec = look.spec
    nobody = f"nobody is due before {next_at}" if next_at and "later" in left_out else "nobody is due"
    posts = max((len(group.share.posts) for group in look.of(DueDecision.MAIL)), default=0)
    text = f"{count(posts, 'post')} to {count(look.readers, 'reader')}" if look.readers else nobody
    note = ", to be approved" if look.readers and spec.approve else ""
    echo(f"digest     {spec.slug}: {text}{note}")
    others = [f"{number:,} {words}" for words, number in _others(look, left_out).items()]
    if others:
        echo(f"           left out: {', '.join(others)}")
    groups = _by_place(look)
    for reader in who or ():
        group = None if reader.why else groups.get((reader.rhythm, reader.stand, reader.skipped))
        why = _why(look, group) if group else LEFT_OUT[reader.why or "later"]  # or due since we looked
        echo(f"           {reader.address}: {why}")


def _others(look: DueReport, left_out: Mapping[str, int]) -> Mapping[str, int]:
    """How many get nothing, by why, in words: those who are due and for whom nothing is, then the others."""
    found: dict[str, int] = {}
    for group in look.groups:
        if group.verdict is not DueDecision.MAIL:
            words = SHORT[group.verdict]
            found[words] = found.get(words, 0) + group.due.readers
    return found | {words: left_out[why] for why, words in LEFT_OUT.items() if why in left_out}


def _by_place(look: DueReport) -> Mapping[Place, DueReaderGroup]:
    return {(group.due.rhythm, group.due.stand, group.due.skipped): group for group in look.groups}


def _why(look: DueReport, group: DueReaderGroup) -> str:
    number = len(group.share.posts)
    match group.verdict:
        case DueDecision.MAIL:
            wish = [*group.taste.topics, *filter(None, [group.taste.language])]
            return count(number, "post") + (f" ({', '.join(wish)})" if wish else "")
        case DueDecision.WAITS:
            return f"{count(number, 'post')}, which waits for more (min_posts = {look.spec.min_posts})"
        case DueDecision.NOTHING:
            return "nothing new for them"
        case DueDecision.LATE:
            return "due too long ago (max_late): the posts wait for the next digest"


def outlook_json(
    look: DueReport, left_out: Mapping[str, int], who: Iterable[ReaderStatus] | None
) -> dict[str, Any]:
    """The same as JSON."""
    groups = [
        {
            "due": utc(group.due.oldest),
            "readers": group.due.readers,
            "posts": [known.id for known in group.share.posts],
            "topics": list(group.taste.topics),
            "language": group.taste.language,
            "verdict": group.verdict.value,
        }
        for group in look.groups
    ]
    late = bool(look.of(DueDecision.LATE))
    value: dict[str, Any] = {"list": look.spec.slug, "readers": look.readers, "late": late}
    value |= {"groups": groups, "left_out": dict(left_out)}
    places = _by_place(look)
    return value if who is None else value | {"who": [_told(places, reader) for reader in who]}


def _told(groups: Mapping[Place, DueReaderGroup], reader: ReaderStatus) -> dict[str, Any]:
    group = None if reader.why else groups.get((reader.rhythm, reader.stand, reader.skipped))
    verdict = group.verdict.value if group else reader.why or "later"
    posts = [known.id for known in group.share.posts] if group else []
    return {"address": reader.address, "verdict": verdict, "posts": posts}


def say_skipped(app: App, skipped: "Iterable[Skipped]") -> None:
    """A line for each digest that was too late."""
    zone = app.settings.site.timezone
    for one in skipped:
        say(
            f"skipped: the digest of {one.list} for {count(one.readers, 'reader')}, due "
            f"{local_time(one.due, zone)}, is too late (max_late): "
            f"its posts go {local_time(one.next_at, zone)}; {_send(one.list)}"
        )


def say_waiting(app: App, waiting: "Iterable[Waiting]") -> None:
    """A line for each list and time that readers wait for."""
    for one in waiting:
        say(f"waiting: {wait_in_words(one, app.settings.site.timezone)}")


def wait_in_words(one: "Waiting", zone: str) -> str:
    """ "2 posts for 3 readers of daily go 2026-12-01 08:00 CET; to send them now: ..."."""
    from publisher.services.digests.backlog import Reason

    whom = f"{count(one.readers, 'reader')} of {one.list}"
    what = f"{count(one.posts, 'post')} for {whom}"
    until = local_time(one.until, zone) if one.until else ""
    match one.why:
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
    return f"{text}; {_send(one.list)}"


def _send(spec: str) -> str:
    return f"to send now: publisher publish --send {spec}"


def waiting_json(one: "Waiting") -> dict[str, Any]:
    """The same as JSON."""
    return {
        "list": one.list,
        "why": one.why,
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
