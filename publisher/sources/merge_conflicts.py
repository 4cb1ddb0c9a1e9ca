"""What Git leaves in a file that was changed on two sides, and files that have nothing in them."""

import re

from publisher.core.patterns import lazy

_MARKS = (lazy(r"<{7}(?: .*)?"), lazy(r"={7}"), lazy(r">{7}(?: .*)?"))
_FENCE = lazy(r" {0,3}(`{3,}|~{3,})")
_BLOCK = lazy(r"<(pre|code|script|style)\b|\{%-?\s*(highlight|raw|codeblock)\b", re.IGNORECASE)
_BLANK = b"\0 \t\r\n\x0b\x0c"


def conflict_in(text: str) -> int:
    """The line of the first `<<<<<<<` of a conflict, from 1: it begins a line, `=======` and `>>>>>>>` begin
    lines after it, all outside of code (git-merge(1), HOW CONFLICTS ARE PRESENTED). 0: none does.
    """
    if not all(mark in text for mark in ("<<<<<<<", "\n=======", "\n>>>>>>>")):
        return 0
    begun = step = 0
    for number, line in _outside_code(text):
        line = line.rstrip()
        if _MARKS[0].fullmatch(line):
            begun, step = number, 1
        elif step and _MARKS[step].fullmatch(line):
            if step == 2:
                return begun
            step = 2
    return 0


def _outside_code(text: str) -> list[tuple[int, str]]:
    """The lines that are in no fence and in no block of code, by their numbers."""
    found: list[tuple[int, str]] = []
    fence = end = ""
    for number, line in enumerate(text.split("\n"), 1):
        mark = _FENCE.match(line)
        if fence:
            if mark and mark[1].startswith(fence) and not line.strip().strip(fence[0]):
                fence = ""
        elif end:
            end = "" if end in line.casefold().replace("- ", "") else end
        elif mark and not (mark[1][0] == "`" and "`" in line[mark.end() :]):
            fence = mark[1]
        elif block := _BLOCK.search(line):
            close = f"</{block[1].casefold()}" if block[1] else f"end{block[2].casefold()}"
            end = "" if close in line.casefold()[block.end() :] else close
        else:
            found.append((number, line))
    return found


def is_blank(data: bytes) -> bool:
    """Whether a file has nothing in it: no bytes, or only spaces, line ends and what a full disk leaves."""
    return not data.removeprefix(b"\xef\xbb\xbf").strip(_BLANK)
