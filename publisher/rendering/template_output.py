"""What templates make of a digest, a letter and a page: the values each is given, and the finished text."""

from collections.abc import Mapping, Sequence
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
        digest = display_text.with_pinned_first(digest)
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

    def admin_page(self, name: str, values: Mapping[str, object]) -> str:
        """admin/<name>, in English."""
        words = _language_values(self.languages.words("en"))
        return display_text.clean(self.templates.render(f"admin/{name}", {**values, **words}))

    def _content(self, name: str, values: dict[str, object]) -> DigestContent:
        """Subject, text and HTML. Of a digest, the subject is what the author of its only post wrote, or else
        the list's own Jinja source.
        """
        spec, words, digest = values.get("list"), values["words"], values.get("digest")
        if isinstance(digest, Digest) and display_text.own_subject(digest):
            subject = str(values["subject"])
        elif isinstance(spec, MailingList) and spec.subject and "digest" in values:
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
