"""Our HMAC is the standard library's."""

import hmac

from hypothesis import given
from hypothesis import strategies as st

from publisher.core.tokens import keyed_hash


@given(st.binary(max_size=200), st.binary(max_size=80), st.binary(max_size=200), st.binary(max_size=9))
def test_it_is_the_hmac_of_the_standard_library(key: bytes, purpose: bytes, text: bytes, more: bytes) -> None:
    for each in (text, more, text):  # a key that was used before, too
        assert keyed_hash(key, purpose, each) == hmac.digest(key, purpose + each, "sha256")
