"""Values and columns: what goes in comes out; what cannot is refused."""

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from publisher.core.posts.post import Image, MarkdownExtension, MarkupLanguage, Post
from publisher.core.site import Person
from publisher.core.subscribers.subscription import NewReader, SignupResult, SubscriptionState
from publisher.stores.sql.delivery.batches import ranges
from publisher.stores.sql.publishing.post_rows import post_from_text, post_to_text
from publisher.stores.sql.schema.columns import Suppression, milliseconds
from publisher.stores.sql.subscribers.join import PriorSubscription, signup_outcome, state_after

_text = st.text(st.characters(codec=None), max_size=8)
_instants = st.datetimes(timezones=st.just(UTC))
_people = st.builds(Person, name=_text, email=st.none() | _text, url=st.none() | _text)
_images = st.builds(Image, url=_text, alt=_text, width=st.none() | st.integers(0, 9999))
_posts = st.builds(
    Post,
    **dict.fromkeys(("path", "title", "permalink", "url", "base_url", "slug", "language", "summary"), _text),
    body_hash=_text,
    instant=st.none() | _instants,
    modified=st.none() | _instants,
    expires=st.none() | _instants,
    markup=st.sampled_from(MarkupLanguage),
    values=st.lists(st.tuples(_text, _text), max_size=2).map(tuple),
    extensions=st.lists(st.sampled_from(MarkdownExtension), max_size=2).map(tuple),
    explicit_id=st.none() | _text,
    hidden=st.none() | _text,
    authors=st.lists(_people, max_size=2).map(tuple),
    image=st.none() | _images,
    tags=st.lists(_text, max_size=2).map(tuple),
)


@given(_posts)
def test_any_post_survives_json(post: Post) -> None:
    assert post_from_text(post_to_text(post)) == post


@given(_posts)
def test_a_posts_text_is_plain_json(post: Post) -> None:
    text = post_to_text(post)
    assert json.dumps(json.loads(text), separators=(",", ":")) == text


@given(_instants)
def test_milliseconds_round_down_and_keep_order(instant: datetime) -> None:
    whole = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds(instant))
    assert timedelta(0) <= instant - whole < timedelta(milliseconds=1)
    assert milliseconds(instant.astimezone(timezone(timedelta(hours=7)))) == milliseconds(instant)


def test_a_naive_instant_has_no_milliseconds() -> None:
    with pytest.raises(ValueError, match="naive; every instant in the store is aware"):
        milliseconds(datetime(2024, 1, 1))  # noqa: DTZ001  # naive on purpose


@given(st.lists(st.tuples(_text, st.integers(0, 40)), max_size=4), st.integers(0, 99), st.integers(1, 9))
def test_batches_cover_all_rows_once_and_hold_one_group(
    groups: list[tuple[str, int]], base: int, size: int
) -> None:
    made = list(ranges(groups, base, size))
    numbers = [n for _, lo, hi in made for n in range(lo, hi + 1)]
    assert numbers == list(range(base + 1, base + sum(number for _, number in groups) + 1))
    assert all(hi - lo < size for _, lo, hi in made)
    belongs = [group for group, number in groups for _ in range(number)]
    assert [group for group, lo, hi in made for _ in range(lo, hi + 1)] == belongs


_befores = st.none() | st.builds(
    PriorSubscription, id=st.just(1), state=st.sampled_from(SubscriptionState), generation=st.integers(1, 3)
)
_wishes = st.builds(
    NewReader,
    address=st.just("a@example.org"),
    key=st.just("k"),
    active=st.booleans(),
    own_wish=st.booleans(),
)


@given(_befores, st.sets(st.sampled_from(Suppression)), _wishes)
def test_nobody_who_left_or_is_suppressed_becomes_active_by_a_wish(
    before: PriorSubscription | None, suppressed: set[Suppression], wish: NewReader
) -> None:
    joined = signup_outcome(before, suppressed, wish)
    departed = bool(suppressed) or (before is not None and before.state is SubscriptionState.UNSUBSCRIBED)
    if joined in (SignupResult.LEFT, SignupResult.ALREADY):
        return
    state, generation = state_after(before, joined, wish)
    if departed:
        assert joined is SignupResult.RETURNED
        assert wish.own_wish
        assert state is SubscriptionState.PENDING
    else:
        assert state is (SubscriptionState.ACTIVE if wish.active else SubscriptionState.PENDING)
    assert generation == (before.generation if before else 1) + (
        before is not None and before.state is SubscriptionState.UNSUBSCRIBED
    )
