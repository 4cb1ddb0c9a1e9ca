"""Previews: a digest as its readers, or one of them, would get it. Nothing is written. A preview that is sent
as a test to one address is marked in its subject and leaves no trace in mailings, readers or counts.

`simulate` tells what would be published and mailed up to a future date, over a copy of the state.

    publish, without documents -> plan mail -> on to when the next post, digest or timer is due -> ...

The log, the planning and the rendering are the real ones; nothing is delivered. A mailing is reported for the
time it is planned. Quiet hours, warm-up and throttling may delay it further.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import NamedTuple

from publisher.core.addresses import Address, parse_address, parse_mailbox
from publisher.core.delivery.mailing import Mailing
from publisher.core.digests.digest import CohortKey, DigestSelector, ReaderStatus
from publisher.core.errors import Refused
from publisher.core.mail.dkim import canonical_message
from publisher.core.mail.message import (
    EmailContent,
    Envelope,
    LintProblem,
    Message,
    Outcome,
    Placeholder,
    Segment,
    SegmentTemplate,
    fill,
    split_at_marks,
)
from publisher.core.mail.mime import compose, date_value, to_value
from publisher.core.publishing.log import PublishedPost
from publisher.core.publishing.plan import Change
from publisher.core.subscribers.subscription import ContentPreference, MailingList, Subscription
from publisher.core.tokens import address_key
from publisher.ports import Store
from publisher.services.deps import Deps
from publisher.services.digests.compose import LintedMail, lint_digest
from publisher.services.digests.due_readers import (
    DigestMaterial,
    DueDecision,
    DueReaderGroup,
    DueReport,
    due_query,
    due_report,
    log_after_publish,
    next_mail,
)
from publisher.services.digests.planner import Skipped, group_cohorts, plan_mail, projected_digest
from publisher.services.mail.messages import reader_tokens
from publisher.services.publishing.folder_snapshot import SnapshotCache
from publisher.services.publishing.publish import update_log

RECENT = 5
"""How many of the newest posts are shown when nothing is new for anybody."""

SAMPLE_ADDRESS = "reader@example.org"

TEST_PREFIX = "[Test] "
"""What the subject of a test begins with."""

NOT_MAILED = {
    "pending": "has not confirmed yet",
    "unsubscribed": "has left it",
    "paused": "has paused emails",
    "suppressed": "is suppressed",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderedPreview:
    """One mail to look at: its parts, one reader's values, and what the lint found. `note` says why its
    reader would not get it yet without being asked for.
    """

    letter: EmailContent
    segments: tuple[Segment, ...]
    values: dict[Placeholder, bytes]
    problems: tuple[LintProblem, ...]
    note: str = ""

    def files(self) -> dict[str, bytes]:
        """subject.txt, body.html, body.txt and message.eml."""
        return {
            "subject.txt": (self.letter.subject + "\n").encode(),
            "body.html": self._filled(self.letter.html),
            "body.txt": self._filled(self.letter.text),
            "message.eml": fill(self.segments, self.values),
        }

    def _filled(self, text: str) -> bytes:
        pieces = split_at_marks(text, self.letter.marks)
        return fill([p if isinstance(p, Placeholder) else p.encode() for p in pieces], self.values)


Draw = Callable[[], RenderedPreview]
"""Renders the mail again, since templates and settings may have changed."""


class _SampleReader(NamedTuple):
    mailing: int
    subscription: int
    generation: int


def preview(deps: Deps, spec: MailingList, now: datetime, *, reader: str = "") -> RenderedPreview:
    """What the reader who has waited longest would get next, else the newest posts. With `reader`, an address
    of the list: exactly what that reader would get if `publish` ran now, links included, but for Message-ID
    and signature, which are made when it is sent. Raises TemplateError, SourceError; Refused if nothing was
    published yet, the address gets no mail of the list, or nothing is new for it.
    """
    address = parse_address(reader, where="--as") if reader else None
    log = log_after_publish(deps, now)
    if address is not None:
        mine = next_mailing_for(deps, spec, now, address, log)
        sample = _SampleReader(mine.mailing, mine.reader.id, mine.reader.generation)
        digest = projected_digest(deps, spec, log, mine.posts, now, language=mine.language)
        mail = lint_digest(deps, digest, mine.mailing, own=mine.own)
        return _rendered(deps, mail, now, parse_address(mine.reader.address), sample, note=mine.note)
    posts: Sequence[PublishedPost] = ()
    if (behind := deps.adapters.store.lowest_offset(spec.slug)) is not None:
        fresh = log.fresh(behind, due_query(deps.adapters.store, spec, now, log).head)
        posts = DigestSelector(spec, fresh, {}).of(CohortKey(behind), ContentPreference(), least=1).posts
    posts = posts or log.newest(RECENT)
    if not posts:
        raise Refused(f"preview {spec.slug}", "no post is published yet", "run `publisher publish` first")
    digest = projected_digest(deps, spec, log, posts, now, language="")
    mail = lint_digest(deps, digest, deps.adapters.store.next_mailing_id())
    return _rendered(deps, mail, now, parse_address(SAMPLE_ADDRESS), _SampleReader(0, 0, 0))


def _rendered(
    deps: Deps, mail: LintedMail, now: datetime, address: Address, reader: _SampleReader, *, note: str = ""
) -> RenderedPreview:
    placeholders = SegmentTemplate(mail.message).places
    values = {
        Placeholder.TO: to_value(address),
        Placeholder.DATE: date_value(now),
        Placeholder.MESSAGE_ID: b"preview",
        Placeholder.UNSUBSCRIBE_TAG: b"preview",
        **reader_tokens(deps.process.keyring(), placeholders, reader, now),
    }
    return RenderedPreview(
        letter=mail.letter, segments=mail.message, values=values, problems=mail.problems, note=note
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderMailing:
    """What one reader gets of the next mailing. `mailing` is the id it will get if no other starts before.
    `own`: it is not what the page of the mailing shows. `note` says why it would not be sent now.
    """

    reader: Subscription
    mailing: int
    posts: Sequence[PublishedPost]
    language: str
    own: bool
    note: str = ""


def next_mailing_for(
    deps: Deps, spec: MailingList, now: datetime, address: Address, log: DigestMaterial
) -> ReaderMailing:
    """What the next planning would make for a reader; if that is nothing, what `publish --send` would. Raises
    Refused if the address gets no mail of the list, or nothing is new for it.
    """
    subscriptions = deps.adapters.store.subscriptions_of(address_key(str(address), deps.process.keyring()))
    reader = next((found for found in subscriptions if found.list == spec.slug), None)
    if reader is None:
        do = "see `publisher subscribers list`"
        raise Refused(f"preview {spec.slug}", f"{address} is not subscribed to it", do)
    report = due_report(deps, spec, now, log=log)
    group, candidate = _group_of(deps.adapters.store, spec, report, reader)
    note = ""
    if group is None or group.decision is not DueDecision.MAIL:
        note = _why_not_now(spec, candidate, group)
        report = due_report(deps, spec, now, at_once=True, everyone=True, log=log)
        group, _ = _group_of(deps.adapters.store, spec, report, reader)
    if group is None or group.decision is not DueDecision.MAIL:
        what = f"nothing is new for {reader.address}"
        raise Refused(f"preview {spec.slug}", what, "leave out --as for the newest posts")
    cohorts = group_cohorts(report.of(DueDecision.MAIL), deps.rules.language(spec))
    place = next(n for n, (_, groups) in enumerate(cohorts) if group in groups)
    # Each list that is planned before this one and has readers to mail takes a number.
    earlier = deps.rules.lists[: [one.slug for one in deps.rules.lists].index(spec.slug)]
    before = sum(due_report(deps, one, now, log=log).readers > 0 for one in earlier)
    return ReaderMailing(
        reader=reader,
        mailing=deps.adapters.store.next_mailing_id() + before,
        posts=group.selection.posts,
        language=cohorts[place][0][1],
        own=place > 0,
        note=note,
    )


def _group_of(
    store: Store, spec: MailingList, report: DueReport, reader: Subscription
) -> tuple[DueReaderGroup | None, ReaderStatus]:
    """The group that the reader is in, and their status. Raises Refused if they get no mail."""
    candidate = next(iter(store.candidates(report.due, reader.id)))
    if candidate.left_out in NOT_MAILED:
        what = f"{reader.address} {NOT_MAILED[candidate.left_out]}"
        raise Refused(f"preview {spec.slug}", what, "`publisher subscribers show` tells why")
    return report.group(candidate), candidate


def _why_not_now(spec: MailingList, candidate: ReaderStatus, group: DueReaderGroup | None) -> str:
    shown = f"this is what `publisher publish --send {spec.slug}` would bring now"
    if candidate.left_out or group is None:
        return f"{candidate.address} is not due yet; {shown}"
    match group.decision:
        case DueDecision.WAITS:
            return f"the posts wait for more (min_posts = {spec.min_posts}); {shown}"
        case DueDecision.LATE:
            return f"the digest is too late (max_late), and its posts wait for the next; {shown}"
        case _:
            return f"nothing is due for {candidate.address} yet; {shown}"


def send_test(
    deps: Deps, spec: MailingList, address: str, now: datetime, *, dry_run: bool
) -> tuple[RenderedPreview, Outcome | None]:
    """Sends the preview to `address` with a marked subject. It is not in the ledger, and its links belong to
    no reader. Raises as `preview` does, and AddressError.
    """
    drawn = preview(deps, spec, now)
    to = parse_address(address)
    letter = replace(drawn.letter, subject=TEST_PREFIX + drawn.letter.subject)
    key = f"test.{deps.process.nonce()}"
    values = drawn.values | {Placeholder.TO: to_value(to), Placeholder.MESSAGE_ID: key.encode()}
    drawn = replace(drawn, letter=letter, segments=compose(letter), values=values)
    return drawn, None if dry_run else asyncio.run(_send(deps, spec, drawn, to, key))


async def _send(deps: Deps, spec: MailingList, drawn: RenderedPreview, to: Address, key: str) -> Outcome:
    sender = parse_mailbox(spec.sender).address
    data = fill(drawn.segments, drawn.values)
    signer = deps.adapters.signer()
    if signer is not None and signer.signs(sender.domain):
        fields = signer.sign(sender.domain, canonical_message(drawn.segments), drawn.values)
        data = (fields if isinstance(fields, bytes) else await fields) + data
    session = await deps.adapters.transport.connect()
    if isinstance(session, Outcome):
        return session
    envelope = Envelope(mail_from=str(sender), rcpt_to=str(to))
    message = Message(key=key, message_id=f"<{key}@{sender.domain}>", envelope=envelope, data=data)
    try:
        return await session.offer(message) or await session.commit()
    finally:
        await session.close()


RETRY_AFTER = timedelta(minutes=10)
"""How soon something that is due and failed is tried again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedEvent:
    """What happens at an instant: changes of the log, planned mailings, digests skipped because they were too
    late, and why mail could not be made.
    """

    at: datetime
    changes: tuple[Change, ...]
    mailings: tuple[Mailing, ...]
    problem: str = ""
    skipped: tuple[Skipped, ...] = ()


