"""What a file means: title, visibility, place, people, words, picture."""

from datetime import UTC, datetime

import pytest
from declared import source_rules
from paths import SHARED

from publisher.core.posts.post import BadPost, Image, ParsedPost, Post, PostMailOptions
from publisher.core.site import Person
from publisher.sources import FolderSource, SourceRules
from publisher.sources.parse_post import read_post

RULES = source_rules(site_url="https://blog.example/")
SEED = SHARED / "seed"


def post(
    front: str, body: str = "Body\n", path: str = "2024-01-02-a-name.md", rules: SourceRules = RULES
) -> Post:
    result = read_post(path, f"---\n{front}\n---\n{body}".encode(), rules)
    assert isinstance(result, ParsedPost), str(result)
    return result.post


@pytest.mark.parametrize(
    ("title", "shown"),
    [
        ("'AT&amp;T &lt;b&gt;'", "AT&T <b>"),
        ("'&amp;amp;'", "&amp;"),
        ("A <em>fine</em> day", "A fine day"),
        ("Why `no_std` **matters**", "Why no_std matters"),
        ("2 * 3 * 4 and snake_case_names", "2 * 3 * 4 and snake_case_names"),
        ("Vec<T> and a < b", "Vec<T> and a < b"),
        ("'[Words](https://x.example) here'", "Words here"),
        ("'An _italic_ word'", "An italic word"),
        ("'if (a<b && c>d) {}'", "if (a<b && c>d) {}"),
        ("Tags like <br> and <hr>", "Tags like <br> and <hr>"),
        ("'Low<br>water, high <br/>tide'", "Low water, high tide"),
        ("What <div> is, and </p>", "What <div> is, and </p>"),
        ("'<a href=\"/x\">Words</a> and <SPAN class=a>more</span>'", "Words and more"),
        ("'`<em>x</em>` is a pair'", "<em>x</em> is a pair"),
        ("Low <b && c>", "Low <b && c>"),
    ],
)
def test_titles_are_plain_text(title: str, shown: str) -> None:
    assert post(f"title: {title}").title == shown


@pytest.mark.parametrize("profile", ["hugo", "zola", "eleventy", "astro", "docusaurus"])
def test_a_title_is_whole_where_the_generator_reads_it_as_text(profile: str) -> None:
    rules = source_rules(site_url="https://blog.example/", profile=profile)
    for title in ("A <em>fine</em> day", "`if` and **not**", "How {{ .Title }} works", "Vec<T> & [x](y)"):
        assert post(f"title: '{title}'", rules=rules).title == title
    assert post("title: 'Interior&#39;s'", rules=rules).title == "Interior's"


@pytest.mark.parametrize(
    ("body", "title"),
    [
        ("\n## The *Real* One {#id}\n", "The Real One"),
        ("<!-- a\n\ncomment -->\nimport X from 'x'\n\n# One\n", "One"),
        ("Under\n=====\n", "Under"),
        ("Text\n\n---\n", ""),
        ("Text\n# Later\n", ""),
        ("```\n# no\n```\n\n# Later\n", ""),
        ("![](a.png)\n\n# Later\n", ""),
        ("", ""),
    ],
)
def test_a_missing_title_is_the_heading_that_opens_the_body_else_none(body: str, title: str) -> None:
    assert post("x: y", body).title == title


@pytest.mark.parametrize(
    ("profile", "title"), [("jekyll", "A Name"), ("docusaurus", "a-name"), ("zola", ""), ("none", "")]
)
def test_a_missing_title_is_what_the_generator_makes_of_the_name(profile: str, title: str) -> None:
    assert post("x: y", rules=source_rules(site_url="https://blog.example/", profile=profile)).title == title


@pytest.mark.parametrize(
    ("front", "path", "reason"),
    [
        ("draft: true", "2024-01-02-a.md", "draft: true"),
        ("draft: yes", "2024-01-02-a.md", "draft: true"),
        ("published: false", "2024-01-02-a.md", "published: false"),
        ("published: null", "2024-01-02-a.md", "published: null"),
        ("status: Draft", "2024-01-02-a.md", "status: draft"),
        ("status: hidden", "2024-01-02-a.md", "status: hidden"),
        ("unlisted: true", "2024-01-02-a.md", "unlisted: true"),
        ("title: A", "_drafts/2024-01-02-a.md", "in _drafts"),
        ("date: 2024-01-02", "news/_index.md", "_index"),
        ("date: 2024-01-02", "_posts/a.md", "file name lacks YYYY-MM-DD-"),
        ("draft: false", "2024-01-02-a.md", None),
        ("status: published", "2024-01-02-a.md", None),
    ],
)
def test_a_hidden_post_says_why(front: str, path: str, reason: str | None) -> None:
    assert post(front, path=path).hidden == reason


def test_a_file_with_neither_front_matter_nor_a_dated_name_is_hidden() -> None:
    for path, reason in [
        ("README.md", "neither front matter nor a dated name"),
        ("2024-01-02-x.html", "no front matter"),
    ]:
        result = read_post(path, b"Words\n", RULES)
        assert isinstance(result, ParsedPost)
        assert result.post.hidden == reason


