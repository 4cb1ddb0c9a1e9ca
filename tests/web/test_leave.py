"""Unsubscribe links of another service: whoever follows one can leave, and nobody learns who reads."""

import email
import email.policy
import re
from typing import Any

import pytest

from publisher.core.posts.page_paths import APP_NAMES
from publisher.services.feeds.server_snippets import SERVERS, server_config
from publisher.services.subscribers import departures, subscribe

TOML = """
[site]
title = "The Harbour"
url = "https://harbour.example/"

[[lists]]
slug = "daily"
from = "The Harbour <news@harbour.example>"

[[lists]]
slug = "weekly"
cadence = "weekly"
from = "The Harbour <news@harbour.example>"

[web]
legacy_unsubscribe = ["/unsubscribe/?uuid=", "/subscription/*"]
"""
GHOST, LISTMONK = "/unsubscribe/?uuid=0b7d&newsletter=x", "/subscription/1a/2b"


@pytest.fixture
def site(start: Any) -> Any:
    running = start(TOML)
    running.app.publish()
    for spec in running.app.deps.rules.lists:
        subscribe.add(running.app.deps, spec, "ann@example.org", running.clock.now, confirmed=True)
    return running


def leave(site: Any, address: str, link: str = GHOST, **more: str) -> Any:
    """The answer to the form, sent as a browser does: to the address it is shown at."""
    page = site.http.get(link)
    assert page.status_code == 200
    assert 'action=""' in page.text
    token = re.search(r'name="token" value="([^"]+)"', page.text)
    assert token
    site.clock.move(seconds=10)
    return site.http.post(link, data={"address": address, "token": token[1], **more})


def mails(site: Any) -> list[str]:
    """The texts of the mails that are there once all have gone out, and none of them is."""
    site.app.deliver()
    texts: list[str] = []
    for file in sorted((site.app.settings.folder / "outbox").glob("*.eml")):
        message = email.message_from_bytes(file.read_bytes(), policy=email.policy.default)
        texts.append(message.get_body(("plain",)).get_content())
        file.unlink()
    return texts


def states(site: Any) -> dict[str, str]:
    found = site.app.store.subscriptions_of(departures.key_of(site.app.ring, "ann@example.org"))
    return {one.list: one.state.value for one in found}


def test_whoever_follows_an_old_link_is_mailed_one_that_works(site: Any) -> None:
    answer = leave(site, "Ann@Example.org")
    assert answer.status_code == 200
    assert states(site) == {"daily": "active", "weekly": "active"}, "only the reader's own mail unsubscribes"
    first, second = mails(site)
    for text in (first, second):
        [path] = re.findall(r"https://harbour\.example(/unsubscribe/\S+)", text)
        assert site.http.post(path).status_code == 200
    assert states(site) == {"daily": "unsubscribed", "weekly": "unsubscribed"}


def test_the_answer_is_the_same_for_everybody(site: Any) -> None:
    answers = [leave(site, name, LISTMONK) for name in ("ann@example.org", "nobody@example.org")]
    answers.append(leave(site, "ann@example.org", website="robot"))
    assert {one.status_code for one in answers} == {200}
    assert len({one.text for one in answers}) == 1
    assert len(mails(site)) == 2, "ann's two lists, once"
    leave(site, "ann@example.org")
    assert mails(site) == [], "not again within five minutes"


def test_a_form_works_once_and_one_click_of_a_mail_program_is_not_taken_for_a_success(site: Any) -> None:
    assert site.http.post(GHOST, data={"List-Unsubscribe": "One-Click"}).status_code == 404
    assert 'name="token"' in site.http.post(GHOST, data={"address": "ann@example.org"}).text
    wrong = leave(site, "no address")
    assert (wrong.status_code, "name@example.com" in wrong.text) == (400, True)
    assert site.http.request("DELETE", GHOST).status_code == 405
    assert site.http.get("/unsubscribe/").status_code == 404
    assert site.http.get("/subscription").status_code == 404
    assert mails(site) == []


def test_a_server_in_front_passes_on_what_publisher_answers(site: Any) -> None:
    folder = site.app.settings.folder
    for server in ("nginx", "caddy", "apache"):
        assert server in SERVERS
        text = server_config(site.app.deps, server, folder, "127.0.0.1:8000")
        assert all(name in text for name in (*APP_NAMES, "subscription")), server
