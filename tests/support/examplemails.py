"""Mails of the example site in any language, as a reader would get them; nothing in them changes."""

import shutil
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from publisher.app import App, fixed
from publisher.config import load
from publisher.core.messages import Place
from publisher.services.preview import Drawn

ROOT = Path(__file__).parents[2]
BEFORE, NOW = datetime(2026, 9, 1, 8, tzinfo=UTC), datetime(2026, 10, 20, 8, tzinfo=UTC)


@dataclass(frozen=True)
class ExampleMail:
    """A digest of the example site, and the folder that its pictures stand in."""

    drawn: Drawn
    public: Path

    @property
    def files(self) -> dict[str, bytes]:
        return self.drawn.files()


def example_mail(folder: Path, language: str) -> ExampleMail:
    """The newest posts of the example site in a digest whose words are in `language`."""
    shutil.copytree(ROOT / "examples" / "site", folder, ignore=shutil.ignore_patterns(".publisher", "public"))
    settings = folder / "publisher.toml"
    text = settings.read_text(encoding="utf-8").replace("http://127.0.0.1:8000/", "https://lowwater.example/")
    settings.write_text(text.replace('language = "en"', f'language = "{language}"'), encoding="utf-8")
    for now in (BEFORE, NOW):
        app = App(load(folder), clock=fixed(now), environ={})
        app.publish(mail=False)
        drawn = app.preview(app.settings.lists[0])
        app.close()
    values = dict.fromkeys(drawn.values, b"x" * 46) | {
        Place.TO: b"reader@example.org",
        Place.DATE: b"Tue, 20 Oct 2026 08:00:00 +0000",
        Place.MESSAGE_ID: b"1.1.0123456789abcdef",
    }
    return ExampleMail(drawn=replace(drawn, values=values), public=folder / "public")
