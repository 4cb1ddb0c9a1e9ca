"""Pages that are documents: the start page, each list's archive, and each digest as it was mailed."""

import json

from publisher.core.errors import TemplateError
from publisher.core.lists import MailingList
from publisher.core.log import Known
from publisher.core.mailings import Mailing, MailingKind, MailingState
from publisher.services.compose import digest_links, digest_of
from publisher.services.documents import Wanted, fingerprint
from publisher.services.feedpages import OPML, followed
from publisher.services.linting import web_page
from publisher.services.parts import Parts

RECENT = 10
"""How many posts the start page names."""

PAGES_FROM = (MailingState.READY, MailingState.PAUSED, MailingState.DONE)


def home_page(parts: Parts) -> Wanted:
    """public/index.html: what this publication is and how to follow it."""
    newest = parts.store.newest(RECENT)
    lists = [_list(parts, spec) for spec in parts.lists]
    values: dict[str, object] = {
        "site": parts.site,
        **followed(parts),
        "outline": parts.site.public_url + OPML,
        "lists": lists,
        "posts": [_post(known) for known in newest],
    }
    return Wanted(
        path="index.html",
        fingerprint=fingerprint(parts.stamp, "index", values),
        make=lambda: parts.renderer.page("index", values).encode(),
    )


def mailing_pages(parts: Parts, problems: list[str]) -> list[Wanted]:
    """Each digest as a page without personal data, each list's archive, and the manifest. While they are
    made, why a digest has no page is added to `problems`: it holds up no mail.
    """
    mailings = parts.store.mailings(counted=False)
    digests = [m for m in mailings if m.kind is MailingKind.DIGEST and m.state in PAGES_FROM]
    wanted = [_digest_page(parts, mailing, problems) for mailing in digests if parts.list(mailing.list)]
    wanted += [_archive(parts, spec, [m for m in digests if m.list == spec.slug]) for spec in parts.lists]
    return [*wanted, _manifest(parts, digests)]


def _digest_page(parts: Parts, mailing: Mailing, problems: list[str]) -> Wanted:
    """Made once: a digest page does not change when templates do; it is what was mailed."""
    spec = parts.list(mailing.list)
    assert spec is not None  # noqa: S101  # the caller looked

    def make() -> bytes | None:
        _, posts, language = parts.store.cohorts(mailing.id)[0]
        digest = digest_of(parts, spec, posts, mailing.due_before, language=language)
        try:
            return web_page(parts, digest, digest_links(parts, spec, mailing.id, mark="")).encode()
        except TemplateError as error:
            problems.append(f"{path}: not written: {error}")
            return None

    path = f"digests/{mailing.list}/{mailing.id}/index.html"
    return Wanted(path=path, fingerprint=fingerprint("digest", mailing.id, mailing.list), make=make)


def _archive(parts: Parts, spec: MailingList, mailings: list[Mailing]) -> Wanted:
    rows = [
        {
            "title": m.subject,
            "date": m.due_before,
            "url": f"{parts.site.public_url}digests/{spec.slug}/{m.id}/",
        }
        for m in mailings
    ]
    values: dict[str, object] = {
        "site": parts.site,
        "spec": spec,
        "language": parts.language(spec),
        "mailings": rows,
    }
    return Wanted(
        path=f"digests/{spec.slug}/index.html",
        fingerprint=fingerprint(parts.stamp, "archive", values),
        make=lambda: parts.renderer.page("archive", values).encode(),
    )


def _manifest(parts: Parts, digests: list[Mailing]) -> Wanted:
    """public/manifest.json: how far the log and the mail are, for a restored store to see it is behind."""
    head = parts.store.head()
    value = {"log_head": head.seq, "last_mailing": max((m.id for m in digests), default=0)}
    data = (json.dumps(value, indent=2) + "\n").encode()
    return Wanted(path="manifest.json", fingerprint=fingerprint("manifest", value), make=lambda: data)


def _list(parts: Parts, spec: MailingList) -> dict[str, object]:
    base = parts.site.public_url
    return {
        "slug": spec.slug,
        "title": spec.title,
        "description": spec.description,
        "url": f"{base}subscribe/{spec.slug}",
        "archive": f"{base}digests/{spec.slug}/",
    }


def _post(known: Known) -> dict[str, object]:
    post = known.post
    return {
        "title": post.title,
        "url": post.url,
        "date": post.instant,
        "summary": post.summary,
        "language": post.language,
    }
