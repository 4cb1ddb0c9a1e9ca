"""The export of a blog becomes a folder of posts, by the real command; the same export gives them their
ids.
"""

import json
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import pytest
import warm

PAID = "This is for those who pay."
IMAGE = "__GHOST_URL__/content/images/size/w600/2024/05/boat.jpg"

WXR = """<?xml version="1.0" encoding="UTF-8" ?>
<rss version="2.0" xmlns:excerpt="http://wordpress.org/export/1.2/excerpt/"
  xmlns:content="http://purl.org/rss/1.0/modules/content/" xmlns:dc="http://purl.org/dc/elements/1.1/"
  xmlns:wp="http://wordpress.org/export/1.2/">
<channel><title>Quay</title><link>https://quay.example</link>
<wp:author><wp:author_login><![CDATA[ann]]></wp:author_login>
<wp:author_display_name><![CDATA[Ann Lee]]></wp:author_display_name></wp:author>
{items}</channel></rss>
"""
ITEM = """<item><title><![CDATA[{title}]]></title><link>https://quay.example/{slug}/</link>
<dc:creator><![CDATA[ann]]></dc:creator><guid isPermaLink="false">https://quay.example/?p={n}</guid>
<content:encoded><![CDATA[{body}]]></content:encoded><excerpt:encoded><![CDATA[]]></excerpt:encoded>
<wp:post_id>{n}</wp:post_id><wp:post_date_gmt><![CDATA[2024-01-02 10:00:00]]></wp:post_date_gmt>
<wp:post_name><![CDATA[{slug}]]></wp:post_name><wp:status><![CDATA[{status}]]></wp:status>
<wp:post_type><![CDATA[{kind}]]></wp:post_type><wp:post_password><![CDATA[{password}]]></wp:post_password>
<category domain="post_tag" nicename="tides"><![CDATA[Tides]]></category></item>
"""
CLASSIC = """First paragraph
with a line end

[caption id="a_7" width="300"]<img src="/wp-content/uploads/2024/boat-300x200.jpg" alt="A boat" />
The boat[/caption]

[contact-form][/contact-form]A note [1], as written [sic]."""


def ghost(number: int) -> str:
    """An export of so many public posts, one for payers, a draft and a page."""
    posts: list[dict[str, Any]] = [
        {
            "id": f"{n:024x}",
            "title": f"Post {n}",
            "slug": f"post-{n}",
            "html": f'<p>Text <em>{n}</em></p><figure class="kg-image-card"><img src="{IMAGE}"></figure>',
            "type": "post",
            "status": "published",
            "visibility": "public",
            "published_at": f"2024-01-{n:02}T10:00:00.000Z",
        }
        for n in range(1, number + 1)
    ]
    common = {
        "type": "post",
        "status": "published",
        "visibility": "public",
        "published_at": "2024-03-01T10:00:00.000Z",
    }
    posts += [
        common
        | {"id": "a" * 24, "title": "Paid", "slug": "paid", "html": f"<p>{PAID}</p>", "visibility": "paid"},
        common | {"id": "b" * 24, "title": "Draft", "slug": "draft", "html": "<p>x</p>", "status": "draft"},
        common | {"id": "c" * 24, "title": "About", "slug": "about", "html": "<p>x</p>", "type": "page"},
    ]
    return json.dumps({"db": [{"meta": {"version": "6.0.0"}, "data": {"posts": posts}}]})


