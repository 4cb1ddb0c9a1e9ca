"""How often a mailbox may be asked to confirm."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from publisher.core.addresses import Blocklist, parse_address
from publisher.core.subscribers.confirmation_limits import (
    CONFIRMATION_WINDOW,
    MAX_CONFIRMATIONS,
    NO_HISTORY,
    counted_domain,
    may_send_confirmation,
    record_confirmation,
)
from publisher.core.tokens import (
    Claim,
    KeyRing,
    Purpose,
    join_mailbox_key,
    mailbox_key,
    sign,
    split_mailbox_key,
    verify,
)

NOW = datetime(2026, 5, 1, tzinfo=UTC)
RING = KeyRing(current=1, keys={1: b"k" * 32})


@given(st.lists(st.integers(0, 40 * 24), max_size=60))
def test_a_mailbox_gets_three_in_thirty_days_and_then_one(hours: list[int]) -> None:
    asked, now, sent = NO_HISTORY, NOW, list[datetime]()
    for gap in hours:
        now += timedelta(hours=gap)
        lately = [at for at in sent if now - at < CONFIRMATION_WINDOW]
        had_three = any(
            third - first < CONFIRMATION_WINDOW for first, third in zip(sent, sent[2:], strict=False)
        )
        assert may_send_confirmation(asked, now) == (len(lately) < (1 if had_three else MAX_CONFIRMATIONS))
        if may_send_confirmation(asked, now):
            asked = record_confirmation(asked, now)
            sent.append(now)


def test_what_was_counted_while_a_clock_was_wrong_does_not_count_for_ever() -> None:
    asked = NO_HISTORY
    for _ in range(3):
        asked = record_confirmation(asked, NOW + timedelta(days=4000))
    assert may_send_confirmation(asked, NOW)


@pytest.mark.parametrize(
    ("text", "mailbox"),
    [
        ("Bo@Example.ORG", "bo@example.org"),
        ("bo+news@example.org", "bo@example.org"),
        ("b.o@example.org", "b.o@example.org"),
        ("+bo@example.org", "+bo@example.org"),
        ("B.o.X+1+2@GoogleMail.com", "box@gmail.com"),
        ('"b o+x"@example.org', '"b o+x"@example.org'),
        ("bo+x@münchen.example", "bo@xn--mnchen-3ya.example"),
    ],
)
def test_all_spellings_of_a_mailbox_are_one(text: str, mailbox: str) -> None:
    assert parse_address(text).mailbox == mailbox


def test_the_key_of_a_mailbox_fits_into_a_token() -> None:
    key = mailbox_key(parse_address("b.o+x@gmail.com"), RING)
    assert key == mailbox_key(parse_address("BO@googlemail.com"), RING)
    assert len(key) == 24
    subscription, generation = split_mailbox_key(key)
    claim = Claim(purpose=Purpose.NEVER_ASK, subscription=subscription, generation=generation)
    assert join_mailbox_key(verify(sign(claim, RING), Purpose.NEVER_ASK, RING, NOW)) == key


def test_large_providers_are_not_counted_as_a_domain() -> None:
    assert (counted_domain("gmail.com"), counted_domain("village.example")) == ("", "village.example")


def test_a_blocked_domain_blocks_all_below_it_and_nothing_beside() -> None:
    blocked = Blocklist(domains=frozenset({"spam.example"}))
    found = [
        blocked.has(parse_address(f"x@{d}")) for d in ("spam.example", "a.spam.example", "notspam.example")
    ]
    assert found == [True, True, False]
    assert blocked.has(parse_address("root@localhost"))
