"""Return paths: they say whose a bounce is, survive mail servers, and cannot be made up."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from publisher.core.addresses import parse_address
from publisher.core.delivery.bounces import MAX_LOCAL_PART, parse_return_path, return_path
from publisher.core.errors import TokenError
from publisher.core.tokens import KeyRing

BOUNCES = parse_address("bounces@example.org")
RING = KeyRing(current=2, keys={1: b"old" * 11, 2: b"new" * 11})
numbers = st.integers(0, 2**32 - 1)


@given(numbers, numbers, st.sampled_from([str, str.upper, str.title, str.swapcase]))
def test_a_bounce_names_its_delivery_whatever_became_of_its_case(mailing: int, n: int, fold: object) -> None:
    address = return_path(BOUNCES, mailing, n, RING)
    assert re.fullmatch(r"bounces\+[a-z2-7]{31}@example\.org", address)
    assert parse_return_path(fold(address), RING) == (mailing, n)  # type: ignore[operator]
    assert str(parse_address(address)) == address


def test_the_longest_local_part_still_fits() -> None:
    address = return_path(parse_address("b" * MAX_LOCAL_PART + "@example.org"), 1, 2, RING)
    assert len(address.rpartition("@")[0]) == 64
    assert parse_return_path(address, RING) == (1, 2)


def test_no_two_deliveries_share_an_address_and_it_is_stable() -> None:
    made = [return_path(BOUNCES, mailing, n, RING) for mailing in range(20) for n in range(20)]
    assert len(set(made)) == 400
    assert made[0] == return_path(BOUNCES, 0, 0, RING)


def test_a_key_that_is_no_longer_current_still_reads_what_it_made() -> None:
    address = return_path(BOUNCES, 12, 345, KeyRing(current=1, keys=RING.keys))
    assert parse_return_path(address, RING) == (12, 345)


@given(st.integers(8, 38), st.sampled_from("abcdefghijklmnopqrstuvwxyz234567"))
def test_an_altered_address_is_refused(at: int, letter: str) -> None:
    address = return_path(BOUNCES, 12, 345, RING)
    if address[at] != letter:
        with pytest.raises(TokenError, match=r"^return path: not valid$"):
            parse_return_path(address[:at] + letter + address[at + 1 :], RING)


@given(st.text() | st.from_regex(r"\Ab\+[a-z2-7]{31}@x\.org\Z"))
def test_anything_else_is_refused_and_nothing_else_happens(text: str) -> None:
    with pytest.raises(TokenError):
        parse_return_path(text, RING)


def test_a_key_of_another_site_or_a_key_long_gone_is_refused() -> None:
    address = return_path(BOUNCES, 12, 345, RING)
    for keys in ({2: b"other" * 7}, {1: b"old" * 11}, {1: b"", 3: b""}):
        with pytest.raises(TokenError):
            parse_return_path(address, KeyRing(current=1, keys=keys))


def test_numbers_that_no_delivery_has_are_a_broken_promise() -> None:
    for mailing, n in ((-1, 1), (1, 2**32)):
        with pytest.raises(ValueError, match=r"^no delivery has such a number$"):
            return_path(BOUNCES, mailing, n, RING)
