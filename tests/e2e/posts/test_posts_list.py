"""`posts list` and `check`: what becomes of each file, and which rule decided it."""

from typing import Any

AT = "2024-06-01T00:00:00Z"
GOOD = "---\ntitle: AT&amp;T `now`\nauthor: jo\ntags: [a, b]\ndate: 2024-05-01 10:00\n---\nBody\n"
KEYS = [
    "file", "served", "why", "id", "instant", "title", "url", "slug", "tags", "categories", "authors",
    "language", "front_matter",
]  # fmt: skip


def blog(site: Any) -> None:
    site.post("README.md", "# About this folder\n")
    site.post("good.md", GOOD)
    site.post("draft.md", "+++\ntitle = 'D'\ndraft = true\ndate = 2024-05-01\n+++\n")
    site.post("later.md", "---\ntitle: L\ndate: 2024-05-01\npublishDate: 2024-07-01T00:00:00Z\n---\n")
    site.post("over.md", "---\ntitle: O\ndate: 2024-05-01\nexpiryDate: 2024-05-02\n---\n")
    site.post("bad.md", "---\ntitle: a: b\n---\n")


def test_each_file_is_listed_with_all_that_is_known_of_it(site: Any) -> None:
    blog(site)
    rows = site.json("posts", "list", "--at", AT)
    assert all(list(row) == KEYS for row in rows)
    assert [(row["file"], row["served"], row["why"]) for row in rows] == [
        ("README.md", False, "neither front matter nor a dated name"),
        ("bad.md", False, 'line 2: broken YAML: a second ":" on one line; put the value in quotes'),
        ("draft.md", False, "draft: true"),
        ("good.md", True, ""),
        ("later.md", False, "waits for 2024-07-01T00:00:00Z"),
        ("over.md", False, "expired"),
    ]
    assert rows[3] == {
        "file": "good.md",
        "served": True,
        "why": "",
        "id": "tag:harbour.example,2024:/2024/05/01/good/",
        "instant": "2024-05-01T03:00:00Z",
        "title": "AT&amp;T `now`",
        "url": "https://harbour.example/2024/05/01/good/",
        "slug": "good",
        "tags": ["a", "b"],
        "categories": [],
        "authors": ["jo"],
        "language": "en",
        "front_matter": "yaml",
    }
    assert [row["front_matter"] for row in rows] == ["none", None, "toml", "yaml", "yaml", "yaml"]


def test_a_listed_post_has_the_id_it_gets_and_keeps(site: Any) -> None:
    site.post("good.md", GOOD)
    before = site.json("posts", "list", "--at", AT)[0]["id"]
    site.publish(AT)
    assert site.feed()["items"][0]["id"] == before
    site.post("good.md", GOOD.replace("tags:", "permalink: /moved/\ntags:"))
    row = site.json("posts", "list", "--at", AT)[0]
    assert (row["id"], row["url"]) == (before, "https://harbour.example/moved/")


def test_explain_says_which_rule_decided_each_value(site: Any) -> None:
    site.post("_data/authors.yml", "jo: {name: Jo Doe}\n")
    site.post("good.md", GOOD)
    said = site.run("posts", "list", "--explain", "good.md", "--at", AT).stdout
    for line in (
        "good.md: served",
        "  profile       none  (found: the names and containers of the files)",
        "  timezone      Asia/Phnom_Penh  (settings: site.timezone)",
        "  instant       2024-05-01T03:00:00Z  (front matter: date, line 5)",
        "  title         AT&T now  (front matter: title, line 2)",
        "  slug          good  (file name)",
        "  permalink     /2024/05/01/good/  (default)",
        "  names         Jo Doe",
        "  authors       jo  (front matter: author, line 3)",
        "  language      en  (settings)",
    ):
        assert line in said.splitlines()
    values = site.json("posts", "list", "--explain", "good.md", "--at", AT)["values"]
    assert {"name": "slug", "value": "good", "because": "file name"} in values
    assert "no file 'x.md'" in site.run("posts", "list", "--explain", "x.md", code=2).stderr


def test_a_post_under_embargo_is_published_and_mailed_when_it_ends(site: Any) -> None:
    site.publish("2024-05-20T00:00:00Z")
    site.reader("a@x.example", "2024-05-20T00:00:00Z")
    blog(site)
    (site.posts / "bad.md").unlink()
    site.publish("2024-05-20T01:00:00Z", "--backfill")
    assert len(site.feed()["items"]) == 1
    site.publish("2024-07-01T09:30:00Z")
    assert {item["title"] for item in site.feed()["items"]} == {"AT&T now", "L"}
    assert len(site.mails_to("a@x.example")) == 1


def test_check_names_path_line_and_reason_of_every_finding(site: Any) -> None:
    site.post("2024-05-03-day.md", "---\ntitle: A\ndate: 2024-02-30\nTitle: B\n---\n\nx\n{% gallery y %}\n")
    site.post("bad.md", "---\ntitle: [\n---\n")
    done = site.run("check", "--at", AT, code=1)
    lines = done.stdout.splitlines()
    assert lines[:3] == [
        "2024-05-03-day.md:3: warning: date: '2024-02-30' is not a date; write it as 2024-10-25 08:38",
        "2024-05-03-day.md:4: warning: 'Title' is repeated; the last one counts",
        "2024-05-03-day.md:8: warning: {% gallery y %} is template code and was left out; write it as "
        "Markdown or HTML",
    ]
    assert lines[3].startswith("bad.md:3: broken YAML: ")
    assert "1 public post" in done.stderr
    assert "1 error" in done.stderr
    (site.posts / "bad.md").unlink()
    site.run("check", "--at", AT)


def test_a_blogs_own_settings_are_enough(site: Any) -> None:
    site.settings(
        '[site]\ntitle = "T"\nurl = "https://t.example/"\n[posts]\ndir = "."\ninclude = ["_posts/**"]\n'
        'defaults = {author = "House", draft = false}\n'
    )
    (site.folder / "_config.yml").write_text("timezone: Asia/Tokyo\npermalink: /:year/:title/\n")
    (site.folder / "_posts").mkdir()
    (site.folder / "_posts/2024-05-01-a.md").write_text(
        "---\ntitle: A\n---\nOne\n\nTwo <!--more-->\n\nRest\n"
    )
    (row,) = site.json("posts", "list", "--at", AT)
    assert (row["instant"], row["url"]) == ("2024-04-30T15:00:00Z", "https://t.example/2024/a/")
    assert row["authors"] == ["House"]
    site.publish(AT)
    assert site.feed()["items"][0]["summary"] == "One Two"
