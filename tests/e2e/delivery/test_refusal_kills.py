"""kill -9 while mailboxes refuse: each counts once, and who is gone is suppressed once."""

import json
import random
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from killing import STEPS, Runner
from mailsite import MailSite, readers
from smtp_server import Act, Moment, Say, SmtpServer

from publisher.core.delivery.mailing import MailingState
from publisher.services.subscribers.departures import key_of

GONE = {f"reader{n:03}@example.org" for n in (2, 5)}
FULL = "reader004@example.org"


@pytest.fixture(scope="module")
def runner() -> Iterator[Runner]:
    with Runner() as one:
        yield one


def refuse(moment: Moment) -> Act | None:
    if moment.step != "RCPT":
        return None
    if moment.recipient in GONE:
        return Say("550 5.1.1 no such user")
    return Say("552 5.2.2 mailbox full") if moment.recipient == FULL else None


def until_done(runner: Runner, site: MailSite, order: dict[str, Any]) -> int:
    """Runs with that order, then again without until the mailing is done; returns how many were killed."""
    killed = runner.deliver(site.folder, site.now, **order)["code"] != 0
    for _ in range(3):
        assert runner.deliver(site.folder, site.now) == {"code": 0}
    return int(killed)


def check(site: MailSite, mailings: int, server: SmtpServer) -> None:
    """After so many mailings, a day apart."""
    app = site.app()
    keys = {address: key_of(app.ring, address) for address in site.addresses}
    found = {address: app.store.refusals_of(key) for address, key in keys.items()}
    blocks = {
        address: [kind for _, kind, _ in app.store.suppressions_of(key)] for address, key in keys.items()
    }
    app.close()
    for address in site.addresses:
        number = mailings if address == FULL else min(mailings, 2) if address in GONE else 0
        assert [one.mailing for one in found[address]] == [n + 1 for n in range(number)], address
        assert all(one.counts for one in found[address])
        assert blocks[address] == (["bounce"] if address in GONE and mailings > 1 else []), address
    copies = Counter(message.rcpt_to for message in server.accepted)
    others = [address for address in site.addresses if address not in GONE | {FULL}]
    doubts = sum(site.counts(id).get("unknown", 0) for id in range(1, mailings + 1))
    assert max(copies.values()) <= mailings
    assert sum(copies[address] for address in others) >= mailings * len(others) - doubts
    lines = (site.folder / ".publisher/journal").read_text().splitlines()
    told = {line["key"] for line in map(json.loads, lines) if line.get("kind") == "bounce"}
    assert told == {keys[address] for address in GONE if "bounce" in blocks[address]}


ALL_STEPS = (*STEPS, "suppress:journaled", "suppress:committed", "bounces:suppressed", "bounces:counted")


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("step", ALL_STEPS)
def test_a_kill_at_any_step_of_a_refusal_counts_it_once(
    tmp_path: Path, runner: Runner, step: str, times: int
) -> None:
    with SmtpServer(refuse) as server:
        site = MailSite(tmp_path / "site", readers(6), port=server.port, relay="connections = 2", batch=2)
        for mailing in (1, 2, 3):
            if mailing > 1:
                site.now += timedelta(days=1)
                site.post(f"{mailing}.md")
            until_done(runner, site, {"step": step, "times": times})
            check(site, mailing, server)


def test_kills_at_random_count_no_refusal_twice_and_lose_none(tmp_path: Path, runner: Runner) -> None:
    chance, kills = random.Random(7), 0  # noqa: S311  # chance, not secrets
    with SmtpServer(refuse) as server:
        site = MailSite(tmp_path / "site", readers(12), port=server.port, relay="connections = 3", batch=3)
        for mailing in (1, 2, 3, 4):
            if mailing > 1:
                site.now += timedelta(days=1)
                site.post(f"{mailing}.md")
            for _ in range(6):
                order = {"step": chance.choice(ALL_STEPS), "times": chance.randrange(1, 4)}
                kills += runner.deliver(site.folder, site.now, **order)["code"] != 0
            until_done(runner, site, {})
            assert site.mailing(mailing).state is MailingState.DONE
            check(site, mailing, server)
    assert kills > 5
