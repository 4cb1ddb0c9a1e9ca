"""Documentation of the commands beyond `--help`: topics of `publisher help`, manual pages (man(7)), and
docs/reference/commands.md, which `python -m publisher.cli.reference` prints.

Also the commands `publisher help` and `publisher completion`.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from inspect import cleandoc
from textwrap import wrap

import click

from publisher import __version__
from publisher.cli import SECTIONS, publisher
from publisher.cli.common import echo, show_help
from publisher.cli.help import Command, Examples, Group, HelpFormatter, NearestChoice, command, did_you_mean
from publisher.core.errors import UsageError

HEAD = """\
# Commands

Written from the code by `make docs`. `publisher COMMAND --help` says the same on a terminal, and so does
`man publisher-COMMAND` where the package was installed with pip.

- `--site DIR`, or `PUBLISHER_SITE` in the environment, names the site's folder. The default is the current
  folder. It may also stand before the command: `publisher --site blog plan`.
- `--at TIME` runs a command as if it were that time: an ISO 8601 time such as `2026-05-01T08:00:00Z`, UTC
  unless it has an offset; or, in the time zone of the site, `tomorrow` (this time of day), `tomorrow 08:00`,
  or `08:00` (the next time the clock shows it); or `+1d`, `+12h`, `+30m` from now. With SMTP a future time is
  refused. Commands that write refuse a time more than 5 minutes before the log's last entry; commands that
  read warn.
- On a terminal, lists are tables with a header. Piped, the rows have no header, and tabs between their cells.
  Times are in the site's time zone.
- `--color auto`, `always` or `never` decides about colors; `NO_COLOR` is respected.
- `-q`, `--quiet` leaves out messages, except warnings and errors. `-v`, `--verbose` shows the log too, `-vv`
  every detail.
