"""Mails as a person sees them: goldens of the example site's, and each in a real browser."""

from collections.abc import Callable, Iterator, Mapping
from itertools import product
from pathlib import Path
from typing import Any, Literal

import pytest
from a_browser import launched
from axe_playwright_python.sync_playwright import Axe
from examplemails import ExampleMail, example_mail
from paths import ROOT
from playwright.sync_api import Browser, Page, Route

SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
LANGUAGES = ("en", "ar", "km")
ARTEFACTS = ROOT / "test-artefacts"
AT = "https://mail.example/"


@pytest.fixture(scope="module")
def mails(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, ExampleMail]:
    folder = tmp_path_factory.mktemp("mails")
    return {language: example_mail(folder / language, language) for language in LANGUAGES}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launched() as found:
        yield found


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_example_sites_message_is_as_it_was(
    language: str, mails: Mapping[str, ExampleMail], golden: Callable[[str, bytes], None]
) -> None:
    golden(f"mails/example.{language}.eml", mails[language].files["message.eml"])
    golden(f"mails/example.{language}.txt", mails[language].files["body.txt"])
    assert mails[language].drawn.problems == ()


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_mail(language: str, mails: Mapping[str, ExampleMail], browser: Browser) -> None:
    mail = mails[language]
    page = browser.new_page()
    asked = opened(page, mail.files["body.html"].decode(), mail.public)
    turned = "rtl" if language == "ar" else "ltr"
    assert page.evaluate("document.compatMode") == "CSS1Compat"
    assert page.evaluate("[document.documentElement.lang, document.dir]") == [language, turned]
    ARTEFACTS.mkdir(exist_ok=True)
    for width, scheme in product([320, 375, 600], SCHEMES):
        page.set_viewport_size({"width": width, "height": 800})
        page.emulate_media(color_scheme=scheme)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert serious_faults(page) == [], (width, scheme)
        assert small_links(page) == [], width
        page.screenshot(path=ARTEFACTS / f"mail-{language}-{width}-{scheme}.png", full_page=True)
    assert {kind for kind, url in asked if url != AT} <= {"image"}
    page.close()


def serious_faults(page: Page) -> list[tuple[str, str]]:
    """What axe finds that keeps somebody from reading."""
    return [
        (found["id"], found["nodes"][0]["html"][:200])
        for found in Axe().run(page).response["violations"]
        if found["impact"] in {"serious", "critical"}
    ]


def opened(page: Page, html: str, public: Path) -> list[tuple[str, str]]:
    """Shows a mail whose pictures are those of `public`; (kind, URL) of all it asked for."""
    asked: list[tuple[str, str]] = []

    def answer(route: Route) -> None:
        url = route.request.url
        asked.append((route.request.resource_type, url))
        file = public / url.removeprefix("https://lowwater.example/")
        if url == AT:
            route.fulfill(body=html, content_type="text/html; charset=utf-8")
        elif file.is_file():
            route.fulfill(path=file)
        else:
            route.abort()

    page.route("**/*", answer)
    page.goto(AT)
    return asked


def small_links(page: Page) -> Any:
    """Links apart from running text that are lower than 24 px (WCAG 2.2, 2.5.8)."""
    return page.evaluate(
        """[...document.querySelectorAll('a')].filter(a => getComputedStyle(a).display != 'inline')
           .map(a => [a.textContent, a.getBoundingClientRect().height]).filter(([_, h]) => h > 0 && h < 24)"""
    )
