"""How often sign-ups are taken."""

from datetime import UTC, datetime, timedelta

import pytest

from publisher.web.limits import NETWORKS, Limits, Rate, network

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("192.0.2.77", "192.0.2.0/24"),
        ("::ffff:192.0.2.77", "192.0.2.0/24"),
        ("2001:db8:1:2ff:aaaa::1", "2001:db8:1:200::/56"),
        ("fe80::1%eth0", "fe80::/56"),
        ("unix", "unix"),
    ],
)
def test_a_network_is_what_one_household_has(address: str, name: str) -> None:
    assert network(address) == name


def test_after_a_burst_a_network_waits_and_others_do_not() -> None:
    limits = Limits(one=Rate(2, MINUTE), all=Rate(100, MINUTE))
    assert [limits.take(f"192.0.2.{n}", NOW) for n in range(4)] == [0, 0, 60, 60]
    assert limits.take("198.51.100.1", NOW) == 0
    assert limits.take("192.0.2.9", NOW + timedelta(seconds=59)) == 1
    assert limits.take("192.0.2.9", NOW + MINUTE) == 0
    assert limits.take("192.0.2.9", NOW + MINUTE) == 60


def test_all_networks_together_wait_after_a_larger_burst() -> None:
    limits = Limits(one=Rate(2, MINUTE), all=Rate(3, MINUTE))
    assert [limits.take(f"10.0.{n}.1", NOW) for n in range(4)] == [0, 0, 0, 60]


def test_a_clock_that_goes_back_forgives_nothing_and_raises_nothing() -> None:
    limits = Limits(one=Rate(1, MINUTE), all=Rate(9, MINUTE))
    assert limits.take("10.0.0.1", NOW) == 0
    assert limits.take("10.0.0.1", NOW - MINUTE) == 60


def test_no_more_networks_are_remembered_than_fit() -> None:
    limits = Limits(one=Rate(1, MINUTE), all=Rate(10**9, MINUTE))
    for n in range(NETWORKS + 5):
        limits.take(f"10.{n >> 8}.{n & 255}.1", NOW)
    assert limits.take("10.0.0.1", NOW) == 0
    assert limits.take(f"10.{NETWORKS >> 8}.{NETWORKS & 255}.1", NOW) > 0
