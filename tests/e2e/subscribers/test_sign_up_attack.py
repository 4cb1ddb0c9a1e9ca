"""A flood of sign-ups against the real server: one mailbox is protected, and everybody else is served."""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle, product
from typing import Any

import httpx
import pytest

LISTS = ("daily", "weekly", "monthly")
SETTINGS = """
[site]
title = "The Harbour"
url = "https://harbour.example/"
id_authority = "harbour.example,2024"

{lists}
[web]
listen = "127.0.0.1:0"
trusted_proxies = ["127.0.0.1"]
"""
LIST = '[[lists]]\nslug = "{}"\nfrom = "news@harbour.example"\nwelcome = "latest"\n'


@pytest.fixture
def server(site: Any, running: Any) -> Any:
    site.settings(SETTINGS.format(lists="\n".join(map(LIST.format, LISTS))))
    site.post("low-tide.md", "---\ntitle: Low tide\ndate: 2026-04-01T08:00:00Z\n---\n\nWords.\n")
    site.run("publish")
    return running()


def spellings(number: int) -> Iterator[str]:
    """So many ways to write one address of Gmail's."""
    name = "harbourreader"
    for n, dots in zip(range(number), cycle(product(("", "."), repeat=len(name) - 1)), strict=False):
        local = "".join(map("".join, zip(name, (*dots, ""), strict=True)))
        yield f"{local}+{n}@{'gmail' if n % 2 else 'googlemail'}.com"


def token_of(page: str) -> str:
    found = re.search(r'name="token" value="([\w-]+)"', page)
    assert found is not None, page
    return found[1]


class Visitor:
    """A connection to the server, through a proxy on this machine, of whoever each request says."""

    def __init__(self, url: str) -> None:
        self._http = httpx.Client(base_url=url, trust_env=False, timeout=120)

    def __enter__(self) -> "Visitor":
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def form(self, slug: str, client: str) -> str:
        """The token of a fresh form; "" where the server is too busy for this client."""
        page = self._http.get(f"/subscribe/{slug}", headers=forwarded(client))
        return token_of(page.text) if page.status_code == 200 else ""

    def send(self, slug: str, token: str, address: str, client: str) -> str:
        """Sends the form; returns the page that answers."""
        data = {"token": token, "address": address, "website": ""}
        return self._http.post(f"/subscribe/{slug}", data=data, headers=forwarded(client)).text


def forwarded(client: str) -> dict[str, str]:
    """The header of a proxy, with what the client wrote into it before."""
    return {"X-Forwarded-For": f"192.0.2.66, {client}"}


def attack(url: str, sign_ups: int, connections: int) -> list[str]:
    """`sign_ups` of one mailbox on three lists, in parallel, ten from each network; returns the answers."""
    given = [
        (LISTS[n % 3], address, f"10.{n // 10 // 250}.{n // 10 % 250}.9")
        for n, address in enumerate(spellings(sign_ups))
    ]

    def strike(n: int) -> list[str]:
        with Visitor(url) as visitor:
            mine = given[n::connections]
            tokens = [visitor.form(slug, client) for slug, _, client in mine]
            return [
                visitor.send(slug, token, address, client)
                for token, (slug, address, client) in zip(tokens, mine, strict=True)
            ]

    with ThreadPoolExecutor(connections) as pool:
        return [answer for answers in pool.map(strike, range(connections)) for answer in answers]


def under_attack(site: Any, server: Any, wait_for: Any, *, sign_ups: int, connections: int) -> None:
    """The attack, and 20 honest readers meanwhile; then one of them confirms 30 times at once."""
    honest = [f"reader{n}@village{n}.example" for n in range(20)]

    def reader(n: int) -> str:
        with Visitor(server.url) as visitor:
            client = f"203.0.{n}.7"
            return visitor.send("daily", visitor.form("daily", client), honest[n], client)

    with ThreadPoolExecutor(11) as pool:
        flood = pool.submit(attack, server.url, sign_ups, connections)
        answers = list(pool.map(reader, range(20)))
        said = flood.result()
    assert len(said) == sign_ups
    assert all("Check your inbox" in answer for answer in answers)
    wait_for(lambda: {mail["To"] for mail in site.mails()} >= set(honest))
    to = [mail["To"] for mail in site.mails()]
    assert sorted(address for address in to if address in honest) == sorted(honest)
    assert 1 <= len(to) - len(honest) <= 3
    wait_for(lambda: "a flood of requests" in site.run("status").stdout)

    [mail] = site.mails_to(honest[0])
    path = re.search(r"https://harbour\.example(/confirm/[\w-]+)", mail.get_body(("plain",)).get_content())
    assert path is not None
    with ThreadPoolExecutor(30) as pool:
        post = lambda n: httpx.post(  # noqa: E731
            f"{server.url}{path[1]}", headers={"X-Forwarded-For": f"203.0.{n}.8"}, trust_env=False, timeout=60
        )
        assert {answer.status_code for answer in pool.map(post, range(30))} == {200}
    wait_for(lambda: len(site.mails_to(honest[0])) > 1)
    assert server.stop() == 0
    assert re.search(
        r"warning requests_refused number=\d+ .*sign_ups_over_the_mailbox_limit=", "".join(server.said)
    )
    assert len(site.mails_to(honest[0])) == 2
    assert 1 <= len(site.mails()) - len(honest) - 1 <= 3


def test_a_flood_of_sign_ups_reaches_a_mailbox_three_times_and_holds_nobody_up(
    site: Any, server: Any, wait_for: Any
) -> None:
    under_attack(site, server, wait_for, sign_ups=60, connections=30)


@pytest.mark.soak
def test_ten_thousand_sign_ups_reach_a_mailbox_three_times_and_hold_nobody_up(
    site: Any, server: Any, wait_for: Any
) -> None:
    under_attack(site, server, wait_for, sign_ups=10_000, connections=50)
