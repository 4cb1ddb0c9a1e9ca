"""What an operator does with a mailing: order it about, decide what is in doubt, prove its bytes."""

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
from publisher.services.delivery.bounces import count_bounces
from publisher.services.delivery.unknown_outcomes import resolve_deliveries, unknown_deliveries
from publisher.services.deps import Deps
from publisher.services.digests.compose import digest_of, lint_digest
from publisher.services.digests.withdrawn_posts import remake_before_sending


def find_mailing(store: Store, id: int) -> Mailing:
    """The mailing of that id, counted. Raises UsageError: there is none."""
    found = store.mailing(id)
    if found is None:
        raise UsageError("mailings", f"no mailing {id}", "`publisher mailings list` names them")
    return found


def apply_command(
    deps: Deps, id: int, wish: MailingCommand, now: datetime, *, count_refusals: bool = False
) -> MailingStatus:
    """Carries out an order at once, also while another process sends; what held the mailing because too many
    refused it then counts, or not. What lets it go makes it anew where a post in it was withdrawn. Raises
    Refused, UsageError.
    """
    if wish in (MailingCommand.APPROVE, MailingCommand.RESUME):
        remake_before_sending(deps, id, now)
    answer = deps.adapters.store.apply_command(id, wish, now, count_refusals=count_refusals)
    if answer is None:
        raise UsageError("mailings", f"no mailing {id}", "`publisher mailings list` names them")
    if isinstance(answer, DeclinedCommand):
        raise Refused(f"mailing {id}", answer.reason, answer.remedy)
    count_bounces(deps, now)
    return answer


def unknown_deliveries_to(deps: Deps, id: int, addresses: Sequence[str]) -> list[UnknownDelivery]:
    """Those of them to these addresses. Raises UsageError: nothing to one of them is in doubt."""
    found = [doubt for doubt in unknown_deliveries(deps.adapters.store, id) if doubt.address in addresses]
    for address in addresses:
        if address not in {doubt.address for doubt in found}:
            raise UsageError(
                f"mailing {id}", f"nothing to {address} is in doubt", "`mailings show` lists them"
            )
    return found


def resolve(deps: Deps, chosen: Iterable[UnknownDelivery], *, resend: bool, now: datetime) -> int:
    """Arrow j: those in doubt are sent again under the same Message-ID, without posts that were withdrawn
    since, or taken for accepted. Raises Refused: the mail cannot be made without such a post.
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
    """What a rebuild of one cohort showed: the SHA-256 of its frozen bytes, places by their names, and what
    differs from that; empty where nothing does.
    """

    cohort: int
    sha256: str
    differs: str = ""


def verify_rebuild(deps: Deps, mailing: Mailing) -> Iterator[RebuildProof]:
    """Whether what is frozen is whole, and today's posts, templates and settings make the same bytes again.

    A confirmation is not rendered again: its content is no post's. Raises StoreError: segments are gone.
    """
    for cohort, posts, language in deps.adapters.store.cohorts(mailing.id):
        segments = deps.adapters.store.segments(mailing.id, cohort)
        seen = hashlib.sha256()
        for segment in segments:
            seen.update(f"[{segment.value}]".encode() if isinstance(segment, Placeholder) else segment)
        again = _again(deps, mailing, posts, language, own=cohort > 1)
        differs = "" if again is None else _difference(freeze_segments(segments)[0], again)
        yield RebuildProof(cohort=cohort, sha256=seen.hexdigest(), differs=differs)


def _again(
    deps: Deps, mailing: Mailing, posts: Sequence[tuple[str, str]], language: str, *, own: bool
) -> tuple[str, ...] | None:
    spec = deps.rules.list(mailing.list)
    if mailing.kind is not MailingKind.DIGEST or not posts:
        return None
    if spec is None:
        return ()
    digest = digest_of(deps, spec, posts, mailing.due_before, language=language)
    return freeze_segments(lint_digest(deps, digest, mailing.id, own=own).message)[0]


def _difference(frozen: Sequence[str], again: Sequence[str]) -> str:
    if not again:
        return "its list is no longer in publisher.toml"
    if list(frozen) == list(again):
        return ""
    return "templates, settings or this version make other bytes now; what is frozen is what goes out"
