"""The text of a paragraph: links, code, superscripts, pictures, abbreviations.

Links are numbered and their addresses listed below the text, so that sentences read well aloud. A link whose
text is its address stays in place.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from urllib.parse import unquote

from publisher.core.mail.message import (
    BACK_URL,
    END_CODE,
    END_TRANSLATABLE,
    START_CODE,
    START_TRANSLATABLE,
    strip_marks,
)
from publisher.markup.html.fragments import Piece, names

_SPACE = re.compile(r"[ \t\n\r\f]+")
_SCHEME_AND_SLASH = re.compile(r"^(?:https?://|mailto:|tel:)|/$")
_IMAGE_FILE = re.compile(r"\.(?:png|jpe?g|gif|webp|svg|avif|bmp|tiff?|heic)(?:[?#].*)?$", re.IGNORECASE)
_BRACKETED_NUMBER = re.compile(r"\[(\d{1,3})\]")
_FOOTNOTE_URL = re.compile(
    r"#(?:user-content-)?(?:fn|footnote|ftn|_ftn|_edn|endnote|note|cite_note)(?!-?ref)[^#?/&]*$"
)
_BACK_URL = re.compile(BACK_URL)
_FOOTNOTE_MARK = re.compile(r"\d{1,3}|[a-z]|[ivx]{1,5}|[*†‡§¶]{1,3}", re.IGNORECASE)
_WORD_ENDING = re.compile("[^\\W\\d_\u0590-\U0010ffff]{1,12}(?![^\\W_])")

STRUCK = names("del s strike")
CODE_TAGS = names("code samp")
SPANS = STRUCK | CODE_TAGS | names("a abbr q rt sub sup")
"""Inline elements that change what is written; all others leave only their words."""

LINE_BREAK = "\x0b"
"""A <br>, until the paragraph is finished."""

_SYMBOLS = {"tm": "™", "sm": "℠", "(tm)": "™", "(r)": "®", "(c)": "©"}
_ORDINALS = re.compile(r"(?:st|nd|rd|th|ers?|r?es?|[èe]res?|[èe]mes?|n?des?|os?|as?|os\.|º|ª)", re.IGNORECASE)
_ABBREVIATED = re.compile(r"(?:^|[^\w])(?:M|D|S|P|V|N|Ms|No|n)$")
_ROMAN = re.compile(r"(?:^|[^\w])[IVXLCDM]+$")
_EXPONENT = re.compile(r"[-+\u2212\u2013]?[\w.,]+[-+\u2212\u2013*′']?|[-+\u2212\u2013]")
_INDEX = re.compile(r"[\w.]+|[-+\u2212]\d+")
_CHEMICAL = re.compile(r"(?:(?:^|[^a-z])[A-Z][a-z]?|[)\]]|[A-Z]\^?\d*)$")
_LETTERS = re.compile(r"[^\W\d_]+")
_FILE_NAME = re.compile(
    r"[^/?#\n]{1,120}\.(?:png|jpe?g|gif|webp|svg|avif|bmp|tiff?|heic|ico|mp4|mov|webm)", re.IGNORECASE
)
_HEX = re.compile(r"[0-9a-f_-]+")
_URL = re.compile(r"(?:https?:|data:|www\.|/)\S*", re.IGNORECASE)
_DEVICE_WORDS = names(
    "am at bildschirmfoto capture dji dsc dscf dscn figure gopr image img mvimg of photo picture pm pxl"
    " recording screen screenshot shot unnamed untitled whatsapp"
)
"""Words in the names that cameras and operating systems give to files."""

_MEANINGLESS_ALTS = """
    alt, alt text, alt-text, banner, bild, caption, captura, capture, capture d'écran, cover, cover image,
    description, empty, feature image, featured image, foto, grafik, graphic, header image, hero, hero image,
    icon, image, image alt, image alt text, image description, imagealttext, imagem, imagen, images, img,
    immagine, kuva, logo, none, null, obraz, obrázek, photo, photograph, photos, pic, picture, pictures,
    placeholder, screen shot, screenshot, text, thumbnail, undefined, unnamed, untitled, zdjęcie, изображение,
    картинка, фото, 이미지, 사진, 图片, 圖片, 图像, 画像, 写真, 截图, スクリーンショット, صورة, תמונה, រូបភាព
