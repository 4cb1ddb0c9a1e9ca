"""What operators do with a mailing: hold or cancel it, resolve unknown outcomes, verify its bytes."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from publisher.core.delivery.holds import DeclinedCommand, MailingCommand, MailingStatus
from publisher.core.delivery.mailing import (
    ASSUMED_REPLY,
    Mailing,
    MailingKind,
    Transition,
    TransitionCause,
    UnknownDelivery,
)
from publisher.core.errors import Refused, UsageError
from publisher.core.mail.message import Placeholder
from publisher.core.mail.mime import freeze_segments
from publisher.ports import Store
from publisher.services.delivery.safeguards import count_bounces
from publisher.services.delivery.unknown_outcomes import resolve_deliveries, unknown_deliveries
from publisher.services.deps import Deps
from publisher.services.digests.compose import digest_of, lint_digest
from publisher.services.digests.planner import remake_before_sending


def find_mailing(store: Store, id: int) -> Mailing:
    """The mailing with that id, with its counts. Raises UsageError if there is none."""
    found = store.mailing(id)
    if found is None:
        raise UsageError("mailings", f"no mailing {id}", "`publisher mailings list` names them")
    return found


def apply_command(
    deps: Deps, id: int, command: MailingCommand, now: datetime, *, count_refusals: bool = False
) -> MailingStatus:
    """Carries out a command at once, even while another process sends. If the mailing was held for too many
    refusals, `count_refusals` says whether they count as bounces. Approving or resuming a mailing makes it
    anew if one of its posts was withdrawn. Raises Refused, UsageError.
    """
    if command in (MailingCommand.APPROVE, MailingCommand.RESUME):
        remake_before_sending(deps, id, now)
    answer = deps.adapters.store.apply_command(id, command, now, count_refusals=count_refusals)
    if answer is None:
        raise UsageError("mailings", f"no mailing {id}", "`publisher mailings list` names them")
    if isinstance(answer, DeclinedCommand):
        raise Refused(f"mailing {id}", answer.reason, answer.remedy)
    count_bounces(deps, now)
    return answer


def unknown_deliveries_to(store: Store, id: int, addresses: Sequence[str]) -> list[UnknownDelivery]:
    """The deliveries of unknown outcome to these addresses. Raises UsageError if an address has none."""
    found = [doubt for doubt in unknown_deliveries(store, id) if doubt.address in addresses]
    for address in addresses:
        if address not in {doubt.address for doubt in found}:
            raise UsageError(
                f"mailing {id}", f"nothing to {address} is in doubt", "`mailings show` lists them"
            )
    return found


def resolve(deps: Deps, chosen: Iterable[UnknownDelivery], *, resend: bool, now: datetime) -> int:
    """Resolves unknown outcomes (arrow j): each message is sent again with the same Message-ID, without posts
    withdrawn since, or assumed to be accepted. Raises Refused if a mail cannot be made without such a post.
    """
    cause = TransitionCause.RESEND if resend else TransitionCause.ASSUME
    words = "to be sent again by the operator" if resend else ASSUMED_REPLY
    made: set[int] = set()

    def decided(doubt: UnknownDelivery) -> Transition:
        if resend and doubt.mailing not in made:
            remake_before_sending(deps, doubt.mailing, now)
            made.add(doubt.mailing)
        reply = words + (f"; before: {doubt.reply}" if doubt.reply else "")
        return Transition(mailing=doubt.mailing, n=doubt.n, cause=cause, reply=reply[:500])

    return resolve_deliveries(deps.adapters.store, map(decided, chosen), now)


@dataclass(frozen=True, slots=True, kw_only=True)
class RebuildProof:
    """The result of rebuilding one cohort: the SHA-256 of its frozen bytes, with placeholders by their names,
    and how the rebuilt bytes differ, "" if they do not.
    """

    cohort: int
    sha256: str
    differs: str = ""


def verify_rebuild(deps: Deps, mailing: Mailing) -> Iterator[RebuildProof]:
    """Checks that a mailing's frozen bytes are complete, and whether today's posts, templates and settings
    make the same bytes. Only digests are rendered again. Raises StoreError if segments are missing.
    """
    for cohort, posts, language in deps.adapters.store.cohorts(mailing.id):
        segments = deps.adapters.store.segments(mailing.id, cohort)
        seen = hashlib.sha256()
        for segment in segments:
            seen.update(f"[{segment.value}]".encode() if isinstance(segment, Placeholder) else segment)
        differs = ""
        if mailing.kind is MailingKind.DIGEST and posts:
            frozen = freeze_segments(segments)[0]
            differs = _difference(deps, mailing, posts, language, frozen, own=cohort > 1)
        yield RebuildProof(cohort=cohort, sha256=seen.hexdigest(), differs=differs)


def _difference(
    deps: Deps,
    mailing: Mailing,
    posts: Sequence[tuple[str, str]],
    language: str,
    frozen: Sequence[str],
    *,
    own: bool,
) -> str:
    """Renders a cohort again and tells how it differs from the `frozen` segments; "" if it does not."""
    spec = deps.rules.list(mailing.list)
    if spec is None:
        return "its list is no longer in publisher.toml"
    digest = digest_of(deps, spec, posts, mailing.due_before, language=language)
    rebuilt = freeze_segments(lint_digest(deps, digest, mailing.id, own=own).message)[0]
    if list(frozen) == list(rebuilt):
        return ""
    return "templates, settings or this version make other bytes now; what is frozen is what goes out"