- `--log-format json` writes the log, messages and errors as JSON, one object on each line of stderr:
  `publisher run --log-format json`. [Logs](../how-to/deploy.md#logs) describes the keys.
- `publisher completion bash`, `zsh` or `fish` prints the script that completes commands, options, lists,
  feeds and posts.
- `--json` prints one JSON document. Data goes to stdout, messages to stderr.
- `--dry-run` shows what would happen and changes nothing.
- `--debug` shows the full traceback of an error. Without it an error is one line.
- The exit code is 0 on success, 1 after a failure or with findings (such as a bad post), and 2 for wrong
  usage.
"""


TOPICS: Mapping[str, tuple[str, str]] = {
    "times": (
        "The forms of TIME and PERIOD.",
        """\
--at, --from and --to take a TIME:

  2026-05-01T08:00:00Z     an ISO 8601 time; UTC unless it has an offset
  08:00                    the next time the clock shows this, in the site's time zone
  tomorrow                 this time of day tomorrow
  tomorrow 08:00           that time tomorrow
  +1d, +12h, +1d12h, +30m  that much later than now

With mail.transport = "smtp" a command that sends refuses a time in the future: what has left cannot
be taken back. Commands that write refuse a time more than 5 minutes before the log's last entry.
Commands that only read warn.

--every takes a PERIOD such as 24h, 1d or 30m.

Times are shown in the site's time zone: 2026-11-25 09:00 CET. JSON has them in UTC:
2026-11-25T08:00:00Z.""",
    ),
    "output": (
        "Tables, JSON, colors, quiet and verbose output.",
        """\
Data goes to stdout, messages go to stderr.

On a terminal, lists are tables with a header, cut to the window. Piped, the same rows have no
header, and tabs between cells that are not cut:

  publisher subscribers list | cut -f1

--json prints one JSON document. New keys may be added; those that are there keep their meaning.

--color auto, the default, uses colors on a terminal, unless NO_COLOR is set or TERM is dumb. always
and never decide it.

-q, --quiet leaves out messages; warnings, errors and data stay. -v, --verbose also shows the log: a
line for each event. -vv shows every detail.

--log-format json writes the log, messages and errors as JSON, one object on each line of stderr, with
time (UTC), level, event, logger and the fields of the event.

--dry-run, where a command has it, shows what would happen and changes nothing.""",
    ),
    "exit-codes": (
        "What the exit codes 0, 1 and 2 mean.",
        """\
  0  done
  1  failed, or with findings: a bad post, a stopped plan, mail that could not be sent
  2  wrong usage: an unknown command, option, list or feed; nothing was changed

An error is one line on stderr: where, what is wrong, what to do. --debug shows the full traceback.""",
    ),
    "site": (
        "Which site a command works on.",
        """\
A site is a folder with a publisher.toml. A command works on, in this order:

  --site DIR               also before the command: publisher --site blog plan
  PUBLISHER_SITE           in the environment
  the current folder

Every setting can also come from the environment: PUBLISHER_MAIL__TRANSPORT=smtp is transport in
[mail]. config/publisher.toml and docs/reference/settings.md list them all.""",
    ),
}
"""`publisher help TOPIC`: what it is about, and the text, in which indented lines are not
wrapped."""


WRITTEN = "2026-11-30"
"""The day that man(7) wants in a page: when the form of the pages last changed."""

COLUMNS = 70
"""Of a line of a page's source, which is filled when the page is shown."""


def markdown() -> str:
    """docs/reference/commands.md: a section for each command, in the order of `publisher --help`."""
    return "\n".join([HEAD, *(section(*one) for one in commands_of(publisher, _root(), "##"))])


def _root() -> click.Context:
    return click.Context(publisher, info_name="publisher", **publisher.context_settings)


def commands_of(
    group: click.Group, context: click.Context, mark: str
) -> Iterator[tuple[click.Command, click.Context, str]]:
    """Each command of a group and those within it, depth first, with a `mark` that grows with the depth."""
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is None:
            continue
        inner = click.Context(command, info_name=name, parent=context)
        yield command, inner, mark
        if isinstance(command, click.Group):
            yield from commands_of(command, inner, f"{mark}#")


def section(command: click.Command, context: click.Context, mark: str) -> str:
    """One command: its usage, its help, a table of its own options, and its examples."""
    lines = [f"{mark} {context.command_path}", ""]
    if help := " ".join((command.help or "").split()):
        lines += [help, ""]
    lines += ["```text", usage_of(command, context), "```"]
    if rows := own_options(command, context):
        lines += ["", "| Option | What it does |", "|---|---|"]
        for names, what in rows:
            cells = (f"`{names}`", " ".join(what.split()))
            lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    if examples := examples_of(command):
        lines += ["", "```console"]
        for what, typed in examples:
            lines += [f"# {what}", f"$ {typed}"]
        lines.append("```")
    return "\n".join(lines) + "\n"


def usage_of(command: click.Command, context: click.Context) -> str:
    """ "publisher plan [OPTIONS]"."""
    return " ".join([context.command_path, *command.collect_usage_pieces(context)])


def own_options(command: click.Command, context: click.Context) -> list[tuple[str, str]]:
    """The options of a command without those that every command has, in the order of --help."""
    shared = ("--color", "--quiet", "--verbose", "--log-format", "--debug", "--help")
    options = (one for one in command.get_params(context) if isinstance(one, click.Option))
    own = (one for one in options if not set(shared) & set(one.opts))
    return [record for one in own if (record := one.get_help_record(context)) is not None]


def examples_of(command: click.Command) -> Examples:
    """The examples of a command."""
    return command.examples if isinstance(command, (Command, Group)) else ()


def write_topic(text: str, formatter: click.HelpFormatter) -> None:
    """The text of a topic: paragraphs are wrapped, indented lines are not."""
    for place, block in enumerate(text.split("\n\n")):
        if place:
            formatter.write_paragraph()
        if block.startswith("  "):
            formatter.write(f"{block}\n")
        else:
            formatter.write_text(block)


def man_pages() -> Mapping[str, str]:
    """The manual pages by name, without ".1": publisher, and one for each command with those within it."""
    pages = {"publisher": main_page()}
    root = _root()
    for name in publisher.list_commands(root):
        command = publisher.get_command(root, name)
        if command is not None:
            pages[f"publisher-{name}"] = command_page(
                command, click.Context(command, info_name=name, parent=root)
            )
    return pages


def main_page() -> str:
    """publisher(1)."""
    root = _root()
    lines = [*_title("publisher", "turn a folder of Markdown posts into feeds and email digests")]
    lines += [
        ".SH SYNOPSIS",
        ".B publisher",
        _roff("[--site DIR] COMMAND [OPTIONS] [ARGS]..."),
        ".SH DESCRIPTION",
    ]
    lines += list(_paragraphs(publisher.help or ""))
    lines.append(".SH COMMANDS")
    for title, names in SECTIONS.items():
        lines.append(f".SS {_roff(title)}")
        for name in names:
            command = publisher.get_command(root, name)
            if command is not None:
                lines += [
                    ".TP",
                    f"\\fBpublisher\\-{_roff(name)}\\fR(1)",
                    *_text(command.get_short_help_str(200)),
                ]
    lines.append(".SH OPTIONS")
    lines += _option_list(publisher, root, publisher.get_params(root))
    for name, (_, text) in TOPICS.items():
        title = {"exit-codes": "EXIT STATUS", "site": "THE SITE"}.get(name, name.upper())
        lines += [f".SH {title}", *_paragraphs(text)]
    return "\n".join([*lines, *_see_also("")]) + "\n"


def command_page(command: click.Command, context: click.Context) -> str:
    """publisher-COMMAND(1)."""
    name = context.info_name or ""
    lines = [*_title(f"publisher-{name}", command.get_short_help_str(200).rstrip("."))]
    inner = [(command, context, "")]
    if isinstance(command, click.Group):
        inner = list(commands_of(command, context, ""))
    lines.append(".SH SYNOPSIS")
    for place, (one, at, _) in enumerate(inner):
        lines += [".br"] * bool(place) + [f"\\fB{_roff(at.command_path)}\\fR", *_words(one, at)]
    lines += [".SH DESCRIPTION", *_paragraphs(command.help or "")]
    if isinstance(command, click.Group):
        lines.append(".SH COMMANDS")
        for one, at, _ in inner:
            lines += [f".SS {_roff(usage_of(one, at))}", *_paragraphs(one.help or "")]
            lines += _option_list(one, at, [p for p in one.get_params(at) if isinstance(p, click.Option)])
    else:
        lines += [".SH OPTIONS", *_option_list(command, context, command.get_params(context))]
    lines.append(".SH EXAMPLES")
    for one, _, _ in inner:
        for what, typed in examples_of(one):
            lines += [".PP"] * (lines[-1] != ".SH EXAMPLES") + [*_text(f"{what}:"), ".PP"]
            lines += [".RS 4", ".EX", _roff(typed), ".EE", ".RE"]
    return "\n".join([*lines, *_see_also(name)]) + "\n"


def _title(name: str, what: str) -> list[str]:
    return [
        f'.TH {name.upper()} 1 {WRITTEN} "Publisher {_roff(__version__)}" "Publisher"',
        ".SH NAME",
        *_text(f"{name} \0 {what[:1].lower()}{what[1:]}"),
    ]


def _words(command: click.Command, context: click.Context) -> list[str]:
    words = " ".join(command.collect_usage_pieces(context))
    return [_roff(words)] if words else []


def _option_list(
    command: click.Command, context: click.Context, parameters: Iterable[click.Parameter]
) -> list[str]:
    lines: list[str] = []
    for one in parameters:
        if isinstance(one, click.Option) and (record := one.get_help_record(context)) is not None:
            lines += [".TP", f"\\fB{_roff(record[0])}\\fR", *_text(record[1])]
    return lines


def _paragraphs(text: str) -> Iterator[str]:
    """A text as paragraphs; one whose lines are indented is set as it is."""
    for place, block in enumerate(re.split(r"\n\s*\n", cleandoc(text))):
        if block.startswith("  "):
            shown = map(_roff, map(str.strip, block.splitlines()))
            yield from (*[".PP"] * bool(place), ".RS 4", ".EX", *shown, ".EE", ".RE")
            continue
        if place:
            yield ".PP"
        yield from _text(block)


def _see_also(name: str) -> list[str]:
    """The other pages: of a command publisher(1), of that one none, since it lists them all."""
    return [".SH SEE ALSO", "\\fBpublisher\\fR(1)"] if name else []


def _text(text: str) -> list[str]:
    """Running text as lines of man(7). NUL stands for the dash between a name and what it is."""
    lines = wrap(" ".join(text.split()), COLUMNS, break_long_words=False, break_on_hyphens=False)
    return [_roff(line).replace("\0", "\\-") for line in lines]


def _roff(text: str) -> str:
    """Text for a line of man(7): backslashes and hyphens as they are typed, no line that looks like a
    request.
    """
    escaped = text.replace("\\", "\\e").replace("-", "\\-").replace("`", "\\`").replace("'", "\\(aq")
    return f"\\&{escaped}" if escaped[:1] in (".", "'") else escaped


if __name__ == "__main__":
    echo(markdown(), nl=False)


@command(
    examples=(
        ("Complete commands in this shell", 'eval "$(publisher completion bash)"'),
        ("In fish", "publisher completion fish > ~/.config/fish/completions/publisher.fish"),
    )
)
@click.argument("shell", type=NearestChoice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the script that completes commands, options, lists, feeds and posts in your shell.

    Put `eval "$(publisher completion bash)"` in ~/.bashrc, or the same with zsh in ~/.zshrc. For fish, write
    the output to ~/.config/fish/completions/publisher.fish.
    """
    from click.shell_completion import get_completion_class

    maker = get_completion_class(shell)
    if maker is None:
        raise click.UsageError(f"no completion for {shell}")
    echo(maker(publisher, {}, "publisher", "_PUBLISHER_COMPLETE").source())


@command(
    examples=(
        ("Help on a command", "publisher help mailings list"),
        ("Help on a topic", "publisher help times"),
        ("Read a manual page", "publisher help --man publish | man -l -"),
    )
)
@click.argument("words", nargs=-1, metavar="[COMMAND...|TOPIC]")
@click.option("--man", is_flag=True, help="Print the manual page of a command, for man(1).")
@click.pass_context
def help(ctx: click.Context, words: tuple[str, ...], man: bool) -> None:
    """Show the help of a command, like its --help, or of a topic: times, output, site, exit-codes.

    A package installed with pip has the manual pages too: man publisher, man publisher-publish.
    """
    if man:
        pages = man_pages()
        name = "-".join(("publisher", *words))
        if name not in pages:
            there = [page.removeprefix("publisher-") for page in pages if page != "publisher"]
            raise UsageError(
                "help --man", f"no page {' '.join(words)!r}", did_you_mean(" ".join(words), there)
            )
        echo(pages[name], nl=False)
        return
    if len(words) == 1 and words[0] in TOPICS:
        formatter = HelpFormatter()
        write_topic(TOPICS[words[0]][1], formatter)
        echo(formatter.getvalue(), nl=False)
        return
    found, context = ctx.find_root().command, ctx.find_root()
    for word in words:
        if not isinstance(found, click.Group):
            raise click.UsageError(f"{context.command_path} has no commands of its own")
        called, inner, _ = found.resolve_command(context, [word])
        if inner is None:
            raise click.UsageError(f"no command {word!r}")
        found, context = inner, inner.context_class(inner, info_name=called, parent=context)
    show_help(found, context)
    if not words:
        formatter = HelpFormatter()
        with formatter.section("Topics (publisher help TOPIC)"):
            formatter.write_dl([(name, about) for name, (about, _) in TOPICS.items()])
        echo(f"\n{formatter.getvalue()}", nl=False)
