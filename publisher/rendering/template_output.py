"""What a site's own templates make of a digest, a letter and a page; and the faults of a stylesheet that make
a browser or the inliner lose rules (CSS Syntax Level 3, 5).

Those are found in the source of the stylesheet: a template whose expressions count as words.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from publisher.core.digests.digest import Digest, DigestContent, DigestLinks, DigestPost, Layout
from publisher.core.mail.message import finish_text
from publisher.core.site import Site, text_direction
from publisher.core.subscribers.subscription import MailingList
from publisher.rendering import display_text
from publisher.rendering.languages import Languages, LanguageWords

if TYPE_CHECKING:
    from publisher.rendering.templates import Templates


MAX_SUBJECT = 300
"""Characters: mail servers cut or refuse very long headers."""


class TemplateOutput:
    """A file in an earlier folder replaces the one of the same name in a later one. Templates are read when
    they are first needed, and again when they change on disk. Every method raises TemplateError.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = tuple(folders)

    @cached_property
    def templates(self) -> "Templates":
        from publisher.rendering.templates import Templates  # Jinja is slow to import

        return Templates(self._folders)

    @cached_property
    def languages(self) -> Languages:
        return Languages(self._folders)

    def digest_template(self, digest: Digest) -> str:
        """The template folder of a digest. A site with its own digest template gets it for one post too."""
        name = f"email/{digest.list.template}"
        has_one_post = len(digest.posts) == 1 and not digest.more and digest.layout is not Layout.TITLES
        if name != "email/digest" or not has_one_post:
            return name
        return "email/single" if self.templates.is_as_specific("email/single", name) else name

    def digest(self, name: str, digest: Digest, links: DigestLinks) -> DigestContent:
        """A digest by the templates in folder `name`."""
        words = self.languages.words(digest.language)
        values: dict[str, object] = {
            "digest": digest,
            "list": digest.list,
            "posts": digest.posts,
            "layout": digest.layout.value,
            "links": links,
            "zone": digest.list.timezone,
            "subject": display_text.subject(digest, words),
            "preheader": display_text.preheader(digest, words),
            **_mail_values(digest.site, words),
        }
        return self._content(name, values)

    def letter(
        self,
        name: str,
        spec: MailingList,
        links: DigestLinks,
        *,
        site: Site,
        language: str,
        posts: Sequence[DigestPost] = (),
    ) -> DigestContent:
        """A letter to one reader by the templates in folder `name`."""
        values: dict[str, object] = {
            "list": spec,
            "links": links,
            "posts": tuple(posts),
            "zone": spec.timezone,
            **_mail_values(site, self.languages.words(language)),
        }
        return self._content(name, values)

    def page(self, name: str, values: Mapping[str, object]) -> str:
        """web/<name>.html, in the `language` of `values` or else that of their `site`."""
        site = values.get("site")
        wanted = str(values.get("language") or (site.language if isinstance(site, Site) else "en"))
        language = _language_values(self.languages.words(wanted))
        return display_text.clean(self.templates.render(f"web/{name}.html", {**values, **language}))

    def _content(self, name: str, values: dict[str, object]) -> DigestContent:
        """Subject, text and HTML. The subject is the list's own Jinja source if it has one (digests only)."""
        spec, words = values.get("list"), values["words"]
        if isinstance(spec, MailingList) and spec.subject and "digest" in values:
            subject = self.templates.render_source(f"lists.{spec.slug}.subject", spec.subject, values)
        else:
            subject = self.templates.render(f"{name}/subject.txt", values)
        values["subject"] = subject = display_text.clip(subject, MAX_SUBJECT)
        text = self.templates.render(f"{name}/body.txt", values).replace("\r\n", "\n")
        if isinstance(words, LanguageWords):
            text = display_text.translated_words(text, words)
        text = display_text.clean(finish_text(text))
        return DigestContent(subject=subject, text=text, html=self._html(name, values))

    def _html(self, name: str, values: Mapping[str, object]) -> str:
        """The HTML; posts that the template sets apart are inlined by themselves, unless it changes them."""
        from publisher.rendering.inlining import Marks, assemble

        file, marks = f"{name}/body.html", Marks()
        rendered = display_text.clean(self.templates.render(file, {**values, "_marks": marks}))
        if not marks.whole(rendered):
            rendered, marks = display_text.clean(self.templates.render(file, values)), Marks()
        marks.parts = list(map(display_text.clean, marks.parts))
        return display_text.clean(assemble(rendered, marks, f"templates/{file}"))


def _mail_values(site: Site, words: LanguageWords) -> dict[str, object]:
    """What every mail is given: the site, its colors, and the language."""
    return {"site": site, "palette": site.palette, **_language_values(words)}


