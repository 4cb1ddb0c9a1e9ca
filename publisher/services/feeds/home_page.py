"""Pages that are documents: the start page, each list's archive, and each digest as it was mailed."""

from publisher.core.publishing.log import PublishedPost
from publisher.core.subscribers.subscription import MailingList
from publisher.services.deps import Deps
from publisher.services.feeds.documents import DocumentSpec, fingerprint
from publisher.services.feeds.feed_pages import OPML, followed

RECENT = 10
"""How many posts the start page names."""

PASSAGES, LOOKED = "digest_passages", "1"
"""The fact that pages of digests were looked through for passages that are hidden, and what it says."""


def home_page(parts: Deps) -> DocumentSpec:
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
    return DocumentSpec(
        path="index.html",
        fingerprint=fingerprint(parts.stamp, "index", values),
        make=lambda: parts.renderer.page("index", values).encode(),
    )


def _list(parts: Deps, spec: MailingList) -> dict[str, object]:
    base = parts.site.public_url
    return {
        "slug": spec.slug,
        "title": spec.title,
        "description": spec.description,
        "url": f"{base}subscribe/{spec.slug}",
        "archive": f"{base}digests/{spec.slug}/",
    }


def _post(known: PublishedPost) -> dict[str, object]:
    post = known.post
    return {
        "title": post.title,
        "url": post.url,
        "date": post.instant,
        "summary": post.summary,
        "language": post.language,
    }
