"""Letters to one reader: confirmation, welcome, goodbye."""

from collections.abc import Callable

from publisher.core.digests import DigestPost, Links, Occasion
from publisher.core.lists import MailingList
from publisher.core.site import Site
from publisher.rendering import JinjaRenderer

MARK = "mark0123456789abcdef-_"


def test_a_welcome_shows_the_latest_posts_and_the_way_out(
    site: Site, spec: MailingList, post: Callable[..., DigestPost], renderer: JinjaRenderer
) -> None:
    links = Links(unsubscribe=f"https://river.example/unsubscribe/{MARK}")
    content = renderer.letter(Occasion.WELCOME, spec, links, site=site, language="en", posts=[post()])
    assert content.subject == "Welcome to River Daily"
    for part in (content.text, content.html):
        assert "https://river.example/2024/10/25/delta/" in part
        assert links.unsubscribe in part


def test_a_goodbye_has_the_way_back_and_no_token(
    site: Site, spec: MailingList, renderer: JinjaRenderer
) -> None:
    links = Links(subscribe="https://river.example/subscribe/daily")
    content = renderer.letter(Occasion.GOODBYE, spec, links, site=site, language="en")
    assert content.subject == "You have left River Daily"
    for part in (content.text, content.html):
        assert links.subscribe in part
        assert "nsubscribe" not in part
