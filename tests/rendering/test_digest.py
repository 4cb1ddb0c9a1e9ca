"""A digest as a mail: what readers, mailboxes and programs that read aloud find in it."""

import re
import socket
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from itertools import pairwise

import pytest

from publisher.core.digests.digest import Digest, DigestLinks, DigestPost, LetterKind
from publisher.core.posts.post import Image
from publisher.core.site import Person, Site
from publisher.core.subscribers.subscription import MailingList
from publisher.rendering import JinjaRenderer

MakePost = Callable[..., DigestPost]
MakeDigest = Callable[..., Digest]
Golden = Callable[[str, bytes], None]

ENGLISH = """<p>Water rises <em>until</em> the moon is full; see <a href="https://example.org/tide?a=1&amp;b=2">the
tide tables</a>.</p>
<h1>The boats</h1>
<p><img src="https://river.example/boats.jpg" width="1200" height="800"></p>
<h3>Wood</h3>
<blockquote><p>A boat remembers its tree.</p></blockquote>
<ul><li>teak</li><li>sao</li></ul>
<pre><code>depth = 4 # metres</code></pre>
<table>
<thead><tr><th>Month</th><th>Depth</th></tr></thead>
<tbody><tr><td>October</td><td>9 m</td></tr></tbody></table>
"""
ENGLISH_TEXT = """Water rises until the moon is full; see the tide tables <https://example.org/tide?a=1&b=2>.

The boats

Wood

> A boat remembers its tree.

- teak
- sao

depth = 4 # metres"""
ARABIC = (
    "<h2>النهر</h2>\n<p>يمتد نهر الميكونغ عبر ست دول، وتعيش على ضفافه ملايين الأسر.</p>\n"
    "<ul><li>الأرز</li></ul>"
)
ARABIC_TEXT = "النهر\n\nيمتد نهر الميكونغ عبر ست دول، وتعيش على ضفافه ملايين الأسر.\n\n- الأرز"


