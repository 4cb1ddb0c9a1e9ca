"""What a person sees, in a real browser: every width, light and dark, images only from where they are."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from itertools import product
from typing import Any, Literal

import pytest
from a_browser import launched
from axe_playwright_python.sync_playwright import Axe
from paths import ROOT
from playwright.sync_api import Browser, Page

from publisher.core.tokens import Claim, Purpose, sign
from publisher.stores.files.keyring import load_keyring

SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
ARTEFACTS = ROOT / "test-artefacts"

POSTS = {
    "en.md": "---\ntitle: A table at low tide\ndate: 2024-10-21\ntags: [tides]\n---\n"
    "Words, `code` and\n\n| hour | rise |\n|---|---:|\n| 1 | 1/12 |\n\nEbb\n: When the sea goes.\n\n"
    "```\n" + "x" * 200 + "\n```\n\n"
    "![a chart](https://images.example/wide.png)\n",
    "ar.md": "---\ntitle: الحضرة\ndate: 2024-10-21\nlang: ar\n---\nنص قصير عن البحر، and some English.\n",
    "km.md": "---\ntitle: ទន្លេសាប\ndate: 2024-10-21\nlang: km\n---\nព្រះរាជាណាចក្រកម្ពុជា។\n",
}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launched() as found:
        yield found


@pytest.fixture(scope="module")
def served(new_site: Any, running_site: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    site = new_site(tmp_path_factory.mktemp("pages") / "site")
    site.settings((site.folder / "publisher.toml").read_text() + "\n[posts]\npages = true\n")
    site.publish("2024-10-20T03:00:00Z")
    site.reader("ann@example.org", "2024-10-20T04:00:00Z")
    for name, text in POSTS.items():
        site.post(name, text)
    site.publish("2024-10-21T09:00:00Z")
    server = running_site(site, "--web-only")
    server.site = site
    yield server
    server.stop()


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/digests/daily/",
        "/digests/daily/1/",
        "/posts/2024/10/21/en/",
        "/posts/2024/10/21/ar/",
        "/subscribe/daily",
        "/nothing",
    ],
)
def test_a_page(path: str, browser: Browser, served: Any) -> None:
    page = browser.new_page()
    asked: list[tuple[str, str]] = []
    page.on("request", lambda request: asked.append((request.resource_type, request.url)))
    page.route("https://images.example/**", lambda route: route.abort())
    page.goto(served.url + path)
    ARTEFACTS.mkdir(exist_ok=True)
    name = path.strip("/").replace("/", "-") or "start"
    for width, scheme in product([320, 375, 600, 1200], SCHEMES):
        page.set_viewport_size({"width": width, "height": 800})
        page.emulate_media(color_scheme=scheme)
        check(page, width)
        page.screenshot(path=ARTEFACTS / f"{name}-{width}-{scheme}.png", full_page=True)
    assert {kind for kind, url in asked if url != served.url + path} <= {"image", "other"}, asked
    page.close()


@pytest.mark.parametrize("path", ["/", "/posts/2024/10/21/en/", "/posts/2024/10/21/ar/", "/subscribe/daily"])
def test_a_page_is_for_everybody(path: str, browser: Browser, served: Any) -> None:
    """By axe's rules for WCAG 2.2: contrast, names, landmarks, and what scrolls by the keyboard."""
    page = browser.new_page(viewport={"width": 320, "height": 800})
    page.route("https://images.example/**", lambda route: route.abort())
    page.goto(served.url + path)
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme)
        found = Axe().run(page).response["violations"]
        assert [(rule["id"], [node["html"][:100] for node in rule["nodes"]]) for rule in found] == [], scheme
    page.close()


def test_columns_and_terms_stand_as_their_author_wrote_them(browser: Browser, served: Any) -> None:
    page = browser.new_page()
    page.route("https://images.example/**", lambda route: route.abort())
    page.goto(served.url + "/posts/2024/10/21/en/")
    style = "e => [getComputedStyle(e).textAlign, Number(getComputedStyle(e).fontWeight) > 500]"
    found = [page.locator(f".post {name}").last.evaluate(style) for name in ("th", "td", "dt", "dd")]
    assert found == [["end", True], ["end", False], ["start", True], ["start", False]]
    page.close()


