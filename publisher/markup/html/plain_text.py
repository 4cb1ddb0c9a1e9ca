"""Safe HTML as plain text, as a person would type it: headings, lists, quotations, code."""

import html
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field

from publisher.core.mail.message import (
    END_TRANSLATABLE,
    HANGING_INDENT,
    LISTEN_TEXT,
    START_TRANSLATABLE,
    TEXT_WIDTH,
    VERBATIM,
    WATCH_TEXT,
    display_width,
    strip_marks,
)
from publisher.core.posts.mathml import without_mathml
from publisher.markup.html.fragments import BLOCKS, Piece, pieces, words
from publisher.markup.html.text_inline import SPANS, InlineText
from publisher.markup.html.text_tables import TableCell, is_data_table, table_lines

SUMMARY_LIMIT = 300

_BREAK = re.compile(r" ?\x0b ?")
_BREAK_IN_CELL = re.compile(r"([^\s,;:.!?]) ?\x0b ?(?=\S)")
_FOOTNOTE_ID = re.compile(r"(?:user-content-)?(?:fn|footnote|ftn|_ftn|endnote)(?!-?ref)\S*")
_TASKS = {"☑": "[x]", "☐": "[ ]"}
_CALLOUT_TITLE = re.compile("<blockquote>\n<p><strong>(?:[^<]|<(?!/strong>))*</strong>")
_ROMAN = (
    (1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l"), (40, "xl"),
    (10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i"),
)  # fmt: skip


def text(source: str, title: str = "") -> str:
    """Paragraphs unwrapped and separated by blank lines, "- " and numbers for lists, code as it is,
    quotations behind "> ", headings as lines of their own, tables one line per row, images by what their alt
    texts say beyond `title`. It contains the marks of `core.mail.message`.
    """
    return TextWriter(list(pieces(without_mathml(source))), title=title).write()


def summary(source: str) -> str:
    """The first paragraph on one line, but none that readers must unfold, nor the title of a callout; more
    than 300 characters are cut at a word, with "…".
    """
    first, begin, folded = "", -1, 0
    for piece in pieces(source):
        if piece.tag == "details":
            folded = max(0, folded - 1) if piece.closing else folded + 1
        if piece.tag != "p" or folded:
            continue
        is_title = _CALLOUT_TITLE.fullmatch(source, max(begin - 13, 0), piece.start)
        if begin >= 0 and not is_title and (first := one_line(source[begin : piece.start])):
            break
        begin = -1 if piece.closing else piece.start
    return shortened(first or one_line(source), SUMMARY_LIMIT)


def one_line(source: str) -> str:
    """All the words of `source` on one line, without pictures, notes and addresses."""
    found = list(pieces(without_mathml(source)))
    return " ".join(strip_marks(TextWriter(found, brief=True).write()).split())


def shortened(line: str, limit: int) -> str:
    """`line`, or its beginning up to the end of a word and "…", in at most `limit` characters."""
    if len(line) <= limit:
        return line
    room = limit - 1
    cut = line.rfind(" ", 0, room + 1)
    if cut < room // 2:  # scripts without spaces: between any two letters, never before a combining mark
        cut = room
        while cut > 1 and unicodedata.category(line[cut]).startswith("M"):
            cut -= 1
    return line[:cut].rstrip(" ,;:.–—-") + "…"


@dataclass(slots=True)
class OpenList:
    """An open list: its next number (None for bullets), the step to the one after, and its HTML `type`."""

    number: int | None
    step: int
    type: str


@dataclass(slots=True)
class OpenTable:
    """An open data table: its finished rows, and the tag of the cell that is being read."""

    rows: list[list[TableCell]] = field(default_factory=list[list[TableCell]])
    cell: Piece | None = None


class TextWriter:
    """Reads pieces in order, tracks open elements and writes blocks of text. `brief`: words only."""

    def __init__(self, found: Sequence[Piece], *, title: str = "", brief: bool = False) -> None:
        self.pieces, self.brief = found, brief
        self.output: list[str] = []
        self.paragraph = InlineText(found, title=title, brief=brief)
        self.preformatted: list[str] | None = None  # the text of the open <pre>
        self.table: OpenTable | None = None
        self.lists: list[OpenList] = []
        self.indents: list[tuple[str, int]] = []  # of each open element: its prefix and number
        self.indents_above: list[tuple[str, int]] = []  # those of the previous block
        self.indents_opened = 0
        self.marker = ""  # of the list item whose first block is not written yet
        self.tight = False  # no blank line before the next block
        self.after_code = False

    def write(self) -> str:
        """The text of all pieces, and below it the addresses of its links."""
        at = 0
        while at < len(self.pieces):
            piece = self.pieces[at]
            if not piece.tag:
                if self.preformatted is None:
                    self.paragraph.add_words(html.unescape(piece.raw))
                else:
                    self.preformatted.append(html.unescape(piece.raw))
            elif piece.tag == "pre":
                self.pre_tag(opening=not piece.closing)
            elif self.preformatted is not None:
                ends_line = piece.tag in BLOCKS and piece.closing
                if piece.tag == "br" or (ends_line and "".join(self.preformatted[-1:])[-1:] != "\n"):
                    self.preformatted.append("\n")
            elif piece.tag in ("video", "audio") and not piece.closing:
                at = self.media_element(at)
            elif piece.tag in BLOCKS:
                self.block_tag(at, piece)
            elif piece.tag in SPANS:
                self.paragraph.close(piece.tag) if piece.closing else self.paragraph.open(piece)
            elif piece.tag == "br":
                self.paragraph.add("\x0b")
            elif piece.tag == "img":
                self.paragraph.add_picture(piece)
            at += 1
        self.end_paragraph()
        if links := self.paragraph.links:
            lines = [f"[{number}] {HANGING_INDENT}{url}" for url, number in links.items()]
            self.output.append("\n\n" + "\n".join(lines) if self.output else "\n".join(lines))
        return "".join(self.output).strip("\n")

    def block_tag(self, at: int, piece: Piece) -> None:
        """The start or end of a block element."""
        if self.table is not None and piece.tag != "caption":
            self.table_tag(self.table, piece)
            return
        self.end_paragraph()
        tag, opening = piece.tag, not piece.closing
        if tag == "table" and opening and not self.brief and is_data_table(self.pieces, at):
            self.table = OpenTable()
        elif tag == "hr" and not self.brief:
            self.write_block(["* * *"])
        elif tag in ("ul", "ol"):
            self.list_tag(at, piece)
        elif tag == "li":
            self.item_tag(piece)
        elif tag == "blockquote":
            self.indent("> ", opening=opening)
        elif tag == "dd":
            self.indent("  ", opening=opening)
            self.tight = opening
        elif tag == "dt" and opening:
            self.tight = at > 1 and any(p.tag == "dt" for p in self.pieces[at - 2 : at])
        elif tag == "figure":
            self.paragraph.caption = figure_caption(self.pieces, at) if opening else ""

    def media_element(self, at: int) -> int:
        """A video or recording: its address, instead of the fallback inside. Returns where it ends."""
        tag, end = self.pieces[at].tag, at + 1
        while end < len(self.pieces) - 1 and self.pieces[end].tag != tag:
            end += 1
        inside = self.pieces[at:end]
        url = next((p.get("src") for p in inside if p.tag in (tag, "source") and p.get("src")), "")
        self.end_paragraph()
        if not url:
            return at
        if not self.brief:
            title = " ".join(self.pieces[at].get("title").split())
            about = f" ({title})" if title else ""
            action = WATCH_TEXT if tag == "video" else LISTEN_TEXT
            self.write_block([f"{START_TRANSLATABLE}{action}{END_TRANSLATABLE}{about}: {url}"])
        return end

    def list_tag(self, at: int, piece: Piece) -> None:
        """The start or end of a list."""
        if piece.closing:
            self.lists[-1:] = []
            self.tight = bool(self.lists)
            return
        step = -1 if " reversed=" in piece.raw else 1
        first = whole_number(piece.get("start"))
        if first is None:
            first = list_length(self.pieces, at) if step < 0 else 1
        self.tight = bool(self.lists)
        self.lists.append(OpenList(first if piece.tag == "ol" else None, step, piece.get("type")))

    def item_tag(self, piece: Piece) -> None:
        """The start or end of a list item: its marker begins the next block."""
        if piece.closing:
            self.indent("", opening=False)
            self.marker, self.tight = "", True
            return
        inner = self.lists[-1] if self.lists else None
        if inner is None or inner.number is None:
            self.marker = "- "
        else:
            value = whole_number(piece.get("value"))
            number = inner.number if value is None else value
            inner.number = number + inner.step
            self.marker = list_number(number, inner.type) + ". "
            if _FOOTNOTE_ID.fullmatch(piece.get("id")):
                self.marker = f"{HANGING_INDENT}{START_TRANSLATABLE}Note {number}:{END_TRANSLATABLE} "
        self.indent("" if HANGING_INDENT in self.marker else " " * len(self.marker), opening=True)

    def indent(self, prefix: str, *, opening: bool) -> None:
        """Begins or ends an element whose lines begin with `prefix`."""
        if opening:
            self.indents_opened += 1
            self.indents.append((prefix, self.indents_opened))
        else:
            self.indents[-1:] = []

    def pre_tag(self, *, opening: bool) -> None:
        """The start or end of a <pre>."""
        if opening:
            self.end_paragraph()
            self.preformatted = []
            return
        if self.preformatted is None:
            return
        code = "".join(self.preformatted).removesuffix("\n")
        self.preformatted = None
        if not code.strip():
            return
        if self.brief:
            self.output.append(code + "\n")
            return
        if self.marker:
            self.write_block([""])
        self.output.append("\n\n" if self.output else "")
        self.output.append("\n".join(VERBATIM + line for line in code.split("\n")))
        self.indents_above, self.after_code = [], True

    def table_tag(self, table: OpenTable, piece: Piece) -> None:
        """A tag within a data table, or the end of it."""
        if piece.tag in ("td", "th"):
            if piece.closing:
                self.end_cell(table)
            else:
                self.paragraph.take()
                table.cell = piece
        elif piece.tag == "tr" and not piece.closing:
            table.rows.append([])
        elif piece.tag == "table":
            self.table = None
            width = TEXT_WIDTH - display_width("".join(prefix for prefix, _ in self.indents))
            if lines := table_lines([row for row in table.rows if row], max(width, 20)):
                self.write_block(lines)
        elif table.cell is not None and "".join(self.paragraph.parts).strip():
            if piece.tag == "li" and not piece.closing:
                self.paragraph.parts[-1] = self.paragraph.parts[-1].rstrip(" ")
                self.paragraph.add("; ")
            elif self.paragraph.last != " ":
                self.paragraph.add(" ")

    def end_cell(self, table: OpenTable) -> None:
        """Adds the cell that has been read to its row; line breaks in it become semicolons."""
        if table.cell is None or not table.rows:
            return
        cell, line = table.cell, self.paragraph.take()
        line = _BREAK_IN_CELL.sub(r"\1; ", line).replace("\x0b", " ")
        table.rows[-1].append(
            TableCell(
                " ".join(re.split(r"[ \t\n]+", line.strip())),
                is_header=cell.tag == "th",
                colspan=max(1, whole_number(cell.get("colspan")) or 1),
                rowspan=max(1, whole_number(cell.get("rowspan")) or 1),
                right_aligned=cell.get("align") == "right" and bool(table.rows[0]),
            )
        )
        table.cell = None

    def end_paragraph(self) -> None:
        """Writes the words read so far as a block."""
        line = _BREAK.sub("\n", self.paragraph.take()).strip(" \n")
        if not line:
            return
        if self.marker and line[0] in _TASKS:
            self.marker += f"{HANGING_INDENT}{_TASKS[line[0]]} "
            line = line[1:].lstrip()
            if not line:  # the task's words stand in a paragraph of their own
                return
        self.write_block(line.split("\n"))

    def write_block(self, lines: Sequence[str]) -> None:
        """Writes lines behind the prefixes of the open elements; the first one behind the item's marker."""
        if self.brief:
            self.output.append("\n".join(lines) + "\n")
            return
        prefix = "".join(prefix for prefix, _ in self.indents)
        first = prefix
        if self.marker:
            first = "".join(prefix for prefix, _ in self.indents[:-1]) + self.marker
        if self.output:
            self.output.append("\n" if self.tight and not self.after_code else f"\n{self.blank_line()}\n")
        shown = [prefixed(first if n == 0 else prefix, line) for n, line in enumerate(lines)]
        self.output.append("\n".join(shown))
        self.indents_above, self.marker, self.tight, self.after_code = list(self.indents), "", False, False

    def blank_line(self) -> str:
        """The line between two blocks: ">" within a quotation that holds both."""
        common = ""
        for one, other in zip(self.indents_above, self.indents, strict=False):
            if one != other:
                break
            common += one[0]
        return common.rstrip() if ">" in common else ""


def prefixed(prefix: str, line: str) -> str:
    """`line` behind `prefix`, with a mark where its words begin if that cannot be seen."""
    if line.startswith(VERBATIM):
        return VERBATIM + prefix + line[1:]
    if HANGING_INDENT in line or HANGING_INDENT in prefix:
        return (prefix + line).rstrip()
    if prefix or line[:1] in tuple("-*+•> 0123456789"):
        return f"{prefix}{HANGING_INDENT}{line}".rstrip()
    return line


def figure_caption(found: Sequence[Piece], at: int) -> str:
    """The caption of the figure that begins at `found[at]`, case-folded; "" without one."""
    begin = -1
    for n in range(at + 1, min(at + 100, len(found))):
        if found[n].tag == "figcaption":
            if found[n].closing:
                return words("".join(piece.raw for piece in found[begin:n])).casefold() if begin >= 0 else ""
            begin = n
        elif found[n].tag == "figure":
            return ""
    return ""


def list_length(found: Sequence[Piece], at: int) -> int:
    """How many items the list that begins at `found[at]` has."""
    depth = items = 0
    for n in range(at, len(found)):
        tag, closing = found[n].tag, found[n].closing
        if tag in ("ul", "ol"):
            depth += -1 if closing else 1
            if depth == 0:
                break
        elif tag == "li" and depth == 1 and not closing:
            items += 1
    return items


def whole_number(value: str) -> int | None:
    """The whole number that an attribute gives; None for anything else, and for more than eight digits."""
    return int(value) if re.fullmatch(r"-?[0-9]{1,8}", value.strip()) else None


def list_number(number: int, type: str) -> str:
    """A number as a list of that type shows it (HTML 4.4.5): 3, c, C, iii or III."""
    if number < 1 or number > 3999 or type not in ("a", "A", "i", "I"):
        return str(number)
    shown = ""
    if type in "aA":
        while number:
            number, rest = divmod(number - 1, 26)
            shown = chr(ord("a") + rest) + shown
    else:
        for value, letters in _ROMAN:
            shown += letters * (number // value)
            number %= value
    return shown.upper() if type.isupper() else shown
