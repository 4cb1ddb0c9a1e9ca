"""Where templates come from, and what is said when they are missing or wrong."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from paths import ROOT

from publisher.core.digests.digest import Digest, DigestLinks
from publisher.core.errors import Refused, TemplateError, UsageError
from publisher.core.site import Site
from publisher.rendering import JinjaRenderer
from publisher.rendering.renderer import OwnTemplates, markdown

COPIED = "email/digest/body.txt"
MakeDigest = Callable[..., Digest]


def write(folder: Path, name: str, source: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(source, encoding="utf-8")
    return path


def test_a_sites_own_template_replaces_the_packaged_one(
    tmp_path: Path, templates: Path, site: Site, digest: MakeDigest, links: DigestLinks
) -> None:
    write(tmp_path, "email/digest/subject.txt", "Ours: {{ subject }}")
    write(
        tmp_path,
        "web/error.html",
        '{% extends "web/layout.html" %}{% block main %}<h1>Lost</h1>{% endblock %}',
    )
    renderer = JinjaRenderer([tmp_path, templates])
    assert renderer.digest(digest(), links).subject == "Ours: The delta in October"
    assert "<h1>Lost</h1>" in renderer.page("error", {"site": site})


def test_a_template_that_changes_is_read_again(
    tmp_path: Path, templates: Path, digest: MakeDigest, links: DigestLinks
) -> None:
    renderer = JinjaRenderer([tmp_path, templates])
    assert renderer.digest(digest(), links).subject == "The delta in October"
    own = write(tmp_path, "email/digest/subject.txt", "Now ours")
    assert renderer.digest(digest(), links).subject == "Now ours"
    own.unlink()
    assert renderer.digest(digest(), links).subject == "The delta in October"


def test_a_missing_template_is_named_with_where_it_was_looked_for(
    tmp_path: Path, templates: Path, digest: MakeDigest, links: DigestLinks
) -> None:
    write(tmp_path, "email/digest/subject.txt", "here")
    with pytest.raises(TemplateError) as failed:
        JinjaRenderer([tmp_path, templates / "web"]).digest(digest(), links)
    looked = f"looked in {tmp_path}, {templates / 'web'}"
    assert str(failed.value) == f"templates/email/digest/body.txt: not found; {looked}"


def test_a_mistake_is_named_by_file_and_line(
    tmp_path: Path, templates: Path, digest: MakeDigest, links: DigestLinks
) -> None:
    renderer = JinjaRenderer([tmp_path, templates])
    write(tmp_path, "email/digest/body.txt", "one\n{{ digest.colour }}\n")
    with pytest.raises(
        TemplateError, match=r"^templates/email/digest/body\.txt:2: `digest\.colour`: a digest has due_at, "
    ):
        renderer.digest(digest(), links)
    write(tmp_path, "email/digest/body.txt", "one\ntwo\n{% if %}")
    with pytest.raises(TemplateError, match=r"^templates/email/digest/body\.txt:3: Expected an expression"):
        renderer.digest(digest(), links)


def test_a_mistake_in_an_included_template_is_blamed_on_it(tmp_path: Path, site: Site) -> None:
    write(tmp_path, "web/index.html", '\n{% include "web/part.html" %}')
    write(tmp_path, "web/part.html", "\n\n{{ 1 / 0 }}")
    with pytest.raises(TemplateError, match=r"^templates/web/part\.html:3: division by zero; "):
        JinjaRenderer([tmp_path]).page("index", {"site": site})


def test_a_template_must_be_utf_8(tmp_path: Path, site: Site) -> None:
    write(tmp_path, "web/index.html", "").write_bytes(b"caf\xe9")
    with pytest.raises(TemplateError, match=r"^templates/web/index\.html:1: not UTF-8 text"):
        JinjaRenderer([tmp_path]).page("index", {"site": site})


def test_a_template_loaded_ahead_is_blamed_when_it_is_rendered(tmp_path: Path, site: Site) -> None:
    write(tmp_path, "web/index.html", "{% if %}")
    renderer = JinjaRenderer([tmp_path])
    renderer.ready("web/index.html", "web/nowhere.html")
    with pytest.raises(TemplateError, match=r"^templates/web/index\.html:1: Expected an expression"):
        renderer.page("index", {"site": site})


def test_a_link_out_of_the_folder_is_not_followed(tmp_path: Path, site: Site) -> None:
    secret = write(tmp_path, "secret.txt", "secret")
    folder = tmp_path / "templates"
    (folder / "web").mkdir(parents=True)
    (folder / "web" / "index.html").symlink_to(secret)
    with pytest.raises(TemplateError, match=r"^templates/web/index\.html: not found; looked in "):
        JinjaRenderer([folder]).page("index", {"site": site})


def test_a_page_cannot_be_asked_for_outside_the_folder(tmp_path: Path, site: Site) -> None:
    write(tmp_path, "outside.html", "secret")
    (tmp_path / "templates" / "web").mkdir(parents=True)
    with pytest.raises(TemplateError, match="not found"):
        JinjaRenderer([tmp_path / "templates"]).page("../../outside", {"site": site})


def test_a_template_that_includes_itself_is_an_error(tmp_path: Path, site: Site) -> None:
    write(tmp_path, "web/index.html", '{% include "web/index.html" %}')
    with pytest.raises(TemplateError, match=r"^templates/web/index\.html:1: maximum recursion depth"):
        JinjaRenderer([tmp_path]).page("index", {"site": site})


def test_a_copied_template_tells_how_its_original_changed_since(tmp_path: Path, templates: Path) -> None:
    packaged, own = tmp_path / "packaged", tmp_path / "own"
    shutil.copytree(templates, packaged)
    site = OwnTemplates(own, packaged)
    assert site.copy(COPIED).read_text() == site.show(COPIED) == (templates / COPIED).read_text()
    assert [one.name for one in site.files() if one.own] == [COPIED]
    assert site.difference(COPIED) == site.changes(COPIED) == ""
    (own / COPIED).write_text("mine\n" + site.show(COPIED))
    (packaged / COPIED).write_text(site.show(COPIED) + "gained\n")
    assert "+mine\n" in site.difference(COPIED)
    assert "+gained\n" in site.changes(COPIED)
    assert "mine" not in site.changes(COPIED)
    assert JinjaRenderer([own, packaged]).outdated() == ((COPIED, "+1 -0 lines"),)
    with pytest.raises(Refused, match="exists already"):
        site.copy(COPIED)
    (own / COPIED).write_text(
        f'{{% extends "packaged/{COPIED}" %}}\n{{% block content %}}mine{{% endblock %}}\n'
    )
    added = [line for line in site.difference(COPIED).split("\n") if line.startswith(("+", "-"))]
    assert added[2:] == ["+{% block content %}mine{% endblock %}"]
    (own / ".packaged" / COPIED).unlink()
    assert JinjaRenderer([own, packaged]).outdated() == ()


def test_a_template_is_found_by_its_name_only(tmp_path: Path, templates: Path) -> None:
    site = OwnTemplates(tmp_path, templates)
    with pytest.raises(UsageError, match=r"did you mean email/digest/body\.txt"):
        site.show("email/digst/body.txt")
    for name in ("../pyproject.toml", "/etc/passwd", "servers/nginx.conf"):
        with pytest.raises(UsageError, match="no template is called"):
            site.copy(name)


def test_the_reference_of_templates_is_that_of_the_code() -> None:
    written = (ROOT / "docs/reference/templates.md").read_text()
    assert written == markdown(ROOT / "templates"), "run `make docs`"
    assert "| `email/layout.html` | `head`, `preheader`, `masthead`, `content`, `footer` |" in written
