"""A site's own templates beside the packaged ones: which are replaced, copied from which original, and how
that original has changed since.

`copy` keeps the original in templates/.packaged/, under the same name, so that a later version of Publisher
can show what its own file has gained.
"""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from publisher.core.errors import OutputError, Refused, UsageError

KINDS = ("email", "languages", "web")
ORIGINALS = ".packaged"
PARTS = frozenset(
    {
        "email/button.html", "email/footer.html", "email/footer.txt", "email/layout.html", "email/post.html",
        "email/post.txt", "web/deeds.html", "web/layout.html",
    }
)  # fmt: skip
"""Templates that others extend or include."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateFile:
    """One template by its name ("email/digest/body.html"). `own`: the site has its own. `outdated`: the
    packaged one has changed since the site's was copied from it.
    """

    name: str
    own: bool
    outdated: bool


class OwnTemplates:
    """The templates in the folder `own`, before those in the folder `packaged`."""

    def __init__(self, own: Path, packaged: Path) -> None:
        self._own, self._packaged = own, packaged

    def files(self) -> list[TemplateFile]:
        """Every template, packaged or own, by name."""
        names = sorted({*_names(self._packaged), *_names(self._own)})
        return [
            TemplateFile(name=name, own=(self._own / name).is_file(), outdated=bool(self.changes(name)))
            for name in names
        ]

    def show(self, name: str) -> str:
        """The packaged template. Raises UsageError."""
        return self._packaged_file(name).read_text("utf-8")

    def copy(self, name: str) -> Path:
        """Copies the packaged template to the site's folder; returns where it is now. Raises UsageError,
        Refused if the site has that file, OutputError.
        """
        original, copied = self._packaged_file(name), self._own / name
        if copied.exists():
            raise Refused(f"templates/{name}", "exists already", "remove it first, or edit it")
        try:
            for file in (self._own / ORIGINALS / name, copied):
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(original.read_bytes())
        except OSError as error:
            raise OutputError(
                str(copied), error.strerror or str(error), "check the folder's permissions"
            ) from error
        return copied

    def difference(self, name: str) -> str:
        """What the site changed of the packaged template, as a unified diff; "" for nothing."""
        own, packaged = self._own / name, self._packaged / name
        if not own.is_file() or not packaged.is_file():
            return ""
        return _diff(_lines(packaged), _lines(own), f"packaged/{name}", f"templates/{name}")

    def changes(self, name: str) -> str:
        """How the packaged template has changed since the site's was copied from it, as a unified diff; ""
        where it has not, or nothing was copied.
        """
        original, packaged = self._own / ORIGINALS / name, self._packaged / name
        if not (original.is_file() and packaged.is_file() and (self._own / name).is_file()):
            return ""
        return _diff(_lines(original), _lines(packaged), f"copied/{name}", f"packaged/{name}")

    def _packaged_file(self, name: str) -> Path:
        name = name.removeprefix("templates/")
        names = _names(self._packaged)
        if name not in names:
            close = difflib.get_close_matches(name, names, 1)
            do = f"did you mean {close[0]}?" if close else "`publisher templates list` names them"
            raise UsageError("templates", f"no template is called {name!r}", do)
        return self._packaged / name


def count_changes(diff: str) -> str:
    """ "+3 -1 lines" of a unified diff."""
    lines = [line for line in diff.split("\n") if not line.startswith(("+++", "---"))]
    more, fewer = (sum(line.startswith(sign) for line in lines) for sign in "+-")
    return f"+{more} -{fewer} lines"


def _names(folder: Path) -> list[str]:
    files = (file for kind in KINDS for file in (folder / kind).rglob("*") if file.is_file())
    return sorted(file.relative_to(folder).as_posix() for file in files)


def _lines(file: Path) -> list[str]:
    return file.read_text("utf-8", errors="replace").splitlines(keepends=True)


def _diff(before: Sequence[str], after: Sequence[str], old: str, new: str) -> str:
    return "".join(difflib.unified_diff(before, after, old, new))


def markdown(packaged: Path) -> str:
    """docs/reference/templates.md: every packaged template with its blocks and variables, read from them."""
    from jinja2 import nodes

    from publisher.rendering.template_check import ALWAYS_GIVEN, template_variables
    from publisher.rendering.template_output import TemplateOutput

    templates = TemplateOutput([packaged]).templates
    shared = ", ".join(f"`{name}`" for name in sorted(ALWAYS_GIVEN))
    lines = [
        "# Templates",
        "",
        "`make docs` makes this page from the code.",
        "[Override a template](../how-to/override-a-template.md) says how to use one.",
        f"Every template has {shared}; the table has what else a mail or page is",
        "given. A part, such as `email/post.html`, has the variables of what includes it. The comment at the",
        "top of a template says what is in each variable: `publisher templates show NAME` prints it.",
        "",
        "| Name | Blocks | Variables |",
        "|---|---|---|",
    ]
    for name in templates.packaged_names():
        if name.endswith(".css"):
            lines.append(f"| `{name}` | | `palette` |" if name.startswith("email/") else f"| `{name}` | | |")
            continue
        blocks = ", ".join(f"`{block.name}`" for block in templates.tree(name).find_all(nodes.Block))
        part = name in PARTS
        given = (
            "" if part else ", ".join(f"`{one}`" for one in sorted(template_variables(name) - ALWAYS_GIVEN))
        )
        lines.append(f"| `{name}` | {blocks} | {given} |".replace("|  |", "| |").replace("|  |", "| |"))
    return "\n".join(lines) + "\n"
