"""Jinja's one door: a sandbox that reads templates from given folders and from nowhere else.

Templates see values and filters; they cannot reach Python behind them, change what they are given, or
open a file (invariant 11). What goes wrong in one is a TemplateError that names file and line.
"""

import os
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any

from jinja2 import (
    BaseLoader,
    Environment,
    StrictUndefined,
    TemplateNotFound,
    TemplateSyntaxError,
    pass_context,
)
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup

from publisher.core.digests.digest import DigestPost
from publisher.core.errors import TemplateError
from publisher.core.mail.message import TEXT_WIDTH
from publisher.core.site import text_direction
from publisher.rendering import filters, post_bodies, text_wrapping
from publisher.rendering.inlining import Marks
from publisher.rendering.languages import LanguageWords, tongue

_STRING = "<setting>"
_LIMIT = 1_000_000  # bytes of one template: more is no template


class Folders(BaseLoader):
    """Templates by name from the first folder that has them. Nothing outside the folders is ever read:
    no "..", no absolute name, no link that leads out.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        self.folders = [folder.resolve() for folder in folders]

    def get_source(self, environment: Environment, template: str) -> tuple[str, str, Callable[[], bool]]:
        """Jinja's contract: source, file name, and whether they are still what would be found now."""
        found = self._find(template)
        if found is None:
            raise TemplateNotFound(template)
        stamp = found.stat().st_mtime_ns
        try:
            source = found.read_bytes()[:_LIMIT].decode("utf-8")
        except UnicodeDecodeError as error:
            raise TemplateSyntaxError(f"not UTF-8 text ({error.reason})", 1, template, str(found)) from None
        return source, str(found), lambda: self._still(template, found, stamp)

    def _still(self, template: str, found: Path, stamp: int) -> bool:
        """Whether `found` is what it was, and nothing stands before it. Asked for each template of a mail."""
        for folder in self.folders:
            file = os.path.join(folder, template)  # noqa: PTH118  # a hundred times for one mail
            try:
                changed = os.stat(file).st_mtime_ns  # noqa: PTH116  # as above
            except OSError:
                continue
            return changed == stamp and found.is_relative_to(folder)
        return False

    def level(self, template: str) -> int:
        """The number of the folder that has `template`; how many there are where none has it."""
        found, most = self._find(template), len(self.folders)
        return next((n for n, f in enumerate(self.folders) if found and found.is_relative_to(f)), most)

    def _find(self, template: str) -> Path | None:
        path = PurePosixPath(template)
        if path.is_absolute() or ".." in path.parts or "\\" in template or "\0" in template:
            return None
        for folder in self.folders:
            file = (folder / path).resolve()
            if file.is_relative_to(folder) and file.is_file():
                return file
        return None


class Templates:
    """The templates of a site: `render` by name, `render_source` for a template kept in a setting."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self._loader = Folders(folders)
        self._environment = ImmutableSandboxedEnvironment(
            loader=self._loader,
            autoescape=_is_html,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
            cache_size=100,
            extensions=["jinja2.ext.i18n"],
        )
        self._environment.filters.update(_FILTERS)
        self._environment.globals |= _WORDS
        self._environment.policies["ext.i18n.trimmed"] = True
        self._environment.newstyle_gettext = True  # type: ignore[attr-defined]  # the extension's own

    def render(self, name: str, values: Mapping[str, object]) -> str:
        """The template `name` ("email/digest/body.html") filled with `values`. Raises TemplateError."""
        try:
            return self._environment.get_template(name).render(values)
        except Exception as error:  # a template runs foreign code: whatever it raises is its own error
            raise self._told(error, name) from error

    def ready(self, name: str) -> None:
        """Compiles the template `name` and keeps it. One that cannot be is left for `render` to tell."""
        with suppress(Exception):
            self._environment.get_template(name)

    def at_hand(self, name: str, other: str) -> bool:
        """Whether mail `name` is as much the site's own as `other`: an override is not passed over."""
        files = ("subject.txt", "body.txt", "body.html")
        own, others = (
            min(self._loader.level(f"{folder}/{file}") for file in files) for folder in (name, other)
        )
        return own <= others

    def render_source(self, where: str, source: str, values: Mapping[str, object]) -> str:
        """The plain-text template `source`, which stands in setting `where`. Raises TemplateError."""
        try:
            return self._environment.from_string(source).render(values)
        except Exception as error:  # as above
            raise self._told(error, _STRING, where) from error

    def _told(self, error: Exception, name: str, where: str = "") -> TemplateError:
        if isinstance(error, TemplateError):
            return error
        if isinstance(error, TemplateNotFound):
            looked = ", ".join(map(str, self._loader.folders)) or "no folder"
            return TemplateError(f"templates/{error.name or name}", "not found", f"looked in {looked}")
        file, line = self._blamed(error, name)
        place = f"{where}:{line}" if where and file == _STRING else f"templates/{file}:{line}"
        said = filters.one_line(str(error)) or type(error).__name__
        return TemplateError(place, said, "the comment at the top of the packaged template names its values")

    def _blamed(self, error: Exception, name: str) -> tuple[str, int]:
        """The template and line an exception comes from: the innermost frame that is a template's."""
        if isinstance(error, TemplateSyntaxError):
            return error.name or _STRING, error.lineno
        for frame in reversed(traceback.extract_tb(error.__traceback__)):
            if frame.filename in {"<template>", "<unknown>"}:
                return _STRING, frame.lineno or 1
            for folder in self._loader.folders:
                if Path(frame.filename).is_relative_to(folder):
                    return Path(frame.filename).relative_to(folder).as_posix(), frame.lineno or 1
        return name, 1


