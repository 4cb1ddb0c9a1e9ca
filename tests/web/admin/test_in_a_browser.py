"""The admin pages in a real browser: two widths, both color schemes, by axe; and an approval by keyboard."""

from collections.abc import Iterator
from typing import Any

import pytest
from a_browser import faults, launched, look
from admin_login import Begin, filled, paths_of
from paths import ROOT
from playwright.sync_api import Browser

LOOKS = ((360, "light"), (1280, "dark"), (360, "dark"), (1280, "light"))
ARTEFACTS = ROOT / "test-artefacts"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launched() as found:
        yield found


@pytest.mark.parametrize(
    "looks", [LOOKS[:1], pytest.param(LOOKS, marks=pytest.mark.soak)], ids=["one", "all"]
)
def test_admin_pages_are_for_everybody_and_an_approval_needs_no_mouse(
    looks: Any, begin: Begin, browser: Browser
) -> None:
    site, http = filled(begin)
    ARTEFACTS.mkdir(exist_ok=True)
    token = site.app.settings.web.admin_token_file.read_text("utf-8").split()[1]
    page = browser.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    base = str(http.base_url)
    page.goto(f"{base}/admin/login")
    shown = {"login": ""} | paths_of(site)
    for name, path in shown.items():
        if path:
            page.goto(f"{base}{path}")
        for width, scheme in looks:
            look(page, width, scheme)
            assert page.evaluate("document.documentElement.scrollWidth") <= width, (name, width)
            assert faults(page) == [], (name, width, scheme)
            page.screenshot(path=ARTEFACTS / f"admin-{name}-{width}-{scheme}.png", full_page=True)
        if name == "login":
            page.fill("#token", token)
            page.keyboard.press("Enter")
            page.wait_for_url(f"{base}/admin")
    assert all(url.startswith((base, "data:")) for url in asked), asked
    page.goto(f"{base}{paths_of(site)['mailing']}")
    page.get_by_role("button", name="Approve").focus()
    page.keyboard.press("Enter")
    page.wait_for_selector(".done")
    assert "is ready now" in page.inner_text(".done")
    page.close()
