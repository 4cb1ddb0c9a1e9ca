"""How it is said who waits for posts, until when, and how to send them now."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from publisher.app import App
from publisher.cli.common import count, say, utc
from publisher.core.clocks import in_zone

if TYPE_CHECKING:
    from publisher.services.digests.backlog import Waiting
    from publisher.services.digests.planner import Skipped


def say_skipped(app: App, skipped: "Iterable[Skipped]") -> None:
    """A line for each digest that was too late."""
    zone = app.settings.site.timezone
    for one in skipped:
        say(
            f"skipped: the digest of {one.list} for {count(one.readers, 'reader')}, due "
            f"{in_zone(one.due, zone)}, is too late (max_late): its posts go {in_zone(one.next_at, zone)}; "
            f"{_send(one.list)}"
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
    until = in_zone(one.until, zone) if one.until else ""
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
