"""What kramdown reads that CommonMark does not: tables without a rule, and Markdown right after HTML.

| a | b |           a table: its first row is a heading only where a rule stands below it
</div>              here ends the HTML: what follows, in this line or the next, is Markdown
<!-- more -->Text   so it is everywhere, where a comment begins the line
"""

import re
from collections.abc import Iterator, Sequence

from publisher.core.posts.code_regions import without_code

_TICKS = re.compile(r"(?<!`)(`+)(?!`)(?:.+?)(?<!`)\1(?!`)")
_PIPE = re.compile(r"(?<!\\)\|")
_RULE = re.compile(r"[+|: \t-]*-[+|: \t-]*")
_FOOT = re.compile(r"[+|: \t=]*=[+|: \t=]*")
_OTHER = re.compile(r" {0,3}(?:[>#<]|[-*+][ \t]|\d{1,9}[.)][ \t]|:[ \t]|\[\^?[^\]]*\]:)|(?: {4}|\t)")
_NO_HEAD = re.compile(r"<thead>\n<tr>\n(?:<th(?: align=\"\w+\")?></th>\n)+</tr>\n</thead>\n")
_COMMENT = re.compile(r"^( {0,3}<!--(?:(?!-->)[^\n])*-->)[ \t]*(?=[^\s<])", re.MULTILINE)
_NAMES = (
    "address|article|aside|audio|blockquote|center|details|div|dl|fieldset|figure|footer|form|h[1-6]|header|hr"
    "|iframe|main|nav|ol|p|pre|script|section|style|table|ul|video"
)
_BEGIN = re.compile(rf" {{0,3}}<(/?)({_NAMES})(?=[\s/>])", re.IGNORECASE)
_BEGINS = re.compile(f"^{_BEGIN.pattern}", re.IGNORECASE | re.MULTILINE)
MOST_COLUMNS = 100


def after_comments(source: str) -> str:
    """A Markdown source in which text after a comment that begins a line is a paragraph, not HTML."""
    if "-->" not in source or not _COMMENT.search(source):
        return source
    lines: list[str] = []
    in_html = False
    for line, prose in zip(source.split("\n"), without_code(source).split("\n"), strict=True):
        found = None if in_html else _COMMENT.match(prose)
        lines += [line[: found.end(1)], "", line[found.end() :]] if found else [line]
        in_html = bool(line.strip()) and (in_html or _BEGIN.match(line) is not None)
    return "\n".join(lines)


def after_html(source: str) -> str:
    """A Markdown source in which what follows the end of an element of HTML is Markdown."""
    if "<" not in source or not _BEGINS.search(source):
        return source
    return "\n".join(_parted(source.split("\n"), without_code(source).split("\n")))


def _parted(lines: Sequence[str], prose: Sequence[str]) -> Iterator[str]:
    """The lines, with a blank one where HTML ends and text follows."""
    name, depth, tags = "", 0, _BEGIN
    for number, line in enumerate(lines):
        ends = -1
        if not depth and (begin := _BEGIN.match(prose[number])):
            name, depth = begin[2].lower(), int(bool(begin[1]))  # an end alone ends what was opened above
            tags = re.compile(rf"<(/?){name}(?=[\s/>])[^<>]*>", re.IGNORECASE)
        if name:
            for tag in tags.finditer(prose[number]):
                depth += -1 if tag[1] else 1
                if depth <= 0 or name == "hr":
                    name, depth, ends = "", 0, tag.end()
                    break
        rest = line[ends:] if ends >= 0 else ""
        if rest.strip() and not rest.lstrip().startswith("<"):
            yield line[:ends]
            yield ""
            yield " " * (len(line) - len(line.lstrip(" "))) + rest.lstrip()
            continue
        yield line
        if name == "p" and not line.strip():
            name, depth = "", 0
        if ends >= 0 and not rest.strip() and _is_text(lines[number + 1 : number + 2]):
            yield ""


def _is_text(following: Sequence[str]) -> bool:
    """Whether the line that follows is there, and neither blank nor HTML nor set in as code."""
    line = "".join(following)
    return bool(line.strip()) and not line.lstrip().startswith("<") and not line.startswith(("    ", "\t"))


def with_tables(source: str) -> str:
    """A Markdown source with kramdown's tables as GitHub's: with a rule, and a first row that may be empty
    (see `without_empty_heads`)."""
    if "|" not in source:
        return source
    made: list[str] = []
    block: list[str] = []
    hidden: list[str] = []
    for line, prose in zip(source.split("\n"), without_code(source).split("\n"), strict=True):
        if line.strip():
            block.append(line)
            hidden.append(prose)
            continue
        made += [*_table(block, hidden), line]
        block, hidden = [], []
    return "\n".join([*made, *_table(block, hidden)])


def without_empty_heads(html: str) -> str:
    """comrak's HTML without the heads of tables in which nothing stands."""
    return _NO_HEAD.sub("", html) if "<th" in html else html


def _table(block: list[str], prose: list[str]) -> list[str]:
    """The lines of a block; as a table where each has a bar outside code."""
    if not block or not all(_PIPE.search(line) for line in prose) or _OTHER.match(block[0]):
        return block
    if len(block) == 1 and not block[0].lstrip().startswith("|"):
        return block  # a line of prose
    head: list[str] | None = None
    rule = ""
    rows: list[list[str]] = []
    for line in block:
        if _RULE.fullmatch(line) or _FOOT.fullmatch(line):
            if rows and head is None and not rule and "-" in line:
                head, *rows = rows
                rule = line
        else:
            rows.append(_cells(line))
    width = max(map(len, [*rows, head or []]), default=0)
    if not width or width > MOST_COLUMNS:
        return block
    aligned = [_aligned(part) for part in _parts(rule)] if rule else []
    rules = [*aligned, *["---"] * (width - len(aligned))][:width]
    return [_row(head or [], width), _row(rules, width), *(_row(row, width) for row in rows)]


def _cells(line: str) -> list[str]:
    """The cells of a row; a bar in a code span stands for itself."""
    hidden = _TICKS.sub(lambda match: match[0].replace("|", "\0"), line)
    return [cell.replace("\0", "\\|").strip() for cell in _parts(hidden)]


def _parts(line: str) -> list[str]:
    bare = line.strip()
    bare = bare.removeprefix("|")
    parts = re.split(r"(?<!\\)\||\+(?=[-: ])" if _RULE.fullmatch(line) else _PIPE, bare)
    return parts[:-1] if len(parts) > 1 and not parts[-1].strip() else parts


def _aligned(part: str) -> str:
    bare = part.strip()
    return (":" if bare.startswith(":") else "") + "---" + (":" if bare.endswith(":") else "")


def _row(cells: Sequence[str], width: int) -> str:
    return "| " + " | ".join([*cells, *[""] * (width - len(cells))]) + " |"
