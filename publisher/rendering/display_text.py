"""Text as mails and pages show it: subjects, preheaders, labels, times, clipped lines. Pure functions."""

import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from publisher.core.digests.digest import Digest, DigestPost
from publisher.core.mail.message import END_TRANSLATABLE, LISTEN_TEXT, START_TRANSLATABLE, WATCH_TEXT
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


def label(post: DigestPost, words: LanguageWords) -> str:
    """A post's title, or else its first words, or else its day. At most 300 characters."""
    if post.gone:
        return words.text("This post is no longer available")
    return clip(post.title, 300) or clip(post.summary or post.text, 60) or words.day(post.instant)


def subject(digest: Digest, words: LanguageWords) -> str:
    """The first post's label, and how many more there are."""
    others = len(digest.posts) - 1 + digest.more
    if not digest.posts:
        return one_line(digest.list.title)
    title = clip(label(digest.posts[0], words), 120)
    if others == 0:
        return title
    return words.plural("%(title)s, and %(num)s more", "%(title)s, and %(num)s more", others, title=title)


def preheader(digest: Digest, words: LanguageWords) -> str:
    """40 to 130 characters next to the subject: how the first post begins, and what else is in the mail."""
    fewest, most = PREHEADER
    first = digest.posts[0] if digest.posts else None
    parts = [clip(first.summary or first.text, 110)] if first else []
    parts += [label(post, words) for post in digest.posts[1:]]
    parts += [digest.list.title, words.day(digest.due_at, digest.list.timezone), digest.site.title]
    parts.append(
        words.text("New posts from %(site)s, chosen for this list and sent on time", site=digest.site.title)
    )
    line = ""
    for part in filter(None, map(one_line, parts)):
        if len(line) >= fewest:
            break
        line = f"{line} · {part}" if line else part
    while len(line) < fewest:
        line = f"{line} · {one_line(digest.site.title)}"
    return clip(line, most)
