"""Safe HTML -> text as a person would type it, which means what the HTML means. Addresses of links stand
below, numbered, so that the sentences read well aloud; an address that is its own words stays in its place.
"""

import html
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import unquote

from publisher.core.mail.message import (
    CODE,
    END_CODE,
    END_WORDS,
    HANG,
    LISTEN,
    VERBATIM,
    WATCH,
    WIDTH,
    WORDS,
    columns,
    plain,
)
from publisher.markup.html.fragments import BLOCKS, Piece, names, pieces
from publisher.markup.html.outline import caption_of, counted, is_data_table, list_length, whole_number
from publisher.markup.html.text_inline import lowered, raised, says_something
from publisher.markup.html.text_tables import TableCell, lines_of

SUMMARY_LIMIT = 300

_SPACE = re.compile(r"[ \t\n\r\f]+")
_BREAK = re.compile(r" ?\x0b ?")  # a <br>, until the paragraph is written
_BARE = re.compile(r"^(?:https?://|mailto:|tel:)|/$")
_FILE = re.compile(r"\.(?:png|jpe?g|gif|webp|svg|avif|bmp|tiff?|heic)(?:[?#].*)?$", re.IGNORECASE)
_NUMBERED = re.compile(r"\[(\d{1,3})\]")
_NOTE = re.compile(
    r"#(?:user-content-)?(?:fn|footnote|ftn|_ftn|_edn|endnote|note|cite_note)(?!-?ref)[^#?/&]*$"
)
_BACK = re.compile(r"#(?:user-content-)?(?:fn-?ref|footnote-?ref|ftnref|_ftnref|_ednref|cite_ref)")
_NOTE_ID = re.compile(r"(?:user-content-)?(?:fn|footnote|ftn|_ftn|endnote)(?!-?ref)\S*")
_ENDING = re.compile("[^\\W\\d_\u0590-\U0010ffff]{1,12}(?![^\\W_])")
_MARK = re.compile(r"\d{1,3}|[a-z]|[ivx]{1,5}|[*†‡§¶]{1,3}", re.IGNORECASE)
_TASKS = {"☑": "[x]", "☐": "[ ]"}

_STRUCK = names("del s strike")
_CODE = names("code samp")
_SPANS = _STRUCK | _CODE | names("a abbr q rt sub sup")


def text(source: str, title: str = "") -> str:
    """Paragraphs unwrapped and apart by blank lines, "- " and numbers for lists, code as it is, quotations
    behind "> ", headings as lines of their own, tables a line a row, images by what their alt texts say
    beyond `title`. It holds the marks of `core.mail.plain_text`.
    """
    return _Writer(list(pieces(source)), title=title).written()


def summary(source: str) -> str:
    """The first paragraph in one line, cut at a word to at most 300 characters, then with "…"."""
    return shortened(_first_paragraph(source) or one_line(source), SUMMARY_LIMIT)


def one_line(source: str) -> str:
    """All the words of `source` in one line, without pictures, notes and addresses."""
    return " ".join(plain(_Writer(list(pieces(source)), brief=True).written()).split())


def shortened(line: str, limit: int) -> str:
    """`line`, or its beginning up to a word's end and "…", in at most `limit` characters."""
    if len(line) <= limit:
        return line
    room = limit - 1
    cut = line.rfind(" ", 0, room + 1)
    if cut < room // 2:  # scripts without spaces: between any two letters, never before a mark
        cut = room
        while cut > 1 and unicodedata.category(line[cut]).startswith("M"):
            cut -= 1
    return line[:cut].rstrip(" ,;:.–—-") + "…"


def _first_paragraph(source: str) -> str:
    """The words of the first <p> that has any."""
    begin = -1
    for piece in pieces(source):
        if piece.tag != "p":
            continue
        if begin >= 0 and (line := one_line(source[begin : piece.start])):
            return line
        begin = -1 if piece.closing else piece.start
    return ""


