"""A reader's own digest as a web page: what their cohort was mailed, without anything of theirs in it, and
without posts that were withdrawn since.
"""

from datetime import datetime

from publisher.core.errors import TokenError
from publisher.core.tokens import Purpose, unseal
from publisher.services.deps import Parts
from publisher.services.digests.compose import digest_links, digest_of
from publisher.services.digests.linting import web_page


def view(parts: Parts, token: str, now: datetime) -> str:
    """The HTML of the digest that `token` speaks of. Raises TokenError; TemplateError; StoreError."""
    claim = unseal(token, Purpose.VIEW, parts.ring(), now)
    mailing = parts.store.mailing(claim.generation, counted=False)
    spec = parts.list(mailing.list) if mailing else None
    shown = parts.store.shown_to(claim.generation, claim.subscription)
    if mailing is None or spec is None or shown is None:
        raise TokenError("token", "not valid")
    posts, language = shown
    digest = digest_of(parts, spec, posts, mailing.due_before, language=language, public=True)
    return web_page(parts, digest, digest_links(parts, spec, None, mark="")).html
