"""Text as mails and pages show it: subjects, preheaders, labels, times, clipped lines, and plain text wrapped
in columns, for many scripts. Pure functions.

Wrapping never breaks URLs and code, nor words in scripts that separate them. Chinese and Japanese break
between characters, but not before closing punctuation. Khmer, Thai, Lao and Burmese break at spaces and
zero-width spaces; a run longer than a line breaks before a syllable.
"""

import re
import unicodedata
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache
from itertools import pairwise
from zoneinfo import ZoneInfo

from publisher.core.caching import lazy
from publisher.core.digests.digest import Digest, DigestPost
from publisher.core.mail.message import (
    END_CODE,
    END_TRANSLATABLE,
    HANGING_INDENT,
    LISTEN_TEXT,
    START_CODE,
    START_TRANSLATABLE,
    TEXT_WIDTH,
    VERBATIM,
    WATCH_TEXT,
    display_width,
    strip_marks,
)
from publisher.rendering.languages import LanguageWords

_SCRIPTS = {
    "ar": "arab", "fa": "arab", "ur": "arab", "ps": "arab", "ckb": "arab", "ug": "arab", "sd": "arab",
    "he": "hebr", "iw": "hebr", "yi": "hebr", "km": "khmr", "th": "thai", "lo": "thai", "my": "mymr",
    "ja": "jpan", "ko": "kore", "zh": "hans", "yue": "hant",
}  # fmt: skip
_INVISIBLE = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ufdd0-\ufdef\ufffe\uffff\ud800-\udfff]"
)
_MARKED_WORDS = re.compile(f"{START_TRANSLATABLE}([^{END_TRANSLATABLE}]*){END_TRANSLATABLE}")
_FOOTNOTE = re.compile(r"\(note (\S+)\)|Note (\S+):")

PREHEADER = (40, 130)
"""Fewest and most characters of the line that a mailbox shows next to the subject."""

_PREFIX = re.compile(r"(?:[ \t]+|> ?|[-*+•] +|\d{1,3}[.)] +)*")
_MARKER = re.compile(r"[^>\s]")
_SPACE = " \t\u1680\u2000-\u2006\u2008-\u200a\u205f"
"""White space where a line may be broken: no no-break space, and not the indent of a Chinese paragraph."""

_WORD = re.compile(rf"([{_SPACE}]*)((?:{START_CODE}[^{END_CODE}]*{END_CODE}|[^{_SPACE}])+)")
_CODE_PART = re.compile(rf"({START_CODE}[^{END_CODE}]*{END_CODE}[、。，．：；！？」』）]*)")
_URL_START = re.compile(r"(?=[a-z]{3,6}://)")
_OPEN = "（「『【〈《〔［｛“‘"
_CLOSE = (
    "、。，．：；？！）」』】〉》〕］｝”’…‥・ーゝ々ぁぃぅぇぉっゃゅょゎァィゥェォッャュョヮ"
    "\u3099\u309a\ufe0e\ufe0f\u200d"
)

_HAN = (
    "\u2e80-\u2fff\u3005-\u3007\u3021-\u30ff\u3100-\u312f\u31a0-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U00020000-\U0003fffd"
)

# Compiled when they are needed: that takes as long as a whole mail.
_HAN_CHARACTER = lazy(f"[{_HAN}]")
_HAN_PIECE = lazy(rf"[{_OPEN}]*(?:[{_HAN}]|[^{_HAN}{_OPEN}{_CLOSE}]+)[{_CLOSE}]*|[{_OPEN}{_CLOSE}]+")
_UNSPACED = re.compile("[\u0e00-\u0eff\u0f00-\u109f\u1780-\u17ff\u1a20-\u1aaf\uac00-\ud7af]")
_LEADING_VOWELS = frozenset("\u0e40\u0e41\u0e42\u0e43\u0e44\u0ec0\u0ec1\u0ec2\u0ec3\u0ec4")


