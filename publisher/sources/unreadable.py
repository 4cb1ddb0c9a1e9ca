"""Files that the blog's generator makes posts of and Publisher cannot read: they are counted and named.

Hugo      AsciiDoc, Org, reStructuredText and Pandoc (https://gohugo.io/content-management/formats/)
Pelican   reStructuredText, and by plugins AsciiDoc, Org and notebooks
others    by plugins: what has a date, be that in its name
"""

import re
from collections.abc import Iterator
from pathlib import Path

from publisher.core.patterns import lazy
from publisher.sources.instants import dated_name
from publisher.sources.rules import SourceRules

FORMATS = {
    ".adoc": "AsciiDoc", ".asciidoc": "AsciiDoc", ".asc": "AsciiDoc", ".ad": "AsciiDoc", ".org": "Org",
    ".rst": "reStructuredText", ".rest": "reStructuredText", ".ipynb": "a notebook", ".textile": "Textile",
    ".pandoc": "Pandoc", ".pdc": "Pandoc", ".mdoc": "Markdoc", ".rmd": "R Markdown", ".qmd": "Quarto",
    ".typ": "Typst",
}  # fmt: skip
"""What stands at the end of a file's name, in small letters, and what it is called."""

_NATIVE = {
    "hugo": frozenset({".adoc", ".asciidoc", ".ad", ".org", ".rst", ".pandoc", ".pdc"}),
    "pelican": frozenset({".rst"}),
    "astro": frozenset({".mdoc"}),
}
_NEVER = frozenset({"zola", "docusaurus"})
"""They read Markdown and nothing else."""

_HEAD = 20_000
_DATE = lazy(
    rb"""^[ \t"]{0,20}(?:#\+|[:#*-]{0,2}[ ]?)"?(?:rev)?date"?[ ]?[:=]""", re.MULTILINE | re.IGNORECASE
)
_DRAFT = lazy(
    rb"^[ ]{0,4}(?:#\+|:)?(?:draft|hugo_draft)[ ]?[:=]+[ ]*(?:true|t)\b", re.MULTILINE | re.IGNORECASE
)


def includes() -> tuple[str, ...]:
    """Patterns of the files that may be such posts."""
    return tuple(f"**/*{end}" for end in FORMATS)


def format_of(path: str) -> str | None:
    """What the file at `path` is called by the end of its name; None for what is read, or is no post."""
    return FORMATS.get(_end(path))


def unreadable(folder: Path, paths: Iterator[str], rules: SourceRules) -> Iterator[tuple[str, str]]:
    """(path, format) of those of `paths` that the generator makes posts of, as far as it can be told."""
    if rules.profile in _NEVER:
        return
    native = _NATIVE.get(rules.profile, frozenset[str]())
    for path in paths:
        name = format_of(path)
        stem = path.rpartition("/")[2].partition(".")[0].casefold()
        why = rules.why_left(path)
        apart = why is not None and not (
            why == "not in _posts" and path.endswith(".ipynb") and dated_name(path)
        )
        if name is None or apart or stem in ("_index", "readme", "license", "changelog"):
            continue
        head = _head(folder / path)
        if _DRAFT.search(head):
            continue
        if (_end(path) in native and rules.rooted) or dated_name(path) or _DATE.search(head):
            yield path, name


def _end(path: str) -> str:
    name = path.rpartition("/")[2]
    return f".{name.rpartition('.')[2].lower()}" if "." in name else ""


def _head(file: Path) -> bytes:
    try:
        if not file.is_file():
            return b""
        with file.open("rb") as opened:
            return opened.read(_HEAD)
    except OSError:
        return b""
