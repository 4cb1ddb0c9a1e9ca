"""The commands on new sites of generators, on formats nobody reads, and on files that a tool spoiled."""

import os
from typing import Any

import pytest

HUGO = {
    "hugo.toml": "baseURL = 'https://example.org/'\nlocale = 'en-us'\ntitle = 'My New Hugo Project'\n",
    "archetypes/default.md": "+++\ndate = '{{ .Date }}'\ndraft = true\n"
    'title = \'{{ replace .File.ContentBaseName "-" " " | title }}\'\n+++\n',
    "content/posts/my-first-post.md": "+++\ndate = '2026-11-01T10:00:00Z'\ntitle = 'First'\n+++\nHi\n",
    "themes/t/exampleSite/content/post/demo.md": "+++\ntitle = 'Demo'\ndate = 2020-01-01\n+++\nNo\n",
}
HEXO = {
    "_config.yml": "title: Hexo\nurl: http://example.com\nsource_dir: source\npublic_dir: public\n",
    "package.json": '{"dependencies": {"hexo": "^8.0.0"}}',
    "scaffolds/draft.md": "---\ntitle: {{ title }}\ntags:\n---\n",
    "scaffolds/post.md": "---\ntitle: {{ title }}\ndate: {{ date }}\ntags:\n---\n",
    "scaffolds/page.md": "---\ntitle: {{ title }}\ndate: {{ date }}\n---\n",
    "source/_posts/hello-world.md": "---\ntitle: Hello World\ndate: 2026-11-01 10:00:00\n---\nWelcome\n",
    "node_modules/hexo-cli/assets/scaffolds/post.md": "---\ntitle: {{ title }}\n---\n",
}
JEKYLL = {
    "_config.yml": "title: Your awesome title\ntheme: minima\nplugins:\n  - jekyll-feed\n",
    "_posts/2026-11-01-welcome-to-jekyll.markdown": "---\nlayout: post\ntitle: Welcome\n---\nHello\n",
    "about.markdown": "---\nlayout: page\ntitle: About\npermalink: /about/\n---\nText\n",
    "index.markdown": "---\nlayout: home\n---\n",
    "404.html": "---\npermalink: /404.html\nlayout: default\n---\n<h1>404</h1>\n",
}
AT = "2026-11-10T09:00:00Z"
GOOD = "---\ntitle: Low tide\ndate: 2026-11-02\n---\nAt low tide.\n"


@pytest.mark.parametrize("files", [HUGO, HEXO, JEKYLL], ids=["hugo", "hexo", "jekyll"])
def test_a_new_site_of_a_generators_is_published_at_its_root(files: dict[str, str], site: Any) -> None:
    for name, text in files.items():
        site.post(name, text)
    site.run("check", "--at", AT)
    site.publish(AT)
    rows = site.json("posts", "list", "--at", AT)
    assert [row["file"] for row in rows if row["served"]] == [
        name for name in files if "/my-first" in name or "_posts/" in name
    ]
    assert all(row["why"] for row in rows if not row["served"])


def test_posts_in_formats_that_nobody_reads_are_counted_and_named(site: Any) -> None:
    site.post("low-tide.md", GOOD)
    for n in range(18):
        site.post(f"tide-{n:02}.adoc", f"= Tide {n}\n:revdate: 2026-10-{n + 1:02}\n\nText\n")
    site.post("2026-10-01-chart.ipynb", '{"cells": []}')
    site.post("notes.org", "#+title: Not dated\n")
    site.post("draft.org", "#+title: D\n#+date: 2026-10-01\n#+draft: true\n")
    found = site.json("check", "--at", AT)
    assert (found["public"], found["unread"]) == (1, 19)
    named = {f["path"]: f["reason"] for f in found["findings"] if "Publisher does not read" in f["reason"]}
    assert named.keys() == {"2026-10-01-chart.ipynb", "tide-00.adoc"}
    assert "AsciiDoc (and so are 17 more)" in named["tide-00.adoc"]
    assert "19 in formats that are not read" in site.run("check", "--at", AT).stderr
    listed = {row["file"]: row["why"] for row in site.json("posts", "list", "--at", AT)}
    assert len(listed) == 20
    assert listed["tide-07.adoc"].startswith("AsciiDoc, which Publisher does not read")


def test_a_file_that_a_tool_emptied_keeps_its_post_and_is_told_after_ten_minutes(site: Any) -> None:
    site.post("low-tide.md", GOOD)
    site.publish("2026-11-03T09:00:00Z")
    before = site.documents()
    emptied = site.post("low-tide.md", "")
    os.utime(emptied, (0, 0))  # else it would be taken for a file that is still being written
    site.publish("2026-11-03T10:00:00Z")
    site.publish("2026-11-03T10:09:00Z")
    told = site.publish("2026-11-03T10:11:00Z", code=1)
    assert "low-tide.md: is empty" in told
    assert site.documents() == before
    site.post("low-tide.md", GOOD)
    site.publish("2026-11-03T10:20:00Z")
    assert site.documents() == before


def test_a_conflict_that_git_left_holds_the_file_and_the_last_good_version_stays(site: Any) -> None:
    site.post("low-tide.md", GOOD)
    site.publish("2026-11-03T09:00:00Z")
    before = site.documents()
    site.post("low-tide.md", GOOD + "<<<<<<< HEAD\nOne\n=======\nTwo\n>>>>>>> x\n")
    assert "low-tide.md:6: a conflict" in site.publish("2026-11-03T10:00:00Z", code=1)
    assert site.documents() == before
