"""What an author sets for one post, from the file to the mail, the feeds and the pages."""

import re
from html import unescape
from typing import Any

NIGHT, DAY = "2024-10-20T05:00:00Z", "2024-10-20T09:00:00Z"
PAGES = "[posts]\npages = true\n\n[[lists]]"


def write(site: Any, name: str, front: str = "", body: str = "Some words.") -> None:
    title = name.removesuffix(".md").title()
    site.post(name, f"---\ntitle: {title}\ndate: 2024-10-20\n{front}\n---\n{body}\n")


def begin(site: Any) -> None:
    """A site with pages, an old post and a reader."""
    site.settings((site.folder / "publisher.toml").read_text("utf-8").replace("[[lists]]", PAGES))
    write(site, "old.md")
    site.publish("2024-10-20T03:00:00Z")
    site.reader("ann@example.org", "2024-10-20T04:00:00Z")


def words(html: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]*>", "", html)).split())


def test_a_post_that_is_only_mailed_reaches_readers_and_no_feed_or_page(site: Any, running: Any) -> None:
    begin(site)
    write(
        site,
        "secret.md",
        "mail: only\ntags: [tides]\nsubject: A letter\npreheader: For you alone",
        "Hidden words.",
    )
    site.publish(NIGHT)
    assert "mailed\tsecret.md\t2024-10-20 00:00 +07\tSecret" in site.run("posts", "list").stdout
    site.publish(DAY)
    [mail] = site.mails()
    html = mail.get_body(("html",)).get_content()
    assert mail["Subject"] == "A letter"
    assert "For you alone" in html
    assert "Hidden words." in mail.get_body(("plain",)).get_content()
    shown = [name for name, data in site.documents().items() if b"Hidden" in data or b"Secret" in data]
    assert shown == []
    archived = site.read("digests/daily/1/index.html").decode()
    assert "This post was sent by email only" in archived
    assert "A letter" not in archived
    [view] = set(re.findall(r'href="https://harbour.example(/view/[^"]+)"', html))
    server = running("--web-only")
    page = server.http.get(view).text
    assert "Hidden words." in page
    assert f'href="https://harbour.example{view}"' in page
    server.stop()
    # Its author publishes it after all: then it is in the feed, and nobody gets it again.
    write(site, "secret.md", "tags: [tides]", "Hidden words.")
    site.publish("2024-10-21T09:00:00Z")
    assert "Secret" in [item["title"] for item in site.feed()["items"]]
    assert site.public.joinpath("posts/2024/10/20/secret/index.html").is_file()
    # And takes it back into mails: it leaves the feed and its page.
    write(site, "secret.md", "mail: only", "Hidden words.")
    site.publish("2024-10-22T09:00:00Z")
    assert "Secret" not in [item["title"] for item in site.feed()["items"]]
    assert not site.public.joinpath("posts/2024/10/20/secret/index.html").exists()
    assert len(site.mails()) == 1


def test_a_mail_may_show_the_beginning_of_a_post_that_feeds_show_whole(site: Any) -> None:
    begin(site)
    write(
        site, "long.md", "mail: excerpt\nsummary: In short", "First *words*.\n\n<!-- more -->\n\nLast words."
    )
    write(site, "short.md", "mail: excerpt\nsummary: In a word", "Only words.")
    site.publish(NIGHT)
    site.publish(DAY)
    [mail] = site.mails()
    html, text = mail.get_body(("html",)).get_content(), mail.get_body(("plain",)).get_content()
    assert "First <em>words</em>." in html
    assert "In a word" in html
    for gone in ("Last words", "Only words"):
        assert gone not in html
        assert gone not in text
    assert text.count("Continue reading:") == 2
    assert "Last words" in {item["title"]: item["content_html"] for item in site.feed()["items"]}["Long"]


def test_pinned_posts_come_first_on_the_start_page_and_in_a_digest(site: Any) -> None:
    begin(site)
    write(site, "old.md", "pinned: true")
    for name in ("a.md", "b.md", "c.md"):
        write(site, name, "pinned: true" if name == "b.md" else "")
    site.publish(NIGHT)
    home = site.read("index.html").decode()
    listed = re.findall(r'<a href="/posts/[^"]*">(\w+)</a>', home)
    assert (set(listed[:2]), set(listed[2:])) == ({"Old", "B"}, {"A", "C"})
    assert words(home).count("Pinned") == 2
    site.publish(DAY)
    [mail] = site.mails()
    assert mail["Subject"] == "B, and 2 more"
    text = mail.get_body(("plain",)).get_content()
    assert re.findall(r"^\d\. (\w)\r?$", text, re.MULTILINE)[:3] == ["B", "A", "C"]


