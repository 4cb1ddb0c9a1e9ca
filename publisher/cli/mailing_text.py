"""Mailings as text and as JSON."""

from typing import Any

from publisher.cli.common import utc
from publisher.core.delivery.mailing import DeliveryState, Mailing, MailingKind


def mailing_json(mailing: Mailing) -> dict[str, Any]:
    """A mailing as JSON."""
    return {
        "id": mailing.id,
        "list": mailing.list,
        "kind": mailing.kind,
        "state": mailing.state,
        "hold": mailing.hold,
        "hold_why": mailing.hold_why or None,
        "hold_until": utc(mailing.hold_until),
        "subject": mailing.subject,
        "created": utc(mailing.created_at),
        "remakes": mailing.remakes,
        "planned": mailing.planned,
        "counts": {state.value: mailing.counts.get(state, 0) for state in DeliveryState},
    }


def state_text(mailing: Mailing) -> str:
    """The state of a mailing, and what holds it back."""
    return f"{mailing.state} ({mailing.hold})" if mailing.hold else mailing.state.value


def counts_text(mailing: Mailing) -> str:
    """How many deliveries are in each state."""
    return ", ".join(f"{number:,} {state}" for state, number in mailing.counts.items() if number) or "nobody"


def after_cancel(mailing: Mailing) -> str:
    """What becomes of the posts of a cancelled mailing, and what an operator can do for its readers."""
    if mailing.kind is not MailingKind.DIGEST:
        return "its reader gets no other"
    return (
        f"no other digest brings its posts to these readers, unless you say `publisher mailings remake "
        f"{mailing.id}` (mail them as they are now) or `publisher mailings release {mailing.id}` (with the "
        "next digest)"
    )
