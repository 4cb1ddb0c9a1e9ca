"""A site's first publish: a store made for it, and what becomes of that when it fails."""

import sqlite3
from contextlib import AbstractContextManager, closing
from pathlib import Path

import pytest
from click.testing import CliRunner

from publisher.app import App
from publisher.cli import publisher
from publisher.config import load
from publisher.core.errors import SourceError
from publisher.sources import FolderSource

TOML = '[site]\ntitle = "T"\nurl = "https://t.example/"\nid_authority = "t.example,2026"\n'


@pytest.fixture
def app(tmp_path: Path) -> App:
    (tmp_path / "publisher.toml").write_text(TOML, encoding="utf-8")
    return App(load(tmp_path, {}))


def _journal(app: App) -> str:
    with closing(sqlite3.connect(app.state / "publisher.db")) as connection:
        return str(connection.execute("PRAGMA journal_mode").fetchone()[0])


def test_a_first_publish_leaves_a_store_like_any_other(app: App) -> None:
    (app.settings.folder / "posts").mkdir()
    (app.settings.folder / "posts" / "a.md").write_text("---\ndate: 2026-01-01\n---\nA\n", encoding="utf-8")
    report = app.publish(mail=False)
    assert (len(report.published.plan.changes), _journal(app), app.first) == (1, "wal", False)
    app.close()


def test_the_command_begins_to_read_a_new_site_before_it_makes_the_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "publisher.toml").write_text(TOML, encoding="utf-8")
    (tmp_path / "posts").mkdir()
    (tmp_path / "posts" / "a.md").write_text("---\ndate: 2026-01-01\n---\nA\n", encoding="utf-8")
    made: list[bool] = []
    begin = FolderSource.ahead

    def ahead(source: FolderSource) -> AbstractContextManager[None]:
        made.append((tmp_path / ".publisher" / "publisher.db").exists())
        return begin(source)

    monkeypatch.setattr(FolderSource, "ahead", ahead)
    result = CliRunner().invoke(publisher, ["publish", "--no-mail", "--site", str(tmp_path)])
    assert (result.exit_code, made) == (0, [False]), result.output


def test_a_first_publish_that_fails_leaves_nothing_half_open(app: App) -> None:
    with pytest.raises(SourceError):
        app.publish(mail=False)
    assert (app.first, "store" in vars(app), _journal(app)) == (False, False, "delete")
    (app.settings.folder / "posts").mkdir()
    assert app.publish(mail=False).published.plan.baseline
    assert _journal(app) == "wal"
    app.close()


def test_of_a_large_site_the_files_are_listed_meanwhile(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    posts = app.settings.folder / "posts"
    posts.mkdir()
    (posts / "a.md").write_text("---\ndate: 2026-01-01\n---\nA\n", encoding="utf-8")
    app.publish(mail=False)
    app.close()
    (posts / "b.md").write_text("---\ndate: 2026-01-02\n---\nB\n", encoding="utf-8")
    asked: list[object] = []
    monkeypatch.setattr("publisher.app.open_site.MANY_FILES", 1)
    for number in range(2):
        again = App(load(app.settings.folder, {}))
        listed = again.source.listed_ahead
        monkeypatch.setattr(again.source, "listed_ahead", lambda f=listed: asked.append(f) or f())
        assert len(again.publish(mail=False).published.plan.changes) == 1 - number
        again.close()
    assert len(asked) == 2