def convert(*args: str | Path, code: int = 0) -> subprocess.CompletedProcess[str]:
    done = warm.run(["convert", *map(str, args)], {})
    assert done.returncode == code, done.stderr
    return done


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    for name in ("images/2024/05/boat.jpg", "uploads/2024/boat.jpg"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_bytes(b"\xff\xd8\xff\xe0 a picture")
    return tmp_path


def test_every_post_of_a_ghost_blog_keeps_the_id_that_readers_know(site: Any, pictures: Path) -> None:
    export = pictures / "ghost.json"
    export.write_text(ghost(30), encoding="utf-8")
    settings = (site.folder / "publisher.toml").read_text("utf-8")
    site.settings(f'{settings}\n[[feeds]]\nslug = "feed"\nlimit = 50\n')
    said = convert("ghost", export, site.posts, "--pictures", pictures / "images")
    assert said.stderr.splitlines()[-1].endswith("(1 draft; 1 hidden: 1 paid)")
    assert "page (no post), 1" in said.stdout
    assert (site.posts / "images/2024/05/boat.jpg").is_file()
    assert not any(finding["error"] for finding in site.json("check")["findings"])
    adopted = site.json("adopt", str(export), code=0)
    assert len(adopted["found"]) == 30
    site.publish("2024-06-01T10:00:00Z")
    items = {item["title"]: item for item in site.feed()["items"]}
    assert {title: item["id"] for title, item in items.items()} == {
        f"Post {n}": f"{n:024x}" for n in range(1, 31)
    }
    assert "<em>7</em>" in items["Post 7"]["content_html"]
    assert PAID.encode() not in b"".join(site.documents().values())
    assert not site.mails()


def test_a_wordpress_blog_comes_with_its_paragraphs_captions_and_hidden_posts(
    site: Any, pictures: Path
) -> None:
    plain = {"status": "publish", "kind": "post", "password": "", "body": "x"}
    items = (
        plain | {"n": 5, "slug": "classic", "title": "Classic", "body": CLASSIC},
        plain | {"n": 6, "slug": "locked", "title": "Locked", "password": "sesame"},
        plain | {"n": 7, "slug": "own", "title": "Own", "status": "private"},
        plain | {"n": 8, "slug": "about", "title": "About", "kind": "page"},
    )
    export = pictures / "wordpress.xml"
    export.write_text(WXR.format(items="".join(ITEM.format(**item) for item in items)), encoding="utf-8")
    said = convert("wordpress", export, site.posts, "--pictures", pictures / "uploads")
    assert "shortcode [contact-form], 1 (first in classic.md)" in said.stdout
    text = (site.posts / "classic.md").read_text("utf-8")
    assert "First paragraph\\\nwith a line end\n" in text
    assert "![A boat](images/2024/boat.jpg)\n\n*The boat*\n" in text
    assert "A note \\[1\\], as written \\[sic\\]." in text
    assert 'tags: ["Tides"]\nauthors: ["Ann Lee"]\n' in text
    assert "sesame" not in (site.posts / "locked.md").read_text("utf-8")
    site.run("adopt", str(export))  # the two that are hidden are no posts here
    site.publish("2024-06-01T10:00:00Z")
    assert [(item["title"], item["id"]) for item in site.feed()["items"]] == [
        ("Classic", "https://quay.example/?p=5")
    ]


def test_a_second_conversion_overwrites_nothing(tmp_path: Path) -> None:
    export, folder = tmp_path / "ghost.json", tmp_path / "posts"
    export.write_text(ghost(2), encoding="utf-8")
    convert("ghost", export, folder, "--dry-run")
    assert not folder.exists()
    convert("ghost", export, folder)
    assert json.loads(convert("ghost", export, folder, "--json").stdout)["written"] == 0
    (folder / "post-1.md").write_text("mine", encoding="utf-8")
    (folder / "post-2.md").unlink()
    assert "already exists with another text" in convert("ghost", export, folder, code=1).stderr
    assert (folder / "post-1.md").read_text("utf-8") == "mine"
    assert not (folder / "post-2.md").exists()


def test_what_is_no_export_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("{}", encoding="utf-8")
    said = convert("ghost", tmp_path / "a.json", tmp_path / "posts", code=1).stderr
    assert "not an export of Ghost; export it in Ghost under Settings" in said
    assert "cannot be read" in convert("wordpress", tmp_path / "b.xml", tmp_path / "posts", code=1).stderr


SUBSTACK = """post_id,post_date,is_published,email_sent_at,inbox_sent_at,type,audience,title,subtitle,\
podcast_url
101.ebb,2024-03-01T08:00:00.000Z,true,2024-03-01T08:00:00.000Z,,newsletter,everyone,"Ebb, and flow",Of tides,
102.crew,2024-04-01T08:00:00.000Z,true,,,newsletter,only_paid,For the crew,,
103.talk,2024-05-01T08:00:00.000Z,true,,,podcast,everyone,A talk,,https://cdn.example/talk.mp3
104.,,false,,,newsletter,everyone,,,
105.about,2024-01-01T08:00:00.000Z,true,,,page,everyone,About,,
"""
BODY = """<p>The <em>ebb</em>.</p><div class="subscription-widget-wrap-editor" data-attrs="{}"><p>Thanks!</p>
<form><input type="email"></form></div><p class="button-wrapper">
<a class="button primary" href="%%share_url%%"><span>Share</span></a></p>
<div class="captioned-image-container"><figure><a class="image-link image2"
href="https://substackcdn.com/boat.jpg"><div class="image2-inset"><picture><source type="image/webp"
srcset="https://substackcdn.com/w/boat.jpg 424w"><img src="https://substackcdn.com/boat.jpg" alt="A boat">
</picture></div></a><figcaption class="image-caption">The boat</figcaption></figure></div>"""


def test_a_substack_archive_comes_with_its_posts_and_the_feed_gives_their_ids(
    site: Any, tmp_path: Path
) -> None:
    with zipfile.ZipFile(tmp_path / "export.zip", "w") as archive:
        archive.writestr("posts.csv", SUBSTACK)
        archive.writestr("posts/101.ebb.html", BODY)
        archive.writestr("posts/102.crew.html", f"<p>{PAID}</p>")
        archive.writestr("posts/103.talk.html", "<p>Listen.</p>")
        archive.writestr("email_list.quay.csv", "email\nann@example.org\n")
    said = convert("substack", tmp_path / "export.zip", site.posts)
    assert said.stderr.splitlines()[-1].endswith("(1 draft; 1 hidden: 1 paid)")
    assert {line.partition(": ")[2] for line in said.stdout.splitlines()} >= {
        "page (no post), 1",
        "sign-up form, 1 (first in ebb.md)",
        "button, 1 (first in ebb.md)",
    }
    text = (site.posts / "ebb.md").read_text("utf-8")
    assert 'title: "Ebb, and flow"\nslug: "ebb"\naliases: ["/p/ebb"]\ndate: 2024-03-01T08:00:00Z\n' in text
    assert 'excerpt: "Of tides"\n' in text
    assert "![A boat](https://substackcdn.com/boat.jpg)" in text
    assert "Thanks!" not in text
    assert "https://cdn.example/talk.mp3" in (site.posts / "talk.md").read_text("utf-8")
    refused = site.run("adopt", str(tmp_path / "export.zip"), code=1).stderr
    assert "an archive, which has no ids of the old feed; adopt the address of the old feed" in refused
    old = "https://quay.substack.com/p/talk"
    (tmp_path / "feed.xml").write_text(
        f"<rss version='2.0'><channel><title>Quay</title><item><title>A talk</title><link>{old}</link>"
        f"<guid isPermaLink='false'>{old}</guid><pubDate>Wed, 01 May 2024 08:00:00 GMT</pubDate></item>"
        "<item><title>Ebb, and flow</title><link>https://quay.substack.com/p/ebb</link>"
        "<guid isPermaLink='false'>https://quay.substack.com/p/ebb</guid></item></channel></rss>"
    )
    settings = (site.folder / "publisher.toml").read_text("utf-8")
    site.settings(f'{settings}\n[posts]\npages = true\npermalink = "/p/:slug/"\n')
    site.run("adopt", str(tmp_path / "feed.xml"))
    assert not any(finding["error"] for finding in site.json("check")["findings"])
    site.publish("2024-06-01T10:00:00Z")
    ids = {item["title"]: item["id"] for item in site.feed()["items"]}
    assert ids == {"A talk": old, "Ebb, and flow": "https://quay.substack.com/p/ebb"}
    assert PAID.encode() not in b"".join(site.documents().values())


def test_a_zip_that_is_no_archive_of_substack_is_said(tmp_path: Path) -> None:
    file = tmp_path / "export.zip"
    for names in ({"a.txt": "x"}, {"posts.csv": ""}, {"posts.csv": "title\nx\n"}):
        with zipfile.ZipFile(file, "w") as archive:
            for name, text in names.items():
                archive.writestr(name, text)
        assert "not an export of Substack; export it" in convert("substack", file, tmp_path, code=1).stderr
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("posts.csv", SUBSTACK * 50)
    data = bytearray(file.read_bytes())
    data[60:90] = bytes(30)
    file.write_bytes(data)
    assert "not an export of Substack" in convert("substack", file, tmp_path, code=1).stderr