def _language_values(words: LanguageWords) -> dict[str, object]:
    return {"words": words, "language": words.tag, "direction": text_direction(words.tag)}


_JINJA = re.compile(r"(?s)\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}")
_STYLE = re.compile(r"(?is)<style\b[^>]*>(.*?)</style\s*>")
_EXPRESSION = "\ue000"  # stands for one, which may make a word or whole declarations
_LOST_SEMICOLON = re.compile(r":[^:]*\n\s*[a-z-]+\s*:(?!:)")


def sheets_in(html: str) -> Iterator[tuple[str, int]]:
    """The style elements of a template, each with the number of lines before it."""
    plain = _without_jinja(html)
    for match in _STYLE.finditer(plain):
        yield match[1], plain.count("\n", 0, match.start(1))


def css_fault(source: str) -> tuple[int, str] | None:
    """(line, what is wrong) of the first fault in a stylesheet; None if no rule is lost."""
    css = _without_jinja(source)
    open_braces: list[int] = []
    rule_start = at = 0
    while at < len(css):
        char = css[at]
        if css.startswith("/*", at):
            end = css.find("*/", at + 2)
            if end < 0:
                return _line(css, at), "a comment /* is never closed, so every rule after it is lost"
            css = css[:at] + re.sub(r"[^\n]", " ", css[at : end + 2]) + css[end + 2 :]
            at = end + 2
            continue
        if char in "\"'":
            end = _string_end(css, at)
            if end < 0:
                return _line(css, at), f"a string {char} is never closed, so rules after it are lost"
            at = end
        elif char == "(":
            end = _bracket_end(css, at)
            if end < 0:
                return _line(css, at), "a ( is never closed, so rules after it are lost"
            at = end
        elif char == "{":
            if not css[rule_start:at].strip():
                return _line(css, at), "a rule has no selector before {"
            open_braces.append(at)
            rule_start = at + 1
        elif char == "}":
            if not open_braces:
                return _line(css, at), "there is a } too many, so the rule after it is lost"
            if fault := _declaration_fault(css, rule_start, at):
                return fault
            open_braces.pop()
            rule_start = at + 1
        elif char == ";":
            if open_braces and (fault := _declaration_fault(css, rule_start, at)):
                return fault
            rule_start = at + 1
        at += 1
    if open_braces:
        return _line(css, open_braces[-1]), "a { is never closed, so rules after it are lost"
    if css[rule_start:].replace(_EXPRESSION, "").strip():
        start = rule_start + len(css[rule_start:]) - len(css[rule_start:].lstrip())
        return _line(css, start), f"{_short(css[rule_start:])} has no {{ }}"
    return None


def _without_jinja(source: str) -> str:
    """`source` with a word for each expression, and nothing for statements and comments; lines stay."""

    def plain(match: re.Match[str]) -> str:
        lines = "\n" * match[0].count("\n")
        return f"{_EXPRESSION}{lines}" if match[0].startswith("{{") else lines

    return _JINJA.sub(plain, source)


def _string_end(css: str, start: int) -> int:
    """The place of the quote that ends the string from `start`; -1 if its line ends first."""
    at = start + 1
    while at < len(css) and css[at] != "\n":
        if css[at] == "\\":
            at += 1
        elif css[at] == css[start]:
            return at
        at += 1
    return -1


def _bracket_end(css: str, start: int) -> int:
    """The place of the bracket that closes the one at `start`; -1 if its block ends first."""
    depth, at = 0, start
    while at < len(css) and css[at] not in "{}":
        if css[at] in "\"'":
            at = _string_end(css, at)
            if at < 0:
                return -1
        depth += (css[at] == "(") - (css[at] == ")")
        if not depth:
            return at
        at += 1
    return -1


def _declaration_fault(css: str, start: int, end: int) -> tuple[int, str] | None:
    text = css[start:end]
    if not text.strip() or text.lstrip().startswith("@") or _EXPRESSION in text.partition(":")[0]:
        return None
    line = _line(css, start + len(text) - len(text.lstrip()))
    if ":" not in text:
        return line, f"{_short(text)} is no declaration: it has no colon"
    if found := _LOST_SEMICOLON.search(text):
        return _line(css, start + found.start()), f"a ; is missing after {_short(text.partition(chr(10))[0])}"
    return None


def _short(text: str) -> str:
    return f"`{' '.join(text.replace(_EXPRESSION, '{{...}}').split())[:40]}`"


def _line(css: str, at: int) -> int:
    return css.count("\n", 0, at) + 1
