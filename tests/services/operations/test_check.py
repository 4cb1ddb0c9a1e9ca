"""What `check` says of a folder as a whole."""

from pathlib import Path

from publisher.app import App
from publisher.config import load
from publisher.services.posts.content import Finding, summarize

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


def test_a_link_that_leads_nowhere_is_one_finding(tmp_path: Path) -> None:
    (tmp_path / "publisher.toml").write_text(TOML)
    (tmp_path / "_config.yml").write_text("title: x\n")
    posts = tmp_path / "posts"
    posts.mkdir()
    text = "---\ntitle: A\ndate: 2024-05-01\n---\n[o]({% post_url 2024-05-01-none %}) [p](./none.md)\n"
    (posts / "a.md").write_text(text)
    dead = ("'{% post_url 2024-05-01-none %}'", "'./none.md'")
    assert findings(tmp_path) == [("a.md", f"{it} leads nowhere; correct the link", False) for it in dead]


def test_an_address_of_ours_that_many_servers_refuse_is_a_finding(tmp_path: Path) -> None:
    text = (
        f'{TOML}[[lists]]\nslug = "daily"\nfrom = "News <m\u00fcll@x.example>"\nreply_to = "me@x.example"\n'
    )
    (tmp_path / "publisher.toml").write_text(text, encoding="utf-8")
    (tmp_path / "posts").mkdir()
    [(path, reason, error)] = [one for one in findings(tmp_path) if "SMTPUTF8" in one[1]]
    assert (path, error) == ("publisher.toml", False)
    assert reason.startswith("lists.daily.from (News <m\u00fcll@x.example>) has letters before the @")


def warning(line: int, reason: str, *, error: bool = False) -> Finding:
    return Finding(path="a.md", line=line, reason=reason, error=error)


def test_of_many_warnings_of_a_kind_the_first_is_shown_and_the_rest_are_counted() -> None:
    dead = [warning(n, f"'./{n}.md' leads nowhere; correct the link") for n in range(1, 13)]
    lost = [warning(n, f"{n}.png: no such picture beside the post; add it") for n in range(1, 6)]
    bad = [warning(n, "broken YAML; fix the line", error=True) for n in range(1, 6)]
    few = [warning(n, "expires: 'x' is no date") for n in range(1, 4)]
    assert list(summarize([*dead, *lost, *bad, *few])) == [
        str(dead[0]),
        str(lost[0]),
        "  and 4 more warnings of this kind (`publisher check --all` shows them)",
        *map(str, bad),
        *map(str, few),
        "12 links lead nowhere (`publisher check --all` shows them)",
    ]
    assert list(summarize(dead[:1])) == [str(dead[0]), "1 link leads nowhere"]
