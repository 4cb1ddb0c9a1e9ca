"""HTML to Markdown that this program renders to the same text: markdownify, with the blocks that CommonMark
has no marks for kept as HTML, and text escaped so that nothing of it is taken for markup.
"""

import re
import unicodedata
from collections.abc import Callable
from typing import Any

from bs4 import BeautifulSoup, Tag
from markdownify import MarkdownConverter

_SPECIAL = re.compile(r"[\\`*~\[\]]|(?<!\w)_|_(?!\w)|<(?=[A-Za-z/!?])|&(?=#?\w+;)|\{(?=:)|!\Z")
_LINE_START = re.compile(r"^([ \t]*)(?=[#>|+=-]|:::)", re.MULTILINE)
_ORDERED = re.compile(r"^([ \t]*\d{1,9})(?=[.)](?:\s|$))", re.MULTILINE)
_BARE_URL = re.compile(r"(https?|ftp)(?=://)|(www)(?=\.)", re.IGNORECASE)
_TEMPLATE_CODE = re.compile(r"((?:\{\{[^{}\n`]*\}\}|\{%[^{}\n`]*%\}|\{\{[<%]?|\{%)+)")
_CLOSING_HASHES = re.compile(r"#+\s*$")
_LANGUAGE = re.compile(r"(?:^|\s)(?:language|lang|brush:\s*)-?([\w+#.-]+)")

_EMPHASIS = frozenset({"em", "i", "strong", "b"})

_CODE = frozenset({"code", "kbd", "samp"})

RAW_BLOCKS = frozenset({"audio", "video", "iframe", "math"})
"""Elements that Markdown has no mark for; as HTML they are read again."""


