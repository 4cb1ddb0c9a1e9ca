"""The commands for returned mail: `bounce` reads it from a mail server's pipe or a Maildir, and `mailings
bounces` decides about many bounces at once.

In a mail server's pipe, exit code 0 means that the message was processed, and 75 (EX_TEMPFAIL in sysexits.h)
that the server should try again. Any other code would return the message to its sender, and bounces have
none. So every failure ends with 75, including wrong usage and a broken site.
"""

import sys
import traceback
from collections.abc import MutableMapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from publisher.app import App
from publisher.cli import say_error
from publisher.cli.common import SiteOptions, count, echo, say, show_json, site_options, utc
from publisher.cli.help import STYLE, Command, command
from publisher.core.delivery.bounces import ReportEffect, ReportKind
from publisher.core.errors import PublisherError, UsageError

if TYPE_CHECKING:
    from publisher.services.delivery.returned_mail import MailboxTally, ReadMessage

TRY_AGAIN = 75

_KINDS = {
    ReportKind.BOUNCE: "a bounce",
    ReportKind.COMPLAINT: "a complaint",
    ReportKind.DELAY: "a delay",
    ReportKind.DELIVERED: "a report of delivery",
    ReportKind.AUTO_REPLY: "an automatic reply",
    ReportKind.UNSUBSCRIBE: "an unsubscribe mail",
    ReportKind.OTHER: "something else",
}
_EFFECTS = {
    ReportEffect.COUNTED: "noted as a refusal",
    ReportEffect.SUPPRESSED: "the address gets no more mail",
    ReportEffect.UNSUBSCRIBED: "the reader is unsubscribed",
    ReportEffect.NOTHING: "changes nothing",
    ReportEffect.KEPT: "kept aside: it is no report about a message of this site",
}


class PipeCommand(Command):
    """A command whose exit code is always 0 or 75."""

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        try:
            return super().make_context(info_name, args, parent, **extra)
        except click.UsageError as error:
            _try_again(error.format_message(), error)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except click.exceptions.Exit:
            raise
        except (PublisherError, click.ClickException) as error:
            _try_again(str(error), error)
        except (Exception, click.Abort, KeyboardInterrupt) as error:
            _try_again(f"unexpected {type(error).__name__}: {' '.join(str(error).split())}", error)


def _try_again(what: str, error: BaseException) -> NoReturn:
    """Ends the command so that the mail server keeps the message."""
    debug = "--debug" in sys.argv
    with suppress(OSError):  # nobody need read what is said here
        if debug and not STYLE.log_as_json:
            traceback.print_exc()
        say_error(what, error if debug else None)
    raise SystemExit(TRY_AGAIN)


@click.command(
    cls=PipeCommand,
    examples=(
        ("Read one message, as a mail server's pipe hands it over", "publisher bounce < message.eml"),
        ("Read a Maildir", "publisher bounce --maildir Maildir"),
        ("See what is kept aside, because it is no report", "publisher bounce --kept"),
    ),
)
@site_options(at=True, as_json=True)
@click.option(
    "--maildir",
    metavar="PATH",
    type=click.Path(path_type=Path),
    help="Read the messages of this Maildir, new and seen; remove those that are understood.",
)
@click.option("--source", is_flag=True, help="Read what is new in mail.bounces.source, once.")
@click.option("--kept", is_flag=True, help="Read nothing; show the messages that are kept aside.")
@click.option(
    "--confirm",
    is_flag=True,
    help="Read nothing; confirm to Amazon SNS that its topic may send to this site.",
)
def bounce(
    site: SiteOptions, as_json: bool, maildir: Path | None, source: bool, kept: bool, confirm: bool
) -> None:
    """Read mail that came back: bounces, complaints, and mail that unsubscribes.

    Reads one message on standard input, as a mail server's pipe sends it, or a mailbox. Exits with 0 when
    everything is read or kept aside, with 75 when it should be tried again, and with nothing else.
    """
    app = site.open(alone=True, last_good=True)
    if kept:
        print_kept(app, as_json=as_json)
        return
    if confirm:
        from publisher.app.webhooks import confirm_subscription

        say(f"{confirm_subscription(app)} may send to this site")
        return
    if maildir is not None or source:
        tally = app.read_bounces(maildir)
        if tally is None:
            raise UsageError("--source", "mail.bounces.source names no mailbox", "set it")
        print_tally(tally, as_json=as_json)
        return
    if sys.stdin.isatty():
        raise click.UsageError("no message on standard input; pipe one in, or name a --maildir")
    from publisher.imports.returned_mail import read_pipe

    done = app.read_bounce(read_pipe(sys.stdin.buffer))
    if as_json:
        show_json(message_json(done))
    elif sys.stdout.isatty() or done.effect is ReportEffect.KEPT:
        again = " (read before)" if done.again else ""
        say(f"{_KINDS[done.kind]}: {_EFFECTS[done.effect]}{again}{f'; {done.reply}' if done.reply else ''}")


