"""Mailings with something left to send when a post in them is withdrawn: they are made again without it
before they are sent, approved, resumed or sent again. What was sent stays sent.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from publisher.core.delivery.holds import MailingCommand
from publisher.core.delivery.mailing import Mailing, MailingKind, RecomposeResult
from publisher.core.errors import PublisherError, Refused
from publisher.core.mail.message import Recipe
from publisher.core.mail.mime import freeze_segments
from publisher.core.publishing.incremental import PostKeys
from publisher.core.subscribers.subscription import MailingList
from publisher.services.deps import Deps
from publisher.services.digests.compose import digest_message, digest_of
from publisher.services.mail.letters import welcome_message

MAX_NAMED = 3
"""Posts that a message names; it counts the others."""

_RESULTS = {
    RecomposeResult.SAME: "",
    RecomposeResult.CHANGED: "made again, since {gone}",
    RecomposeResult.STOPPED: "stopped, since {gone}; the rest goes on without",
}


def remake_withdrawn(deps: Deps, now: datetime) -> Sequence[str]:
    """Takes withdrawn posts out of mails that nobody has yet; returns what became of which mailing, in words.
    One that shows nothing else is cancelled, one that cannot be made again is paused. Raises StoreError.
    """
    results: list[str] = []
    for id in deps.adapters.store.unsent_with_withdrawn_posts():
        try:
            _, result = _remake(deps, id, now)
        except PublisherError as error:
            why = f"{_withdrawn(deps, id)}, and it cannot be made again without: {error}"
            deps.adapters.store.pause_for_operator(id, why)
            result = f"not sent: {why}"
        if result:
            results.append(f"mailing {id}: {result}")
    return results


def remake_before_sending(deps: Deps, id: int, now: datetime) -> None:
    """Makes a mailing again that is about to go out, where a post in it was withdrawn. Raises Refused: it
    cannot be, or nothing is left of it; StoreError.
    """
    if not deps.adapters.store.withdrawn_posts_in(id):
        return
    where, gone = f"mailing {id}", _withdrawn(deps, id)
    mailing = deps.adapters.store.mailing(id, counted=False)
    try:
        if mailing is None or deps.rules.list(mailing.list) is None:
            raise Refused("publisher.toml", "its list is no longer there", "")
        became, _ = _remake(deps, id, now)
    except PublisherError as error:
        what = f"{gone}, and the mail cannot be made again without: {error}"
        do = f"mend that and say it again, or `publisher mailings cancel {id}`"
        raise Refused(where, what, do) from error
    if became is RecomposeResult.STOPPED:
        raise Refused(where, f"{gone} while it was being sent", "say it again in a moment")
    withdrawn = {*deps.adapters.store.withdrawn_posts_in(id)}
    shown = {post for _, posts, _ in deps.adapters.store.cohorts(id) for post, _ in posts}
    if shown <= withdrawn and mailing.kind is not MailingKind.WELCOME:
        raise Refused(where, f"{gone}, and it shows no other post", "nothing of it can be sent")


def _remake(deps: Deps, id: int, now: datetime) -> tuple[RecomposeResult, str]:
    """What became of a mailing, and that in words; "" where there is nothing to tell."""
    mailing = deps.adapters.store.mailing(id, counted=False)
    gone = _withdrawn(deps, id)
    spec = deps.rules.list(mailing.list) if mailing else None
    if mailing is None or spec is None:
        deps.adapters.store.apply_command(id, MailingCommand.CANCEL, now)
        return RecomposeResult.SAME, f"cancelled, since {gone}, and its list is no longer in publisher.toml"
    if mailing.kind is MailingKind.WELCOME:
        became = _remake_welcome(deps, mailing, spec, now)
        return became, _RESULTS[became].format(gone=gone)
    recipes: dict[int, Recipe] = {}
    segments: dict[str, bytes] = {}
    subject, anything_left = mailing.subject, False
    for n, posts, language in deps.adapters.store.cohorts(id):
        digest = digest_of(deps, spec, posts, mailing.due_before, language=language, public=True)
        shown = tuple(post for post in digest.posts if not post.gone)
        anything_left |= bool(shown)
        if len(shown) == len(digest.posts):
            continue
        digest = replace(digest, posts=shown or digest.posts)
        letter, message = digest_message(deps, digest, id, own=n > 1)
        recipes[n], new = freeze_segments(message)
        segments |= new
        subject = letter.subject if n == 1 else subject
    if not anything_left:
        deps.adapters.store.apply_command(id, MailingCommand.CANCEL, now)
        return RecomposeResult.SAME, f"cancelled, since {gone}, and it shows no other post"
    became = deps.adapters.store.replace_messages(id, recipes, segments, subject, now)
    return became, _RESULTS[became].format(gone=gone)


def _remake_welcome(deps: Deps, mailing: Mailing, spec: MailingList, now: datetime) -> RecomposeResult:
    """A welcome mail greets its reader, whatever is left of the latest posts."""
    [(n, posts, language)] = deps.adapters.store.cohorts(mailing.id)
    live = {known.id for known in deps.adapters.store.post_versions(posts) if known.live}
    shown = tuple(pair for pair in posts if pair[0] in live)
    subject, recipe, segments = welcome_message(deps, spec, shown, language)
    return deps.adapters.store.replace_messages(mailing.id, {n: recipe}, segments, subject, now)


def _withdrawn(deps: Deps, id: int) -> str:
    """That posts in a mailing were withdrawn, by their files."""
    known = deps.adapters.store.posts_matching(
        PostKeys(ids=frozenset(deps.adapters.store.withdrawn_posts_in(id)))
    )
    paths = [k.post.path for k in known]
    more = [f"{len(paths) - MAX_NAMED} more"] if len(paths) > MAX_NAMED else []
    *first, last = [*paths[:MAX_NAMED], *more] or ["a post in it"]
    named = f"{', '.join(first)} and {last}" if first else last
    return f"{named} {'were' if first else 'was'} withdrawn"