class Outline(HTMLParser):
    """Headings, links, pictures and elements in the order they come."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.links: list[tuple[str, str]] = []
        self._href: str | None = None
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag == "a":
            self._href = dict(attrs).get("href") or ""
            self.links.append((self._href, ""))

    def handle_endtag(self, tag: str) -> None:
        if tag == "a":
            self._href = None

    def handle_data(self, data: str) -> None:
        if self._href is not None:
            href, text = self.links[-1]
            self.links[-1] = (href, text + data)

    def named(self, *tags: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.elements if tag in tags]

    @property
    def headings(self) -> list[int]:
        return [int(tag[1]) for tag, _ in self.elements if re.fullmatch("h[1-6]", tag)]


@pytest.fixture
def pair(post: MakePost, digest: MakeDigest) -> Digest:
    """An English post and an Arabic one."""
    english = post(
        html=ENGLISH,
        text=ENGLISH_TEXT,
        authors=(Person(name="Ana Lim"),),
        categories=("Rivers",),
        image=Image(url="https://river.example/moon.jpg", alt="The moon", width=1600, height=900),
    )
    arabic = post(
        id="tag:river.example,2024:/nahr/",
        title="قراءة في النهر",
        url="https://river.example/2024/10/26/nahr/",
        language="ar",
        html=ARABIC,
        text=ARABIC_TEXT,
        summary="",
        authors=(Person(name="ليلى حداد"),),
        cut=True,
    )
    return digest(english, arabic, more=2)


def test_a_digest_looks_as_it_did(
    pair: Digest, links: DigestLinks, renderer: JinjaRenderer, golden: Golden
) -> None:
    content = renderer.digest(pair, links)
    golden("mails/digest.subject.txt", content.subject.encode())
    golden("mails/digest.txt", content.text.encode())
    golden("mails/digest.html", content.html.encode())


def test_a_confirmation_looks_as_it_did(
    site: Site, spec: MailingList, renderer: JinjaRenderer, golden: Golden
) -> None:
    links = DigestLinks(
        confirm="https://river.example/confirm/mark0123456789abcdef-_",
        never_ask="https://river.example/never-ask/mark0123456789abcdef-_",
    )
    content = renderer.letter(LetterKind.CONFIRM, spec, links, site=site, language="en")
    golden("mails/confirm.subject.txt", content.subject.encode())
    golden("mails/confirm.txt", content.text.encode())
    golden("mails/confirm.html", content.html.encode())
    assert content.text.count(links.confirm) == 1
    assert content.html.count(f'href="{links.confirm}"') == 2  # the button, and Outlook's


def test_rendering_twice_gives_the_same_bytes(
    pair: Digest, links: DigestLinks, renderer: JinjaRenderer
) -> None:
    assert renderer.digest(pair, links) == renderer.digest(pair, links)


def test_standards_mode_survives_inlining(pair: Digest, links: DigestLinks, renderer: JinjaRenderer) -> None:
    assert renderer.digest(pair, links).html.startswith('<!DOCTYPE html>\n<html lang="en" dir="ltr"')


def test_headings_follow_one_another(pair: Digest, links: DigestLinks, renderer: JinjaRenderer) -> None:
    levels = Outline(renderer.digest(pair, links).html).headings
    assert levels == [1, 2, 3, 4, 2, 3]
    assert all(next_ - level <= 1 for level, next_ in pairwise(levels))


def test_every_post_carries_its_language_and_direction(
    pair: Digest, links: DigestLinks, renderer: JinjaRenderer
) -> None:
    outline = Outline(renderer.digest(pair, links).html)
    cells = [cell for cell in outline.named("td") if "lang" in cell]
    assert [(cell["lang"], cell["dir"]) for cell in cells] == [("en", "ltr"), ("ar", "rtl")]
    article = next(a for a in outline.named("div") if a.get("role") == "article")
    assert (article["lang"], article["dir"]) == ("en", "ltr")


def test_tables_that_lay_out_say_so(pair: Digest, links: DigestLinks, renderer: JinjaRenderer) -> None:
    tables = Outline(renderer.digest(pair, links).html).named("table")
    assert [table.get("role") for table in tables] == ["presentation", None]  # the author's own holds data


def test_pictures_have_words_and_fit_the_column(
    pair: Digest, links: DigestLinks, renderer: JinjaRenderer
) -> None:
    pictures = Outline(renderer.digest(pair, links).html).named("img")
    assert [(p["alt"], p.get("width"), p.get("height")) for p in pictures] == [
        ("The moon", "536", "302"),
        ("", "536", "357"),
    ]
    assert all("max-width:100%" in (picture["style"] or "") for picture in pictures)


def test_link_texts_tell_links_apart(pair: Digest, links: DigestLinks, renderer: JinjaRenderer) -> None:
    texts = [" ".join(text.split()) for _, text in Outline(renderer.digest(pair, links).html).links]
    assert len(texts) == len(set(texts))
    assert "Continue reading: قراءة في النهر" in texts
    assert "Unsubscribe from River Daily" in texts


def test_only_what_is_cut_has_a_link_to_the_rest(
    pair: Digest, links: DigestLinks, renderer: JinjaRenderer
) -> None:
    content = renderer.digest(pair, links)
    assert content.html.count("Continue reading:") == content.text.count("Continue reading:") == 1


def test_marks_survive_in_links_and_text(pair: Digest, links: DigestLinks, renderer: JinjaRenderer) -> None:
    content = renderer.digest(pair, links)
    assert content.html.count(f'href="{links.unsubscribe}"') == 1
    assert content.html.count("mark0123456789abcdef-_") == 1
    assert f"\n{links.unsubscribe}\n" in content.text


def test_the_footer_says_why_and_how_to_leave(
    pair: Digest, links: DigestLinks, renderer: JinjaRenderer
) -> None:
    content = renderer.digest(pair, links)
    for part in (content.text, re.sub(r"<[^>]*>", "", content.html)):
        assert "You are receiving this email because you signed up for River Daily." in part
        assert "12 Quay Street" in part
    for url in (links.web, links.archive):
        assert url in content.text
        assert f'href="{url}"' in content.html


def test_the_web_page_of_a_digest_offers_to_sign_up(
    pair: Digest, links: DigestLinks, renderer: JinjaRenderer
) -> None:
    page = renderer.digest(pair, replace(links, unsubscribe="", web="")).html
    assert "Unsubscribe" not in page
    assert "in your browser" not in page
    assert f'href="{links.subscribe}"' in page


def test_the_text_part_keeps_to_its_columns(
    pair: Digest, links: DigestLinks, renderer: JinjaRenderer
) -> None:
    text = renderer.digest(pair, links).text
    assert max(len(line) for line in text.splitlines() if "://" not in line) <= 78
    assert all(post.url in text for post in pair.posts)
    assert "<p" not in text
    assert text.endswith("Phnom Penh\n")


def test_days_are_those_of_the_lists_own_zone(
    pair: Digest, links: DigestLinks, renderer: JinjaRenderer
) -> None:
    assert "26 October 2024 · Ana Lim · Rivers" in renderer.digest(pair, links).text  # 18:30 UTC, 01:30 there


def test_the_preheader_is_long_enough_and_short_enough(
    post: MakePost, digest: MakeDigest, links: DigestLinks, renderer: JinjaRenderer
) -> None:
    for summary in ("", "Short.", "word " * 200, "ទន្លេ" * 60):
        html = renderer.digest(digest(post(summary=summary, text=summary)), links).html
        found = re.search(r'<div class="pre"[^>]*>(.*?)<span', html)
        assert found
        assert 40 <= len(found.group(1)) <= 130
        assert "display:none" in found.group()


def test_dark_mode_survives_inlining(pair: Digest, links: DigestLinks, renderer: JinjaRenderer) -> None:
    html = renderer.digest(pair, links).html
    style = "".join(re.findall(r"<style>(.*?)</style>", html, re.DOTALL))
    assert "@media (prefers-color-scheme: dark)" in style
    assert "[data-ogsc]" in style
    assert style.count("!important") > 20
    assert len(style.encode()) < 16_000
    assert "data-premailer" not in html
    assert 'style="margin:0 0 20px"' in html


def test_nothing_is_loaded_but_pictures(pair: Digest, links: DigestLinks, renderer: JinjaRenderer) -> None:
    html = renderer.digest(pair, links).html
    assert not re.search(r"(?i)<(script|form|iframe|link|object|embed)\b|@import|@font-face|url\(", html)


def test_outlook_gets_its_table_in_plain_conditions(
    pair: Digest, links: DigestLinks, renderer: JinjaRenderer
) -> None:
    html = renderer.digest(pair, links).html
    assert '<!--[if mso]><table role="presentation" align="center" width="600"' in html
    assert html.count("<!--[if mso]>") == html.count("<![endif]-->") == 3


def test_a_digest_is_rendered_without_network(
    pair: Digest, links: DigestLinks, renderer: JinjaRenderer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("rendering opened a socket")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert renderer.digest(pair, links).html


def test_the_subject_is_the_first_post_and_how_many_more(
    post: MakePost, digest: MakeDigest, links: DigestLinks, renderer: JinjaRenderer
) -> None:
    assert renderer.digest(digest(), links).subject == "The delta in October"
    several = digest(post(), post(title="Two"), more=3)
    assert renderer.digest(several, links).subject == "The delta in October, and 4 more"


def test_a_list_may_have_its_own_subject(
    digest: MakeDigest, spec: MailingList, links: DigestLinks, renderer: JinjaRenderer
) -> None:
    own = replace(spec, subject="{{ list.title }} of {{ digest.due_at|date(zone) }}:\n {{ subject }}")
    content = renderer.digest(digest(list=own), links)
    assert content.subject == "River Daily of 25 October 2024: The delta in October"
    assert f"<title>{content.subject}</title>" in content.html


def test_a_post_without_a_title_is_called_by_its_first_words(
    post: MakePost, digest: MakeDigest, links: DigestLinks, renderer: JinjaRenderer
) -> None:
    content = renderer.digest(digest(post(title="")), links)
    assert content.subject == "Water rises until the moon is full."
    silent = renderer.digest(digest(post(title="", summary="", text="", html="")), links)
    assert silent.subject == "25 October 2024"


def test_a_digest_without_posts_still_renders(
    digest: MakeDigest, links: DigestLinks, renderer: JinjaRenderer
) -> None:
    empty = replace(digest(), posts=(), due_at=datetime(2024, 10, 25, tzinfo=UTC))
    assert renderer.digest(empty, links).subject == "River Daily"
