"""Jinja's sandbox, which reads templates from the given folders and from nowhere else, and the filters and
globals that templates have beyond Jinja's own.

Templates see values and filters; they cannot reach Python behind them, change what they are given, or open
a file, nor work without end (`template_limits`). An error in one is a TemplateError that names file and line.
"""

import difflib
import os
import re
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import fields, is_dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any, cast

from jinja2 import (
    BaseLoader,
    Environment,
    StrictUndefined,
    TemplateNotFound,
    TemplateSyntaxError,
    pass_context,
)
from jinja2 import nodes as jinja_nodes
from jinja2.runtime import Context
from jinja2.utils import missing
from markupsafe import Markup

from publisher.core.digests.digest import Digest, DigestLinks, DigestPost
from publisher.core.errors import TemplateError
from publisher.core.feeds.feed import FeedEntry
from publisher.core.mail.message import TEXT_WIDTH
from publisher.core.posts.post import Image
from publisher.core.site import Palette, Person, Site, text_direction
from publisher.core.subscribers.subscription import MailingList
from publisher.rendering import display_text, post_bodies
from publisher.rendering.display_text import one_line
from publisher.rendering.inlining import Marks
from publisher.rendering.languages import LanguageWords, language_name
from publisher.rendering.template_limits import BoundedEnvironment, TooMuchWork, bounded_work

Filters = Mapping[str, Callable[..., object]]

_FROM_SETTING = "<setting>"

PACKAGED = "packaged/"
"""Before the name of a template: the one that comes with Publisher, although the site has its own."""

MAX_TEMPLATE_BYTES = 1_000_000
"""Bytes of one template."""


@pass_context
def gettext(context: Context, message: str, /, **values: object) -> str:
    """What {% trans %} says; in HTML, values are escaped and the message is markup."""
    return _filled(context, _words(context).catalogue.gettext(message), values)


@pass_context
def ngettext(context: Context, one: str, many: str, num: int, /, **values: object) -> str:
    """What {% trans %} with {% pluralize %} says."""
    return _filled(context, _words(context).catalogue.ngettext(one, many, num), {"num": num, **values})


def _filled(context: Context, message: str, values: Mapping[str, object]) -> str:
    if context.eval_ctx.autoescape:
        return Markup(message) % values  # noqa: S704  # the template's own words, or its translator's
    return message % values


def _words(context: Context) -> LanguageWords:
    """The language of a template: every rendering is given one."""
    words: LanguageWords = context["words"]
    return words


@pass_context
def body(context: Context, post: DigestPost, top: int = 3) -> Markup:
    """A post's HTML for a mail, its headings from `top` down."""
    labels = display_text.media_labels(_words(context))
    prefix = post_bodies.id_prefix(post)
    return Markup(post_bodies.mail_body(post.html, top, post.image, labels, prefix))  # noqa: S704  # DigestPost.html is sanitized


@pass_context
def page_body(context: Context, post: DigestPost) -> Markup:
    """A post's HTML for a page of its own."""
    words = _words(context)
    language = Markup(' lang="{}"').format(words.tag) if words.tag != post.language else Markup("")

    def named(number: str) -> Markup:
        return Markup('{} aria-label="{}"').format(language, display_text.back_label(words, number))

    return Markup(post_bodies.page_body(post.html, post.image, named))  # noqa: S704  # as above


def headings(post: DigestPost) -> list[tuple[int, str, str]]:
    """(level from 1, id, words) of each heading in a post."""
    return post_bodies.headings(post.html)


@pass_context
def apart(context: Context, html: Markup) -> Markup:
    """HTML whose styles are inlined separately, and cached for the next mail that shows the same HTML."""
    marks = context.get("_marks")
    return Markup(marks.mark(str(html))) if isinstance(marks, Marks) else html  # noqa: S704  # it was markup


