"""Safe HTML -> text as a person would type it. Addresses of links stand below, numbered, so that the
sentences read well aloud; an address that is its own words stays in its place.
"""

import html
import re
import unicodedata
from dataclasses import dataclass, field

from publisher.markup.stream import BLOCKS, Piece, pieces

SUMMARY_LIMIT = 300

_SPACE = re.compile(r"[ \t\n\r\f]+")
_BREAK = re.compile(r" ?\x0b ?")  # a <br>, until the paragraph is written
_BARE = re.compile(r"^(?:https?://|mailto:|tel:)|/$")
_MANY = re.compile(r"\n{3,}")


def text(source: str) -> str:
    """Paragraphs unwrapped and apart by blank lines, "- " and numbers for lists, code set in by four
    spaces, quotations behind "> ", headings as lines of their own, images by their alt text.
    """
    writer = _Writer()
    for piece in pieces(source):
        writer.take(piece)
    return writer.done()


def summary(source: str) -> str:
    """The first paragraph in one line, cut at a word to at most 300 characters, then with "…"."""
    line = _first_paragraph(source) or " ".join(text(source).split("\n\n")[0].split())
    return shortened(line, SUMMARY_LIMIT)


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
    inside, skip, buffer = False, 0, ""
    for piece in pieces(source):
        if piece.tag == "p":
            if inside and (line := " ".join(html.unescape(buffer).split())):
                return line
            inside, buffer = not piece.closing, ""
        elif piece.tag == "sup":
            skip += -1 if piece.closing else 1
        elif inside and not skip:
            buffer += " " if piece.tag == "br" else "" if piece.tag else piece.raw
    return ""


@dataclass(slots=True)
class _List:
    """An open list: its next number, None for one without."""

    number: int | None


@dataclass(slots=True)
class _Link:
    """An open link and where its words begin in the line."""

    url: str
    start: int
    note: bool


@dataclass(slots=True)
class _Writer:
    """Takes pieces in order, keeps what is open, writes blocks of text."""

    out: list[str] = field(default_factory=list[str])
    line: list[str] = field(default_factory=list[str])
    last: str = ""
    raw: list[str] | None = None
    lists: list[_List] = field(default_factory=list[_List])
    indents: list[str] = field(default_factory=list[str])
    marker: str = ""
    links: list[_Link] = field(default_factory=list[_Link])
    urls: dict[str, int] = field(default_factory=dict[str, int])
    tight: bool = False
    rows: int = -1  # written in the open table; -1: none is open

    def take(self, piece: Piece) -> None:
        if not piece.tag:
            self._words(html.unescape(piece.raw))
        elif piece.tag == "pre":
            self._code(opening=not piece.closing)
        elif self.raw is not None:
            self.raw.append("\n" if piece.tag == "br" else "")
        elif piece.tag in BLOCKS:
            self._block(piece)
        else:
            self._inline(piece)

    def done(self) -> str:
        self._flush()
        if self.urls:
            lines = [f"[{number}] {url}" for url, number in self.urls.items()]
            self.out.append("\n\n" + "\n".join(lines) if self.out else "\n".join(lines))
        return _MANY.sub("\n\n", "".join(self.out)).strip("\n")

    def _words(self, words: str) -> None:
        if self.raw is not None:
            self.raw.append(words)
            return
        words = _SPACE.sub(" ", words)
        self._add(words.lstrip(" ") if self.last in ("", " ", "\x0b") else words)

    def _add(self, words: str) -> None:
        """Appends to the paragraph. It is kept in parts: one string would be copied for each."""
        if words:
            self.line.append(words)
            self.last = words[-1]

    def _inline(self, piece: Piece) -> None:
        if piece.tag == "br":
            self._add("\x0b")
        elif piece.tag == "img":
            self._words(" ".join(piece.get("alt").split()))
        elif piece.tag == "a":
            self._close_link() if piece.closing else self._open_link(piece)

    def _open_link(self, piece: Piece) -> None:
        url = piece.get("href")
        note = "#fnref-" in url or "#fn-" in url
        self.links.append(_Link(url=url, start=len(self.line), note=note))

    def _close_link(self) -> None:
        if not self.links:
            return
        link = self.links.pop()
        given = "".join(self.line[link.start :])
        words = given.strip()
        if not link.url or not (words or link.note):
            return
        if link.note:
            shown = "" if "#fnref-" in link.url else f" (note {words})"
        elif _BARE.sub("", link.url) == _BARE.sub("", words):
            shown = words if link.url.startswith(("mailto:", "tel:")) else link.url
        else:
            shown = given.rstrip(" ") + f" [{self.urls.setdefault(link.url, len(self.urls) + 1)}]"
        del self.line[link.start :]
        self._add(shown)

    def _block(self, piece: Piece) -> None:
        if piece.tag in ("td", "th"):
            if not piece.closing and "".join(self.line).strip():
                self._add("| " if self.last == " " else " | ")
            return
        self._flush()
        if piece.tag == "table":
            self.rows = -1 if piece.closing else 0
        elif piece.tag == "hr":
            self._write("* * *")
        elif piece.tag in ("ul", "ol"):
            self._list(piece)
        elif piece.tag == "li":
            self._item(piece)
        elif piece.tag == "blockquote":
            self._indent("> ", opening=not piece.closing)
        elif piece.tag == "dd":
            self._indent("  ", opening=not piece.closing)
        elif piece.tag in ("video", "audio") and (url := piece.get("src")):
            self._write(url)

    def _list(self, piece: Piece) -> None:
        if piece.closing:
            self.lists[-1:] = []
            self.tight = bool(self.lists)
            return
        start = piece.get("start")
        first = int(start) if start.isascii() and start.isdigit() and len(start) < 9 else 1
        self.tight = bool(self.lists)
        self.lists.append(_List(number=first if piece.tag == "ol" else None))

    def _item(self, piece: Piece) -> None:
        if piece.closing:
            self._indent("", opening=False)
            self.marker, self.tight = "", True
            return
        number = self.lists[-1].number if self.lists else None
        self.marker = "- " if number is None else f"{number}. "
        if number is not None:
            self.lists[-1].number = number + 1
            if piece.get("id").startswith("fn-"):
                self.marker = f"Note {number}: "
        self._indent(" " * min(len(self.marker), 4), opening=True)

    def _indent(self, prefix: str, *, opening: bool) -> None:
        if opening:
            self.indents.append(prefix)
        else:
            self.indents[-1:] = []

    def _code(self, *, opening: bool) -> None:
        if opening:
            self._flush()
            self.raw = []
            return
        if self.raw is not None:
            code = "".join(self.raw).strip("\n")
            self.raw = None
            if code.strip():
                self.tight = False
                self._write("\n".join("    " + line if line.strip() else "" for line in code.split("\n")))

    def _flush(self) -> None:
        """Ends the paragraph. Links still open begin anew with what follows."""
        line = _BREAK.sub("\n", "".join(self.line)).strip()
        self.line, self.last = [], ""
        for link in self.links:
            link.start = 0
        if line:
            self._write(line)

    def _write(self, block: str) -> None:
        prefix = "".join(self.indents)
        first = prefix
        if self.marker:
            first = "".join(self.indents[:-1]) + self.marker
            self.marker = ""
        else:
            self.tight = self.rows > 0
        self.rows += self.rows >= 0
        lines = block.split("\n")
        shown = [(first if at == 0 else prefix) + line for at, line in enumerate(lines)]
        self.out.append(("\n" if self.tight else "\n\n") if self.out else "")
        self.out.append("\n".join(line.rstrip() for line in shown))
        self.tight = False
