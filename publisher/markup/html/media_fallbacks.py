"""Pictures and links that readers can use, although mail programs and feed readers run no scripts.

A picture that a script would have loaded is shown: its address is in `data-src` or the like, only in
`srcset`, or in a <noscript> next to it. A picture without a usable address becomes its alt text; a link
without one becomes its words.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from publisher.markup.html.fragments import Piece, pieces

LAZY = ("data-src", "data-original", "data-lazy-src")
LAZY_SETS = ("data-srcset", "data-lazy-srcset")
FROM_NOSCRIPT = "data-noscript"
"""Marks a picture that was in a <noscript>."""

UNUSABLE = "https://data.invalid/lost/"
"""With a number, the placeholder for an unusable address until `with_usable_media` has run."""

_NOSCRIPT = re.compile(r"<noscript\b[^>]*>(.*?)</noscript\s*>", re.IGNORECASE | re.DOTALL)
_IMG = re.compile(r"<img\b(?:[^<>\"']|\"[^\"]*\"|'[^']*')*>", re.IGNORECASE)
_NEEDS_REPAIR = re.compile(
    r' data-[a-z-]+="|<img(?![^>]* src=")|<a(?: (?![^>]*href=")[^>]*)?>|' + re.escape(UNUSABLE)
)
_ATTRIBUTE = re.compile(r' ([^\s="<>]+)="([^"]*)"')
_SEPARATORS = frozenset(
    {"p", "li", "td", "th", "blockquote", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "table"}
)
_WIDEST = 1200
"""Pixels of the widest picture that is taken from a `srcset`."""


class UnusableMedia(NamedTuple):
    """A picture ("img") or link ("a") without a usable address. `url` is what its author wrote; may be ""."""

    tag: str
    url: str


def with_noscripts(html: str) -> str:
    """HTML that is not sanitized yet, with each <noscript> replaced by its pictures, which are marked."""
    if "<noscript" not in html and "<NOSCRIPT" not in html:
        return html

    def pictures(match: re.Match[str]) -> str:
        return "".join(f'<img {FROM_NOSCRIPT}="1" {found[0][4:]}' for found in _IMG.finditer(match[1]))

    return _NOSCRIPT.sub(pictures, html)


def with_usable_media(html: str, replaced: list[str], unusable: list[UnusableMedia] | None = None) -> str:
    """Safe HTML in which every picture and link has an address. `replaced` holds the addresses that numbered
    UNUSABLE addresses stand for. What has no usable address is added to `unusable`.
    """
    if not _NEEDS_REPAIR.search(html):
        return html
    return MediaRepair(replaced, [] if unusable is None else unusable).repair(html)


def unusable_url(replaced: list[str], address: str) -> str:
    """The numbered placeholder for `address` until `with_usable_media` has run."""
    replaced.append(address)
    return f"{UNUSABLE}{len(replaced) - 1}"


class PreviousPicture(NamedTuple):
    """The last picture: its position in the output, its address ("" for a placeholder), and whether it was in
    a <noscript>.
    """

    position: int
    address: str
    from_noscript: bool


class MediaRepair:
    """One pass over the pieces of a body."""

    def __init__(self, replaced: list[str], unusable: list[UnusableMedia]) -> None:
        self.replaced, self.unusable = replaced, unusable
        self.output: list[str] = []
        self.candidates: list[tuple[float, str]] = []  # from the <source>s of the open <picture>
        self.previous: PreviousPicture | None = None
        self.link_dropped = False  # the open link has no address
        self.without_address: dict[int, UnusableMedia] = {}  # pictures, by their index in `output`

    def repair(self, html: str) -> str:
        """Repaired HTML."""
        for piece in pieces(html):
            raw = piece.raw
            if piece.tag == "img":
                raw = self.picture(_attributes(piece))
            elif piece.tag == "a":
                raw = self.link(piece)
            elif piece.tag == "source":
                raw = self.source(_attributes(piece))
            elif piece.tag == "picture":
                self.candidates = []
            if piece.tag in _SEPARATORS or (not piece.tag and raw.strip()):
                self.previous = None  # whatever follows is not the same picture again
            self.output.append(raw)
        self.unusable += self.without_address.values()
        return "".join(self.output)

    def picture(self, attrs: dict[str, str]) -> str:
        """The tag of a picture with its best address, or its alt text; "" for one that is shown already."""
        from_noscript = attrs.pop(FROM_NOSCRIPT, "") != ""
        source = attrs.pop("src", "")
        lazy = [url for url in (attrs.pop(name, "") for name in LAZY) if url and UNUSABLE not in url]
        has_lazy_set = _take_lazy_set(attrs)
        found = [*_candidates(attrs.get("srcset", "")), *self.candidates]
        fitting = [one for one in found if one[0] <= _WIDEST]
        best = max(fitting)[1] if fitting else min(found)[1] if found else ""
        usable = "" if UNUSABLE in source else source
        address = next(iter(lazy), "") or (best if usable.startswith("data:") else "") or usable or best
        if lazy and not has_lazy_set and "data:" in attrs.get("srcset", ""):
            del attrs["srcset"]
        is_tracker = attrs.get("width") in {"0", "1"} or attrs.get("height") in {"0", "1"}
        if from_noscript and (is_tracker or not address):
            return ""
        if self._shown_already(address, from_noscript=from_noscript):
            return ""
        index = len(self.output)
        is_placeholder = not address or (address.startswith("data:") and not lazy)
        self.previous = PreviousPicture(index, "" if is_placeholder else address, from_noscript)
        if not address:
            self.without_address[index] = UnusableMedia("img", self._original(source))
            return attrs.get("alt", "")
        return "<img" + "".join(f' {n}="{v}"' for n, v in {"src": address, **attrs}.items()) + ">"

    def _shown_already(self, address: str, *, from_noscript: bool) -> bool:
        """Whether the previous picture is this one, once with and once without a script. A placeholder is
        removed in favor of the picture from the <noscript>.
        """
        previous = self.previous
        if previous is None or previous.from_noscript is from_noscript:
            return False
        if previous.address == address:
            return True
        if previous.from_noscript and (not address or address.startswith("data:")):
            return True
        if from_noscript and not previous.address:
            self.output[previous.position] = ""
            self.without_address.pop(previous.position, None)
        return False

    def source(self, attrs: dict[str, str]) -> str:
        """The tag of a <source>; its pictures are candidates for the <picture> around it."""
        _take_lazy_set(attrs)
        for name in LAZY:
            attrs.pop(name, "")
        if UNUSABLE in attrs.get("src", ""):
            del attrs["src"]
        self.candidates += _candidates(attrs.get("srcset", ""))
        return "<source" + "".join(f' {name}="{value}"' for name, value in attrs.items()) + ">"

    def link(self, piece: Piece) -> str:
        """The tag of a link; "" for both tags of one without an address, unless it is an anchor."""
        if piece.closing:
            dropped, self.link_dropped = self.link_dropped, False
            return "" if dropped else piece.raw
        attrs = _attributes(piece)
        target = attrs.get("href", "")
        if target and UNUSABLE not in target:
            return piece.raw
        if target:
            self.unusable.append(UnusableMedia("a", self._original(target)))
            del attrs["href"]
        self.link_dropped = "id" not in attrs
        return "" if self.link_dropped else "<a" + "".join(f' {n}="{v}"' for n, v in attrs.items()) + ">"

    def _original(self, address: str) -> str:
        """What the author wrote instead of an UNUSABLE address."""
        number = address.removeprefix(UNUSABLE)
        return self.replaced[int(number)] if UNUSABLE in address and number.isdecimal() else ""


def _attributes(piece: Piece) -> dict[str, str]:
    """By name, values as they are written between double quotes."""
    return {match[1]: match[2] for match in _ATTRIBUTE.finditer(piece.raw)}


def _take_lazy_set(attrs: dict[str, str]) -> bool:
    """Makes the first lazy set the `srcset`; whether there is one."""
    sets = [value for value in (attrs.pop(name, "") for name in LAZY_SETS) if value]
    attrs |= {"srcset": sets[0]} if sets else {}
    return bool(sets)


def _candidates(srcset: str) -> Iterator[tuple[float, str]]:
    """(width in pixels, 0 if unknown; address) of each picture of a `srcset`, without data: URLs."""
    for part in srcset.split(", "):
        url, _, size = part.strip().partition(" ")
        if url and not url.startswith("data:") and UNUSABLE not in url:
            yield float(size[:-1]) if re.fullmatch(r"\d{1,5}w", size) else 0.0, url