@pytest.mark.parametrize(
    ("front", "path", "permalink"),
    [
        ("title: A", "2024-01-02-a-name.md", "/2024/01/02/a-name/"),
        ("slug: other", "2024-01-02-a-name.md", "/2024/01/02/other/"),
        ("title: A", "deep/2024-01-02-trip/index.md", "/2024/01/02/trip/"),
        ("permalink: /fixed/", "2024-01-02-a.md", "/fixed/"),
        ("permalink: fixed/page.html", "2024-01-02-a.md", "/fixed/page.html"),
        ("url: /u/", "2024-01-02-a.md", "/u/"),
        ("path: 2014/12/12/1.0-Timeline", "a.md", "/2014/12/12/1.0-Timeline/"),
        (
            "permalink: /:categories/:year/:title/\ncategory: Big News",
            "2024-01-02-a-b.md",
            "/big-news/2024/a-b/",
        ),
        ("permalink: /%2e%2e/../x/./baddie.html", "2024-01-02-a.md", "/x/baddie.html"),
        ("permalink: /café/", "2024-01-02-a.md", "/caf%C3%A9/"),
        ("permalink: /caf%C3%A9/", "2024-01-02-a.md", "/caf%C3%A9/"),
        ("permalink: https://blog.example/mine/", "2024-01-02-a.md", "/mine/"),
        ("title: A", "2024-01-02-50% #1 \\'\"ü.md", "/2024/01/02/50%25%20%231%20%5C'%22%C3%BC/"),
    ],
)
def test_permalinks_are_encoded_once_and_stay_inside_the_site(front: str, path: str, permalink: str) -> None:
    found = post(front, path=path)
    assert found.permalink == permalink
    assert found.base_url == "https://blog.example" + permalink == found.url


def test_the_days_of_a_permalink_are_those_of_the_sites_zone() -> None:
    rules = source_rules(site_url="https://blog.example/", timezone="Asia/Phnom_Penh")
    assert post("date: 2024-10-25T20:00:00Z", path="a.md", rules=rules).permalink == "/2024/10/26/a/"


def test_a_canonical_url_leads_elsewhere_while_links_resolve_at_home() -> None:
    found = post("canonical_url: https://elsewhere.example/x y")
    assert found.url == "https://elsewhere.example/x%20y"
    assert found.base_url == "https://blog.example/2024/01/02/a-name/"


def test_a_canonical_url_that_is_none_is_warned_of() -> None:
    found = post("title: A\ncanonical_url: javascript:alert(1)")
    assert found.url == found.base_url
    assert found.warnings == (
        "line 3: canonical_url: 'javascript:alert(1)' is not a web address; write https://...",
    )


def test_only_a_bodyless_link_post_links_elsewhere() -> None:
    assert post("source_url: https://other.example/", " \n").url == "https://other.example/"
    assert post("source_url: https://other.example/").url == "https://blog.example/2024/01/02/a-name/"


@pytest.mark.parametrize(
    ("front", "mail", "warnings"),
    [
        ("", PostMailOptions.USUAL, ()),
        ("mail: never", PostMailOptions.NEVER, ()),
        ("mail: false", PostMailOptions.NEVER, ()),
        ("mail: Correction", PostMailOptions.CORRECTION, ()),
        ("mail: true", PostMailOptions.USUAL, ()),
        (
            "mail: jo@example.org",
            PostMailOptions.USUAL,
            ("line 4: mail: jo@example.org is an address, which says nothing; it is mailed as usual",),
        ),
    ],
)
def test_a_post_says_what_becomes_of_its_mail(
    front: str, mail: PostMailOptions, warnings: tuple[str, ...]
) -> None:
    data = f"---\ntitle: A\ndate: 2024-10-01\n{front}\n---\nText.\n".encode()
    found = read_post("a.md", data, source_rules(site_url="https://example.org/"))
    assert isinstance(found, ParsedPost)
    assert (found.post.mail, found.post.warnings) == (mail, warnings)


def test_an_unknown_value_of_mail_is_never_mailed() -> None:
    data = b"---\ntitle: A\ndate: 2024-10-01\nmail: nevr\n---\nText.\n"
    found = read_post("a.md", data, source_rules(site_url="https://example.org/"))
    assert isinstance(found, BadPost)
    assert (found.line, found.reason) == (
        4,
        "mail: nevr is not never, only, excerpt or correction; correct it",
    )


def test_ids_and_aliases_are_kept() -> None:
    found = post("guid: ABC\naliases: [/old/, 'https://blog.example/older/']\nredirect_from: oldest")
    assert (found.explicit_id, found.aliases) == ("ABC", ("/old/", "/older/", "/oldest"))


def test_authors_come_as_string_list_or_map() -> None:
    assert post("author: Ann Lee <ann@x.example>").authors == (Person(name="Ann Lee", email="ann@x.example"),)
    assert post("authors: [Ann, {name: Bo, url: 'https://bo.example'}, Ann]").authors == (
        Person(name="Ann"), Person(name="Bo", url="https://bo.example"),
    )  # fmt: skip
    default = source_rules(site_url="https://blog.example/", author=Person(name="House"))
    assert post("title: A", rules=default).authors == (Person(name="House"),)


