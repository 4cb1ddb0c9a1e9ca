"""Composing: posts become a digest, its content, and a message frozen as byte segments."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from publisher.core.addresses import parse_mailbox
from publisher.core.digests.digest import Content, Digest, DigestPost, Layout, Links, Occasion
from publisher.core.mail.message import Letter, Place, Recipe, Segment
from publisher.core.mail.mime import compose, freeze
from publisher.core.publishing.log import Known
from publisher.core.subscribers.subscription import MailingList
from publisher.services.deps import Parts
from publisher.services.digests.size_limit import content_of
from publisher.services.posts.digestposts import digest_post

Pairs = tuple[tuple[str, str], ...]
"""(post id, revision), oldest first: which versions of which posts."""

Frozen = tuple[str, Recipe, Mapping[str, bytes]]
"""A subject, the recipe of its message, and the segments the recipe names."""


def digest_of(
    parts: Parts,
    spec: MailingList,
    posts: Sequence[tuple[str, str]],
    due_at: datetime,
    *,
    language: str = "",
    layout: Layout | None = None,
    public: bool = False,
) -> Digest:
    """The digest of (post id, revision) pairs, as those revisions were, whole; `content_of` fits it to a
    mail. Language and layout are the list's where none is given. With `public` nothing is in it of posts
    that were withdrawn since. Raises StoreError if a revision is gone.
    """
    shown = posts[-spec.max_posts :]
    versions = parts.store.versions(shown)
    gone = {known.id for known in versions if public and not known.live}
    bodies = parts.store.bodies({known.post.body_hash for known in versions if known.id not in gone})
    more = len(posts) - len(shown)
    return digest_from(
        parts, spec, versions, bodies, due_at, more=more, language=language, layout=layout, gone=gone
    )


def digest_from(
    parts: Parts,
    spec: MailingList,
    versions: Sequence[Known],
    bodies: Mapping[str, str],
    due_at: datetime,
    *,
    more: int,
    language: str = "",
    layout: Layout | None = None,
    gone: Collection[str] = (),
) -> Digest:
    """The digest of posts as they are given, with their bodies by hash; `more` others are only counted. Of
    the ids in `gone` only their place is shown.
    """
    layout, language = layout or Layout(spec.content), language or parts.language(spec)
    return Digest(
        site=parts.site,
        list=spec,
        language=language,
        due_at=due_at,
        posts=tuple(
            _gone(due_at, language)
            if known.id in gone
            else digest_post(parts, known, bodies[known.post.body_hash], layout)
            for known in versions
        ),
        more=more,
        layout=layout,
    )


def _gone(due_at: datetime, language: str) -> DigestPost:
    """What stands in the place of a post that was withdrawn: not even its address or its date."""
    return DigestPost(
        id="",
        revision="",
        title="",
        url="",
        instant=due_at,
        language=language,
        html="",
        text="",
        gone=True,
    )


def digest_links(
    parts: Parts, spec: MailingList, mailing: int | None, *, mark: str, choosing: str = "", viewing: str = ""
) -> Links:
    """The links of a digest: of a mail with a reader's `mark`, of its web page with none. `choosing` is the
    mark of the link to the reader's preferences, `viewing` of that to this digest as they got it.
    """
    base = parts.site.public_url
    archive = f"{base}digests/{spec.slug}/"
    return Links(
        unsubscribe=f"{base}unsubscribe/{mark}" if mark else "",
        preferences=f"{base}preferences/{choosing}" if choosing else "",
        view=f"{base}view/{viewing}" if viewing else "",
        web=f"{archive}{mailing}/" if mark and mailing else "",
        archive=archive,
        subscribe=f"{base}subscribe/{spec.slug}",
    )


def composed(
    parts: Parts, digest: Digest, mailing: int | None, *, own: bool = False
) -> tuple[Letter, tuple[Segment, ...]]:
    """The letter and the message of one cohort, with places for the reader's values, not judged yet. `own`:
    it is not what the page of the mailing shows, so it links to a page of its own. Raises TemplateError.
    """
    mark, choosing, viewing = (f"mark{parts.nonce()}" for _ in range(3))
    spec = digest.list
    links = digest_links(parts, spec, mailing, mark=mark, choosing=choosing, viewing=viewing if own else "")
    content = content_of(parts, digest, links)
    letter = replace(
        _list_letter(spec, content, links, f"{mailing or 0}:{spec.slug}:digest"),
        marks={mark: Place.UNSUBSCRIBE, choosing: Place.PREFERENCES, viewing: Place.VIEW},
    )
    return letter, compose(letter)


def welcome_message(parts: Parts, spec: MailingList, posts: Pairs, language: str) -> Frozen:
    """The mail to a reader who has confirmed, with the latest posts, frozen."""
    versions = parts.store.versions(posts)
    bodies = parts.store.bodies({known.post.body_hash for known in versions})
    shown = [digest_post(parts, known, bodies[known.post.body_hash], Layout.SUMMARY) for known in versions]
    letter = welcome_letter(parts, spec, shown, language)
    recipe, segments = freeze(compose(letter))
    return letter.subject, recipe, segments


def welcome_letter(parts: Parts, spec: MailingList, posts: Sequence[DigestPost], language: str) -> Letter:
    """The mail to a reader who has confirmed, with marks where their tokens go."""
    mark, choosing = f"mark{parts.nonce()}", f"mark{parts.nonce()}"
    links = digest_links(parts, spec, None, mark=mark, choosing=choosing)
    content = parts.renderer.letter(
        Occasion.WELCOME, spec, links, site=parts.site, language=language, posts=posts
    )
    return replace(
        _list_letter(spec, content, links, f"0:{spec.slug}:welcome"),
        marks={mark: Place.UNSUBSCRIBE, choosing: Place.PREFERENCES},
    )


def confirmation_message(parts: Parts, *lists: MailingList) -> Frozen:
    """The mail that asks for confirmation of one list or several, frozen."""
    letter = confirmation_letter(parts, *lists)
    recipe, segments = freeze(compose(letter))
    return letter.subject, recipe, segments


def confirmation_letter(parts: Parts, *lists: MailingList) -> Letter:
    """The mail that asks for confirmation, with marks where tokens go. It comes from the first list."""
    mark, never = f"mark{parts.nonce()}", f"mark{parts.nonce()}"
    base = parts.site.public_url
    links = Links(confirm=f"{base}confirm/{mark}", never_ask=f"{base}never-ask/{never}")
    spec = replace(lists[0], title=titles(lists))
    language = parts.language(lists[0])
    content = parts.renderer.letter(Occasion.CONFIRM, spec, links, site=parts.site, language=language)
    return replace(_letter(spec, content), marks={mark: Place.CONFIRM, never: Place.NEVER_ASK})


def titles(lists: Sequence[MailingList]) -> str:
    """What several lists are called together."""
    return ", ".join(spec.title for spec in lists)


def account_message(parts: Parts, spec: MailingList, place: Place, language: str) -> Frozen:
    """The mail with a link that works once, frozen. `place` is EXPORT, ERASE or ADDRESS."""
    letter = account_letter(parts, spec, place, language)
    recipe, segments = freeze(compose(letter))
    return letter.subject, recipe, segments


def account_letter(parts: Parts, spec: MailingList, place: Place, language: str) -> Letter:
    """The mail with a link that works once, with a mark where its token goes."""
    mark = f"mark{parts.nonce()}"
    links = Links(**{place.value: f"{parts.site.public_url}account/{place.value}/{mark}"})
    content = parts.renderer.letter(Occasion.ACCOUNT, spec, links, site=parts.site, language=language)
    return replace(_letter(spec, content), marks={mark: place})


def _list_letter(spec: MailingList, content: Content, links: Links, feedback: str) -> Letter:
    """What subscribers get: with the list in its header, and one click to leave (RFC 2369, 2919, 8058)."""
    return replace(
        _letter(spec, content),
        list_id=f"{spec.slug}.{parse_mailbox(spec.sender).address.domain}",
        list_title=spec.title,
        unsubscribe=links.unsubscribe,
        help=links.subscribe,
        archive=links.archive,
        feedback_id=f"{feedback}:publisher",
    )


def _letter(spec: MailingList, content: Content) -> Letter:
    return Letter(
        subject=content.subject,
        text=content.text,
        html=content.html,
        sender=spec.sender,
        reply_to=spec.reply_to,
    )
