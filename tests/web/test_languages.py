"""Pages in the language of who reads them: a reader's own, else that of the list, else the site's."""

import re
from typing import Any

import pytest

from publisher.core.subscribers.subscription import ContentPreference, Preferences
from publisher.core.tokens import Claim, Purpose, sign
from publisher.services.subscribers import subscribe
from publisher.web.pages.base import negotiate_language

LISTS = """
[[lists]]
slug = "{0}"
title = "The Harbour {0}"
from = "The Harbour <news@harbour.example>"
"""
TOML = (
    '[site]\ntitle = "The Harbour"\nurl = "https://harbour.example/"\n'
    + (LISTS.format("all") + 'readers_choose = ["language"]\n')
    + (LISTS.format("khmer") + 'where = {language = "km"}\n')
)
POST = "---\ntitle: One\ndate: 2026-04-30\nlang: {0}\n---\nWords.\n"


@pytest.fixture
def site(start: Any) -> Any:
    running = start(TOML)
    for language in ("ar", "km"):
        file = running.app.settings.posts.dir / f"{language}.md"
        file.write_text(POST.format(language), encoding="utf-8")
    running.app.publish()
    return running


def spoken(answer: Any) -> str:
    """What a page says it speaks."""
    found = re.search(r'<html lang="([\w-]+)" dir="(\w+)">', answer.text)
    assert found is not None
    assert found[2] == ("rtl" if found[1] == "ar" else "ltr")
    return found[1]


def reader(site: Any, slug: str, *, confirmed: bool = True) -> Any:
    spec = site.app.deps.rules.list(slug)
    subscribe.add(site.app.deps, spec, f"{slug}@example.org", site.clock.now, confirmed=confirmed)
    return next(s for s in site.app.store.subscriptions(slug, None))


def path(site: Any, name: str, purpose: Purpose, found: Any) -> str:
    claim = Claim(purpose=purpose, subscription=found.id, generation=found.generation)
    return f"/{name}/{sign(claim, site.app.ring)}"


def test_a_form_speaks_as_its_list_whatever_the_browser_likes(site: Any) -> None:
    answer = site.http.get("/subscribe/khmer", headers={"Accept-Language": "en"})
    assert spoken(answer) == "km"
    assert "អាសយដ្ឋានអ៊ីមែលរបស់អ្នក" in answer.text


@pytest.mark.parametrize(
    ("accept", "language"),
    [
        ("km-KH,km;q=0.9,en;q=0.8", "km"),
        ("en;q=0.2, km;q=0.1", "en"),
        ("fr", "en"),
        (None, "en"),
        ("*", "en"),
    ],
)
@pytest.mark.parametrize("page", ["/subscribe", "/nothing", "/confirm/broken"])
def test_a_page_for_readers_of_several_languages_asks_the_browser(
    page: str, accept: str | None, language: str, site: Any
) -> None:
    answer = site.http.get(page, headers={"Accept-Language": accept} if accept else {})
    assert spoken(answer) == language
    assert answer.headers["vary"] == "Accept-Language"


@pytest.mark.parametrize(
    ("accept", "spoken", "best"),
    [
        (b"", ["en", "de"], "en"),
        (b"de", ["en", "de"], "de"),
        (b"de-AT", ["en", "de"], "de"),
        (b"pt", ["en", "pt-BR"], "pt-BR"),
        (b"fr, de;q=0.5, en;q=0.4", ["en", "de"], "de"),
        (b"de;q=0", ["en", "de"], "en"),
        (b"\xff\xfe, de;;, de;q=7", ["en", "de"], "en"),
    ],
)
def test_the_browser_is_asked_by_weight(accept: bytes, spoken: list[str], best: str) -> None:
    assert negotiate_language({"headers": [(b"accept-language", accept)]}, spoken) == best


def test_a_readers_pages_speak_what_the_reader_chose(site: Any) -> None:
    found = reader(site, "all")
    assert spoken(site.http.get(path(site, "preferences", Purpose.PREFERENCES, found))) == "en"
    wish = Preferences(content=ContentPreference(language="ar"))
    site.app.store.set_preferences(found.id, found.generation, wish, None)
    headers = {"Accept-Language": "km"}
    leaving = path(site, "unsubscribe", Purpose.UNSUBSCRIBE, found)
    assert (
        spoken(site.http.get(path(site, "preferences", Purpose.PREFERENCES, found), headers=headers)) == "ar"
    )
    assert spoken(site.http.get(leaving, headers=headers)) == "ar"
    left = site.http.post(leaving, headers=headers)
    assert spoken(left) == "ar"
    assert "أُلغي اشتراكك" in left.text


def test_pages_and_mails_of_a_list_in_one_language_speak_it(site: Any) -> None:
    found = reader(site, "khmer", confirmed=False)
    confirming = path(site, "confirm", Purpose.CONFIRM, found)
    assert spoken(site.http.get(confirming)) == spoken(site.http.post(confirming)) == "km"
    subscribe.send_confirmation(site.app.deps, site.app.deps.rules.list("khmer"), found, site.clock.now)
    mailing = site.app.store.mailings(counted=False)[0]
    assert mailing.subject == "សូមបញ្ជាក់៖ The Harbour khmer"


def test_documents_speak_the_sites_language_and_archives_that_of_their_list(site: Any) -> None:
    assert spoken(site.http.get("/")) == spoken(site.http.get("/digests/all/")) == "en"
    archive = site.http.get("/digests/khmer/", headers={"Accept-Language": "en"})
    assert spoken(archive) == "km"


def test_a_catalogue_that_changed_makes_documents_again(start: Any) -> None:
    running = start(TOML.replace("[site]", '[site]\nlanguage = "de"', 1))
    running.app.publish()
    assert "Per E-Mail folgen" in (running.public / "index.html").read_text()
    own = running.app.settings.folder / "templates" / "languages" / "de.po"
    own.parent.mkdir(parents=True)
    head = 'msgid ""\nmsgstr "Language: de\\n"\n\n'
    own.write_text(head + 'msgid "Follow by email"\nmsgstr "Ins Postfach"\n')
    running.app.publish()
    assert "Ins Postfach" in (running.public / "index.html").read_text()