def _is_html(name: str | None) -> bool:
    return name is not None and name.endswith(".html")


def _words(context: Context) -> LanguageWords:
    """The language a template speaks: every render is given one."""
    words: LanguageWords = context["words"]
    return words


@pass_context
def _gettext(context: Context, message: str, /, **values: object) -> str:
    """What {% trans %} says; in HTML, values are escaped and the message is markup."""
    return _said(context, _words(context).catalogue.gettext(message), values)


@pass_context
def _ngettext(context: Context, one: str, many: str, num: int, /, **values: object) -> str:
    """What {% trans %} with {% pluralize %} says."""
    return _said(context, _words(context).catalogue.ngettext(one, many, num), {"num": num, **values})


def _said(context: Context, message: str, values: Mapping[str, object]) -> str:
    if context.eval_ctx.autoescape:
        return Markup(message) % values  # noqa: S704  # a template's own words, or its translator's
    return message % values


@pass_context
def _body(context: Context, post: DigestPost, top: int = 3) -> Markup:
    """A post's HTML for a mail, its headings from `top` down."""
    labels = filters.film_labels(_words(context))
    return Markup(post_bodies.body(post.html, top, post.image, labels))  # noqa: S704  # sanitised HTML is what DigestPost.html holds


@pass_context
def _apart(context: Context, html: Markup) -> Markup:
    """HTML that is inlined by itself and kept for the next mail that shows the same."""
    marks = context.get("_marks")
    return Markup(marks.mark(str(html))) if isinstance(marks, Marks) else html  # noqa: S704  # it was markup


def _page_body(post: DigestPost) -> Markup:
    return Markup(post_bodies.page(post.html, post.image))  # noqa: S704  # as above


@pass_context
def _date(context: Context, instant: datetime, zone: str = "UTC") -> str:
    return _words(context).day(instant, zone)


@pass_context
def _moment(context: Context, instant: datetime, zone: str = "UTC") -> str:
    return _words(context).moment(instant, zone)


@pass_context
def _weekday(context: Context, number: int) -> str:
    return _words(context).weekday(number)


@pass_context
def _label(context: Context, post: DigestPost) -> str:
    return filters.label(post, _words(context))


@pass_context
def _names(context: Context, names: Iterable[str]) -> str:
    return _words(context).names([filters.one_line(name) for name in names])


@pass_context
def _wrap(context: Context, text: str, width: int = TEXT_WIDTH) -> str:
    """Text in columns, in the language of the mail where it holds words of ours."""
    words = context.get("words")
    return text_wrapping.wrap(
        filters.worded(text, words) if isinstance(words, LanguageWords) else text, width
    )


def _bdi(text: str, known: str = "") -> Markup:
    """Text whose direction is its own, or the `known` one, inside a sentence of another."""
    start = Markup('<bdi dir="{}">').format(known) if known else Markup("<bdi>")
    return start + filters.one_line(text) + Markup("</bdi>")


_WORDS: dict[str, Any] = {"gettext": _gettext, "ngettext": _ngettext}

_FILTERS: Mapping[str, Callable[..., object]] = {
    "apart": _apart,
    "bdi": _bdi,
    "body": _body,
    "clip": filters.clip,
    "date": _date,
    "direction": text_direction,
    "label": _label,
    "machine": filters.machine,
    "moment": _moment,
    "names": _names,
    "one_line": filters.one_line,
    "page_body": _page_body,
    "script": filters.script,
    "shown_size": post_bodies.shown_size,
    "shows_picture": post_bodies.shows_picture,
    "time": filters.time,
    "tongue": tongue,
    "weekday": _weekday,
    "wrap": _wrap,
}
