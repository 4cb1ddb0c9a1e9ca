"""A site, a list and posts, as rendering is given them."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from declared import a_site, mailing_list
from paths import ROOT

from publisher.core.digests.digest import Digest, DigestLinks, DigestPost
from publisher.core.site import Person, Site
from publisher.core.subscribers.subscription import MailingList
from publisher.rendering import JinjaRenderer

TEMPLATES = ROOT / "templates"


@pytest.fixture
def templates() -> Path:
    return TEMPLATES


@pytest.fixture
def renderer() -> JinjaRenderer:
    return JinjaRenderer([TEMPLATES])


@pytest.fixture
def site() -> Site:
    return a_site(
        title="The River Paper",
        url="https://river.example/",
        public_url="https://river.example/",
        id_authority="river.example,2024",
        description="Essays from along the water.",
        timezone="Asia/Phnom_Penh",
        author=Person(name="Ana Lim"),
        copyright="© The River Paper",
        postal_address="12 Quay Street\nPhnom Penh",
    )


@pytest.fixture
def spec() -> MailingList:
    return mailing_list(
        slug="daily",
        title="River Daily",
        sender="The River Paper <news@river.example>",
        timezone="Asia/Phnom_Penh",
    )


@pytest.fixture
def links() -> DigestLinks:
    return DigestLinks(
        unsubscribe="https://river.example/unsubscribe/mark0123456789abcdef-_",
        web="https://river.example/digests/daily/7/",
        archive="https://river.example/digests/daily/",
        subscribe="https://river.example/subscribe/daily",
    )


def _post(**changes: Any) -> DigestPost:
    values: dict[str, Any] = {
        "id": "tag:river.example,2024:/delta/",
        "revision": "0" * 32,
        "title": "The delta in October",
        "url": "https://river.example/2024/10/25/delta/",
        "instant": datetime(2024, 10, 25, 18, 30, tzinfo=UTC),
        "language": "en",
        "html": "<p>Water rises until the moon is full.</p>",
        "text": "Water rises until the moon is full.",
        "summary": "Water rises until the moon is full.",
    }
    return DigestPost(**{**values, **changes})


@pytest.fixture
def post() -> Callable[..., DigestPost]:
    return _post


@pytest.fixture
def digest(site: Site, spec: MailingList) -> Callable[..., Digest]:
    def make(*posts: DigestPost, **changes: Any) -> Digest:
        values: dict[str, Any] = {
            "site": site,
            "list": spec,
            "language": "en",
            "due_at": datetime(2024, 10, 25, 9, 0, tzinfo=UTC),
            "posts": posts or (_post(),),
        }
        return Digest(**{**values, **changes})

    return make
