"""JinjaRenderer: digests and letters as mails, web pages and configuration of web servers, from templates."""

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cached_property
from pathlib import Path

from publisher.core.digests.digest import Digest, DigestContent, DigestLinks, DigestPost, LetterKind
from publisher.core.errors import TemplateError
from publisher.core.site import Site
from publisher.core.subscribers.subscription import MailingList
from publisher.rendering.own_templates import OwnTemplates, count_changes
from publisher.rendering.template_check import TemplateCheck
from publisher.rendering.template_output import TemplateOutput

DOCUMENT_PAGES = frozenset({"archive", "feed", "feeds", "index", "moved", "post"})
"""Pages that are kept as documents under public/: where a template is broken, the document stays as it is."""


class JinjaRenderer:
    """`ports.Renderer` over folders of templates: the site's own first, the packaged ones last.

    A site's own templates are judged by what they make of sample content before they are used. With a broken
    one, a digest raises TemplateError, and so does a page that is a document; letters to one reader and all
    other pages are made by the packaged templates, because somebody waits for them. `site` and `lists` are
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
        output = self._packaged if broken else self._output
        return output.letter(
            f"email/{occasion.value}", spec, links, site=site, language=language, posts=posts
        )

    def page(self, name: str, values: Mapping[str, object]) -> str:
        if self._only_packaged.get():
            return self._packaged.page(name, values)
        site = values.get("site")
        language = str(values.get("language") or (site.language if isinstance(site, Site) else ""))
        error = self._check.page(name, language)
        if error is None:
            return self._output.page(name, values)
        if name in DOCUMENT_PAGES:
            raise error
        return self._packaged.page(name, values)

    @contextmanager
    def packaged_documents(self) -> Generator[None, None, None]:
        token = self._only_packaged.set(True)
        try:
            yield
        finally:
            self._only_packaged.reset(token)

    def server_config(self, name: str, values: Mapping[str, object]) -> str:
        from publisher.rendering.templates import SERVER_FILTERS, Templates

        # Not from the site's own folder, which may hold configuration of the same name that is no template.
        return Templates(self._folders[-1:], SERVER_FILTERS).render(f"servers/{name}", values)

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
