"""mailings: what was sent, to how many, and which outcomes are unknown; and commands for mailings."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

import click

from publisher.app import App
from publisher.cli.bounce import bounces
from publisher.cli.common import (
    SiteOptions,
    confirm_or_refuse,
    count,
    echo,
    local,
    say,
    show_json,
    show_json_with,
    show_table,
    site_options,
    utc,
)
from publisher.cli.help import group
from publisher.cli.progress import after_cancel, bar, counts_text, mailing_json, state_text
from publisher.cli.unsent import outbox, release, remake, resend
from publisher.core.delivery.bounces import REFUSAL_HOLDS, Severity
from publisher.core.delivery.holds import FINISHED, MailingCommand, describe_hold
from publisher.core.delivery.mailing import (
    DeliveryState,
    Mailing,
    MailingKind,
    MailingState,
    UnknownDelivery,
)
from publisher.core.delivery.relay_logs import LoggedOutcome
from publisher.core.errors import Refused, UsageError
from publisher.core.times import local_time
from publisher.services.delivery.deliver import unknown_deliveries
from publisher.services.mail.messages import message_id
from publisher.services.operations import mailings as verbs

if TYPE_CHECKING:
    from publisher.services.delivery.deliver import LogReport


MAX_UNKNOWN_SHOWN = 50
"""Deliveries with an unknown outcome that a person is shown."""


NO_REASON = "the run ended before the answer"
"""Why an outcome is unknown where nobody wrote down why."""


REFUSALS_COUNTED = {
    True: "counted; `publisher subscribers show ADDRESS` tells what is next",
    False: "not counted, because too many were refused at once: no address is suppressed for them",
    None: "counted once the mailing has been tried at every reader",
}


LOGGED_KEYS = {
    LoggedOutcome.ACCEPTED: "accepted",
    LoggedOutcome.REJECTED: "rejected",
    LoggedOutcome.NOT_TAKEN: "queued",
}


LOGGED_IN_WORDS = {
    LoggedOutcome.ACCEPTED: "accepted",
    LoggedOutcome.REJECTED: "rejected",
    LoggedOutcome.NOT_TAKEN: "not taken by the relay and queued again",
}


@group()
def mailings() -> None:
    """List digests and confirmations; approve, pause, cancel or remake one."""


for _command in (bounces, outbox, remake, release, resend):
    mailings.add_command(_command)


@mailings.command(
    "list",
    examples=(
        ("See every mailing", "publisher mailings list"),
        ("Count those of a list", "publisher mailings list | cut -f3 | sort | uniq -c"),
    ),
)
@site_options(as_json=True)
def list_(site: SiteOptions, as_json: bool) -> None:
    """List every mailing, newest first."""
    app = site.open(reads=True, last_good=True)
    every = app.store.mailings()
    if as_json:
        show_json([mailing_json(mailing) for mailing in every])
        return
    show_table(
        ("id", "created", "list", "state", "deliveries", "subject"),
        ((m.id, local(app, m.created_at), m.list, state_text(m), counts_text(m), m.subject) for m in every),
        cut=("deliveries", "subject"),
    )
    if not every:
        say("no mailing yet")


@mailings.command(
    "show", examples=(("See who got mailing 1, and what servers replied", "publisher mailings show 1"),)
)
@site_options(as_json=True)
@click.argument("id", type=int)
def show(site: SiteOptions, as_json: bool, id: int) -> None:
    """Show counts by state, unknown outcomes, and the servers' replies."""
    app = site.open(reads=True, last_good=True)
    mailing = verbs.find_mailing(app.store, id)
    doubts = unknown_deliveries(app.store, id)
    replies = app.store.replies(id)
    if as_json:
        reply_rows = [{"reply": text, "count": number} for text, number in replies]
        refused = [
            {"severity": severity, "counts": counts, "count": number}
            for (severity, counts), number in app.store.count_refusals(id).items()
        ]
        rows = (unknown_json(app, mailing, delivery) for delivery in doubts)
        show_json_with(
            mailing_json(mailing)
            | {"replies": reply_rows, "refusals": refused, "reports": report_counts(app, id)},
            "in_doubt",
            rows,
        )
        return
    echo(f"mailing {mailing.id} of {mailing.list}: {mailing.subject}")
    planned = count(mailing.planned, "delivery", "deliveries")
    echo(f"{state_text(mailing)}, {planned} planned: {counts_text(mailing)}")
    if mailing.remakes:
        echo(f"remakes   mailing {mailing.remakes}, for those of its readers who had nothing")
    if mailing.hold:
        zone = app.settings.site.timezone
        echo(f"held      {describe_hold(mailing.hold, id, mailing.hold_why, mailing.hold_until, zone=zone)}")
    print_unknown(app, mailing, islice(doubts, MAX_UNKNOWN_SHOWN))
    if mailing.counts.get(DeliveryState.UNKNOWN):
        echo(f"decide    `publisher mailings resolve {id} --log FILE`, --accept or --resend")
    if (more := mailing.counts.get(DeliveryState.UNKNOWN, 0) - MAX_UNKNOWN_SHOWN) > 0:
        echo(f"unknown   {more:,} more; --json lists them all")
    for line in refusal_lines(app, mailing):
        echo(line)
    if reports := report_counts(app, id):
        echo(f"came back {', '.join(count(number, kind) for kind, number in reports.items())}")
    for text, number in replies:
        echo(f"{number:>9,}  {text}")


