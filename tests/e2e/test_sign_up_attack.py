"""A flood of sign-ups against the real server: one mailbox is protected, and everybody else is served."""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count, product
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
    for n, dots in zip(range(number), product(("", "."), repeat=len(name) - 1), strict=False):
        local = "".join(map("".join, zip(name, (*dots, ""), strict=True)))
        yield f"{local}+{n}@{'gmail' if n % 2 else 'googlemail'}.com"


def token_of(page: str) -> str:
    found = re.search(r'name="token" value="([\w-]+)"', page)
    assert found is not None, page
    return found[1]


class Visitor:
    """Somebody at one address, behind a proxy on this machine."""

    def __init__(self, url: str, address: str) -> None:
        forwarded = {"X-Forwarded-For": f"192.0.2.66, {address}"}
        self.http = httpx.Client(base_url=url, headers=forwarded, trust_env=False, timeout=60)

    def __enter__(self) -> "Visitor":
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    def sign_up(self, address: str, slug: str) -> str:
        """Sends the form as a person would who reads slowly; returns the page that answers."""
        page = self.http.get(f"/subscribe/{slug}")
        if page.status_code == 503:
            return page.text
        data = {"token": token_of(page.text), "address": address, "website": ""}
        return self.http.post(f"/subscribe/{slug}", data=data).text


def attack(url: str, sign_ups: int, connections: int, networks: int) -> list[str]:
    """`sign_ups` of one mailbox on three lists, in parallel; returns what each was answered with."""
    visitors = [Visitor(url, f"198.51.{n % networks}.9") for n in range(connections)]
    turns = count()

    def strike(address: str) -> str:
        n = next(turns)
        return visitors[n % connections].sign_up(address, LISTS[n % len(LISTS)])

    with ThreadPoolExecutor(connections) as pool:
        answers = list(pool.map(strike, spellings(sign_ups)))
    for visitor in visitors:
        visitor.http.close()
    return answers


def under_attack(site: Any, server: Any, wait_for: Any, *, sign_ups: int, connections: int) -> None:
    """The attack, and 20 honest readers meanwhile; then one of them confirms 30 times at once."""
    honest = [f"reader{n}@village{n}.example" for n in range(20)]

    def reader(n: int) -> str:
        with Visitor(server.url, f"203.0.{n}.7") as visitor:
            return visitor.sign_up(honest[n], "daily")

    with ThreadPoolExecutor(11) as pool:
        flood = pool.submit(attack, server.url, sign_ups, connections, 25)
        answers = list(pool.map(reader, range(20)))
        said = flood.result()
    assert len(said) == sign_ups
    assert all("Check your mail" in answer for answer in answers)
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
