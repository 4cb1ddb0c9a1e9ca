"""Jinja's sandbox, which reads templates from the given folders and from nowhere else.

Templates see values and filters; they cannot reach Python behind them, change what they are given, or open
a file. An error in one is a TemplateError that names file and line.
"""

import os
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path, PurePosixPath

from jinja2 import BaseLoader, Environment, StrictUndefined, TemplateNotFound, TemplateSyntaxError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from publisher.core.errors import TemplateError
from publisher.rendering.display_text import one_line
from publisher.rendering.filters import FILTERS, GLOBALS, Filters

_FROM_SETTING = "<setting>"
_MAX_SIZE = 1_000_000  # bytes of one template


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
            source = found.read_bytes()[:_MAX_SIZE].decode("utf-8")
        except UnicodeDecodeError as error:
            raise TemplateSyntaxError(f"not UTF-8 text ({error.reason})", 1, template, str(found)) from None
        return source, str(found), lambda: self._is_current(template, found, modified)

    def _is_current(self, template: str, found: Path, modified: int) -> bool:
        """Whether `found` is unchanged and no earlier folder has the template now. Called for each template
        of each mail, hence without Path objects."""
        for folder in self.folders:
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
        path = PurePosixPath(template)
        if path.is_absolute() or ".." in path.parts or "\\" in template or "\0" in template:
            return None
        for folder in self.folders:
            file = (folder / path).resolve()
            if file.is_relative_to(folder) and file.is_file():
                return file
        return None


def escapes(name: str | None) -> bool:
    """Whether values in the template of that name are escaped as HTML."""
    return name is not None and name.endswith(".html")


class Templates:
    """The templates of a site: `render` by name, `render_source` for a template kept in a setting."""

    def __init__(self, folders: Sequence[Path], filters: Filters = FILTERS) -> None:
        self._loader = Folders(folders)
        self._environment = ImmutableSandboxedEnvironment(
            loader=self._loader,
            autoescape=escapes,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
            cache_size=100,
            extensions=["jinja2.ext.i18n"],
        )
        self._environment.filters.update(filters)
        self._environment.globals |= GLOBALS
        self._environment.policies["ext.i18n.trimmed"] = True
        self._environment.newstyle_gettext = True  # type: ignore[attr-defined]  # the extension's own

    def render(self, name: str, values: Mapping[str, object]) -> str:
        """The template `name` ("email/digest/body.html") filled with `values`. Raises TemplateError."""
        try:
            return self._environment.get_template(name).render(values)
        except Exception as error:  # a template runs foreign code: whatever it raises is its error
            raise self._template_error(error, name) from error

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
        what = one_line(str(error)) or type(error).__name__
        return TemplateError(place, what, "the comment at the top of the packaged template names its values")

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
