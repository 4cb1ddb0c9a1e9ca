"""Mails in the reader's language: whole catalogues, plural forms, days, and a site's own words."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from paths import ROOT

from publisher.core.digests.digest import Digest, DigestLinks, DigestPost, LetterKind
from publisher.core.errors import TemplateError
from publisher.core.site import Site
from publisher.core.subscribers.subscription import MailingList
from publisher.rendering import JinjaRenderer
from publisher.rendering.languages import Languages, read_catalog

CATALOGUES = sorted((ROOT / "templates" / "languages").glob("*.po"))
PLACES = re.compile(r"%\((\w+)\)s")
DAY = datetime(2026, 10, 5, 12, tzinfo=UTC)

MakePost = Callable[..., DigestPost]
MakeDigest = Callable[..., Digest]


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> set[object]:
    """Every message that templates and code say."""
    file = tmp_path_factory.mktemp("messages") / "messages.pot"
    options = "-F scripts/messages.cfg -k text -k plural:1,2 -k to_say --no-location ."
    babel = [sys.executable, "-m", "babel.messages.frontend", "-q", "extract", "-o", str(file)]
    subprocess.run([*babel, *options.split()], cwd=ROOT, check=True)
    return {message.id for message in read_catalog(file) if message.id}


@pytest.mark.parametrize("file", CATALOGUES, ids=lambda file: file.stem)
def test_a_catalogue_says_everything_and_fills_in_the_same(file: Path, said: set[object]) -> None:
    catalogue = read_catalog(file)
    messages = {message.id: message for message in catalogue if message.id}
    assert set(messages) == said
    for message in messages.values():
        assert not message.fuzzy
        forms = message.string if isinstance(message.string, tuple) else (message.string,)
        english = message.id if isinstance(message.id, tuple) else (message.id,)
        if len(english) == 2:
            assert len(forms) == catalogue.num_plurals
        for form in forms:
            assert form.strip(), message.id
            assert set(PLACES.findall(form)) <= set(PLACES.findall(english[-1]))
            assert "num" in PLACES.findall(form) or set(PLACES.findall(form)) | {"num"} >= set(
                PLACES.findall(english[-1])
            )


def test_ten_languages_are_there() -> None:
    languages = {"ar", "de", "es", "fr", "he", "ja", "km", "zh", "zh-Hant"}  # and English, in the templates
    assert {file.stem for file in CATALOGUES} == languages


@pytest.mark.parametrize(
    ("language", "tag", "day", "two"),
    [
        ("en", "en", "5 October 2026", "A, and 2 more"),
        ("en-US", "en-US", "October 5, 2026", "A, and 2 more"),
        ("de-AT", "de", "5. Oktober 2026", "A und 2 weitere"),
        ("ja", "ja", "2026年10月5日", "A、ほか 2 件"),
        ("ar", "ar", "5 أكتوبر 2026", "A ومقالان آخران"),
        ("km", "km", "5 តុលា 2026", "A (+2)"),
        ("zh-TW", "zh-Hant", "2026年10月5日", "A，另有 2 篇"),
        ("zh-hk", "zh-Hant", "2026年10月5日", "A，另有 2 篇"),
        ("zh-Hans-SG", "zh", "2026年10月5日", "A，另有 2 篇"),
        ("tlh", "en", "5 October 2026", "A, and 2 more"),
    ],
)
def test_words_and_days_are_those_of_the_language(language: str, tag: str, day: str, two: str) -> None:
    words = Languages([ROOT / "templates"]).words(language)
    assert (words.tag, words.day(DAY)) == (tag, day)
    assert words.plural("%(title)s, and %(num)s more", "%(title)s, and %(num)s more", 2, title="A") == two


def test_arabic_counts_as_arabic_does() -> None:
    words = Languages([ROOT / "templates"]).words("ar")
    one = "%(num)s more post at %(site)s"
    many = "%(num)s more posts at %(site)s"
    said = [words.plural(one, many, n, site="S") for n in (1, 2, 3, 11, 100)]
    assert len(set(map(lambda text: re.sub(r"\d+", "", text), said))) == 5  # noqa: C417  # as it reads


def test_a_mail_turns_with_its_language(
    digest: MakeDigest, links: DigestLinks, renderer: JinjaRenderer
) -> None:
    content = renderer.digest(replace(digest(), language="he"), links)
    assert content.html.startswith('<!DOCTYPE html>\n<html lang="he" dir="rtl">')
    assert "ביטול ההרשמה אל" in content.html
    assert "ביטול ההרשמה אל River Daily:" in content.text


def test_a_letter_speaks_the_readers_language(site: Site, spec: MailingList, renderer: JinjaRenderer) -> None:
    links = DigestLinks(confirm="https://river.example/confirm/x")
    content = renderer.letter(LetterKind.CONFIRM, spec, links, site=site, language="fr")
    assert content.subject == "Merci de confirmer : River Daily"
    assert 'lang="fr"' in content.html


def test_a_site_may_say_one_sentence_otherwise(
    tmp_path: Path, templates: Path, digest: MakeDigest, links: DigestLinks
) -> None:
    own = tmp_path / "languages" / "de.po"
    own.parent.mkdir()
    head = 'msgid ""\nmsgstr "Language: de\\n"\n\n'
    for message in ("View in your browser", "Read this mail on the web"):  # as it was called before
        own.write_text(f'{head}msgid "{message}"\nmsgstr "Im Netz"\n', encoding="utf-8")
        html = JinjaRenderer([tmp_path, templates]).digest(replace(digest(), language="de"), links).html
        assert ">Im Netz</a>" in html
        assert "abbestellen</a>" in html


def test_an_own_template_with_the_words_of_an_earlier_version_is_still_translated(templates: Path) -> None:
    renamed = json.loads((templates / "renamed-messages.json").read_text("utf-8"))
    assert not renamed.keys() & set(renamed.values())
    for file in CATALOGUES:
        words = Languages([templates]).words(file.stem)
        for old, new in renamed.items():
            assert words.catalogue.gettext(old) == words.catalogue.gettext(new) != new, (file.name, old)


def test_a_broken_catalogue_is_named(tmp_path: Path) -> None:
    (tmp_path / "languages").mkdir()
    (tmp_path / "languages" / "de.po").write_text("msgid broken\n")
    with pytest.raises(TemplateError, match=r"^templates/languages/de\.po: "):
        Languages([tmp_path]).words("de")
    assert Languages([tmp_path]).words("../../etc/passwd").tag == "en"