@pass_context
def date(context: Context, instant: datetime, zone: str = "UTC") -> str:
    """ "25 October 2024", in the reader's language."""
    return _words(context).day(instant, zone)


@pass_context
def moment(context: Context, instant: datetime, zone: str = "UTC") -> str:
    """ "25 October 2024, 18:30", in the reader's language."""
    return _words(context).moment(instant, zone)


@pass_context
def weekday(context: Context, number: int) -> str:
    """ "Monday" for 0, in the reader's language."""
    return _words(context).weekday(number)


@pass_context
def label(context: Context, post: DigestPost) -> str:
    """A post's title, or what stands in for it."""
    return display_text.label(post, _words(context))


@pass_context
def names(context: Context, names: Iterable[str]) -> str:
    """ "Ann, Bo and Cy", in the reader's language."""
    return _words(context).names([display_text.one_line(name) for name in names])


@pass_context
def wrap(context: Context, text: str, width: int = TEXT_WIDTH) -> str:
    """Text in columns, with its marked words in the language of the mail."""
    words = context.get("words")
    if isinstance(words, LanguageWords):
        text = display_text.translated_words(text, words)
    return display_text.wrap(text, width)


def bdi(text: str, known: str = "") -> Markup:
    """Text whose direction is its own, or the `known` one, within a sentence of another direction."""
    start = Markup('<bdi dir="{}">').format(known) if known else Markup("<bdi>")
    return start + display_text.one_line(text) + Markup("</bdi>")


GLOBALS: Mapping[str, Any] = {"gettext": gettext, "ngettext": ngettext}

FILTERS: Filters = {
    "apart": apart,
    "bdi": bdi,
    "body": body,
    "clip": display_text.clip,
    "date": date,
    "direction": text_direction,
    "headings": headings,
    "label": label,
    "machine": display_text.machine,
    "moment": moment,
    "names": names,
    "one_line": display_text.one_line,
    "page_body": page_body,
    "script": display_text.script,
    "shown_size": post_bodies.shown_size,
    "shows_picture": post_bodies.shows_picture,
    "time": display_text.time,
    "tongue": language_name,
    "weekday": weekday,
    "wrap": wrap,
}
"""By their names in templates, which the sites' own templates rely on."""


class AuthorUndefined(StrictUndefined):
    """A value that does not exist: an error that says what exists instead."""

    __slots__ = ()

    @property
    def _undefined_message(self) -> str:
        name: Any = self._undefined_name
        thing: Any = self._undefined_obj
        if self._undefined_hint or thing is missing or not isinstance(name, str):
            return str(super()._undefined_message)
        if type(thing) in {list, tuple}:
            fields = _names_of(thing[0]) if thing else []
            has = f"these are several, and each has {', '.join(fields)}" if fields else "these are several"
            return f"`.{name}`: {has}; loop over them"
        if names := _names_of(thing):
            close = difflib.get_close_matches(name, names, 1)
            return (
                f"`.{name}`: {_KINDS.get(cast('type[object]', type(thing)), 'it')} has {', '.join(names)}"
                + (f"; did you mean {close[0]}?" if close else "")
            )
        return f"`.{name}`: {'nothing is there' if thing is None else 'it is a plain value'}"


def _names_of(thing: object) -> list[str]:
    """What an author may ask of a value."""
    if isinstance(thing, Mapping):
        return sorted(str(name) for name in cast("Mapping[object, object]", thing))
    if not is_dataclass(thing):
        return []
    own = (name for name, value in vars(type(thing)).items() if isinstance(value, property))
    return sorted({*(field.name for field in fields(thing)), *own})


_KINDS: Mapping[type, str] = {
    Digest: "a digest",
    DigestLinks: "`links`",
    DigestPost: "a post",
    FeedEntry: "an entry",
    Image: "a picture",
    MailingList: "a list",
    Palette: "the palette",
    Person: "an author",
    Site: "the site",
}


