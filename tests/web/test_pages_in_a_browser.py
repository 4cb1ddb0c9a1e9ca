"""Every page that readers see, in a real browser: each language, two widths, light and dark, by axe."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from a_browser import faults, launched, look
from paths import ROOT
from playwright.sync_api import Browser, Page
from signing_up import sign_up

from publisher.core.addresses import parse_address
from publisher.core.tokens import Claim, Purpose, mailbox_key, sign, split_mailbox_key
from publisher.services.subscribers import subscribe
from publisher.web.pages import signup

ARTEFACTS = ROOT / "test-artefacts"
TITLES = {
    "en": ("Low Water", "Every new essay, on the evening it appears."),
    "ar": ("مجلة المرسى", "كل مقال جديد في مساء يوم نشره."),
    "km": ("ទឹកស្រក", "អត្ថបទថ្មីៗ នៅល្ងាចថ្ងៃដែលវាផ្សាយ។"),
    "ja": ("ひき潮", "新しい随筆を、公開した日の夕方に。"),
}
TOML = """
[site]
title = "{title}"
description = "{text}"
url = "https://harbour.example/"
language = "{language}"
id_authority = "harbour.example,2026"

[[lists]]
slug = "daily"
title = "{title}"
description = "{text}"
from = "Low Water <news@harbour.example>"
readers_choose = ["cadence", "hour", "topics", "language"]
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launched() as found:
        yield found


LOOKS = ((375, "light"), (1200, "dark"), (375, "dark"), (1200, "light"))
"""Widths in CSS pixels, and colours. What the first two show is the shape of each width, and both colours."""


@pytest.mark.parametrize(
    ("language", "looks"),
    [
        ("en", LOOKS[:2]),
        ("ar", LOOKS[:2]),
        *(pytest.param(language, LOOKS, marks=pytest.mark.soak, id=f"{language}-all") for language in TITLES),
    ],
)
def test_pages_are_for_everybody_in_every_language(
    language: str, looks: Any, start: Any, browser: Browser
) -> None:
    paths = pages_of(language, start)
    ARTEFACTS.mkdir(exist_ok=True)
    page = browser.new_page()
    asked: list[tuple[str, str]] = []
    page.on("request", lambda request: asked.append((request.resource_type, request.url)))
    for name, address in paths.items():
        asked.clear()
        page.goto(address)
        assert {kind for kind, _ in asked} == {"document"}, (name, asked)
        turned = "rtl" if language == "ar" else "ltr"
        assert page.evaluate("[document.documentElement.lang, document.documentElement.dir]") == [
            language,
            turned,
        ], name
        for width, scheme in looks:
            look(page, width, scheme)
            assert page.evaluate("document.documentElement.scrollWidth") <= width, (name, width)
            assert faults(page) == [], (name, width, scheme)
            page.screenshot(path=ARTEFACTS / f"page-{name}-{language}-{width}-{scheme}.png", full_page=True)
    page.close()


def pages_of(language: str, start: Any) -> Mapping[str, str]:
    """The addresses of a site's pages: one reader has a digest, another has still to confirm."""
    title, text = TITLES[language]
    site = start(TOML.format(title=title, text=text, language=language))
    site.app.publish()
    spec, deps = site.app.deps.rules.lists[0], site.app.deps
    for name, confirmed in (("ann", True), ("bo", False)):
        subscribe.add(deps, spec, f"{name}@example.org", site.clock.now, confirmed=confirmed)
    for name, other in (("one", language), ("two", "en")):
        front = f"title: {title} {name}\ndate: 2026-05-01T13:00:00Z\ntags: [{name}]\nlang: {other}"
        (site.app.settings.posts.dir / f"{name}.md").write_text(f"---\n{front}\n---\n{text}\n", "utf-8")
    site.clock.move(days=1)
    site.app.publish()
    found = {s.address[0]: s for s in site.app.store.subscriptions(None, None)}
    mailing = max(site.app.store.mailings(counted=False), key=lambda one: one.id)

    def link(name: str, purpose: Purpose, who: Any, generation: int | None = None) -> str:
        number = who.generation if generation is None else generation
        claim = Claim(purpose=purpose, subscription=who.id, generation=number)
        return f"{site.server.url}/{name}/{sign(claim, site.app.ring)}"

    return {
        "never-ask": f"{site.server.url}/never-ask/{never_ask(site)}",
        "start": f"{site.server.url}/",
        "feed": f"{site.server.url}/feed.html",
        "archive": f"{site.server.url}/digests/daily/",
        "subscribe": f"{site.server.url}/subscribe/daily",
        "confirm": link("confirm", Purpose.CONFIRM, found["b"]),
        "preferences": link("preferences", Purpose.PREFERENCES, found["a"]),
        "unsubscribe": link("unsubscribe", Purpose.UNSUBSCRIBE, found["a"]),
        "view": link("view", Purpose.VIEW, found["a"], mailing.id),
        "nothing": f"{site.server.url}/nothing",
    }


def never_ask(site: Any) -> str:
    subscription, generation = split_mailbox_key(mailbox_key(parse_address("bo@example.org"), site.app.ring))
    claim = Claim(purpose=Purpose.NEVER_ASK, subscription=subscription, generation=generation)
    return sign(claim, site.app.ring)


@pytest.mark.parametrize("language", ["en", "ar"])
def test_under_pressure_a_person_waits_for_a_button_and_presses_it(
    language: str, start: Any, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signup, "RESPONSE_INTERVAL", 0.001)
    title, text = TITLES[language]
    site = start(TOML.format(title=title, text=text, language=language))
    for n in range(30):
        sign_up(site, f"bo{n}@gmail.com", wait=2)
        site.clock.move(seconds=-2)
    page = browser.new_page()
    page.goto(f"{site.server.url}/subscribe/daily")
    page.fill("#address", "bo@gmail.com")
    site.clock.move(seconds=2)
    button = page.locator("button")
    press(page)
    assert page.locator(".wait").count() == 1
    assert not button.is_visible()
    for width, scheme in ((320, "dark"), (1200, "light")):
        look(page, width, scheme)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert faults(page) == []
        page.screenshot(path=ARTEFACTS / f"page-wait-{language}-{width}-{scheme}.png", full_page=True)
    page.evaluate("document.getAnimations().forEach(one => one.finish())")
    assert button.is_visible()
    page.screenshot(path=ARTEFACTS / f"page-waited-{language}.png", full_page=True)
    press(page)
    assert page.locator(".problem").is_visible()
    site.clock.move(seconds=20)
    page.evaluate("document.getAnimations().forEach(one => one.finish())")
    press(page)
    assert page.locator("form").count() == 0
    assert len(list(site.app.store.subscriptions("daily", None))) == 31
    page.goto(f"{site.server.url}/never-ask/{never_ask(site)}")
    press(page)
    assert page.locator("form").count() == 0
    assert faults(page) == []
    page.close()


def press(page: Page) -> None:
    """Presses the one button and waits for the page that it leads to."""
    with page.expect_navigation():
        page.click("button")