def clean(text: str) -> str:
    """`text` without control characters (C0, C1), lone surrogates and noncharacters; line ends are "\\n"."""
    return _INVISIBLE.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def one_line(text: str) -> str:
    """`text` on one line, single spaces, no control characters."""
    return " ".join(clean(text).split())


def clip(text: str, limit: int) -> str:
    """`text` on one line, at most `limit` characters, cut after a whole word if possible."""
    line = one_line(text)
    if len(line) <= limit:
        return line
    head = line[: limit - 1]
    whole = head.rsplit(" ", 1)[0] if " " in head[limit // 2 :] else head
    return whole.rstrip(" ,.;:–—-") + "…"


def time(instant: datetime, zone: str = "UTC") -> str:
    """ "15:38": the wall clock of `zone`."""
    return f"{instant.astimezone(ZoneInfo(zone)):%H:%M}"


def machine(instant: datetime) -> str:
    """ "2024-10-25T08:38:59Z", for the datetime attribute of a time element."""
    return f"{instant.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def script(language: str) -> str:
    """The script of a language (BCP 47), as far as fonts and line heights need it: "latn", "khmr", ..."""
    primary, *rest = language.lower().replace("_", "-").split("-")
    named = next((part for part in rest if len(part) == 4 and part.isalpha()), "")
    if named:
        return named
    if primary == "zh" and {"tw", "hk", "mo"} & set(rest):
        return "hant"
    return _SCRIPTS.get(primary, "latn")


def translated_words(text: str, words: LanguageWords) -> str:
    """`text` with the words that `core.mail.message` marks in it ("Watch the video", "note 1") translated."""
    if START_TRANSLATABLE not in text:
        return text

    def translated(match: re.Match[str]) -> str:
        marked = match[1]
        if marked in (WATCH_TEXT, LISTEN_TEXT):
            return media_labels(words)[marked == LISTEN_TEXT]
        note = _FOOTNOTE.fullmatch(marked)
        if note is None:
            return marked
        if note[1]:
            return words.text("(note %(number)s)", number=note[1])
        return words.text("Note %(number)s:", number=note[2])

    return _MARKED_WORDS.sub(translated, text)


def media_labels(words: LanguageWords) -> tuple[str, str]:
    """The words of links to a video and to a recording: a mail can play neither."""
    return words.text("Watch the video"), words.text("Listen to the recording")


def back_label(words: LanguageWords, number: str) -> str:
    """The name of the link from a footnote back to where reference `number` is in the text."""
    return words.text("Back to reference %(number)s", number=number)


def label(post: DigestPost, words: LanguageWords) -> str:
    """A post's title, or else its first words, or else its day. At most 300 characters."""
    if post.gone:
        only = words.text("This post was sent by email only")
        return only if post.mail_only else words.text("This post is no longer available")
    return clip(post.title, 300) or clip(post.summary or post.text, 60) or words.day(post.instant)


def subject(digest: Digest, words: LanguageWords) -> str:
    """What the author wrote for a mail of this post alone; else the first post's label, and how many more
    there are.
    """
    if own := own_subject(digest):
        return own
    others = len(digest.posts) - 1 + digest.more
    if not digest.posts:
        return one_line(digest.list.title)
    title = clip(label(digest.posts[0], words), 120)
    if others == 0:
        return title
    return words.plural("%(title)s, and %(num)s more", "%(title)s, and %(num)s more", others, title=title)


def own_subject(digest: Digest) -> str:
    """The subject that its author wrote for a mail of one post; "" for none."""
    alone = len(digest.posts) == 1 and not digest.more
    return one_line(digest.posts[0].subject) if alone and not digest.posts[0].gone else ""


def with_pinned_first(digest: Digest) -> Digest:
    """The digest as it is read: pinned posts before others."""
    if not any(post.pinned for post in digest.posts):
        return digest
    return replace(digest, posts=tuple(sorted(digest.posts, key=lambda post: not post.pinned)))


def preheader(digest: Digest, words: LanguageWords) -> str:
    """40 to 130 characters next to the subject: how the first post begins, and what else is in the mail; or
    what the author wrote for a mail of this post alone.
    """
    fewest, most = PREHEADER
    if len(digest.posts) == 1 and not digest.more and (own := one_line(digest.posts[0].preheader)):
        return clip(own, most)
    first = digest.posts[0] if digest.posts else None
    parts = [clip(first.summary or first.text, 110)] if first else []
    parts += [label(post, words) for post in digest.posts[1:]]
    parts += [digest.list.title, words.day(digest.due_at, digest.list.timezone), digest.site.title]
    parts.append(
        words.text("The latest posts from %(site)s, delivered straight to your inbox", site=digest.site.title)
    )
    line = ""
    for part in filter(None, map(one_line, parts)):
        if len(line) >= fewest:
            break
        line = f"{line} · {part}" if line else part
    while len(line) < fewest:
        line = f"{line} · {one_line(digest.site.title)}"
    return clip(line, most)


@lru_cache(maxsize=2048)
def wrap(text: str, width: int = TEXT_WIDTH) -> str:
    """`text` with each of its lines broken at `width` columns; list items and quotations hang. Verbatim lines
    keep their mark and everything else; the other marks of `core.mail.message` are removed."""
    return "\n".join(wrap_line(line, width) for line in text.split("\n"))


def wrap_line(line: str, width: int) -> str:
    """One line, broken at `width` columns."""
    if line.startswith(VERBATIM):
        return line
    first, marked, rest = line.rstrip(" \t\r").partition(HANGING_INDENT)
    if not marked:
        match = _PREFIX.match(first)
        at = match.end() if match else 0
        first, rest = first[:at], first[at:]
    if display_width(whole := strip_marks(first + rest)) <= width:
        return whole
    hang = _MARKER.sub(" ", first)
    lines: list[str] = []
    current, used, empty = first, display_width(first), True
    room = width - used
    for space, word in _WORD.findall(rest):
        for number, piece in enumerate(_pieces(word, room)):
            glue, taken = "" if empty or number else space, display_width(piece)
            if not empty and used + len(glue) + taken > width:
                lines.append(current)
                current, used, glue = hang, display_width(hang), ""
            current, used, empty = current + glue + piece, used + len(glue) + taken, False
    return "\n".join(part.rstrip(" \t") for part in [*lines, current])


def _pieces(word: str, room: int) -> list[str]:
    """The parts of a word between which a line may end. `room` is how many columns a line has."""
    if word.isascii():
        return [word]
    if START_CODE in word:
        parts = [part for part in _CODE_PART.split(word) if part]
        found = [[strip_marks(part)] if START_CODE in part else _pieces(part, room) for part in parts]
        # A line may end next to code only between characters that stand alone: never in "(`code`)."
        return (
            [piece for some in found for piece in some]
            if _HAN_CHARACTER.search(word)
            else [strip_marks(word)]
        )
    if "://" in word:
        head, *rest = _URL_START.split(word, maxsplit=1)
        return [*_pieces(head, room), *rest] if rest and _HAN_CHARACTER.search(head) else [word]
    parts = re.split("(?<=\u200b)", word) if "\u200b" in word else [word]
    if _HAN_CHARACTER.search(word):
        parts = [piece for part in parts for piece in _HAN_PIECE.findall(part)]
    return [piece for part in parts for piece in _syllables(part, room)]


def _syllables(part: str, room: int) -> list[str]:
    """A run too long for a line, split before each letter that begins a syllable; else the run itself."""
    if display_width(part) <= room or not _UNSPACED.search(part):
        return [part]
    pieces = [part[0]]
    for before, char in pairwise(part):
        joined = unicodedata.combining(before) == 9 or before in _LEADING_VOWELS
        if unicodedata.category(char) == "Lo" and not joined and len(pieces[-1]) > 1:
            pieces.append(char)
        else:
            pieces[-1] += char
    return pieces