"""
_GENERIC = frozenset(part.strip() for part in _MEANINGLESS_ALTS.split(","))


@dataclass(slots=True)
class OpenSpan:
    """An open inline element. `start` is where its words begin in the paragraph; `value` is its href or
    title. `finished`: its address has been written already; `has_silent_picture`: it holds a picture without
    words.
    """

    tag: str
    start: int
    value: str = ""
    finished: bool = False
    has_silent_picture: bool = False


class InlineText:
    """The paragraph being written, and what must be remembered of earlier ones: links, explanations, alt
    texts. `brief`: words only, without pictures, notes and addresses.
    """

    def __init__(self, pieces: Sequence[Piece], *, title: str, brief: bool) -> None:
        self.brief = brief
        self.parts: list[str] = []  # joined only when needed: one string would be copied for each addition
        self.last = ""  # the last character of the paragraph
        self.ends_with_number = False  # the last of `parts` is the number of a link
        self.spans: list[OpenSpan] = []
        self.links: dict[str, int] = {}
        self.caption = ""  # of the figure around
        self.explained: set[str] = set()
        self.alts = {" ".join(title.split()).casefold()}  # alt texts that need not be repeated
        self.anchors = {piece.get("id") for piece in pieces if " id=" in piece.raw}
        self.first_number = 1 + max(  # "[1]" in the author's words would be taken for a link
            (int(n) for p in pieces if not p.tag for n in _BRACKETED_NUMBER.findall(p.raw)), default=0
        )

    def add_words(self, words: str) -> None:
        """Adds text as HTML shows it: white space collapses outside code."""
        in_code = any(span.tag in CODE_TAGS for span in self.spans)
        words = words.replace("\n", " ") if in_code else _SPACE.sub(" ", words.replace("\xad", ""))
        if self.ends_with_number and (ending := _WORD_ENDING.match(words)):
            number = self.parts.pop()  # "[post]s": the number follows the whole word
            self.parts += [ending[0], number]
            words = words[ending.end() :]
        self.add(words.lstrip(" ") if self.last in ("", " ", LINE_BREAK) else words)

    def add(self, text: str) -> None:
        """Adds `text` as it is."""
        if text:
            self.parts.append(text)
            self.last, self.ends_with_number = text[-1], False

    def add_picture(self, piece: Piece) -> None:
        """Adds the alt text of a picture, or else its title, if that says something new."""
        if self.brief:
            return
        alt, source = " ".join(piece.get("alt").split()), piece.get("src")
        if not says_something(alt, source):
            alt = " ".join(piece.get("title").split())
        folded = alt.casefold()
        if folded in self.alts or (folded and folded == self.caption) or not says_something(alt, source):
            for span in self.spans:
                span.has_silent_picture = True
            return
        if any(map(str.isalnum, alt)):
            self.alts.add(folded)
        self.add_words(alt)

    def open(self, piece: Piece) -> None:
        """Begins an inline element."""
        if piece.tag == "rt" and self.last in ("(", "（"):
            return
        value = piece.get("href" if piece.tag == "a" else "title")
        self.spans.append(OpenSpan(piece.tag, len(self.parts), value))

    def close(self, tag: str) -> None:
        """Ends the innermost open element of that name."""
        at = next((n for n in range(len(self.spans) - 1, -1, -1) if self.spans[n].tag == tag), -1)
        if at < 0:
            return
        span = self.spans.pop(at)
        words = "".join(self.parts[span.start :])
        del self.parts[span.start :]
        before = self._preceding()
        self.last = before[-1:]
        self.add(self._span_text(span, words, before) if words.strip(" ") or tag == "a" else words)

    def take(self) -> str:
        """The paragraph with all open elements ended in it; the next one begins within these elements."""
        for n in range(len(self.spans) - 1, -1, -1):
            span = self.spans[n]
            words = "".join(self.parts[span.start :])
            if words.strip(" \x0b") and (span.tag in STRUCK | CODE_TAGS or span.tag == "a"):
                del self.parts[span.start :]
                self.parts.append(self._span_text(span, words, self._preceding(), " \x0b"))
                span.finished = True
        for span in self.spans:
            span.start = 0
        text = "".join(self.parts)
        self.parts, self.last, self.ends_with_number = [], "", False
        return text

    def _preceding(self) -> str:
        """The last 400 characters of the paragraph."""
        found = ""
        for part in reversed(self.parts):
            found = part + found
            if len(found) > 400:
                break
        return found[-400:]

    def _span_text(self, span: OpenSpan, words: str, before: str, blank: str = " ") -> str:
        """What an inline element with these words adds after `before`. `blank` is stripped from the words."""
        bare = words.strip(blank)
        lead = words[: len(words) - len(words.lstrip(" "))]
        tail = words[len(words.rstrip(" ")) :] if bare else ""
        match span.tag:
            case "a":
                return self._link(span, words, bare, before)
            case "sup":
                return (
                    words
                    if START_TRANSLATABLE in bare
                    else lead + superscript(strip_marks(before + lead), bare) + tail
                )
            case "sub":
                return lead + subscript(strip_marks(before + lead), bare) + tail
            case "q":
                nested = sum(other.tag == "q" for other in self.spans) % 2
                return f"{lead}{'‘' if nested else '“'}{bare}{'’' if nested else '”'}{tail}"
            case "rt":
                return f"({bare})"
            case "abbr":
                return lead + bare + self._explanation(span.value, bare, before) + tail
            case _ if span.tag in STRUCK:
                nested = any(other.tag in STRUCK and other is not span for other in self.spans)
                return words if nested else f"{lead}~~{bare}~~{tail}"
            case _:
                return (
                    words if self.brief or START_CODE in bare else f"{lead}{START_CODE}{bare}{END_CODE}{tail}"
                )

    def _explanation(self, title: str, short: str, before: str) -> str:
        """What an abbreviation stands for, in parentheses, the first time."""
        title = " ".join(title.split())
        if (
            self.brief
            or not title
            or title in self.explained
            or title.casefold() == strip_marks(short).casefold()
        ):
            return ""
        self.explained.add(title)
        return "" if title.casefold() in before.casefold() else f" ({title})"

    def _link(self, span: OpenSpan, words: str, bare: str, before: str) -> str:
        """A link's words; adds them itself, with a number, if the address belongs below the text."""
        url = span.value
        if _BACK_URL.search(url) and len(bare) <= 8:
            return ""
        mark = bare.strip("^[]()")
        if _FOOTNOTE_MARK.fullmatch(mark) and self._leads_to_footnote(url):
            space = "" if before[-1:] in ("", " ", LINE_BREAK) else " "
            return "" if self.brief else f"{space}{START_TRANSLATABLE}(note {mark}){END_TRANSLATABLE}"
        if self.brief or not url or span.finished:
            return words
        if not bare:
            return words + url if span.has_silent_picture and not _IMAGE_FILE.search(url) else words
        if _SCHEME_AND_SLASH.sub("", url) == _SCHEME_AND_SLASH.sub("", strip_marks(bare)):
            lead, tail = words[: len(words) - len(words.lstrip(" "))], words[len(words.rstrip(" ")) :]
            return lead + (bare if url.startswith(("mailto:", "tel:")) else url) + tail
        trimmed = words.rstrip(" \x0b")
        self.add(trimmed)
        self.add(f" [{self.links.setdefault(url, len(self.links) + self.first_number)}]")
        within = any(other.tag in SPANS - {"a"} for other in self.spans)
        self.ends_with_number = trimmed == words and not within
        return words[len(trimmed) :]

    def _leads_to_footnote(self, url: str) -> bool:
        """Whether a link that is only a mark leads to a footnote: its address says so, or it is raised and
        leads to a place in the post.
        """
        is_raised = any(span.tag == "sup" for span in self.spans)
        in_post = unquote(url.partition("#")[2]) in self.anchors
        return in_post or is_raised if _FOOTNOTE_URL.search(url) else in_post and is_raised


