"""A body is made safe once, as long as it is what it was."""

import subprocess
import sys

from publisher.core.posts.post import AssetLocation, MarkupLanguage
from publisher.markup import SafeMarkup


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
    assert found.strip() == "[]"