def refusal_lines(app: App, mailing: Mailing) -> Iterator[str]:
    """Lines on how many mailboxes refused a mailing, and what happens to them."""
    by: dict[bool | None, Counter[Severity]] = {}
    for (severity, counts), number in app.store.count_refusals(mailing.id).items():
        by.setdefault(counts, Counter())[severity] += number
    for counts, numbers in by.items():
        said = [
            f"{count(numbers[severity], f'{severity} refusal')}" for severity in Severity if numbers[severity]
        ]
        what = REFUSALS_COUNTED[counts]
        if counts is None and mailing.state in (MailingState.DONE, MailingState.CANCELLED):
            what = (
                "very many, which may be the relay's fault; "
                f"`publisher mailings bounces {mailing.id} --count` or `--ignore` decides"
            )
        yield f"mailboxes {' and '.join(said)}: {what}"


def report_counts(app: App, id: int) -> Mapping[str, int]:
    """How many messages of each kind came back about a mailing."""
    found = Counter[str]()
    for (kind, _), number in app.store.count_reports(datetime.min.replace(tzinfo=UTC), mailing=id).items():
        found[kind] += number
    return dict(found)


def add_command(order: MailingCommand, help: str, example: str, *, asks: bool = False) -> None:
    """Adds the command of that name. One that cannot be undone asks for confirmation, or needs --yes."""

    def command(site: SiteOptions, id: int, **options: bool) -> None:
        change_mailing(site, order, id, asks=asks, **options)

    command.__doc__ = help
    decorated: Any = command
    if asks:
        decorated = click.option("--yes", is_flag=True, help="Do not ask for confirmation.")(decorated)
    if order is MailingCommand.RESUME:
        text = "For a mailing held because of refusals: count them, because those mailboxes really are gone."
        decorated = click.option("--count-refusals", is_flag=True, help=text)(decorated)
    decorated = click.option("--dry-run", is_flag=True, help="Show its state; change nothing.")(decorated)
    decorated = click.argument("id", type=int)(decorated)
    examples = ((example, f"publisher mailings {order} 3{' --yes' * asks}"),)
    mailings.command(order.value, examples=examples)(site_options(at=True, as_json=True)(decorated))


def change_mailing(
    site: SiteOptions,
    order: MailingCommand,
    id: int,
    *,
    asks: bool,
    as_json: bool,
    dry_run: bool,
    yes: bool = False,
    count_refusals: bool = False,
) -> None:
    """Carries out `mailings approve`, `pause`, `resume` or `cancel`."""
    stops = order in (MailingCommand.PAUSE, MailingCommand.CANCEL)
    app = site.open(reads=dry_run, stops=stops)
    mailing = verbs.find_mailing(app.store, id)
    if dry_run:
        say(f"mailing {id} is {state_text(mailing)}: {counts_text(mailing)}; would {order}")
        return
    if asks and mailing.state not in FINISHED:  # one that has finished refuses the order by itself
        left = sum(mailing.counts.get(state, 0) for state in (DeliveryState.QUEUED, DeliveryState.CLAIMED))
        what = f"{order}: {count(left, 'delivery', 'deliveries')} will not be sent; {after_cancel(mailing)}"
        confirm_or_refuse(f"mailing {id}", what, yes=yes)
    if count_refusals and mailing.hold not in REFUSAL_HOLDS:
        raise UsageError("--count-refusals", f"mailing {id} is not held because of refusals", "leave it out")
    now = verbs.apply_command(app.deps, id, order, app.clock(), count_refusals=count_refusals)
    mailing = verbs.find_mailing(app.store, id)
    say(f"mailing {id} is {now.state}{f' ({now.hold})' if now.hold else ''}: {counts_text(mailing)}")
    if now.state is MailingState.READY and mailing.counts.get(DeliveryState.QUEUED):
        say("`publisher run` continues at its next check; `publisher deliver` continues now")
    if order is MailingCommand.CANCEL and mailing.kind is MailingKind.DIGEST:
        say(after_cancel(mailing))
    if as_json:
        show_json(mailing_json(mailing))


