"""A site's own templates are judged by what they make: what breaks a mail or a page is named by file and line
before anything is made of it.
"""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from broken import BROKEN, DIGEST, EXTENDS, STYLES, WEB, write

from publisher.core.digests.digest import Digest, DigestLinks, LetterKind
from publisher.core.errors import TemplateError
from publisher.core.site import Site
from publisher.core.subscribers.subscription import MailingList
from publisher.rendering import JinjaRenderer
from publisher.rendering.samples import page_samples
from publisher.rendering.template_check import template_variables
from publisher.rendering.templates import Templates


@pytest.fixture
def own(tmp_path: Path) -> Path:
    return tmp_path / "templates"


def test_what_is_broken_is_named_once_by_file_and_line(
    own: Path, templates: Path, site: Site, spec: MailingList
) -> None:
    lists = (spec, replace(spec, slug="weekly", title="River Weekly"))
    wrong: list[object] = []
    for broken in BROKEN:
        write(own, templates, broken)
        found = [str(error) for error in JinjaRenderer([own, templates], site, lists).problems()]
        named = [line for line in found if broken.said in line]
        if len(named) != 1 or not all(line.startswith("templates/") for line in found):
            wrong.append((broken, found))
    assert not wrong, "\n".join(map(str, wrong))


def test_templates_that_are_only_different_are_good(
    own: Path, templates: Path, site: Site, spec: MailingList
) -> None:
    """The packaged ones, each as a site's own; and what authors do to them."""
    shutil.copytree(templates, own, ignore=shutil.ignore_patterns("[!d]*.po"))
    different = [spec, replace(spec, slug="short", content="summary", welcome="latest"),
                 replace(spec, slug="titles", content="titles", subject="{{ posts[0]|label }}")]  # fmt: skip
    assert not JinjaRenderer([own, templates], site, different).problems()
    for file, text in {
        "web/index.html": '{% extends "packaged/web/index.html" %}{% block header %}<p>Hi</p>{% endblock %}',
        DIGEST: '{% extends "packaged/email/digest/body.html" %}{% block masthead %}'
        "<h1>{{ list.title|upper }}</h1>{{ subtitle|default('') }}{% if x is defined %}{{ x }}{% endif %}"
        "{% endblock %}",
        STYLES: '{% include "packaged/email/styles.css" %}\n@media (min-width: 1px) { p { color: red } }\n'
        'a:hover::after { content: "}" } /* } */\np { background: url(data:image/png;base64,AA==) }',
    }.items():
        (own / file).write_text(text)
    assert not JinjaRenderer([own, templates], site, different).problems()


def test_a_broken_template_stops_its_digest_and_no_other_list(
    own: Path,
    templates: Path,
    site: Site,
    spec: MailingList,
    digest: Callable[..., Digest],
    links: DigestLinks,
) -> None:
    notes = replace(spec, slug="notes", template="notes")
    shutil.copytree(templates / "email/digest", own / "email/notes")
    (own / "email/notes/body.html").write_text(EXTENDS + "{% block contnet %}{% endblock %}")
    renderer = JinjaRenderer([own, templates], site, [spec, notes])
    with pytest.raises(TemplateError, match="has no block `contnet`"):
        renderer.digest(digest(list=notes), links)
    assert "The delta in October" in renderer.digest(digest(), links).html
    (own / "email/notes/body.html").write_text((templates / DIGEST).read_text())
    assert "The delta in October" in renderer.digest(digest(list=notes), links).html


def test_a_broken_page_is_the_packaged_one_where_somebody_waits_for_it(
    own: Path, templates: Path, site: Site, spec: MailingList
) -> None:
    (own / "web").mkdir(parents=True)
    (own / WEB).write_text("<html><body>{{ nothing }}{% block main %}{% endblock %}</body></html>")
    (own / "email/confirm").mkdir(parents=True)
    (own / "email/confirm/body.txt").write_text("{{ nothing }}")
    renderer = JinjaRenderer([own, templates], site, [spec])
    for name, values in page_samples(spec).items():
        if name in {"archive", "feed", "feeds", "index", "post"}:
            with pytest.raises(TemplateError, match="nothing"):
                renderer.page(name, {"site": site, **values})
            with renderer.packaged_documents():
                assert "<main" in renderer.page(name, {"site": site, **values})
        elif name not in {"moved", "signup-form"}:
            assert "<main" in renderer.page(name, {"site": site, **values}), name
    confirm = DigestLinks(confirm="https://river.example/confirm/1", never_ask="https://river.example/n/1")
    letter = renderer.letter(LetterKind.CONFIRM, spec, confirm, site=site, language="en")
    assert confirm.confirm in letter.text


def test_samples_give_what_the_packaged_templates_use(templates: Path, spec: MailingList) -> None:
    packaged = Templates([templates])
    pages = {name[4:-5] for name in packaged.packaged_names() if name[:4] + name[-5:] == "web/.html"}
    assert pages - {"layout", "deeds"} == set(page_samples(spec))
    for name in packaged.packaged_names():
        assert template_variables(name) >= {"site", "language", "direction", "words"}, name


def test_a_template_that_fails_on_real_values_only_gives_way_to_the_packaged_one(
    own: Path,
    templates: Path,
    site: Site,
    spec: MailingList,
    links: DigestLinks,
    caplog: pytest.LogCaptureFixture,
) -> None:
    fails = "{% if site.title|length > 3 and links.confirm.endswith('real') %}{{ 1 / 0 }}{% endif %}"
    shutil.copytree(templates / "email/confirm", own / "email/confirm")
    text = (own / "email/confirm/body.txt").read_text()
    (own / "email/confirm/body.txt").write_text(f"Ahoy\n{text}{fails}")
    (own / "web").mkdir()
    page = (templates / "web/error.html").read_text()
    page = page.replace(
        "{% block main %}", "{% block main %}Ahoy{% if status == 410 %}{{ 1 / 0 }}{% endif %}"
    )
    (own / "web/error.html").write_text(page)
    renderer = JinjaRenderer([own, templates], site, [spec])
    assert not renderer.problems()
    for end, shown in (("sample", True), ("real", False)):
        with_link = replace(links, confirm=f"https://river.example/confirm/{end}")
        letter = renderer.letter(LetterKind.CONFIRM, spec, with_link, site=site, language="en")
        assert (with_link.confirm in letter.text, "Ahoy" in letter.text) == (True, shown)
    for status, shown in ((404, True), (410, False)):
        values = {"site": site, "language": "en", "status": status, "title": "Gone", "message": "It is gone."}
        made = renderer.page("error", values)
        assert ("It is gone." in made, "Ahoy" in made) == (True, shown)
    assert [record.message for record in caplog.records] == ["template_failed"] * 2
