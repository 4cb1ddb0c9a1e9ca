"""Composing: posts become a digest, its content, and a message frozen as byte segments."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from publisher.core.addresses import parse_mailbox
from publisher.core.digests import Content, Digest, DigestPost, Layout, Links, Occasion
from publisher.core.lists import MailingList
from publisher.core.log import Known
from publisher.core.messages import Letter, Place, Recipe, Segment
from publisher.core.mime import compose, freeze
from publisher.services.assets import files_of, image_of
from publisher.services.parts import Parts
from publisher.services.summaries import summary_of

HTML_BUDGET = 60_000
"""Bytes of post HTML in one digest, before styles are inlined: Gmail clips a mail at 102 kB."""

Pairs = tuple[tuple[str, str], ...]
"""(post id, revision), oldest first: which versions of which posts."""

Frozen = tuple[str, Recipe, Mapping[str, bytes]]
"""A subject, the recipe of its message, and the segments the recipe names."""


def digest_of(parts: Parts, spec: MailingList, posts: Sequence[tuple[str, str]], due_at: datetime) -> Digest:
    """The digest of (post id, revision) pairs, as those revisions were. Raises StoreError if one is gone."""
    shown = posts[-spec.max_posts :]
    versions = parts.store.versions(shown)
    bodies = parts.store.bodies({known.post.body_hash for known in versions})
    share = HTML_BUDGET // max(len(versions), 1)
    made = [_digest_post(parts, known, bodies[known.post.body_hash], share) for known in versions]
    return Digest(
        site=parts.site,
        list=spec,
        language=parts.site.language,
        due_at=due_at,
        posts=tuple(made),
        more=len(posts) - len(shown),
        layout=Layout(spec.content),
    )


def _digest_post(parts: Parts, known: Known, body: str, share: int) -> DigestPost:
    post = known.post
    assert post.instant is not None  # noqa: S101  # what is in the log has passed the gate
    markup, files = parts.markup, files_of(parts, post)
    whole = markup.html(body, post.markup, base_url=post.base_url, title=post.title, files=files)
    html, cut = markup.excerpt(whole, share)
    summary = summary_of(markup, post, body, whole)
    text = summary
    if not cut:
        text = markup.text(body, post.markup, base_url=post.base_url, title=post.title, files=files)
    return DigestPost(
        id=known.id,
        revision=post.revision,
        title=post.title,
        url=post.url,
        instant=post.instant,
        language=post.language,
        html=html,
        text=text,
        cut=cut,
        summary=summary,
        authors=post.authors,
        categories=post.categories,
        image=image_of(parts, post),
    )


def digest_links(parts: Parts, spec: MailingList, mailing: int | None, *, mark: str) -> Links:
    """The links of a digest: of a mail with a reader's `mark`, of its web page with none."""
    base = parts.site.public_url
    archive = f"{base}digests/{spec.slug}/"
    return Links(
        unsubscribe=f"{base}unsubscribe/{mark}" if mark else "",
        web=f"{archive}{mailing}/" if mark and mailing else "",
        archive=archive,
        subscribe=f"{base}subscribe/{spec.slug}",
    )


def digest_message(parts: Parts, digest: Digest, mailing: int | None) -> tuple[Letter, tuple[Segment, ...]]:
    """The letter and the message of one cohort, with places for the reader's values."""
    mark = f"mark{parts.nonce()}"
    spec = digest.list
    links = digest_links(parts, spec, mailing, mark=mark)
    content = parts.renderer.digest(digest, links)
    letter = replace(
        _letter(spec, content),
        list_id=f"{spec.slug}.{parse_mailbox(spec.sender).address.domain}",
        list_title=spec.title,
        unsubscribe=links.unsubscribe,
        help=links.subscribe,
        archive=links.archive,
        feedback_id=f"{mailing or 0}:{spec.slug}:digest:publisher",
        marks={mark: Place.UNSUBSCRIBE},
    )
    return letter, compose(letter)


def confirmation_message(parts: Parts, spec: MailingList) -> Frozen:
    """The mail that asks for confirmation, frozen."""
    mark = f"mark{parts.nonce()}"
    links = Links(confirm=f"{parts.site.public_url}confirm/{mark}")
    content = parts.renderer.letter(
        Occasion.CONFIRM, spec, links, site=parts.site, language=parts.site.language
    )
    letter = replace(_letter(spec, content), marks={mark: Place.CONFIRM})
    recipe, segments = freeze(compose(letter))
    return content.subject, recipe, segments


def _letter(spec: MailingList, content: Content) -> Letter:
    return Letter(
        subject=content.subject,
        text=content.text,
        html=content.html,
        sender=spec.sender,
        reply_to=spec.reply_to,
    )
