"""What `check` says of a folder as a whole."""

from pathlib import Path

from publisher.app import App
from publisher.config import load

TOML = '[site]\ntitle = "T"\nurl = "https://x.example/"\npostal_address = "Here"\n'


def findings(folder: Path) -> list[tuple[str, str, bool]]:
    app = App(load(folder), environ={})
    try:
        return [(found.path, found.reason, found.error) for found in app.check().findings]
    finally:
        app.close()


def test_data_files_that_are_code_are_a_finding_once(tmp_path: Path) -> None:
    (tmp_path / "publisher.toml").write_text(TOML)
    (tmp_path / ".eleventy.js").write_text("")
    posts = tmp_path / "posts"
    posts.mkdir()
    for name in ("a", "b"):
        (posts / f"{name}.md").write_text("---\ntitle: A\ndate: 2024-05-01\n---\nWords.\n")
    assert findings(tmp_path) == []
    (posts / "posts.11tydata.js").write_text("throw 1")
    do = "write what it says of posts as JSON, or in posts.defaults"
    assert findings(tmp_path) == [("posts/posts.11tydata.js", f"is code, which is never run; {do}", False)]
    (posts / "a.11tydata.js").write_text("throw 1")
    said = f"is code, which is never run (nor 1 more such file); {do}"
    assert findings(tmp_path) == [("posts/a.11tydata.js", said, False)]
