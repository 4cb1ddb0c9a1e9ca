"""Real posts as mails: within the size where nothing is hidden, the rest linked, nothing wrong in them."""

import shutil
import tarfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from paths import SHARED

from publisher.app import App, fixed
from publisher.config import load
from publisher.core.mail.lint.html import MAX_HTML_BYTES
from publisher.services.digests.compose import compose_mail, digest_of, mail_problems

NOW = datetime(2026, 10, 5, 9, tzinfo=UTC)
TOML = """
[site]
title = "Many hands"
url = "https://hands.example/"
postal_address = "1 Quay"
[[lists]]
slug = "daily"
from = "Many hands <news@hands.example>"
"""


def site(folder: Path) -> App:
    (folder / "posts").mkdir(parents=True)
    (folder / "publisher.toml").write_text(TOML, encoding="utf-8")
    return App(load(folder), clock=fixed(NOW), environ={})


def check(app: App, count: int) -> None:
    app.publish(mail=False)
    spec = app.settings.lists[0]
    newest = app.store.newest_posts(count)
    assert len(newest) == count
    pairs = tuple((known.id, known.post.revision) for known in reversed(newest))
    digest = digest_of(app.deps, spec, pairs, NOW)
    letter, message = compose_mail(app.deps, digest, 1)
    assert len(letter.html.encode()) <= MAX_HTML_BYTES
    for known, post in zip(reversed(newest), digest.posts, strict=True):
        assert known.post.url in letter.text
        whole = post.html in ("", letter.html) or letter.text.count(known.post.url) == 1
        assert whole or letter.text.count(known.post.url) >= 2
    assert [str(p) for p in mail_problems(app.deps, letter, message) if p.error] == []
    app.close()


def test_the_seed_article_fits_a_mail_of_its_own(tmp_path: Path) -> None:
    seeds = sorted((SHARED / "seed").glob("*.md"))
    if not seeds:
        pytest.skip("the seed article is not beside this checkout")
    app = site(tmp_path / "site")
    shutil.copy(seeds[0], tmp_path / "site" / "posts")
    check(app, 1)


def test_twenty_real_posts_fit_one_mail(tmp_path: Path) -> None:
    archive = SHARED / "corpora" / "posts.tar.gz"
    if not archive.exists():
        pytest.skip("the corpora are not beside this checkout")
    app = site(tmp_path / "site")
    with tarfile.open(archive) as tar:
        texts = [
            m for m in tar.getmembers() if m.isfile() and m.name.endswith(".md") and 4_000 < m.size < 40_000
        ]
        for number, member in enumerate(texts[:: max(1, len(texts) // 60)]):
            stream = tar.extractfile(member)
            assert stream is not None
            (tmp_path / "site" / "posts" / f"{number}-{Path(member.name).name}").write_bytes(stream.read())
    check(app, 20)
