"""The way of a body: template code out, Markdown to HTML, sanitised, the repeated title dropped."""

import re
import unicodedata
from collections.abc import Mapping, Sequence

from publisher.core.assets import NO_FILES, Placed
from publisher.core.extensions import Extension
from publisher.core.posts import Markup as Kind
from publisher.markup import excerpts, limits, pictures, prose, stream
from publisher.markup.admonitions import with_quotations
from publisher.markup.boxes import with_boxes
from publisher.markup.braces import with_values
from publisher.markup.components import with_components
from publisher.markup.extras import as_commonmark
from publisher.markup.hidden import reveal, shown, without
from publisher.markup.jsx import without_jsx
from publisher.markup.kept import Kept
from publisher.markup.leftout import left_out
from publisher.markup.math import with_math
from publisher.markup.shortcodes import Context
from publisher.markup.templates import resolve, without_marks

WHOLE = 1000
_NOWHERE = "https://site.invalid/"

_QUOTES = str.maketrans({"‘": "'", "’": "'", "‛": "'", "“": '"', "”": '"', "–": "-", "—": "-", "…": "..."})
_MARKS = re.compile(r"[*_`\\]+")
_SPACE = re.compile(r"\s+")


class SafeMarkup:
    """Bodies of posts as safe HTML and as text (ports.Markup). Never raises for content. `site_url` is
    what template code calls the site's address; absolute, ending in "/".
    """

    def __init__(self, site_url: str = "") -> None:
        self.site_url = site_url
        self._kept = Kept()

    def html(
        self,
        body: str,
        kind: Kind,
        *,
        base_url: str,
        title: str,
        files: Mapping[str, Placed] = NO_FILES,
        extensions: Sequence[Extension] = (),
        values: Sequence[tuple[str, str]] = (),
    ) -> str:
        """Sanitised HTML with absolute URLs; the first heading is dropped where it repeats `title`. A
        reference to one of `files` becomes its URL, and a picture among them gets its size.
        """
        context = Context(self.site_url, base_url, title, tuple(extensions), tuple(values))
        inside = tuple(files.items())
        return self._kept.of((body, kind, context, inside), lambda: _safe(body, kind, context, inside))

    def text(
        self,
        body: str,
        kind: Kind,
        *,
        base_url: str,
        title: str,
        files: Mapping[str, Placed] = NO_FILES,
        extensions: Sequence[Extension] = (),
        values: Sequence[tuple[str, str]] = (),
    ) -> str:
        """Plain text as a person would type it: paragraphs unwrapped, apart by blank lines."""
        html = self.html(
            body, kind, base_url=base_url, title=title, files=files, extensions=extensions, values=values
        )
        return prose.text(html)

    def summary(self, html: str, *, whole: bool = False) -> str:
        """The first paragraph of sanitised HTML as plain text, at most 300 characters; may be empty. With
        `whole`, all its text in one line, at most 1,000 characters."""
        return prose.shortened(stream.words(html), WHOLE) if whole else prose.summary(html)

    def removed(
        self,
        body: str,
        kind: Kind,
        extensions: Sequence[Extension] = (),
        values: Sequence[tuple[str, str]] = (),
    ) -> Sequence[tuple[int, str]]:
        """(line of the body from 1, tag) of template code that cannot be shown and is taken away."""
        if limits.too_odd(body):
            return []
        context = Context(_NOWHERE, _NOWHERE, "Title", tuple(extensions), tuple(values))
        return left_out(body, context, markdown=kind is Kind.MARKDOWN)

    def excerpt(self, html: str, limit: int) -> tuple[str, bool]:
        """The leading whole blocks of sanitised HTML within `limit` UTF-8 bytes, and whether that is
        less than all of it."""
        return excerpts.excerpt(html, limit)


def _safe(body: str, kind: Kind, context: Context, files: tuple[tuple[str, Placed], ...]) -> str:
    from publisher.markup.commonmark import to_html  # loaded when there is a body: most publishes have none
    from publisher.markup.emoji import with_emoji
    from publisher.markup.sanitise import legal, sanitised

    source = without(legal(body))
    if limits.too_odd(source):
        return limits.as_plain(without_marks(source))
    if kind is Kind.MARKDOWN:
        source = as_commonmark(with_math(source, context.extensions))
    source = with_boxes(source, markdown=kind is Kind.MARKDOWN)
    resolved = resolve(source, context, markdown=kind is Kind.MARKDOWN)
    if kind is Kind.MARKDOWN:
        resolved = with_components(without_jsx(resolved))
        if Extension.MDX in context.extensions:
            resolved = with_values(resolved, context)
        resolved = with_quotations(resolved)
    html = to_html(resolved, context.extensions) if kind is Kind.MARKDOWN else resolved
    if limits.too_deep(html):
        return limits.as_plain(shown(without_marks(resolved)))
    safe = sanitised(html, context.base_url, dict(files))
    if files:
        safe = pictures.sized(safe, [place for _, place in files])
    if "{%" in safe or "{{" in safe:
        safe = stream.map_prose(safe, _scrubbed)
    if Extension.EMOJI in context.extensions and ":" in safe:
        safe = stream.map_prose(safe, with_emoji)
    return _without_title(reveal(safe), context.title).strip()


def _scrubbed(text: str) -> str:
    if "{%" not in text and "{{&lt;" not in text and "{{%" not in text:
        return text
    bare = without_marks(text.replace("{{&lt;", "{{<").replace("&gt;}}", ">}}"))
    return bare.replace("<", "&lt;").replace(">}}", "&gt;}}")


def _without_title(html: str, title: str) -> str:
    found = stream.first_heading(html)
    if found is None or not title or _normal(found[2]) != _normal(title):
        return html
    return html[: found[0]] + html[found[1] :].lstrip("\n")


def _normal(text: str) -> str:
    """A title for comparison: case, quotes, dashes, marks and spaces do not count."""
    text = unicodedata.normalize("NFKC", text.translate(_QUOTES)).casefold()
    return _SPACE.sub(" ", _MARKS.sub("", text)).strip()
