"""A site's own templates, judged before they are used: by their source, and by what they make of samples.

    source    syntax; blocks that the parent does not have; variables that no template is given; stylesheets
              that lose rules; placeholders of a translation that are not those of its message
    result    a mail with each post's title, body and link in both parts; a page with its main part and forms

Only what an own file has a part in is judged: a mail or page is broken if a file that it is made of is. The
verdicts are kept until a file changes.
"""

import difflib
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

from publisher.core.errors import TemplateError
from publisher.core.site import Site
from publisher.core.subscribers.subscription import MailingList
from publisher.rendering.languages import catalog_fault
from publisher.rendering.template_output import TemplateOutput

if TYPE_CHECKING:
    from jinja2 import nodes

TEMPLATE_SUFFIXES = (".css", ".html", ".txt")

LETTERS = ("confirm", "welcome", "account")

ALWAYS_GIVEN = frozenset({"site", "language", "direction", "words"})
MAIL_VARIABLES = frozenset(
    {"digest", "list", "posts", "layout", "links", "zone", "subject", "preheader", "palette"}
)

_ESSENTIAL_BLOCKS = ("content", "main")
"""Blocks of a frame without which what it frames is empty."""

Verdict = TemplateError | None


class TemplateCheck:
    """`output` is made by the site's own and the packaged templates, `packaged` by the latter alone."""

    def __init__(
        self,
        folders: Sequence[Path],
        output: TemplateOutput,
        packaged: TemplateOutput,
        site: Site | None,
        lists: tuple[MailingList, ...],
    ) -> None:
        self._own = folders[0] if len(folders) > 1 else None
        self._output, self._packaged, self._site, self._lists = output, packaged, site, lists
        self._stamp: tuple[object, ...] = ()
        self._verdicts: dict[tuple[str, ...], Verdict] = {}

    def digest(self, name: str, spec: MailingList, language: str) -> Verdict:
        """What is wrong with a list's digests by the templates in folder `name`."""
        return self._verdict((name, spec.slug, language), lambda: self._judge_digest(name, spec, language))

    def letter(self, name: str, spec: MailingList, language: str) -> Verdict:
        """What is wrong with a letter to one reader."""
        return self._verdict(("letter", name, language), lambda: self._judge_letter(name, spec, language))

    def page(self, name: str, language: str) -> Verdict:
        """What is wrong with web/<name>.html."""
        return self._verdict(("page", name, language), lambda: self._judge_page(name, language))

    def problems(self) -> tuple[TemplateError, ...]:
        """Everything that is wrong, each once, by file."""
        own = self._own_files()
        if self._site is None or not (own or self._has_subjects):
            return ()
        found: dict[str, TemplateError] = {}
        for error in (*map(self._source_fault, own), *self._results()):
            if error is not None:
                found.setdefault(str(error), error)
        return tuple(found[text] for text in sorted(found))

    def _results(self) -> Iterator[Verdict]:
        """The verdict on each mail and page, for each list and language."""
        from publisher.rendering.samples import SAMPLE_LIST, page_samples

        site = self._site
        assert site is not None  # noqa: S101  # the caller looked
        own = tuple(name[10:-3] for name in self._own_files() if name.endswith(".po"))
        listed = {spec.slug: _language(spec, site) for spec in self._lists}
        for spec in self._lists:
            for language in dict.fromkeys((listed[spec.slug], *own)):
                folder = f"email/{spec.template}"
                yield self.digest(folder, spec, language)
                if folder == "email/digest" and self._output.templates.is_as_specific("email/single", folder):
                    yield self.digest("email/single", spec, language)
                for name in LETTERS:
                    if name != "welcome" or spec.welcome != "none":
                        yield self.letter(name, spec, language)
        for language in dict.fromkeys((site.language, *listed.values(), *own)):
            for name in page_samples(SAMPLE_LIST):
                yield self.page(name, language)

    def _verdict(self, key: tuple[str, ...], judge: Callable[[], Verdict]) -> Verdict:
        if self._site is None or not (self._own_files() or self._has_subjects):
            return None
        if key not in self._verdicts:
            try:
                self._verdicts[key] = judge()
            except TemplateError as error:
                self._verdicts[key] = error
        return self._verdicts[key]

    @property
    def _has_subjects(self) -> bool:
        """Whether a list has a subject line of its own, which is a template too."""
        return any(spec.subject for spec in self._lists)

    def _own_files(self) -> tuple[str, ...]:
        """The site's own templates and catalogs. Forgets every verdict if one has changed."""
        found: list[tuple[str, int, int]] = []
        for kind in ("email", "languages", "web"):
            for folder, _, names in os.walk(self._own / kind if self._own else ""):
                for name in names:
                    if name.endswith(".po" if kind == "languages" else TEMPLATE_SUFFIXES):
                        file = os.path.join(folder, name)  # noqa: PTH118  # once for each mail
                        state = os.stat(file)  # noqa: PTH116  # as above
                        short = os.path.relpath(file, self._own).replace(os.sep, "/")
                        found.append((short, state.st_mtime_ns, state.st_size))
        stamp = tuple(sorted(found))
        if stamp != self._stamp:
            self._stamp = stamp
            self._verdicts.clear()
        return tuple(name for name, _, _ in sorted(found))

    def _judge_digest(self, name: str, spec: MailingList, language: str) -> Verdict:
        from publisher.rendering.samples import (
            FIRST,
            LINKS,
            SECOND,
            digest_fault,
            sample_digest,
            subject_fault,
        )

        parts = [f"{name}/{part}" for part in ("subject.txt", "body.txt", "body.html")]
        if not self._has_own_part(parts, language) and not spec.subject:
            return None
        if error := self._first_source_fault(parts, language):
            return error
        assert self._site is not None  # noqa: S101  # `_verdict` looked
        for posts in ((FIRST,),) if name == "email/single" else ((FIRST, SECOND), (FIRST,)):
            digest = sample_digest(self._site, spec, language, *posts)
            made = self._output.digest(name, digest, LINKS)
            if error := digest_fault(name, made, posts, digest.layout):
                return error
            own = f"lists.{spec.slug}.subject" if spec.subject else f"templates/{name}/subject.txt"
            if error := subject_fault(own, made):
                return error
        return None

    def _judge_letter(self, name: str, spec: MailingList, language: str) -> Verdict:
        from publisher.rendering.samples import FIRST, LETTER_LINKS, subject_fault

        parts = [f"email/{name}/{part}" for part in ("subject.txt", "body.txt", "body.html")]
        if not self._has_own_part(parts, language):
            return None
        if error := self._first_source_fault(parts, language):
            return error
        assert self._site is not None  # noqa: S101  # `_verdict` looked
        links = LETTER_LINKS[name]
        made = self._output.letter(
            f"email/{name}",
            spec,
            links,
            site=self._site,
            language=language,
            posts=(FIRST,) if name == "welcome" else (),
        )
        field, link = next((f.name, url) for f in fields(links) if (url := getattr(links, f.name)))
        for part, text in (("body.html", made.html), ("body.txt", made.text)):
            if link not in text:
                return TemplateError(
                    f"templates/email/{name}/{part}",
                    f"makes a mail without its link, links.{field}",
                    f"put {{{{ links.{field} }}}} into it",
                )
        return subject_fault(f"templates/email/{name}/subject.txt", made)

    def _judge_page(self, name: str, language: str) -> Verdict:
        from publisher.rendering.samples import SAMPLE_LIST, page_fault, page_samples

        file = f"web/{name}.html"
        if not self._has_own_part([file], language):
            return None
        if error := self._first_source_fault([file], language):
            return error
        samples = page_samples((*self._lists, SAMPLE_LIST)[0])
        if name not in samples:
            return None
        values = {**samples[name], "site": self._site, "language": language}
        return page_fault(file, self._output.page(name, values), self._packaged.page(name, values))

    def _has_own_part(self, names: Sequence[str], language: str) -> bool:
        own = self._own_files()
        return any(f"languages/{language}.po" == name for name in own) or not set(own).isdisjoint(
            self._parts(names)
        )

    def _first_source_fault(self, names: Sequence[str], language: str) -> Verdict:
        """The first fault in the own sources of what `names` are made of."""
        parts = (*sorted(self._parts(names)), f"languages/{language}.po")
        own = set(self._own_files())
        faults = (self._source_fault(part) for part in parts if part in own)
        return next((fault for fault in faults if fault is not None), None)

    def _parts(self, names: Sequence[str]) -> set[str]:
        """The templates that `names` extend, include and import, and themselves."""
        from jinja2 import meta

        found: set[str] = set()
        todo = list(names)
        while todo:
            name = todo.pop()
            if name in found:
                continue
            found.add(name)
            if not name.endswith(".css") and (tree := self._tree(name)) is not None:
                todo += [one for one in meta.find_referenced_templates(tree) if one]
        return found

    def _tree(self, name: str) -> "nodes.Template | None":
        """A template as Jinja's tree; None if it cannot be read."""
        try:
            return self._output.templates.tree(name)
        except TemplateError:
            return None

    def _source_fault(self, name: str) -> Verdict:
        key = ("source", name)
        return self._verdict(key, lambda: self._judge_source(name))

    def _judge_source(self, name: str) -> Verdict:
        if name.endswith(".po"):
            assert self._own is not None  # noqa: S101  # it is the site's own file
            return catalog_fault(self._own / name)
        from publisher.rendering.inlining import css_fault, sheets_in

        source = self._output.templates.source(name)
        sheets = [(source, 0)] if name.endswith(".css") else list(sheets_in(source))
        for sheet, lines in sheets:
            if fault := css_fault(sheet):
                return TemplateError(f"templates/{name}:{fault[0] + lines}", fault[1], "fix the stylesheet")
        self._output.templates.compile(name)
        tree = self._output.templates.tree(name)
        return self._block_fault(name, tree) or self._variable_fault(name, tree)

    def _block_fault(self, name: str, tree: "nodes.Template") -> Verdict:
        """A block that nothing shows, or the missing block of a frame that its pages fill."""
        from jinja2 import nodes

        own = list(tree.find_all(nodes.Block))
        inner = {id(one) for block in own for one in block.find_all(nodes.Block) if one is not block}
        extends = [one.template for one in tree.find_all(nodes.Extends)]
        parents = [str(one.value) for one in extends if isinstance(one, nodes.Const)]
        if parents:
            known = self._blocks(parents[0])
            for block in own:
                if id(block) not in inner and block.name not in known:
                    close = difflib.get_close_matches(block.name, known, 1)
                    do = f"did you mean {close[0]}?" if close else "use one of these"
                    what = f"{parents[0]} has no block `{block.name}`, only {', '.join(sorted(known))}"
                    return TemplateError(f"templates/{name}:{block.lineno}", what, do)
        elif not extends:
            from publisher.rendering.templates import PACKAGED

            frame = self._tree(PACKAGED + name)
            if frame is None or frame.find(nodes.Extends):
                return None
            have = {block.name for block in own}
            for lost in _ESSENTIAL_BLOCKS:
                if lost not in have and lost in self._blocks(PACKAGED + name):
                    what = f"has no block `{lost}`, which the templates that extend it fill"
                    do = f"add {{% block {lost} %}}{{% endblock %}}"
                    return TemplateError(f"templates/{name}:1", what, do)
        return None

    def _blocks(self, name: str) -> set[str]:
        """The blocks of a template and of those it extends."""
        from jinja2 import nodes

        found: set[str] = set()
        seen: set[str] = set()
        while name and name not in seen:
            seen.add(name)
            tree = self._tree(name)
            if tree is None:
                break
            found |= {block.name for block in tree.find_all(nodes.Block)}
            extends = tree.find(nodes.Extends)
            constant = extends is not None and isinstance(extends.template, nodes.Const)
            name = str(extends.template.value) if constant else ""  # type: ignore[union-attr]
        return found

    def _variable_fault(self, name: str, tree: "nodes.Template") -> Verdict:
        """A variable that no template of its kind is given, and that nothing sets."""
        from jinja2 import meta, nodes

        known = template_variables(name)
        asked = {
            n.node.name
            for kind in (nodes.Test, nodes.Filter)
            for n in tree.find_all(kind)
            if n.name in {"defined", "undefined", "default", "d"} and isinstance(n.node, nodes.Name)
        }
        unknown = meta.find_undeclared_variables(tree) - known - asked
        if unknown:  # it may be set by a template that includes this one
            names = (*self._own_files(), *self._output.templates.packaged_names())
            trees = [self._tree(one) for one in names if not one.endswith((".po", ".css"))]
            unknown -= {name for one in trees if one is not None for name in _names_set(one)}
        places = [n for n in tree.find_all(nodes.Name) if n.name in unknown and n.ctx == "load"]
        if not places:
            return None
        first = min(places, key=lambda node: node.lineno)
        close = difflib.get_close_matches(first.name, known, 1)
        do = f"did you mean {close[0]}?" if close else "use one of these"
        what = f"there is no variable `{first.name}`, only {', '.join(sorted(known))}"
        return TemplateError(f"templates/{name}:{first.lineno}", what, do)


