"""Bodies to safe HTML, and safe HTML to text, summaries and excerpts.

pipeline     how a body becomes safe HTML, step by step; what readers cannot use, by line
templating/  shortcodes, Liquid and MDX: resolved or removed
markdown/    dialects to CommonMark, CommonMark to HTML (comrak)
html/        sanitizing (nh3), URLs and pictures; safe HTML as pieces and as plain text

Invariant: nothing reaches `html.fragments` or `html.plain_text` that `html.sanitize` has not passed.
"""

import hashlib
from collections.abc import Mapping, Sequence
from functools import partial

from publisher.core.caching import LruCache
from publisher.core.posts.post import NO_ASSETS, AssetLocation, MarkdownExtension, MarkupLanguage
from publisher.core.site import text_direction

__all__ = ["SafeMarkup"]

CACHED_CHARACTERS = 16_000_000
"""Characters of HTML that are cached; the least recently used go first."""

WHOLE_SUMMARY = 1000
"""Most characters of a summary of the whole body."""

_ANY_SITE = "https://site.invalid/"


class SafeMarkup:
    """`ports.Markup`. HTML is cached by its inputs, and the code that makes it is loaded with the first body,
    because most commands need none. `site_url` is the site's address in template code: absolute, ending in
    "/".
    """

    def __init__(self, site_url: str = "") -> None:
        self.site_url = site_url
        self._cache = LruCache(CACHED_CHARACTERS, len)

    def html(
        self,
        body: str,
        kind: MarkupLanguage,
        *,
        base_url: str,
        title: str,
        files: Mapping[str, AssetLocation] = NO_ASSETS,
        extensions: Sequence[MarkdownExtension] = (),
        values: Sequence[tuple[str, str]] = (),
        language: str = "",
    ) -> str:
        from publisher.markup.pipeline import safe_html
        from publisher.markup.templating.shortcodes import ShortcodeContext

        context = ShortcodeContext(self.site_url, base_url, title, tuple(extensions), tuple(values))
        placed = tuple(files.items())
        rtl = text_direction(language) == "rtl"
        make = partial(safe_html, body, kind, context, placed, rtl=rtl)
        # A digest of what the text is made of, so that a body is not kept twice.
        inputs = repr((body, kind, context, placed, rtl)).encode("utf-8", "surrogatepass")
        return self._cache.get_or_make(hashlib.sha256(inputs).digest(), make)

    def text(self, html: str, title: str = "") -> str:
        from publisher.markup.html import plain_text

        return plain_text.text(html, title)

    def summary(self, html: str, *, whole: bool = False) -> str:
        from publisher.markup.html import plain_text

        if whole:
            return plain_text.shortened(plain_text.one_line(html), WHOLE_SUMMARY)
        return plain_text.summary(html)

    def removed(
        self,
        body: str,
        kind: MarkupLanguage,
        extensions: Sequence[MarkdownExtension] = (),
        values: Sequence[tuple[str, str]] = (),
    ) -> Sequence[tuple[int, str]]:
        from publisher.markup.markdown import commonmark
        from publisher.markup.templating.shortcodes import ShortcodeContext
        from publisher.markup.templating.templates import removed_tags

        if commonmark.too_odd(body):
            return []
        context = ShortcodeContext(_ANY_SITE, _ANY_SITE, "Title", tuple(extensions), tuple(values))
        return removed_tags(body, context, markdown=kind is MarkupLanguage.MARKDOWN)

    def faults(
        self,
        body: str,
        kind: MarkupLanguage,
        *,
        base_url: str,
        title: str,
        files: Mapping[str, AssetLocation] = NO_ASSETS,
        extensions: Sequence[MarkdownExtension] = (),
        values: Sequence[tuple[str, str]] = (),
    ) -> Sequence[tuple[int, str]]:
        from publisher.markup.pipeline import left_out_elements, media_faults
        from publisher.markup.templating.shortcodes import ShortcodeContext

        context = ShortcodeContext(self.site_url, base_url, title, tuple(extensions), tuple(values))
        left_out = left_out_elements(body, markdown=kind is MarkupLanguage.MARKDOWN)
        return sorted([*left_out, *media_faults(body, kind, context, tuple(files.items()))])

    def unset_formulas(
        self, body: str, kind: MarkupLanguage, extensions: Sequence[MarkdownExtension]
    ) -> Sequence[tuple[int, str]]:
        from publisher.markup.markdown import tex

        return tex.unset_formulas(body, extensions) if kind is MarkupLanguage.MARKDOWN else []

    def excerpt(self, html: str, limit: int) -> tuple[str, bool]:
        from publisher.markup.html import fragments

        return fragments.excerpt(html, limit)
