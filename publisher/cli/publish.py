"""plan, publish."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import datetime
from functools import wraps
from typing import Any

import click

from publisher.app import App, PublishReport
from publisher.cli.common import (
    SiteOptions,
    check_feed,
    complete_feeds,
    complete_lists,
    complete_posts,
    count,
    say,
    show_json,
    site_options,
    the_list,
    warn_of_clock,
    warn_of_readable,
)
from publisher.cli.due_readers import say_skipped, say_waiting, skipped_json, waiting_json
from publisher.cli.feeds import ping_and_say
from publisher.cli.help import NearestChoice, command
from publisher.cli.plan_output import (
    MAX_POSTS_NAMED,
    candidates_of,
    exit_on_findings,
    kept_dates_in_words,
    not_public_in_words,
    plan_json,
    print_plan,
    read_anew_in_words,
    say_warnings,
    warnings_json,
)
from publisher.cli.progress import delivery_progress, showing_progress
from publisher.core.delivery.holds import describe_hold
from publisher.core.errors import UsageError
from publisher.core.mail.message import LintRule
from publisher.core.posts.post import describe_wait
from publisher.core.publishing.log import LogKind
from publisher.core.publishing.plan import (
    Guard,
    HeldFileAnswers,
    Plan,
    changes_of_kind,
    describe_held,
)
from publisher.core.tokens import LINK_RULE as PUBLIC_URL

Command = Callable[..., Any]


def guard_options(*, mail: bool) -> Callable[[Command], Command]:
    """--accept-new and --force: guards that the author overrides; --as-new and --as-rename: what held files
    are. The command gets `overrides` and `answers`; where it sends `mail`, also `forced`, the rules of the
    lint that do not count.
    """

    def decorate(command: Command) -> Command:
        @wraps(command)
        def wrapped(
            *,
            accept_new: bool,
            force: tuple[str, ...],
            as_new: tuple[str, ...],
            as_rename: tuple[tuple[str, str], ...],
            **given: Any,
        ) -> Any:
            answers = HeldFileAnswers(new=frozenset(as_new), renamed={new: old for old, new in as_rename})
            overrides = [Guard(name) for name in force if name not in RULES] + [Guard.CHURN] * accept_new
            forced = {"forced": frozenset(force) & frozenset(RULES)} if mail else {}
            return command(overrides=frozenset(overrides), answers=answers, **forced, **given)

        names = NearestChoice([Guard.MISSING.value, *(RULES if mail else ())])
        text = "Continue even if many posts are missing at once, and withdraw them."
        text += " Or the name of a lint rule: send mails that break it." if mail else ""
        text += f" Or {PUBLIC_URL}: even if another site answers at web.public_url." if mail else ""
        decorated: Command = click.option("--force", type=names, multiple=True, metavar="RULE", help=text)(
            wrapped
        )
        text = "Treat the held file NEW as the post whose file was OLD: it keeps its id and is not mailed."
        decorated = click.option("--as-rename", nargs=2, multiple=True, metavar="OLD NEW", help=text)(
            decorated
        )
        text = "Publish the held FILE as a new post, whatever it looks like."
        decorated = click.option(
            "--as-new", multiple=True, metavar="FILE", shell_complete=complete_posts, help=text
        )(decorated)
        text = "Continue even if many posts are new at once, or many old ones change or look new."
        return click.option("--accept-new", is_flag=True, help=text)(decorated)

    return decorate


RULES = (*(rule.value for rule in LintRule), PUBLIC_URL)


@command(
    examples=(
        ("See what would be published and mailed now", "publisher plan"),
        ("See who would get mail tomorrow at 9", "publisher plan --who --at 'tomorrow 09:00'"),
    )
)
@site_options(at=True, as_json=True)
@guard_options(mail=False)
@click.option(
    "--who",
    is_flag=True,
    help="Also list the address of each reader, and what they get or why they get nothing.",
)
def plan(
    site: SiteOptions, as_json: bool, who: bool, overrides: frozenset[Guard], answers: HeldFileAnswers
) -> None:
    """Show what `publish` would do now; change nothing."""
    from publisher.cli.due_readers import due_report_json

    app = site.open(reads=True)
    with showing_progress(app):
        publish_plan, reports = app.plan(overrides=overrides, answers=answers)
    if as_json:
        digests = [
            due_report_json(report, app.store.count_not_due(report.due), candidates_of(app, report, who=who))
            for report in reports
        ]
        documents = app.document_changes()
        show_json(
            plan_json(publish_plan)
            | {"digests": digests, "warnings": warnings_json(app.warnings(publish_plan))}
            | {"settings": app.settings_changes(), "documents": asdict(documents)}
        )
    else:
        print_plan(app, publish_plan, reports, who=who)
        say_warnings(app.warnings(publish_plan))
    if note := app.outbox_note():
        say(f"note: {note}")
    exit_on_findings(publish_plan)


@command(
    examples=(
        ("Publish, and mail what is due", "publisher publish"),
        ("Publish without mailing", "publisher publish --no-mail"),
        ("Do not wait for the schedule of a list", "publisher publish --send daily"),
    )
)
@site_options(at=True, as_json=True)
@guard_options(mail=True)
@click.option("--plan", "expect", metavar="HASH", help="Publish only if the plan still has this hash.")
@click.option(
    "--no-mail", is_flag=True, help="Update only the log and the documents; plan and send no digest."
)
@click.option(
    "--send",
    multiple=True,
    metavar="LIST",
    shell_complete=complete_lists,
    help="Send to LIST now, ignoring its schedule.",
)
@click.option("--backfill", is_flag=True, help="Add new posts to the feeds without mailing them.")
@click.option(
    "--widen",
    multiple=True,
    metavar="FEED",
    shell_complete=complete_feeds,
    help="Let FEED show the older posts that its new limit or filter adds; readers see them as new.",
)
@click.option("--no-ping", is_flag=True, help="Do not notify hubs yet; run `feeds ping` after an upload.")
@click.option("--dry-run", is_flag=True, help="Show the plan; change nothing.")
def publish(
    site: SiteOptions,
    as_json: bool,
    expect: str | None,
    no_mail: bool,
    send: tuple[str, ...],
    backfill: bool,
    widen: tuple[str, ...],
    dry_run: bool,
    no_ping: bool,
    overrides: frozenset[Guard],
    answers: HeldFileAnswers,
    forced: frozenset[str],
) -> None:
    """Publish new posts to the log, feeds and pages, and mail what is due.

    Exits with 1 if a post is bad, the plan is stopped, or the mail server fails and mail waits.
    """
    app = site.open()
    app.wait_for_writers()
    now_due = [the_list(app, slug, "--send").slug for slug in send]
    if send and no_mail:
        raise UsageError("publish", "--send and --no-mail exclude each other", "give one of them")
    for slug in widen:
        check_feed(app, slug, "--widen")
    if dry_run:
        warn_of_clock(app)
        publish_plan, reports = app.plan(backfill=backfill, overrides=overrides, answers=answers)
        print_plan(app, publish_plan, reports, who=False)
        say_warnings(app.warnings(publish_plan))
        exit_on_findings(publish_plan)
        return
    if not no_mail:
        warn_of_readable(app)
    for path, number in app.widen(widen).items() if widen else ():
        say(f"feed {path}: takes in {count(number, 'older post')}; feed readers will show that as new")
    with showing_progress(app):
        report = app.publish(
            backfill=backfill,
            expect=expect,
            mail=not no_mail,
            overrides=overrides,
            answers=answers,
            send=now_due,
            forced=forced,
        )
    say_report(app, report)
    say_nothing_owed(app, report, now_due)
    waiting = [] if no_mail or report.mailings or report.unsent else app.backlog()
    say_waiting(app, waiting)
    hubs = [] if no_ping else ping_and_say(app)
    delivered = None if no_mail else delivery_progress(app, as_json=as_json)
    if no_mail:
        app.housekeeping()
    if as_json:
        sent = {"hubs": hubs, "delivered": delivered.json if delivered else {}}
        show_json(report_json(report) | sent | {"waiting": [waiting_json(one) for one in waiting]})
    exit_on_findings(report.published.plan)
    for error in report.unsent:
        say(f"publisher: {error}")
    if report.unsent or report.broken_templates:
        raise SystemExit(1)
    if delivered is not None and delivered.failed:
        raise SystemExit(1)


def say_report(app: App, report: PublishReport) -> None:
    """Says what a publish did."""
    publish_plan = report.published.plan
    for path in publish_plan.unsettled:
        say(f"{path}: is being written; the next publish takes it")
    said: list[str] = []
    for kind in LogKind:
        changes = changes_of_kind(publish_plan, kind)
        quiet = sum(change.backfill for change in changes)
        if changes:
            note = f" ({quiet} as backfill, mailed to nobody)" if quiet else ""
            said.append(f"{kind} {count(len(changes), 'post')}{note}")
    if publish_plan.renamed:
        said.append(f"recognized {count(len(publish_plan.renamed), 'renamed post')}")
    if publish_plan.read_anew:
        said.append(f"refreshed {read_anew_in_words(publish_plan)}")
    if publish_plan.baseline:
        said.append("recorded the baseline")
    if publish_plan.recovered:
        said.append(f"recognized {count(publish_plan.recovered, 'post')} from the feeds under public/")
    written = (*report.published.written, *report.pages)
    if written:
        said.append(f"wrote {count(len(written), 'document')}")
    say("; ".join(said) if said else "nothing new")
    if report.ahead:
        say(f"note: {report.ahead}")
    if report.public_url:
        say(f"warning: {report.public_url}")
    say_skipped(app, report.skipped)
    say_withdrawn(publish_plan, app.clock())
    for line in kept_dates_in_words(app, publish_plan):
        say(f"date kept: {line}")
    for label, text in not_public_in_words(app, publish_plan):
        say(f"{label}: {text}")
    for line in report.reworded:
        say(line)
    for line in describe_held(publish_plan.held):
        say(f"held: {line}")
    say_warnings([*report.warnings, *report.published.retired])
    for line in report.settings_changes:
        say(f"settings: {line}")
    for line in report.removed_lists:
        say(f"publisher.toml: {line}")
    unsent = set(map(str, report.unsent))
    for error in report.broken_templates:
        if str(error) not in unsent:
            say(f"broken template: {error}")
    for id in report.mailings:
        mailing = app.store.mailing(id)
        if mailing is not None:
            say(f"mailing {id} to {count(mailing.planned, 'reader')} of {mailing.list}: {mailing.subject}")
            if mailing.hold:
                words = describe_hold(
                    mailing.hold, id, mailing.hold_why, mailing.hold_until, zone=app.settings.site.timezone
                )
                say(f"held: mailing {id}: {words}")


def say_nothing_owed(app: App, report: PublishReport, slugs: Sequence[str]) -> None:
    """Says of each list in --send that got no mailing why: nobody there waits for a post."""
    mailed = {mailing.list for id in report.mailings if (mailing := app.store.mailing(id)) is not None}
    for slug in slugs:
        if slug not in mailed and not report.unsent:
            say(f"nothing to send to {slug}: its readers have every post")


def say_withdrawn(publish_plan: Plan, now: datetime) -> None:
    """Names withdrawn posts, and why each was withdrawn: its file says so, or is gone."""
    withdrawn, found = changes_of_kind(publish_plan, LogKind.WITHDRAWN), dict(publish_plan.touched)
    for change in withdrawn[:MAX_POSTS_NAMED]:
        why = describe_wait(found.get(change.id, change.post), now) or "its file is gone"
        say(f"withdrawn: {change.post.path}: {why}")
    if len(withdrawn) > MAX_POSTS_NAMED:
        say(f"withdrawn: {len(withdrawn) - MAX_POSTS_NAMED} more")


def report_json(report: PublishReport) -> dict[str, Any]:
    """What a publish did, as JSON."""
    head = report.published.head
    return plan_json(report.published.plan) | {
        "head": head.seq,
        "documents": [*report.published.written, *report.pages],
        "mailings": list(report.mailings),
        "reworded": list(report.reworded),
        "warnings": warnings_json([*report.warnings, *report.published.retired]),
        "log_ahead": report.ahead or None,
        "skipped": [skipped_json(one) for one in report.skipped],
        "removed_lists": list(report.removed_lists),
        "settings": list(report.settings_changes),
    }
