"""JinjaRenderer: digests and letters as mails, web pages and configuration of web servers, from templates.

Also a site's own templates beside the packaged ones: which are replaced, copied from which original, and how
that original has changed since; and the filters that quote values in the configuration of web servers.

`copy` keeps the original in templates/.packaged/, under the same name, so that a later version of Publisher
can show what its own file has gained.
"""

import difflib
import logging
import re
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from urllib.parse import quote, unquote

from publisher.core.digests.digest import Digest, DigestContent, DigestLinks, DigestPost, LetterKind
from publisher.core.errors import OutputError, Refused, TemplateError, UsageError
from publisher.core.site import Site
from publisher.core.subscribers.subscription import MailingList
from publisher.rendering.template_check import TemplateCheck
from publisher.rendering.template_output import TemplateOutput

log = logging.getLogger(__name__)

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
        """What the site changed of the packaged template, as a unified diff; "" for nothing. Of a file that
        extends or includes the packaged one: what it adds.
        """
        from publisher.rendering.templates import PACKAGED

        own, packaged = self._own / name, self._packaged / name
        if not own.is_file() or not packaged.is_file():
            return ""
        if whole := [line for line in _lines(own) if PACKAGED + name in line]:
            return _diff(whole, _lines(own), f"packaged/{name}", f"templates/{name}")
        return _diff(_lines(packaged), _lines(own), f"packaged/{name}", f"templates/{name}")

    def changes(self, name: str) -> str:
        """What has changed in the packaged template since the site copied it, as a unified diff. Empty if
        nothing has, or if the site has no copy.
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


DOCUMENT_PAGES = frozenset({"archive", "feed", "feeds", "index", "moved", "post"})
"""Pages that are kept as documents under public/: where a template is broken, the document stays as it is."""


class JinjaRenderer:
    """`ports.Renderer` over folders of templates: the site's own first, the packaged ones last.

    A site's own templates are judged by what they make of sample content before they are used. With a broken
    one, a digest raises TemplateError, and so does a page that is a document; letters to one reader and all
    other pages are made by the packaged templates, because somebody waits for them. So are those whose own
    template fails on what only real values hold. `site` and `lists` are
    what the sample content is for; without `site`, nothing is judged.
    """

    def __init__(
        self, folders: Sequence[Path], site: Site | None = None, lists: Sequence[MailingList] = ()
    ) -> None:
        self._folders = tuple(folders)
        self._output = TemplateOutput(self._folders)
        self._check = TemplateCheck(self._folders, self._output, self._packaged, site, tuple(lists))
        self._only_packaged: ContextVar[bool] = ContextVar("only_packaged", default=False)

    def digest(self, digest: Digest, links: DigestLinks) -> DigestContent:
        name = self._output.digest_template(digest)
        if error := self._check.digest(name, digest.list, digest.language):
            raise error
        return self._output.digest(name, digest, links)

    def letter(
        self,
        occasion: LetterKind,
        spec: MailingList,
        links: DigestLinks,
        *,
        site: Site,
        language: str,
        posts: Sequence[DigestPost] = (),
    ) -> DigestContent:
        broken = self._check.letter(occasion.value, spec, language)
        name = f"email/{occasion.value}"
        if broken is None:
            try:
                return self._output.letter(name, spec, links, site=site, language=language, posts=posts)
            except TemplateError as error:
                log.error("template_failed", extra={"template": name, "reason": str(error)})
        return self._packaged.letter(name, spec, links, site=site, language=language, posts=posts)

    def page(self, name: str, values: Mapping[str, object]) -> str:
        if self._only_packaged.get():
            return self._packaged.page(name, values)
        site = values.get("site")
        language = str(values.get("language") or (site.language if isinstance(site, Site) else ""))
        error = self._check.page(name, language)
        if error is None:
            try:
                return self._output.page(name, values)
            except TemplateError as failed:  # with these values, although not with the samples
                if name in DOCUMENT_PAGES:
                    raise
                log.error("template_failed", extra={"template": f"web/{name}.html", "reason": str(failed)})
        elif name in DOCUMENT_PAGES:
            raise error
        return self._packaged.page(name, values)

    def translate(self, message: str, language: str) -> str:
        try:
            return self._output.languages.words(language).catalogue.gettext(message)
        except TemplateError as error:
            log.error("template_failed", extra={"template": "languages", "reason": str(error)})
            return self._packaged.languages.words(language).catalogue.gettext(message)

    @contextmanager
    def packaged_documents(self) -> Generator[None, None, None]:
        token = self._only_packaged.set(True)
        try:
            yield
        finally:
            self._only_packaged.reset(token)

    def server_config(self, name: str, values: Mapping[str, object]) -> str:
        from publisher.rendering.templates import Templates

        # Not from the site's own folder, which may hold configuration of the same name that is no template.
        return Templates(self._folders[-1:], SERVER_FILTERS).render(f"servers/{name}", values)

    def admin_page(self, name: str, values: Mapping[str, object]) -> str:
        return self._packaged.admin_page(name, values)

    def ready(self, *names: str) -> None:
        for name in names:
            self._output.templates.ready(name)

    def problems(self) -> tuple[TemplateError, ...]:
        return self._check.problems()

    def outdated(self) -> tuple[tuple[str, str], ...]:
        if len(self._folders) < 2:
            return ()
        own = OwnTemplates(self._folders[0], self._folders[-1])
        return tuple((one.name, count_changes(own.changes(one.name))) for one in own.files() if one.outdated)

    @cached_property
    def _packaged(self) -> TemplateOutput:
        return TemplateOutput(self._folders[-1:])


def quoted_word(text: str) -> str:
    """One word of the configuration of nginx or Apache, in the quotes that leave more of it as it is."""
    mark = "'" if '"' in text and "'" not in text else '"'
    escaped = text.replace("\\", "\\\\").replace(mark, f"\\{mark}")
    return f"{mark}{escaped}{mark}"


def nginx_value(text: str) -> str:
    """A word where nginx replaces variables: it has no way to write a dollar sign. Raises ValueError."""
    return quoted_word(_without("$", text, "nginx"))


def apache_word(text: str) -> str:
    """A word of Apache's configuration; "${" would begin a variable. Raises ValueError."""
    return quoted_word(_without("${", text, "Apache"))


