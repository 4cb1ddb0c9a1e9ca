"""What pauses a mailing, and the commands an operator may give.

    planning -> ready -> done       ready <-> paused       any -> cancelled

The reason for a pause is a `MailingHold`. A mailing may get one while it is still being planned: then it is
paused when planning ends, and nothing goes out in between.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from publisher.core.delivery.mailing import MailingHold, MailingState
from publisher.core.delivery.relays import LOGIN_REFUSED
from publisher.core.times import local_time

_REMEDIES: Mapping[MailingHold, str] = MappingProxyType(
    {
        MailingHold.APPROVAL: "`publisher mailings approve {id}` sends it",
        MailingHold.OPERATOR: "`publisher mailings resume {id}` continues it",
        MailingHold.CANARY: "`publisher mailings resume {id}` sends the rest, `cancel` ends it",
        MailingHold.SERVER: "`publisher mailings resume {id}` tries at once",
        MailingHold.REFUSALS: "`publisher mailings resume {id}` goes on and forgets these refusals; with "
        "--count-refusals they count, because those mailboxes really are gone",
    }
)
"""What an operator may do about a pause. Pauses for quiet hours or a warm-up only end by themselves."""

_WORDS: Mapping[MailingHold, str] = MappingProxyType(
    {
        MailingHold.APPROVAL: "awaits approval",
        MailingHold.OPERATOR: "paused by an operator",
        MailingHold.QUIET: "quiet hours",
    }
)


def describe_hold(
    hold: MailingHold, id: int, why: str = "", until: datetime | None = None, *, zone: str
) -> str:
    """Why a mailing is held, when it continues by itself (by the clock of `zone`), and how to continue it
    earlier.
    """
    ends = f"goes on by itself at {local_time(until, zone)}" if until else ""
    if hold is MailingHold.SERVER and ends and LOGIN_REFUSED in why:
        ends += ", or when `publisher run` takes up another login"
    step = _REMEDIES.get(hold, "").format(id=id)
    return "; ".join(part for part in (why or _WORDS.get(hold, hold.value), ends, step) if part)


class MailingCommand(StrEnum):
    """A command about a mailing."""

    APPROVE = "approve"
    PAUSE = "pause"
    RESUME = "resume"
    CANCEL = "cancel"


@dataclass(frozen=True, slots=True, kw_only=True)
class MailingStatus:
    """A mailing's state, and what holds it there."""

    state: MailingState
    hold: MailingHold | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclinedCommand:
    """A command that cannot be carried out: why, and what to do instead."""

    reason: str
    remedy: str = ""


FINISHED = frozenset({MailingState.DONE, MailingState.CANCELLED})
"""States that no command changes."""


def apply_command(command: MailingCommand, now: MailingStatus) -> MailingStatus | DeclinedCommand:
    """The status after a command. Pausing what is paused, and resuming what runs, changes nothing."""
    if now.state in FINISHED:
        if command is MailingCommand.CANCEL and now.state is MailingState.CANCELLED:
            return now
        return DeclinedCommand(reason=f"is {now.state}", remedy="nothing of it is left to be sent")
    match command:
        case MailingCommand.CANCEL:
            return MailingStatus(state=MailingState.CANCELLED)
        case MailingCommand.APPROVE if now.hold is not MailingHold.APPROVAL:
            return DeclinedCommand(reason=f"does not await approval, it is {now.state}")
        case MailingCommand.PAUSE if now.hold is MailingHold.APPROVAL:
            return now
        case MailingCommand.PAUSE:
            return MailingStatus(state=_PAUSED.get(now.state, now.state), hold=MailingHold.OPERATOR)
        case MailingCommand.RESUME if now.hold is MailingHold.APPROVAL:
            return DeclinedCommand(reason="awaits approval", remedy="`publisher mailings approve` sends it")
        case MailingCommand.APPROVE | MailingCommand.RESUME:
            return MailingStatus(state=_RUNNING.get(now.state, now.state))


def state_after_planning(hold: MailingHold | None, readers: int) -> MailingState:
    """The state of a mailing when its planning ends: with nobody to mail it is done."""
    if readers == 0:
        return MailingState.DONE
    return MailingState.READY if hold is None else MailingState.PAUSED


_PAUSED: Mapping[MailingState, MailingState] = MappingProxyType({MailingState.READY: MailingState.PAUSED})
_RUNNING: Mapping[MailingState, MailingState] = MappingProxyType({MailingState.PAUSED: MailingState.READY})
