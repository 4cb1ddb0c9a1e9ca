"""Pelican, as PyPI has it. Its articles are written as JSON by a plugin of ours."""

import json
import os
import subprocess
from datetime import datetime
from pathlib import Path

from oracles import BASE, Built

NAME = "pelican"
VERSION = "4.12.0"

SETTINGS = f"""from pelicanconf import *
SITEURL = "{BASE}"
PLUGIN_PATHS, PLUGINS = ["."], ["oracle_plugin"]
"""
PLUGIN = """import json
from pelican import signals

def write(generators):
    [found] = [it for it in generators if hasattr(it, "articles") and hasattr(it, "hidden_articles")]
    every = [*found.articles, *found.translations, *found.hidden_articles, *found.hidden_translations]
    posts = [
        {"file": it.relative_source_path, "title": it.title, "instant": it.date.isoformat(),
         "address": f"{it.settings['SITEURL']}/{it.url}", "html": it.content,
         "tags": [tag.name for tag in getattr(it, "tags", [])], "category": it.category.name,
         "filed": it.category.name != it.settings["DEFAULT_CATEGORY"],
         "authors": [author.name for author in getattr(it, "authors", [])],
         "summary": it.summary if "summary" in it.metadata else None}
        for it in every
    ]
    with open("oracle.json", "w", encoding="utf-8") as file:
        json.dump(posts, file)

def register():
    signals.all_generators_finalized.connect(write)
"""


def install(cache: Path) -> None:
    """Into a virtual environment of its own, with what reads Markdown."""
    subprocess.run(["python3", "-m", "venv", cache / "env"], check=True)
    wanted = [f"pelican=={VERSION}", "markdown==3.11.3"]
    subprocess.run([cache / "env/bin/pip", "install", "-q", *wanted], check=True)


def build(site: Path, cache: Path) -> list[Built]:
    """Every article, hidden ones too, that Pelican builds; no drafts."""
    (site / "oracle_settings.py").write_text(SETTINGS, "utf-8")
    (site / "oracle_plugin.py").write_text(PLUGIN, "utf-8")
    content = "content"
    command = [cache / "env/bin/pelican", content, "-s", "oracle_settings.py", "-o", "built", "-q"]
    done = subprocess.run(
        command, cwd=site, env=os.environ | {"PYTHONPATH": "."}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"pelican: {site}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    return [
        Built(
            file=f"{content}/{post['file']}",
            title=post["title"],
            instant=datetime.fromisoformat(post["instant"]),
            address=post["address"],
            html=post["html"],
            summary=post["summary"],
            tags=tuple(post["tags"]),
            categories=(post["category"],) if post["filed"] else (),
            authors=tuple(post["authors"]),
        )
        for post in json.loads((site / "oracle.json").read_text("utf-8"))
    ]