def test_tags_and_categories_are_split_as_their_generators_do() -> None:
    assert post("tags: food cooking pizza").tags == ("food", "cooking", "pizza")
    assert post("tags: machine learning, food").tags == ("machine learning", "food")
    assert post("category: Big News").categories == ("Big News",)
    assert post("categories: [a, 3, null, b]").categories == ("a", "3", "b")
    assert post("topics:\n  - x").categories == ("x",)


@pytest.mark.parametrize(
    ("front", "language"),
    [
        ("lang: en_us", "en-US"),
        ("language: Chinese", "zh"),
        ("locale: zh-hant-TW", "zh-Hant-TW"),
        ("lang: '???'", "en"),
    ],
)
def test_languages_become_bcp_47(front: str, language: str) -> None:
    assert post(front).language == language


def test_a_summary_is_explicit_plain_and_not_the_title() -> None:
    assert post("title: A\ndescription: A\nexcerpt: ''\nsubtitle: 'More *words*'").summary == "More words"
    assert post("title: A").summary == ""


@pytest.mark.parametrize(
    ("body", "front", "lead"),
    [
        ("One\n\n<!--more-->\n\nTwo\n", "x: y", "One\n\n"),
        ("One\n<!-- more -->\nTwo\n", "x: y", "One\n"),
        ("One\n{/* truncate */}\nTwo\n", "x: y", "One\n"),
        ("One\n<!-- truncate -->\nTwo\n", "x: y", "One\n"),
        ("One\n===cut===\nTwo\n", "excerpt_separator: ===cut===", "One\n"),
        ("One\n\nTwo\n", "excerpt_separator: '\\n\\n'", ""),
        ("Write `<!--more-->` there\n\n```\n<!--more-->\n```\n", "x: y", ""),
        ("<!--more-->\nAll\n", "x: y", ""),
    ],
)
def test_the_summary_may_end_at_a_mark_in_the_body(body: str, front: str, lead: str) -> None:
    found = post(front, body)
    assert (found.summary, body[: found.lead]) == ("", lead)
    assert post(f"{front}\nsummary: Mine", body).lead == 0


def test_a_publish_date_after_the_date_is_an_embargo() -> None:
    found = post("date: 2024-01-01\npublishDate: 2024-03-01T00:00:00Z")
    assert (found.instant, found.opens) == (
        datetime(2024, 1, 1, tzinfo=UTC),
        datetime(2024, 3, 1, tzinfo=UTC),
    )
    assert post("date: 2024-01-01\npublishDate: 2023-03-01").opens is None
    assert post("publishDate: 2024-03-01").opens is None
    assert post("date: 2024-01-01\npublished: true").opens is None


def test_an_impossible_day_in_a_name_is_passed_over_with_a_warning() -> None:
    found = post("permalink: /2024/05/01/x/", path="2024-02-31-a.md")
    assert found.instant == datetime(2024, 5, 1, tzinfo=UTC)
    assert found.warnings == ("file name: '2024-02-31' is not a date; no calendar has that day",)


def test_tags_are_as_they_are_written_each_once() -> None:
    assert post("tags: [a, a, A, ' b ', '*c*', R&amp;D]").tags == ("a", "A", "b", "*c*", "R&D")
    assert post("tags: [a, a]\ntag: [b, c]").tags == ("b", "c")  # Jekyll's singular comes first


def test_images_are_absolute_and_know_their_alt() -> None:
    assert post("image: /a b.png").image == Image(url="https://blog.example/a%20b.png")
    assert post("cover: {image: c.png, alt: A cat, width: 640}").image == Image(
        url="https://blog.example/2024/01/02/a-name/c.png", alt="A cat", width=640
    )
    assert post("image: 'data:image/png;base64,xx'").image is None


@pytest.mark.skipif(not SEED.is_dir(), reason="the seed article is not beside the repository")
def test_the_seed_article_is_read_as_meant() -> None:
    (result,) = FolderSource(SEED, RULES).scan()
    assert isinstance(result, ParsedPost)
    found = result.post
    assert found.explicit_id == "ART2410171545LFBZFV"
    assert found.url.startswith("https://www.phnompenhpost.com/opinion/reimagining-alliances")
    assert found.instant == datetime(2024, 10, 25, 8, 38, 59, 880_000, tzinfo=UTC)
    assert (found.categories, found.language, found.summary) == (("OPINION",), "en", "")
    assert found.image is not None
    assert found.image.url.startswith("https://github.com/user-attachments/assets/889f3a38")
    assert (found.hidden, found.warnings) == (None, ())


def test_an_entity_parts_no_names_and_keywords_are_no_tags() -> None:
    found = post("author: Ann &amp; Bob\nkeywords: a, b\ntag: R&amp;D")
    assert [person.name for person in found.authors] == ["Ann & Bob"]
    assert found.tags == ("R&D",)
    several = post("author: Ann &amp; Bob; Cy&eacute;; D&B; E")
    assert [person.name for person in several.authors] == ["Ann & Bob", "Cyé", "D&B", "E"]
