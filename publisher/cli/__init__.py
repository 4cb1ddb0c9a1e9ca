"""The command line. `--help` imports no command: each is loaded when it is called."""

import gc
import os
import sys
from importlib import import_module

import click

from publisher import __version__
from publisher.cli.help import (
    STYLE,
    HelpContext,
    colored,
    options_of_every_command,
    paint_labels,
    printable,
)
from publisher.core.errors import PublisherError

COMMANDS = {
    "init": ("publisher.cli.site", "Create a site with settings and two posts."),
    "check": ("publisher.cli.site", "Check settings, posts and mails; report findings as path:line: reason."),
    "posts": ("publisher.cli.posts", "List post files: published or not, and why."),
    "adopt": ("publisher.cli.posts", "Take over the ids of an existing feed."),
    "convert": ("publisher.cli.convert", "Convert a Ghost, WordPress or Substack export to Markdown posts."),
    "plan": ("publisher.cli.publish", "Show what `publish` would do now."),
    "simulate": ("publisher.cli.preview", "Show what would be published and mailed up to a future date."),
    "publish": (
        "publisher.cli.publish",
        "Publish new posts to the log, feeds and pages, and mail what is due.",
    ),
    "feeds": ("publisher.cli.feeds", "List feeds; move or end one; notify hubs."),
    "preview": ("publisher.cli.preview", "Render the next digest of a list, as files or in a browser."),
    "test-send": ("publisher.cli.preview", "Send the next digest of a list to one address, as a test."),
    "share": ("publisher.cli.posts", "Make a secret link to a draft."),
    "templates": (
        "publisher.cli.templates",
        "List, show, copy and compare the templates of mails and pages.",
    ),
    "subscribers": ("publisher.cli.subscribers", "Add, list, import and export subscribers."),
    "signup-form": ("publisher.cli.lists", "Print a list's sign-up form, to paste into another site."),
    "mailings": ("publisher.cli.mailings", "List mailings; approve, pause, resume, cancel or remake one."),
    "lists": ("publisher.cli.lists", "List mailing lists; rename or close one."),
    "bounce": ("publisher.cli.bounce", "Read mail that came back: bounces and complaints."),
    "deliver": ("publisher.cli.run", "Send everything that is due, then exit."),
    "run": ("publisher.cli.run", "Publish, send and serve the site until stopped."),
    "reload": ("publisher.cli.run", "Make `publisher run` take up changed settings now."),
    "keys": ("publisher.cli.site", "Create DKIM keys with their DNS records, and new keys of the secret."),
    "status": ("publisher.cli.site", "Show the log, what is due and queued, and the last errors."),
    "backup": ("publisher.cli.backup", "Save store, journal and keys in one file."),
    "restore": ("publisher.cli.backup", "Restore the store from a backup."),
    "reconcile": ("publisher.cli.backup", "After a restore, replay unsubscribes and sends since the backup."),
    "migrate": ("publisher.cli.site", "Upgrade the store to this version's schema."),
    "demo": ("publisher.cli.demo", "Create an example site and serve it."),
    "completion": ("publisher.cli.reference", "Print the script that completes commands in your shell."),
    "help": ("publisher.cli.reference", "Show the help of a command."),
}
SECTIONS = {
    "Begin": ("init", "demo", "adopt", "convert"),
    "Write and publish": ("check", "posts", "plan", "simulate", "preview", "test-send", "share", "publish",
                          "feeds", "templates"),
    "Readers and mail": ("subscribers", "signup-form", "lists", "mailings", "deliver", "bounce"),
    "Keep a site running": (
        "run", "reload", "status", "keys", "backup", "restore", "reconcile", "migrate",
    ),
    "More": ("completion", "help"),
}  # fmt: skip
"""The commands as `publisher --help` shows them."""


class LazyGroup(click.Group):
    """Lists its commands without importing them."""

    context_class = HelpContext

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command, its name and what follows. A mistyped name is answered with those like it."""
        try:
            return super().resolve_command(ctx, args)
        except click.NoSuchCommand as error:
            raise click.NoSuchCommand(error.command_name, possibilities=COMMANDS, ctx=ctx) from None

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = import_module(COMMANDS[cmd_name][0])
        command: click.Command = getattr(module, cmd_name.replace("-", "_"))
        return command

    def invoke(self, ctx: click.Context) -> object:
        """Carries out the command; what click says of wrong words shows them without control characters."""
        try:
            return super().invoke(ctx)
        except click.ClickException as error:
            vars(error)["message"] = printable(error.message)
            raise

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        width = max(map(len, COMMANDS))
        for title, names in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(f"{name:<{width}}", COMMANDS[name][1]) for name in names])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, "-V", "--version", prog_name="publisher", message="%(prog)s %(version)s")
@click.option("--site", metavar="DIR", help="The site's folder, for the command that follows.")
def publisher(site: str | None) -> None:
    """Turns a folder of Markdown posts into feeds and email digests.

    Start with `publisher init mysite`, or look around with `publisher demo`.
    """
    if site is not None:
        os.environ["PUBLISHER_SITE"] = site  # which the command's own --site overrides


publisher.params += options_of_every_command()


def main() -> None:
    """The program: exit 0 done, 1 failed or findings, 2 wrong usage; errors are one line."""
    debug = "--debug" in sys.argv
    STYLE.reset()
    # Values make no cycles, and going over them costs: the 120,000 of a start would be gone over twice.
    gc.set_threshold(200_000, 20, 50)
    try:
        publisher(standalone_mode=True)
    except PublisherError as error:
        if debug and not STYLE.log_as_json:
            raise
        say_error(str(error), error if debug else None)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(1)
    except Exception as error:  # a fault of ours: one line here, the traceback with --debug
        if debug and not STYLE.log_as_json:
            raise
        text = " ".join(str(error).split())
        what = f"unexpected {type(error).__name__}: {text}"
        say_error(what if debug else f"{what}; --debug shows where", error if debug else None)
        sys.exit(1)
    finally:
        write_what_is_left()
        gc.freeze()  # the process ends: nothing that is left need be gone over once more


def write_what_is_left() -> None:
    """Flushes stdout. Where nobody reads it any more (`| head`), the rest goes nowhere, or the interpreter
    would complain of it as it ends.
    """
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def say_error(text: str, error: BaseException | None = None) -> None:
    """Prints the one line of an error on stderr; as JSON with the traceback of `error`."""
    if STYLE.log_as_json:
        from publisher.cli.logs import log_failure

        log_failure(text, error)
        return
    click.echo(paint_labels(printable(f"publisher: {text}"), sys.stderr), err=True, color=colored(sys.stderr))
