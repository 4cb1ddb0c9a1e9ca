"""[posts.markdown]: what a body may hold beyond CommonMark is the author's choice."""

import re
from pathlib import Path

from click.testing import CliRunner

from publisher.cli import publisher

BODY = """:tada: ==marked== ++put in++ H~2~O x^2^ ~~gone~~ $a_1$ \\\\(b_1\\\\)

$$c_1 \\\\\\\\ d_1$$

one
two

*[LW]: Low water

Term
: what it means, at LW
"""
ALL = (
    "emoji", "mark", "insert", "subscript", "superscript", "math", "dollars", "breaks", "definitions",
    "abbreviations",
)  # fmt: skip
READ = {
    "emoji": "🎉",
    "mark": "<mark>marked</mark>",
    "insert": "<ins>put in</ins>",
    "subscript": "H<sub>2</sub>O",
    "superscript": "x<sup>2</sup>",
    "math": "c_1 \\\\\\\\ d_1",
    "dollars": "a_1",
    "breaks": "one<br>\ntwo",
    "definitions": "<dt>Term</dt>",
    "abbreviations": '<abbr title="Low water">LW</abbr>',
}


def page(folder: Path, choices: dict[str, bool]) -> str:
    """The page of a post of that body, in a new site with these choices alone."""
    run = CliRunner().invoke
    assert run(publisher, ["init", str(folder)]).exit_code == 0
    file = folder / "publisher.toml"
    text = re.sub(r"(?<=\[posts.markdown\]\n)(\w+ = true\n)+", "", file.read_text("utf-8"))
    lines = "".join(f"{name} = {str(on).lower()}\n" for name, on in choices.items())
    file.write_text(text.replace("[posts.markdown]\n", f"[posts.markdown]\n{lines}"), encoding="utf-8")
    post = f"---\ntitle: A\ndate: 2024-10-01\nslug: a\n---\n{BODY}"
    (folder / "posts" / "a.md").write_text(post, encoding="utf-8")
    done = run(publisher, ["publish", "--site", str(folder)])
    assert done.exit_code == 0, done.output
    return (folder / "public/posts/2024/10/01/a/index.html").read_text("utf-8")


def test_a_picture_in_double_brackets_is_the_file_beside_the_post(tmp_path: Path) -> None:
    run = CliRunner().invoke
    assert run(publisher, ["init", str(tmp_path)]).exit_code == 0
    body = (
        "<details><summary>More</summary>\n\nHidden words.\n\n</details>\n\nWords to read.\n\n"
        "![[a pic.png]] ![[a pic.png|A <gull> & chick]] ![[a pic.png|300]] `![[a pic.png]]`\n\n"
        "![[lost.png]] [[a note]] ![[a note]]\n"
    )
    post = f"---\ntitle: A\ndate: 2024-10-01\nslug: a\n---\n{body}"
    (tmp_path / "posts" / "a.md").write_text(post, encoding="utf-8")
    png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + (4).to_bytes(4, "big") * 2 + b"\x08\x06\0\0\0"
    (tmp_path / "posts" / "a pic.png").write_bytes(png)
    assert run(publisher, ["publish", "--site", str(tmp_path)]).exit_code == 0
    made = (tmp_path / "public/posts/2024/10/01/a/index.html").read_text("utf-8")
    pictures = re.findall(r'<img src="https://example.org/assets/[^"]+\.png"[^>]*>', made)
    assert len(pictures) == 3, made
    assert 'alt="A &lt;gull&gt; &amp; chick"' in pictures[1]
    assert 'width="300"' in pictures[2]
    assert "<code>![[a pic.png]]</code>" in made
    assert "[[a note]] ![[a note]]" in made
    assert '<meta name="description" content="Words to read.">' in made
    checked = run(publisher, ["check", "--site", str(tmp_path)]).stdout
    assert "a.md:16: warning: lost.png: no such picture beside the post; add it or fix its name" in checked


def test_each_choice_turns_its_own_extension_on_or_off(tmp_path: Path) -> None:
    on = page(tmp_path / "on", dict.fromkeys(ALL, True))
    assert {name: found in on for name, found in READ.items()} == dict.fromkeys(ALL, True)
    off = page(tmp_path / "off", dict.fromkeys(ALL, False))
    assert {name: READ[name] in off for name in ALL if name not in ("math", "dollars")} == {
        name: False for name in ALL if name not in ("math", "dollars")
    }
    assert "<del>gone</del>" in on
    assert "<del>gone</del>" in off
    without = page(tmp_path / "without", {})  # as where no generator is known
    assert [name for name in ALL if READ[name] in without and name not in ("math", "dollars")] == [
        "definitions",
        "abbreviations",
    ]
