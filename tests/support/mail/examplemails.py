"""Mails of the example site in any language, as a reader would get them; nothing in them changes."""

import shutil
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from paths import ROOT

from publisher.app import App, fixed
from publisher.config import load
from publisher.core.mail.message import Placeholder
from publisher.services.digests.preview import RenderedPreview

BEFORE, NOW = datetime(2026, 9, 1, 8, tzinfo=UTC), datetime(2026, 10, 20, 8, tzinfo=UTC)


POSTS = {
    "ar": """---
title: المدّ يعود إلى الحصن
date: 2026-10-19
lang: ar
---

يأتي الماء ببطء في هذا الأسبوع، ولا يسمعه إلا من ينتظره. جلسنا على الدرجة السابعة نعدّ الأمواج، ثم نسينا العدّ.

## ما تركه البحر

- قوقعة بيضاء
- حبل من Harbour Steps القديم
- رسالة بلا عنوان

> البحر لا يعيد ما أخذ، لكنه يعطي غيره.
""",
    "km": """---
title: ទឹកស្រកនៅមាត់សមុទ្រ
date: 2026-10-19
lang: km
---

នៅពេលទឹកស្រក ឆ្នេរខ្សាច់លាតសន្ធឹងឆ្ងាយដល់ជើងមេឃ។ ក្មេងៗដើររកខ្យង និងក្ដាមតូចៗ ហើយប្រមូលដាក់ក្នុងធុង។

## អ្វីដែលសមុទ្របានទុកឲ្យ

- សំបកខ្យងពណ៌ស
- ខ្សែពួរចាស់មួយ
- សំបុត្រគ្មានអាសយដ្ឋាន

> សមុទ្រមិនដែលសងអ្វីដែលវាបានយកទេ ប៉ុន្តែវាឲ្យអ្វីផ្សេងវិញ។
""",
}
"""A post in the language of the mail, beside the English ones."""


@dataclass(frozen=True)
class ExampleMail:
    """A digest of the example site, and the folder that its pictures stand in."""

    drawn: RenderedPreview
    public: Path

    @property
    def files(self) -> dict[str, bytes]:
        return self.drawn.files()


def example_mail(folder: Path, language: str) -> ExampleMail:
    """The newest posts of the example site in a digest whose words are in `language`."""
    shutil.copytree(ROOT / "examples" / "site", folder, ignore=shutil.ignore_patterns(".publisher", "public"))
    settings = folder / "publisher.toml"
    text = settings.read_text(encoding="utf-8").replace("http://127.0.0.1:8000/", "https://lowwater.example/")
    text = text.replace('language = "en"', f'language = "{language}"')
    settings.write_text(
        text.replace("pages = true", 'pages = true\ndefaults = {lang = "en"}'), encoding="utf-8"
    )
    if language in POSTS:
        (folder / "posts" / f"{language}.md").write_text(POSTS[language], encoding="utf-8")
    for now in (BEFORE, NOW):
        app = App(load(folder), clock=fixed(now), environ={})
        app.publish(mail=False)
        drawn = app.preview(app.settings.lists[0])
        app.close()
    values = dict.fromkeys(drawn.values, b"x" * 46) | {
        Placeholder.TO: b"reader@example.org",
        Placeholder.DATE: b"Tue, 20 Oct 2026 08:00:00 +0000",
        Placeholder.MESSAGE_ID: b"1.1.0123456789abcdef",
    }
    return ExampleMail(drawn=replace(drawn, values=values), public=folder / "public")
