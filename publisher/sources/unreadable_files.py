"""Files that the blog's generator makes posts of and Publisher cannot read. The user is told about them.

Hugo      AsciiDoc, Org, reStructuredText and Pandoc (https://gohugo.io/content-management/formats/)
Pelican   reStructuredText, and by plugins AsciiDoc, Org and notebooks
Eleventy  posts that are templates (https://www.11ty.dev/docs/languages/): with a date, with tags, or in a
          folder whose data file gives them tags; not what makes lists of posts
others    by plugins: what has a date, be that in its name
"""

import re
from collections.abc import Iterator
from pathlib import Path

from publisher.core.caching import lazy
from publisher.sources.fields.dates_and_visibility import date_in_name
from publisher.sources.frontmatter.values import COLLECTED
from publisher.sources.ignored_files import is_inside
from publisher.sources.source_rules import SourceRules

FORMATS = {
    ".adoc": "AsciiDoc", ".asciidoc": "AsciiDoc", ".asc": "AsciiDoc", ".ad": "AsciiDoc", ".org": "Org",
    ".rst": "reStructuredText", ".rest": "reStructuredText", ".ipynb": "a notebook", ".textile": "Textile",
    ".pandoc": "Pandoc", ".pdc": "Pandoc", ".mdoc": "Markdoc", ".rmd": "R Markdown", ".qmd": "Quarto",
    ".typ": "Typst", ".gotmpl": "a content adapter",
}  # fmt: skip
"""The format of each suffix, which is in lower case."""

POST_TABLE = "a data file of posts"

_TEMPLATES = {
    ".njk": "Nunjucks", ".liquid": "Liquid", ".webc": "WebC", ".hbs": "Handlebars", ".mustache": "Mustache",
    ".ejs": "EJS", ".haml": "HAML", ".pug": "Pug", ".11ty.js": "JavaScript", ".11ty.cjs": "JavaScript",
    ".11ty.mjs": "JavaScript", ".11ty.ts": "TypeScript",
}  # fmt: skip
"""Eleventy's languages, by the ends of names."""

_NOT_A_POST = lazy(
    rb"^(?:pagination|eleventyExcludeFromCollections|permalink:[ ]*['\"]?false|draft:[ ]*true)\b",
    re.MULTILINE,
)
_TAGGED = lazy(rb"^tags:", re.MULTILINE)

UNREAD_SUFFIXES = {
    **{end: f"Markdown in a {end} file" for end in (
        ".mkd", ".mkdn", ".mkdown", ".mdown", ".mdwn", ".mdtxt", ".mdtext", ".MD", ".Md", ".MARKDOWN",
        ".Markdown", ".MDX",
    )},
    **{end: f"HTML in a {end} file" for end in (".htm", ".HTM", ".HTML", ".xhtml")},
}  # fmt: skip
"""Formats that Publisher reads, under suffixes that it does not; most generators know these too."""

_READ_BY_GENERATOR = {
    "hugo": frozenset({".adoc", ".asciidoc", ".ad", ".org", ".rst", ".pandoc", ".pdc", ".gotmpl"}),
    "pelican": frozenset({".rst"}),
    "astro": frozenset({".mdoc"}),
}
_MARKDOWN_ONLY = frozenset({"zola", "docusaurus"})
"""Generators that read Markdown only."""

_HEAD = 20_000
_DATE = lazy(
    rb"""^[ \t"]{0,20}(?:#\+|[:#*-]{0,2}[ ]?)"?(?:rev)?date"?[ ]?[:=]""", re.MULTILINE | re.IGNORECASE
)
_DRAFT = lazy(
    rb"^[ ]{0,4}(?:#\+|:)?(?:draft|hugo_draft)[ ]?[:=]+[ ]*(?:true|t)\b", re.MULTILINE | re.IGNORECASE
)


def include_patterns() -> tuple[str, ...]:
    """Patterns of the files that may be such posts."""
    return tuple(f"**/*{end}" for end in (*FORMATS, *_TEMPLATES, *UNREAD_SUFFIXES))


def format_of(path: str) -> str | None:
    """The format of the file at `path` by its suffix; None if Publisher reads it, or it is not a post."""
    name = path.rpartition("/")[2]
    return UNREAD_SUFFIXES.get(f".{name.rpartition('.')[2]}" if "." in name else "") or FORMATS.get(
        suffix_of(path)
    )


def find_unreadable(folder: Path, paths: Iterator[str], rules: SourceRules) -> Iterator[tuple[str, str]]:
    """(path, format) of those of `paths` that the generator makes posts of, as far as their files tell."""
    if rules.profile in _MARKDOWN_ONLY:
        return
    native = _READ_BY_GENERATOR.get(rules.profile, frozenset[str]())
    for path in paths:
        if format_of(path) is None:
            if rules.profile == "eleventy" and (language := eleventy_template_language(folder, path, rules)):
                yield path, language
            continue
        name = format_of(path)
        stem = path.rpartition("/")[2].partition(".")[0].casefold()
        why = rules.why_ignored(path)
        apart = why is not None and not (
            why == "not in _posts" and path.endswith(".ipynb") and date_in_name(path)
        )
        if path.endswith(".gotmpl") and (rules.profile, stem) != ("hugo", "_content"):
            continue  # any other template
        if name is None or apart or stem in ("_index", "readme", "license", "changelog"):
            continue
        head = read_head(folder / path)
        if _DRAFT.search(head):
            continue
        if (suffix_of(path) in native and rules.has_site_root) or date_in_name(path) or _DATE.search(head):
            yield path, name


def eleventy_template_language(folder: Path, path: str, rules: SourceRules) -> str:
    """The language of a post of Eleventy's that is a template; "" for pages and lists of posts."""
    name = next((it for end, it in _TEMPLATES.items() if path.endswith(end)), "")
    stem = path.rpartition("/")[2].partition(".")[0].casefold()
    if rules.why_ignored(path) is not None or stem in ("404", "feed", "sitemap", "robots"):
        return ""
    head = read_head(folder / path)
    front = head.partition(b"\n---")[0] if head.startswith(b"---") else b""
    home = rules.in_blog(path).rpartition("/")[0]
    tagged = (entry.scope for entry in rules.defaults if COLLECTED in entry.values)
    spoken_for = stem != "index" and any(is_inside(home, scope) for scope in tagged if scope)
    dated = date_in_name(path) or _DATE.search(front) or _TAGGED.search(front)
    return name if (dated or spoken_for) and not _NOT_A_POST.search(front) else ""


def suffix_of(path: str) -> str:
    """The suffix of a file's name, in lower case and with its dot; "" if it has none."""
    name = path.rpartition("/")[2]
    return f".{name.rpartition('.')[2].lower()}" if "." in name else ""


def read_head(file: Path) -> bytes:
    """The first bytes of a file; none if it cannot be read."""
    try:
        if not file.is_file():
            return b""
        with file.open("rb") as opened:
            return opened.read(_HEAD)
    except OSError:
        return b""
