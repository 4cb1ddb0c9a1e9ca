"""What other Markdown engines read, rewritten as CommonMark and GitHub's tables.

[TOC]  [[toc]]  {:toc}      a table of contents: removed
<div markdown="1">          Markdown inside is read: CommonMark needs a blank line first
```{.python #id}            a language among attributes
:::note Title ... :::       an admonition: a quotation under its title
!!! note "Title"            the same in Python-Markdown
> [!tip] Title              an alert of GitHub, Hugo or Obsidian: the same
> [!tip]- Title             one that readers unfold, like ??? note and :::details; `+`: one they can fold
![[pic.jpg|Words]]          Obsidian: a picture, with its alternative text or its width in pixels
| a | b |                   kramdown: a table, whose first row is a header only above a rule
</div>                      kramdown: HTML ends here; what follows, on this line or the next, is Markdown
<!-- more -->Text           text after a comment that begins the line: a paragraph, not HTML

TeX stays as its author wrote it, since in Markdown a backslash would escape and `_` would be emphasis.
Readers see the source with its delimiters: no mail program and few feed readers typeset it.

$$a_1 \\\\ b_2$$            in kramdown always, elsewhere if the blog enables it
$a_1$  \\(a_1\\)  \\[a_1\\]  if the blog enables it
"""

import re
from collections.abc import Iterator, Sequence
from html import escape

from publisher.core.posts.markdown_regions import blank_code, remove_outside_code
from publisher.markup.html.fragments import FOLDED, UNFOLDED, replace_spans

_OPEN = re.compile(r"([ \t]*)(:{3,})[ \t]*\{?\.?([A-Za-z][\w-]*)(.*)$")
_CLOSE = re.compile(r"[ \t]*(:{3,})[ \t]*$")
_TITLE = re.compile(r"""\[(.*)\]|title\s*=\s*(?:"([^"]*)"|'([^']*)')""")
_ATTRIBUTES = re.compile(r"\{[^{}]*\}?")
_ALERT = re.compile(
    r"(?P<quote>[ \t]*(?:[-*+][ \t]+|\d{1,9}[.)][ \t]+)?(?:>[ \t]?)+)[ \t]*"
    r"\[!(?P<kind>[A-Za-z][\w-]{0,40})(?:\|[^\]\n]{0,200})?\](?![(\[:])(?P<fold>[+-]?)[ \t]*(?P<title>.*)$"
)
_INDENTED = re.compile(r"([ \t]*)(!!!|\?\?\?\+?)[ \t]+([A-Za-z][\w-]*)[\w \t-]*(?:\"([^\"\n]*)\")?[ \t]*$")
MAX_DEPTH = 20
MAX_INDENTED = 1_000
"""Python-Markdown admonitions in one body; with more it is not prose."""

_TABLE_OF_CONTENTS = re.compile(
    r"^[ \t]*(?:\[\[?_?toc_?\]?\]|\$\{toc\}|@\[toc\](?:\([^()\n]*\))?)[ \t]*$"
    r"|^(?:[-*+]|\d+\.)[ \t]+[^\n]*\n\{:(?:[^{}\n]*[ \t])?toc(?:[ \t][^{}\n]*)?\}[ \t]*$",
    re.MULTILINE | re.IGNORECASE,
)

_MARKDOWN_INSIDE = re.compile(
    r"^([ \t]{0,3}<(?:div|section|article|aside|figure|figcaption|details|center|td|p|blockquote)\b[^<>\n]*?)"
    r"\s+markdown\s*=\s*[\"']?(?:1|block|span|true)[\"']?([^<>\n]*>)",
    re.MULTILINE | re.IGNORECASE,
)

_FENCE_ATTRIBUTES = re.compile(
    r"^([ \t>]*(?:`{3,}|~{3,}))[ \t]*\{[ \t]*\.?([\w+#-]+)[^{}\n]*\}[ \t]*$", re.MULTILINE
)