class Folders(BaseLoader):
    """Templates by name from the first folder that has them. Nothing outside the folders is ever read: no
    "..", no absolute name, no symbolic link that leads out.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        self.folders = [folder.resolve() for folder in folders]

    def get_source(self, environment: Environment, template: str) -> tuple[str, str, Callable[[], bool]]:
        """Jinja's contract: source, file name, and a function that tells whether both are still current."""
        found = self._find(template)
        if found is None:
            raise TemplateNotFound(template)
        modified = found.stat().st_mtime_ns
        try:
            data = found.read_bytes()
            if len(data) > MAX_TEMPLATE_BYTES:
                what = f"has {len(data):,} bytes, and may have {MAX_TEMPLATE_BYTES:,}"
                raise TemplateSyntaxError(what, 1, template, str(found))
            source = data.decode("utf-8")
        except UnicodeDecodeError as error:
            raise TemplateSyntaxError(f"not UTF-8 text ({error.reason})", 1, template, str(found)) from None
        return source, str(found), lambda: self._is_current(template, found, modified)

    def _is_current(self, template: str, found: Path, modified: int) -> bool:
        """Whether `found` is unchanged and no earlier folder has the template now. Called for each template
        of each mail, hence without Path objects."""
        folders = self.folders
        if template.startswith(PACKAGED):
            template, folders = template.removeprefix(PACKAGED), folders[-1:]
        for folder in folders:
            file = os.path.join(folder, template)  # noqa: PTH118  # a hundred times for one mail
            try:
                current = os.stat(file).st_mtime_ns  # noqa: PTH116  # as above
            except OSError:
                continue
            return current == modified and found.is_relative_to(folder)
        return False

    def level(self, template: str) -> int:
        """The index of the folder that has `template`; the number of folders if none has it."""
        found = self._find(template)
        levels = (n for n, folder in enumerate(self.folders) if found and found.is_relative_to(folder))
        return next(levels, len(self.folders))

    def _find(self, template: str) -> Path | None:
        folders = self.folders
        if template.startswith(PACKAGED):
            template, folders = template.removeprefix(PACKAGED), folders[-1:]
        path = PurePosixPath(template)
        if path.is_absolute() or ".." in path.parts or "\\" in template or "\0" in template:
            return None
        for folder in folders:
            file = (folder / path).resolve()
            if file.is_relative_to(folder) and file.is_file():
                return file
        return None


def is_html(name: str | None) -> bool:
    """Whether values in the template of that name are escaped as HTML."""
    return name is not None and name.endswith(".html")


