"""What generators read in a body beyond CommonMark and GitHub's extensions. Not all of them do, so each post
says which of these its author could count on.
"""

from enum import StrEnum


class Extension(StrEnum):
    """One habit of a generator's, by the name it is stored under."""

    DEFINITIONS = "definitions"  # a term on a line, and ": what it means" below it
    ABBREVIATIONS = "abbreviations"  # *[HTML]: what the letters stand for
    TABLES = "tables"  # | a | b |, without a rule below the first row
    AFTER_HTML = "after-html"  # </div>Text *is Markdown*
    BREAKS = "breaks"  # a line ends where it is written to end
    EMOJI = "emoji"  # :smile:
    HIGHLIGHT = "highlight"  # ==marked==
    INSERTED = "inserted"  # ++inserted++
    SUBSCRIPT = "subscript"  # H~2~O
    SUPERSCRIPT = "superscript"  # x^2^
    MATH = "math"  # $$TeX$$
    DOLLARS = "dollars"  # $TeX$
    BRACKETS = "brackets"  # \(TeX\) and \[TeX\]
    TEMPLATES = "templates"  # every {{ expression }} is run
    EJS = "ejs"  # and so is <%= expression %>
    MDX = "mdx"  # {expression}
