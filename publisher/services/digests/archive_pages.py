"""The public pages of mailings: each digest without personal data, each list's archive, and the manifest."""

import json
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from datetime import datetime

from publisher.core.delivery.mailing import Mailing, MailingKind, MailingState
from publisher.core.digests.digest import DigestContent
from publisher.core.errors import StoreError, TemplateError
from publisher.core.posts.post import MarkupLanguage
from publisher.core.subscribers.subscription import MailingList
from publisher.ports import Store
from publisher.services.deps import Deps
from publisher.services.digests.compose import digest_of, web_page, without_mail_only
from publisher.services.feeds.documents import DocumentSpec, fingerprint, remove_documents, write_documents
from publisher.services.mail.messages import digest_links

PASSAGES, LOOKED = "digest_passages", "1"
"""The name of a fact in the store, and its value once the pages of digests were searched for private
passages.
"""

PAGE_STATES = (MailingState.READY, MailingState.PAUSED, MailingState.DONE)

_UNAVAILABLE = (
    b"<!doctype html>\n<title>No longer available</title>\n<p>This page is no longer available.</p>\n"
)
"""The page of a digest that must lose a post and that no template can make."""


def write_mailing_pages(deps: Deps, now: datetime) -> tuple[tuple[str, ...], list[str]]:
    """Brings the pages of mailings up to date: each digest without personal data, each list's archive, and
    the manifest. Returns the paths whose bytes changed, and why some digests have no page, which holds up no
    mail.
    """
    mailings = deps.adapters.store.mailings(counted=False)
    gone, problems = deps.adapters.store.posts_not_on_pages(), list[str]()
    shows_private = _with_private_passages(deps.adapters.store, mailings)
    wanted = mailing_documents(deps, mailings, gone, problems, shows_private)
    # Pages that show what is hidden now and are not made again: of mailings that were cancelled, and of lists
    # that are no longer in the settings.
    hiding = [m for m in mailings if m.id in gone or m.id in shows_private]
    stale = {path for m in hiding for path in (_path(m), f"digests/{m.list}/index.html")}
    stale -= {spec.path for spec in wanted}
    existing = deps.adapters.store.documents().keys() if hiding else ()
    remove_documents(deps, sorted(stale.intersection(existing)))
    written = write_documents(deps, wanted, now)
    if deps.adapters.store.meta(PASSAGES) != LOOKED:
        deps.adapters.store.set_meta(PASSAGES, LOOKED)
    return written, problems


def mailing_documents(
    deps: Deps,
    mailings: Sequence[Mailing],
    gone: Mapping[int, Sequence[str]],
    problems: list[str],
    shows_private: Collection[int] = (),
) -> list[DocumentSpec]:
    """The pages of digests, the archives of lists and the manifest, not yet made. `gone` has the withdrawn
    posts of each mailing. Making a page adds to `problems` why it cannot be made.
    """
    digests = [m for m in mailings if m.kind is MailingKind.DIGEST and m.state in PAGE_STATES]
    specs = [
        _digest_page(deps, m, gone.get(m.id, ()), problems, shows_private=m.id in shows_private)
        for m in digests
        if deps.rules.list(m.list)
    ]
    archives = [
        _archive(deps, spec, [m for m in digests if m.list == spec.slug], gone) for spec in deps.rules.lists
    ]
    return [*specs, *archives, _manifest(deps.adapters.store, digests)]


def _with_private_passages(store: Store, mailings: Sequence[Mailing]) -> frozenset[int]:
    """Digests whose pages, written by an older version, show private passages. Searched for once after an
    upgrade; then these pages are made again.
    """
    if store.meta(PASSAGES) == LOOKED:
        return frozenset()
    # Loaded here, since it is needed once.
    from publisher.core.posts.markdown_regions import remove_private_passages

    found: set[int] = set()
    for mailing in mailings:
        if mailing.kind is not MailingKind.DIGEST:
            continue
        with suppress(StoreError):  # a revision is gone, and with it what could be shown of it
            shown = [pair for _, pairs, _ in store.cohorts(mailing.id)[:1] for pair in pairs]
            posts = [known.post for known in store.post_versions(shown)]
            bodies = store.bodies({post.body_hash for post in posts})
            markdown = {post.body_hash: post.markup is MarkupLanguage.MARKDOWN for post in posts}
            if any(
                remove_private_passages(body, markdown=markdown[name])[0] != body
                for name, body in bodies.items()
            ):
                found.add(mailing.id)
    return frozenset(found)


def _path(mailing: Mailing) -> str:
    return f"digests/{mailing.list}/{mailing.id}/index.html"


def _digest_page(
    deps: Deps, mailing: Mailing, gone: Sequence[str], problems: list[str], *, shows_private: bool
) -> DocumentSpec:
    """The page of a digest. It shows what was mailed, so it does not change with templates: it is made again
    only when one of its posts may be shown no more, or again, and if it `shows_private` passages.
    """

    def make() -> bytes | None:
        try:
            return _content(deps, mailing).html.encode()
        except TemplateError as error:
            problems.append(f"{_path(mailing)}: not written: {error}")
            return _UNAVAILABLE if gone or shows_private else None

    again = (*([tuple(gone)] if gone else []), *(["again"] if shows_private else []))
    made_from = fingerprint("digest", mailing.id, mailing.list, *again)
    return DocumentSpec(path=_path(mailing), fingerprint=made_from, make=make)


def _content(deps: Deps, mailing: Mailing) -> DigestContent:
    """A digest as anybody may see it now, also who does not get the mail. Raises TemplateError."""
    spec = deps.rules.list(mailing.list)
    assert spec is not None  # noqa: S101  # the callers looked
    _, posts, language = deps.adapters.store.cohorts(mailing.id)[0]
    digest = digest_of(deps, spec, posts, mailing.due_before, language=language, public=True)
    digest = without_mail_only(digest)
    return web_page(deps, digest, digest_links(deps.rules.site, spec, mailing.id, mark=""))


def _archive(
    deps: Deps, spec: MailingList, mailings: list[Mailing], gone: Mapping[int, Sequence[str]]
) -> DocumentSpec:
    def title(mailing: Mailing) -> str:
        """Its subject, made anew if a post may not be shown, since it may name that post."""
        if mailing.id not in gone:
            return mailing.subject
        try:
            return _content(deps, mailing).subject
        except TemplateError:
            return spec.title

    def values() -> dict[str, object]:
        rows = [
            {"title": title(m), "date": m.due_before, "url": f"{deps.rules.site.public_url}{_path(m)[:-10]}"}
            for m in mailings
        ]
        return {
            "site": deps.rules.site,
            "spec": spec,
            "language": deps.rules.language(spec),
            "mailings": rows,
        }

    shown = [(m.id, m.subject, m.due_before, gone.get(m.id, ())) for m in mailings]
    return DocumentSpec(
        path=f"digests/{spec.slug}/index.html",
        fingerprint=fingerprint(
            deps.process.template_fingerprint,
            "archive",
            deps.rules.site,
            spec,
            deps.rules.language(spec),
            shown,
        ),
        make=lambda: deps.adapters.renderer.page("archive", values()).encode(),
    )


def _manifest(store: Store, digests: list[Mailing]) -> DocumentSpec:
    """public/manifest.json: how far log and mail have come, by which a restored store sees that it is
    behind.
    """
    head = store.head()
    value = {"log_head": head.seq, "last_mailing": max((m.id for m in digests), default=0)}
    data = (json.dumps(value, indent=2) + "\n").encode()
    return DocumentSpec(path="manifest.json", fingerprint=fingerprint("manifest", value), make=lambda: data)