class Templates:
    """The templates of a site: `render` by name, `render_source` for a template kept in a setting."""

    def __init__(self, folders: Sequence[Path], filters: Filters = FILTERS) -> None:
        self._loader = Folders(folders)
        self._trees: dict[str, tuple[str, jinja_nodes.Template]] = {}
        self._environment = BoundedEnvironment(
            loader=self._loader,
            autoescape=is_html,
            undefined=AuthorUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
            cache_size=100,
            extensions=["jinja2.ext.i18n"],
        )
        self._environment.filters.update(filters)
        self._environment.bound_filters()
        self._environment.globals |= GLOBALS
        self._environment.policies["ext.i18n.trimmed"] = True
        self._environment.newstyle_gettext = True  # type: ignore[attr-defined]  # the extension's own

    def render(self, name: str, values: Mapping[str, object]) -> str:
        """The template `name` ("email/digest/body.html") filled with `values`. Raises TemplateError."""
        try:
            with bounded_work():
                return self._environment.get_template(name).render(values)
        except Exception as error:  # a template runs its author's code, which may raise anything
            raise self._template_error(error, name) from error

    def compile(self, name: str) -> None:
        """Compiles the template `name`, and renders nothing. Raises TemplateError."""
        try:
            self._environment.get_template(name)
        except Exception as error:  # as above
            raise self._template_error(error, name) from error

    def source(self, name: str) -> str:
        """What a template's author wrote. Raises TemplateError."""
        try:
            return self._loader.get_source(self._environment, name)[0]
        except Exception as error:  # as above
            raise self._template_error(error, name) from error

    def tree(self, name: str) -> jinja_nodes.Template:
        """A template as Jinja's syntax tree. Raises TemplateError."""
        source = self.source(name)
        known = self._trees.get(name)
        if known is None or known[0] != source:
            try:
                known = self._trees[name] = source, self._environment.parse(source, name)
            except Exception as error:  # as above
                raise self._template_error(error, name) from error
        return known[1]

    def packaged_names(self) -> list[str]:
        """The mails and pages that come with Publisher, by name."""
        folder = self._loader.folders[-1]
        files = (file for kind in ("email", "web") for file in (folder / kind).rglob("*") if file.is_file())
        return sorted(file.relative_to(folder).as_posix() for file in files)

    def ready(self, name: str) -> None:
        """Compiles the template `name` and keeps it. `render` reports what is wrong with one."""
        with suppress(Exception):
            self._environment.get_template(name)

    def is_as_specific(self, name: str, other: str) -> bool:
        """Whether the templates of mail `name` come from as early a folder as those of `other`."""
        files = ("subject.txt", "body.txt", "body.html")
        own, others = (
            min(self._loader.level(f"{folder}/{file}") for file in files) for folder in (name, other)
        )
        return own <= others

    def render_source(self, where: str, source: str, values: Mapping[str, object]) -> str:
        """The plain-text template `source`, which is in setting `where`. Raises TemplateError."""
        try:
            with bounded_work():
                return self._environment.from_string(source).render(values)
        except Exception as error:  # as above
            raise self._template_error(error, _FROM_SETTING, where) from error

    def _template_error(self, error: Exception, name: str, where: str = "") -> TemplateError:
        """`error`, raised by the template `name`, with the template and the line it comes from."""
        if isinstance(error, TemplateError):
            return error
        if isinstance(error, TemplateNotFound):
            looked = ", ".join(map(str, self._loader.folders)) or "no folder"
            return TemplateError(f"templates/{error.name or name}", "not found", f"looked in {looked}")
        file, line = self._origin(error, name)
        place = f"{where}:{line}" if where and file == _FROM_SETTING else f"templates/{file}:{line}"
        what = one_line(str(error)).removesuffix(".") or type(error).__name__
        if what.startswith("`."):
            return TemplateError(place, self._in_authors_words(what, file, line))
        if isinstance(error, TooMuchWork):
            return TemplateError(place, what, "simplify it")
        return TemplateError(place, what, "the comment at the top of the packaged template names its values")

    def _in_authors_words(self, what: str, file: str, line: int) -> str:
        """A message about a value that does not exist ("`.titel`: ..."), with what stands before it in its
        line ("`list.titel`: ...")."""
        name = what[2:].partition("`")[0]
        with suppress(Exception):  # a setting has no file
            lines = self._loader.get_source(self._environment, file)[0].split("\n")
            if found := re.search(rf"[\w.\[\]]+\.{re.escape(name)}\b", lines[line - 1]):
                return f"`{found[0]}`{what[len(name) + 3 :]}"
        return what

    def _origin(self, error: Exception, name: str) -> tuple[str, int]:
        """(template, line) of an exception: the innermost frame that is a template's."""
        if isinstance(error, TemplateSyntaxError):
            return error.name or _FROM_SETTING, error.lineno
        for frame in reversed(traceback.extract_tb(error.__traceback__)):
            if frame.filename in {"<template>", "<unknown>"}:
                return _FROM_SETTING, frame.lineno or 1
            for folder in self._loader.folders:
                if Path(frame.filename).is_relative_to(folder):
                    return Path(frame.filename).relative_to(folder).as_posix(), frame.lineno or 1
        return name, 1
