"""Pictures and links of safe HTML as readers can use them, who run no scripts.

A picture that a script would have loaded is shown: its address stands in `data-src` and its kin, in `srcset`
only, or in a <noscript> beside it. A picture without an address becomes its words, and so does a link.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from publisher.markup.html.fragments import Piece, pieces

LAZY = ("data-src", "data-original", "data-lazy-src")
LAZY_SETS = ("data-srcset", "data-lazy-srcset")
OF_NOSCRIPT = "data-noscript"
"""Marks a picture that stood in a <noscript>."""

LOST = "https://data.invalid/lost/"
"""Stands, with a number, for an address that is none, until `mended`."""

_NOSCRIPT = re.compile(r"<noscript\b[^>]*>(.*?)</noscript\s*>", re.IGNORECASE | re.DOTALL)
_IMG = re.compile(r"<img\b(?:[^<>\"']|\"[^\"]*\"|'[^']*')*>", re.IGNORECASE)
_ODD = re.compile(r' data-[a-z-]+="|<img(?![^>]* src=")|<a(?: (?![^>]*href=")[^>]*)?>|' + re.escape(LOST))
_ATTRIBUTE = re.compile(r' ([^\s="<>]+)="([^"]*)"')
_APART = frozenset({"p", "li", "td", "th", "blockquote", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "table"})
_WIDEST = 1200
"""Pixels of the widest picture that is taken from a set."""


class UnusableMedia(NamedTuple):
    """A picture ("img") or link ("a") without a usable address; `given` stands there, and may be empty."""

    tag: str
    given: str


def with_noscripts(html: str) -> str:
    """HTML that is not safe yet, with the pictures of each <noscript> in its place, marked."""
    if "<noscript" not in html and "<NOSCRIPT" not in html:
        return html

    def pictures(match: re.Match[str]) -> str:
        return "".join(f'<img {OF_NOSCRIPT}="1" {found[0][4:]}' for found in _IMG.finditer(match[1]))

    return _NOSCRIPT.sub(pictures, html)


def mended(html: str, given: list[str], lost: list[UnusableMedia] | None = None) -> str:
    """Safe HTML whose pictures and links all have an address. `given` is what stood where LOST and a number
    stand; what has no address is added to `lost`.
    """
    if not _ODD.search(html):
        return html
    return _Mending(given, [] if lost is None else lost).of(html)


class _Picture(NamedTuple):
    """The last picture: where it stands in what is made, its address ("" for none that counts), whether it
    stood in a <noscript>."""

    at: int
    address: str
    of_noscript: bool


class _Mending:
    def __init__(self, given: list[str], lost: list[UnusableMedia]) -> None:
        self.given, self.lost = given, lost
        self.made: list[str] = []
        self.set: list[tuple[float, str]] = []  # of the <picture> that is open
        self.last: _Picture | None = None
        self.dead = False  # the open link has no address
        self.missed: dict[
            int, UnusableMedia
        ] = {}  # pictures without one, by where they stand in what is made

    def of(self, html: str) -> str:
        for piece in pieces(html):
            raw = piece.raw
            if piece.tag == "img":
                raw = self._picture(_attributes(piece))
            elif piece.tag == "a":
                raw = self._link(piece)
            elif piece.tag == "source":
                raw = self._source(piece)
            elif piece.tag == "picture":
                self.set = []
            if piece.tag in _APART or (not piece.tag and raw.strip()):
                self.last = None  # what comes is no twin of the picture before
            self.made.append(raw)
        self.lost += self.missed.values()
        return "".join(self.made)

    def _picture(self, attrs: dict[str, str]) -> str:
        of_noscript = attrs.pop(OF_NOSCRIPT, "") != ""
        source = attrs.pop("src", "")
        lazy = [url for url in (attrs.pop(name, "") for name in LAZY) if url and LOST not in url]
        sets = [given for given in (attrs.pop(name, "") for name in LAZY_SETS) if given]
        attrs |= {"srcset": sets[0]} if sets else {}
        best = _best([*_candidates(attrs.get("srcset", "")), *self.set])
        usable = "" if LOST in source else source
        address = next(iter(lazy), "") or (best if usable.startswith("data:") else "") or usable or best
        if lazy and not sets and "data:" in attrs.get("srcset", ""):
            del attrs["srcset"]
        if of_noscript and (_tiny(attrs) or not address):
            return ""
        if self._shown_already(address, of_noscript=of_noscript):
            return ""
        place = len(self.made)
        holds_place = not address or (address.startswith("data:") and not lazy)
        self.last = _Picture(place, "" if holds_place else address, of_noscript)
        if not address:
            self.missed[place] = UnusableMedia("img", self._said(source))
            return attrs.get("alt", "")
        return "<img" + "".join(f' {n}="{v}"' for n, v in {"src": address, **attrs}.items()) + ">"

    def _shown_already(self, address: str, *, of_noscript: bool) -> bool:
        """Whether the picture before is this one, with a script or without; a placeholder gives way."""
        last = self.last
        if last is None or last.of_noscript is of_noscript:
            return False
        if last.address == address or (last.of_noscript and (not address or address.startswith("data:"))):
            return True
        if of_noscript and not last.address:
            self.made[last.at] = ""
            self.missed.pop(last.at, None)
        return False

    def _source(self, piece: Piece) -> str:
        attrs = _attributes(piece)
        sets = [given for given in (attrs.pop(name, "") for name in LAZY_SETS) if given]
        attrs |= {"srcset": sets[0]} if sets else {}
        for name in LAZY:
            attrs.pop(name, "")
        if LOST in attrs.get("src", ""):
            del attrs["src"]
        self.set += _candidates(attrs.get("srcset", ""))
        return "<source" + "".join(f' {name}="{value}"' for name, value in attrs.items()) + ">"

    def _link(self, piece: Piece) -> str:
        if piece.closing:
            dead, self.dead = self.dead, False
            return "" if dead else piece.raw
        attrs = _attributes(piece)
        target = attrs.get("href", "")
        if target and LOST not in target:
            return piece.raw
        if target:
            self.lost.append(UnusableMedia("a", self._said(target)))
            del attrs["href"]
        self.dead = "id" not in attrs
        return "" if self.dead else "<a" + "".join(f' {n}="{v}"' for n, v in attrs.items()) + ">"

    def _said(self, address: str) -> str:
        number = address.removeprefix(LOST)
        return self.given[int(number)] if LOST in address and number.isdecimal() else ""


def _attributes(piece: Piece) -> dict[str, str]:
    """By name, as they are written between double quotes."""
    return {match[1]: match[2] for match in _ATTRIBUTE.finditer(piece.raw)}


def _tiny(attrs: dict[str, str]) -> bool:
    """Whether it is only there to be fetched."""
    return attrs.get("width") in {"0", "1"} or attrs.get("height") in {"0", "1"}


def _candidates(srcset: str) -> Iterator[tuple[float, str]]:
    """(width, or 0 where none is said, and address) of each picture in a set; not of one written into it."""
    for part in srcset.split(", "):
        url, _, size = part.strip().partition(" ")
        if url and not url.startswith("data:") and LOST not in url:
            yield float(size[:-1]) if re.fullmatch(r"\d{1,5}w", size) else 0.0, url


def _best(found: list[tuple[float, str]]) -> str:
    """The widest that is not too wide for a page; else the narrowest."""
    fitting = [one for one in found if one[0] <= _WIDEST]
    return max(fitting)[1] if fitting else min(found)[1] if found else ""


def lost_mark(given: list[str], address: str) -> str:
    """What stands for an address that is none, until `mended`."""
    given.append(address)
    return f"{LOST}{len(given) - 1}"
