"""The command line. `--help` imports no command: each is loaded when it is called."""

import gc
import sys
from importlib import import_module

import click

from publisher import __version__
from publisher.core.errors import PublisherError
from publisher.core.printable import printable

COMMANDS = {
    "init": ("publisher.cli.site", "A working site with two posts."),
    "check": ("publisher.cli.site", "Settings, posts and mails: every finding as path:line: reason."),
    "posts": ("publisher.cli.posts", "Each file: served or not, and why."),
    "adopt": ("publisher.cli.adopt", "Take over the ids of an existing feed."),
    "convert": ("publisher.cli.convert", "A blog's export as Markdown posts."),
    "plan": ("publisher.cli.publish", "What `publish` would do now."),
    "simulate": ("publisher.cli.simulate", "What would be published and mailed in a time to come."),
    "publish": ("publisher.cli.publish", "New posts to the log, the feeds and the readers."),
    "feeds": ("publisher.cli.feeds", "What feeds there are, where they moved, and hubs to be told."),
    "preview": ("publisher.cli.preview", "The next digest of a list: as files, or in a browser."),
    "test-send": ("publisher.cli.preview", "The next digest of a list to one address, as a test."),
    "subscribers": ("publisher.cli.subscribers", "Add, list and import readers."),
    "mailings": ("publisher.cli.mailings", "What went out, to how many, and what is in doubt."),
    "deliver": ("publisher.cli.deliver", "Drain what is due, then stop."),
    "run": ("publisher.cli.run", "Scheduler, web and delivery, all that a site needs."),
    "keys": ("publisher.cli.keys", "Make the keys that sign mail, and the DNS records for them."),
    "status": ("publisher.cli.site", "Log head, next due, queue, last errors."),
    "backup": ("publisher.cli.backup", "Store, journal and keys in one file."),
    "restore": ("publisher.cli.backup", "Put a backup's store back."),
    "reconcile": ("publisher.cli.backup", "After a restore: know who left and what was sent."),
    "migrate": ("publisher.cli.site", "Bring the store to this version's schema."),
    "demo": ("publisher.cli.demo", "A site to look at, published, mailed and served."),
}


class LazyGroup(click.Group):
    """Lists its commands without importing them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

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
        with formatter.section("Commands"):
            formatter.write_dl([(name, what) for name, (_, what) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="publisher", message="%(prog)s %(version)s")
def publisher() -> None:
    """Turns a folder of Markdown posts into feeds and email digests.

    Start with `publisher init mysite`, or look around with `publisher demo`.
    """


def main() -> None:
    """The program: exit 0 done, 1 failed or findings, 2 wrong usage; errors are one line."""
    debug = "--debug" in sys.argv
    # Values make no cycles, and going over them costs: the 120,000 of a start would be gone over twice.
    gc.set_threshold(200_000, 20, 50)
    try:
        publisher(standalone_mode=True)
    except PublisherError as error:
        if debug:
            raise
        click.echo(printable(f"publisher: {error}"), err=True)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(1)
    except Exception as error:
        if debug:
            raise
        text = " ".join(str(error).split())
        what = f"unexpected {type(error).__name__}: {text}"
        click.echo(printable(f"publisher: {what}; --debug shows where"), err=True)
        sys.exit(1)
    finally:
        gc.freeze()  # the process ends: nothing that is left need be gone over once more
