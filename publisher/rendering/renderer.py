"""JinjaRenderer: digests and letters as mails, web pages and configuration of web servers, from templates."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from publisher.core.digests.digest import Digest, DigestContent, DigestLinks, DigestPost, Layout, LetterKind
from publisher.core.mail.message import finish_text
from publisher.core.site import Site, text_direction
from publisher.core.subscribers.subscription import MailingList
from publisher.rendering import display_text
from publisher.rendering.languages import Languages, LanguageWords

if TYPE_CHECKING:
    from publisher.rendering.templates import Templates

TEMPLATE_SUFFIXES = (".css", ".html", ".txt")

MAX_SUBJECT = 300
"""Characters: mail servers cut or refuse very long headers."""


class JinjaRenderer:
    """`ports.Renderer` over folders of templates: the site's own first, the packaged ones last.

    A file in an earlier folder replaces the one of the same name in a later one. Templates are read when
    they are first needed, and again when they change on disk.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = tuple(folders)

    def digest(self, digest: Digest, links: DigestLinks) -> DigestContent:
        name = self._template(digest)
        words = self._languages.words(digest.language)
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
        occasion: LetterKind,
        spec: MailingList,
        links: DigestLinks,
        *,
        site: Site,
        language: str,
        posts: Sequence[DigestPost] = (),
    ) -> DigestContent:
        values: dict[str, object] = {
            "list": spec,
            "links": links,
            "posts": tuple(posts),
            "zone": spec.timezone,
            **_mail_values(site, self._languages.words(language)),
        }
        return self._content(f"email/{occasion.value}", values)

    def page(self, name: str, values: Mapping[str, object]) -> str:
        site = values.get("site")
        wanted = str(values.get("language") or (site.language if isinstance(site, Site) else "en"))
        language = _language_values(self._languages.words(wanted))
        return display_text.clean(self._templates.render(f"web/{name}.html", {**values, **language}))

    def server_config(self, name: str, values: Mapping[str, object]) -> str:
        from publisher.rendering.templates import SERVER_FILTERS, Templates

        # Not from the site's own folder, which may hold configuration of the same name that is no template.
        return Templates(self._folders[-1:], SERVER_FILTERS).render(f"servers/{name}", values)

    def ready(self, *names: str) -> None:
        for name in names:
            self._templates.ready(name)

    def check(self) -> None:
        """Compiles every template of the first folder, and reads its catalogs. Raises TemplateError."""
        from publisher.rendering.languages import read_catalog

        own = self._folders[0]
        for kind in ("email", "web"):
            for file in sorted((own / kind).rglob("*")):
                if file.suffix in TEMPLATE_SUFFIXES and file.is_file():
                    self._templates.compile(file.relative_to(own).as_posix())
        for file in sorted((own / "languages").glob("*.po")):
            read_catalog(file)

    @cached_property
    def _templates(self) -> "Templates":
        from publisher.rendering.templates import Templates  # Jinja is slow to import

        return Templates(self._folders)

    @cached_property
    def _languages(self) -> Languages:
        return Languages(self._folders)

    def _template(self, digest: Digest) -> str:
        """The template folder of a digest. A site with its own digest template gets it for one post too."""
        name = f"email/{digest.list.template}"
        has_one_post = len(digest.posts) == 1 and not digest.more and digest.layout is not Layout.TITLES
        if name != "email/digest" or not has_one_post:
            return name
        return "email/single" if self._templates.is_as_specific("email/single", name) else name

    def _content(self, name: str, values: dict[str, object]) -> DigestContent:
        """Subject, text and HTML. The subject is the list's own Jinja source if it has one (digests only)."""
        spec, words = values.get("list"), values["words"]
        if isinstance(spec, MailingList) and spec.subject and "digest" in values:
            subject = self._templates.render_source(f"lists.{spec.slug}.subject", spec.subject, values)
        else:
            subject = self._templates.render(f"{name}/subject.txt", values)
        values["subject"] = subject = display_text.clip(subject, MAX_SUBJECT)
        text = self._templates.render(f"{name}/body.txt", values).replace("\r\n", "\n")
        if isinstance(words, LanguageWords):
            text = display_text.translated_words(text, words)
        text = display_text.clean(finish_text(text))
        return DigestContent(subject=subject, text=text, html=self._html(name, values))

    def _html(self, name: str, values: Mapping[str, object]) -> str:
        """The HTML; posts that the template sets apart are inlined by themselves, unless it changes them."""
        from publisher.rendering.inlining import Marks, assemble

        file, marks = f"{name}/body.html", Marks()
        rendered = display_text.clean(self._templates.render(file, {**values, "_marks": marks}))
        if not marks.whole(rendered):
            rendered, marks = display_text.clean(self._templates.render(file, values)), Marks()
        marks.parts = list(map(display_text.clean, marks.parts))
        return display_text.clean(assemble(rendered, marks, f"templates/{file}"))


def _mail_values(site: Site, words: LanguageWords) -> dict[str, object]:
    """What every mail is given: the site, its colors, and the language."""
    return {"site": site, "palette": site.palette, **_language_values(words)}


def _language_values(words: LanguageWords) -> dict[str, object]:
    return {"words": words, "language": words.tag, "direction": text_direction(words.tag)}
