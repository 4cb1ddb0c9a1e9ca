"""Mails of the example site in any language, as a reader would get them; nothing in them changes."""

import shutil
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from paths import ROOT

from publisher.app import App, fixed
from publisher.config import load
from publisher.core.addresses import parse_mailbox
from publisher.core.digests.digest import Layout
from publisher.core.mail.dkim import canonical_message
from publisher.core.mail.message import EmailContent, Placeholder, fill
from publisher.core.mail.mime import compose, date_value
from publisher.core.tokens import TOKEN_LENGTH
from publisher.services.digests.preview import RenderedPreview
from publisher.services.mail.messages import account_letter, confirmation_letter, welcome_letter
from publisher.services.posts.content import digest_post
from publisher.transports.dkim import DkimKey, DkimSigner

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


LANGUAGES = ("en", "ar", "de", "es", "fr", "he", "ja", "km", "zh", "zh-Hant")


def signed_mails(folder: Path) -> tuple[dict[str, bytes], dict[str, str]]:
    """Mails of every kind in every language ("digest.km"), signed with RSA and Ed25519, and the DNS records
    of the keys by their names.
    """
    keys = [DkimKey(selector="p1", private=rsa.generate_private_key(65537, 2048))]
    keys.append(DkimKey(selector="p1-ed25519", private=ed25519.Ed25519PrivateKey.generate()))
    signer = DkimSigner(keys, None)
    mails: dict[str, bytes] = {}
    domain = ""
    for language in LANGUAGES:
        for kind, letter in _letters(folder / language, language).items():
            segments, now = compose(letter), datetime.now(UTC)
            values = dict.fromkeys(Placeholder, b"x" * TOKEN_LENGTH) | {
                Placeholder.TO: b"reader@example.org",
                Placeholder.DATE: date_value(now),
                Placeholder.MESSAGE_ID: f"1.{len(mails)}.0123456789abcdef".encode(),
            }
            domain = parse_mailbox(letter.sender).address.domain
            fields = signer.sign(domain, canonical_message(segments), values)
            assert isinstance(fields, bytes)
            mails[f"{kind}.{language}"] = fields + fill(segments, values)
    return mails, {f"{key.selector}._domainkey.{domain}": key.record for key in keys}


def _letters(folder: Path, language: str) -> dict[str, EmailContent]:
    """Each kind of mail of the example site, its words in `language`."""
    digest = example_mail(folder, language).drawn.letter
    app = App(load(folder), clock=fixed(NOW), environ={})
    try:
        deps, spec = app.deps, app.settings.lists[0]
        newest = [(known.id, known.revision) for known in deps.adapters.store.newest_posts(3)]
        versions = deps.adapters.store.post_versions(newest)
        bodies = deps.adapters.store.bodies({known.post.body_hash for known in versions})
        posts = [digest_post(deps, known, bodies[known.post.body_hash], Layout.SUMMARY) for known in versions]
        places = (Placeholder.EXPORT, Placeholder.ERASE, Placeholder.ADDRESS, Placeholder.UNSUBSCRIBE)
        return {
            "digest": digest,
            "confirm": confirmation_letter(deps, spec),
            "welcome": welcome_letter(deps, spec, posts, language),
            **{place.value: account_letter(deps, spec, place, language) for place in places},
        }
    finally:
        app.close()
