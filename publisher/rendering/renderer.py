"""JinjaRenderer: digests and letters as mails, and pages, from the template folders."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from publisher.core.digests.digest import Digest, DigestContent, DigestLinks, DigestPost, Layout, LetterKind
from publisher.core.mail.message import finish_text
from publisher.core.site import Site, text_direction
from publisher.core.subscribers.subscription import MailingList
from publisher.rendering import filters
from publisher.rendering.languages import Languages, LanguageWords

if TYPE_CHECKING:
    from publisher.rendering.environment import Templates

SUBJECT = 300
"""Most characters of a subject: mail servers cut or refuse headers that are very long."""


class JinjaRenderer:
    """`ports.Renderer` over folders of templates: the site's own first, the packaged ones last.

    A file in an earlier folder replaces the one of the same name in a later one. Nothing is read before
    it is asked for; a template that changes on disk is read again.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = tuple(folders)

    def digest(self, digest: Digest, links: DigestLinks) -> DigestContent:
        """The digest as a mail or, without an unsubscribe link, as the web page of that mail.

        A digest of one post is made by the template "single", unless the list has a template of its own.
        Styles are inlined. Raises TemplateError.
        """
        name = self._template(digest)
        words = self._languages.words(digest.language)
        values: dict[str, object] = {
            "digest": digest,
            "list": digest.list,
            "posts": digest.posts,
            "layout": digest.layout.value,
            "links": links,
            "zone": digest.list.timezone,
            "subject": filters.subject(digest, words),
            "preheader": filters.preheader(digest, words),
            **_frame(digest.site, words),
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
        """A mail to one reader about their subscription: templates/email/<occasion>/.

        It carries nothing a visitor typed. Raises TemplateError.
        """
        values: dict[str, object] = {
            "list": spec,
            "links": links,
            "posts": tuple(posts),
            "zone": spec.timezone,
            **_frame(site, self._languages.words(language)),
        }
        return self._content(f"email/{occasion.value}", values)

    def page(self, name: str, values: Mapping[str, object]) -> str:
        """templates/web/<name>.html as a whole HTML document. Raises TemplateError.

        `language` may be left out: it is the site's then. The page is in the language of its words, which is
        English where there are none in the one that is wanted.
        """
        site = values.get("site")
        wanted = str(values.get("language") or (site.language if isinstance(site, Site) else "en"))
        spoken = _spoken(self._languages.words(wanted))
        return filters.clean(self._templates.render(f"web/{name}.html", {**values, **spoken}))

    def ready(self, *names: str) -> None:
        """Loads those templates ("web/feed.html") before they are asked for. Never raises: what is wrong with
        one is said when it is rendered."""
        for name in names:
            self._templates.ready(name)

    @cached_property
    def _templates(self) -> "Templates":
        from publisher.rendering.environment import Templates  # Jinja is slow to import

        return Templates(self._folders)

    @cached_property
    def _languages(self) -> Languages:
        return Languages(self._folders)

    def _template(self, digest: Digest) -> str:
        """The folder that makes it. Who has a digest of their own gets it for a single post too."""
        name = f"email/{digest.list.template}"
        alone = len(digest.posts) == 1 and not digest.more and digest.layout is not Layout.TITLES
        if not alone or name != "email/digest":
            return name
        fits = self._templates.at_hand("email/single", name)
        return "email/single" if fits else name

    def _content(self, name: str, values: dict[str, object]) -> DigestContent:
        values["subject"] = subject = self._subject(name, values)
        return DigestContent(subject=subject, text=self._text(name, values), html=self._html(name, values))

    def _subject(self, name: str, values: Mapping[str, object]) -> str:
        """One line: the list's own Jinja source where it has one (digests only), else subject.txt."""
        spec = values.get("list")
        if isinstance(spec, MailingList) and spec.subject and "digest" in values:
            said = self._templates.render_source(f"lists.{spec.slug}.subject", spec.subject, values)
        else:
            said = self._templates.render(f"{name}/subject.txt", values)
        return filters.clip(said, SUBJECT)

    def _text(self, name: str, values: Mapping[str, object]) -> str:
        text = self._templates.render(f"{name}/body.txt", values).replace("\r\n", "\n")
        words = values["words"]
        return filters.clean(
            finish_text(filters.worded(text, words) if isinstance(words, LanguageWords) else text)
        )

    def _html(self, name: str, values: Mapping[str, object]) -> str:
        """The HTML, its posts inlined apart; whole, where a template changes what it set apart."""
        from publisher.rendering.inlining import Marks, assemble

        file, marks = f"{name}/body.html", Marks()
        rendered = filters.clean(self._templates.render(file, {**values, "_marks": marks}))
        if not marks.whole(rendered):
            rendered, marks = filters.clean(self._templates.render(file, values)), Marks()
        marks.parts = list(map(filters.clean, marks.parts))
        return filters.clean(assemble(rendered, marks, f"templates/{file}"))


def _frame(site: Site, words: LanguageWords) -> dict[str, object]:
    """What every mail is given: the site, its looks, and the language of its words."""
    return {
        "site": site,
        "palette": site.palette,
        **_spoken(words),
    }


def _spoken(words: LanguageWords) -> dict[str, object]:
    return {"words": words, "language": words.tag, "direction": text_direction(words.tag)}
