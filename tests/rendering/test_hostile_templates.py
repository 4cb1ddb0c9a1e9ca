"""Content and templates that mean harm, or are merely strange."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from publisher.core.digests.digest import Digest, DigestLinks, DigestPost
from publisher.core.errors import TemplateError
from publisher.core.site import Site
from publisher.core.subscribers.subscription import MailingList
from publisher.rendering import JinjaRenderer

MakePost = Callable[..., DigestPost]
MakeDigest = Callable[..., Digest]


@pytest.mark.parametrize(
    "html",
    [
        '<p style="p">x</p><p style="td.post">x</p><h2 style=h2>x</h2>',
        "<p>]]></p><p>&lt;![CDATA[</p>",
        '<p class="button bg">x</p>',
        "<p>a < b > c & d &amp; e</p>",
        '<p title="a > b" style="x">t</p>',
        "<p>never closed <b>bold <a href='https://e.example/'>link",
        "</div></td></tr></table>",
        "<p>\x00\x85\x9f\ufffe\ud800&#133;</p>",
        "<img><img alt><img src='https://e.example/i.png' width='99999'>",
        "<" * 2000 + '<p "' * 500,
        "",
    ],
)
def test_any_body_renders(
    html: str, post: MakePost, digest: MakeDigest, links: DigestLinks, renderer: JinjaRenderer
) -> None:
    content = renderer.digest(digest(post(html=html), post(title="After")), links)
    assert content.html.count(f'href="{links.unsubscribe}"') == 1
    assert not re.search("[\x00-\x08\x7f-\x9f\ufffe\ud800-\udfff]", content.html + content.text)
    assert 'style="p"' not in content.html


def test_an_authors_styles_never_meet_ours(
    post: MakePost, digest: MakeDigest, links: DigestLinks, renderer: JinjaRenderer
) -> None:
    html = '<style>.foot{display:none}</style><p class="pre" style="color:red">seen</p>'
    html += '<!-- <td class="foot"> -->'
    rendered = renderer.digest(digest(post(html=html)), links).html
    assert "display:none}" not in rendered
    assert '<p style="margin:0 0 20px">seen</p>' in rendered
    assert rendered.count('class="foot rule latn"') == 1


def test_scripts_and_forms_do_not_pass(
    post: MakePost, digest: MakeDigest, links: DigestLinks, renderer: JinjaRenderer
) -> None:
    html = "<script>alert(1)</script><form action=x><input name=a></form><iframe src=x></iframe><p>kept</p>"
    rendered = renderer.digest(digest(post(html=html)), links).html
    assert not re.search("<(script|form|input|iframe)", rendered)
    assert "alert" not in rendered
    assert "kept" in rendered


def test_jinja_in_content_is_only_text(
    post: MakePost, digest: MakeDigest, links: DigestLinks, renderer: JinjaRenderer
) -> None:
    evil = "{{ 7 * 191 }}{% include 'email/layout.html' %}{# gone #}"
    content = renderer.digest(digest(post(title=evil, html=f"<p>{evil}</p>", text=evil)), links)
    assert evil in content.subject
    assert evil in content.text.replace("\n", " ")
    assert f'<p style="margin:0 0 20px">{evil}</p>' in content.html
    assert "1337" not in content.subject + content.text + content.html


def test_markup_in_words_is_escaped(
    site: Site, post: MakePost, digest: MakeDigest, links: DigestLinks, renderer: JinjaRenderer
) -> None:
    named = replace(site, title="<b>A</b> & B", postal_address="<script>1</script>")
    evil = post(title='"><script>1</script>', url='https://e.example/"><script>')
    html = renderer.digest(digest(evil, site=named), links).html
    assert "<script" not in html
    assert "&lt;b&gt;A&lt;/b&gt; &amp; B" in html


def test_a_subject_stays_one_line(
    post: MakePost, digest: MakeDigest, links: DigestLinks, renderer: JinjaRenderer
) -> None:
    subject = renderer.digest(digest(post(title="One\r\nBcc: all@example.org\x00\x85 two")), links).subject
    assert subject == "One Bcc: all@example.org two"


@pytest.mark.parametrize(
    "source",
    [
        "{{ site.__class__.__mro__[1].__subclasses__() }}",
        "{{ ''.__class__ }}",
        "{{ digest.posts.__init__.__globals__ }}",
        "{{ ('%s'|attr('format_map'))(site)|attr('__class__') }}{{ site|attr('__class__') }}",
        "{{ '{0.__class__}'.format(site) }}",
        "{{ self._TemplateReference__context }}",
        "{{ cycler.__init__.__globals__.os }}",
        "{% include '../../../etc/passwd' %}",
        "{% include '/etc/passwd' %}",
        "{{ posts.append(1) }}",
        "{{ nothing.here }}",
        "{{ 1 // 0 }}",
        "{% for x in range(999999999) %}{% endfor %}",
        "{{ unclosed",
    ],
)
def test_a_template_reaches_nothing_but_its_values(
    source: str, digest: MakeDigest, spec: MailingList, links: DigestLinks, renderer: JinjaRenderer
) -> None:
    with pytest.raises(TemplateError, match=r"^(lists\.daily\.subject:1|templates/.*): "):
        renderer.digest(digest(list=replace(spec, subject=source)), links)


def test_a_template_cannot_import_a_sheet(
    tmp_path: Path, templates: Path, digest: MakeDigest, links: DigestLinks
) -> None:
    style = tmp_path / "email" / "styles.css"
    style.parent.mkdir()
    for rule in ('@import "https://e.example/x.css";', "@import url(file:///etc/passwd);", "@\\69mport 'x';"):
        style.write_text(rule)
        with pytest.raises(
            TemplateError, match=r"body\.html: @\S* is not allowed in a mail's styles; use @media"
        ):
            JinjaRenderer([tmp_path, templates]).digest(digest(), links)


def test_a_template_cannot_put_a_script_into_a_mail(
    tmp_path: Path, templates: Path, digest: MakeDigest, links: DigestLinks
) -> None:
    body = tmp_path / "email" / "digest" / "body.html"
    body.parent.mkdir(parents=True)
    body.write_text("<!DOCTYPE html><html><body><script>1</script></body></html>")
    with pytest.raises(TemplateError, match="<script> is not allowed in a mail; remove it"):
        JinjaRenderer([tmp_path, templates]).digest(digest(), links)


def test_a_style_attribute_in_a_template_is_kept_or_harmless(
    tmp_path: Path, templates: Path, digest: MakeDigest, links: DigestLinks
) -> None:
    body = tmp_path / "email" / "digest" / "body.html"
    body.parent.mkdir(parents=True)
    page = '<html><head><style>p{margin:0}</style></head><body><p style="p">a'
    page += '<p style="color:red">b</body></html>'
    body.write_text(f"<!DOCTYPE html>{page}")
    html = JinjaRenderer([tmp_path, templates]).digest(digest(), links).html
    assert '<p style="margin:0">a</p>' in html
    assert '<p style="margin:0; color:red">b</p>' in html
