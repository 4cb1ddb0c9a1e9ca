"""What is written from the commands: docs/reference/commands.md, which `python -m` this module prints."""

from collections.abc import Iterator

import click

from publisher.cli import publisher
from publisher.cli.common import echo

_HEAD = """\
# Commands

Written from the code by `make docs`. `publisher COMMAND --help` says the same on a terminal.

- `--site DIR`, or `PUBLISHER_SITE` in the environment, names the site's folder. Without it, it is the folder
  you are in.
- `--at TIME` is the time that one run goes by: an ISO 8601 time such as `2026-05-01T08:00:00Z`, UTC where it
  has no offset; or, by the clock of `site.timezone`, `tomorrow` (this time of day), `tomorrow 08:00`, or
  `08:00` (the next time the clock shows it); or `+1d`, `+12h`, `+30m` from now. With SMTP a future time is
  refused. Commands that write refuse a time more than 5 minutes before the log's last entry; commands that
  read warn.
- `--json` prints one JSON document. Data goes to stdout; what is said to a person goes to stderr.
- `--dry-run` shows what would happen and changes nothing.
- `--debug` shows the whole traceback of an error. Without it an error is one line.
- The exit code is 0 when done, 1 when something failed or there are findings (a bad post is one), and 2 when
  the command line was used wrongly.
"""


def markdown() -> str:
    """docs/reference/commands.md: a section for each command, in the order of `publisher --help`."""
    context = click.Context(publisher, info_name="publisher")
    return "\n".join([_HEAD, *_sections(publisher, context, "##")])


def _sections(group: click.Group, context: click.Context, mark: str) -> Iterator[str]:
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is None:
            continue
        inner = click.Context(command, info_name=name, parent=context)
        yield _section(command, inner, mark)
        if isinstance(command, click.Group):
            yield from _sections(command, inner, mark + "#")


def _section(command: click.Command, context: click.Context, mark: str) -> str:
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    lines = [f"{mark} {context.command_path}", "", *_paragraph(command), "```console", f"$ {usage}", "```"]
    rows = [_row(*record) for record in _options(command, context)]
    if rows:
        lines += ["", "| Option | What it does |", "|---|---|", *rows]
    return "\n".join(lines) + "\n"


def _paragraph(command: click.Command) -> list[str]:
    words = " ".join((command.help or "").split())
    return [words, ""] if words else []


def _options(command: click.Command, context: click.Context) -> Iterator[tuple[str, str]]:
    """(how it is written, what it does) of each option but --help, in the order of --help."""
    for parameter in command.get_params(context):
        if isinstance(parameter, click.Option) and "--help" not in parameter.opts:
            record = parameter.get_help_record(context)
            if record is not None:
                yield record


def _row(written: str, what: str) -> str:
    cells = (f"`{written}`", " ".join(what.split()))
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


if __name__ == "__main__":
    echo(markdown(), nl=False)
