"""Plain text on its way into a mail.

What wrapping and translating must know of it travels inside it, as noncharacters: no text may hold these
(Unicode 23.7), so nothing an author writes can be taken for one. `plain` takes them out.
"""

import unicodedata

WIDTH = 74
"""Columns of a mail's text part: quoted once or twice in a reply, it still fits 78."""

FIRST_WIDE = "\u1100"
"""No character before it is wide (Unicode Standard Annex 11)."""

VERBATIM = "\ufdd0"
"""Begins a line that stays as it is, white space and all: code, or a row of a table."""

HANG = "\ufdd1"
"""Stands between what begins a line ("- ", "> ") and its words; continuation lines are set in as far."""

CODE, END_CODE = "\ufdd2", "\ufdd3"
"""Around code within a sentence: no line is broken inside it."""

WORDS, END_WORDS = "\ufdd4", "\ufdd5"
"""Around English words of our own, to be said in the language of the mail."""

WATCH, LISTEN = "Watch the video", "Listen to the recording"
"""Words of ours for what a mail cannot play."""

_MARKS = dict.fromkeys(map(ord, (VERBATIM, HANG, CODE, END_CODE, WORDS, END_WORDS)))


def plain(text: str) -> str:
    """`text` without marks."""
    return text if text.isascii() else text.translate(_MARKS)


def finished(text: str) -> str:
    """A whole text part: verbatim lines as they are; elsewhere no white space at line ends and no more than
    one blank line in a row. No marks are left."""
    lines: list[str] = []
    blank = True
    for line in text.split("\n"):
        if VERBATIM in line:
            lines.append(plain(line))
            blank = False
            continue
        shown = plain(line).rstrip(" \t")
        if shown or not blank:
            lines.append(shown)
        blank = not shown
    return "\n".join(lines).rstrip("\n") + "\n"


def columns(text: str) -> int:
    """How many columns `text` takes at most: two for each wide character, one for every other."""
    if text.isascii() or max(text) < FIRST_WIDE:
        return len(text)
    return len(text) + sum(unicodedata.east_asian_width(char) in "WF" for char in text)
