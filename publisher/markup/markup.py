"""Bodies of posts as whoever asks for them sees it. How they are made is loaded when there is a body: most
commands meet none.

Bodies that were made safe, kept by what they were made of: feeds, pages and mails show the same ones.
"""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from publisher.core.posts.assets import NO_FILES, Placed
from publisher.core.posts.post import MarkdownExtension
from publisher.core.posts.post import MarkupLanguage as Kind
from publisher.core.site import direction

LIMIT = 16_000_000
"""Characters of HTML that are kept; the longest unused go first."""


class TextCache:
    """Texts by their inputs, within a number of characters. Safe to share between threads."""

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._size = 0
        self._texts: OrderedDict[bytes, str] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, inputs: tuple[object, ...], make: Callable[[], str]) -> str:
        """What `make` made of equal `inputs` before, else what it makes now. They are told apart by repr."""
        name = hashlib.sha256(repr(inputs).encode("utf-8", "surrogatepass")).digest()
        with self._lock:
            found = self._texts.get(name)
            if found is not None:
                self._texts.move_to_end(name)
                return found
        made = make()
        with self._lock:
            self._size += len(made) - len(self._texts.get(name, ""))
            self._texts[name] = made
            while self._size > self._limit:
                self._size -= len(self._texts.popitem(last=False)[1])
        return made


WHOLE = 1000
_NOWHERE = "https://site.invalid/"


class SafeMarkup:
    """Bodies of posts as safe HTML and as text (ports.Markup). Never raises for content. `site_url` is
    what template code calls the site's address; absolute, ending in "/".
    """

    def __init__(self, site_url: str = "") -> None:
        self.site_url = site_url
        self._kept = TextCache()

    def html(
        self,
        body: str,
        kind: Kind,
        *,
        base_url: str,
        title: str,
        files: Mapping[str, Placed] = NO_FILES,
        extensions: Sequence[MarkdownExtension] = (),
        values: Sequence[tuple[str, str]] = (),
        language: str = "",
    ) -> str:
        """Sanitised HTML with absolute URLs; the first heading is dropped where it repeats `title`. A
        reference to one of `files` becomes its URL, and a picture among them gets its size. Where `language`
        is written from right to left, code is marked as written from left to right.
        """
        from publisher.markup.pipeline import safe
        from publisher.markup.templating.shortcodes import ShortcodeContext

        context = ShortcodeContext(self.site_url, base_url, title, tuple(extensions), tuple(values))
        inside = tuple(files.items())
        rtl = direction(language) == "rtl"
        made = partial(safe, body, kind, context, inside, rtl=rtl)
        return self._kept.of((body, kind, context, inside, rtl), made)

    def text(self, html: str, title: str = "") -> str:
        """Sanitised HTML as a person would type it: paragraphs unwrapped, apart by blank lines. An alt text
        that only repeats `title` is left out. It may hold marks of `core.mail.plain_text`."""
        from publisher.markup.html import plain_text

        return plain_text.text(html, title)

    def summary(self, html: str, *, whole: bool = False) -> str:
        """The first paragraph of sanitised HTML as plain text, at most 300 characters; may be empty. With
        `whole`, all its text in one line, at most 1,000 characters."""
        from publisher.markup.html import plain_text

        return plain_text.shortened(plain_text.one_line(html), WHOLE) if whole else plain_text.summary(html)

    def removed(
        self,
        body: str,
        kind: Kind,
        extensions: Sequence[MarkdownExtension] = (),
        values: Sequence[tuple[str, str]] = (),
    ) -> Sequence[tuple[int, str]]:
        """(line of the body from 1, tag) of template code that cannot be shown and is taken away."""
        from publisher.markup.markdown import limits
        from publisher.markup.templating.shortcodes import ShortcodeContext
        from publisher.markup.templating.templates import left_out

        if limits.too_odd(body):
            return []
        context = ShortcodeContext(_NOWHERE, _NOWHERE, "Title", tuple(extensions), tuple(values))
        return left_out(body, context, markdown=kind is Kind.MARKDOWN)

    def faults(
        self,
        body: str,
        kind: Kind,
        *,
        base_url: str,
        title: str,
        files: Mapping[str, Placed] = NO_FILES,
        extensions: Sequence[MarkdownExtension] = (),
        values: Sequence[tuple[str, str]] = (),
    ) -> Sequence[tuple[int, str]]:
        """(line of the body from 1, 0 where it is not known; what is wrong) of pictures and links that
        readers cannot use."""
        from publisher.markup.templating.shortcodes import ShortcodeContext
        from publisher.markup.unusable_media import faults

        context = ShortcodeContext(self.site_url, base_url, title, tuple(extensions), tuple(values))
        return faults(body, kind, context, tuple(files.items()))

    def excerpt(self, html: str, limit: int) -> tuple[str, bool]:
        """The leading whole blocks of sanitised HTML within `limit` UTF-8 bytes, and whether that is
        less than all of it."""
        from publisher.markup.html import fragments

        return fragments.excerpt(html, limit)
