"""Writes what is generated from the code: config/publisher.toml and docs/reference/settings.md."""

from pathlib import Path

from publisher.config import reference

ROOT = Path(__file__).parent.parent

if __name__ == "__main__":
    for path, text in (
        (ROOT / "config/publisher.toml", reference.toml()),
        (ROOT / "docs/reference/settings.md", reference.markdown()),
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