class MarkdownWriter(MarkdownConverter):
    """Writes one body. `address` gives the new address of a link or picture."""

    def __init__(self, address: Callable[[str], str]) -> None:
        super().__init__(
            heading_style="atx", bullets="-", newline_style="backslash", code_language_callback=_language
        )
        self._address = address

    def write(self, body: BeautifulSoup) -> str:
        """The Markdown of a parsed body, which ends in one newline. Raises RecursionError: too deeply
        nested.
        """
        text = self.convert_soup(body)
        text = re.sub(r"\n{3,}", "\n\n", re.sub(r"[ \t]+$", "", text, flags=re.MULTILINE)).strip()
        return f"{text}\n" if text else ""

    def escape(self, text: str, parent_tags: set[str]) -> str:
        """Text in which no character is taken for markup."""
        parts = _TEMPLATE_CODE.split(text)
        if len(parts) > 1:  # what a generator would carry out shows as code
            return "".join(
                f"`{part}`" if n % 2 else self.escape(part, parent_tags) for n, part in enumerate(parts)
            )
        text = _SPECIAL.sub(_escaped, text)
        if parent_tags & {"td", "th"}:
            text = text.replace("|", "\\|")
        if any(re.fullmatch(r"h[1-6]", tag) for tag in parent_tags):
            text = _CLOSING_HASHES.sub(lambda found: "\\" + found[0], text)
        # A bare address is text here; GFM would make a link of it, with the marks beside it.
        text = _BARE_URL.sub(r"\g<0>\\", text)
        return _ORDERED.sub(r"\1\\", _LINE_START.sub(r"\1\\", text))

    def convert_em(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        """Emphasis; as HTML where the marks beside it would not be read as marks (CommonMark 0.31 6.2)."""
        return _emphasized(el, text, parent_tags, "*", "em")

    def convert_strong(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        """Strong emphasis, as `convert_em`."""
        return _emphasized(el, text, parent_tags, "**", "strong")

    def convert_code(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        """Code within a line; in a table, its bars are escaped too (GFM 4.10)."""
        if "_noformat" in parent_tags:  # within <pre>, which writes it
            return text
        beside = next((node for node in el.previous_siblings if node.get_text()), None)
        if isinstance(beside, Tag) and beside.name in _CODE:  # two marks in a row would be one longer mark
            return f"<code>{self.escape(text, parent_tags)}</code>"
        made: str = _library(super()).convert_code(el, text.replace("\n", " "), parent_tags)
        return made.replace("|", "\\|") if parent_tags & {"td", "th"} else made

    convert_kbd = convert_samp = convert_code
    convert_i, convert_b = convert_em, convert_strong

    def convert_more(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        """The end of the summary."""
        return "\n\n<!-- more -->\n\n"

    def convert_a(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        """A link; an anchor without an address is its text."""
        href = str(el.get("href") or "")
        if href.startswith(("http://", "https://")) and el.get_text().strip() == href and " " not in href:
            return f"<{href}>"
        el["href"] = _destination(self._address(href)) if href else ""
        made: str = _library(super()).convert_a(el, text, parent_tags)
        return made

    def convert_img(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        """A picture, in headings and cells too."""
        source = _destination(self._address(str(el.get("src") or el.get("data-src") or "")))
        alt = _SPECIAL.sub(_escaped, " ".join(str(el.get("alt") or "").split()))
        return f"![{alt}]({source})" if source else alt

    def convert_figure(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        """What it shows, and below it the caption."""
        return f"\n\n{text.strip()}\n\n"

    def convert_figcaption(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        """A caption is a paragraph in italics."""
        text = text.strip()
        return f"\n\n*{text}*\n\n" if text and "*" not in text else f"\n\n{text}\n\n"

    def convert_details(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        """A part that opens on a click."""
        return f"\n\n<details>\n{text.strip()}\n\n</details>\n\n"

    def convert_summary(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        """Its heading: HTML, because a block of HTML begins before it."""
        return f"<summary>{' '.join(el.decode_contents().split())}</summary>\n\n"

    def convert_table(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        """A table of Markdown; as HTML where cells span others or hold blocks."""
        complicated = el.find(["ul", "ol", "pre", "blockquote", "table"]) or any(
            cell.get("colspan", "1") != "1" or cell.get("rowspan", "1") != "1"
            for cell in el.find_all(["td", "th"])
        )
        if complicated:
            return _raw(el)
        made: str = _library(super()).convert_table(el, text, parent_tags)
        return made

    def convert_sub(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        """Small and below, as HTML within the line."""
        return f"<sub>{text}</sub>" if text else ""

    def convert_sup(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        """Small and above, as HTML within the line."""
        return f"<sup>{text}</sup>" if text else ""

    def convert_u(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        """Underlined, as HTML within the line."""
        return f"<u>{text}</u>" if text else ""

    def convert_mark(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        """Marked, as HTML within the line."""
        return f"<mark>{text}</mark>" if text else ""

    def get_conv_fn(self, tag_name: str) -> Any:
        """Elements without a mark in Markdown are kept."""
        return _raw_element if tag_name in RAW_BLOCKS else _library(super()).get_conv_fn(tag_name)


def _library(base: Any) -> Any:
    """The methods of markdownify that are called by the names of elements; its type stubs leave them out."""
    return base


def _escaped(found: re.Match[str]) -> str:
    """A character of markup as text. A backslash before a backtick does not part it from another one."""
    return "&#96;" if found[0] == "`" else f"\\{found[0]}"


def _emphasized(el: Tag, text: str, parent_tags: set[str], mark: str, tag: str) -> str:
    inner = text.strip()
    if not inner or "_noformat" in parent_tags:
        return text
    before, after = text[: len(text) - len(text.lstrip())], text[len(text.rstrip()) :]
    previous, following = el.previous_sibling, el.next_sibling
    left = before[-1:] or (previous.get_text()[-1:] if previous is not None else "")
    right = after[:1] or (following.get_text()[:1] if following is not None else "")
    beside = {getattr(node, "name", None) for node in (previous, following)}
    clear = not beside & _EMPHASIS and inner[0] != "*" and inner[-1] != "*"
    opens = _is_edge(left) or not _is_edge(inner[0])
    if clear and opens and (_is_edge(right) or not _is_edge(inner[-1])):
        return f"{before[:1]}{mark}{inner}{mark}{after[:1]}"
    return f"{before[:1]}<{tag}>{inner}</{tag}>{after[:1]}"


def _is_edge(character: str) -> bool:
    """Whether a mark of emphasis may stand beside it on the outside: a space, punctuation, an end of a
    line.
    """
    return not character or character.isspace() or unicodedata.category(character)[0] in "PS"


def _raw_element(el: Tag, _text: str, parent_tags: set[str]) -> str:
    return str(el) if "_inline" in parent_tags else _raw(el)


def _raw(el: Tag) -> str:
    """An element as HTML, in a block of its own: a blank line would end the block."""
    html = re.sub(r"\n\s*\n", "\n", str(el))
    return f"\n\n{html}\n\n"


def _destination(url: str) -> str:
    """An address between parentheses: in angle brackets where it has a space or a parenthesis."""
    url = url.strip().replace("\n", "").replace("<", "%3C").replace(">", "%3E")
    return f"<{url}>" if re.search(r"[\s()]", url) else url


def _language(el: Tag) -> str:
    """The language of a code block, as highlighters name it: class="language-js"."""
    named = [str(part.get("class") or "") for part in (el, el.find("code")) if isinstance(part, Tag)]
    found = _LANGUAGE.search(re.sub(r"[\[\]',]", " ", " ".join(named)))
    return found[1] if found else ""