def test_a_reader_is_forgotten_by_a_link_that_was_mailed(browser: Browser, served: Any) -> None:
    """From their preferences, in the dark, on a small screen; each page by the rules of axe."""
    ring = load_keyring(served.site.folder / ".publisher" / "secret", create=False, random=os.urandom)
    token = sign(Claim(purpose=Purpose.PREFERENCES, subscription=1, generation=1), ring)
    context = browser.new_context(viewport={"width": 320, "height": 800})
    page = context.new_page()
    page.emulate_media(color_scheme="dark")
    page.goto(f"{served.url}/preferences/{token}")
    look_at(page, "preferences")
    press(page, "Delete my data")
    look_at(page, "check-your-mail")
    served.site.run("deliver")
    text = served.site.mails_to("ann@example.org")[-1].get_body(("plain",)).get_content()
    [path] = re.findall(r"https://harbour\.example(/account/erase/\S+)", text)
    page.goto(served.url + path)
    look_at(page, "be-forgotten")
    press(page, "Delete my data")
    look_at(page, "forgotten")
    assert "Your data is deleted" in page.inner_text("h1")
    assert page.goto(served.url + path).status == 404
    context.close()


def press(page: Page, button: str) -> None:
    """Presses a button and waits for the page that it leads to."""
    with page.expect_navigation():
        page.get_by_role("button", name=button).click()


def look_at(page: Page, name: str) -> None:
    """The rules of `test_a_page` and of axe; keeps a picture."""
    check(page, 320)
    found = Axe().run(page).response["violations"]
    assert [(rule["id"], [node["html"][:100] for node in rule["nodes"]]) for rule in found] == []
    ARTEFACTS.mkdir(exist_ok=True)
    page.screenshot(path=ARTEFACTS / f"account-{name}.png", full_page=True)


def check(page: Page, width: int) -> None:
    assert page.evaluate("document.compatMode") == "CSS1Compat"
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("h1").count() == 1
    assert page.evaluate("document.documentElement.lang") == "en"
    assert page.evaluate("document.scripts.length") == 0
    small = page.evaluate(
        """[...document.querySelectorAll('a, button, input:not([type=hidden])')]
           .filter(e => getComputedStyle(e).display != 'inline' && e.offsetParent && e.tabIndex >= 0)
           .map(e => [e.outerHTML.slice(0, 80), e.getBoundingClientRect().height])
           .filter(([_, height]) => height > 0 && height < 24)"""
    )
    assert small == []


def test_the_sign_up_form_works_with_the_keyboard_alone(browser: Browser, served: Any) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(served.url + "/subscribe/daily")
    page.get_by_label("address", exact=False).first.focus()
    page.keyboard.type("bo@example.org")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    assert "check your inbox" in page.inner_text("main").lower()
    context.close()


def test_a_preview_shows_the_mail_at_each_width_light_and_dark(browser: Browser, served: Any) -> None:
    command = [sys.executable, "-m", "publisher", "preview", "daily", "--serve", "--port", "0"]
    with subprocess.Popen(
        [*command, "--site", str(served.site.folder)], stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        try:
            line = next(line for line in process.stderr if "http://" in line)
            url = line[line.index("http://") :].split()[0]
            for width, scheme in zip((375, 1200), SCHEMES, strict=True):
                page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
                page.route("https://images.example/**", lambda route: route.abort())
                page.goto(url)
                for n in range(3):
                    mail = page.frame_locator("iframe").nth(n)
                    said = mail.locator("meta[name=color-scheme]").get_attribute("content")
                    assert said == f"only {scheme}"
                assert page.evaluate("document.documentElement.scrollWidth") <= width
                page.screenshot(path=ARTEFACTS / f"preview-{width}-{scheme}.png", full_page=True)
                page.get_by_label("dark").set_checked(True)
                with page.expect_request(re.compile(r"body\.html\?dark&bare&")):
                    page.get_by_label("images off").check()
                page.close()
        finally:
            process.kill()