add_command(
    MailingCommand.APPROVE,
    "Approve a mailing that is waiting for approval.",
    "Let a mailing go that you have read",
)
add_command(
    MailingCommand.PAUSE,
    "Pause a mailing before its next message, even while another process sends it.",
    "Stop a mailing at once",
)
add_command(MailingCommand.RESUME, "Resume a paused mailing.", "Continue")
add_command(
    MailingCommand.CANCEL,
    "Cancel a mailing: what has not been sent never will be.",
    "Send no more of it",
    asks=True,
)


@mailings.command(
    "resolve",
    examples=(
        ("List what is unknown about mailing 1", "publisher mailings resolve 1 --dry-run"),
        ("Let the log of Postfix decide", "publisher mailings resolve 1 --log mail.log"),
        ("Record all of it as delivered", "publisher mailings resolve 1 --accept"),
    ),
)
@site_options(at=True, as_json=True)
@click.argument("id", type=int)
@click.option(
    "--resend", is_flag=True, help="They did not arrive: send them again, under the same Message-ID."
)
@click.option("--accept", is_flag=True, help="They arrived: record them as accepted.")
@click.option(
    "--log",
    "logs",
    multiple=True,
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, allow_dash=True),
    help="Let a mail server's log decide. Repeatable; `-` reads stdin.",
)
@click.option("--only", "only", multiple=True, metavar="ADDRESS", help="Only this reader. Repeatable.")
@click.option("--dry-run", is_flag=True, help="List what would be decided; change nothing.")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
def resolve(
    site: SiteOptions,
    as_json: bool,
    id: int,
    resend: bool,
    accept: bool,
    logs: tuple[str, ...],
    only: tuple[str, ...],
    dry_run: bool,
    yes: bool,
) -> None:
    """Resolve unknown outcomes: did the messages arrive or not?

    With --log, the log of the mail server that took them decides: of Postfix or Exim, or JSON with a
    Message-ID on each line, compressed or not. Outcomes that it does not prove stay unknown and are listed.
    """
    app = site.open(reads=dry_run)
    if logs and (resend or accept):
        raise UsageError(f"mailing {id}", "--log decides by itself", "leave out --resend and --accept")
    if resend == accept and not dry_run and not logs:
        what = "nobody can tell whether they arrived"
        raise UsageError(f"mailing {id}", what, "decide: --log FILE, --resend or --accept")
    if not dry_run:
        app.release_claims()
    mailing = verbs.find_mailing(app.store, id)
    named = verbs.unknown_deliveries_to(app.store, id, only) if only else None
    if logs:
        decide_by_log(app, mailing, logs, named, dry_run=dry_run, as_json=as_json)
        return
    chosen = unknown_deliveries(app.store, id) if named is None else named
    number = mailing.counts.get(DeliveryState.UNKNOWN, 0) if named is None else len(named)
    if dry_run:
        print_unknown(app, mailing, chosen)
        say(f"unknown: {count(number, 'delivery', 'deliveries')}")
        return
    if resend and number:
        again = f"{count(number, 'message')} will be sent again; readers who did get it will get it twice"
        confirm_or_refuse(f"mailing {id}", again, yes=yes)
    done = verbs.resolve(app.deps, chosen, resend=resend, now=app.clock())
    became = "queued again" if resend else "taken for accepted"
    say(f"{count(done, 'delivery', 'deliveries')} {became}" if done else "no outcome is unknown")
    if as_json:
        show_json(mailing_json(verbs.find_mailing(app.store, id)))


