"""Generates docs/reference/commands.md from the commands; `python -m publisher.cli.reference` prints it."""

from collections.abc import Iterator

import click

from publisher.cli import publisher
from publisher.cli.common import echo

HEAD = """\
# Commands

Written from the code by `make docs`. `publisher COMMAND --help` says the same on a terminal.

- `--site DIR`, or `PUBLISHER_SITE` in the environment, names the site's folder. The default is the current
  folder.
- `--at TIME` runs a command as if it were that time: an ISO 8601 time such as `2026-05-01T08:00:00Z`, UTC
  unless it has an offset; or, in the time zone of the site, `tomorrow` (this time of day), `tomorrow 08:00`,
  or `08:00` (the next time the clock shows it); or `+1d`, `+12h`, `+30m` from now. With SMTP a future time is
  refused. Commands that write refuse a time more than 5 minutes before the log's last entry; commands that
  read warn.
- `publisher completion bash`, `zsh` or `fish` prints the script that completes commands and options.
- `--json` prints one JSON document. Data goes to stdout, messages to stderr.
- `--dry-run` shows what would happen and changes nothing.
- `--debug` shows the full traceback of an error. Without it an error is one line.
- The exit code is 0 on success, 1 after a failure or with findings (such as a bad post), and 2 for wrong
  usage.
"""


def markdown() -> str:
    """docs/reference/commands.md: a section for each command, in the order of `publisher --help`."""
    context = click.Context(publisher, info_name="publisher")
    return "\n".join([HEAD, *sections(publisher, context, "##")])


def sections(group: click.Group, context: click.Context, mark: str) -> Iterator[str]:
    """A section for each command of a group, and for those within it."""
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is None:
            continue
        inner = click.Context(command, info_name=name, parent=context)
        yield section(command, inner, mark)
        if isinstance(command, click.Group):
            yield from sections(command, inner, mark + "#")


def section(command: click.Command, context: click.Context, mark: str) -> str:
    """One command: its usage, its help, and a table of its options but --help, in the order of --help."""
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    help = " ".join((command.help or "").split())
    lines = [f"{mark} {context.command_path}", "", *([help, ""] if help else [])]
    lines += ["```console", f"$ {usage}", "```"]
    rows: list[str] = []
    for parameter in command.get_params(context):
        if isinstance(parameter, click.Option) and "--help" not in parameter.opts:
            record = parameter.get_help_record(context)
            if record is not None:
                cells = (f"`{record[0]}`", " ".join(record[1].split()))
                rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    if rows:
        lines += ["", "| Option | What it does |", "|---|---|", *rows]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    echo(markdown(), nl=False)