_CODE_SPAN = re.compile(r"(?<!`)(`+)(?!`)(?:.+?)(?<!`)\1(?!`)")
_PIPE = re.compile(r"(?<!\\)\|")
_RULE = re.compile(r"[+|: \t-]*-[+|: \t-]*")
_FOOT_RULE = re.compile(r"[+|: \t=]*=[+|: \t=]*")
_NOT_A_ROW = re.compile(r" {0,3}(?:[>#<]|[-*+][ \t]|\d{1,9}[.)][ \t]|:[ \t]|\[\^?[^\]]*\]:)|(?: {4}|\t)")
_EMPTY_HEADER = re.compile(r"<thead>\n<tr>\n(?:<th(?: align=\"\w+\")?></th>\n)+</tr>\n</thead>\n")
_COMMENT = re.compile(r"^( {0,3}<!--(?:(?!-->)[^\n])*-->)[ \t]*(?=[^\s<])", re.MULTILINE)

_BLOCK_TAGS = (
    "address|article|aside|audio|blockquote|center|details|div|dl|fieldset|figure|footer|form|h[1-6]|header|hr"
    "|iframe|main|nav|ol|p|pre|script|section|style|table|ul|video"
)

_WIKI_PICTURE = re.compile(
    r"!\[\[([^\[\]|\n<>]+\.(?:avif|gif|jpe?g|png|svg|webp))[ \t]*(?:\|([^\[\]\n]*))?\]\]", re.IGNORECASE
)
_WIDTH = re.compile(r"[ \t]*(\d{1,4})(?:x\d{1,4})?[ \t]*")
_BLOCK = re.compile(rf" {{0,3}}<(/?)({_BLOCK_TAGS})(?=[\s/>])", re.IGNORECASE)
_BLOCK_ANYWHERE = re.compile(f"^{_BLOCK.pattern}", re.IGNORECASE | re.MULTILINE)
MAX_COLUMNS = 100

CALLOUT_SIGNS = {
    **dict.fromkeys(("tip", "hint"), "💡"),
    **dict.fromkeys(("success", "check", "done"), "✅"),
    "important": "❗",
    **dict.fromkeys(("warning", "attention"), "⚠️"),
    **dict.fromkeys(("caution", "danger", "error", "bug", "failure"), "🛑"),
    **dict.fromkeys(("question", "help", "faq"), "❓"),
}
"""Signs of the kinds of callouts that are more than a note, in every language."""


def as_commonmark(source: str) -> str:
    """A Markdown source without tables of contents, with plain fences, with Markdown inside HTML set apart,
    and with Python-Markdown's admonitions as quotations. Code stays as it is.
    """
    if "{" in source and ("```" in source or "~~~" in source):
        source = _FENCE_ATTRIBUTES.sub(r"\1\2", source)
    if "toc" in source or "TOC" in source:
        source = remove_outside_code(source, _TABLE_OF_CONTENTS)
    if "markdown" in source:
        tags = _MARKDOWN_INSIDE.finditer(blank_code(source))
        source = replace_spans(source, ((*tag.span(), f"{tag[1]}{tag[2]}\n\n") for tag in tags))
    if "![[" in source:
        found = _WIKI_PICTURE.finditer(blank_code(source))
        source = replace_spans(source, ((*match.span(), _picture(match, source)) for match in found))
    return quote_indented_admonitions(source)


def _picture(match: re.Match[str], source: str) -> str:
    """Obsidian's picture in Markdown, or in HTML if it has a width: a paragraph if nothing is beside it."""
    file, words = match[1].strip(), match[2] or ""
    shown, _, last = words.rpartition("|")
    if width := _WIDTH.fullmatch(last):
        shown = f'<img src="{escape(file)}" alt="{escape(shown.strip())}" width="{width[1]}">'
        above_and_before = source[max(match.start() - 200, 0) : match.start()].split("\n")[-2:]
        after = source[match.end() : match.end() + 200].partition("\n")[0]
        is_alone = not any(line.strip(" \t>") for line in [*above_and_before, after])
        return f"<p>{shown}</p>" if is_alone else shown
    return f"![{words.strip()}](<{file}>)"


def split_after_comments(source: str) -> str:
    """A Markdown source in which text after a comment that begins a line is a paragraph, not HTML."""
    if "-->" not in source or not _COMMENT.search(source):
        return source
    lines: list[str] = []
    in_html = False
    for line, prose in zip(source.split("\n"), blank_code(source).split("\n"), strict=True):
        found = None if in_html else _COMMENT.match(prose)
        lines += [line[: found.end(1)], "", line[found.end() :]] if found else [line]
        in_html = bool(line.strip()) and (in_html or _BLOCK.match(line) is not None)
    return "\n".join(lines)