def template_variables(name: str) -> frozenset[str]:
    """The variables that a packaged template is given; for a part of several, those of all of them."""
    from publisher.rendering.samples import SAMPLE_LIST, page_samples

    if name.startswith("email/"):
        letter = MAIL_VARIABLES - {"digest", "layout", "preheader"}
        return ALWAYS_GIVEN | (letter if name.split("/")[1] in LETTERS else MAIL_VARIABLES)
    pages = page_samples(SAMPLE_LIST)
    own = pages.get(name.removeprefix("web/").removesuffix(".html"))
    given = [own] if own is not None else list(pages.values())
    return ALWAYS_GIVEN | {key for values in given for key in values}


def _names_set(tree: "nodes.Template") -> Iterator[str]:
    """The names to which a template gives a value."""
    from jinja2 import nodes

    yield from (node.name for node in tree.find_all(nodes.Name) if node.ctx == "store")
    yield from (node.name for node in tree.find_all(nodes.Macro))
    yield from (node.target for node in tree.find_all(nodes.Import))
    for name in (name for node in tree.find_all(nodes.FromImport) for name in node.names):
        yield name if isinstance(name, str) else name[1]


def _language(spec: MailingList, site: Site) -> str:
    from publisher.core.subscribers.subscription import NO_CHOICES, mail_language

    return mail_language(spec, NO_CHOICES.content, site.language)
