"""Jinja's one door: a sandbox that reads templates from given folders and from nowhere else.

Templates see values and filters; they cannot reach Python behind them, change what they are given, or
open a file (invariant 11). What goes wrong in one is a TemplateError that names file and line.
"""

import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PurePosixPath

from jinja2 import BaseLoader, Environment, StrictUndefined, TemplateNotFound, TemplateSyntaxError
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup

from publisher.core.digests import DigestPost
from publisher.core.errors import TemplateError
from publisher.core.site import direction
from publisher.rendering import bodies, filters, wrapping

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
        return source, str(found), lambda: _still(self._find(template), found, stamp)

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
        )
        self._environment.filters.update(_FILTERS)

    def render(self, name: str, values: Mapping[str, object]) -> str:
        """The template `name` ("email/digest/body.html") filled with `values`. Raises TemplateError."""
        try:
            return self._environment.get_template(name).render(values)
        except Exception as error:  # a template runs foreign code: whatever it raises is its own error
            raise self._told(error, name) from error

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


def _still(now: Path | None, then: Path, stamp: int) -> bool:
    return now is not None and now == then and now.stat().st_mtime_ns == stamp


def _is_html(name: str | None) -> bool:
    return name is not None and name.endswith(".html")


def _body(post: DigestPost) -> Markup:
    return Markup(bodies.body(post.html))  # noqa: S704  # sanitised HTML is what DigestPost.html holds


def _page_body(post: DigestPost) -> Markup:
    return Markup(bodies.page(post.html))  # noqa: S704  # as above


_FILTERS: Mapping[str, Callable[..., object]] = {
    "body": _body,
    "clip": filters.clip,
    "date": filters.date,
    "direction": direction,
    "label": filters.label,
    "machine": filters.machine,
    "one_line": filters.one_line,
    "page_body": _page_body,
    "script": filters.script,
    "shown_size": bodies.shown_size,
    "shows_picture": bodies.shows_picture,
    "time": filters.time,
    "wrap": wrapping.wrap,
}