def apache_target(url: str) -> str:
    """The address that a RedirectMatch leads to: Apache percent-encodes its path, and reads $1 as what the
    expression matched. "" where a "?" or "#" in the path would end it.
    """
    path = re.split(r"[?#]", url, maxsplit=1)[0]
    plain, rest = unquote(path), url[len(path) :]
    return "" if {"?", "#"} & set(plain) else quoted_word(re.sub(r"[\\${]", r"\\\g<0>", plain + rest))


def caddy_word(text: str) -> str:
    """A word of a Caddyfile, where a brace would begin a placeholder. Raises ValueError."""
    return f"`{_without('`', _without('{', text, 'Caddy'), 'Caddy')}`"


def caddy_regex(pattern: str) -> str:
    """A regular expression of a Caddyfile."""
    return "`" + pattern.replace("`", r"\x60") + "`"


def _without(mark: str, text: str, server: str) -> str:
    if mark in text:
        raise ValueError(f"{server} has no way to write {mark} in {text!r}")
    return text


SERVER_FILTERS: Mapping[str, Callable[..., object]] = {
    "apache": apache_word,
    "apache_target": apache_target,
    "caddy": caddy_word,
    "caddy_regex": caddy_regex,
    "nginx": quoted_word,
    "nginx_value": nginx_value,
    "regex": re.escape,
    "url_path": quote,
}
"""For the templates of web servers: each quotes a value by the syntax of its server."""
