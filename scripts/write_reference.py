"""Writes what is generated from the code: the settings and their schema in config/, and docs/reference/."""

from pathlib import Path

from publisher.cli import reference as commands
from publisher.config import reference as settings
from publisher.rendering import renderer as templates
from publisher.sources.fields.options import front_matter_reference

ROOT = Path(__file__).parent.parent

if __name__ == "__main__":
    for path, text in (
        (ROOT / "config/publisher.toml", settings.toml()),
        (ROOT / "config/publisher.schema.json", settings.json_schema()),
        (ROOT / "docs/reference/settings.md", settings.markdown()),
        (ROOT / "docs/reference/commands.md", commands.markdown()),
        (ROOT / "docs/reference/templates.md", templates.markdown(ROOT / "templates")),
        *((ROOT / f"docs/man/{name}.1", text) for name, text in commands.man_pages().items()),
        (ROOT / "docs/reference/front-matter.md", front_matter_reference()),
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