def superscript(before: str, words: str) -> str:
    """What a <sup> with `words` adds after `before`: "^6" after "10", but "th" after "4". Words that stand by
    themselves, symbols and anything in brackets stay as they are.
    """
    if words.casefold() in _SYMBOLS:
        return _SYMBOLS[words.casefold()]
    if not before[-1:].strip() or (not any(map(str.isalnum, words)) and words not in "-+\u2212"):
        return words
    if words[0] in "[(（［" or _is_phrase(words) or _is_ordinal(before, words):
        return words
    return f"^{words}" if _EXPONENT.fullmatch(words) else f"^({words})"


def subscript(before: str, words: str) -> str:
    """What a <sub> with `words` adds after `before`: "2" after "H", "_ij" after "x", "_(i+1)" after "x"."""
    if not before[-1:].strip() or not any(map(str.isalnum, words)) or _is_phrase(words):
        return words
    if words[0] in "[(（［" or (words.isdigit() and _CHEMICAL.search(before)):
        return words
    return f"_{words}" if _INDEX.fullmatch(words) else f"_({words})"


def _is_ordinal(before: str, words: str) -> bool:
    """Whether it is raised by convention and no exponent: "4th", "XIXe", "1er", "nº", "Mme"."""
    may_be_ending = words.isalpha() and words.islower() and (len(words) > 1 or words in "or")
    if may_be_ending and _ABBREVIATED.search(before):
        return True
    if not _ORDINALS.fullmatch(words):
        return False
    return bool(_ROMAN.search(before)) or (before[-1].isdigit() and (len(words) > 1 or words in "ºª"))


def _is_phrase(words: str) -> bool:
    """Whether it is a remark in small print: two words in a row."""
    parts = [len(part) > 1 and part.isalpha() for part in words.split()]
    return any(one and other for one, other in pairwise(parts))


def says_something(alt: str, source: str) -> bool:
    """Whether an alt text says more than "this is a picture": it is no file name (`source` is the picture's
    address), no camera's number, no address, and not "image".
    """
    words = alt.strip(" \t.:;,!?…*_-–—[](){}\"'")
    folded = words.casefold()
    if not any(map(str.isalnum, words)):
        return not alt.isascii()  # an emoji says something
    if folded in _GENERIC or _FILE_NAME.fullmatch(words) or _URL.fullmatch(words):
        return False
    if " " not in folded and len(folded) > 15 and _HEX.fullmatch(folded):
        return False
    if not folded.isalpha() and all(word in _DEVICE_WORDS for word in _LETTERS.findall(folded)):
        return False  # "img_2034", "screenshot 2024-05-01 at 10.31"
    stem = unquote(source.partition("?")[0].rpartition("/")[2].rpartition(".")[0].casefold())
    is_file_name = "".join(filter(str.isalnum, folded)) == "".join(filter(str.isalnum, stem))
    return not is_file_name or all(map(str.isalpha, words.split()))  # "Cat" of cat.png says it, "cat-2" not
