"""Mails other than digests: confirmations, welcome mails and account links; and the headers of every mail of
a list. A letter is rendered with marks, at which the frozen message later gets each reader's tokens.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from publisher.core.addresses import parse_mailbox
from publisher.core.digests.digest import DigestContent, DigestLinks, DigestPost, Layout, LetterKind
from publisher.core.mail.message import EmailContent, Placeholder, Recipe
from publisher.core.mail.mime import compose, freeze_segments
from publisher.core.site import Site
from publisher.core.subscribers.subscription import MailingList
from publisher.services.deps import Deps
from publisher.services.posts.content import digest_post

PostVersions = tuple[tuple[str, str], ...]
"""Versions of posts: (post id, revision), oldest first."""

FrozenMail = tuple[str, Recipe, Mapping[str, bytes]]
"""The subject, the recipe of the message, and the segments that the recipe names."""


def freeze_letter(letter: EmailContent) -> FrozenMail:
    """The letter as bytes that lack only what differs for each reader."""
    recipe, segments = freeze_segments(compose(letter))
    return letter.subject, recipe, segments


def digest_links(
    site: Site, spec: MailingList, mailing: int | None, *, mark: str, choosing: str = "", viewing: str = ""
) -> DigestLinks:
    """The links of a digest: of a mail, with `mark` for the reader's unsubscribe token, or of its web page,
    without marks. `choosing` is the mark in the link to the reader's preferences, `viewing` in the link to
    the digest as they got it.
    """
    base = site.public_url
    archive = f"{base}digests/{spec.slug}/"
    return DigestLinks(
        unsubscribe=f"{base}unsubscribe/{mark}" if mark else "",
        preferences=f"{base}preferences/{choosing}" if choosing else "",
        view=f"{base}view/{viewing}" if viewing else "",
        web=f"{archive}{mailing}/" if mark and mailing else "",
        archive=archive,
        subscribe=f"{base}subscribe/{spec.slug}",
    )


def welcome_message(deps: Deps, spec: MailingList, posts: PostVersions, language: str) -> FrozenMail:
    """The welcome mail, with the latest posts, to a subscriber who has confirmed."""
    versions = deps.adapters.store.post_versions(posts)
    bodies = deps.adapters.store.bodies({known.post.body_hash for known in versions})
    shown = [digest_post(deps, known, bodies[known.post.body_hash], Layout.SUMMARY) for known in versions]
    return freeze_letter(welcome_letter(deps, spec, shown, language))


def welcome_letter(deps: Deps, spec: MailingList, posts: Sequence[DigestPost], language: str) -> EmailContent:
    """The welcome mail, with marks where the subscriber's tokens go."""
    mark, choosing = f"mark{deps.process.nonce()}", f"mark{deps.process.nonce()}"
    links = digest_links(deps.rules.site, spec, None, mark=mark, choosing=choosing)
    content = deps.adapters.renderer.letter(
        LetterKind.WELCOME, spec, links, site=deps.rules.site, language=language, posts=posts
    )
    return replace(
        list_letter(spec, content, links, f"0:{spec.slug}:welcome"),
        marks={mark: Placeholder.UNSUBSCRIBE, choosing: Placeholder.PREFERENCES},
    )


def confirmation_message(deps: Deps, *lists: MailingList) -> FrozenMail:
    """The mail that asks to confirm a sign-up for one list or several."""
    return freeze_letter(confirmation_letter(deps, *lists))


def confirmation_letter(deps: Deps, *lists: MailingList) -> EmailContent:
    """The mail that asks to confirm, with marks where tokens go. It comes from the first list."""
    mark, never = f"mark{deps.process.nonce()}", f"mark{deps.process.nonce()}"
    base = deps.rules.site.public_url
    links = DigestLinks(confirm=f"{base}confirm/{mark}", never_ask=f"{base}never-ask/{never}")
    spec = replace(lists[0], title=joined_titles(lists))
    language = deps.rules.language(lists[0])
    content = deps.adapters.renderer.letter(
        LetterKind.CONFIRM, spec, links, site=deps.rules.site, language=language
    )
    return replace(
        email_content(spec, content), marks={mark: Placeholder.CONFIRM, never: Placeholder.NEVER_ASK}
    )


def joined_titles(lists: Sequence[MailingList]) -> str:
    """The titles of several lists in one line."""
    return ", ".join(spec.title for spec in lists)


def account_message(deps: Deps, spec: MailingList, place: Placeholder, language: str) -> FrozenMail:
    """The mail with a link that works once. `place` is EXPORT, ERASE or ADDRESS."""
    return freeze_letter(account_letter(deps, spec, place, language))


def account_letter(deps: Deps, spec: MailingList, place: Placeholder, language: str) -> EmailContent:
    """The mail with a link that works once, with a mark where its token goes."""
    mark = f"mark{deps.process.nonce()}"
    links = DigestLinks(**{place.value: f"{deps.rules.site.public_url}account/{place.value}/{mark}"})
    content = deps.adapters.renderer.letter(
        LetterKind.ACCOUNT, spec, links, site=deps.rules.site, language=language
    )
    return replace(email_content(spec, content), marks={mark: place})


def list_letter(spec: MailingList, content: DigestContent, links: DigestLinks, feedback: str) -> EmailContent:
    """A mail to subscribers: headers name the list and unsubscribe in one click (RFC 2369, 2919, 8058)."""
    return replace(
        email_content(spec, content),
        list_id=f"{spec.slug}.{parse_mailbox(spec.sender).address.domain}",
        list_title=spec.title,
        unsubscribe=links.unsubscribe,
        help=links.subscribe,
        archive=links.archive,
        feedback_id=f"{feedback}:publisher",
    )


def email_content(spec: MailingList, content: DigestContent) -> EmailContent:
    """A mail from a list, with nothing about the list in its headers."""
    return EmailContent(
        subject=content.subject,
        text=content.text,
        html=content.html,
        sender=spec.sender,
        reply_to=spec.reply_to,
    )
