"""A body is made safe once, as long as it is what it was."""

import subprocess
import sys

from publisher.core.posts.assets import AssetLocation
from publisher.core.posts.post import MarkupLanguage
from publisher.markup import SafeMarkup
from publisher.markup.markup import TextCache


class Maker:
    """Counts what it makes."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.made = 0

    def __call__(self) -> str:
        self.made += 1
        return self.text


def test_equal_inputs_are_made_once() -> None:
    kept, make = TextCache(), Maker("html")
    assert [kept.get_or_make(("a", 1), make) for _ in range(3)] == ["html"] * 3
    assert make.made == 1
    kept.get_or_make(("a", 2), make)
    assert make.made == 2


def test_the_longest_unused_goes_when_there_is_no_room() -> None:
    kept, make = TextCache(limit=10), Maker("four")
    for name in ("a", "b", "a", "c", "a"):
        kept.get_or_make((name,), make)
    assert make.made == 3
    kept.get_or_make(("b",), make)
    assert make.made == 4


def test_what_is_longer_than_all_there_is_room_for_is_made_each_time() -> None:
    kept, make = TextCache(limit=3), Maker("four")
    kept.get_or_make(("a",), make)
    kept.get_or_make(("a",), make)
    assert make.made == 2


def test_everything_that_a_body_depends_on_tells_it_apart() -> None:
    markup = SafeMarkup("https://site.example/")
    body = "# T\n\n[a](b) ![](c.png)"
    one = markup.html(body, MarkupLanguage.MARKDOWN, base_url="https://x.example/1/", title="T")
    assert one == '<p><a href="https://x.example/1/b">a</a> <img src="https://x.example/1/c.png" alt=""></p>'
    assert "https://x.example/2/b" in markup.html(
        body, MarkupLanguage.MARKDOWN, base_url="https://x.example/2/", title="T"
    )
    assert "<h1" in markup.html(body, MarkupLanguage.MARKDOWN, base_url="https://x.example/1/", title="U")
    assert markup.html(body, MarkupLanguage.HTML, base_url="https://x.example/1/", title="T") != one
    files = {"c.png": AssetLocation(url="https://x.example/assets/c.png", width=1, height=2)}
    placed = markup.html(
        body, MarkupLanguage.MARKDOWN, base_url="https://x.example/1/", title="T", files=files
    )
    assert 'width="1"' in placed
    assert markup.html(body, MarkupLanguage.MARKDOWN, base_url="https://x.example/1/", title="T") == one


def test_how_bodies_are_made_is_loaded_with_the_first() -> None:
    code = (
        "import sys, publisher.markup as m; m.SafeMarkup()\n"
        "print(sorted(name for name in sys.modules if name.startswith(('publisher.markup.', 'comrak'))))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert found.strip() == "['publisher.markup.markup']"
