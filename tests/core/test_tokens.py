"""Tokens: what one allows, how it is altered, and the hashes it is made of."""

import hmac
import string
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from publisher.core.errors import TokenError
from publisher.core.tokens import Claim, KeyRing, Purpose, address_key, keyed_hash, opaque_id, sign, verify

NOW = datetime(2024, 10, 25, 9, 0, tzinfo=UTC)
OLD = KeyRing(current=1, keys={1: b"a" * 32})
ROTATED = KeyRing(current=2, keys={1: b"a" * 32, 2: b"b" * 32})
CLAIM = Claim(purpose=Purpose.UNSUBSCRIBE, subscription=7, generation=3)
ALPHABET = string.ascii_letters + string.digits + "-_"

claims = st.builds(
    Claim,
    purpose=st.sampled_from(Purpose),
    subscription=st.integers(0, 2**64 - 1),
    generation=st.integers(0, 2**32 - 1),
    expires=st.none()
    | st.integers(1, 100_000_000).map(lambda m: NOW.replace(second=0) + timedelta(minutes=m)),
)


def refused(token: str, *, purpose: Purpose = Purpose.UNSUBSCRIBE, now: datetime = NOW) -> None:
    with pytest.raises(TokenError, match=r"^token: not valid$"):
        verify(token, purpose, OLD, now)


@given(claims)
def test_a_token_says_what_was_sealed(claim: Claim) -> None:
    token = sign(claim, OLD)
    assert len(token) == 46
    assert set(token) <= set(ALPHABET)
    assert verify(token, claim.purpose, OLD, NOW) == claim


@pytest.mark.parametrize("other", [p for p in Purpose if p is not Purpose.UNSUBSCRIBE])
def test_a_token_is_good_for_its_purpose_only(other: Purpose) -> None:
    refused(sign(CLAIM, OLD), purpose=other)


def test_a_token_carries_its_generation() -> None:
    again = Claim(purpose=Purpose.UNSUBSCRIBE, subscription=7, generation=4)
    assert sign(CLAIM, OLD) != sign(again, OLD)
    assert verify(sign(CLAIM, OLD), Purpose.UNSUBSCRIBE, OLD, NOW).generation == 3


def test_no_other_character_anywhere_makes_a_valid_token() -> None:
    """Every bit counts, the spare bits of the last character and other base64 spellings included."""
    token = sign(CLAIM, OLD)
    for at, old in enumerate(token):
        for new in ALPHABET + "+/= .é\n":
            if new != old:
                refused(token[:at] + new + token[at + 1 :])


def test_a_token_in_another_spelling_is_refused() -> None:
    token = next(
        t
        for t in (
            sign(Claim(purpose=Purpose.UNSUBSCRIBE, subscription=n, generation=1), OLD) for n in range(99)
        )
        if "-" in t
    )
    assert verify(token, Purpose.UNSUBSCRIBE, OLD, NOW)
    for spelling in (token.replace("-", "+"), token + "=", token + "==", token + "\n", " " + token):
        refused(spelling)


@given(st.text(max_size=60) | st.text(alphabet=ALPHABET, min_size=46, max_size=46))
def test_a_made_up_text_is_no_token(text: str) -> None:
    refused(text)


def test_a_truncated_token_is_refused() -> None:
    token = sign(CLAIM, OLD)
    for length in range(len(token)):
        refused(token[:length])


def test_a_token_ends_with_its_time_and_never_later() -> None:
    expires = NOW + timedelta(minutes=30, seconds=59)
    claim = Claim(purpose=Purpose.UNSUBSCRIBE, subscription=7, generation=3, expires=expires)
    token = sign(claim, OLD)
    assert verify(token, Purpose.UNSUBSCRIBE, OLD, NOW + timedelta(minutes=29, seconds=59))
    refused(token, now=NOW + timedelta(minutes=30))


def test_a_token_that_ended_at_the_dawn_of_time_is_not_eternal() -> None:
    dawn = datetime(1970, 1, 1, tzinfo=UTC)
    refused(sign(Claim(purpose=Purpose.UNSUBSCRIBE, subscription=7, generation=3, expires=dawn), OLD))


def test_old_tokens_live_on_after_a_new_key_and_die_with_theirs() -> None:
    token = sign(CLAIM, OLD)
    assert verify(token, Purpose.UNSUBSCRIBE, ROTATED, NOW) == CLAIM
    assert sign(CLAIM, ROTATED) != token
    only_new = KeyRing(current=2, keys={2: b"b" * 32})
    with pytest.raises(TokenError):
        verify(token, Purpose.UNSUBSCRIBE, only_new, NOW)


def test_another_site_cannot_make_our_tokens() -> None:
    refused(sign(CLAIM, KeyRing(current=1, keys={1: b"z" * 32})))


def test_the_key_of_an_address_ignores_case_and_outlives_rotation() -> None:
    key = address_key("Ana@Example.com", OLD)
    assert len(key) == 64
    assert address_key("ana@example.com", ROTATED) == key
    assert address_key("ben@example.com", OLD) != key


def test_an_opaque_name_is_stable_and_only_ours() -> None:
    name = opaque_id(OLD, "message", 12, 345)
    assert name == opaque_id(ROTATED, "message", 12, 345)
    assert len(name) == 16
    assert set(name) <= set("0123456789abcdef")
    assert name != opaque_id(OLD, "message", 123, 45)
    assert name != opaque_id(KeyRing(current=1, keys={1: b"z" * 32}), "message", 12, 345)


def test_a_printed_key_ring_shows_no_secret() -> None:
    assert repr(OLD) == "KeyRing(current=1)"


def test_letters_that_are_not_the_same_name_two_people() -> None:
    assert address_key("straße@example.org", OLD) != address_key("strasse@example.org", OLD)
    assert address_key("ΟΔΟΣ@example.org", OLD) == address_key("οδος@example.org", OLD)


@given(st.binary(max_size=200), st.binary(max_size=80), st.binary(max_size=200), st.binary(max_size=9))
def test_it_is_the_hmac_of_the_standard_library(key: bytes, purpose: bytes, text: bytes, more: bytes) -> None:
    for each in (text, more, text):  # a key that was used before, too
        assert keyed_hash(key, purpose, each) == hmac.digest(key, purpose + each, "sha256")