@dataclass(slots=True)
class _List:
    """An open list: its next number and the step to the one after, None for one without; how it counts."""

    number: int | None
    step: int
    kind: str


@dataclass(slots=True)
class _Span:
    """An open inline element and where its words begin in the line. `shown`: its address is told already;
    `pictured`: it holds a picture without words."""

    tag: str
    start: int
    value: str = ""
    shown: bool = False
    pictured: bool = False


@dataclass(slots=True)
class _Table:
    """An open table for data: its finished rows, and the cell that is being read."""

    rows: list[list[TableCell]] = field(default_factory=list[list[TableCell]])
    cell: Piece | None = None


class _Writer:
    """Takes pieces in order, keeps what is open, writes blocks of text. `brief`: the words alone."""

    def __init__(self, found: Sequence[Piece], *, title: str = "", brief: bool = False) -> None:
        self.pieces, self.brief = found, brief
        self.out: list[str] = []
        self.line: list[str] = []
        self.last = ""
        self.raw: list[str] | None = None
        self.lists: list[_List] = []
        self.indents: list[tuple[str, int]] = []  # what each open element begins lines with, and its number
        self.above: list[tuple[str, int]] = []  # the indents of the block before
        self.opened = 0
        self.marker = ""
        self.spans: list[_Span] = []
        self.urls: dict[str, int] = {}
        self.tight = self.after_code = self.numbered = False
        self.table: _Table | None = None
        self.explained: set[str] = set()
        self.told = {" ".join(title.split()).casefold()}  # what an alt text need not say again
        self.caption = ""
        self.anchors = {piece.get("id") for piece in found if " id=" in piece.raw}
        self.first_number = 1 + max(
            (int(n) for p in found if not p.tag for n in _NUMBERED.findall(p.raw)), default=0
        )

    def written(self) -> str:
        at = 0
        while at < len(self.pieces):
            at = self._take(at) + 1
        self._flush()
        if self.urls:
            lines = [f"[{number}] {HANG}{url}" for url, number in self.urls.items()]
            self.out.append("\n\n" + "\n".join(lines) if self.out else "\n".join(lines))
        return "".join(self.out).strip("\n")

    def _take(self, at: int) -> int:
        """Takes the piece at `at`; returns the place of the last one that goes with it."""
        piece = self.pieces[at]
        if not piece.tag:
            self._words(html.unescape(piece.raw))
        elif piece.tag == "pre":
            self._code(opening=not piece.closing)
        elif self.raw is not None:
            if piece.tag == "br" or (
                piece.tag in BLOCKS and piece.closing and "".join(self.raw[-1:])[-1:] != "\n"
            ):
                self.raw.append("\n")
        elif piece.tag in ("video", "audio") and not piece.closing:
            return self._film(at)
        elif piece.tag in BLOCKS:
            self._block(at, piece)
        elif piece.tag in _SPANS:
            self._close(piece.tag) if piece.closing else self._open(piece)
        elif piece.tag == "br":
            self._add("\x0b")
        elif piece.tag == "img":
            self._picture(piece)
        return at

    # Words

    def _words(self, given: str) -> None:
        if self.raw is not None:
            self.raw.append(given)
            return
        in_code = any(span.tag in _CODE for span in self.spans)
        given = given.replace("\n", " ") if in_code else _SPACE.sub(" ", given.replace("\xad", ""))
        if self.numbered and (ending := _ENDING.match(given)):  # "[post]s": the number follows the whole word
            number = self.line.pop()
            self.line += [ending[0], number]
            given = given[ending.end() :]
        self._add(given.lstrip(" ") if self.last in ("", " ", "\x0b") else given)

    def _add(self, given: str) -> None:
        """Appends to the paragraph. It is kept in parts: one string would be copied for each."""
        if given:
            self.line.append(given)
            self.last, self.numbered = given[-1], False

    def _picture(self, piece: Piece) -> None:
        if self.brief:
            return
        alt, source = " ".join(piece.get("alt").split()), piece.get("src")
        if not says_something(alt, source):
            alt = " ".join(piece.get("title").split())
        folded = alt.casefold()
        if folded in self.told or (folded and folded == self.caption) or not says_something(alt, source):
            for span in self.spans:
                span.pictured = True
            return
        if any(map(str.isalnum, alt)):
            self.told.add(folded)
        self._words(alt)

    # Inline elements

    def _open(self, piece: Piece) -> None:
        value = piece.get("href" if piece.tag == "a" else "title")
        if piece.tag == "rt" and self.last in ("(", "（"):
            return
        self.spans.append(_Span(piece.tag, len(self.line), value))

    def _close(self, tag: str) -> None:
        at = next((n for n in range(len(self.spans) - 1, -1, -1) if self.spans[n].tag == tag), -1)
        if at < 0:
            return
        span = self.spans.pop(at)
        given = "".join(self.line[span.start :])
        del self.line[span.start :]
        before = self._before()
        self.last = before[-1:]
        bare = given.strip(" ")
        self._add(self._shown(span, bare, given, before) if bare or tag == "a" else given)

    def _before(self) -> str:
        """The end of what stands in the line."""
        found = ""
        for part in reversed(self.line):
            found = part + found
            if len(found) > 400:
                break
        return found[-400:]

    def _shown(self, span: _Span, bare: str, given: str, before: str) -> str:
        """What an inline element with the words `bare` adds after `before`."""
        lead = given[: len(given) - len(given.lstrip(" "))]
        tail = given[len(given.rstrip(" ")) :] if bare else ""
        match span.tag:
            case "a":
                return self._link(span, bare, given, before)
            case "sup":
                return given if WORDS in bare else lead + raised(plain(before + lead), bare) + tail
            case "sub":
                return lead + lowered(plain(before + lead), bare) + tail
            case "q":
                deep = sum(other.tag == "q" for other in self.spans) % 2
                return f"{lead}{'‘' if deep else '“'}{bare}{'’' if deep else '”'}{tail}"
            case "rt":
                return f"({bare})"
            case "abbr":
                return lead + bare + self._explanation(span.value, bare, before) + tail
            case _ if span.tag in _STRUCK:
                nested = any(other.tag in _STRUCK and other is not span for other in self.spans)
                return given if nested else f"{lead}~~{bare}~~{tail}"
            case _:
                return given if self.brief or CODE in bare else f"{lead}{CODE}{bare}{END_CODE}{tail}"

    def _explanation(self, title: str, short: str, before: str) -> str:
        """What a short form means, the first time."""
        title = " ".join(title.split())
        if self.brief or not title or title in self.explained or title.casefold() == plain(short).casefold():
            return ""
        self.explained.add(title)
        return "" if title.casefold() in before.casefold() else f" ({title})"

    def _link(self, span: _Span, bare: str, given: str, before: str) -> str:
        url = span.value
        if _BACK.search(url) and len(bare) <= 8:
            return ""
        if _MARK.fullmatch(mark := bare.strip("^[]()")) and self._is_note(url):
            space = "" if before[-1:] in ("", " ", "\x0b") else " "
            return "" if self.brief else f"{space}{WORDS}(note {mark}){END_WORDS}"
        if self.brief or not url or span.shown:
            return given
        if not bare:
            return given + url if span.pictured and not _FILE.search(url) else given
        if _BARE.sub("", url) == _BARE.sub("", plain(bare)):
            lead, tail = given[: len(given) - len(given.lstrip(" "))], given[len(given.rstrip(" ")) :]
            return lead + (bare if url.startswith(("mailto:", "tel:")) else url) + tail
        said = given.rstrip(" \x0b")
        self._add(said)
        self._add(self._number(url))
        self.numbered = said == given and not any(span.tag in _SPANS - {"a"} for span in self.spans)
        return given[len(said) :]

    def _is_note(self, url: str) -> bool:
        """Whether a link of one sign leads to a note: its own address says so, or it is raised and leads to a
        place in the post."""
        raised = any(span.tag == "sup" for span in self.spans)
        known = unquote(url.partition("#")[2]) in self.anchors
        return known and raised if not _NOTE.search(url) else known or raised

    def _number(self, url: str) -> str:
        return f" [{self.urls.setdefault(url, len(self.urls) + self.first_number)}]"

    # Blocks

    def _block(self, at: int, piece: Piece) -> None:
        if self.table is not None and piece.tag != "caption":
            self._in_table(self.table, piece)
            return
        self._flush()
        tag, opening = piece.tag, not piece.closing
        if tag == "table" and opening and not self.brief and is_data_table(self.pieces, at):
            self.table = _Table()
        elif tag == "hr" and not self.brief:
            self._write(["* * *"])
        elif tag in ("ul", "ol"):
            self._list(at, piece)
        elif tag == "li":
            self._item(piece)
        elif tag == "blockquote":
            self._indent("> ", opening=opening)
        elif tag == "dd":
            self._indent("  ", opening=opening)
            self.tight = opening
        elif tag == "dt" and opening:
            self.tight = at > 1 and any(p.tag == "dt" for p in self.pieces[at - 2 : at])
        elif tag == "figure":
            self.caption = caption_of(self.pieces, at) if opening else ""

    def _film(self, at: int) -> int:
        """A video or a recording: where it is, in place of what stands inside for who cannot play it."""
        tag, end = self.pieces[at].tag, at + 1
        while end < len(self.pieces) - 1 and self.pieces[end].tag != tag:
            end += 1
        inside = self.pieces[at:end]
        url = next((p.get("src") for p in inside if p.tag in (tag, "source") and p.get("src")), "")
        self._flush()
        if not url:
            return at
        if not self.brief:
            said = WATCH if tag == "video" else LISTEN
            title = " ".join(self.pieces[at].get("title").split())
            about = f" ({title})" if title else ""
            self._write([f"{WORDS}{said}{END_WORDS}{about}: {url}"])
        return end

    def _list(self, at: int, piece: Piece) -> None:
        if piece.closing:
            self.lists[-1:] = []
            self.tight = bool(self.lists)
            return
        step = -1 if " reversed=" in piece.raw else 1
        first = whole_number(piece.get("start"))
        if first is None:
            first = list_length(self.pieces, at) if step < 0 else 1
        self.tight = bool(self.lists)
        self.lists.append(_List(first if piece.tag == "ol" else None, step, piece.get("type")))

    def _item(self, piece: Piece) -> None:
        if piece.closing:
            self._indent("", opening=False)
            self.marker, self.tight = "", True
            return
        inner = self.lists[-1] if self.lists else None
        if inner is None or inner.number is None:
            self.marker = "- "
        else:
            number = inner.number if (given := whole_number(piece.get("value"))) is None else given
            inner.number = number + inner.step
            self.marker = counted(number, inner.kind) + ". "
            if _NOTE_ID.fullmatch(piece.get("id")):
                self.marker = f"{HANG}{WORDS}Note {number}:{END_WORDS} "
        self._indent("" if HANG in self.marker else " " * len(self.marker), opening=True)

    def _indent(self, prefix: str, *, opening: bool) -> None:
        if opening:
            self.opened += 1
            self.indents.append((prefix, self.opened))
        else:
            self.indents[-1:] = []

    def _code(self, *, opening: bool) -> None:
        if opening:
            self._flush()
            self.raw = []
            return
        if self.raw is None:
            return
        code = "".join(self.raw).removesuffix("\n")
        self.raw = None
        if not code.strip():
            return
        if self.brief:
            self.out.append(code + "\n")
            return
        if self.marker:
            self._write([""])
        self.out.append("\n\n" if self.out else "")
        self.out.append("\n".join(VERBATIM + line for line in code.split("\n")))
        self.above, self.after_code = [], True

    def _in_table(self, table: _Table, piece: Piece) -> None:
        if piece.tag in ("td", "th"):
            if piece.closing:
                self._end_cell(table)
            else:
                self._ended()
                table.cell = piece
        elif piece.tag == "tr" and not piece.closing:
            table.rows.append([])
        elif piece.tag == "table":
            self.table = None
            width = WIDTH - columns("".join(prefix for prefix, _ in self.indents))
            if lines := lines_of([row for row in table.rows if row], max(width, 20)):
                self._write(lines)
        elif table.cell is not None and "".join(self.line).strip():
            if piece.tag == "li" and not piece.closing:
                self.line[-1] = self.line[-1].rstrip(" ")
                self._add("; ")
            elif self.last != " ":
                self._add(" ")

    def _end_cell(self, table: _Table) -> None:
        if table.cell is None or not table.rows:
            return
        cell, line = table.cell, self._ended()
        line = re.sub(r"([^\s,;:.!?]) ?\x0b ?(?=\S)", r"\1; ", line).replace("\x0b", " ")
        table.rows[-1].append(
            TableCell(
                " ".join(re.split(r"[ \t\n]+", line.strip())),
                heads=cell.tag == "th",
                across=max(1, whole_number(cell.get("colspan")) or 1),
                down=max(1, whole_number(cell.get("rowspan")) or 1),
                to_right=cell.get("align") == "right" and bool(table.rows[0]),
            )
        )
        table.cell = None

    def _ended(self) -> str:
        """The line, in which what is still open ends; it begins anew with what follows."""
        for n in range(len(self.spans) - 1, -1, -1):
            span = self.spans[n]
            given = "".join(self.line[span.start :])
            if (bare := given.strip(" \x0b")) and (span.tag in _STRUCK | _CODE or span.tag == "a"):
                del self.line[span.start :]
                self.line.append(self._shown(span, bare, given, self._before()))
                span.shown = True
        for span in self.spans:
            span.start = 0
        line = "".join(self.line)
        self.line, self.last, self.numbered = [], "", False
        return line

    def _flush(self) -> None:
        """Ends the paragraph."""
        line = _BREAK.sub("\n", self._ended()).strip(" \n")
        if not line:
            return
        if self.marker and line[0] in _TASKS:
            self.marker += f"{HANG}{_TASKS[line[0]]} "
            line = line[1:].lstrip()
            if not line:  # what is to be done stands in a paragraph of its own
                return
        self._write(line.split("\n"))

    def _write(self, lines: Sequence[str]) -> None:
        """A block, its lines behind what the open elements begin lines with."""
        if self.brief:
            self.out.append("\n".join(lines) + "\n")
            return
        prefix = "".join(prefix for prefix, _ in self.indents)
        first = prefix
        if self.marker:
            first = "".join(prefix for prefix, _ in self.indents[:-1]) + self.marker
        shown = [_behind(first if n == 0 else prefix, line) for n, line in enumerate(lines)]
        if self.out:
            self.out.append("\n" if self.tight and not self.after_code else f"\n{self._blank()}\n")
        self.out.append("\n".join(shown))
        self.above, self.marker, self.tight, self.after_code = list(self.indents), "", False, False

    def _blank(self) -> str:
        """The line between two blocks: it belongs to the quotation that holds both."""
        common = ""
        for one, other in zip(self.above, self.indents, strict=False):
            if one != other:
                break
            common += one[0]
        return common.rstrip() if ">" in common else ""


def _behind(prefix: str, line: str) -> str:
    """`line` behind `prefix`, its words marked where they begin if that cannot be seen."""
    if line.startswith(VERBATIM):
        return VERBATIM + prefix + line[1:]
    if HANG in line or HANG in prefix:
        return (prefix + line).rstrip()
    if prefix or line[:1] in tuple("-*+•> 0123456789"):
        return f"{prefix}{HANG}{line}".rstrip()
    return line
