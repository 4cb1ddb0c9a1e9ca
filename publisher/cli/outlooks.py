"""How a list's next digest is shown: who gets what, and why others are left out."""

from collections.abc import Mapping
from typing import Any

import click

from publisher.cli.common import count, utc
from publisher.services.outlook import Group, Outlook, Verdict

LEFT_OUT = {
    "later": "not due yet",
    "paused": "taking a pause",
    "pending": "yet to confirm",
    "unsubscribed": "gone",
    "suppressed": "suppressed",
}


def say_outlook(look: Outlook, *, who: bool, left_out: Mapping[str, int]) -> None:
    """One line for a list; with `who` also one for each group of its due readers, and one for the others."""
    spec = look.spec
    posts = max((len(group.share.posts) for group in look.of(Verdict.MAIL)), default=0)
    text = f"{count(posts, 'post')} to {count(look.readers, 'reader')}" if look.readers else "nobody is due"
    note = ", to be approved" if look.readers and spec.approve else ""
    click.echo(f"digest     {spec.slug}: {text}{note}")
    for group in look.groups if who else ():
        due = group.due
        click.echo(
            f"           {count(due.readers, 'reader')} due since {utc(due.oldest)}: {_why(look, group)}"
        )
    if who and left_out:
        others = [f"{left_out[why]:,} {words}" for why, words in LEFT_OUT.items() if why in left_out]
        click.echo(f"           left out: {', '.join(others)}")


def _why(look: Outlook, group: Group) -> str:
    number = len(group.share.posts)
    match group.verdict:
        case Verdict.MAIL:
            wish = [*group.taste.topics, *filter(None, [group.taste.language])]
            return count(number, "post") + (f" ({', '.join(wish)})" if wish else "")
        case Verdict.WAITS:
            return f"{count(number, 'post')}, which waits for more (min_posts = {look.spec.min_posts})"
        case Verdict.NOTHING:
            return "nothing new for them"
        case Verdict.LATE:
            return f"due more than {look.spec.max_late} ago: the posts wait for the next digest"


def outlook_json(look: Outlook, left_out: Mapping[str, int]) -> dict[str, Any]:
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
    late = bool(look.of(Verdict.LATE))
    value: dict[str, Any] = {"list": look.spec.slug, "readers": look.readers, "late": late}
    return value | {"groups": groups, "left_out": dict(left_out)}
