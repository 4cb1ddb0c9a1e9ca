"""The admin pages about mailings: all, one with what can be done with it, and the next digest of a list."""

from collections.abc import Mapping
from datetime import UTC, datetime
from email import message_from_bytes, policy

from starlette.responses import Response

from publisher.core.delivery.holds import FINISHED, MailingCommand, describe_hold
from publisher.core.delivery.mailing import DeliveryState, Mailing, MailingKind, MailingState
from publisher.core.errors import PublisherError, UsageError
from publisher.core.mail.message import Placeholder, SendVerdict, fill
from publisher.services.digests.preview import send_test
from publisher.services.operations import mailings as verbs
from publisher.web.admin.visit import Done, Shown, Visit

ROWS = 25

DOUBTS_SHOWN = 50
"""Deliveries of unknown outcome on one page."""

PREVIEW_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'; sandbox"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
"""A mail in a frame runs nothing and fetches nothing, not even its pictures."""

ENDED = (
    DeliveryState.ACCEPTED,
    DeliveryState.REJECTED,
    DeliveryState.SKIPPED,
    DeliveryState.CANCELLED,
    DeliveryState.UNKNOWN,
)


def progress_of(mailing: Mailing) -> Mapping[str, int]:
    """How far a mailing is: deliveries that are over, of all, and what is left."""
    over = sum(mailing.counts.get(state, 0) for state in ENDED)
    return {"over": over, "of": mailing.planned, "left": max(0, mailing.planned - over)}


def every_mailing(visit: Visit) -> Shown:
    """The digests, the newest first, and what is under way."""
    found = visit.app.store.digests(before=visit.numbered("before"), limit=ROWS)
    rows = [(one, progress_of(one)) for one in found]
    return Shown("mailings", {"rows": rows, "older": found[-1].id if len(found) == ROWS else None})


def one_mailing(visit: Visit) -> Shown:
    """One mailing: its deliveries by state and domain, the servers' replies, and rows in doubt."""
    app, id = visit.app, visit.number()
    mailing = verbs.find_mailing(app.store, id)
    zone = app.settings.site.timezone
    hold = mailing.hold
    came_back: dict[str, int] = {}
    for (kind, _), number in app.store.count_reports(datetime.min.replace(tzinfo=UTC), mailing=id).items():
        came_back[kind] = came_back.get(kind, 0) + number
    values = {
        "mailing": mailing,
        "progress": progress_of(mailing),
        "hold": describe_hold(hold, id, mailing.hold_why, mailing.hold_until, zone=zone) if hold else "",
        "replies": app.store.replies(id),
        "groups": app.store.counts_by_domain(id),
        "doubts": app.store.unknown_deliveries(id, limit=DOUBTS_SHOWN),
        "came_back": came_back,
        "commands": commands_for(mailing),
    }
    return Shown("mailing", values)


def commands_for(mailing: Mailing) -> list[str]:
    """What an operator may do with a mailing in its state."""
    if mailing.state in FINISHED:
        return []
    waits = mailing.state is MailingState.PAUSED
    approve = ["approve"] if mailing.hold and mailing.hold.value == "approval" else []
    return [*approve, *(["resume"] if waits and not approve else []), *([] if waits else ["pause"]), "cancel"]


def change(visit: Visit) -> Done:
    """Carries out what a button of a mailing's page asks."""
    id, order = visit.number(), visit.field("order")
    if order in ("accept", "resend"):
        return resolve(visit, id, resend=order == "resend")
    command = next((one for one in MailingCommand if one.value == order), None)
    if command is None:
        raise UsageError(f"mailing {id}", "this button is not known", "reload the page")
    if command is MailingCommand.CANCEL:
        visit.must_be_sure(f"mailing {id}")
    with visit.acting(f"mailings {command}", str(id)):
        status = verbs.apply_command(visit.app.deps, id, command, visit.now)
    visit.app.wake()
    return Done(f"/admin/mailings/{id}", f"Mailing {id} is {status.state} now.")


def resolve(visit: Visit, id: int, *, resend: bool) -> Done:
    """Decides on the rows in doubt that are ticked, or on one by its number."""
    numbers = {int(n) for n in visit.fields.get("n", ()) if n.isascii() and n.isdecimal() and len(n) < 16}
    chosen = [one for one in visit.app.store.unknown_deliveries(id) if one.n in numbers]
    if not chosen:
        raise UsageError(f"mailing {id}", "no row is chosen", "tick the rows that you know about")
    with visit.acting("mailings resolve", f"{id} {'--resend' if resend else '--accept'} ({len(chosen)})"):
        done = verbs.resolve(visit.app.deps, chosen, resend=resend, now=visit.now)
    visit.app.wake()
    what = "will be sent again" if resend else "counted as accepted"
    return Done(f"/admin/mailings/{id}", f"{done} {'message' if done == 1 else 'messages'} {what}.")


def frozen_preview(visit: Visit) -> Response:
    """The HTML of a mailing as its first cohort gets it, without anybody's links."""
    id = visit.number()
    verbs.find_mailing(visit.app.store, id)
    segments = visit.app.store.segments(id, 1)
    data = fill(segments, dict.fromkeys(Placeholder, b"preview"))
    message = message_from_bytes(data, policy=policy.default)
    body = message.get_body(("html", "plain"))
    text = str(body.get_content()) if body is not None else ""
    kind = "text/html" if body is not None and body.get_content_subtype() == "html" else "text/plain"
    return Response(text, media_type=kind, headers=PREVIEW_HEADERS)


def next_digest(visit: Visit) -> Shown:
    """The next digest of a list: its subject, what the lint found, a frame with it, and a test message."""
    spec = visit.the_list(visit.path["slug"])
    waiting = [
        one
        for one in visit.app.store.unfinished_mailings()
        if one.list == spec.slug and one.kind is MailingKind.DIGEST and one.state is MailingState.PAUSED
    ]
    values: dict[str, object] = {"spec": spec, "waiting": waiting, "subject": "", "problems": (), "note": ""}
    try:
        drawn = visit.figures.get(f"preview {spec.slug}", lambda: visit.app.preview(spec), visit.now).value
    except PublisherError as error:
        return Shown("list", values | {"note": str(error), "shown": False})
    if drawn is None:
        return Shown("list", values | {"note": "It is being made. Refresh in a moment.", "shown": False})
    problems = [(problem.error, str(problem)) for problem in drawn.problems]
    values |= {"subject": drawn.letter.subject, "problems": problems, "note": drawn.note, "shown": True}
    return Shown("list", values)


def next_preview(visit: Visit) -> Response:
    """The HTML of the next digest of a list."""
    spec = visit.the_list(visit.path["slug"])
    drawn = visit.figures.get(f"preview {spec.slug}", lambda: visit.app.preview(spec), visit.now).value
    if drawn is None:
        return Response("It is being made.", 503, PREVIEW_HEADERS, "text/plain")
    return Response(drawn.files()["body.html"], media_type="text/html", headers=PREVIEW_HEADERS)


def send_test_message(visit: Visit) -> Done:
    """Sends the next digest to one address, marked as a test."""
    spec, address = visit.the_list(visit.path["slug"]), visit.field("address")
    with visit.acting("test-send", spec.slug, address):
        _, outcome = send_test(visit.app.sending_deps, spec, address, visit.now, dry_run=False)
        if outcome is None or outcome.verdict is not SendVerdict.ACCEPTED:
            why = outcome.reply if outcome is not None else "nothing was sent"
            raise UsageError("the test message", f"was not accepted: {why}", "see the server's reply")
    return Done(f"/admin/lists/{spec.slug}", "The test message was accepted.")
