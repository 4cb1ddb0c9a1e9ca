"""The help of each command: usage, options, options of every command, examples.

A command is made with `@command(examples=...)`, a group with `@group()`, and the commands within a group are
like these. Examples are shown by --help, in the reference and in the man pages, and a test runs each.

Also how output looks: tables, colors, and how much a command says. A terminal gets a table with a header, its
columns lined up and cut to the window. A pipe gets the same rows without a header, the cells whole and
separated by tabs, for `cut`, `awk` and `sort`. Colors only repeat what the words say: the label that begins a
line, headers, headings.
"""

import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import StrEnum
from itertools import chain, islice
from typing import Any, TextIO

import click

MEASURED = 500
"""Rows whose cells decide how wide the columns are: there may be very many rows."""

NARROWEST = 12
"""Cells to which a column that may be cut is cut at most."""

GAP = 2
"""Spaces between two columns."""

ROW_MARKS = re.compile(r"[\t\n]+")
"""What in a cell would begin another cell or row."""


_HARMFUL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # C0 but tab and line feed, DEL, C1 (0x9b is what ESC [ is)
    "\u2028\u2029"  # separators of lines and paragraphs
    "\u202a-\u202e\u2066-\u2069]"  # embeddings, overrides and isolates (UAX 9)
)
_HARMFUL_IN_JSON = re.compile("[\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


class ColorWhen(StrEnum):
    """The values of --color."""

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


class LogFormat(StrEnum):
    """The values of --log-format."""

    TEXT = "text"
    JSON = "json"


class OutputStyle:
    """The values of --color, --quiet, --verbose and --log-format. One object per process, reset as each
    command starts.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """What a command has that asks for nothing."""
        self.color, self.quiet, self.verbose = ColorWhen.AUTO, False, 0
        self.log_as_json = False


STYLE = OutputStyle()

BOLD, DIM, RED, GREEN, YELLOW, CYAN = "1", "2", "31", "32", "33", "36"

LABELS = {
    "publisher": RED,
    "error": RED,
    "bad post": RED,
    "broken template": RED,
    "stop": RED,
    "stopped": RED,
    "problem": RED,
    "withdrawn": RED,
    "bad": RED,
    "warning": YELLOW,
    "held": YELLOW,
    "unknown": YELLOW,
    "skipped": YELLOW,
    "no date": YELLOW,
    "updated": YELLOW,
    "hidden": YELLOW,
    "note": CYAN,
    "waits": CYAN,
    "waiting": CYAN,
    "next": CYAN,
    "published": GREEN,
    "restored": GREEN,
    "served": GREEN,
    "delivered": GREEN,
}
"""The colors of the labels that lines begin with: "warning: ...", or "published  hello.md"."""

_LABEL = re.compile(
    r"(?:\S+?: )??(?P<label>{})(?=: |  |;)".format("|".join(sorted(LABELS, key=len, reverse=True)))
)

URGENT = frozenset(("publisher", "error", "bad post", "broken template", "warning", "held", "unknown"))
"""The labels of messages that --quiet still shows."""


def colored(stream: TextIO) -> bool:
    """Whether what is written there has colors: by --color, else NO_COLOR (any value) and TERM=dumb forbid
    them, else a terminal has them.
    """
    if STYLE.color is not ColorWhen.AUTO:
        return STYLE.color is ColorWhen.ALWAYS
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb" and stream.isatty()


def printable(text: str) -> str:
    """`text` without control characters, except tab and line feed. Letters of every script stay, with the
    marks and joiners that they need.
    """
    return text if text.isascii() and text.isprintable() else _HARMFUL.sub("", text)


def printable_json(text: str) -> str:
    """The same JSON with every character that could control a terminal escaped (RFC 8259 7)."""
    if text.isascii() and "\x7f" not in text:  # json.dumps has escaped every other control character
        return text
    return _HARMFUL_IN_JSON.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def paint(text: str, *codes: str) -> str:
    """`text` with these SGR codes (ECMA-48 8.3.117)."""
    return f"\x1b[{';'.join(codes)}m{text}\x1b[0m" if text else text


def paint_labels(text: str, stream: TextIO) -> str:
    """`text` with the labels colored that its lines begin with, if `stream` has colors."""
    if not colored(stream):
        return text
    return "\n".join(
        line[: found.start("label")]
        + paint(found["label"], LABELS[found["label"]])
        + line[found.end("label") :]
        if (found := _LABEL.match(line))
        else line
        for line in text.split("\n")
    )


def is_urgent(text: str) -> bool:
    """Whether --quiet still shows this message: an error, a warning, something held back."""
    found = _LABEL.match(text)
    return found is not None and found["label"] in URGENT


def table_lines(
    headers: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    cut: Sequence[str] = (),
    out: TextIO | None = None,
) -> Iterator[str]:
    """The lines of a table for `out` (stdout). If the window of a terminal is too narrow, the columns named
    in `cut` are cut, the last of them first; if that is not enough, lines are longer than the window.
    """
    stream = out or sys.stdout
    cells = ([ROW_MARKS.sub(" ", str(cell)) for cell in row] for row in rows)
    if not stream.isatty():
        yield from ("\t".join(row) for row in cells)
        return
    first = list(islice(cells, MEASURED))
    if not first:
        return
    widths = [max(map(width_of, column)) for column in zip(headers, *first, strict=True)]
    room = columns() - 1 - GAP * (len(widths) - 1)
    for name in reversed(cut):
        place = headers.index(name)
        spare = sum(widths) - room
        if spare > 0:
            widths[place] = max(widths[place] - spare, min(widths[place], NARROWEST))
    head = _aligned([name.upper() for name in headers], widths)
    yield paint(head, BOLD) if colored(stream) else head
    for row in chain(first, cells):
        yield _aligned(row, widths)


def _aligned(row: Sequence[str], widths: Sequence[int]) -> str:
    fitted = [
        fit(cell, width) if width_of(cell) > width else cell for cell, width in zip(row, widths, strict=True)
    ]
    padded = [cell + " " * (width - width_of(cell)) for cell, width in zip(fitted, widths, strict=True)]
    return (" " * GAP).join(padded).rstrip()


def columns() -> int:
    """How many columns the window has; 80 where nobody says."""
    from shutil import get_terminal_size  # loaded when something is laid out

    return get_terminal_size().columns


def width_of(text: str) -> int:
    """How many cells of a terminal `text` takes: letters of East Asia two, marks on other letters none."""
    if text.isascii():
        return len(text)
    return sum(_cells(letter) for letter in text)


def _cells(letter: str) -> int:
    import unicodedata  # loaded when there is such a letter

    if unicodedata.category(letter) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(letter) in "WF" else 1


def fit(text: str, width: int) -> str:
    """`text` cut to `width` cells, with an ellipsis where something was cut."""
    if width_of(text) <= width:
        return text
    kept, used = "", 0
    for letter in text:
        if used + _cells(letter) > width - 1:
            break
        kept, used = kept + letter, used + _cells(letter)
    return f"{kept.rstrip()}…"


Examples = Sequence[tuple[str, str]]
"""Pairs of what an example is for, and the command as it is typed."""

WIDEST, LEAST_WIDTH = 100, 30
"""The columns that help is wrapped to at most, and at least."""

EVERYWHERE = ("site", "color", "quiet", "verbose", "debug")
"""The options that every command has, and --help (--site only where there is a site)."""


class HelpFormatter(click.HelpFormatter):
    """Fits the window, however narrow. Headings are bold if colors are on."""

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


class NearestChoice(click.Choice[str]):
    """A choice that suggests the nearest value if the given one is mistyped."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter as error:
            near = nearest(str(value), [str(choice) for choice in self.choices])
            hint = f" Did you mean {near!r}?" if near else ""
            raise click.BadParameter(f"{error.message}{hint}", ctx=ctx, param=param) from None


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
    """A group of such commands."""

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
    """Decorator for a function that becomes a group of commands."""
    return click.group(cls=Group)


def options_of_every_command() -> list[click.Parameter]:
    """--color, --quiet, --verbose and --log-format, which may also stand before the command; and --debug."""

    def set_color(ctx: click.Context, _param: click.Parameter, value: str | None) -> None:
        if value is not None:
            STYLE.color = ColorWhen(value)
            ctx.color = None if STYLE.color is ColorWhen.AUTO else STYLE.color is ColorWhen.ALWAYS

    def set_quiet(_ctx: click.Context, _param: click.Parameter, value: bool) -> None:
        STYLE.quiet = STYLE.quiet or value

    def set_verbose(_ctx: click.Context, _param: click.Parameter, value: int) -> None:
        STYLE.verbose = value or STYLE.verbose

    def set_log_format(_ctx: click.Context, _param: click.Parameter, value: str | None) -> None:
        if value is not None:
            STYLE.log_as_json = LogFormat(value) is LogFormat.JSON

    def option(*names: str, **given: Any) -> click.Option:
        return click.Option(names, expose_value=False, is_eager=True, **given)

    when = NearestChoice([when.value for when in ColorWhen])
    return [
        option(
            "--color", type=when, metavar="WHEN", callback=set_color, help="auto (default), always or never."
        ),
        option("-q", "--quiet", is_flag=True, callback=set_quiet, help="Only data, warnings and errors."),
        option(
            "-v", "--verbose", count=True, callback=set_verbose, help="Show the log too; -vv: every detail."
        ),
        option(
            "--log-format",
            type=NearestChoice([form.value for form in LogFormat]),
            metavar="FORMAT",
            callback=set_log_format,
            help="text (default), or json: an object on each line of stderr.",
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
    listed = f"{label}: {', '.join(there) or 'none'}"
    near = nearest(name, there)
    return f"did you mean {near!r}? {listed}" if near else listed


def nearest(name: str, there: Sequence[str]) -> str:
    """The name that is most like `name`; "" if none is."""
    from difflib import get_close_matches  # as rarely as somebody mistypes

    return next(iter(get_close_matches(name, there, n=1)), "")
