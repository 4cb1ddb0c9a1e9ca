"""Every post of six real blogs is read and rendered without an exception."""

import re
from collections.abc import Callable, Iterator
from functools import cache
from html import unescape
from pathlib import Path

import pytest
from declared import source_rules
from paths import SHARED
from unpacking import unpack

from publisher.core.mail.message import VERBATIM, finish_text
from publisher.core.posts.post import BadPost, ParsedPost, Post
from publisher.markup import SafeMarkup
from publisher.markup.html.fragments import pieces
from publisher.sources import FolderSource

ARCHIVE = SHARED / "corpora" / "posts.tar.gz"
RULES = source_rules(site_url="https://blog.example/")
URL = re.compile(r'\s(?:href|src|poster|cite)="(?!https?://|mailto:|tel:|sms:|data:image/)')

pytestmark = pytest.mark.skipif(not ARCHIVE.is_file(), reason="the real blogs are not beside the repository")


some_or_all = pytest.mark.parametrize(
    "step", [pytest.param(8, id="one in eight"), pytest.param(1, id="all", marks=pytest.mark.soak)]
)


@pytest.fixture(scope="session")
def blogs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("blogs")
    unpack(ARCHIVE, folder)
    return folder


@pytest.fixture(scope="session")
def found(blogs: Path) -> list[ParsedPost | BadPost]:
    return list(FolderSource(blogs, RULES).scan())


@pytest.fixture(scope="session")
def rendered(found: list[ParsedPost | BadPost]) -> Callable[[int], Iterator[tuple[Post, str]]]:
    """One in so many posts, with the HTML of each, which is made once."""
    markup = SafeMarkup()

    @cache
    def made(place: int) -> str:
        item = found[place]
        assert isinstance(item, ParsedPost)
        post = item.post
        return markup.html(item.body, post.markup, base_url=post.base_url, title=post.title)

    def every(step: int) -> Iterator[tuple[Post, str]]:
        places = range(0, len(found), step)
        return ((one.post, made(n)) for n in places if isinstance(one := found[n], ParsedPost))

    return every


def test_every_post_of_real_blogs_is_read(found: list[ParsedPost | BadPost]) -> None:
    assert len(found) > 5000
    assert [item.path for item in found if isinstance(item, BadPost)] == []


@some_or_all
def test_every_post_of_real_blogs_renders_safe_and_self_contained(
    rendered: Callable[[int], Iterator[tuple[Post, str]]], step: int
) -> None:
    markup = SafeMarkup()
    for post, made in rendered(step):
        text = markup.text(made)
        assert not any(URL.search(piece.raw) for piece in pieces(made) if piece.tag), post.path
        assert "<script" not in made, post.path
        assert "{%" not in _outside_code(made), post.path
        assert "{{&lt;" not in _outside_code(made), post.path
        assert len(markup.summary(made)) <= 300
        assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]", made + text), post.path


@some_or_all
def test_the_text_of_every_real_post_has_all_its_words_and_its_code_to_the_character(
    rendered: Callable[[int], Iterator[tuple[Post, str]]], step: int
) -> None:
    markup = SafeMarkup()
    for post, made in rendered(step):
        marked = markup.text(made)
        text = finish_text(marked)
        seen, code = _visible(made)
        assert all(block.removesuffix("\n") in text for block in code if block.strip()), post.path
        said = "".join(filter(str.isalnum, text))
        lost = [word for word in seen if word not in said]
        assert not lost, (post.path, lost)
        assert not re.search(r"\n{3}", re.sub(f"{VERBATIM}.*", "code", marked)), post.path


def _visible(html: str) -> tuple[list[str], list[str]]:
    """The words that a browser shows of safe HTML, and its blocks of code."""
    words: list[str] = []
    code: list[str] = []
    inside = False
    for piece in pieces(html):
        if piece.tag == "pre":
            inside = not piece.closing
            code += [""] if inside else []
        elif inside and (piece.tag == "br" or not piece.tag):
            code[-1] += unescape(piece.raw) if not piece.tag else "\n"
        elif not piece.tag:
            words += re.findall(r"[^\W_]+", unescape(piece.raw).replace("\xad", ""))
    return words, code


def _outside_code(html: str) -> str:
    inside, kept = 0, []
    for piece in pieces(html):
        if piece.tag in ("code", "pre"):
            inside += -1 if piece.closing else 1
        elif not piece.tag and not inside:
            kept.append(piece.raw)
    return "".join(kept)
