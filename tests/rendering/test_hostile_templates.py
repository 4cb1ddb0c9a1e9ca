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
from publisher.rendering import JinjaRenderer, template_limits
from publisher.rendering.template_limits import MAX_STEPS, TooMuchWork, Work
from publisher.rendering.templates import Templates

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


LONG = "{% for a in range(99999) %}{% for b in range(99999) %}"
ENDLESS = {
    "nested loops": LONG + "{% endfor %}{% endfor %}",
    "nested loops that print": LONG + "x{% endfor %}{% endfor %}",
    "nested loops with a filter": LONG + "{% set c = b|string|upper %}{% endfor %}{% endfor %}",
    "a macro that calls itself twice": "{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}"
    "{% endmacro %}{{ m(100) }}",
    "a template that includes itself twice": "{% if depth < 90 %}{% set depth = depth + 1 %}"
    "{% include 'a.txt' %}{% include 'a.txt' %}{% endif %}",
    "a recursive loop": "{% for a in [1] recursive %}{{ loop([1, 1]) }}{% endfor %}",
    "a list made of lists": "{{ ([range(99999)] * 99999)|map('list')|map('length')|sum }}",
    "a text doubled by ~": "{% set n = namespace(s='xxxx') %}{% for a in range(60) %}"
    "{% set n.s = n.s ~ n.s %}{% endfor %}",
    "a text doubled by +": "{% set n = namespace(s='xxxx') %}{% for a in range(60) %}"
    "{% set n.s = n.s + n.s %}{% endfor %}",
    "a product": "{{ 'x' * 10 ** 9 }}",
    "a product of a list": "{{ ([1] * 10 ** 9)|length }}",
    "a power": "{{ 9 ** (9 ** 9) }}",
    "a width": "{{ 'x'.center(10 ** 9) }}",
    "a width of a filter": "{{ 'x'|center(10 ** 9) }}",
    "an indent": "{{ 'a\nb'|indent(10 ** 9) }}",
    "a format": "{{ '%1000000000d' % 1 }}",
    "a format of the filter": "{{ '%1000000000d'|format(1) }}",
    "a format of the method": "{{ '{:1000000000}'.format(1) }}",
    "a precision": "{{ 1|round(10 ** 9) }}",
    "slices": "{{ [1]|slice(10 ** 9)|list }}",
    "a replacement": "{{ ('x' * 100000)|replace('x', 'y' * 100000) }}",
    "a join": "{{ range(99999)|join('y' * 100000) }}",
    "a set block": "{% set t %}" + LONG + "xxxx{% endfor %}{% endfor %}{% endset %}",
    "a large page": "{% for a in range(99999) %}" + "x" * 1000 + "{% endfor %}",
    "a generator of text": "{{ lipsum(n=10 ** 9) }}",
}


def test_a_template_without_end_is_an_error_with_file_and_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(template_limits, "MAX_STEPS", 100_000)
    file = tmp_path / "a.txt"
    for what, source in ENDLESS.items():
        file.write_text("First line\n" + source)
        with pytest.raises(TemplateError) as caught:
            Templates([tmp_path]).render("a.txt", {"depth": 0, "what": what})
        assert caught.value.where in {"templates/a.txt:1", "templates/a.txt:2", "templates/a.txt:3"}, what
        assert "Traceback" not in str(caught.value), what


def test_a_subject_without_end_is_an_error_of_its_setting() -> None:
    with pytest.raises(TemplateError, match=r"^lists.daily.subject:1: does more than"):
        Templates([]).render_source("lists.daily.subject", ENDLESS["nested loops"], {})


def test_a_template_is_limited_by_steps_and_not_by_the_machine() -> None:
    work = Work()
    for _ in range(MAX_STEPS // 1000):
        work.add(1000)
    with pytest.raises(TooMuchWork, match="1,000,000 steps"):
        work.add(1000)


def test_what_an_honest_template_does_stays_possible(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text(
        "{% for n in range(50000) %}{{ loop.last ~ n }}{% endfor %}"
        "{% for one in [1, 2] %}{{ loop.length }}{{ '%05.1f' % one }}{{ '%s'|format(one) }}{% endfor %}"
        "{{ '-' * 70 }}{{ 'x'|center(80) }}{{ ['a', 'b']|join(', ') }}{{ 52428800|filesizeformat }}"
        "{% for k, v in {'a': 1}.items() recursive %}{{ k }}{% endfor %}{{ '<b>' ~ '&' }}"
    )
    made = Templates([tmp_path]).render("a.html", {})
    assert made.startswith("False0False1")
    assert "True49999" in made
    assert "2001.01" in made
    assert "2002.02" in made
    assert "&lt;b&gt;&amp;" in made


def test_a_template_that_is_too_large_is_refused_and_not_cut(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("x" * 1_000_001)
    with pytest.raises(TemplateError, match="has 1,000,001 bytes, and may have 1,000,000"):
        Templates([tmp_path]).render("a.txt", {})


def test_a_mail_too_large_to_inline_is_refused(
    tmp_path: Path, templates: Path, digest: Callable[..., Digest], links: DigestLinks
) -> None:
    (tmp_path / "email/digest").mkdir(parents=True)
    body, sheet = tmp_path / "email/digest/body.html", tmp_path / "email/styles.css"
    body.write_text("<p>{% for a in range(9999) %}" + "x" * 120 + "{% endfor %}</p>")
    with pytest.raises(TemplateError, match=r"1,199,887 characters; 1,000,000 are inlined at most"):
        JinjaRenderer([tmp_path, templates]).digest(digest(), links)
    body.unlink()
    sheet.write_text("p { margin: 0 }\n" * 10_000)
    with pytest.raises(TemplateError, match=r"characters of styles; 100,000 are inlined at most"):
        JinjaRenderer([tmp_path, templates]).digest(digest(), links)