def decide_by_log(
    app: App,
    mailing: Mailing,
    logs: tuple[str, ...],
    named: list[UnknownDelivery] | None,
    *,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Carries out `resolve --log`: settles what the log proves, and lists the rest."""
    from publisher.core.delivery.relay_logs import line_time
    from publisher.imports.log_files import lines_of, size_of
    from publisher.services.delivery.deliver import SettledDelivery, resolve_by_log

    now = app.clock()
    local = now.astimezone().tzinfo or UTC
    left = MAX_UNKNOWN_SHOWN if dry_run and not as_json else 0

    def told(one: SettledDelivery) -> None:
        nonlocal left
        if left:
            left -= 1
            echo(f"{one.became:<9} {one.doubt.address}  {one.reply}")

    with bar("reading", size_of(logs), app.monotonic) as update:
        read = resolve_by_log(
            app.deps,
            mailing,
            lambda: unknown_deliveries(app.store, mailing.id) if named is None else named,
            lines_of(logs, lambda line: line_time(line, now, local), update),
            now,
            local=local,
            dry_run=dry_run,
            resolved=told,
        )
    if not read.understood and read.before:
        what = f"holds no line of Postfix, of Exim or of JSON ({count(read.lines, 'line')} read)"
        raise Refused(", ".join(logs), what, "give the log of the mail server that took the messages")
    rest = unknown_deliveries(app.store, mailing.id)
    if as_json:
        became = {word: read.became[kind] for kind, word in LOGGED_KEYS.items()}
        facts = {"lines": read.lines, "from": utc(read.first), "to": utc(read.last)}
        value = mailing_json(verbs.find_mailing(app.store, mailing.id)) | {"dry_run": dry_run, "log": facts}
        value |= {"resolved": became, "remaining": read.remaining}
        show_json_with(value, "in_doubt", (unknown_json(app, mailing, delivery) for delivery in rest))
        return
    say_log_report(mailing, read, app.settings.site.timezone, dry_run=dry_run)
    if not dry_run and read.remaining:
        print_unknown(app, mailing, islice(rest, MAX_UNKNOWN_SHOWN))


def say_log_report(mailing: Mailing, read: "LogReport", zone: str, *, dry_run: bool) -> None:
    """Says what the log proved, which time it covers, and what to do next."""
    if not read.before:
        say(f"mailing {mailing.id}: no outcome is unknown")
        return
    words = [f"{number:,} {LOGGED_IN_WORDS[kind]}" for kind, number in read.became.items()]
    said = ", ".join(words) or "nothing"
    say(f"the log proves {said}{'; nothing was changed' if dry_run else ''}")
    if read.first and read.last:
        say(f"it was written from {local_time(read.first, zone)} to {local_time(read.last, zone)}")
        if read.last < mailing.created_at:
            began = local_time(mailing.created_at, zone)
            say(f"that is before this mailing began, at {began}: give a later log")
    if read.became[LoggedOutcome.NOT_TAKEN] and not dry_run:
        say("`publisher run` sends what is queued at its next check; `publisher deliver` sends it now")
    if read.remaining:
        number = count(read.remaining, "delivery", "deliveries")
        say(f"still unknown: {number}; a log that does not name a message does not prove that it was lost")


@mailings.command(
    "rebuild",
    examples=(
        (
            "Prove that mailing 1 can be rendered again, byte for byte",
            "publisher mailings rebuild 1 --verify",
        ),
    ),
)
@site_options(as_json=True)
@click.argument("id", type=int)
@click.option("--verify", is_flag=True, help="Compare with the stored messages; write nothing.")
def rebuild(site: SiteOptions, as_json: bool, id: int, verify: bool) -> None:
    """Render a mailing's content again and compare it, byte for byte, with the stored messages."""
    if not verify:
        raise UsageError(
            "mailings rebuild", "what is frozen is never replaced", "add --verify to compare them"
        )
    app = site.open(reads=True)
    proofs = list(verbs.verify_rebuild(app.deps, verbs.find_mailing(app.store, id)))
    if as_json:
        rows = [{"cohort": p.cohort, "sha256": p.sha256, "differs": p.differs or None} for p in proofs]
        show_json({"id": id, "same": not any(p.differs for p in proofs), "cohorts": rows})
    for proof in () if as_json else proofs:
        echo(f"cohort {proof.cohort}  sha256 {proof.sha256}  {proof.differs or 'the same bytes'}")
    if any(proof.differs for proof in proofs):
        raise SystemExit(1)


def unknown_json(app: App, mailing: Mailing, delivery: UnknownDelivery) -> dict[str, Any]:
    """A delivery with an unknown outcome, as JSON."""
    _, name = message_id(app.ring, mailing, delivery.n)
    return {
        "n": delivery.n,
        "address": delivery.address,
        "message_id": name,
        "at": utc(delivery.at),
        "reply": delivery.reply,
        "transport": delivery.route.transport if delivery.route else None,
        "relay": (delivery.route.relay or None) if delivery.route else None,
    }


def print_unknown(app: App, mailing: Mailing, unknown: Iterable[UnknownDelivery]) -> None:
    """Prints a line for each delivery with an unknown outcome."""
    for delivery in unknown:
        row, since = unknown_json(app, mailing, delivery), local_time(delivery.at, app.settings.site.timezone)
        by = f"  by {delivery.route}" if delivery.route else ""
        why = row["reply"] or NO_REASON
        echo(f"unknown   {row['address']}  {row['message_id']}  since {since}{by}  {why}")