def split_after_html(source: str) -> str:
    """A Markdown source with a blank line where HTML ends and text follows, as in kramdown."""
    if "<" not in source or not _BLOCK_ANYWHERE.search(source):
        return source
    return "\n".join(_split_after_html(source.split("\n"), blank_code(source).split("\n")))


def _split_after_html(lines: Sequence[str], prose: Sequence[str]) -> Iterator[str]:
    name, depth, tags = "", 0, _BLOCK
    for number, line in enumerate(lines):
        ends = -1
        if not depth and (begin := _BLOCK.match(prose[number])):
            name = begin[2].lower()
            depth = 1 if begin[1] else 0  # a closing tag alone ends what was open above
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
        if ends >= 0 and not rest.strip():
            following = "".join(lines[number + 1 : number + 2])
            is_html_or_code = following.lstrip().startswith("<") or following.startswith(("    ", "\t"))
            if following.strip() and not is_html_or_code:
                yield ""


def as_github_tables(source: str) -> str:
    """A Markdown source with kramdown's tables as GitHub's: with a rule, and a header that may be empty (see
    `without_empty_headers`).
    """
    if "|" not in source:
        return source
    tables: list[str] = []
    block: list[str] = []
    block_prose: list[str] = []
    for line, prose in zip(source.split("\n"), blank_code(source).split("\n"), strict=True):
        if line.strip():
            block.append(line)
            block_prose.append(prose)
            continue
        tables += [*_as_github_table(block, block_prose), line]
        block, block_prose = [], []
    return "\n".join([*tables, *_as_github_table(block, block_prose)])


def without_empty_headers(html: str) -> str:
    """comrak's HTML without the empty headers of tables."""
    return _EMPTY_HEADER.sub("", html) if "<th" in html else html


def _as_github_table(block: list[str], prose: list[str]) -> list[str]:
    """The lines of a block; as a table if each of them has a bar outside code."""
    if not block or not all(_PIPE.search(line) for line in prose) or _NOT_A_ROW.match(block[0]):
        return block
    if len(block) == 1 and not block[0].lstrip().startswith("|"):
        return block  # a line of prose
    header: list[str] | None = None
    rule = ""
    rows: list[list[str]] = []
    for line in block:
        if _RULE.fullmatch(line) or _FOOT_RULE.fullmatch(line):
            if rows and header is None and not rule and "-" in line:
                header, *rows = rows
                rule = line
        else:  # a bar in a code span is text
            hidden = _CODE_SPAN.sub(lambda match: match[0].replace("|", "\0"), line)
            rows.append([cell.replace("\0", "\\|").strip() for cell in _split_row(hidden)])
    width = max(map(len, [*rows, header or []]), default=0)
    if not width or width > MAX_COLUMNS:
        return block
    aligned = [part.strip() for part in _split_row(rule)] if rule else []
    rules = [":" * part.startswith(":") + "---" + ":" * part.endswith(":") for part in aligned]
    rules = [*rules, *["---"] * (width - len(rules))][:width]
    padded = ([*cells, *[""] * (width - len(cells))] for cells in (header or [], rules, *rows))
    return ["| " + " | ".join(cells) + " |" for cells in padded]


def _split_row(line: str) -> list[str]:
    """The cells of a row or a rule, without those outside the bars at its ends."""
    bare = line.strip().removeprefix("|")
    parts = re.split(r"(?<!\\)\||\+(?=[-: ])" if _RULE.fullmatch(line) else _PIPE, bare)
    return parts[:-1] if len(parts) > 1 and not parts[-1].strip() else parts


def quote_admonitions(source: str) -> str:
    """A Markdown source with its `:::` admonitions and `[!NOTE]` alerts as plain quotations."""
    if "[!" in source:
        source = "\n".join(_with_alert_titles(source))
    if ":::" in source:
        source = "\n".join(_with_fenced_quoted(source))
    return source


_FOLD_MARKS = {"-": FOLDED, "???": FOLDED, "+": UNFOLDED, "???+": UNFOLDED}
"""What a callout's author writes, and what stands before its title until `with_folds` has run."""


def callout_title(kind: str, title: str) -> str:
    """The title that its author gave a callout, after the sign of its kind; or else its kind in words."""
    if not title:
        return kind.capitalize()
    sign = CALLOUT_SIGNS.get(kind.lower(), "")
    return f"{sign} {title}" if sign else title


