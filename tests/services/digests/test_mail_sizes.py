"""A mail is never so large that a mailbox hides its end."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from properties import examples

from publisher.app import App, fixed
from publisher.config import load
from publisher.core.digests.digest import Digest, DigestLinks, DigestPost, Layout
from publisher.core.mail.lint.html import MAX_HTML_BYTES
from publisher.services.deps import Deps
from publisher.services.digests.compose import fit_content, lint_digest, shorten

NOW = datetime(2026, 10, 5, 9, tzinfo=UTC)
TOML = """
[site]
title = "The Harbour"
url = "https://harbour.example/"
[[lists]]
slug = "daily"
from = "The Harbour <news@harbour.example>"
"""
WORDS = "Every paragraph of this post is as long as the one before it, and as calm. " * 4
LINKS = DigestLinks(unsubscribe="https://harbour.example/unsubscribe/markx")


@pytest.fixture(scope="module")
def deps(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deps]:
    folder = tmp_path_factory.mktemp("sizes")
    (folder / "posts").mkdir()
    (folder / "publisher.toml").write_text(TOML, encoding="utf-8")
    app = App(load(folder), clock=fixed(NOW), environ={})
    yield app.deps
    app.close()


def post(n: int, paragraphs: int) -> DigestPost:
    return DigestPost(
        id=f"tag:{n}",
        revision="0",
        title=f"Post {n} of {paragraphs}",
        url=f"https://harbour.example/{n}/",
        instant=NOW,
        language="en",
        html=f"<p>{WORDS}</p>" * paragraphs,
        text="\n\n".join([WORDS.strip()] * paragraphs),
        summary=WORDS[:70],
    )


def digest(deps: Deps, *posts: DigestPost) -> Digest:
    return Digest(site=deps.rules.site, list=deps.rules.lists[0], language="en", due_at=NOW, posts=posts)


def test_small_posts_stay_whole_and_large_ones_share_the_rest(deps: Deps) -> None:
    posts = [post(0, 1), *(post(n, 40) for n in range(1, 20))]
    content = fit_content(deps, digest(deps, *posts), LINKS)
    assert 60_000 < len(content.html.encode()) <= MAX_HTML_BYTES
    assert content.html.count("Continue reading:") == content.text.count("Continue reading:") == 19
    assert "Post 0 of 1" in content.text
    assert "Continue reading: Post 0 of 1" not in content.text
    assert all(item.url in content.text for item in posts)


def test_what_is_cut_ends_after_a_whole_paragraph_in_both_parts(deps: Deps) -> None:
    [cut] = shorten(deps, digest(deps, post(1, 400)), 62_000).posts
    assert cut.cut
    assert cut.html.endswith("</p>")
    assert len(cut.html.encode()) <= 62_000
    assert 10 < cut.text.count("\n\n") + 1 <= cut.html.count("<p>")


def test_a_post_of_one_huge_block_becomes_its_summary_and_a_link(deps: Deps) -> None:
    huge = replace(post(1, 1), html=f"<p>{WORDS * 400}</p>", text=(WORDS * 400).strip())
    content = fit_content(deps, digest(deps, huge), LINKS)
    assert len(content.html.encode()) <= MAX_HTML_BYTES
    assert "Continue reading:" in content.html
    assert WORDS[:70].strip() in content.text
    assert f"<p>{WORDS[:70].strip()}" in re.sub(' style="[^"]*"', "", content.html)


BLOCKS = st.sampled_from(
    [
        "<ul>\n" + "".join(f"<li>item {n}</li>\n" for n in range(2000)) + "</ul>",
        "<div>\n" + f"<p>{WORDS}</p>\n" * 300 + "</div>",
        "<table>\n<tbody>\n" + "<tr>\n<td>a</td>\n<td>b</td>\n</tr>\n" * 1500 + "</tbody>\n</table>",
        "<pre><code>" + "line\n" * 15_000 + "</code></pre>",
        "<p>" + "<br>\n" * 9000 + "</p>",
        f"<p>{WORDS}</p>",
        "<p>ខ្ញុំ </p>\n" * 2500,
    ]
)


@settings(max_examples=examples(15))
@given(st.lists(st.tuples(BLOCKS, st.integers(0, 2)), min_size=1, max_size=6), st.sampled_from([0, 70, 1000]))
def test_whatever_is_fitted_can_be_sent(deps: Deps, bodies: list[tuple[str, int]], summary: int) -> None:
    posts = [
        replace(post(n, 1), html=body * (times + 1), text="Words.", summary=("sum " * summary)[:summary])
        for n, (body, times) in enumerate(bodies)
    ]
    found = lint_digest(deps, digest(deps, *posts), 1)
    assert [str(problem) for problem in found.problems if problem.error] == []
    assert "Words." in found.letter.text or "Continue reading" in found.letter.text
    assert found.digest.posts == tuple(posts), "the lint has nothing to take out of what was fitted"


def test_posts_that_find_no_room_at_all_are_counted(deps: Deps) -> None:
    many = replace(digest(deps, *(post(n, 1) for n in range(500))), layout=Layout.TITLES)
    content = fit_content(deps, many, LINKS)
    assert len(content.html.encode()) <= MAX_HTML_BYTES
    assert "Post 499 of 1" in content.html
    assert "Post 0 of 1" not in content.html
    assert " more posts at " in content.text