def message_json(done: "ReadMessage") -> MutableMapping[str, object]:
    """What one message was and changed, as JSON."""
    about = done.delivery
    return {
        "kind": done.kind,
        "effect": done.effect,
        "read_before": done.again,
        "mailing": about.mailing if about else None,
        "list": about.list if about else None,
        "address": about.address if about else None,
        "severity": done.severity,
        "reply": done.reply or None,
    }


def print_kept(app: App, *, as_json: bool) -> None:
    """Prints the messages of which nothing could be made, each below the time it came."""
    found = [(one.at, (one.message or b"").decode("utf-8", "replace")) for one in app.store.kept_messages()]
    if as_json:
        show_json([{"at": utc(at), "message": text} for at, text in found])
        return
    for at, text in found:
        echo(f"==> {utc(at)}\n{text}")
    if not found:
        say("nothing is kept aside")


def print_tally(tally: "MailboxTally", *, as_json: bool) -> None:
    """Prints how many messages of a mailbox were what."""
    if as_json:
        rows = [
            {"kind": kind, "effect": effect, "count": number}
            for (kind, effect), number in sorted(tally.read.items())
        ]
        show_json({"read": tally.read.total(), "suppressed": tally.suppressed, "messages": rows})
        return
    for (kind, effect), number in sorted(tally.read.items()):
        echo(f"{number:>6,}  {_KINDS[kind]}: {_EFFECTS[effect]}")
    said = f"; {count(tally.suppressed, 'address', 'addresses')} suppressed" if tally.suppressed else ""
    say(f"{count(tally.read.total(), 'message')} read{said}")


@command(
    examples=(
        ("The relay returned mail that was delivered", "publisher mailings bounces 1 --ignore"),
        ("Those mailboxes really refuse mail", "publisher mailings bounces 1 --count"),
    )
)
@site_options(at=True)
@click.argument("id", type=int)
@click.option("--count", "ruling", flag_value="count", help="They count: those mailboxes refuse mail.")
@click.option("--ignore", "ruling", flag_value="ignore", help="They do not count: the relay was wrong.")
def bounces(site: SiteOptions, id: int, ruling: str | None) -> None:
    """Decide whether the refusals of a mailing count, where very many were reported."""
    from publisher.core.delivery.mailing import RefusalRuling
    from publisher.services.delivery.returned_mail import rule_on_refusals

    if ruling is None:
        raise UsageError(f"mailing {id}", "reports may be right or wrong", "decide: --count or --ignore")
    app = site.open()
    suppressed = rule_on_refusals(app.deps, id, RefusalRuling(ruling), app.clock())
    said = f"; {count(suppressed, 'address', 'addresses')} suppressed" if suppressed else ""
    say(f"mailing {id}: its refusals {'count' if ruling == 'count' else 'do not count'}{said}")
