"""The help of each command: usage, options, options of every command, examples.

A command is made with `@command(examples=...)`, a group with `@group()`, and the commands within a group are
like these. Examples are shown by --help, in the reference and in the man pages, and a test runs each.
"""

import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import click

from publisher.cli.terminal import BOLD, STYLE, ColorWhen, colored, columns, paint

Examples = Sequence[tuple[str, str]]
"""Pairs of what an example is for, and the command as it is typed."""

WIDEST, LEAST_WIDTH = 100, 30
"""The columns that help is wrapped to at most, and at least."""

EVERYWHERE = ("site", "color", "quiet", "verbose", "debug")
"""The options that every command has, and --help (--site only where there is a site)."""


class HelpFormatter(click.HelpFormatter):
    """Fits the window, however narrow; headings are bold where there are colors."""

    def __init__(self, *args: Any, **given: Any) -> None:
        super().__init__(*args, **given)
        self.width = max(min(columns(), WIDEST) - 2, LEAST_WIDTH)

    def write_heading(self, heading: str) -> None:
        super().write_heading(_bold(heading))

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        super().write_usage(prog, args, _bold("Usage:") + " " if prefix is None else prefix)

    def write_dl(self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2) -> None:
        super().write_dl(rows, min(col_max, self.width // 3), col_spacing)


def _bold(text: str) -> str:
    return paint(text, BOLD) if colored(sys.stdout) else text


class HelpContext(click.Context):
    """A context whose help is made by HelpFormatter."""

    formatter_class = HelpFormatter


class Command(click.Command):
    """A command with examples and the options that every command has."""

    context_class = HelpContext

    def __init__(self, *args: Any, examples: Examples = (), **given: Any) -> None:
        super().__init__(*args, **given)
        self.examples = tuple(examples)
        self.params += options_of_every_command()

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        own: list[tuple[str, str]] = []
        shared: list[tuple[str, str]] = []
        for parameter in self.get_params(ctx):
            if (record := parameter.get_help_record(ctx)) is not None:
                everywhere = parameter.name in EVERYWHERE or "--help" in parameter.opts
                (shared if everywhere else own).append(record)
        for title, rows in (("Options", own), ("Options of every command", shared)):
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        super().format_epilog(ctx, formatter)
        write_examples(self.examples, formatter)


class Group(click.Group):
    """A group whose commands are as above."""

    context_class = HelpContext
    command_class = Command
    group_class = type

    def __init__(self, *args: Any, examples: Examples = (), **given: Any) -> None:
        super().__init__(*args, **given)
        self.examples = tuple(examples)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        super().format_epilog(ctx, formatter)
        write_examples(self.examples, formatter)


def command(name: str | None = None, *, examples: Examples) -> Callable[[Callable[..., Any]], Command]:
    """Decorates the function of a command."""
    return click.command(name, cls=Command, examples=examples)


def group() -> Callable[[Callable[..., Any]], Group]:
    """Decorates the function of a group of commands."""
    return click.group(cls=Group)


def options_of_every_command() -> list[click.Parameter]:
    """--color, --quiet and --verbose, which may also stand before the command; and --debug."""

    def set_color(ctx: click.Context, _param: click.Parameter, value: str | None) -> None:
        if value is not None:
            STYLE.color = ColorWhen(value)
            ctx.color = None if STYLE.color is ColorWhen.AUTO else STYLE.color is ColorWhen.ALWAYS

    def set_quiet(_ctx: click.Context, _param: click.Parameter, value: bool) -> None:
        STYLE.quiet = STYLE.quiet or value

    def set_verbose(_ctx: click.Context, _param: click.Parameter, value: int) -> None:
        STYLE.verbose = value or STYLE.verbose

    def option(*names: str, **given: Any) -> click.Option:
        return click.Option(names, expose_value=False, is_eager=True, **given)

    when = click.Choice([when.value for when in ColorWhen])
    return [
        option(
            "--color", type=when, metavar="WHEN", callback=set_color, help="auto (default), always or never."
        ),
        option("-q", "--quiet", is_flag=True, callback=set_quiet, help="Only data, warnings and errors."),
        option(
            "-v", "--verbose", count=True, callback=set_verbose, help="Show the log too; -vv: every detail."
        ),
        option("--debug", is_flag=True, help="Show the full traceback of an error."),
    ]


def write_examples(examples: Examples, formatter: click.HelpFormatter) -> None:
    """Each example as a comment and the command below it."""
    if not examples:
        return
    with formatter.section("Examples"):
        for place, (what, typed) in enumerate(examples):
            if place:
                formatter.write_paragraph()
            formatter.write_text(f"# {what}")
            formatter.write(f"{'':{formatter.current_indent}}$ {typed}\n")


def did_you_mean(name: str, there: Sequence[str], label: str = "there are") -> str:
    """What to do about a mistyped name: "did you mean 'daily'? there are: daily, weekly"."""
    from difflib import get_close_matches  # as rarely as somebody mistypes

    listed = f"{label}: {', '.join(there) or 'none'}"
    near = get_close_matches(name, there, n=1)
    return f"did you mean {near[0]!r}? {listed}" if near else listed
