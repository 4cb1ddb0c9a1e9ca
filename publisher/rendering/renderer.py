"""JinjaRenderer: digests and letters as mails, and pages, from the template folders."""

import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from publisher.core.digests import Content, Digest, DigestPost, Links, Occasion
from publisher.core.lists import MailingList
from publisher.core.site import Site, direction
from publisher.rendering import filters
from publisher.rendering.fitting import fit
from publisher.rendering.inlining import inline

if TYPE_CHECKING:
    from publisher.rendering.environment import Templates

_BLANK_LINES = re.compile(r"\n{3,}")
_TRAILING = re.compile(r"[ \t]+$", re.MULTILINE)


class JinjaRenderer:
    """`ports.Renderer` over folders of templates: the site's own first, the packaged ones last.

    A file in an earlier folder replaces the one of the same name in a later one. Nothing is read before
    it is asked for; a template that changes on disk is read again.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = tuple(folders)

    def digest(self, digest: Digest, links: Links) -> Content:
        """The digest as a mail or, without an unsubscribe link, as the web page of that mail.

        The HTML is at most 90 kB, its styles inlined. Raises TemplateError.
        """
        name = f"email/{digest.list.template}"
        subject = self._subject(name, _digest_values(digest, links))

        def values(it: Digest) -> dict[str, object]:
            return {**_digest_values(it, links), "subject": subject}

        shown, html = fit(digest, lambda it: self._html(f"{name}/body.html", values(it)))
        return Content(subject=subject, text=self._text(name, values(shown)), html=html)

    def letter(
        self,
        occasion: Occasion,
        spec: MailingList,
        links: Links,
        *,
        site: Site,
        language: str,
        posts: Sequence[DigestPost] = (),
    ) -> Content:
        """A mail to one reader about their subscription: templates/email/<occasion>/.

        It carries nothing a visitor typed. Raises TemplateError.
        """
        name = f"email/{occasion.value}"
        values: dict[str, object] = {"site": site, "list": spec, "links": links, "posts": tuple(posts)}
        values |= {"zone": spec.timezone, **_tongue(language)}
        values["subject"] = subject = self._subject(name, values)
        return Content(
            subject=subject, text=self._text(name, values), html=self._html(f"{name}/body.html", values)
        )

    def page(self, name: str, values: Mapping[str, object]) -> str:
        """templates/web/<name>.html as a whole HTML document. Raises TemplateError.

        `language` and `direction` may be left out: they are the site's then.
        """
        site = values.get("site")
        given = values.get("language") or (site.language if isinstance(site, Site) else "en")
        return filters.clean(self._templates.render(f"web/{name}.html", {**_tongue(str(given)), **values}))

    @cached_property
    def _templates(self) -> "Templates":
        from publisher.rendering.environment import Templates  # Jinja is slow to import

        return Templates(self._folders)

    def _subject(self, name: str, values: Mapping[str, object]) -> str:
        """One line: the list's own Jinja source where it has one (digests only), else subject.txt."""
        spec = values.get("list")
        if isinstance(spec, MailingList) and spec.subject and "digest" in values:
            said = self._templates.render_source(f"lists.{spec.slug}.subject", spec.subject, values)
        else:
            said = self._templates.render(f"{name}/subject.txt", values)
        return filters.one_line(said)

    def _text(self, name: str, values: Mapping[str, object]) -> str:
        text = filters.clean(self._templates.render(f"{name}/body.txt", values))
        return _BLANK_LINES.sub("\n\n", _TRAILING.sub("", text)).strip("\n") + "\n"

    def _html(self, name: str, values: Mapping[str, object]) -> str:
        return filters.clean(inline(filters.clean(self._templates.render(name, values)), f"templates/{name}"))


def _tongue(language: str) -> dict[str, object]:
    return {"language": language, "direction": direction(language)}


def _digest_values(digest: Digest, links: Links) -> dict[str, object]:
    """What digest templates are given; documented at their top."""
    return {
        "digest": digest,
        "site": digest.site,
        "list": digest.list,
        "posts": digest.posts,
        "links": links,
        "zone": digest.list.timezone,
        "subject": filters.subject(digest),
        "preheader": filters.preheader(digest),
        **_tongue(digest.language),
    }
