"""What was made is made once more only where there was no room to keep it."""

from hypothesis import given
from hypothesis import strategies as st

from publisher.core.caching import LruCache


def made_of(cache: LruCache, keys: str, value: str = "four") -> str:
    """The keys whose values were made anew when all of `keys` were asked for in turn."""
    made: list[str] = []

    def make(key: str) -> str:
        made.append(key)
        return value

    for key in keys:
        assert cache.get_or_make(key, lambda key=key: make(key)) == value
    return "".join(made)


def test_equal_keys_are_made_once() -> None:
    assert made_of(LruCache(4), "aabab") == "ab"
    assert made_of(LruCache(4, len), "aaa", value="") == "a"


def test_the_least_recently_used_goes_when_there_is_no_room() -> None:
    assert made_of(LruCache(2), "abacab") == "abcb"
    assert made_of(LruCache(10, len), "abacab") == "abcb"


def test_what_is_larger_than_all_there_is_room_for_is_made_each_time() -> None:
    assert made_of(LruCache(3, len), "aab") == "aab"


@given(keys=st.text("abcdef", max_size=60), limit=st.integers(1, 5))
def test_it_keeps_as_many_as_it_may_and_no_more(keys: str, limit: int) -> None:
    kept: list[str] = []
    expected = ""
    for key in keys:
        expected += "" if key in kept else key
        kept = [*(it for it in kept if it != key), key][-limit:]
    assert made_of(LruCache(limit), keys) == expected
