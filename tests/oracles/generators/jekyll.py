"""Jekyll, as Debian has it. Its posts are read from a page of JSON, which Liquid writes."""

import json
import os
import shutil
import subprocess
from datetime import datetime
from pathlib import Path

from oracles import BASE, Built

NAME = "jekyll"
VERSION = "4.3.1"

POSTS = """---
layout: null
---
[{% for post in site.posts %}{"file": {{ post.path | jsonify }}, "title": {{ post.title | jsonify }},
"instant": {{ post.date | date_to_xmlschema | jsonify }}, "address": {{ post.url | absolute_url | jsonify }},
"html": {{ post.content | jsonify }}, "summary": {{ post.excerpt | jsonify }},
"aliases": {{ post.redirect_from | jsonify }}, "tags": {{ post.tags | jsonify }},
"categories": {{ post.categories | jsonify }}}{% unless forloop.last %},{% endunless %}
{% endfor %}]
"""


def install(cache: Path) -> None:
    """From Debian, which keeps one version a release; as root."""
    if shutil.which("jekyll") is None:
        env = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        for words in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", "jekyll"]):
            subprocess.run(["apt-get", *words], env=env, check=True)
    found = subprocess.run(["jekyll", "--version"], capture_output=True, text=True, check=True).stdout.split()
    if VERSION not in found:
        raise SystemExit(f"jekyll: {found[-1]} is installed, and the golden files are of {VERSION}")


def build(site: Path, cache: Path) -> list[Built]:
    """Every post of the blog that Jekyll builds."""
    (site / "oracle.json").write_text(POSTS, "utf-8")
    (site / "oracle.yml").write_text(f'url: "{BASE}"\n', "utf-8")
    command = ["jekyll", "build", "--quiet", "--disable-disk-cache", "--config", "_config.yml,oracle.yml"]
    env = os.environ | {"JEKYLL_ENV": "production", "TZ": "UTC", "LANG": "C.UTF-8"}
    done = subprocess.run(command, cwd=site, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"jekyll: {site}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    return [
        Built(
            file=post["file"],
            title=str(post["title"]),
            instant=datetime.fromisoformat(post["instant"]),
            address=post["address"],
            html=post["html"],
            summary=post["summary"] if _marked(site / post["file"]) else None,
            aliases=tuple([aliases] if isinstance(aliases := post["aliases"], str) else aliases or ()),
            tags=tuple(map(str, post["tags"])),
            categories=tuple(map(str, post["categories"])),
        )
        for post in json.loads((site / "_site" / "oracle.json").read_text("utf-8"))
    ]


def _marked(file: Path) -> bool:
    """Whether the author wrote an excerpt, or marked its end as the blogs here do."""
    text = file.read_text("utf-8")
    return "<!--more-->" in text or "\nexcerpt:" in text
