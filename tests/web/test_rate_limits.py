"""How much one network, and all together, may ask of the server."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from publisher.web.pages.signup import TokenUse, UsedTokens
from publisher.web.rate_limits import NETWORKS, NetworkCounter, Rate, SignUpLimits, TrustedProxies, networks

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(
    ("address", "names"),
    [
        ("192.0.2.77", ["192.0.2.0/24"]),
        ("::ffff:192.0.2.77", ["192.0.2.0/24"]),
        ("2001:db8:1:2ff:aaaa::1", ["2001:db8:1:2ff::/64", "2001:db8:1::/48"]),
        ("fe80::1%eth0", ["fe80::/64", "fe80::/48"]),
        ("unix", ["unix"]),
    ],
)
def test_a_client_counts_for_its_networks(address: str, names: list[str]) -> None:
    assert [name for name, _ in networks(address)] == names


def scope(peer: str, *forwarded: str) -> Any:
    headers = [(b"x-forwarded-for", value.encode("latin-1")) for value in forwarded]
    return {"client": (peer, 4000), "headers": headers}


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("198.51.100.7", ["203.0.113.9"], "198.51.100.7"),  # no proxy of ours: not believed
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", ["1.1.1.1, 203.0.113.9"], "203.0.113.9"),  # what the client wrote itself stands left
        ("10.0.0.1", ["1.1.1.1", "203.0.113.9, 10.0.0.2"], "203.0.113.9"),
        ("10.0.0.1", ["203.0.113.9, unknown"], "10.0.0.1"),
        ("10.0.0.1", ["203.0.113.9, unknown, 10.0.0.2"], "10.0.0.2"),
        ("10.0.0.1", ["localhost"], "10.0.0.1"),
        ("10.0.0.1", ["", ""], "10.0.0.1"),
        ("10.0.0.1", ["10.0.0.3, 10.0.0.2"], "10.0.0.3"),  # all of them ours
        ("10.0.0.1", ["203.0.113.9:4711"], "203.0.113.9"),
        ("10.0.0.1", ["[2001:db8::1]:4711"], "2001:db8::1"),
        ("::ffff:10.0.0.1", ["2001:db8::1"], "2001:db8::1"),
    ],
)
def test_the_last_hop_that_is_no_proxy_of_ours_is_the_client(
    peer: str, forwarded: list[str], client: str
) -> None:
    assert TrustedProxies(["10.0.0.0/8"]).client(scope(peer, *forwarded)) == client


@given(st.text(st.characters(max_codepoint=255)), st.ip_addresses())
def test_nothing_a_client_writes_left_of_the_proxy_changes_who_it_is(written: str, real: Any) -> None:
    if not TrustedProxies(["10.0.0.0/8"]).trusts(str(real)):
        found = TrustedProxies(["10.0.0.0/8"]).client(scope("10.0.0.1", f"{written},{real}"))
        assert found == str(real)


def test_after_a_burst_a_network_is_asked_to_wait_and_others_are_not() -> None:
    limits = SignUpLimits(one=Rate(2, MINUTE), all=Rate(100, MINUTE))
    assert [limits.take(f"192.0.2.{n}", NOW) for n in range(4)] == [True, True, False, False]
    assert limits.take("198.51.100.1", NOW)
    assert not limits.take("192.0.2.9", NOW + timedelta(seconds=59))
    assert limits.take("192.0.2.9", NOW + MINUTE)
    assert not limits.take("192.0.2.9", NOW + MINUTE)


def test_who_has_waited_is_taken_until_the_network_has_had_twice_its_burst() -> None:
    limits = SignUpLimits(one=Rate(2, MINUTE), all=Rate(100, MINUTE))
    assert [limits.take("192.0.2.1", NOW, waited=True) for _ in range(5)] == [True] * 4 + [False]


def test_a_customer_with_many_networks_of_ipv6_is_still_one() -> None:
    limits = SignUpLimits(one=Rate(2, MINUTE), all=Rate(100, MINUTE))
    taken = [limits.take(f"2001:db8:1:{n:x}::1", NOW) for n in range(12)]
    assert taken == [True] * 8 + [False] * 4
    assert limits.take("2001:db8:2::1", NOW)


def test_while_all_together_are_too_many_those_who_wait_are_taken() -> None:
    limits = SignUpLimits(one=Rate(2, MINUTE), all=Rate(3, MINUTE))
    assert [limits.take(f"10.0.{n}.1", NOW) for n in range(4)] == [True, True, True, False]
    assert limits.take("10.0.4.1", NOW, waited=True)


def test_what_brings_no_mail_does_not_count_for_all() -> None:
    limits = SignUpLimits(one=Rate(2, MINUTE), all=Rate(3, MINUTE))
    for n in range(50):
        assert limits.take(f"10.0.{n}.1", NOW)
        limits.give_back()


def test_a_clock_that_goes_back_forgives_nothing_and_raises_nothing() -> None:
    limits = SignUpLimits(one=Rate(1, MINUTE), all=Rate(9, MINUTE))
    assert limits.take("10.0.0.1", NOW)
    assert not limits.take("10.0.0.1", NOW - MINUTE)


def test_no_more_networks_are_remembered_than_fit() -> None:
    limits = SignUpLimits(one=Rate(1, MINUTE), all=Rate(10**9, MINUTE))
    for n in range(NETWORKS + 5):
        limits.take(f"10.{n >> 8}.{n & 255}.1", NOW)
    assert limits.take("10.0.0.1", NOW)
    assert not limits.take(f"10.{NETWORKS >> 8}.{NETWORKS & 255}.1", NOW)


def test_a_crowd_has_room_again_for_each_who_leaves() -> None:
    crowd = NetworkCounter(2)
    assert [crowd.enter(f"192.0.2.{n}") for n in range(3)] == [True, True, False]
    assert crowd.enter("198.51.100.1")
    crowd.leave("192.0.2.0")
    with crowd.one("192.0.2.7") as fits, crowd.one("192.0.2.8") as more:
        assert (fits, more) == (True, False)
    assert crowd.enter("192.0.2.9")


def test_a_form_token_works_once_and_a_button_pressed_twice_says_the_same() -> None:
    used = UsedTokens()
    assert [used.use("a", NOW, content, NOW) for content in (1, 1, 2)] == [
        TokenUse.FIRST,
        TokenUse.SAME,
        TokenUse.SPENT,
    ]


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 60)), max_size=60))
def test_no_token_is_ever_good_twice_however_few_are_remembered(uses: list[tuple[int, int]]) -> None:
    used, first = UsedTokens(most=3), set[int]()
    for token, later in uses:
        made = NOW + timedelta(seconds=token)
        if used.use(str(token), made, 0, made + timedelta(hours=later)) is TokenUse.FIRST:
            assert token not in first
            first.add(token)