def test_a_page_shows_its_series_its_contents_and_how_long_it_takes_to_read(site: Any) -> None:
    begin(site)
    write(
        site, "one.md", "series: Salt\ntoc: true\nreading_time: true", "## Ebb\n\n### Low `water`\n\n## Flow"
    )
    page = "posts/2024/10/20/one/index.html"
    site.publish(NIGHT)
    alone = site.read(page).decode()
    assert "Part 1" not in alone
    assert re.findall(r'<li class="(level\d)"><a href="#([\w-]+)">([^<]+)</a>', alone) == [
        ("level1", "ebb", "Ebb"),
        ("level2", "low-water", "Low water"),
        ("level1", "flow", "Flow"),
    ]
    assert "1 minute to read" in alone
    write(site, "two.md", "series: Salt\nseries_part: 2\nreading_time: 12", "word " * 10)
    site.publish("2024-10-20T06:00:00Z")
    assert "Part 1 of Salt (2 in all)" in words(site.read(page).decode())
    other = site.read("posts/2024/10/20/two/index.html").decode()
    assert "Part 2 of Salt (2 in all)" in words(other)
    assert "12 minutes to read" in other
    assert "Contents" not in other
    site.publish(DAY)
    [mail] = site.mails()
    assert "12 minutes to read · Part 2 of Salt" in mail.get_body(("plain",)).get_content()


def test_a_draft_is_shown_to_whom_its_author_gives_the_link_until_it_ends(site: Any, running: Any) -> None:
    begin(site)
    write(site, "drafts/plan.md", "draft: true", "Draft words. ![The pier](pier.png)")
    (site.posts / "drafts/pier.png").write_bytes(b"\x89PNG\r\n\x1a\npier")
    made = site.json("share", "drafts/plan.md", "--days", "3")
    assert made["file"] == "drafts/plan.md"
    path = made["url"].removeprefix("https://harbour.example")
    said = site.run("share", str(site.posts / "drafts/plan.md"))
    assert said.stdout.startswith("https://harbour.example/share/")
    assert "shows drafts/plan.md until" in said.stderr
    ended = site.json("share", "drafts/plan.md", "--at", "2024-10-20T09:00:00Z")["url"]
    server = running("--web-only")
    page = server.http.get(path)
    assert (page.status_code, page.headers["x-robots-tag"]) == (200, "noindex")
    assert page.headers["cache-control"] == "no-store"
    assert "This is a draft." in page.text
    assert "Draft words." in page.text
    assert 'rel="canonical"' not in page.text
    [picture] = re.findall(r'src="https://harbour\.example(/share/[^"]+)"', page.text)
    shown = server.http.get(picture)
    assert (shown.content, shown.headers["content-type"]) == (b"\x89PNG\r\n\x1a\npier", "image/png")
    # The file as it is now.
    write(site, "drafts/plan.md", "draft: true", "Other words.")
    assert "Other words." in server.http.get(path).text
    bad = [ended.removeprefix("https://harbour.example"), path[:-1], f"{path}A", "/share/", "/share/x"]
    bad += [picture.replace("pier", "peer"), picture, path.swapcase(), f"{path}/assets/../plan.md"]
    assert {server.http.get(one).status_code for one in bad} == {404}
    assert not [name for name, data in site.documents().items() if b"words" in data and "plan" in name]
    server.stop()


def test_what_is_no_draft_cannot_be_shared(site: Any) -> None:
    begin(site)
    write(site, "drafts/bad.md", "date: [")
    for file, said in (
        ("old.md", "old.md: is public, not a draft; it is at https://harbour.example/posts/2024/10/20/old/"),
        ("none.md", "share: no file 'none.md' in"),
        ("drafts/bad.md", "drafts/bad.md: "),
    ):
        assert said in site.run("share", file, code=2 if file == "none.md" else 1).stderr


def test_a_shared_post_leads_to_its_page_once_it_is_public(site: Any, running: Any) -> None:
    begin(site)
    site.post("next.md", "---\ntitle: Next\ndate: 2999-01-01\n---\nNext words.\n")
    path = site.run("share", "next.md").stdout.strip().removeprefix("https://harbour.example")
    server = running("--web-only")
    assert "Next words." in server.http.get(path).text
    site.post("next.md", "---\ntitle: Next\ndate: 2024-01-01\n---\nNext words.\n")
    moved = server.http.get(path)
    assert (moved.status_code, moved.headers["location"]) == (
        302,
        "https://harbour.example/posts/2024/01/01/next/",
    )
    server.stop()
