"""Every block of every post of six real blogs stands in a digest, and holds none."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from declared import source_rules
from mailed import LISTS, Paper
from paths import SHARED
from plans import known
from unpacking import unpack

from publisher.core.digests.digest import Digest, DigestPost, Layout
from publisher.core.posts.post import ParsedPost, Post
from publisher.markup import SafeMarkup
from publisher.markup.html.fragments import outermost_blocks
from publisher.services.digests.compose import lint_digest
from publisher.services.posts.content import PostContent, whole_post
from publisher.sources import FolderSource

ARCHIVE = SHARED / "corpora" / "posts.tar.gz"
RULES = source_rules(site_url="https://paper.example/")
ROOM, POSTS = 30_000, 20
SMTP = '[mail]\ntransport = "smtp"\n[[mail.relays]]\nhost = "127.0.0.1"\n'

pytestmark = pytest.mark.skipif(not ARCHIVE.is_file(), reason="the real blogs are not beside the repository")


def pieces_of(html: str) -> Iterator[str]:
    """The whole of a body in parts that a mail has room for; a block that is larger stands alone."""
    part = ""
    for start, end in outermost_blocks(html):
        if part and len(part) + end - start > ROOM:
            yield part
            part = ""
        part += html[start:end]
    yield part


def as_shown(markup: SafeMarkup, post: Post, body: str) -> Iterator[DigestPost]:
    content = PostContent(known=known(post.path, post=post), body=body, files={}, markup=markup)
    whole = whole_post(content)
    for part in pieces_of(whole.html):
        yield replace(whole, html=part, text=markup.text(part))


@pytest.mark.parametrize("share", [25, pytest.param(1, marks=pytest.mark.soak)])
def test_no_post_of_real_blogs_holds_a_digest(share: int, tmp_path: Path) -> None:
    """One post in `share`, spread over the lists of `mailed`: with and without templates of their own."""
    blogs, site = tmp_path / "blogs", tmp_path / "site"
    unpack(ARCHIVE, blogs)
    site.mkdir()
    paper = Paper(site)
    settings = site / "publisher.toml"
    settings.write_text(settings.read_text(encoding="utf-8") + SMTP, encoding="utf-8")
    deps = paper.app().deps
    shown: list[DigestPost] = []
    items = [item for item in FolderSource(blogs, RULES).scan() if isinstance(item, ParsedPost)]
    for item in [item for item in items if item.post.instant and item.post.hidden is None][::share]:
        shown += as_shown(SafeMarkup(RULES.site_url), item.post, item.body)
    assert len(shown) > 100
    room = 0
    digests: list[list[DigestPost]] = [[]]
    for post in shown:
        room += len(post.html)
        if room > 2 * ROOM or len(digests[-1]) == POSTS:
            room = len(post.html)
            digests.append([])
        digests[-1].append(post)
    for n, posts in enumerate(digests):
        spec = deps.rules.lists[n % len(LISTS)]
        digest = Digest(
            site=deps.rules.site,
            list=spec,
            language="en",
            due_at=paper.now,
            posts=tuple(posts),
            layout=Layout(spec.content),
        )
        made = lint_digest(deps, digest, None)
        paths = [post.id for post in posts]
        assert [str(problem) for problem in made.problems if problem.error] == [], paths
        assert made.digest == digest, paths