def _with_alert_titles(source: str) -> Iterator[str]:
    """The lines; the first one of an alert is its title, or else its kind, in bold."""
    depth_above = 0  # of the quotation that the previous line is in; 0 after a line without words
    for line, prose in zip(source.split("\n"), blank_code(source).split("\n"), strict=True):
        match = _ALERT.match(prose)
        if match and match["quote"].count(">") > depth_above:
            title = callout_title(match["kind"], line[match.start("title") :].strip().replace("**", ""))
            yield f"{match['quote']}**{_FOLD_MARKS.get(match['fold'], '')}{title}**"
            yield re.sub(r"[-*+.)\d]", " ", match["quote"])
        else:
            yield line
        words = line.lstrip(" \t>")
        depth_above = line[: len(line) - len(words)].count(">") if words else 0


def _with_fenced_quoted(source: str) -> Iterator[str]:
    """The lines, each behind as many "> " as `:::` admonitions are open."""
    lines, prose = source.split("\n"), blank_code(source).split("\n")
    ends = _fence_ends(prose)
    open_at: list[int] = []
    for number, (line, shown) in enumerate(zip(lines, prose, strict=True)):
        if open_at and number == ends[open_at[-1]]:
            open_at.pop()
            yield "> " * len(open_at)
            continue
        match = _OPEN.match(shown) if number in ends else None
        if not match:
            yield "> " * len(open_at) + line if open_at else line
            continue
        rest = line[match.start(4) :].strip()
        if given := _TITLE.search(rest):
            title = next(filter(None, given.groups()), "")
        else:
            title = _ATTRIBUTES.sub("", rest).strip()
        yield "> " * len(open_at)
        open_at.append(number)
        fold = "" if match[3].lower() != "details" else UNFOLDED if "{open}" in rest else FOLDED
        yield "> " * len(open_at) + f"**{fold}{callout_title(match[3], title)}**"
        yield "> " * len(open_at)


def _fence_ends(prose: list[str]) -> dict[int, int]:
    """The closing line of each opening line: the next bare `:::` that is as long. Unclosed ones are text."""
    ends: dict[int, int] = {}
    waiting: list[tuple[int, int]] = []
    for number, line in enumerate(prose):
        if ":::" not in line:
            continue
        if match := _CLOSE.match(line):
            while waiting and waiting[-1][1] > len(match[1]):
                waiting.pop()
            if waiting:
                ends[waiting.pop()[0]] = number
        elif (match := _OPEN.match(line)) and len(waiting) < MAX_DEPTH:
            waiting.append((number, len(match[2])))
    return ends


def quote_indented_admonitions(source: str) -> str:
    """A Markdown source with what Python-Markdown's admonitions contain, indented by four spaces, as
    quotations.
    """
    marks = source.count("!!! ") + source.count("??? ") + source.count("???+ ")
    if not 0 < marks < MAX_INDENTED:
        return source
    lines, prose = source.split("\n"), blank_code(source).split("\n")
    quoted: list[str] = []
    indent: int | None = None  # of the open admonition
    for number, line in enumerate(lines):
        match = _INDENTED.match(prose[number]) if indent is None else None
        if match and _continues(lines, number, width := len(match[1].expandtabs(4))):
            indent = width
            title = "" if match[4] == "" else callout_title(match[3], match[4] or "")
            margin, fold = " " * indent, _FOLD_MARKS.get(match[2], "")
            quoted += ["", *([f"{margin}> **{fold}{title}**", f"{margin}>"] if title else [])]
        elif indent is not None and not line.strip() and _continues(lines, number, indent):
            quoted.append(" " * indent + ">")
        elif indent is not None and _is_indented(line, indent):
            quoted.append(" " * indent + "> " + line.expandtabs(4)[indent + 4 :])
        else:
            if indent is not None and line.strip():
                quoted.append("")
            indent = None
            quoted.append(line)
    return "\n".join(quoted)


def _continues(lines: list[str], number: int, indent: int) -> bool:
    """Whether the next line that is not blank belongs to an admonition indented by `indent`."""
    following = next((line for line in lines[number + 1 : number + 20] if line.strip()), "")
    return _is_indented(following, indent)


def _is_indented(line: str, indent: int) -> bool:
    return line.expandtabs(4).startswith(" " * (indent + 4))
