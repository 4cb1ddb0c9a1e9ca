"""Where an address leads now, in one step."""

from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from publisher.core.feeds.redirects import (
    PageAliases,
    Redirect,
    RedirectKind,
    alias_redirects,
    resolve_chains,
)

NOW = datetime(2024, 10, 25, 8, tzinfo=UTC)
BASE = "https://example.org/"


def moved(path: str, target: str) -> Redirect:
    return Redirect(path=path, kind=RedirectKind.MOVED, target=target, at=NOW)


def test_a_chain_is_made_one_step() -> None:
    chain = [moved("a.xml", "b.xml"), moved("b.xml", f"{BASE}c.xml"), moved("c.xml", "https://new.example/d")]
    assert [move.target for move in resolve_chains(chain, BASE)] == ["https://new.example/d"] * 3


def test_what_leads_to_an_end_still_leads_there() -> None:
    chain = [moved("a.xml", "b.xml"), Redirect(path="b.xml", kind=RedirectKind.ENDED, at=NOW)]
    assert resolve_chains(chain, BASE) == chain


@pytest.mark.parametrize("target", ["a.xml", f"{BASE}a.xml"])
def test_a_circle_is_refused(target: str) -> None:
    with pytest.raises(ValueError, match=r"^a\.xml would lead back to itself$"):
        resolve_chains([moved("a.xml", target)], BASE)
    with pytest.raises(ValueError, match="would lead back to itself"):
        resolve_chains([moved("a.xml", "b.xml"), moved("b.xml", target)], BASE)


_PATHS = [f"{name}/index.html" for name in "abcdefgh"]
_SOME = st.lists(st.sampled_from(_PATHS), max_size=5)


@example(  # an operator moved each page to where the other one was before
    pages=["c/index.html", "d/index.html"],
    aliases=[["b/index.html"], ["a/index.html"], [], [], []],
    before={},
    documents=set(),
    wishes={"c/index.html": "a/index.html", "d/index.html": "b/index.html"},
)
@given(
    st.lists(st.sampled_from(_PATHS), unique=True, max_size=5),
    st.lists(_SOME, min_size=5, max_size=5),
    st.dictionaries(st.sampled_from(_PATHS), st.integers(0, 4)),
    st.sets(st.sampled_from(_PATHS), max_size=2),
    st.dictionaries(st.sampled_from(_PATHS), st.sampled_from(_PATHS), max_size=3),
)
def test_no_alias_takes_the_place_of_a_live_page_and_none_makes_a_loop(
    pages: list[str],
    aliases: list[list[str]],
    before: dict[str, int],
    documents: set[str],
    wishes: dict[str, str],
) -> None:
    """Whatever posts say, wherever they stood before, and whatever an operator moved."""
    posts = [
        PageAliases(file=f"{n}.md", page=page, aliases=aliases[n] + ([page] if n % 2 else []))
        for n, page in enumerate(pages)
    ]
    former = {path: pages[n] for path, n in before.items() if n < len(pages)}
    try:
        wished = {m.path: m.target for m in resolve_chains([moved(*wish) for wish in wishes.items()], BASE)}
    except ValueError:
        wished = {}  # moves in a circle are refused
    standing = {*documents, *pages, *wished}
    found, problems = alias_redirects(posts, former, standing, wished)
    assert not found.keys() & standing, "the page of a live post answers itself"
    assert set(found.values()) <= set(pages), "each leads to a page of a post, within the site"
    for start in (*found, *wished):
        path, steps = start, 0
        while (after := wished.get(path, found.get(path))) is not None:
            path, steps = after, steps + 1
            assert path != start, f"{start} leads back to itself"
            assert steps < len(_PATHS)
    lost = {(n, alias) for n, post in enumerate(posts) for alias in post.aliases if alias != post.page}
    for n, alias in lost:
        said = any(line.startswith(f"{n}.md: its alias {alias} ") for line in problems)
        assert said or found.get(alias) == posts[n].page, "an alias that does nothing is said"
