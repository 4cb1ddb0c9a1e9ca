"""What one post has wrong is mended, and its author is told: the file, the line, once."""

from pathlib import Path
from typing import Any

from mailed import Paper

TEXT = """---
title: Vue tips
date: 2026-11-02T10:00:00Z
---
Write `{{ name }}`, then open [http://localhost:3000/](http://localhost:3000/).

<img data-src="/i/a.png" class="lazy" alt="a">

![The harbour](file:///home/ann/harbour.png) and [a file](ftp://e.example/x).
"""


def said(findings: Any) -> list[tuple[str, int, str]]:
    return [(finding.path, finding.line, finding.reason.split(" (")[0]) for finding in findings]


EXPECTED = [
    ("p001.md", 5, "link that only this machine or network can reach"),
    ("p001.md", 9, "mail programs do not follow ftp: links"),
    ("p001.md", 9, "picture without an address that readers can use"),
]


def test_a_publish_warns_of_each_post_once_by_file_and_line(tmp_path: Path) -> None:
    paper = Paper(tmp_path, {"daily": ""})
    paper.post(1, TEXT)
    paper.days(1)
    app = paper.app()
    made, _ = app.plan()
    assert said(app.warnings(made)) == EXPECTED
    assert said(finding for finding in app.check().findings if finding.path == "p001.md") == EXPECTED
    assert not [finding for finding in app.check().findings if finding.error]
    assert said(app.publish().warnings) == EXPECTED
    assert said(app.publish().warnings) == []
    app.close()
    paper.post(2, "---\ntitle: Another\ndate: 2026-11-02T11:00:00Z\n---\n[x](javascript:x)\n")
    app = paper.app()
    assert [(path, line) for path, line, _ in said(app.publish().warnings)] == [("p002.md", 5)]
    app.close()
    assert [len(mails) for mails in paper.mails()] == [0]


def test_readers_get_what_a_script_would_load_and_the_words_of_what_is_lost(
    tmp_path: Path,
) -> None:
    paper = Paper(tmp_path, {"daily": ""})
    paper.post(1, TEXT)
    mailings, unsent, _ = paper.tomorrow()
    assert (len(mailings), unsent) == (1, [])
    [[mail]] = paper.mails()
    body = mail.get_body(("html",)).get_content()
    assert 'src="https://paper.example/i/a.png"' in body
    assert "The harbour and a file." in " ".join(body.split())
    assert "ftp:" not in body
    assert 'href="http://localhost:3000/"' in body
    feed = (tmp_path / "public" / "feed.json").read_text(encoding="utf-8")
    assert 'src=\\"https://paper.example/i/a.png\\"' in feed
    assert 'href=\\"ftp://e.example/x\\"' in feed
    assert "file:///" not in feed


def test_a_site_whose_own_address_is_of_this_machine_is_not_mailed_by_smtp(tmp_path: Path) -> None:
    for url, held in (("http://localhost:4000/", True), ("https://paper.example/", False)):
        folder = tmp_path / str(held)
        folder.mkdir()
        paper = Paper(folder, {"daily": ""})
        settings = folder / "publisher.toml"
        text = settings.read_text(encoding="utf-8").replace("https://paper.example/", url)
        smtp = (
            '[mail]\ntransport = "smtp"\n[[mail.relays]]\nhost = "127.0.0.1"\nport = 9\nsecurity = "none"\n'
        )
        settings.write_text(f"{text}{smtp}", encoding="utf-8")
        paper.post(1, TEXT)
        app = paper.app()
        app.publish()
        errors = [finding.reason for finding in app.check().findings if finding.error]
        app.close()
        assert any(reason.startswith(f"settings: site.url is {url}: ") for reason in errors) is held
        assert held or not errors