def simulate(
    deps: Deps, start: datetime, end: datetime, every: timedelta | None = None
) -> Iterator[SimulatedEvent]:
    """Everything from `start` to `end`, inclusive, in order, as `publisher run` would do it or, with `every`,
    a timer that runs `publisher publish` at `start` and then at that interval. `deps` belong to the copy; the
    folder of posts is assumed not to change. Raises what a publish raises, such as Refused.
    """
    deps = replace(deps, process=replace(deps.process, run_is_active=lambda: every is None))
    last, now, first = SnapshotCache(), start, True
    hour = timedelta(hours=1)
    while now <= end:
        deps.process.progress("simulating hours", (now - start) // hour, (end - start) // hour)
        plan = update_log(deps, now, last, None if first else ()).plan
        first, before = False, deps.adapters.store.next_mailing_id()
        mail = plan_mail(deps, now)
        problem, skipped = "; ".join(map(str, mail.unsent)), mail.skipped
        made = (
            deps.adapters.store.mailing(id, counted=False)
            for id in range(before, deps.adapters.store.next_mailing_id())
        )
        mailings = tuple(mailing for mailing in made if mailing is not None)
        if plan.changes or mailings or problem or skipped:
            yield SimulatedEvent(
                at=now, changes=plan.changes, mailings=mailings, problem=problem, skipped=skipped
            )
        if every is not None:
            now += every
            continue
        coming = [
            at for at in (plan.next_at, next_mail(deps.rules, deps.adapters.store, now)) if at is not None
        ]
        if not coming:
            return
        now = max(min(coming), now + RETRY_AFTER) if problem or min(coming) <= now else min(coming)
