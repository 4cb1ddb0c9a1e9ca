"""Letters to one reader: confirmation, welcome."""

from collections.abc import Callable

import pytest

from publisher.core.digests.digest import DigestLinks, DigestPost, LetterKind
from publisher.core.mail.lint import lint
from publisher.core.mail.message import EmailContent, Letterhead, Placeholder, fill
from publisher.core.mail.mime import compose
from publisher.core.site import Site
from publisher.core.subscribers.subscription import MailingList
from publisher.rendering import JinjaRenderer

MARK = "mark0123456789abcdef-_"
DATE, TO = b"Mon, 5 Oct 2026 08:00:00 +0000", b"ann@example.org"


def test_a_welcome_shows_the_latest_posts_and_the_way_out(
    site: Site, spec: MailingList, post: Callable[..., DigestPost], renderer: JinjaRenderer
) -> None:
    links = DigestLinks(unsubscribe=f"https://river.example/unsubscribe/{MARK}")
    content = renderer.letter(LetterKind.WELCOME, spec, links, site=site, language="en", posts=[post()])
    assert content.subject == "Welcome to River Daily"
    for part in (content.text, content.html):
        assert "https://river.example/2024/10/25/delta/" in part
        assert links.unsubscribe in part


@pytest.mark.parametrize("language", ["en", "de", "fr", "es", "ja", "zh", "ar", "he", "km"])
def test_a_link_that_works_once_comes_in_every_language(
    site: Site, spec: MailingList, renderer: JinjaRenderer, language: str
) -> None:
    seen: set[str] = set()
    for word in ("export", "erase", "address"):
        links = DigestLinks(**{word: f"https://river.example/account/{word}/{MARK}"})
        content = renderer.letter(LetterKind.ACCOUNT, spec, links, site=site, language=language)
        letter = EmailContent(
            subject=content.subject,
            text=content.text,
            html=content.html,
            sender="River <a@river.example>",
            marks={MARK: Placeholder(word)},
        )
        message = fill(
            compose(letter),
            dict.fromkeys(Placeholder, b"x" * 46) | {Placeholder.DATE: DATE, Placeholder.TO: TO},
        )
        assert lint(message, Letterhead(bulk=False, unsubscribe="", local=False)) == ()
        assert content.text.count(MARK) == 1
        assert content.html.count(MARK) == 2  # once for Outlook
        assert "30" in content.text
        assert language == "en" or "Somebody" not in content.text + content.html
        assert f'dir="{"rtl" if language in ("ar", "he") else "ltr"}"' in content.html
        seen.add(content.subject)
    assert len(seen) == 3
