"""What one reader would get if mail were planned now: the posts, and which cohort of which mailing it is.

A reader's own digest as a web page: what their cohort was mailed, without anything of theirs in it, and
without posts that were withdrawn since.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from publisher.core.addresses import Address
from publisher.core.digests.due import ReaderStatus
from publisher.core.errors import Refused, TokenError
from publisher.core.publishing.log import PublishedPost
from publisher.core.subscribers.subscription import MailingList, Subscription
from publisher.core.tokens import Purpose, address_key, verify
from publisher.services.deps import Deps
from publisher.services.digests.cohorts import together
from publisher.services.digests.compose import digest_of, web_page
from publisher.services.digests.due_readers import DueDecision, DueReaderGroup, DueReport, due_report
from publisher.services.digests.projection import DigestMaterial
from publisher.services.mail.letters import digest_links

NOT_MAILED = {
    "pending": "has not confirmed yet",
    "unsubscribed": "has left it",
    "paused": "is taking a pause",
    "suppressed": "is suppressed",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderMailing:
    """A reader's part of a mailing to come. `mailing` is the id it will get if no other starts before; `own`:
    it is not what the page of the mailing shows. `note` says why it does not come by itself now.
    """

    reader: Subscription
    mailing: int
    posts: Sequence[PublishedPost]
    language: str
    own: bool
    note: str = ""


def next_for(
    parts: Deps, spec: MailingList, now: datetime, address: Address, log: DigestMaterial
) -> ReaderMailing:
    """What the next planning would make for a reader; if that is nothing, what `publish --send` would. Raises
    Refused: the address gets no mail of the list, or there is nothing new for it.
    """
    reader = _subscription(parts, spec, address)
    look = due_report(parts, spec, now, log=log)
    group, who = _group(parts, spec, look, reader)
    note = "" if group is not None and group.verdict is DueDecision.MAIL else _note(spec, who, group)
    if note:
        look = due_report(parts, spec, now, at_once=True, everyone=True, log=log)
        group, _ = _group(parts, spec, look, reader)
    if group is None or group.verdict is not DueDecision.MAIL:
        what = f"nothing is new for {reader.address}"
        raise Refused(f"preview {spec.slug}", what, "leave out --as for the newest posts")
    cohorts = together(look.of(DueDecision.MAIL), parts.language(spec))
    place = next(n for n, (_, groups) in enumerate(cohorts) if group in groups)
    return ReaderMailing(
        reader=reader,
        mailing=parts.store.next_mailing_id() + _before(parts, spec, now, log),
        posts=group.share.posts,
        language=cohorts[place][0][1],
        own=place > 0,
        note=note,
    )


def _subscription(parts: Deps, spec: MailingList, address: Address) -> Subscription:
    for found in parts.store.subscriptions_of(address_key(str(address), parts.ring())):
        if found.list == spec.slug:
            return found
    do = "see `publisher subscribers list`"
    raise Refused(f"preview {spec.slug}", f"{address} is no reader of it", do)


def _group(
    parts: Deps, spec: MailingList, look: DueReport, reader: Subscription
) -> tuple[DueReaderGroup | None, ReaderStatus]:
    """The group the reader is in, and where they stand. Raises Refused: they get no mail."""
    who = next(iter(parts.store.candidates(look.due, reader.id)))
    if who.why in NOT_MAILED:
        what = f"{reader.address} {NOT_MAILED[who.why]}"
        raise Refused(f"preview {spec.slug}", what, "`publisher subscribers show` tells more")
    return look.group(who), who


def _note(spec: MailingList, who: ReaderStatus, group: DueReaderGroup | None) -> str:
    sent = f"this is what `publisher publish --send {spec.slug}` would bring now"
    if who.why or group is None:
        return f"{who.address} is not due yet; {sent}"
    match group.verdict:
        case DueDecision.WAITS:
            return f"the posts wait for more (min_posts = {spec.min_posts}); {sent}"
        case DueDecision.LATE:
            return f"the digest is too late (max_late), and its posts wait for the next; {sent}"
        case _:
            return f"nothing is due for {who.address} yet; {sent}"


def _before(parts: Deps, spec: MailingList, now: datetime, log: DigestMaterial) -> int:
    """How many lists have a mailing now that is planned before this one."""
    earlier = parts.lists[: [one.slug for one in parts.lists].index(spec.slug)]
    return sum(due_report(parts, one, now, log=log).readers > 0 for one in earlier)


def view(parts: Deps, token: str, now: datetime) -> str:
    """The HTML of the digest that `token` speaks of. Raises TokenError; TemplateError; StoreError."""
    claim = verify(token, Purpose.VIEW, parts.ring(), now)
    mailing = parts.store.mailing(claim.generation, counted=False)
    spec = parts.list(mailing.list) if mailing else None
    shown = parts.store.posts_mailed_to(claim.generation, claim.subscription)
    if mailing is None or spec is None or shown is None:
        raise TokenError("token", "not valid")
    posts, language = shown
    digest = digest_of(parts, spec, posts, mailing.due_before, language=language, public=True)
    return web_page(parts, digest, digest_links(parts, spec, None, mark="")).html
